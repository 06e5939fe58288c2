"""Detects how a text file is divided into fields: the delimiter, and whether fields are quoted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from munjang.data.readers.csv import (
    QUOTE,
    Dialect,
    LineQueue,
    Malformed,
    Unclosed,
    spanning_record,
    split_plain,
    split_quoted,
)
from munjang.data.readers.lines import Line

EVIDENCE = 5_000  # lines with quotes to look at before quoting is decided


def find_delimiter(sample: Sequence[str], preferred: str, *, only: str = "\t,;|") -> str | None:
    """The delimiter that gives most sample lines as many fields as the first line; None if no delimiter does.

    sample: the first lines, beginning with the column names. preferred: wins a tie.
    """
    best, score = None, 0.5
    for delimiter in sorted(only, key=lambda item: item != preferred):
        width = header_width(sample, delimiter)
        if width < 2:
            continue
        alike = sum(width_of(line, delimiter) == width for line in sample) / len(sample)
        if delimiter == preferred and len(only) > 1:
            alike += (
                0.3  # the file ending suggests it; records of several lines make even the right delimiter look uneven
            )
        if alike > score:
            best, score = delimiter, alike
    return best


def header_width(lines: Sequence[str], delimiter: str | None, quoted: bool = True) -> int:
    """The number of columns in the header, which starts on the first of `lines`; a quoted name may have line breaks."""
    for count in range(1, min(20, len(lines)) + 1 if quoted else 1):
        try:
            return len(split_quoted("\n".join(lines[:count]).removesuffix("\r"), delimiter))
        except Unclosed:
            continue
        except Malformed:
            break
    return len(split_plain(lines[0], delimiter))


def width_of(line: str, delimiter: str | None) -> int:
    """The number of fields in a line; quotes count as quotes if they are well formed."""
    try:
        return len(split_quoted(line, delimiter))
    except (Unclosed, Malformed):
        return len(split_plain(line, delimiter))


def find_quoting(lines: Iterable[Line], delimiter: str | None, width: int, *, by_default: bool) -> bool:
    """Whether fields are quoted, judged by the lines with a quote.

    For it: quoted fields that need their quotes (a delimiter or a line break inside), and columns that are quoted in
    every line. Against it: lines that only make sense if quotes are ordinary characters.
    """
    seen, total = Counter(), 0
    columns: Counter[int] = Counter()
    source = LineQueue(lines)
    while (line := source.next()) is not None and seen["looked at"] < EVIDENCE:
        total += 1
        if QUOTE in line.text and not line.problem:
            kind, wrapped = quote_evidence(line, source, Dialect(delimiter, True), width)
            seen.update([kind, "looked at"])
            columns.update(wrapped)
    if seen["for"] or seen["against"]:
        return seen["for"] > seen["against"]
    throughout = any(count >= total - 1 for count in columns.values())  # the header may be unquoted
    return throughout or by_default


def quote_evidence(line: Line, source: LineQueue, dialect: Dialect, width: int) -> tuple[str, list[int]]:
    """What a line with a quote suggests: ("for", "against" or "neither", columns that are quoted without need).

    In TSV, doubled quotes do not count as a need: the file of NSMC has reviews that were quoted once before, and there
    the quotes are part of the texts.
    """
    text, tab = line.text.removesuffix("\r"), dialect.delimiter == "\t"
    plain = split_plain(text, dialect.delimiter)
    try:
        fields = split_quoted(text, dialect.delimiter)
    except Malformed:
        return "against", []
    except Unclosed:
        return ("for" if spanning_record(line, source, dialect, width) else "against"), []
    if len(fields) != width:
        return ("against" if len(plain) == width else "neither"), []
    starts = [column for column, field in enumerate(plain) if field.startswith(QUOTE)]
    if len(plain) != width or (starts and not tab and any(QUOTE in field for field in fields)):
        return ("for" if starts else "neither"), []
    return "neither", starts


def first_lines(lines: Iterable[Line], count: int) -> list[str]:
    """The first lines that are readable and not blank, without line ends."""
    good = (line.text.removesuffix("\r") for line in lines if not line.problem and line.text.strip())
    return list(islice(good, count))
