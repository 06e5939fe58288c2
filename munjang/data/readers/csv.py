"""Records of CSV and TSV with a known dialect: no stray quote swallows a line, and no line is lost."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any

from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.lines import MAX_LINE
from munjang.data.readers.table import Bad, Row, cell_text
from munjang.errors import DataError
from munjang.translation import N_, _, ngettext

BareLine = tuple[int, str, str]
"""A Line, or a plain tuple of its values."""
QUOTE, APOSTROPHE, ESCAPE, NULL = '"', "'", "\\", "\\N"
COPY_SIGNS = {ESCAPE: ESCAPE, "n": "\n", "r": "\r", "t": "\t"}
UNUSED = "\x1f"  # csv.reader needs a delimiter and a quote, also where a file has none
DELIMITERS = {
    "\t": N_("tab delimiter"),
    ",": N_("comma delimiter"),
    ";": N_("semicolon delimiter"),
    "|": N_("bar delimiter"),
    " ": N_("space delimiter"),
    "\x01": N_("\\x01 delimiter"),
    None: N_("no delimiter"),
}
LOOK_AHEAD = 1_000  # lines that one record may span before its quote counts as stray
VAIN_PER_LINE = 200  # characters that may be read ahead in vain, for each line of the file
CHUNK_LINES = 100  # that are read at once where each of them is a record


@dataclass(frozen=True)
class Dialect:
    """How a line becomes fields. delimiter None: the whole line is one field.

    escaped: a backslash before a quote, a delimiter, a line break or a backslash makes it an ordinary character, and
    an unquoted \\N is empty, as Spark and MySQL write it. quote: the mark around fields. spaced: spaces before a field
    are no part of it, so that it may be quoted after them.
    """

    delimiter: str | None
    quoted: bool
    escaped: bool = False
    quote: str = QUOTE
    spaced: bool = False

    def __str__(self) -> str:
        known = DELIMITERS.get(self.delimiter)
        delimiter = _(known) if known else _("delimiter {delimiter}", delimiter=self.delimiter)
        if self.escaped:
            return _("{delimiter}, quotes escaped by a backslash", delimiter=delimiter)
        if self.quoted and self.quote == APOSTROPHE:
            return _("{delimiter}, quoted with '", delimiter=delimiter)
        if self.quoted and self.spaced:
            return _("{delimiter}, quoted, with spaces after it", delimiter=delimiter)
        if self.quoted:
            return _("{delimiter}, quoted", delimiter=delimiter)
        return _("{delimiter}, unquoted", delimiter=delimiter)

    def split(self, text: str) -> list[str]:
        """The fields of a line in which quotes and backslashes are ordinary characters."""
        return [text] if self.delimiter is None else text.split(self.delimiter)

    def quoted_cells(self, text: str) -> list[str] | None:
        """The fields of a line with quotes within quoted fields that are not doubled: `"a "b" c",d`; else None.

        A quote ends its field where a delimiter follows. In `"a" and "b"` the outer quotes are part of the text.
        """
        if not self.quoted or self.escaped or not self.delimiter:
            return None
        end, mark = re.escape(self.delimiter), re.escape(self.quote)
        pattern = re.compile(rf"{mark}(.*?){mark}(?:{end}|$)|([^{end}{mark}]*)(?:{end}|$)", re.DOTALL)
        fields, position = list[str](), 0
        while position <= len(text):
            found = pattern.match(text, position)
            if not found or (found[1] is not None and not self.is_within(found[1])):
                return None
            fields.append(found[2] if found[1] is None else found[1].replace(self.quote * 2, self.quote))
            if found.end() == len(text):
                return fields + [""] * text.endswith(self.delimiter)
            position = found.end()
        return None

    def is_within(self, cell: str) -> bool:
        """Whether quotes in the middle of a quoted field come in pairs, and the first of them opens one."""
        first = re.search(rf"(\S?){re.escape(self.quote)}(?=(\s|$)?)", cell)
        return cell.count(self.quote) % 2 == 0 and (first is None or not first[1] or first[2] is None)

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The csv module's reader for this dialect, strict. A field may be as long as a line may be."""
        csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
        delimiter = self.delimiter or UNUSED
        quotes = {"quotechar": self.quote} if self.quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        escape = {"escapechar": ESCAPE} if self.escaped else {}
        return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=self.spaced, **quotes, **escape)

    def protected(self, text: str) -> str:
        """A line of an escaped dialect for `reader`, which would drop every backslash and end at a carriage return.

        A whole field \\N becomes empty.
        """
        end = re.escape(self.delimiter or UNUSED)
        text = re.sub(rf"(?:(?<={end})|^)\\N(?={end}|\r?\n?$)", "", text)
        if self.delimiter == "\t" and not self.quoted:  # as COPY of PostgreSQL
            text = re.sub(r"\\([\\nrt])", lambda found: ESCAPE + COPY_SIGNS[found[1]], text)
        return re.sub(rf'(\\["\\\r\n]|\\{end})|\\|\r(?!\n$)', lambda found: found[1] or ESCAPE + found[0], text)

    def plain_rows(self, texts: Sequence[str], width: int) -> list[list[str]] | None:
        """The fields of each line, where every line alone is a record of so many fields; else None."""
        if self.escaped:
            return None
        try:
            rows = list(self.reader(texts)) if self.quoted else [self.split(text.rstrip("\r")) for text in texts]
        except csv.Error:
            return None
        # As many records as lines, and none of them empty: no record has taken a second line.
        return rows if len(rows) == len(texts) and set(map(len, rows)) == {width} else None


