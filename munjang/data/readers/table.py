"""A table of any file kind: named columns, rows one after another in bounded memory, unusable rows set aside."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from munjang.data.readers.lines import MAX_LINE
from munjang.records import Removed


class Row(NamedTuple):
    """One row: where it starts, and a cell for each column.

    line: 1-based physical line (text files), row (Excel, the header counts), or row (Parquet). cells: texts from text
    files; whatever the file holds (numbers, None, lists) from JSON, Parquet and Excel. file: the file it stands in.
    """

    line: int
    cells: tuple[Any, ...]
    file: str


class Bad(NamedTuple):
    """A row that cannot be used: where it starts, why, and how it reads in the file."""

    line: int
    reason: str
    raw: str
    file: str


@dataclass
class Table:
    """A file opened for reading. `rows()` may be called again; each call reads the file from its start.

    columns: names as the file has them, made distinct. notes: what was found out (encoding, delimiter, header).
    rejected: the rows set aside so far, in file order; `take_rejected()` empties it, for files of any size.
    types: pyarrow types by column for a Parquet file, else None. quoted: False for an unquoted TSV.
    """

    file: str
    columns: tuple[str, ...]
    read: Callable[[], Iterator[Row | Bad]]
    notes: list[str] = field(default_factory=list)
    rejected: list[Removed] = field(default_factory=list)
    types: dict[str, Any] | None = None
    quoted: bool = True

    def rows(self) -> Iterator[Row]:
        """The usable rows in file order; the others go to `rejected`."""
        self.rejected.clear()
        for item in self.read():
            if isinstance(item, Row):
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
    if hasattr(value, "as_py"):  # pyarrow's, of a time with nanoseconds
        return value.cast("string").as_py()
    return str(value)


def checked_row(line: int, cells: Sequence[Any], file: str) -> Row | Bad:
    """A row of a file whose cells are not checked line by line: NUL, half characters and giant texts are refused."""
    for cell in cells:
        if isinstance(cell, str) and (problem := text_problem(cell)):
            raw = json.dumps([cell_text(item)[:1000] for item in cells], ensure_ascii=False)
            return Bad(line, problem, printable(raw), file)
    return Row(line, tuple(cells), file)


def text_problem(text: str) -> str:
    """Why a text cannot be used, or ""."""
    if len(text) > MAX_LINE:
        return f"a text of {len(text):,} characters, the limit is {MAX_LINE:,}"
    if "\0" in text:
        return "it holds a NUL byte"
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "it holds half a character (undecodable bytes, or a lone surrogate)"
    return ""


def printable(text: str) -> str:
    """The text with what no file can hold shown as \\x00 or \\udc80."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def distinct(names: Sequence[Any]) -> tuple[str, ...]:
    """Column names from header cells: trimmed, numbered where empty (column3), the second of a kind with _2."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        base = cell_text(name).strip().strip("\ufeff") or f"column{place}"
        number, unique = 2, base
        while unique in found:
            unique, number = f"{base}_{number}", number + 1
        found.append(unique)
    return tuple(found)


def describe_rejected(rejected: Sequence[Removed], shown: int = 3) -> str:
    """One line for the user: how many rows were set aside, and the first of them with line and reason."""
    if not rejected:
        return ""
    first = "; ".join(f"line {row.line}: {row.reason}" for row in rejected[:shown])
    more = f"; and {len(rejected) - shown:,} more" if len(rejected) > shown else ""
    files = Counter(row.file for row in rejected)
    name = next(iter(files)) if len(files) == 1 else f"{len(files)} files"
    return f"{name}: {len(rejected):,} row{'s' if len(rejected) > 1 else ''} set aside: {first}{more}."
