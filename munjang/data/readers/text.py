"""Reads CSV, TSV and files of lines as tables: detects encoding, delimiter and header, and reports them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, islice, starmap
from pathlib import Path
from typing import BinaryIO

from munjang.config.settings import ReadOptions
from munjang.data.readers.csv import ESCAPE, QUOTE, BareLine, records
from munjang.data.readers.dialect import (
    NAMED,
    Layout,
    find_layout,
    requoted,
    sample_lines,
)
from munjang.data.readers.lines import (
    CHUNK_BYTES,
    Encoding,
    Line,
    bare_lines,
    check_encoding,
    decode_line,
    find_encoding,
    given_encoding,
    open_bytes,
    read_lines,
    reading,
    reads_as,
)
from munjang.data.readers.table import Bad, Row, Table, above_note, distinct, header_note, short_list
from munjang.errors import ConfigError, DataError
from munjang.translation import _, ngettext


def encoding_of(path: Path, options: ReadOptions) -> Encoding:
    """The encoding given by the user, or detected by reading the file once."""
    return given_encoding(path, options.encoding) if options.encoding else find_encoding(path)


def open_lines(path: Path, encoding: Encoding) -> Iterator[Line]:
    """The lines of a file, from its start."""
    return starmap(Line, open_bare(path, encoding))


def open_bare(path: Path, encoding: Encoding) -> Iterator[BareLine]:
    """The lines of a file as plain tuples, which are made faster."""
    with reading(path), open_bytes(path) as stream:
        yield from bare_lines(stream, encoding.name, encoding.newline)


def open_delimited(path: Path, kind: str, options: ReadOptions) -> Table:
    """A CSV, TSV or text file as a table. kind: "csv", "tsv" or "txt", by its ending.

    A .txt (or unknown) file that is not surely a table is a file of lines: one column, `text`, no header.
    """
    encoding = encoding_of(path, options)
    hint, delimiter = announced(path, encoding)
    skip = max(hint, (options.header_row or 1) - 1)
    lines = islice(open_bare(path, encoding), skip, None)
    sample, cut = sample_lines(lines)
    if not any(line.text.strip() and not line.problem for line in sample):
        raise DataError(empty_message(path, encoding, skip))
    delimiter = delimiter_named(options.delimiter) or delimiter
    given = None if options.header_row is None else options.header_row > 0
    refuse_damaged_header(path, sample, given)
    layout = find_layout(sample, cut, kind, delimiter, given)
    if layout is None:
        return lines_table(path, encoding)
    if layout.score < NAMED:
        raise DataError(disagreement(path, layout))
    if cut and (later := later_sample(path, lines, sample, layout)):
        layout = requoted(layout, later)
    return delimited_table(path, encoding, layout, skip, hint)


def announced(path: Path, encoding: Encoding) -> tuple[int, str | None]:
    """The lines that Excel's hint `sep=;` takes up, and its delimiter; (0, None) without one."""
    first = next(open_lines(path, encoding), None)
    hint = re.fullmatch(r"\ufeff?sep=(.)", first.text.removesuffix("\r"), re.IGNORECASE) if first else None
    return (1, hint[1]) if hint else (0, None)


def delimiter_named(name: str | None) -> str | None:
    """The delimiter of --delimiter: one character, or `tab`. ConfigError: anything else."""
    if name is None:
        return None
    mark = "\t" if name.lower() in ("tab", "\\t") else name
    if len(mark) != 1 or mark in '"\\\r\n\0':
        raise ConfigError(_("{option:delimiter={name}} is not one character, such as ',' or ';', or tab.", name=name))
    return mark


def refuse_damaged_header(path: Path, sample: Sequence[Line], header: bool | None) -> None:
    """A DataError if the first line cannot be read, so that no later row is taken for the header."""
    first = next(line for line in sample if line.text.strip())
    if first.problem and header is not False:
        raise DataError(
            _(
                "{path}, line {line}: the header cannot be read ({problem}). Name the encoding with "
                "{option:encoding}, or correct that line.",
                path=path,
                line=first.number,
                problem=first.problem,
            )
        )


def later_sample(path: Path, lines: Iterable[BareLine], sample: Sequence[Line], layout: Layout) -> list[Line]:
    """Lines after the sample, from the first with a kind of quote that the sample does not have."""
    seen = any(QUOTE in line.text for line in sample)
    mark = ESCAPE + QUOTE if seen or layout.dialect.quoted else QUOTE
    if layout.dialect.escaped or any(mark in line.text for line in sample) or not holds(path, mark):
        return []
    return sample_lines(dropwhile(lambda line: mark not in line[1], lines))[0]


