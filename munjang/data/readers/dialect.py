"""Detects how a text file is divided: into fields (delimiter, quotes, escapes), and into header and data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, starmap
from statistics import median
from typing import Any

from munjang.data.readers.columns import KNOWN_NAMES, OTHER_NAMES, normal_name
from munjang.data.readers.csv import APOSTROPHE, ESCAPE, NULL, QUOTE, BareLine, Dialect, Shape, records
from munjang.data.readers.lines import Line
from munjang.data.readers.table import LONGEST_NAME, Row, cell_text

SAMPLE_LINES, SAMPLE_SIZE = 2_000, 200_000  # lines and characters to look at
HEADER_SEARCH = 20  # rows to look for the header in
SAMPLE_ROWS = 200  # rows to compare the header with
MOST_MISSING = 20  # cells at the end of a row
USUAL_SHARE = 0.1  # of the rows: where so many end early, at the same column, their last cells are missing
AGREEING, NAMED = 0.6, 0.3  # the share of records that must agree; under a header with a known name, fewer do
UNANIMOUS = 0.98
PIECES_SHARE = 0.3  # of the rows after short ones do not fit: about half do not where records are cut in two
RARE_VALUE = 0.1  # of how often a column's values are on average; a rarer one is none of its few values
MISSING_WEIGHT = 0.7  # found by trial: with 1 a wrong reading with more cells wins, with 0.4 one with fewer good rows
HALF_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*$')
SPACED_CELL = re.compile(r"""("(?:[^"\\]|\\.|"")*+"|-?\d[\d.e+-]*|NA|TRUE|FALSE)(?: |$)""")  # as R writes
SPACED_QUOTE, UNCLOSED = re.compile(r' +"'), re.compile(r"'[^']*$")
DIGITS = frozenset("0123456789")
NUMERIC = DIGITS | frozenset(" .,:/+-%")  # also of dates and times
NO_VALUE = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")
NUMBER_NAMES = ("no", "no.", "번호", "순번", "연번", "index", "idx")
LONE_ESCAPE = re.compile(r"\\[\w ]")
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
    def rank(self) -> float:
        """How good the layout is: its score, less for cells that rows lack and for quotes cut in two at a delimiter."""
        count = max(1, len(self.rows))
        missing = sum(max(0, self.shape.width - len(row.cells)) for row in self.rows) / (self.shape.width * count)
        is_plain = not self.dialect.quoted and self.dialect.delimiter != "\t"
        cut = sum(any(map(HALF_QUOTED.match, row.cells)) for row in self.rows) / count if is_plain else 0
        return self.score - MISSING_WEIGHT * missing - cut

    @property
    def is_named(self) -> bool:
        return self.header is not None and has_known_name(self.header)

    @property
    def lone_name(self) -> bool:
        """Whether the first line is nothing but a known name, and there is no other header: of a single column?"""
        filled_cells = (
            [cell for cell in self.rows[0].cells if cell.strip()] if self.header is None and self.rows else []
        )
        return len(filled_cells) == 1 and has_known_name(filled_cells)

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
    spaced = [] if delimiter else [spaced_cells(line.text.rstrip("\r")) for line in lines[:2]]
    if len(spaced) == 2 and all(spaced):
        of_r = best_layout(lines, cut, " ", True if header is None and spaced[0] < spaced[1] else header)
        if of_r and of_r.shape.width > 1 and {len(row.cells) for row in of_r.rows} == {of_r.shape.width}:
            return of_r
    for mark in (delimiter,) if delimiter else "\t,;|\x01" if kind != "csv" else ",;\t|\x01":
        if delimiter or any(mark in line.text for line in lines):
            found += filter(None, [best_layout(lines, cut, mark, header)])
        if found and found[-1].rank == 1 and found[-1].is_table and kind != "txt" and not found[-1].lone_name:
            return found[-1]
    tables = [layout for layout in found if delimiter or (layout.is_table and (kind != "txt" or sure(layout)))]
    if tables:
        best = max(tables, key=lambda layout: layout.rank)  # the first of equal ones
        if best.score < AGREEING and any(layout.is_named for layout in tables if layout is not best):
            return replace(best, score=0)  # two files in one
        return one_column(best, lines, cut) if best.lone_name and not delimiter and header is None else best
    if kind == "txt" and header is None:
        return None
    named = [layout for layout in found if layout.is_named and layout.shape.width > 1]
    return max(named, key=lambda layout: layout.rank) if named else best_layout(lines, cut, None, header)


