"""A table from a file of any kind: named columns, rows in bounded memory, unusable rows set aside."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from munjang.data.readers.lines import MAX_LINE
from munjang.records import Removed
from munjang.translation import _, ngettext

SHOWN_NAMES, LONGEST_NAME = 8, 60  # columns that a note names, and characters of a name
HALF = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 50  # of lists and objects in each other
SHOWN = 3  # rows that `describe_rejected` gives with their reasons


class Row(NamedTuple):
    """One row: where it starts, and a cell for each column.

    line: counted from 1: the physical line (text files), or the row (Parquet; Excel, where the header counts). cells:
    texts from text files; the values of the file (numbers, None, lists) from JSON, Parquet and Excel. file: its file.
    """

    line: int
    cells: tuple[Any, ...]
    file: str


class Bad(NamedTuple):
    """A row that cannot be used: where it starts, why, and its text in the file."""

    line: int
    reason: str
    raw: str
    file: str


class OtherSheet(NamedTuple):
    """A sheet that is not read as the table: its name, its place among the sheets, and its rows."""

    name: str
    place: int
    hidden: bool
    rows: Iterator[list[Any]]


class Sheets(NamedTuple):
    """The sheet that a table comes from, its place among the sheets, and the others."""

    name: str
    place: int
    others: Callable[[], Iterator[OtherSheet]]


@dataclass
class Table:
    """A file opened for reading. `rows()` may be called again; each call reads the file from its start.

    columns: the names in the file, made distinct. notes: what was detected (encoding, delimiter, header).
    rejected: the rows set aside so far, in file order; `take_rejected()` empties it, for files of any size.
    types: pyarrow types by column for a Parquet file, else None. quoted: False for an unquoted TSV. sheets: of Excel.
    """

    file: str
    columns: tuple[str, ...]
    read: Callable[[], Iterator[Row | Bad]]
    notes: list[str] = field(default_factory=list)
    rejected: list[Removed] = field(default_factory=list)
    types: dict[str, Any] | None = None
    quoted: bool = True
    sheets: Sheets | None = None

    def rows(self) -> Iterator[Row]:
        """The usable rows in file order; the others go to `rejected`."""
        self.rejected.clear()
        for item in self.read():
            if item.__class__ is Row:
                yield item
            else:
                self.rejected.append(Removed(item.file, item.line, item.raw, "", "read", item.reason))

    def take_rejected(self) -> list[Removed]:
        """The rows set aside since the last call."""
        taken = list(self.rejected)
        self.rejected.clear()
        return taken


def cell_text(value: Any) -> str:
    """A cell as text: None is "", 3.0 is "3", True is "True", dates are ISO, lists and dicts JSON."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat(sep=" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "as_py"):  # a time with nanoseconds from pyarrow
        return value.cast("string").as_py()
    return str(value)


def checked_row(line: int, cells: Sequence[Any], file: str) -> Row | Bad:
    """A row from a file whose lines were not checked before: NUL, half characters and giant texts make it Bad."""
    for cell in cells:
        if isinstance(cell, str):
            problem = text_problem(cell)
        elif isinstance(cell, (list, dict)):
            problem = problem_in(cell)
        else:
            continue
        if problem:
            raw = json.dumps([cell_text(item)[:1000] for item in cells], ensure_ascii=False)
            return Bad(line, problem, printable(raw), file)
    return Row(line, tuple(cells), file)


def problem_in(cell: Any) -> str:
    """Why a cell cannot be used, or "": the first problem of a text in it."""
    level, depth = [cell], 0
    while level:
        for part in level:
            if isinstance(part, str) and (problem := text_problem(part)):
                return problem
        level = [
            inner
            for part in level
            if isinstance(part, (list, dict))
            for inner in ([*part, *part.values()] if isinstance(part, dict) else part)
        ]
        depth += 1
        if depth > MAX_DEPTH:
            return _("lists or objects in each other, more than {depth} deep", depth=MAX_DEPTH)
    return ""


def text_problem(text: str) -> str:
    """Why a text cannot be used, or ""."""
    if len(text) > MAX_LINE:
        return _("a text of {size:,} characters, the limit is {limit:,}", size=len(text), limit=MAX_LINE)
    if "\0" in text:
        return _("it holds a NUL byte")
    if not text.isascii() and HALF.search(text):
        return _("it holds half a character (undecodable bytes, or a lone surrogate)")
    return ""


def printable(text: str) -> str:
    """The text with characters that no file can hold shown as \\x00 or \\udc80."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def distinct(names: Sequence[Any]) -> tuple[str, ...]:
    """Column names from header cells: trimmed, printable, numbered if empty (column3), a repeated name with _2."""
    columns: dict[str, None] = {}
    suffixes: Counter[str] = Counter()
    for number, name in enumerate(names, 1):
        base = unique = printable(cell_text(name)).strip().strip("\ufeff") or f"column{number}"
        while unique in columns:
            suffixes[base] += 1
            unique = f"{base}_{suffixes[base] + 1}"
        columns[unique] = None
    return tuple(columns)


def short_list(names: Sequence[str]) -> str:
    """The first names, and how many there are where these are not all."""
    shown = ", ".join(name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…" for name in names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown}, … ({len(names)})"


def header_note(path: Path, named: bool, columns: Sequence[str], guess: int = 0) -> str:
    """The note on the names of the columns. guess: the row that was taken for the header without a usual name in it."""
    if named and guess:
        return _(
            "{path}: row {row} is taken for the names of the columns: {names}; {option:header_row=0} says otherwise",
            path=path,
            row=guess,
            names=short_list(columns),
        )
    if named:
        return _("{path}: columns {names}", path=path, names=short_list(columns))
    return _(
        "{path}: no header row found, so the columns are called {names}; {option:header_row=1} says otherwise",
        path=path,
        names=short_list(columns),
    )


def above_note(path: Path, texts: Sequence[str]) -> list[str]:
    """A note of the rows above the header, if they hold a text; none otherwise."""
    if not any(texts):
        return []
    note = ngettext(
        "{path}: the {count:,} line above the header is left out: {texts}",
        "{path}: the {count:,} lines above the header are left out: {texts}",
        len(texts),
        path=path,
        texts=short_list([f"'{text}'" for text in texts if text]),
    )
    return [note]


def describe_rejected(rejected: Sequence[Removed]) -> str:
    """One line for the user: how many rows were set aside, and the first of them with line and reason."""
    if not rejected:
        return ""
    rows = [_("line {line}: {reason}", line=row.line, reason=row.reason) for row in rejected[:SHOWN]]
    if len(rejected) > SHOWN:
        rows.append(_("and {rows:,} more", rows=len(rejected) - SHOWN))
    files = Counter(row.file for row in rejected)
    name = next(iter(files)) if len(files) == 1 else ngettext("{count:,} file", "{count:,} files", len(files))
    return ngettext(
        "{file}: {count:,} row set aside: {rows}.",
        "{file}: {count:,} rows set aside: {rows}.",
        len(rejected),
        file=name,
        rows="; ".join(rows),
    )
