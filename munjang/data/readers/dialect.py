"""Detects how a text file is divided: into fields (delimiter, quotes, escapes), and into header and data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from statistics import median
from typing import Any

from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.csv import ESCAPE, NULL, QUOTE, BareLine, Dialect, Shape, records
from munjang.data.readers.lines import Line
from munjang.data.readers.table import LONGEST_NAME, Row, cell_text

SAMPLE_LINES, SAMPLE_SIZE = 2_000, 200_000  # lines and characters to look at
HEADER_SEARCH = 20  # rows to look for the header in
SAMPLE_ROWS = 200  # rows to compare the header with
MOST_MISSING = 20  # cells at the end of a row
USUAL_SHARE = 0.1  # of the rows: where so many end early, at the same column, their last cells are missing
AGREEING, NAMED = 0.6, 0.3  # the share of records that must agree; under a header with a known name, fewer do
UNANIMOUS = 0.98
DIGITS = frozenset("0123456789")
NUMERIC = DIGITS | frozenset(" .,:/+-%")  # also of dates and times
NO_VALUE = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")
NAME = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """How a sample of lines is divided, and the share of it that is as it should be.

    header: its cells; None without one. above: the records before it. rows: those after it. start: the line of the
    header, or of the first record.
    """

    dialect: Dialect
    shape: Shape
    header: tuple[str, ...] | None
    above: Sequence[Row]
    rows: Sequence[Row]
    start: int
    score: float

    @property
    def names(self) -> tuple[str, ...]:
        """The cells of the header for every column. Where rows have one cell more, it is the first, as in pandas."""
        header = self.header or ()
        return ("",) * (self.shape.width - len(header)) + header

    @property
    def is_named(self) -> bool:
        return self.header is not None and has_known_name(self.header)

    @property
    def is_table(self) -> bool:
        """Whether the records agree well enough to be those of a table with several columns."""
        return self.shape.width > 1 and self.score >= (NAMED if self.is_named else AGREEING)


def sample_lines(lines: Iterable[BareLine]) -> tuple[list[Line], bool]:
    """The first lines, and whether there are more."""
    sample, size = [], 0
    for line in starmap(Line, lines):
        if len(sample) == SAMPLE_LINES or size > SAMPLE_SIZE:
            return sample, True
        sample.append(line)
        size += len(line.text)
    return sample, False


def find_layout(
    lines: Sequence[Line], cut: bool, kind: str, delimiter: str | None = None, header: bool | None = None
) -> Layout | None:
    """The layout under which the records of the sample agree best; None: they are lines of text, not a table.

    Its score is below NAMED where the file has a header that its records do not fit under any delimiter.
    cut: whether the file goes on. kind: "csv", "tsv" or "txt" (or an unknown ending). delimiter, header: given by the
    user; header True means the first record, False none.
    """
    found: list[Layout] = []
    for mark in (delimiter,) if delimiter else "\t,;|" if kind != "csv" else ",;\t|":
        if delimiter or any(mark in line.text for line in lines):
            found += filter(None, [best_layout(lines, cut, mark, header)])
        if found and found[-1].score == 1 and found[-1].is_table and kind != "txt":
            return found[-1]
    tables = [layout for layout in found if delimiter or (layout.is_table and (kind != "txt" or sure(layout)))]
    if tables:
        return max(tables, key=lambda layout: layout.score)  # the first of equal ones
    if kind == "txt" and header is None:
        return None
    named = [layout for layout in found if layout.is_named and layout.shape.width > 1]
    return max(named, key=lambda layout: layout.score) if named else best_layout(lines, cut, None, header)


def sure(layout: Layout) -> bool:
    """Whether lines of an unknown kind are a table: their marks could be the signs of sentences.

    Between tabs that is so. Otherwise every line must agree, and there must be known names or a column of few values.
    """
    if layout.dialect.delimiter == "\t" or layout.is_named:
        return True
    columns = list(zip(*(row.cells for row in layout.rows if len(row.cells) == layout.shape.width), strict=True))
    short = any(len(set(cells)) <= len(cells) / 2 and max(map(len, cells)) <= LONGEST_NAME for cells in columns)
    return layout.score >= UNANIMOUS and (short or any(all(map(is_number, cells)) for cells in columns))


def best_layout(lines: Sequence[Line], cut: bool, delimiter: str | None, header: bool | None) -> Layout | None:
    """The layout with the quoting under which most of the sample agrees."""
    best: Layout | None = None
    for dialect in dialects(lines, delimiter):
        layout = layout_with(lines, cut, dialect, header)
        if layout and (best is None or layout.score > best.score):
            best = layout
        if best and best.score == 1:  # none can be better
            break
    return best


def dialects(lines: Sequence[Line], delimiter: str | None) -> list[Dialect]:
    """The dialects to try, the likeliest first; each must be better than those before it."""
    quoted, plain = Dialect(delimiter, True), Dialect(delimiter, False)
    texts = [line.text.removesuffix("\r") for line in lines if not line.problem]
    has_quotes = any(QUOTE in text for text in texts)
    escapes = [text for text in texts if ESCAPE in text] if delimiter else []
    if not has_quotes and not escapes:
        return [plain if delimiter == "\t" else quoted]
    chosen = [quoted, plain]
    if delimiter == "\t" and not quoted_throughout(texts, delimiter):
        chosen.reverse()
    escaped = [Dialect(delimiter, chosen[0].quoted and has_quotes, True)]
    escaped.append(replace(escaped[0], quoted=not escaped[0].quoted))
    if any(NULL in plain.split(text) for text in escapes):
        return [*escaped, *chosen]
    if any(ESCAPE + QUOTE in text for text in escapes):
        chosen.insert(chosen.index(quoted) + 1, Dialect(delimiter, True, True))
    return chosen + escaped * bool(escapes)


def quoted_throughout(texts: Sequence[str], delimiter: str) -> bool:
    """Whether a column is in quotes in every row but the header.

    Between tabs, single fields in quotes do not make a quoted file: in the files of NSMC they are part of the texts.
    """
    rows = [text.split(delimiter) for text in texts[1:] if text.strip()] or [[]]
    return any(all(len(row) > column and row[column][:1] == QUOTE for row in rows) for column in range(len(rows[0])))


def layout_with(lines: Sequence[Line], cut: bool, dialect: Dialect, header: bool | None) -> Layout | None:
    """The layout of the sample in this dialect; None if it has no record."""
    lines = whole_records(lines, dialect) if cut else lines
    rows = [item for item in records(lines, dialect, None) if isinstance(item, Row)]
    if not rows:
        return None
    first = 0 if header else None
    if header is None:
        first = find_header([row.cells for row in rows[:SAMPLE_ROWS]])
    names, above = (None, 0) if first is None else (rows[first].cells, first)
    body, start = rows[0 if first is None else first + 1 :], rows[above].line
    shape = shape_of(names, [filled(row.cells) for row in body], rows)
    score = agreement([line for line in lines if line.number >= start], dialect, shape, above)
    return Layout(dialect, shape, names, rows[:above], body, start, score)


def shape_of(names: tuple[str, ...] | None, body: Sequence[int], rows: Sequence[Row]) -> Shape:
    """The number of columns, and how few fields a row may have.

    body: for each row the number of fields up to its last filled one.
    """
    if names is None:
        width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
        return Shape(width, width)
    width, counts = len(names), Counter(body)
    if counts[width + 1] > len(body) / 2:
        return Shape(width + 1, width + 1)
    full = len(body) - sum(count for size, count in counts.items() if size < width)
    usual = [
        size
        for size, count in counts.items()
        if max(2, width - MOST_MISSING) <= size < width
        and (count > full or (count > 2 and count >= USUAL_SHARE * len(body)))
    ]
    return Shape(width, min(usual, default=width))


def whole_records(lines: Sequence[Line], dialect: Dialect) -> Sequence[Line]:
    """The lines of a sample without the record at its end that goes on after it."""
    slips: list[int] = []
    for __ in records(lines, dialect, None, slips=slips):
        pass
    end = slips[-1] - lines[0].number if slips else 0
    return lines[:end] if end > len(lines) / 2 else lines


def agreement(lines: Sequence[Line], dialect: Dialect, shape: Shape, above: int = 0) -> float:
    """The share of the lines that belong to records as they should be; empty and damaged lines do not count.

    above: how many lines before these are not among the records.
    """
    slips: list[int] = []
    items = list(records(lines, dialect, shape, slips=slips))
    slipped, starts = set(slips), [item.line for item in items]
    ends = [*starts[1:], lines[-1].number + 1]
    damaged = {line.number for line in lines if line.problem}
    weights = [
        (isinstance(item, Row) and item.line not in slipped, end - item.line)
        for item, end in zip(items, ends, strict=True)
        if item.line not in damaged and (isinstance(item, Row) or item.raw.strip())
    ]
    return sum(weight for good, weight in weights if good) / max(1, above + sum(weight for __, weight in weights))


def requoted(layout: Layout, lines: Sequence[Line]) -> Layout:
    """The layout with the quoting that suits other lines of the file better, if there is one."""
    scores = {
        dialect: agreement(whole_records(lines, dialect), dialect, layout.shape)
        for dialect in [layout.dialect, *dialects(lines, layout.dialect.delimiter)]
    }
    return replace(layout, dialect=max(scores, key=scores.__getitem__))


def find_header(rows: Sequence[Sequence[Any]]) -> int | None:
    """The index of the row with the names of the columns; None: there is none.

    It is the first row with names that many files use, or else the first row, if its cells are of another kind than
    those below: words above numbers, names above longer texts. Rows with few cells above it, such as titles, are passed
    over; names may be missing.
    """
    counts = [sum(bool(cell_text(cell).strip()) for cell in row) for row in rows]
    enough = median([count for count in counts if count] or [0]) / 2
    wide = [index for index, count in enumerate(counts[:HEADER_SEARCH]) if count > enough]
    for index in wide:
        above, below = counts[:index], rows[index + 1 :]
        if has_known_name(rows[index]) and not any(count >= counts[index] for count in above):
            if index == wide[0] and not come_again(rows[index], below, 0.5):
                return index
            if are_names(rows[index]) and not come_again(rows[index], below):
                return index
    return wide[0] if wide and is_other_kind(rows[wide[0]], rows[wide[0] + 1 :]) else None


def has_known_name(cells: Sequence[Any]) -> bool:
    """Whether a cell is a name that columns of texts, labels and the like usually have."""
    return any(isinstance(cell, str) and normal_name(cell) in KNOWN_NAMES for cell in cells)


def words_in(cells: Sequence[Any]) -> dict[int, str]:
    """Column -> cell, of those that are no numbers and not empty."""
    return {column: cell for column, cell in enumerate(cells) if cell_kind(cell) in ("name", "text")}


def are_names(cells: Sequence[Any], *, distinct: bool = True) -> bool:
    """Whether the filled cells are short words and no numbers."""
    words = list(words_in(cells).values())
    alone = len(words) == sum(bool(cell_kind(cell)) for cell in cells)
    return bool(words) and alone and is_short(words) and not (distinct and len(set(words)) < len(words))


def is_short(words: Sequence[str]) -> bool:
    return all(len(word) <= LONGEST_NAME for word in words)


def come_again(cells: Sequence[Any], below: Sequence[Sequence[Any]], share: float = 0) -> bool:
    """Whether this share of the words, at least one, occurs again in its column. A repeated header does not count."""
    others = [row for row in below if list(row) != list(cells)]
    words = words_in(cells)
    again = sum(any(column < len(row) and row[column] == word for row in others) for column, word in words.items())
    return again >= max(1, share * len(words))


def is_other_kind(cells: Sequence[Any], below: Sequence[Sequence[Any]]) -> bool:
    """Whether the words are names, and those below in some column are of another kind, or all much longer.

    Numbers may stand among them, such as years, if one of the words stands above several numbers.
    """
    words = words_in(cells)
    if not is_short(list(words.values())) or len(set(words.values())) < len(words) or come_again(cells, below):
        return False
    for column, word in words.items():
        under = [row[column] for row in below if column < len(row) and cell_kind(row[column])]
        kinds = [cell_kind(cell) for cell in under]
        if len(under) >= (1 if are_names(cells) else 3) and kinds.count("number") >= 0.9 * len(kinds):
            return True
        if under and are_names(cells):
            lengths = [len(cell_text(cell)) for cell in under]
            if kinds.count(cell_kind(word)) <= 0.1 * len(kinds):
                return True
            if len(word) < min(lengths) and 2 * len(word) <= median(lengths):
                return True
    return not below and len(cells) > 1 and are_names(cells)


def cell_kind(cell: Any) -> str:
    """number (also a date, or true and false), name (a word as programs name columns), text, or "" for no value."""
    if cell is None or (isinstance(cell, str) and cell.strip().casefold() in NO_VALUE):
        return ""
    if not isinstance(cell, str) or cell.casefold() in ("true", "false"):
        return "number"
    marks = set(cell)
    if (marks <= NUMERIC and not marks.isdisjoint(DIGITS)) or is_number(cell):
        return "number"
    return "name" if NAME.fullmatch(cell) else "text"


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def filled(cells: Sequence[Any]) -> int:
    """The number of cells up to the last filled one."""
    return next((column for column in range(len(cells), 0, -1) if cells[column - 1] not in (None, "")), 0)