def spaced_cells(text: str) -> int:
    """How many cells between spaces a line of R has, whose texts are in quotes; 0 if it is no such line."""
    count = position = 0
    while text[:1] == QUOTE and position < len(text):
        cell = SPACED_CELL.match(text, position)
        if not cell:
            return 0
        count, position = count + 1, cell.end()
    return count


def one_column(table: Layout, lines: Sequence[Line], cut: bool) -> Layout | None:
    """The layout of texts in a single column under its name, whose commas make them look like a table.

    Where all of them look alike, the name may as well be a title: the score is then 0, so that the user is asked.
    """
    alike = all(len(row.cells) == table.shape.width for row in table.rows[1:])
    layout = best_layout(lines, cut, None, True)
    return replace(layout, score=0) if layout and alike else layout


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
        if layout and (best is None or layout.rank > best.rank) and not escapes_some(lines, layout):
            best = layout
        if best and best.rank == 1:  # none can be better
            break
    spaced, single = Dialect(delimiter, True, spaced=True), Dialect(delimiter, True, quote=APOSTROPHE)
    for mark, dialect in ((SPACED_QUOTE, spaced), (UNCLOSED, single)) if delimiter else ():
        if best and any(mark.match(cell) for row in (*best.rows, *best.above) for cell in row.cells):
            other = layout_with(lines, cut, dialect, header)
            best = other if other and other.rank >= best.rank else best
    return best


def escapes_some(lines: Sequence[Line], layout: Layout) -> bool:
    """Whether an unquoted layout has escapes, but other delimiters or backslashes in its texts without one.

    A program escapes all of them; by hand, a text just ends with a backslash. Between tabs rows may be cut otherwise.
    """
    if layout.dialect.quoted or not layout.dialect.escaped or layout.dialect.delimiter == "\t":
        return False
    too_long = any(filled(row.cells) > layout.shape.width for row in layout.rows)
    return too_long or any(LONE_ESCAPE.search(line.text.replace(ESCAPE * 2, "")) for line in lines)


def dialects(lines: Sequence[Line], delimiter: str | None) -> list[Dialect]:
    """The dialects to try, the likeliest first; each must be better than those before it."""
    quoted, plain, single = Dialect(delimiter, True), Dialect(delimiter, False), Dialect(delimiter, True, quote="'")
    texts = [line.text.rstrip("\r") for line in lines if not line.problem]
    has_quotes = any(QUOTE in text for text in texts)
    escapes = [text for text in texts if ESCAPE in text] if delimiter else []
    singles = [single] if delimiter and any(APOSTROPHE in text for text in texts) else []
    if singles and all(re.fullmatch("'.+'", cell) for cell in plain.split(next(filter(str.strip, texts)))):
        return [single, quoted, plain]
    if not has_quotes and not escapes:
        chosen = [plain if delimiter == "\t" else quoted]
        return chosen + singles
    chosen = [quoted, plain]
    if delimiter == "\t" and not quoted_throughout(texts, delimiter):
        chosen.reverse()
    escaped = [Dialect(delimiter, chosen[0].quoted and has_quotes, True)]
    if has_quotes:
        escaped.append(replace(escaped[0], quoted=not escaped[0].quoted))
    if any(NULL in plain.split(text) for text in escapes):
        return [*escaped, *chosen]
    if only_escaped(texts, delimiter):
        return [escaped[0], *chosen, *escaped[1:]]
    if any(ESCAPE + QUOTE in text for text in escapes):
        chosen.insert(chosen.index(quoted) + 1, Dialect(delimiter, True, True))
    return chosen + escaped * bool(escapes) + singles


def only_escaped(texts: Sequence[str], delimiter: str | None) -> bool:
    """Whether every quote within a field has a backslash before it, and there is one."""
    end = re.escape(delimiter or "\n")
    within = re.compile(rf'(?<!^)(?<!{end})"(?!{end}|$)')
    bare = [re.sub(r"\\.", "", text) for text in texts if ESCAPE + QUOTE in text]
    return bool(bare) and not any(within.search(text) for text in (*bare, *texts) if ESCAPE not in text)


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
    shape = shape_of(names, body, rows, dialect.delimiter)
    shape = replace(shape, values=few_values(lines, start, dialect, shape.width))
    score = agreement([line for line in lines if line.number >= start], dialect, shape, above)
    return Layout(dialect, shape, names, rows[:above], body, start, score)


