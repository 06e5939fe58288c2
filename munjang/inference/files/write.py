"""Rows in, the same rows with predictions out, for files of any size and every kind of prediction."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from munjang.data.readers.columns import Columns, cells_text
from munjang.data.readers.table import Bad, Row, Table
from munjang.data.readers.writers import Writer, check_target, open_writer, write_errors
from munjang.errors import DataError
from munjang.files.outputs import replaced_together, settle, work_of_file
from munjang.records import TRUNCATED, WITHHELD, Prediction, names_of
from munjang.tables import format_table
from munjang.translation import N_, _, ngettext

Answer = TypeVar("Answer")

CHUNKS = (64, 128, 256, 512, 1_024)  # rows predicted together; small first, so that results show soon
MAX_GROUPS = 1_000
NO_LABEL, EMPTY_GROUP, OTHER_GROUPS = N_("(none)"), N_("(empty)"), N_("(further groups)")
"""Keys of `Counts` for rows without a label, for an empty cell under --by, and for groups beyond MAX_GROUPS."""


@dataclass
class Counts:
    """What happened to the rows. With --by, `sizes` has the rows and `groups` the label counts of each group."""

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
        """Count one prediction."""
        self.rows += 1
        self.empty += prediction.label is None
        self.truncated += TRUNCATED in prediction.note
        self.held += prediction.withheld is not None
        if group is not None:
            if group not in self.groups and len(self.groups) >= MAX_GROUPS:
                group = OTHER_GROUPS
            self.groups.setdefault(group, Counter()).update(names_of(prediction.label) or (NO_LABEL,))
            self.sizes[group] += 1

    def __str__(self) -> str:
        parts = [ngettext("{count:,} row predicted", "{count:,} rows predicted", self.rows)]
        if self.empty:
            parts.append(_("{count:,} empty", count=self.empty))
        if self.truncated:
            parts.append(_("{count:,} truncated", count=self.truncated))
        if self.held:
            parts.append(_("{count:,} {label} (not sure enough)", count=self.held, label=WITHHELD))
        if self.rejected:
            parts.append(_("{count:,} set aside", count=self.rejected))
        return ", ".join(parts)

    def with_kept(self, keeps: bool) -> str:
        """The counts in words; with the rows that were written where `keeps` says that others may be left out."""
        return ", ".join([str(self), *([_("{count:,} kept", count=self.written)] if keeps else [])])

    def table(self, labels: Sequence[str], column: str) -> str:
        """The share of each label by group, as a table for the terminal; the largest group first."""
        used = {name for counts in self.groups.values() for name in counts}
        names = [*labels, *(name for name in (WITHHELD, NO_LABEL) if name in used and name not in labels)]
        special = special_names()
        rows = [
            (special.get(group, group), size, *(f"{100 * self.groups[group][name] / size:.1f}%" for name in names))
            for group, size in self.sizes.most_common()
        ]
        return format_table([column, _("rows"), *(special.get(name, name) for name in names)], rows)


def special_names() -> dict[str, str]:
    """The keys of `Counts` that are no label and no value of a column, as a person reads them."""
    return {name: _(name) for name in (NO_LABEL, EMPTY_GROUP, OTHER_GROUPS)}


def answered(
    table: Table, text: Columns, answer: Callable[[list[str]], Iterable[Answer]], chunks: Sequence[int] = CHUNKS
) -> Iterator[tuple[Row, Answer] | Bad]:
    """Every row of the table with its prediction, and every unusable row, in file order and bounded memory.

    text: the text column. answer: predicts for each text. chunks: how many rows are predicted together;
    the last size repeats.
    """
    source, sizes = iter(table.read()), iter(chunks)
    size = chunks[-1]
    while items := list(islice(source, next(sizes, size))):
        texts = [cells_text(item.cells, text) for item in items if isinstance(item, Row)]
        answers = iter(answer(texts) if texts else ())
        for item in items:
            yield (item, next(answers)) if isinstance(item, Row) else item


def rejected_path(out: Path) -> Path:
    """The file that lists unusable rows, beside the output."""
    return out.with_name(f"{out.name}.rejected.csv")


def check_output(out: Path, source: Path | None, overwrite: bool) -> None:
    """Refuse an output that is the input or that exists, before any work is done. DataError."""
    settle(work_of_file(out))
    for path in (out, rejected_path(out)):
        if source is not None and path.exists() and source.exists() and os.path.samefile(path, source):
            raise DataError(_("{path} is the input file itself. Name another file with {option:out}.", path=path))
        check_target(path, overwrite)


def free_names(columns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Names for added columns: unchanged, or if one of them is taken, all with the prefix munjang_.

    If these are taken too (a file that was predicted twice), the prefix is munjang_2_, and so on.
    """
    taken, number = {name.casefold() for name in columns}, 0
    while True:
        prefix = "" if number == 0 else "munjang_" if number == 1 else f"munjang_{number}_"
        if not taken & {f"{prefix}{name}".casefold() for name in names}:
            return tuple(f"{prefix}{name}" for name in names)
        number += 1


@dataclass(frozen=True)
class Added:
    """What is added to a table. columns: names that are free in it. numbers: the columns with float64 values.

    cells: gives the values for `columns` from a row and its prediction, or None to leave the row out. It also counts
    the prediction in `counts`.
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
    """Write predicted rows to `out` and unusable rows to OUT.rejected.csv. Both appear at the end, or not at all.

    After a kill at any point the list of one output never stands beside another output. InUse: another process writes
    `out`.
    """
    counts, types = added.counts, dict(table.types or {})
    if suffix_is_parquet(out):
        import pyarrow

        types |= {name: pyarrow.float64() for name in added.numbers}
    rejected: Writer | None = None
    unusable = rejected_path(out)
    with ExitStack() as files:
        files.enter_context(write_errors(out))
        staged = files.enter_context(
            replaced_together(work_of_file(out), last=[unusable.name], outdated=[unusable.name])
        )
        columns = [*table.columns, *added.columns]
        writer = files.enter_context(
            open_writer(
                out,
                columns,
                overwrite=overwrite,
                types=types,
                quoted=table.quoted,
                sheets=table.sheets,
                staged=staged,
            )
        )
        for item in items:
            if isinstance(item, Bad):
                rejected = rejected or files.enter_context(
                    open_writer(unusable, ["file", "line", "reason", "text"], overwrite=overwrite, staged=staged)
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


def suffix_is_parquet(path: Path) -> bool:
    """Whether the output is Parquet, where column types matter."""
    return path.suffix.lower() == ".parquet"
