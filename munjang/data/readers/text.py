"""Reads CSV, TSV and files of lines as tables: detects encoding, delimiter and header, and reports them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, dropwhile, islice, starmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from munjang.config.settings import ReadOptions
from munjang.data.readers.csv import ESCAPE, QUOTE, BareLine, records, without_descriptions
from munjang.data.readers.dialect import (
    NAMED,
    Layout,
    are_names,
    find_layout,
    has_known_name,
    requoted,
    sample_lines,
)
from munjang.data.readers.kinds.marked import marked_table
from munjang.data.readers.kinds.signatures import refuse_no_table
from munjang.data.readers.lines import (
    CHUNK_BYTES,
    CountedLines,
    Encoding,
    Line,
    check_encoding,
    decode_line,
    find_encoding,
    given_encoding,
    line_groups,
    open_bytes,
    read_lines,
    reading,
    reads_as,
)
from munjang.data.readers.table import Bad, Row, Table, above_note, distinct, header_note, short_list
from munjang.errors import ConfigError, DataError
from munjang.translation import _, ngettext

BEGINNING = 50  # lines in which to look for what is no table
OTHER_MARKS = ("^", "~", "::", "，", "¦", "||")  # between cells, but as likely within texts


def encoding_of(path: Path, options: ReadOptions) -> Encoding:
    """The encoding given by the user, or detected by reading the file once."""
    return given_encoding(path, options.encoding) if options.encoding else find_encoding(path)


def open_lines(path: Path, encoding: Encoding) -> Iterator[Line]:
    """The lines of a file, from its start."""
    return starmap(Line, open_bare(path, encoding))


def open_bare(path: Path, encoding: Encoding) -> Iterator[BareLine]:
    """The lines of a file as plain tuples, which are made faster."""
    return chain.from_iterable(file_groups(path, encoding))


def file_groups(path: Path, encoding: Encoding) -> Iterator[Iterable[BareLine]]:
    """The lines of a file, many at a time."""
    with reading(path), open_bytes(path) as stream:
        yield from line_groups(CountedLines(stream, path), encoding)


class Sampled(NamedTuple):
    """The beginning of a file, divided into lines in one way, and its layout.

    hint: the lines that say how it is divided. skip: the lines before the sample. cut: whether there are more `lines`.
    """

    encoding: Encoding
    hint: int
    skip: int
    sample: Sequence[Line]
    cut: bool
    lines: Iterator[BareLine]
    layout: Layout | None


def open_delimited(path: Path, kind: str, options: ReadOptions) -> Table:
    """A CSV, TSV or text file as a table. kind: "csv", "tsv" or "txt", by its ending.

    A .txt (or unknown) file that is not surely a table is a file of lines: one column, `text`, no header.
    """
    found = sampled(path, encoding_of(path, options), kind, options)
    if kind == "txt" and options.delimiter is None and options.header_row is None:
        refuse_no_table(path, "\n".join(line.text for line in found.sample[:BEGINNING]))
        lines = partial(open_bare, path, found.encoding)
        if marked := marked_table(path, found.encoding.name, found.sample, lines):
            return marked
    if any("\r" in line.text.rstrip("\r") for line in found.sample):  # it ends a line, or stands in a cell
        other = sampled(path, found.encoding._replace(newline=b""), kind, options)
        found = max([found, other], key=agreeing)
        refuse_returns(path, found.sample, found.layout)
    layout = found.layout
    if options.delimiter is None and (layout is None or layout.shape.width == 1):
        refuse_other_mark(path, found.sample)
    if layout is None:
        return lines_table(path, found.encoding)
    if layout.score < NAMED:
        raise DataError(disagreement(path, found.sample, layout))
    if found.cut and (later := later_sample(path, found.lines, found.sample, layout)):
        layout = requoted(layout, later)
    guessed = options.header_row is None and not layout.is_named
    return delimited_table(path, found.encoding, layout, found.skip, found.hint, guessed)


def sampled(path: Path, encoding: Encoding, kind: str, options: ReadOptions) -> Sampled:
    """The beginning of a file in lines of this encoding. DataError: it has no text, or the header is damaged."""
    hint, delimiter = announced(path, encoding)
    skip = max(hint, (options.header_row or 1) - 1)
    lines = dropwhile(lambda line: not line[1].strip(), islice(open_bare(path, encoding), skip, None))
    sample, cut = sample_lines(lines)
    if not any(line.text.strip() and not line.problem for line in sample):
        raise DataError(empty_message(path, encoding, skip))
    given = None if options.header_row is None else options.header_row > 0
    refuse_damaged_header(path, sample, given)
    layout = find_layout(sample, cut, kind, delimiter_named(options.delimiter) or delimiter, given)
    return Sampled(encoding, hint, skip, sample, cut, lines, layout)


def agreeing(way: Sampled) -> tuple[float, bool]:
    """How well the sample agrees in these lines; of equal ways, one without bare carriage returns is better."""
    return way.layout.rank if way.layout else 0.0, not bare_returns(way.sample, way.layout)


def bare_returns(sample: Sequence[Line], layout: Layout | None) -> int:
    """How many carriage returns stand within lines, and not in quotes."""
    text = "\n".join(line.text.rstrip("\r") for line in sample)
    if layout and layout.dialect.quoted:
        mark = layout.dialect.quote
        text = re.sub(f"{mark}[^{mark}]*{mark}", "", text)
    return text.count("\r")


def refuse_returns(path: Path, sample: Sequence[Line], layout: Layout | None) -> None:
    """A DataError if lines end with carriage returns and cells hold line feeds, without quotes that tell which."""
    if bare_returns(sample, layout) >= len(sample):
        first = next(line.number for line in sample if "\r" in line.text.rstrip("\r"))
        raise DataError(
            _(
                "{path}, line {line}: carriage returns and line feeds both end lines. Save the file with one kind of "
                "line ends, and with quotes around cells that have line breaks.",
                path=path,
                line=first,
            )
        )


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


def refuse_other_mark(path: Path, sample: Sequence[Line]) -> None:
    """A DataError if all lines have the same number of a mark, under names of columns, that is not looked for."""
    texts = [line.text.rstrip("\r") for line in sample if line.text.strip()]
    for mark in OTHER_MARKS:
        counts = {text.count(mark) for text in texts}
        names = texts[0].split(mark)
        if len(counts) == 1 < len(names) and len(texts) > 1 and has_known_name(names) and are_names(names):
            if len(mark) == 1:
                remedy = _(
                    "Say {option:delimiter={mark}}, or {option:delimiter=tab} if each line is one text.", mark=mark
                )
            else:
                remedy = _("Replace it by tabs, or say {option:delimiter=tab} if each line is one text.")
            raise DataError(
                _("{path}: '{mark}' seems to stand between the cells. {remedy}", path=path, mark=mark, remedy=remedy)
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


def disagreement(path: Path, sample: Sequence[Line], layout: Layout) -> str:
    """Why a file with column names is no table."""
    quoted = replace(layout.dialect, quoted=True)  # of records in quotes that are too long, this names the first line
    items = records((line for line in sample if line.number >= layout.start), quoted, layout.shape)
    bad = next((item for item in items if isinstance(item, Bad)), None)
    fields = [
        _(
            "{path}: the header has {columns} ({names}), but most records have more or fewer cells.",
            path=path,
            columns=ngettext("{count} name", "{count} names", len(layout.names)),
            names=short_list(layout.names),
        )
    ]
    if bad:
        fields.append(_("The first is line {line}: {reason}.", line=bad.line, reason=bad.reason))
    if len(layout.names) == 1:
        fields.append(
            _(
                "Say {option:delimiter=tab} if each line is one text, or {option:header_row=0} if the first line is "
                "a title."
            )
        )
    else:
        fields.append(_("Say {option:delimiter} or {option:header_row}, or correct the file."))
    return " ".join(fields)


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


def delimited_table(path: Path, encoding: Encoding, layout: Layout, skip: int, hint: int, guessed: bool) -> Table:
    """The table of a file with a known layout. skip: lines that do not belong to it; hint: those that say how.

    guessed: whether the header has no usual name.
    """
    columns, file = distinct(layout.names), str(path)
    skip = max(skip, layout.start - 1)

    def read() -> Iterator[Row | Bad]:
        lines = islice(open_bare(path, encoding), skip, None)
        items = records(lines, layout.dialect, layout.shape, file, header=layout.header or ())
        if layout.header is not None:  # it may have fewer cells than the rows
            next(items, None)
            return without_descriptions(items, layout.dialect.delimiter or "")
        return items

    notes = [
        f"{path}: {encoding.name}, {layout.dialect}",
        header_note(path, layout.header is not None, columns, layout.start if guessed else 0),
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
