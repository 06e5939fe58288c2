"""Records of CSV and TSV whose dialect is known: no stray quote swallows a line, and no line is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from munjang.data.readers.lines import MAX_LINE, Line

QUOTE = '"'
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
LOOK_AHEAD = 1_000  # lines that one quoted record may span before its quote counts as stray


@dataclass(frozen=True)
class Dialect:
    """How a line becomes fields. delimiter None: the whole line is one field."""

    delimiter: str | None
    quoted: bool

    def __str__(self) -> str:
        name = DELIMITERS.get(self.delimiter or "", "no")
        return f"{name} delimiter, {'quoted' if self.quoted else 'unquoted'}"


class CsvRecord(NamedTuple):
    """One record: the line it starts on, its fields, and the lines as they stood; `problem` as in Line."""

    line: int
    fields: list[str]
    raw: str
    problem: str = ""


class Unclosed(Exception):
    """A quote opens and the text ends before it closes."""


class Malformed(Exception):
    """Something other than a delimiter follows a closing quote."""


def split_plain(text: str, delimiter: str | None) -> list[str]:
    """The fields of an unquoted line; a quote is a character like any other."""
    return [text] if delimiter is None else text.split(delimiter)


def split_quoted(text: str, delimiter: str | None) -> list[str]:
    """The fields of a record in which a field may stand in quotes, doubled inside (RFC 4180).

    A quote inside an unquoted field is a character. Raises Unclosed or Malformed.
    """
    fields, place, size = [], 0, len(text)
    while True:
        if text.startswith(QUOTE, place):
            end = text.find(QUOTE, place + 1)
            while end >= 0 and text.startswith(QUOTE, end + 1):
                end = text.find(QUOTE, end + 2)
            if end < 0:
                raise Unclosed
            fields.append(text[place + 1 : end].replace(QUOTE * 2, QUOTE))
            place = end + 1
            if place < size and (delimiter is None or not text.startswith(delimiter, place)):
                raise Malformed
        else:
            end = -1 if delimiter is None else text.find(delimiter, place)
            end = size if end < 0 else end
            fields.append(text[place:end])
            place = end
        if place >= size:
            return fields
        place += 1  # over the delimiter; at the end of the text an empty last field follows


def records(lines: Iterable[Line], dialect: Dialect, width: int) -> Iterator[CsvRecord]:
    """Every record of `width` fields; a line that cannot be one comes with its `problem`, and no line is skipped.

    A quote that never closes, or closes where no field ends, is taken as a character of its line, so that the lines
    after it are read for themselves.
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
    """The record that starts on a line with a quote; takes further lines from `source` only where they belong to it."""
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
    """The record whose quoted field runs on over the next lines, or None where no such record is to be found."""
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
        # Between tabs, lines that are whole records each are records, not one text of several lines.
        if record.problem or (dialect.delimiter == "\t" and plain == {width}):
            return None
        source.drop(count)
        return record._replace(problem=problem, fields=[] if problem else record.fields)
    return None


def sized(line: int, fields: list[str], raw: str, width: int) -> CsvRecord:
    """A record checked for its number of fields; empty fields beyond the last column are let go."""
    while len(fields) > width and not fields[-1]:
        fields.pop()
    if len(fields) == width:
        return CsvRecord(line, fields, raw)
    if not raw.strip():
        return CsvRecord(line, [], raw, "empty line")
    return CsvRecord(line, [], raw, f"too {'few' if len(fields) < width else 'many'} fields, {len(fields)} for {width}")


class LineQueue:
    """Lines of an iterator with a look ahead; looked-at lines are kept until they are taken."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines, self.waiting = iter(lines), deque()

    def next(self) -> Line | None:
        """The next line, None at the end."""
        return self.waiting.popleft() if self.waiting else next(self.lines, None)

    def peek(self, limit: int) -> Iterator[Line]:
        """Up to `limit` lines to come, none taken; at most as many characters as one line may have."""
        size = 0
        for place in range(limit):
            if place == len(self.waiting):
                line = next(self.lines, None)
                if line is None:
                    return
                self.waiting.append(line)
            size += len(self.waiting[place].text)
            if size > MAX_LINE:
                return
            yield self.waiting[place]

    def drop(self, count: int) -> None:
        """Take the next `count` lines."""
        for _ in range(count):
            self.waiting.popleft()