FOOTER_ROWS = 3
DESCRIPTION_ROWS = 3  # below the header in which to look for those of Qualtrics
QUOTED_TSV = Dialect("\t", True)


@dataclass(frozen=True)
class Shape:
    """How many fields a record has. least: with this many or more, up to `width`, the missing last ones are empty.

    values: for each column its values, where they are few, else None; () where nothing is known of them.
    """

    width: int
    least: int
    values: tuple[frozenset[str] | None, ...] = ()

    def fit(self, fields: list[str]) -> list[str] | None:
        """The fields as many as columns, or None. Empty ones after the last column are let go."""
        width = self.width
        while len(fields) > width and not fields[-1]:
            fields.pop()
        if len(fields) > width or len(fields) < self.least:
            return None
        return fields + [""] * (width - len(fields))

    def holds(self, line: str, dialect: Dialect) -> bool:
        """Whether a line without regard to its quotes is a record, by the columns that have few values."""
        fields = dialect.split(line)
        bare = [field.strip(f" \r{dialect.quote}") for field in fields]
        known = [cell in values for cell, values in zip(bare, self.values, strict=False) if cell and values is not None]
        return len(fields) == self.width and not dialect.escaped and bool(known) and all(known)


def records(
    lines: Iterable[BareLine],
    dialect: Dialect,
    shape: Shape | None,
    file: str = "",
    slips: list[int] | None = None,
    header: Sequence[str] | None = None,
) -> Iterator[Row | Bad]:
    """Every record; a line that is not one is Bad, and no line is skipped. The time is linear in the size of the file.

    shape: None takes records of any width. A quote that never closes, or closes where no field ends, is read as an
    ordinary character, so that the lines after it are still read one by one; `slips` gets the numbers of such lines.
    Empty lines one after the other are one Bad. header: the names above the rows, () where there are none; a row that
    is a header again is Bad. DataError: it comes again in another order.
    """
    spanning = Spanning(LineQueue(lines), dialect, shape, file, [] if slips is None else slips)
    items = chain.from_iterable(record_groups(spanning, header))
    return without_footer(items, dialect) if shape and shape.least < shape.width else items


def without_footer(items: Iterable[Row | Bad], dialect: Dialect) -> Iterator[Row | Bad]:
    """The items, but a few rows without last cells after an empty line at the end, such as a sum, are Bad."""
    held: list[Row | Bad] = []
    for item in items:
        may_be_below = not item.cells[-1] and bool(held) if isinstance(item, Row) else not item.raw.strip()
        if may_be_below and len(held) <= FOOTER_ROWS:
            held.append(item)
            continue
        yield from held
        held = []
        yield item
    for item in held:
        if isinstance(item, Row):
            raw = (dialect.delimiter or "").join(map(str, item.cells)).rstrip(dialect.delimiter)
            yield Bad(item.line, _("below the table, after an empty line"), raw, item.file)
        else:
            yield item


def record_groups(spanning: Spanning, header: Sequence[str] | None) -> Iterator[Iterable[Row | Bad]]:
    """The items of `records`, many at a time, which spares most of the time where each line is a record."""
    source, dialect, shape, file = spanning.source, spanning.dialect, spanning.shape, spanning.file
    names = None if header is None else [cell.strip() for cell in header]
    starts = frozenset() if names is None else KNOWN_NAMES.union(names)
    new = tuple.__new__  # what Row(…) does, in half the time
    while chunk := source.take(CHUNK_LINES):
        numbers, texts, problems = zip(*chunk, strict=True)
        rows = dialect.plain_rows(texts, shape.width) if shape and not any(problems) else None
        if rows and starts.isdisjoint([row[0] for row in rows]):
            yield map(new, repeat(Row), zip(numbers, map(tuple, rows), repeat(file)))
            continue
        source.give_back(chunk)
        items = one_by_one(spanning, numbers[-1])
        mark = dialect.delimiter or ""
        yield items if names is None else (checked_header(item, names, starts, mark) for item in items)


