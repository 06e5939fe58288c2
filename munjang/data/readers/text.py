"""Reads CSV, TSV and files of lines as tables: detects encoding, delimiter and header, and reports them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.csv import Dialect, records
from munjang.data.readers.dialect import find_delimiter, find_quoting, first_lines, header_width
from munjang.data.readers.lines import (
    Encoding,
    Line,
    check_encoding,
    decode_line,
    find_encoding,
    given_encoding,
    open_bytes,
    read_lines,
    reading,
    reads_as,
)
from munjang.data.readers.table import Bad, Row, Table, distinct
from munjang.errors import DataError
from munjang.translation import _, ngettext

SAMPLED_LINES = 200  # lines to look at for the delimiter and the header


def encoding_of(path: Path, options: ReadOptions) -> Encoding:
    """The encoding given by the user, or detected by reading the file once."""
    return given_encoding(path, options.encoding) if options.encoding else find_encoding(path)


def open_lines(path: Path, encoding: Encoding) -> Iterator[Line]:
    """The lines of a file, from its start."""
    with reading(path), open_bytes(path) as stream:
        yield from read_lines(stream, encoding.name, encoding.newline)


def open_delimited(path: Path, ending: str, options: ReadOptions) -> Table:
    """A CSV, TSV or text file as a table. ending: "csv", "tsv" or "txt".

    A .txt (or unknown) file without tabs is a file of lines: one column, `text`, no header.
    """
    encoding = encoding_of(path, options)
    skip = max(0, (options.header_row or 1) - 1)
    sample = first_lines(islice(open_lines(path, encoding), skip, skip + 2 * SAMPLED_LINES), SAMPLED_LINES)
    if not sample:
        raise DataError(empty_message(path, encoding, skip))
    only, preferred = (",;\t|", ",") if ending == "csv" else ("\t,;|", "\t") if ending == "tsv" else ("\t", "\t")
    delimiter = find_delimiter(sample, preferred, only=only)
    if delimiter is None and ending == "txt":
        return lines_table(path, encoding)
    lines = islice(open_lines(path, encoding), skip, None)
    width = header_width(sample, delimiter)
    quoted = find_quoting(lines, delimiter, width, by_default=ending == "csv")
    return delimited_table(path, encoding, Dialect(delimiter, quoted), options.header_row)


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


def delimited_table(path: Path, encoding: Encoding, dialect: Dialect, header_row: int | None) -> Table:
    """The table of a file with known encoding and dialect."""
    sample = sample_fields(path, encoding, dialect, header_row)
    named = has_header(sample) if header_row is None else header_row > 0
    width = len(sample[0])
    columns = distinct(sample[0] if named else [""] * width)
    file = str(path)

    def read() -> Iterator[Row | Bad]:
        lines = islice(open_lines(path, encoding), max(0, (header_row or 1) - 1), None)
        waiting_for_header = named
        for record in records(lines, dialect, width):
            if waiting_for_header and not record.problem:
                waiting_for_header = False
            elif record.problem:
                yield Bad(record.line, record.problem, record.raw, file)
            else:
                yield Row(record.line, tuple(record.fields), file)

    notes = [f"{path}: {encoding.name}, {dialect}"]
    if not named:
        names = ", ".join(columns)
        notes.append(
            _(
                "{path}: no header row found, so the columns are called {names}; {option:header_row=1} says otherwise",
                path=path,
                names=names,
            )
        )
    if header_row and header_row > 1:
        notes.append(
            ngettext(
                "{path}: the {count:,} line above the header is left out",
                "{path}: the {count:,} lines above the header are left out",
                header_row - 1,
                path=path,
            )
        )
    return Table(file, columns, read, notes, quoted=dialect.quoted)


def sample_fields(path: Path, encoding: Encoding, dialect: Dialect, header_row: int | None) -> list[list[str]]:
    """The first records, beginning with the header. DataError: the header cannot be read."""
    lines = islice(open_lines(path, encoding), max(0, (header_row or 1) - 1), None)
    first = next(line for line in lines if line.text.strip())
    if first.problem:
        raise DataError(
            _(
                "{path}, line {line}: the header cannot be read ({problem}). Name the encoding with "
                "{option:encoding}, or correct that line.",
                path=path,
                line=first.number,
                problem=first.problem,
            )
        )
    head = [first, *islice(lines, 20)]
    again = islice(open_lines(path, encoding), first.number - 1, None)
    width = header_width([line.text for line in head], dialect.delimiter, dialect.quoted)
    sample = islice(records(again, dialect, width), SAMPLED_LINES)
    return [record.fields for record in sample if not record.problem]


def has_header(sample: Sequence[Sequence[str]]) -> bool:
    """Whether the first record is a header, judged by its cells and the cells below them.

    A known name means yes; a number, or a cell that occurs again in its column, means no.
    """
    if KNOWN_NAMES & {normal_name(cell) for cell in sample[0]}:
        return True
    if any(is_numeric_cell(cell) for cell in sample[0]):
        return False
    below = [{row[index] for row in sample[1:]} for index in range(len(sample[0]))]
    return not any(cell and cell in column for cell, column in zip(sample[0], below, strict=True))


def is_numeric_cell(cell: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


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
