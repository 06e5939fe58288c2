"""Rows in, the same rows with answers out, in files of any size: what holds for every kind of answer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from munjang.data.readers.table import Bad, Row, Table, cell_text
from munjang.data.readers.writers import Writer, check_target, open_writer
from munjang.errors import DataError
from munjang.records import Prediction, names_of
from munjang.tables import format_table
from munjang.translation import _

Answer = TypeVar("Answer")

WITHHELD = "보류"
"""The answer below the minimum score: undecided, for a person to look at."""
CHUNKS = (64, 128, 256, 512, 1_024)  # rows predicted together; small first, so that something shows soon
MAX_GROUPS = 1_000


@dataclass
class Counts:
    """What became of the rows; under --by, `sizes` has the rows and `groups` the label counts of each group."""

    rows: int = 0
    written: int = 0
    empty: int = 0
    truncated: int = 0
    held: int = 0
    rejected: int = 0
    escaped: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, prediction: Prediction, group: str | None) -> None:
        """Count one answer."""
        self.rows += 1
        self.empty += prediction.label is None
        self.truncated += "truncated" in prediction.note
        self.held += prediction.label == WITHHELD
        if group is not None:
            if group not in self.groups and len(self.groups) >= MAX_GROUPS:
                group = "(further groups)"
            self.groups.setdefault(group, Counter()).update(names_of(prediction.label) or ("(none)",))
            self.sizes[group] += 1

    def __str__(self) -> str:
        parts = [f"{self.rows:,} row{'s' * (self.rows != 1)} answered"]
        for number, what in (
            (self.empty, "empty"),
            (self.truncated, "truncated"),
            (self.held, f"{WITHHELD} (below the minimum score)"),
            (self.rejected, "set aside"),
        ):
            parts += [f"{number:,} {what}"] * bool(number)
        return ", ".join(parts)

    def table(self, labels: Sequence[str], column: str) -> str:
        """Label shares per group as a table for the terminal, largest group first."""
        used = {name for counts in self.groups.values() for name in counts}
        names = [*labels, *(name for name in (WITHHELD, "(none)") if name in used and name not in labels)]
        rows = [
            (group, size, *(f"{100 * self.groups[group][name] / size:.1f}%" for name in names))
            for group, size in self.sizes.most_common()
        ]
        return format_table([column, _("rows"), *names], rows)


def answered(
    table: Table, text: int, answer: Callable[[list[str]], Iterable[Answer]], chunks: Sequence[int] = CHUNKS
) -> Iterator[tuple[Row, Answer] | Bad]:
    """Every row of the table with its answer, and every unusable one, in file order and bounded memory.

    text: the place of the text column. answer: gives an answer for each text. chunks: how many rows are answered
    together; the last size goes on.
    """
    source, sizes = iter(table.read()), iter(chunks)
    size = chunks[-1]
    while items := list(islice(source, next(sizes, size))):
        texts = [cell_text(item.cells[text]) for item in items if isinstance(item, Row)]
        found = iter(answer(texts) if texts else ())
        for item in items:
            yield (item, next(found)) if isinstance(item, Row) else item


def rejected_path(out: Path) -> Path:
    """Where the rows that could not be used are listed: beside the output."""
    return out.with_name(f"{out.name}.rejected.csv")


def check_output(out: Path, source: Path | None, overwrite: bool) -> None:
    """Refuse an output that is the input, or that exists, before any work is done."""
    for path in (out, rejected_path(out)):
        if source is not None and path.exists() and source.exists() and os.path.samefile(path, source):
            raise DataError(_("{path} is the input file itself. Name another file with --out.", path=path))
        check_target(path, overwrite)


def free_names(columns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Names for added columns: as they are, or where one is taken all with munjang_ before them.

    If those are taken too (a file that was predicted twice), with munjang_2_, and so on.
    """
    taken, number = {name.casefold() for name in columns}, 0
    while True:
        prefix = "" if number == 0 else "munjang_" if number == 1 else f"munjang_{number}_"
        if not taken & {f"{prefix}{name}".casefold() for name in names}:
            return tuple(f"{prefix}{name}" for name in names)
        number += 1


@dataclass(frozen=True)
class Added:
    """What is added to a table. columns: names that are free in it; numbers: those of them with float64 values.

    cells: the values for `columns` from a row and its answer, None to leave the row out; it also counts the answer in
    `counts`.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str]
    cells: Callable[[Row, Any], list[Any] | None]
    counts: Counts


def write_table(
    items: Iterable[tuple[Row, Any] | Bad],
    table: Table,
    out: Path,
    added: Added,
    overwrite: bool,
    progress: Callable[[Counts], None],
) -> None:
    """Write answered rows to `out`, unusable ones to OUT.rejected.csv; both appear when all is done, or not at all."""
    counts, types = added.counts, dict(table.types or {})
    if suffix_is_parquet(out):
        import pyarrow

        types |= {name: pyarrow.float64() for name in added.numbers}
    rejected: Writer | None = None
    with ExitStack() as files:
        columns = [*table.columns, *added.columns]
        writer = files.enter_context(open_writer(out, columns, overwrite=overwrite, types=types, quoted=table.quoted))
        for item in items:
            if isinstance(item, Bad):
                rejected = rejected or files.enter_context(
                    open_writer(rejected_path(out), ["file", "line", "reason", "text"], overwrite=overwrite)
                )
                rejected.write([item.file, item.line, item.reason, item.raw])
                counts.rejected += 1
                continue
            cells = added.cells(*item)
            if cells is not None:
                writer.write([*item[0].cells, *cells])
                counts.written += 1
            if counts.rows % CHUNKS[0] == 0:
                progress(counts)
        counts.escaped = writer.escaped
    if rejected is None:
        rejected_path(out).unlink(missing_ok=True)  # of an earlier run that is overwritten


def suffix_is_parquet(path: Path) -> bool:
    """Whether column types matter for the file to be written."""
    return path.suffix.lower() == ".parquet"
