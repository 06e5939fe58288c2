"""Reads JSON Lines, and JSON files of every usual shape, as tables."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from munjang.config.settings import ReadOptions
from munjang.data.compressed import open_bytes, reading
from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.dialect import SAMPLE_ROWS, find_header
from munjang.data.readers.kinds.nested import SAMPLED, Item, by_labels, flat, holds_objects, lists_of_rows, opened_lists
from munjang.data.readers.lines import CHUNK_BYTES, MAX_LINE, AsUtf8, Encoding, wide
from munjang.data.readers.table import Bad, Row, Table, cell_text, checked_row, distinct, printable, short_list
from munjang.data.readers.text import encoding_of, open_bare, open_lines
from munjang.errors import DataError
from munjang.translation import _, ngettext

SPLIT_KEYS = ("columns", "index", "data", "index_names", "column_names")  # of pandas
JSON_KINDS = {dict: "object", list: "list", str: "text", bool: "boolean", type(None): "null"}
BULK_ACTIONS = ("index", "create", "update", "delete")  # of Elasticsearch
MEMORY = {"{": 200, "[": 80, ",": 100, ":": 60}  # a mark -> about as many bytes of what it begins in Python
MOST_MEMORY = 1_000_000_000  # bytes of the values in a file that is one object
ASKED_AT = 1_000_000  # values after which half of them must have something in them, and again
FREE_CELLS, SPARSE = 1_000_000, 20  # of the table of all keys; or more, where one in so many is filled


def open_json(path: Path, options: ReadOptions) -> Table:
    """A .jsonl or .json file as a table; its columns are the keys of all objects, in order of first occurrence.

    One object a line, a list of objects, or one object that holds the rows: under a key such as "data", or as pandas
    writes a table (by columns, index, split, table, values). An object inside a row gives a column for each of its
    values, `comment.text`, and a list of objects with the texts a row for each. The file is read once for its encoding
    and once for its keys. A missing key gives None.
    """
    encoding = encoding_of(path, options)
    first, more = first_lines(path, encoding)
    if first.startswith("[") and not (is_lines(path) and first.endswith("]")):
        return rows_table(
            path, lambda: list_items(path, encoding), _("{encoding}, a JSON list", encoding=encoding.name)
        )
    value = value_on(first)
    if is_lines(path) or (more and value is not None):
        if is_action(value):
            note = _("{encoding}, JSON lines with actions of Elasticsearch, which are left out", encoding=encoding.name)
            return rows_table(path, lambda: documents(line_items(path, encoding)), note)
        note = _("{encoding}, one JSON object per line", encoding=encoding.name)
        return rows_table(path, lambda: line_items(path, encoding), note)
    document = whole_document(path, encoding)
    try:
        found = rows_of(document, path) or Found(_("one object"), [document])
    except RecursionError as error:
        raise DataError(_("{path} is not valid JSON: {reason}.", path=path, reason=error)) from error
    if not found.rows:
        raise DataError(_("{path} is empty: it has no rows.", path=path))
    table = rows_table(
        path,
        lambda: ((number, row) for number, row in enumerate(found.rows, 1)),
        _("{encoding}, JSON ({shape})", encoding=encoding.name, shape=found.shape),
    )
    if found.unread:
        unread = short_list(list(map(printable, found.unread)))
        table.notes.append(_("{path}: beside the rows, not read: {keys}", path=path, keys=unread))
    return table


def rows_table(path: Path, items: Callable[[], Iterator[Item | Bad]], shape: str) -> Table:
    """The table of a file whose items are objects, or lists of cells. shape: what the note says about the file."""
    file = str(path)
    keys: dict[str, None] = {}
    lists: list[list[Any]] = []
    bad: Bad | None = None
    objects = values = filled = 0
    first = (item[1] for item in islice(items(), SAMPLED) if not isinstance(item, Bad))
    inner = lists_of_rows([flat(value)[0] for value in first if isinstance(value, dict)], path)
    items = opened_lists(items, inner) if inner else items
    for count, item in enumerate(items(), 1):
        filled += isinstance(item, Bad) or (isinstance(item[1], dict | list) and bool(item[1]))
        if count % ASKED_AT == 0:
            refuse_empty(filled, count, file)
        if isinstance(item, Bad):
            bad = bad or item
        elif isinstance(item[1], dict):
            found = flat(item[1])[0].keys()
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
    if not keys and any(isinstance(cell, str) for cells in lists for cell in cells):
        return table_of_lists(path, items, lists, shape)
    if not keys:
        raise DataError(" ".join([no_object(path), *reason_of(bad)]))
    names = tuple(keys)

    def read() -> Iterator[Row | Bad]:
        for item in items():
            if isinstance(item, Bad):
                yield item
            elif not isinstance(item[1], dict):
                yield unexpected(item, file)
            else:
                values, clash = flat(item[1])
                if clash:
                    problem = _("two values for {key}: once with a point, once inside an object", key=printable(clash))
                    yield Bad(item[0], problem, as_json(item[1]), file)
                else:
                    yield checked_row(item[0], [values.get(name) for name in names], file)

    columns = distinct(names)
    notes = [f"{path}: {shape}", _("{path}: columns {names}", path=path, names=short_list(columns))]
    if inner:
        notes.append(_("{path}: each object in the list {key} is a row", path=path, key=printable(inner[-1])))
    return Table(file, columns, read, notes)


def refuse_empty(filled: int, count: int, file: str) -> None:
    """A DataError if most values of a file are no rows: a small file has millions of them."""
    if 2 * filled < count:
        raise DataError(
            _(
                "{file}: of its first {count:,} JSON values only {filled:,} are objects with something in them; that "
                "is no table.",
                file=file,
                count=count,
                filled=filled,
            )
        )


def no_object(path: Path) -> str:
    """The message for a file without objects."""
    return _('{file} holds no JSON object. Expected one object per line, such as {{"text": "…"}}.', file=path)


def reason_of(bad: Bad | None) -> list[str]:
    """Why the first unusable row is unusable."""
    return [_("Line {line}: {reason}.", line=bad.line, reason=bad.reason)] if bad else []


def table_of_lists(path: Path, items: Callable[[], Iterator[Item | Bad]], sample: list[list[Any]], shape: str) -> Table:
    """The table of a file whose rows are lists of cells; the first may be the header.

    Lists with another number of cells than most are set aside. DataError: there is no such number.
    """
    file = str(path)
    ((width, count),) = Counter(map(len, sample)).most_common(1)
    if 2 * count <= len(sample):
        raise DataError(
            _(
                "{file} is a JSON list of lists of different lengths; that is no table. Expected the same number of "
                'cells in each, or objects such as {{"text": "…"}}.',
                file=file,
            )
        )
    usable = [cells for cells in sample if len(cells) == width]
    named = find_header(usable) == 0

    def read() -> Iterator[Row | Bad]:
        waiting = named
        for item in items():
            if isinstance(item, Bad):
                yield item
            elif not isinstance(item[1], list) or len(item[1]) != width:
                yield unexpected(item, file, width)
            elif waiting:
                waiting = False
            else:
                yield checked_row(item[0], item[1], file)

    columns = distinct(usable[0] if named else [None] * width)
    notes = [f"{path}: {shape}", _("{path}: columns {names}", path=path, names=short_list(columns))]
    return Table(file, columns, read, notes)


def unexpected(item: Item, file: str, width: int | None = None) -> Bad:
    """The Bad row for a value that is no row. width: the number of cells, where rows are lists."""
    kind = JSON_KINDS.get(type(item[1]), type(item[1]).__name__)
    if width is None:
        problem = _("a JSON {type}, expected an object", type=kind)
    elif isinstance(item[1], list):
        problem = _("a list of length {found:,}, expected {expected:,}", found=len(item[1]), expected=width)
    else:
        problem = _("a JSON {type}, expected a list", type=kind)
    return Bad(item[0], problem, as_json(item[1]), file)


def as_json(value: Any) -> str:
    """A value as it is shown among the rows that are set aside."""
    return json.dumps(value, ensure_ascii=True)[:1000]


class Values:
    """Parses JSON values. repeated: a key that an object in the last value has twice; only its last value is there."""

    def __init__(self) -> None:
        self.repeated = ""
        self.decoder = json.JSONDecoder(object_pairs_hook=self.object)

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object with these pairs."""
        found = dict(pairs)
        if len(found) < len(pairs):
            ((key, __),) = Counter(key for key, __ in pairs).most_common(1)
            self.repeated = key
        return found

    def one(self, text: str) -> Any:
        """The value that a text is. ValueError, RecursionError: it is none."""
        self.repeated = ""
        return self.decoder.decode(text)

    def at(self, text: str, position: int) -> tuple[Any, int]:
        """The value at a position, and where it ends. ValueError, RecursionError: there is none."""
        self.repeated = ""
        return self.decoder.raw_decode(text, position)

    def problem(self) -> str:
        """Why the last value cannot be used, or ""."""
        return self.repeated and _("the key '{key}' twice in one object", key=printable(self.repeated))


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


