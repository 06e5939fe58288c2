"""Records of CSV and TSV with a known dialect: no stray quote swallows a line, and no line is lost."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from munjang.data.readers.lines import MAX_LINE
from munjang.data.readers.table import Bad, Row
from munjang.translation import N_, _

BareLine = tuple[int, str, str]
"""A Line, or a plain tuple of its values."""
QUOTE, ESCAPE, NULL = '"', "\\", "\\N"
UNUSED = "\x1f"  # csv.reader needs a delimiter and a quote, also where a file has none
DELIMITERS = {
    "\t": N_("tab delimiter"),
    ",": N_("comma delimiter"),
    ";": N_("semicolon delimiter"),
    "|": N_("bar delimiter"),
    None: N_("no delimiter"),
}
LOOK_AHEAD = 1_000  # lines that one record may span before its quote counts as stray
VAIN_PER_LINE = 200  # characters that may be read ahead in vain, for each line of the file


@dataclass(frozen=True)
class Dialect:
    """How a line becomes fields. delimiter None: the whole line is one field.

    escaped: a backslash before a quote, a delimiter, a line break or a backslash makes it an ordinary character, and
    an unquoted \\N is empty, as Spark and MySQL write it.
    """

    delimiter: str | None
    quoted: bool
    escaped: bool = False

    def __str__(self) -> str:
        known = DELIMITERS.get(self.delimiter)
        delimiter = _(known) if known else _("delimiter {delimiter}", delimiter=self.delimiter)
        if self.escaped:
            return _("{delimiter}, quotes escaped by a backslash", delimiter=delimiter)
        if self.quoted:
            return _("{delimiter}, quoted", delimiter=delimiter)
        return _("{delimiter}, unquoted", delimiter=delimiter)

    def split(self, text: str) -> list[str]:
        """The fields of a line in which quotes and backslashes are ordinary characters."""
        return [text] if self.delimiter is None else text.split(self.delimiter)

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The csv module's reader for this dialect, strict. A field may be as long as a line may be."""
        csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
        delimiter = self.delimiter or UNUSED
        quotes = {} if self.quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        escape = {"escapechar": ESCAPE, "doublequote": False} if self.escaped else {}
        return csv.reader(lines, delimiter=delimiter, strict=True, **quotes, **escape)

    def protected(self, text: str) -> str:
        """A line of an escaped dialect for `reader`, which would drop every backslash and end at a carriage return.

        A whole field \\N becomes empty.
        """
        end = re.escape(self.delimiter or UNUSED)
        text = re.sub(rf"(?:(?<={end})|^)\\N(?={end}|\r?\n?$)", "", text)
        return re.sub(rf'(\\["\\\r\n]|\\{end})|\\|\r(?!\n$)', lambda found: found[1] or ESCAPE + found[0], text)


QUOTED_TSV = Dialect("\t", True)


@dataclass(frozen=True)
class Shape:
    """How many fields a record has. least: with this many or more, up to `width`, the missing last ones are empty."""

    width: int
    least: int

    def fit(self, fields: list[str]) -> list[str] | None:
        """The fields as many as columns, or None. Empty ones after the last column are let go."""
        width = self.width
        while len(fields) > width and not fields[-1]:
            fields.pop()
        if len(fields) > width or len(fields) < self.least:
            return None
        return fields + [""] * (width - len(fields))


def records(
    lines: Iterable[BareLine], dialect: Dialect, shape: Shape | None, file: str = "", slips: list[int] | None = None
) -> Iterator[Row | Bad]:
    """Every record; a line that is not one is Bad, and no line is skipped. The time is linear in the size of the file.

    shape: None takes records of any width. A quote that never closes, or closes where no field ends, is read as an
    ordinary character, so that the lines after it are still read one by one; `slips` gets the numbers of such lines.
    """
    source, slips = LineQueue(lines), [] if slips is None else slips
    spanning = Spanning(source, dialect, shape, file, slips)
    delimiter, width, quoted, escaped = dialect.delimiter, shape and shape.width, dialect.quoted, dialect.escaped
    new = tuple.__new__  # what Row(…) does, in half the time
    for line in source:
        number, text, problem = line
        if text[-1:] == "\r":
            text = text[:-1]
        if problem:
            yield Bad(number, problem, text, file)
            continue
        if (quoted and QUOTE in text) or (escaped and ESCAPE in text):
            spanning.pending = line[1]
            try:
                fields = next(spanning.reader)
            except (csv.Error, StopIteration):
                fields = None
            if fields is None or spanning.taken or len(fields) != width:
                yield spanning.settled(line, text, fields)
            else:
                yield new(Row, (number, tuple(fields), file))
            continue
        fields = [text] if delimiter is None else text.split(delimiter)
        if len(fields) == width:
            yield new(Row, (number, tuple(fields), file))
        else:
            yield sized(number, fields, text, shape, file)


def sized(number: int, fields: list[str], raw: str, shape: Shape | None, file: str) -> Row | Bad:
    """A record with its number of fields checked."""
    count, blank = len(fields), not raw.strip()
    fit = (None if blank else fields) if shape is None else shape.fit(fields)
    if fit is not None:
        return Row(number, tuple(fit), file)
    if blank:
        problem = _("empty line")
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
        return self.single(line, text, fields)

    def joined(self, lines: list[BareLine], fields: list[str]) -> Row | Bad | None:
        """The record on several lines; None if they are not one."""
        number = lines[0][0]
        raw = "\n".join(text for __, text, __ in lines).removesuffix("\r")
        record = sized(number, fields, raw, self.shape, self.file)
        if isinstance(record, Bad):
            return None
        # In TSV, lines that are each a whole record, and begin alike, are separate records, not one text.
        if self.dialect == QUOTED_TSV and self.shape:
            shapes = {(len(self.dialect.split(text)), text[:1] == QUOTE) for __, text, __ in lines}
            if len(shapes) == 1 and shapes.pop()[0] == self.shape.width:
                return None
        problem = next(filter(None, (problem for *__, problem in lines)), "")
        return Bad(number, problem, raw, self.file) if problem else record

    def single(self, line: BareLine, text: str, fields: list[str] | None) -> Row | Bad:
        """The record on one line: as the csv module read it, or split at the delimiters where only that fits."""
        if fields is None or (self.shape and not self.shape.least <= len(fields) <= self.shape.width):
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

    def __iter__(self) -> Iterator[BareLine]:
        waiting, lines = self.waiting, self.lines
        while True:
            if waiting:
                yield waiting.pop()
            elif (line := next(lines, None)) is not None:
                yield line
            else:
                return

    def next(self) -> BareLine | None:
        """The next line; None at the end."""
        return self.waiting.pop() if self.waiting else next(self.lines, None)

    def give_back(self, lines: list[BareLine]) -> None:
        """These lines come next, in this order."""
        self.waiting.extend(reversed(lines))