def holds(path: Path, mark: str) -> bool:
    """Whether these ASCII characters may stand in a file, whose bytes are searched without being decoded."""
    end = b""
    with reading(path), open_bytes(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if mark.encode() in end + chunk or b"\0" in chunk[:2]:  # or it may be utf-16
                return True
            end = chunk[-1:]
    return False


def disagreement(path: Path, layout: Layout) -> str:
    """Why a file with column names is no table."""
    return _(
        "{path}: the header has {columns} ({names}), but most records have more or fewer cells. "
        "Say {option:delimiter} or {option:header_row}, or correct the file.",
        path=path,
        columns=ngettext("{count} name", "{count} names", len(layout.names)),
        names=short_list(layout.names),
    )


def empty_message(path: Path, encoding: Encoding, skip: int) -> str:
    """The message for a file without a usable line."""
    bad = next((line for line in open_lines(path, encoding) if line.problem), None)
    if bad:
        return _(
            "{path}, line {line}: {problem}, and no line can be used. Name its encoding with {option:encoding}.",
            path=path,
            line=bad.number,
            problem=bad.problem,
        )
    if skip:
        return _("{path} is empty: it has no line with text after line {line}.", path=path, line=skip)
    return _("{path} is empty: it has no line with text.", path=path)


def delimited_table(path: Path, encoding: Encoding, layout: Layout, skip: int, hint: int) -> Table:
    """The table of a file with a known layout. skip: lines that do not belong to it; hint: those that say how."""
    columns, file = distinct(layout.names), str(path)
    skip = max(skip, layout.start - 1)

    def read() -> Iterator[Row | Bad]:
        lines = islice(open_bare(path, encoding), skip, None)
        items = records(lines, layout.dialect, layout.shape, file)
        if layout.header is not None:  # it may have fewer cells than the rows
            next(items, None)
        yield from items

    notes = [
        f"{path}: {encoding.name}, {layout.dialect}",
        header_note(path, layout.header is not None, columns),
        *above_note(path, [line.text.strip() for line in islice(open_lines(path, encoding), hint, skip)]),
    ]
    if layout.shape.least < layout.shape.width:
        notes.append(
            _(
                "{path}: rows with {least} of {columns} cells are read too; their last cells are empty",
                path=path,
                least=layout.shape.least,
                columns=layout.shape.width,
            )
        )
    return Table(file, columns, read, notes, quoted=layout.dialect.quoted)


def lines_table(path: Path, encoding: Encoding) -> Table:
    """A file of lines: one text per line, in the column `text`; empty lines are empty texts."""
    file = str(path)

    def read() -> Iterator[Row | Bad]:
        yield from lines_as_rows(open_lines(path, encoding), file)

    note = _("{path}: {encoding}, one text per line", path=path, encoding=encoding.name)
    return Table(file, ("text",), read, [note], quoted=False)


def stream_table(stream: BinaryIO, name: str, encoding: str | None = None) -> Table:
    """Lines from a stream that can be read only once, such as stdin: utf-8, or cp949 for a line that is not utf-8.

    A line in neither encoding is set aside. `rows()` can be called only once.
    """
    codec = check_encoding(encoding) if encoding else ""

    def read() -> Iterator[Row | Bad]:
        # In latin-1 every byte is a character, so that each line can be decoded separately afterwards.
        either = _("utf-8 or cp949")
        decoded = (utf8_or_cp949(line, either) for line in read_lines(stream, "latin-1"))
        lines = read_lines(stream, codec) if codec else decoded
        yield from lines_as_rows(lines, name)

    return Table(name, ("text",), read, quoted=False)


def utf8_or_cp949(line: Line, either: str) -> Line:
    """A line that was read as latin-1, decoded again. either: what a message calls the two encodings."""
    data = line.text.removesuffix(" …").encode("latin-1")
    if line.number == 1:
        data = data.removeprefix(codecs.BOM_UTF8)
    codec = "utf-8" if reads_as(data, "utf-8") or not reads_as(data, "cp949") else "cp949"
    return decode_line(line.number, data, codec, either)._replace(**({"problem": line.problem} if line.problem else {}))


def lines_as_rows(lines: Iterator[Line], file: str) -> Iterator[Row | Bad]:
    """Each line as a row of one cell."""
    for line in lines:
        text = line.text.removesuffix("\r")
        yield Bad(line.number, line.problem, text, file) if line.problem else Row(line.number, (text,), file)