def shape_of(names: tuple[str, ...] | None, body: Sequence[Row], rows: Sequence[Row], delimiter: str | None) -> Shape:
    """The number of columns, and how few fields a row may have. body: the rows after the header."""
    if names is None:
        width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
        return Shape(width, width)
    width, counts = len(names), Counter(filled(row.cells) for row in body)
    if counts[width + 1] > len(body) / 2 and (delimiter == " " or has_index(names, body)):
        return Shape(width + 1, width + 1)
    full = len(body) - sum(count for size, count in counts.items() if size < width)
    usual = [
        size
        for size, count in counts.items()
        if max(2, width - MOST_MISSING) <= size < width
        and (count > full or count > 2)
        and count >= USUAL_SHARE * len(body)
    ]
    least = min(usual, default=width)
    return Shape(width, width if least < width and are_pieces(body, names, least) else least)


def few_values(lines: Sequence[Line], start: int, dialect: Dialect, width: int) -> tuple[frozenset[str] | None, ...]:
    """For each column its values, or None where they are many, by the lines from `start` without a quote.

    Values that are much rarer than the others do not count: they may be from the middle of a text of several lines.
    """
    texts = [line.text.rstrip("\r") for line in lines if line.number > start and dialect.quote not in line.text]
    columns = list(zip(*(fields for fields in map(dialect.split, texts) if len(fields) == width), strict=True))
    counts = [Counter(map(str.strip, cells)) for cells in columns]
    few = [
        frozenset(value for value, count in found.items() if count * len(found) >= RARE_VALUE * len(texts))
        if len(texts) >= 2 * len(found)
        else None
        for found in counts
    ]
    return tuple(few) if any(few) else ()


def has_index(names: Sequence[str], body: Sequence[Row]) -> bool:
    """Whether rows with a cell more than the header begin with their numbers, as R writes them.

    Otherwise the further cell may be part of a text with an unquoted comma.
    """
    first = [row.cells[0] for row in body if len(row.cells) > len(names)]
    is_id = normal_name(names[0]) in OTHER_NAMES  # the numbers that the header does name
    return not is_id and len(first) == len(body) == len(set(first)) and all(map(is_number, first))


def are_pieces(body: Sequence[Row], names: Sequence[str], least: int) -> bool:
    """Whether the rows with too few cells are the pieces of records that an unquoted line break has cut in two.

    The row after a piece then begins in the middle of a record, so its cells are of other kinds than their columns.
    Where the columns have no kind, pieces are known by coming in pairs with as many cells as a record, or by some with
    fewer cells than the `least` that many have.
    """
    sizes = [len(row.cells) for row in body]
    if lacks_numbers(body, names):
        return True
    for usual in {max(sizes), len(names)}:
        short = [size < usual for size in sizes]
        whole = [row for row, *cut in zip(body, short, [False, *short], strict=False) if not any(cut)]
        after = [row for row, cut in zip(body[1:], short, strict=False) if cut]
        if not whole and 1 in sizes:
            return True
        if not whole:  # every record may be in two pieces
            whole, after = body[::2], body[1::2]
        kinds = fields_wanted([row.cells for row in whole])
        decided = [vote for row in after if (vote := fits_columns(row.cells, kinds)) is not None]
        if decided and decided.count(False) > PIECES_SHARE * len(decided):
            return True
        if not decided and (in_pairs(sizes, usual) or any(size < least for size in sizes[:-1])):
            return True
    return False


def lacks_numbers(body: Sequence[Row], names: Sequence[str]) -> bool:
    """Whether rows after too short ones have words in the column of the numbers of rows, where other rows have numbers.

    That is known by its name, also where there are too few rows to tell.
    """
    for column, name in enumerate(names):
        if normal_name(name) in NUMBER_NAMES:
            are = [len(row.cells) > column and cell_kind(row.cells[column]) == "number" for row in body]
            after = [numbered for row, numbered in zip(body, are[1:], strict=False) if len(row.cells) < len(names)]
            if after.count(False) > PIECES_SHARE * len(after) and any(are):
                return True
    return False


def in_pairs(sizes: Sequence[int], usual: int) -> bool:
    """Whether sizes below the usual one come in pairs that are a record, as often as is no chance."""
    runs = [list(run) for is_short, run in groupby(sizes, lambda size: size < usual) if is_short]
    pairs = [sum(pair) for run in runs for pair in zip(run[::2], run[1::2], strict=False)]
    in_two = all(len(run) % 2 == 0 for run in runs) and all(size == usual + 1 for size in pairs)
    return in_two and (len(runs) > 2 or any(len(set(run)) > 1 for run in runs))