def value_on(text: str) -> Any:
    """The JSON value that a line is, with or without a comma after it; None if it is none."""
    try:
        return line_value(Values(), text)
    except (ValueError, RecursionError):
        return None


def line_value(values: Values, text: str) -> Any:
    """The value on a line, also where a comma stands after it. ValueError, RecursionError: there is none."""
    try:
        return values.one(text)
    except ValueError:
        bare = text.rstrip()
        if not bare.endswith(("},", "],")):
            raise
        return values.one(bare[:-1])


def is_action(value: Any) -> bool:
    """Whether an object says what Elasticsearch shall do with the next line: {"index": {"_id": "1"}}."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((name, details),) = value.items()
    return name in BULK_ACTIONS and isinstance(details, dict) and all(key.startswith("_") for key in details)


def documents(items: Iterable[Item | Bad]) -> Iterator[Item | Bad]:
    """The items without the lines that only say what to do with the next one."""
    return (item for item in items if isinstance(item, Bad) or not is_action(item[1]))


def whole_document(path: Path, encoding: Encoding) -> dict[str, Any]:
    """The object that a file is. DataError: it is none, or it is too large to be held in memory."""
    parts, memory = [], 0
    for part in decoded_chunks(path, encoding):
        parts.append(part)
        memory += sum(size * part.count(mark) for mark, size in MEMORY.items()) + 4 * len(part)
        if memory > MOST_MEMORY:
            raise DataError(
                _(
                    "{path} is one JSON object that would take more than {size:,} bytes of memory. Save it as JSON "
                    "Lines, one object per line.",
                    path=path,
                    size=MOST_MEMORY,
                )
            )
    values = Values()
    try:
        value = values.one("".join(parts).strip().removeprefix("\ufeff").strip())
    except json.JSONDecodeError as error:
        raise DataError(
            _("{path}, line {line}: not valid JSON ({reason}).", path=path, line=error.lineno, reason=error.msg)
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(_("{path} is not valid JSON: {reason}.", path=path, reason=error)) from error
    if not isinstance(value, dict):
        raise DataError(no_object(path))
    if problem := values.problem():
        raise DataError(
            _("{path}: {reason}, so one of its values would be lost. Rename one.", path=path, reason=problem)
        )
    return value


class Found(NamedTuple):
    """The rows in a document. shape: how it holds them, for the note. unread: the keys of what stands beside them."""

    shape: str
    rows: Sequence[Any]
    unread: tuple[str, ...] = ()


def rows_of(document: dict[str, Any], path: Path) -> Found | None:
    """The rows in a document; None: it is one row itself. DataError: it is not clear which they are."""
    lists = {key: value for key, value in document.items() if isinstance(value, list)}
    tables = {key: rows for key, rows in lists.items() if holds_objects(rows)}
    if {"columns", "data"} <= lists.keys() and "data" not in tables:
        return split_rows(document, path)
    if lists.get("data") == []:
        return Found(_("the list {key}", key="data"), [])
    has_text = known({key: value for key, value in document.items() if isinstance(value, str)})
    if tables:
        return one_list(document, tables, has_text, path)
    if labelled := None if are_row_keys(document) else by_labels(document, path):
        return Found(_("by labels"), labelled)
    if lists and (found := by_lists(document, lists, has_text, path)):
        return found
    are_objects = [isinstance(value, dict) for value in document.values()]
    if len(document) > 1 and are_row_keys(document) and not any(are_objects):
        return keyed(_("by rows"), list(document), [{"values": value} for value in document.values()])
    if document and all(are_objects) and (found := by_columns_or_index(document, path)):
        return found
    return None if has_text else deeper(document, path)


def split_rows(document: dict[str, Any], path: Path) -> Found:
    """The rows of {"columns": names, "index": row keys, "data": lists of cells}."""
    names, width = distinct(document["columns"]), len(document["columns"])
    others = {key: value for key, value in document.items() if key not in SPLIT_KEYS}
    refuse_tables(others, document["data"], "data", path)
    rows = [
        dict(zip(names, row, strict=True)) if isinstance(row, list) and len(row) == width else row
        for row in document["data"]
    ]
    index = document.get("index")
    index = index if isinstance(index, list) and len(index) == len(rows) else range(len(rows))
    return keyed(_("split"), list(map(cell_text, index)), rows)._replace(unread=tuple(others))


def one_list(document: dict[str, Any], tables: dict[str, list[Any]], has_text: bool, path: Path) -> Found:
    """The rows of the only list of objects. DataError: there are several, or something beside it may be rows, too.

    has_text: a text with a name of a column stands beside it, so that the document may be one row.
    """
    if len(tables) > 1:
        raise DataError(
            _(
                "{path} holds several lists of objects: {keys}. Save the one with the texts as a file of its own.",
                path=path,
                keys=short_list(list(map(printable, tables))),
            )
        )
    ((key, rows),) = tables.items()
    others = {name: value for name, value in document.items() if name != key}
    refuse_tables(others, rows, key, path, has_text and not any(map(known, rows)))
    return Found(_("the list {key}", key=printable(key)), rows, tuple(others))


def refuse_tables(others: dict[str, Any], rows: list[Any], key: str, path: Path, texts: bool = False) -> None:
    """A DataError if what stands beside the rows under `key` may be rows, too, or more cells of them.

    texts: texts beside them are enough.
    """
    count = len(rows) if len(rows) > 1 else -1
    again = Counter(frozenset(value) for value in others.values() if isinstance(value, dict) and value)

    def may_be_rows(value: Any) -> bool:
        if isinstance(value, dict):
            return again[frozenset(value)] > 1 or (len(value) == count and are_row_keys(value))
        if isinstance(value, list):
            return len(value) == count or any(isinstance(item, (dict, list)) for item in value)
        return texts and isinstance(value, str)

    if found := [printable(name) for name, value in others.items() if may_be_rows(value)]:
        raise DataError(
            _(
                "{path}: it is not clear whether the list {key} holds the rows, because {others} may belong to them. "
                "Save the rows as a list of objects, or as JSON Lines.",
                path=path,
                key=printable(key),
                others=short_list(found),
            )
        )


def by_lists(document: dict[str, Any], lists: dict[str, list[Any]], has_text: bool, path: Path) -> Found | None:
    """The rows of {column: values}. None: the lists are cells of one row. DataError: they do not fit each other."""
    others = tuple(key for key in document if key not in lists)
    if others and (has_text or len(lists) == 1 or not known(list(lists))):
        return None
    lengths = set(map(len, lists.values()))
    if len(lengths) > 1 or are_row_keys(lists):
        raise DataError(
            _(
                "{path} is a JSON object of lists, but {keys} are no columns: they need names, and the same number of "
                "values. Save it as a list of objects, or as JSON Lines.",
                path=path,
                keys=short_list([f"{printable(key)} ({len(values):,})" for key, values in lists.items()]),
            )
        )
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return Found(_("by columns"), rows, others)


def by_columns_or_index(document: dict[str, Any], path: Path) -> Found | None:
    """The rows of {column: {row: value}} or of {row: {column: value}}, as pandas writes them.

    Row keys are whole numbers; columns have names that many files use, or are fewer than the rows. None: the inner
    objects have no key in common, or there is one that holds more. DataError: it is not clear which are the columns.
    """
    outer, inner = list(document), list(dict.fromkeys(key for cells in document.values() for key in cells))
    numbered = are_row_keys(outer), are_row_keys(inner)
    by_rows, by_columns = numbered if any(numbered) else (known(inner), known(outer))
    apart = len(inner) == sum(map(len, document.values()))
    if len(outer) == 1:
        apart = any(isinstance(value, dict) or holds_objects(value) for value in document[outer[0]].values())
    if apart and not any(numbered):
        return None
    if by_rows and not by_columns and (len(inner) <= len(outer) or known(inner)):
        return keyed(_("by rows"), outer, list(document.values()))
    if by_columns and not by_rows and (len(outer) <= len(inner) or known(outer)):
        rows = [{name: cells.get(row) for name, cells in document.items()} for row in inner]
        return keyed(_("by columns"), inner, rows)
    raise DataError(
        _(
            "{path} is a JSON object of objects, and it is not clear whether {outer} or {inner} are the columns. "
            "Save it as a list of objects, or as JSON Lines.",
            path=path,
            outer=short_list(list(map(printable, outer))[:3]),
            inner=short_list(list(map(printable, inner))[:3]),
        )
    )


def keyed(shape: str, keys: Sequence[str], rows: Sequence[Any]) -> Found:
    """Rows with their keys as a column `index`, unless these only count the rows from 0 or 1."""
    numbers = [str(number) for number in range(len(keys) + 1)]
    if list(keys) in (numbers[:-1], numbers[1:]):
        return Found(shape, rows)
    name = "index"
    while any(name in row for row in rows if isinstance(row, dict)):
        name = f"_{name}"
    return Found(
        shape, [{name: key, **row} if isinstance(row, dict) else row for key, row in zip(keys, rows, strict=True)]
    )


def deeper(document: dict[str, Any], path: Path) -> Found | None:
    """The rows that one of the inner objects holds: {"response": {"items": […]}}. DataError: several hold some."""
    inner = {
        key: found for key, value in document.items() if isinstance(value, dict) and (found := rows_of(value, path))
    }
    if len(inner) > 1:
        raise DataError(
            _(
                "{path} holds several tables: {keys}. Save the one with the texts as a file of its own.",
                path=path,
                keys=short_list(list(map(printable, inner))),
            )
        )
    for key, found in inner.items():
        unread = (*(name for name in document if name != key), *(f"{key}.{name}" for name in found.unread))
        return Found(f"{printable(key)}: {found.shape}", found.rows, unread)
    return None


def are_row_keys(keys: Iterable[str]) -> bool:
    """Whether the keys are the numbers of rows."""
    return all(key.removeprefix("-").isdecimal() for key in keys)


def known(keys: Any) -> bool:
    """Whether an object, or a list of keys, has a name that columns often have."""
    return isinstance(keys, (dict, list)) and any(normal_name(key) in KNOWN_NAMES for key in keys)


def line_items(path: Path, encoding: Encoding) -> Iterator[Item | Bad]:
    """The value on each line."""
    file, values = str(path), Values()
    for number, text, problem in open_bare(path, encoding):
        if problem:
            yield Bad(number, problem, text, file)
        elif not text.strip():
            yield Bad(number, ngettext("empty line", "{count:,} empty lines", 1), text, file)
        else:
            try:
                value = line_value(values, text)
            except (ValueError, RecursionError) as error:
                yield Bad(number, _("not JSON: {reason}", reason=error), text, file)
            else:
                problem = values.problem()
                yield Bad(number, problem, text, file) if problem else (number, value)


def list_items(path: Path, encoding: Encoding) -> Iterator[Item | Bad]:
    """The values of a list in order, however the file is broken into lines. DataError: not valid JSON."""
    values, source = Values(), decoded_chunks(path, encoding)
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
            value, end = values.at(text, position)
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
        problem = values.problem()
        yield Bad(line, problem, text[position:end][:1000], str(path)) if problem else (line, value)
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
