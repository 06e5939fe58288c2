"""Reads JSON Lines, and JSON files of every usual shape, as tables."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.compressed import open_bytes, reading
from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.dialect import SAMPLE_ROWS, find_header
from munjang.data.readers.lines import CHUNK_BYTES, MAX_LINE, AsUtf8, Encoding, wide
from munjang.data.readers.table import Bad, Row, Table, checked_row, distinct, printable, short_list
from munjang.data.readers.text import encoding_of, open_bare, open_lines
from munjang.errors import DataError
from munjang.translation import _

Item = tuple[int, Any]
"""A line number and the value that starts on that line."""
MAX_DOCUMENT = 100_000_000  # characters of a file that is one object
FREE_CELLS, SPARSE = 1_000_000, 20  # of the table of all keys; or more, where one in so many is filled


def open_json(path: Path, options: ReadOptions) -> Table:
    """A .jsonl or .json file as a table; its columns are the keys of all objects, in order of first occurrence.

    One object a line, a list of objects, or one object that holds the rows: under a key such as "data", or as pandas
    writes a table (by columns, index, split, table, values). An object inside a row gives a column for each of its
    values, `comment.text`. The file is read once for its encoding and once for its keys. A missing key gives None.
    """
    encoding = encoding_of(path, options)
    first, more = first_lines(path, encoding)
    if first.startswith("[") and not (is_lines(path) and first.endswith("]")):
        return rows_table(
            path, lambda: list_items(path, encoding), _("{encoding}, a JSON list", encoding=encoding.name)
        )
    if is_lines(path) or (more and is_json(first)):
        note = _("{encoding}, one JSON object per line", encoding=encoding.name)
        return rows_table(path, lambda: line_items(path, encoding), note)
    shape, rows = rows_of(whole_document(path, encoding), path)
    note = _("{encoding}, JSON ({shape})", encoding=encoding.name, shape=shape)
    return rows_table(path, lambda: ((number, row) for number, row in enumerate(rows, 1)), note)


def rows_table(path: Path, items: Callable[[], Iterator[Item | Bad]], shape: str) -> Table:
    """The table of a file whose items are objects, or lists of cells. shape: what the note says about the file."""
    file = str(path)
    keys: dict[str, None] = {}
    lists: list[list[Any]] = []
    objects = values = 0
    for item in items():
        if isinstance(item, Bad):
            continue
        if isinstance(item[1], dict):
            found = flat(item[1]).keys()
            objects, values = objects + 1, values + len(found)
            if not found <= keys.keys():
                keys.update(dict.fromkeys(found))
        elif isinstance(item[1], list) and len(lists) < SAMPLE_ROWS:
            lists.append(item[1])
    if objects * len(keys) > max(FREE_CELLS, SPARSE * values):
        raise DataError(
            _(
                "{file} has {keys:,} different keys, of which an object has {mean:.0f} on average; that is no table.",
                file=file,
                keys=len(keys),
                mean=values / objects,
            )
        )
    if not keys and len({len(cells) for cells in lists}) == 1 and any(isinstance(cell, str) for cell in lists[0]):
        return table_of_lists(path, items, lists, shape)
    if not keys:
        raise DataError(
            _('{file} holds no JSON object. Expected one object per line, such as {{"text": "…"}}.', file=file)
        )
    names = tuple(keys)

    def read() -> Iterator[Row | Bad]:
        for item in items():
            if isinstance(item, Bad):
                yield item
            elif isinstance(item[1], dict):
                values = flat(item[1])
                yield checked_row(item[0], [values.get(name) for name in names], file)
            else:
                yield unexpected(item, file)

    columns = distinct(names)
    notes = [f"{path}: {shape}", _("{path}: columns {names}", path=path, names=short_list(columns))]
    return Table(file, columns, read, notes)


def table_of_lists(path: Path, items: Callable[[], Iterator[Item | Bad]], sample: list[list[Any]], shape: str) -> Table:
    """The table of a file whose rows are lists of cells; the first may be the header."""
    file, width, named = str(path), len(sample[0]), find_header(sample) == 0

    def read() -> Iterator[Row | Bad]:
        waiting = named
        for item in items():
            if isinstance(item, Bad) or not isinstance(item[1], list) or len(item[1]) != width:
                yield item if isinstance(item, Bad) else unexpected(item, file)
            elif waiting:
                waiting = False
            else:
                yield checked_row(item[0], item[1], file)

    columns = distinct(sample[0] if named else [None] * width)
    notes = [f"{path}: {shape}", _("{path}: columns {names}", path=path, names=short_list(columns))]
    return Table(file, columns, read, notes)


def unexpected(item: Item, file: str) -> Bad:
    """The Bad row for a value that is not an object."""
    problem = _("a JSON {type}, expected an object", type=type(item[1]).__name__)
    return Bad(item[0], problem, json.dumps(item[1], ensure_ascii=True)[:1000], file)


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """An object without objects in it: {"comment": {"text": "…"}} becomes {"comment.text": "…"}."""
    if dict not in map(type, values.values()):
        return values
    found: dict[str, Any] = {}
    waiting = [("", values)]
    while waiting:
        path, inner = waiting.pop()
        for key, value in inner.items():
            if isinstance(value, dict):
                waiting.append((f"{path}{key}.", value))
            else:
                found.setdefault(f"{path}{key}", value)
    return found


def first_lines(path: Path, encoding: Encoding) -> tuple[str, bool]:
    """The first line with text, and whether another one follows."""
    lines = (line.text.strip() for line in open_lines(path, encoding) if line.text.strip())
    first = next(lines, None)
    if first is None:
        raise DataError(_("{path} is empty: it has no line with text.", path=path))
    return first, next(lines, None) is not None


def is_lines(path: Path) -> bool:
    """Whether the ending says that every line is a value."""
    return bool({".jsonl", ".ndjson"} & {suffix.lower() for suffix in path.suffixes})


def is_json(text: str) -> bool:
    """Whether a text is a JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def whole_document(path: Path, encoding: Encoding) -> dict[str, Any]:
    """The object that a file is. DataError: it is none, or it is too large to be held in memory."""
    parts, size = [], 0
    for part in decoded_chunks(path, encoding):
        parts.append(part)
        size += len(part)
        if size > MAX_DOCUMENT:
            raise DataError(
                _(
                    "{path} is one JSON object of more than {size:,} characters. Save it as JSON Lines, one object per "
                    "line.",
                    path=path,
                    size=MAX_DOCUMENT,
                )
            )
    try:
        value = json.loads("".join(parts).strip().removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise DataError(
            _("{path}, line {line}: not valid JSON ({reason}).", path=path, line=error.lineno, reason=error.msg)
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(_("{path} is not valid JSON: {reason}.", path=path, reason=error)) from error
    if not isinstance(value, dict):
        raise DataError(
            _('{file} holds no JSON object. Expected one object per line, such as {{"text": "…"}}.', file=path)
        )
    return value


def rows_of(document: dict[str, Any], path: Path) -> tuple[str, Iterable[Any]]:
    """How a document holds its rows, for the note, and the rows. DataError: it could hold several tables."""
    values = list(document.values())
    if {"columns", "data"} <= document.keys() and is_rectangle(document["columns"], document["data"]):
        names = [str(name) for name in document["columns"]]
        return _("split"), [dict(zip(names, row, strict=True)) for row in document["data"]]
    lists = {key: value for key, value in document.items() if is_list_of(dict, value)}
    if len(lists) > 1:
        raise DataError(
            _(
                "{path} holds several lists of objects: {keys}. Save the one with the texts as a file of its own.",
                path=path,
                keys=short_list(list(map(printable, lists))),
            )
        )
    for key, rows in lists.items():
        return _("the list {key}", key=printable(key)), rows
    if values and all(isinstance(value, list) for value in values) and len(set(map(len, values))) == 1:
        return _("by columns"), [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if len(values) > 0 and all(isinstance(value, dict) and value for value in values) and is_matrix(document):
        return by_columns_or_index(document, path)
    return _("one object"), [document]


def is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, kind) for item in value)


def is_rectangle(names: Any, rows: Any) -> bool:
    """Whether rows are lists with a cell for each name."""
    return isinstance(names, list) and is_list_of(list, rows) and all(len(row) == len(names) for row in rows)


def is_matrix(document: dict[str, Any]) -> bool:
    """Whether the inner objects have the same keys, and single values."""
    keys = next(iter(document.values())).keys()
    return all(
        inner.keys() == keys and not any(isinstance(value, dict) for value in inner.values())
        for inner in document.values()
    )


def by_columns_or_index(document: dict[str, Any], path: Path) -> tuple[str, Iterable[Any]]:
    """The rows of {column: {row: value}} or of {row: {column: value}}, as pandas writes them.

    Row keys are mostly numbers; else names of columns that many files use decide. DataError: neither does.
    """
    inner = list(next(iter(document.values())))
    if are_row_keys(list(document)) and not are_row_keys(inner):
        return _("by rows"), document.values()
    named = (known(document), known(inner))
    if not are_row_keys(inner) and named == (False, True):
        return _("by rows"), document.values()
    if are_row_keys(inner) or named == (True, False):
        return _("by columns"), [{name: cells[row] for name, cells in document.items()} for row in inner]
    raise DataError(
        _(
            "{path} is a JSON object of objects, and it is not clear whether {outer} or {inner} are the columns. "
            "Save it as a list of objects, or as JSON Lines.",
            path=path,
            outer=short_list(list(map(printable, document))[:3]),
            inner=short_list(list(map(printable, inner))[:3]),
        )
    )


def are_row_keys(keys: list[str]) -> bool:
    """Whether the keys are the numbers of rows."""
    return all(key.isdecimal() for key in keys)


def known(keys: Iterable[str]) -> bool:
    return any(normal_name(key) in KNOWN_NAMES for key in keys)


def line_items(path: Path, encoding: Encoding) -> Iterator[Item | Bad]:
    """The value on each line."""
    file = str(path)
    for number, text, problem in open_bare(path, encoding):
        if problem:
            yield Bad(number, problem, text, file)
        elif not text.strip():
            yield Bad(number, _("empty line"), text, file)
        else:
            try:
                yield number, json.loads(text)
            except (ValueError, RecursionError) as error:
                yield Bad(number, _("not JSON: {reason}", reason=error), text, file)


def list_items(path: Path, encoding: Encoding) -> Iterator[Item]:
    """The values of a list in order, however the file is broken into lines. DataError: not valid JSON."""
    decoder, source = json.JSONDecoder(), decoded_chunks(path, encoding)
    text, line = next(source, ""), 1
    gap = re.compile(r"[\s\ufeff]*\[\s*").match(text)
    position = gap.end() if gap else 0
    between = re.compile(r"[\s,]*")
    line += text.count("\n", 0, position)
    while True:
        end = between.match(text, position).end()
        line, position = line + text.count("\n", position, end), end
        if text.startswith("]", position):
            refuse_more(path, text[position + 1 :], source, line)
            return
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            more = next(source, None)
            if more is None or len(text) - position > 4 * MAX_LINE:
                raise DataError(
                    _(
                        "{path}, line {line}: not a valid JSON list from here on ({reason}).",
                        path=path,
                        line=line,
                        reason=error,
                    )
                ) from error
            text, position = text[position:] + more, 0
            continue
        yield line, value
        line, position = line + text.count("\n", position, end), end


def refuse_more(path: Path, rest: str, source: Iterable[str], line: int) -> None:
    """A DataError if something stands behind the end of a list: it would be lost."""
    for part in (rest, *source):
        if part.strip():
            line += part[: len(part) - len(part.lstrip())].count("\n")
            raise DataError(
                _(
                    "{path}, line {line}: something stands behind the end of the JSON list. Give each list a file of "
                    "its own, or one object a line.",
                    path=path,
                    line=line,
                )
            )
        line += part.count("\n")


def decoded_chunks(path: Path, encoding: Encoding) -> Iterator[str]:
    """The text of a file, in chunks; undecodable bytes become lone surrogates, which `checked_row` finds later."""
    codec = "utf-8" if wide(encoding.name) else encoding.name
    decoder = codecs.getincrementaldecoder(codec)(errors="surrogateescape")
    with reading(path), open_bytes(path) as stream:
        source = AsUtf8(stream, encoding.name) if wide(encoding.name) else stream
        while chunk := source.read1(CHUNK_BYTES):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
