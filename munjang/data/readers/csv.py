"""Records of CSV and TSV with a known dialect: no stray quote swallows a line, and no line is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from munjang.data.readers.lines import MAX_LINE, Line
from munjang.translation import N_, _

QUOTE = '"'
DELIMITERS = {
    "\t": N_("tab delimiter"),
    ",": N_("comma delimiter"),
    ";": N_("semicolon delimiter"),
    "|": N_("bar delimiter"),
    None: N_("no delimiter"),
}
LOOK_AHEAD = 1_000  # lines that one quoted record may span before its quote counts as stray


@dataclass(frozen=True)
class Dialect:
    """How a line becomes fields. delimiter None: the whole line is one field."""

    delimiter: str | None
    quoted: bool

    def __str__(self) -> str:
        delimiter = _(DELIMITERS.get(self.delimiter, DELIMITERS[None]))
        if self.quoted:
            return _("{delimiter}, quoted", delimiter=delimiter)
        return _("{delimiter}, unquoted", delimiter=delimiter)


class CsvRecord(NamedTuple):
    """One record: the line it starts on, its fields, and its unchanged lines; `problem` as in Line."""

    line: int
    fields: list[str]
    raw: str
    problem: str = ""


class Unclosed(Exception):
    """A quote opens and the text ends before it closes."""


class Malformed(Exception):
    """Something other than a delimiter follows a closing quote."""


def split_plain(text: str, delimiter: str | None) -> list[str]:
    """The fields of an unquoted line; a quote is an ordinary character."""
    return [text] if delimiter is None else text.split(delimiter)


def split_quoted(text: str, delimiter: str | None) -> list[str]:
    """The fields of a record whose fields may be quoted, with quotes doubled inside (RFC 4180).

    A quote inside an unquoted field is an ordinary character. Raises Unclosed or Malformed.
    """
    fields, start, size = [], 0, len(text)
    while True:
        if text.startswith(QUOTE, start):
            end = text.find(QUOTE, start + 1)
            while end >= 0 and text.startswith(QUOTE, end + 1):
                end = text.find(QUOTE, end + 2)
            if end < 0:
                raise Unclosed
            fields.append(text[start + 1 : end].replace(QUOTE * 2, QUOTE))
            start = end + 1
            if start < size and (delimiter is None or not text.startswith(delimiter, start)):
                raise Malformed
        else:
            end = -1 if delimiter is None else text.find(delimiter, start)
            end = size if end < 0 else end
            fields.append(text[start:end])
            start = end
        if start >= size:
            return fields
        start += 1  # skips the delimiter; a delimiter at the end of the text is followed by an empty field


def records(lines: Iterable[Line], dialect: Dialect, width: int) -> Iterator[CsvRecord]:
    """Every record of `width` fields; a line that is not one has a `problem`, and no line is skipped.

    A quote that never closes, or closes where no field ends, is read as an ordinary character, so that the lines after
    it are still read one by one.
    """
    source = LineQueue(lines)
    while (line := source.next()) is not None:
        text = line.text.removesuffix("\r")
        if line.problem:
            yield CsvRecord(line.number, [], text, line.problem)
        elif not dialect.quoted or QUOTE not in text:
            yield sized(line.number, split_plain(text, dialect.delimiter), text, width)
        else:
            yield quoted_record(line, source, dialect, width)


def quoted_record(line: Line, source: LineQueue, dialect: Dialect, width: int) -> CsvRecord:
    """The record that starts on a line with a quote; takes more lines from `source` only if they belong to it."""
    text, delimiter = line.text.removesuffix("\r"), dialect.delimiter
    plain = split_plain(text, delimiter)
    try:
        fields = split_quoted(text, delimiter)
    except Malformed:
        fields = plain
    except Unclosed:
        return spanning_record(line, source, dialect, width) or sized(line.number, plain, text, width)
    return sized(line.number, fields if len(fields) == width or len(plain) != width else plain, text, width)


def spanning_record(line: Line, source: LineQueue, dialect: Dialect, width: int) -> CsvRecord | None:
    """The record with a quoted field that continues on the next lines, or None if there is no such record."""
    parts, problem = [line.text], ""
    plain = {len(split_plain(line.text, dialect.delimiter))}
    for count, ahead in enumerate(source.peek(LOOK_AHEAD), 1):
        parts.append(ahead.text)
        problem = problem or ahead.problem
        plain.add(len(split_plain(ahead.text, dialect.delimiter)))
        if QUOTE not in ahead.text:
            continue
        raw = "\n".join(parts).removesuffix("\r")
        try:
            fields = split_quoted(raw, dialect.delimiter)
        except Unclosed:
            continue
        except Malformed:
            return None
        record = sized(line.number, fields, raw, width)
        # In TSV, lines that are each a whole record are separate records, not one text of several lines.
        if record.problem or (dialect.delimiter == "\t" and plain == {width}):
            return None
        source.drop(count)
        return record._replace(problem=problem, fields=[] if problem else record.fields)
    return None


def sized(line: int, fields: list[str], raw: str, width: int) -> CsvRecord:
    """A record with its number of fields checked; empty fields after the last column are dropped."""
    while len(fields) > width and not fields[-1]:
        fields.pop()
    if len(fields) == width:
        return CsvRecord(line, fields, raw)
    if not raw.strip():
        return CsvRecord(line, [], raw, _("empty line"))
    if len(fields) < width:
        problem = _("too few fields, {fields} for {columns}", fields=len(fields), columns=width)
    else:
        problem = _("too many fields, {fields} for {columns}", fields=len(fields), columns=width)
    return CsvRecord(line, [], raw, problem)


class LineQueue:
    """The lines of an iterator, with a look ahead."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = iter(lines)
        self.waiting: deque[Line] = deque()  # lines that were looked at and not yet taken

    def next(self) -> Line | None:
        """The next line; None at the end."""
        return self.waiting.popleft() if self.waiting else next(self.lines, None)

    def peek(self, limit: int) -> Iterator[Line]:
        """Up to `limit` of the next lines, without taking them; together at most MAX_LINE characters."""
        size = 0
        for index in range(limit):
            if index == len(self.waiting):
                line = next(self.lines, None)
                if line is None:
                    return
                self.waiting.append(line)
            size += len(self.waiting[index].text)
            if size > MAX_LINE:
                return
            yield self.waiting[index]

    def drop(self, count: int) -> None:
        """Take the next `count` lines."""
        for __ in range(count):
            self.waiting.popleft()