def one_by_one(spanning: Spanning, last: int) -> Iterator[Row | Bad]:
    """The records that begin on the next lines, up to the line with the number `last`."""
    source, dialect, shape, file = spanning.source, spanning.dialect, spanning.shape, spanning.file
    width, mark = shape and shape.width, dialect.quote if dialect.quoted else None
    number = 0
    while number < last and (line := source.next()) is not None:
        number, text, problem = line
        text = text.rstrip("\r")
        if problem:
            yield Bad(number, problem, text, file)
        elif width != 1 and not text.strip(" "):
            yield Bad(number, empty_lines(1 + source.skip_empty()), text, file)
        elif dialect.spaced or (mark and mark in text) or (dialect.escaped and ESCAPE in text):
            yield spanning.record(line, text)
        else:
            yield sized(number, dialect.split(text), text, shape, file)


def empty_lines(count: int) -> str:
    """The reason why empty lines are no records."""
    return ngettext("empty line", "{count:,} empty lines", count)


def without_descriptions(items: Iterable[Row | Bad], mark: str) -> Iterator[Row | Bad]:
    """The items, but the rows of Qualtrics below the header that describe the columns are Bad. mark: between cells."""
    head = list(islice(source := iter(items), DESCRIPTION_ROWS))
    last = max((i for i, item in enumerate(head) if isinstance(item, Row) and describes(item.cells)), default=-1)
    for number, item in enumerate(head):
        if number <= last and isinstance(item, Row):
            raw = mark.join(map(cell_text, item.cells))
            yield Bad(item.line, _("a description of the columns"), raw, item.file)
        else:
            yield item
    yield from source


def describes(cells: Sequence[Any]) -> bool:
    """Whether cells are what Qualtrics writes of its columns: {"ImportId":"QID1"}."""
    filled = [text for cell in cells if (text := cell_text(cell).strip())]
    return bool(filled) and all(text.startswith('{"ImportId":') for text in filled)


def checked_header(item: Row | Bad, names: Sequence[str], starts: frozenset[str], mark: str) -> Row | Bad:
    """The item; Bad if it is a header again. starts: what the first cell of a header may be. mark: between cells."""
    if isinstance(item, Bad) or cell_text(item.cells[0]).strip() not in starts:
        return item
    reason = header_again(item, names)
    return Bad(item.line, reason, mark.join(map(cell_text, item.cells)), item.file) if reason else item


def header_again(row: Row, names: Sequence[str]) -> str:
    """Why a row is no record but a header, as where files were joined by `cat`; else "".

    names: of the header above, [] without one. DataError: they come in another order, so that the rows below are of
    other columns.
    """
    cells = [cell_text(cell).strip() for cell in row.cells]
    if cells == names:
        return _("the header again")
    known = [normal_name(cell) in KNOWN_NAMES for cell in cells]
    if len(cells) > 1 and any(known) and sorted(cells) == sorted(names):
        raise DataError(
            _(
                "{path}, line {line}: the columns come in another order from here on ({names}). Split the file before "
                "this line.",
                path=row.file,
                line=row.line,
                names=", ".join(cells),
            )
        )
    return _("a header among the rows") if all(known) and len(set(cells)) == len(cells) > 2 else ""


def sized(number: int, fields: list[str], raw: str, shape: Shape | None, file: str) -> Row | Bad:
    """A record with its number of fields checked."""
    if shape is not None and len(fields) == shape.width:
        return Row(number, tuple(fields), file)
    count, blank = len(fields), not raw.strip()
    fit = (None if blank else fields) if shape is None else shape.fit(fields)
    if fit is not None:
        return Row(number, tuple(fit), file)
    if blank:
        problem = empty_lines(1)
    elif count < shape.width:
        problem = _("too few fields, {fields} for {columns}", fields=count, columns=shape.width)
    else:
        problem = _("too many fields, {fields} for {columns}", fields=count, columns=shape.width)
    return Bad(number, problem, raw, file)


