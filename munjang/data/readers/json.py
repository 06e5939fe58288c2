"""Reads JSON Lines, and JSON files with one list of objects, as tables."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.readers.lines import CHUNK_BYTES, MAX_LINE, AsUtf8, Encoding, open_bytes, reading, wide
from munjang.data.readers.table import Bad, Row, Table, checked_row
from munjang.data.readers.text import encoding_of, open_lines
from munjang.errors import DataError
from munjang.translation import _

Item = tuple[int, Any]
"""A line number and the value that starts on that line."""


def open_json(path: Path, options: ReadOptions) -> Table:
    """A .jsonl or .json file as a table; its columns are the keys of all objects, in order of first occurrence.

    The file is read once for its encoding and once for its keys, so that a key that first occurs late is not lost. A
    key that an object lacks gives a None cell.
    """
    encoding = encoding_of(path, options)
    is_list = starts_with_bracket(path, encoding)
    file = str(path)

    def items() -> Iterator[Item | Bad]:
        return list_items(path, encoding) if is_list else line_items(path, encoding)

    columns: dict[str, None] = {}
    for item in items():
        if not isinstance(item, Bad) and isinstance(item[1], dict):
            columns.update(dict.fromkeys(item[1]))
    if not columns:
        raise DataError(
            _('{file} holds no JSON object. Expected one object per line, such as {{"text": "…"}}.', file=file)
        )
    names = tuple(columns)

    def read() -> Iterator[Row | Bad]:
        for item in items():
            if isinstance(item, Bad):
                yield item
            elif isinstance(item[1], dict):
                yield checked_row(item[0], [item[1].get(name) for name in names], file)
            else:
                raw = json.dumps(item[1], ensure_ascii=True)
                problem = _("a JSON {type}, expected an object", type=type(item[1]).__name__)
                yield Bad(item[0], problem, raw[:1000], file)

    if is_list:
        note = _("{path}: {encoding}, a JSON list", path=path, encoding=encoding.name)
    else:
        note = _("{path}: {encoding}, one JSON object per line", path=path, encoding=encoding.name)
    return Table(file, names, read, [note])


def starts_with_bracket(path: Path, encoding: Encoding) -> bool:
    """Whether the file is one JSON list, and not one value per line."""
    line = next((line for line in open_lines(path, encoding) if line.text.strip()), None)
    if line is None:
        raise DataError(_("{path} is empty: it has no line with text.", path=path))
    start = line.text.strip()
    is_lines = {".jsonl", ".ndjson"} & {suffix.lower() for suffix in path.suffixes}
    return start.startswith("[") and not (is_lines and start.endswith("]"))


def line_items(path: Path, encoding: Encoding) -> Iterator[Item | Bad]:
    """The value on each line."""
    file = str(path)
    for line in open_lines(path, encoding):
        if line.problem:
            yield Bad(line.number, line.problem, line.text, file)
        elif not line.text.strip():
            yield Bad(line.number, _("empty line"), line.text, file)
        else:
            try:
                yield line.number, json.loads(line.text)
            except (ValueError, RecursionError) as error:
                yield Bad(line.number, _("not JSON: {reason}", reason=error), line.text, file)


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


def decoded_chunks(path: Path, encoding: Encoding) -> Iterator[str]:
    """The text of a file, in chunks; undecodable bytes become lone surrogates, which `checked_row` finds later."""
    codec = "utf-8" if wide(encoding.name) else encoding.name
    decoder = codecs.getincrementaldecoder(codec)(errors="surrogateescape")
    with reading(path), open_bytes(path) as stream:
        source = AsUtf8(stream, encoding.name) if wide(encoding.name) else stream
        while chunk := source.read1(CHUNK_BYTES):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