def fields_wanted(rows: Sequence[Sequence[Any]]) -> list[set[Any] | None]:
    """What the filled cells of a column may be: its values where they are few, any number ({0}), or anything (None)."""
    kinds: list[set[Any] | None] = []
    for column in range(max(map(len, rows), default=0)):
        cells = [row[column] for row in rows if column < len(row) and cell_kind(row[column])]
        numbers = sum(cell_kind(cell) == "number" for cell in cells)
        few = len(set(map(cell_text, cells))) <= len(cells) / 2
        values = set(map(cell_text, cells)) if few and len(cells) > 9 else None  # fewer may lack a value
        kinds.append({0} if len(cells) > 1 and numbers >= 0.9 * len(cells) else values)
    return kinds


def fits_columns(cells: Sequence[Any], kinds: Sequence[set[Any] | None]) -> bool | None:
    """Whether filled cells are as their columns want them; None if these take anything."""
    votes = [
        cell_kind(cell) == "number" if kind == {0} else cell_text(cell) in kind
        for cell, kind in zip(cells, kinds, strict=False)
        if kind is not None and cell_kind(cell)
    ]
    return all(votes) if votes else None


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
    best, score = layout.dialect, -1.0
    for dialect in dict.fromkeys([*dialects(lines, layout.dialect.delimiter), layout.dialect]):
        found = agreement(whole_records(lines, dialect), dialect, layout.shape)
        if found > score:
            best, score = dialect, found
        if score == 1:
            break
    return replace(layout, dialect=best)


def find_header(rows: Sequence[Sequence[Any]]) -> int | None:
    """The index of the row with the names of the columns; None: there is none.

    It is the first row with names that many files use, or else the first row, if its cells are of another kind than
    those below: words above numbers, names above longer texts. Rows with few cells above it, such as titles, are passed
    over; names may be missing.
    """
    counts = [sum(bool(cell_text(cell).strip()) for cell in row) for row in rows]
    enough = median([count for count in counts if count] or [0]) / 2
    wide = [index for index, count in enumerate(counts[:HEADER_SEARCH]) if count > enough]
    first = first_header(rows, counts, wide)
    for index in wide:
        if is_below_title(rows, index, first):
            return index
    return first


def first_header(rows: Sequence[Sequence[Any]], counts: Sequence[int], wide: Sequence[int]) -> int | None:
    """The header as in `find_header`, if no row above it has as many cells. counts: of the filled cells of each row."""
    for index in wide:
        above, below = counts[:index], rows[index + 1 :]
        if has_known_name(rows[index]) and not any(count >= counts[index] for count in above):
            if index == wide[0] and not come_again(rows[index], below, 0.5):
                return index
            if are_names(rows[index]) and not come_again(rows[index], below):
                return index
    return wide[0] if wide and is_other_kind(rows[wide[0]], rows[wide[0] + 1 :]) else None


def is_below_title(rows: Sequence[Sequence[Any]], index: int, first: int | None) -> bool:
    """Whether a row with more known names than the `first` one is the header, and those above it are no rows.

    With as many names it is, where its columns hold numbers. The same names in another order are a header again.
    """
    names, above, below = rows[index], [cells for cells in rows[:index] if filled(cells)], rows[index + 1 :]
    known, before = count_known(names), 1 if first is None else count_known(rows[first])
    if known < 2 or known < before or not above or not below or (first is not None and index <= first):
        return False
    if first is not None and {*map(cell_text, rows[first])} == {*map(cell_text, names)}:
        return False
    kinds = fields_wanted(below)
    like_rows = fits_columns(names, kinds)
    if not are_names(names) or come_again(names, below) or like_rows or (known == before and like_rows is None):
        return False
    return not any(fits_columns(cells, kinds) for cells in above)


def count_known(cells: Sequence[Any]) -> int:
    """How many cells are names that columns of texts, labels and the like usually have."""
    return sum(isinstance(cell, str) and normal_name(cell) in KNOWN_NAMES for cell in cells)


def has_known_name(cells: Sequence[Any]) -> bool:
    return count_known(cells) > 0


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
    only_names = are_names(cells)
    for column, word in words.items():
        under = [row[column] for row in below if column < len(row) and cell_kind(row[column])]
        kinds = [cell_kind(cell) for cell in under]
        if len(under) >= (1 if only_names else 3) and kinds.count("number") >= 0.9 * len(kinds):
            return True
        if under and only_names:
            lengths = [len(cell_text(cell)) for cell in under]
            if kinds.count(cell_kind(word)) <= 0.1 * len(kinds):
                return True
            if len(word) < min(lengths) and 2 * len(word) <= median(lengths):
                return True
    return not below and len(cells) > 1 and only_names


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