class Spanning:
    """Records with quotes or escapes, which may go on over the next lines.

    reader: the csv module's; it gives the record that begins with the `pending` text. taken: the further lines that it
    has read for it. spent: how many characters were read ahead in vain; that may be no more than a constant for each
    line, so that a file full of quotes that never close takes no longer than another one.
    """

    def __init__(self, source: LineQueue, dialect: Dialect, shape: Shape | None, file: str, slips: list[int]) -> None:
        self.source, self.dialect, self.shape, self.file, self.slips = source, dialect, shape, file, slips
        self.pending: str | None = None
        self.taken: list[BareLine] = []
        self.ahead = self.spent = 0
        self.reader = dialect.reader(self.feed())

    def feed(self) -> Iterator[str]:
        """The lines for the csv module: the pending one, then as many more as its record asks for."""
        protected = self.dialect.protected if self.dialect.escaped else None
        while True:
            text, self.pending = self.pending, None
            if text is None:
                line = self.source.next()
                if line is None:
                    return
                text = line[1]
                self.taken.append(line)
                self.ahead += len(text)
                allowed = MAX_LINE + VAIN_PER_LINE * line[0] - self.spent
                if len(self.taken) > LOOK_AHEAD or self.ahead > min(MAX_LINE, allowed):
                    return
            yield protected(text + "\n") if protected else text + "\n"

    def record(self, line: BareLine, text: str) -> Row | Bad:
        """The record that begins on `line`. text: the line without its end."""
        self.pending = line[1]
        try:
            fields = next(self.reader)
        except (csv.Error, StopIteration):
            fields = None
        if fields is None or self.taken or not self.shape or len(fields) != self.shape.width:
            return self.settled(line, text, fields)
        return Row(line[0], tuple(fields), self.file)

    def settled(self, line: BareLine, text: str, fields: list[str] | None) -> Row | Bad:
        """The record on `line` and the lines taken, or if they are none, on `line` alone; the others are given back.

        text: the line without its end. fields: what the csv module read, None where it failed.
        """
        if fields is None:
            self.reader = self.dialect.reader(self.feed())
        taken, ahead = self.taken, self.ahead
        self.taken, self.ahead = [], 0
        if taken:
            record = None if fields is None else self.joined([line, *taken], fields)
            if record is not None:
                return record
            self.spent += ahead
            self.source.give_back(taken)
            fields = None
        record = self.single(line, text, fields)
        if isinstance(record, Bad) and (len(taken) > LOOK_AHEAD or ahead > MAX_LINE):
            reason = _(
                "a quote that does not close within {lines:,} lines and {characters:,} characters",
                lines=LOOK_AHEAD,
                characters=MAX_LINE,
            )
            return record._replace(reason=reason)
        return record

    def joined(self, lines: list[BareLine], fields: list[str]) -> Row | Bad | None:
        """The record on several lines; None if they are not one."""
        number = lines[0][0]
        raw = "\n".join(text for __, text, __ in lines).rstrip("\r")
        record = sized(number, fields, raw, self.shape, self.file)
        if isinstance(record, Bad):
            return None
        # Lines that each have a label of this file at its place are separate records between two stray quotes.
        if self.shape and all(self.shape.holds(text, self.dialect) for __, text, __ in lines):
            return None
        # In TSV, lines that are each a whole record, and begin alike, are separate records, not one text.
        if self.dialect == QUOTED_TSV and self.shape:
            kinds = {(len(self.dialect.split(text)), text[:1] == QUOTE, text[:1].isdigit()) for __, text, __ in lines}
            if len(kinds) == 1 and kinds.pop()[0] == self.shape.width:
                return None
        problem = next(filter(None, (problem for *__, problem in lines)), "")
        return Bad(number, problem, raw, self.file) if problem else record

    def single(self, line: BareLine, text: str, fields: list[str] | None) -> Row | Bad:
        """The record on one line: as the csv module read it, or split at the delimiters where only that fits."""
        if fields is None or (self.shape and not self.shape.least <= len(fields) <= self.shape.width):
            cells = self.dialect.quoted_cells(text)
            if cells and (not self.shape or len(cells) == self.shape.width):
                return sized(line[0], cells, text, self.shape, self.file)
            plain = self.dialect.split(text)
            if fields is None or len(plain) == self.shape.width:
                self.slips.append(line[0])
                fields = plain
        return sized(line[0], fields, text, self.shape, self.file)


class LineQueue:
    """The lines of an iterator; lines that were taken in vain can be given back."""

    def __init__(self, lines: Iterable[BareLine]) -> None:
        self.lines = iter(lines)
        self.waiting: list[BareLine] = []  # the next one last

    def take(self, count: int) -> list[BareLine]:
        """The next lines, so many or as many as there are."""
        taken = [self.waiting.pop() for __ in range(min(count, len(self.waiting)))]
        return taken + list(islice(self.lines, count - len(taken)))

    def skip_empty(self) -> int:
        """Passes over the empty lines that come next; gives their number."""
        count = 0
        while (line := self.next()) is not None:
            if line[2] or line[1].strip(" \r"):
                self.waiting.append(line)
                break
            count += 1
        return count

    def next(self) -> BareLine | None:
        """The next line; None at the end."""
        return self.waiting.pop() if self.waiting else next(self.lines, None)

    def give_back(self, lines: list[BareLine]) -> None:
        """These lines come next, in this order."""
        self.waiting.extend(reversed(lines))
