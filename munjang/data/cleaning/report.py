"""The account of a cleaning: what each step did to each split, what was removed, what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from munjang.config.settings import CleanConfig
from munjang.records import Example, Removed
from munjang.tables import format_table


@dataclass(frozen=True)
class StepCount:
    """One row step: rows removed and rows left for each split; removed is None where the step was not applied."""

    step: str
    removed: Mapping[str, int | None]
    left: Mapping[str, int]


@dataclass(frozen=True)
class SplitCounts:
    """What a split held before any row was removed; texts are compared after the text steps.

    duplicates: rows whose text occurred before in the split. conflicts: distinct texts with different labels.
    shared: other split -> distinct texts that stand in both. Empty texts count in `empty` alone.
    """

    rows: int
    empty: int
    duplicates: int
    conflicts: int
    shared: Mapping[str, int]


@dataclass(frozen=True)
class CleaningReport:
    """What `clean_corpus` did; `str()` is the printed table.

    steps: "read" first (lines that the reader could not use; "read: label" and the like where it says more), then each
    row step in its order.
    changed: text step -> texts that it changed, out of `texts`.
    removed: every row that did not stay, those of the reader too, in the order of the steps.
    kept: split -> positions (from 0) of the kept examples in the corpus as it came in.
    outlier_limit: characters above which a text was an outlier; None where the step was off.
    notes: one-line remarks for the user.
    """

    corpus: str
    config: CleanConfig
    texts: int
    steps: tuple[StepCount, ...]
    changed: Mapping[str, int]
    found: Mapping[str, SplitCounts]
    removed: tuple[Removed, ...] = ()
    kept: Mapping[str, Sequence[int]] = field(default_factory=dict)
    outlier_limit: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def rows_before(self) -> dict[str, int]:
        """Rows of each split as they stood in the files, unusable ones included."""
        read = self.steps[0]
        return {split: left + (read.removed[split] or 0) for split, left in read.left.items()}

    @property
    def rows_after(self) -> dict[str, int]:
        """Rows of each split that stayed."""
        return dict(self.steps[-1].left)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain JSON values, without the texts."""
        return {
            "corpus": self.corpus,
            "config": {**asdict(self.config), "steps": list(self.config.steps)},
            "rows_before": self.rows_before,
            "rows_after": self.rows_after,
            "steps": [asdict(step) for step in self.steps],
            "texts": self.texts,
            "changed": dict(self.changed),
            "found": {split: asdict(found) for split, found in self.found.items()},
            "outlier_limit": self.outlier_limit,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        parts = [f"Cleaning of {self.corpus}", self.step_table(), self.changed_line(), self.found_table(), *self.notes]
        return "\n".join(part for part in parts if part)

    def step_table(self) -> str:
        """Rows removed by each step and left after it, a pair of columns for each split."""
        splits = tuple(self.rows_before)
        header = ["step", *(name for split in splits for name in (f"{split} removed", "left"))]
        rows: list[list[object]] = [["in the files", *(x for rows in self.rows_before.values() for x in ("", rows))]]
        for count in self.steps:
            rows.append([count.step, *(x for split in splits for x in (count.removed[split], count.left[split]))])
        return format_table(header, rows)

    def changed_line(self) -> str:
        """Which text steps changed how many texts."""
        if not self.changed:
            return "Text steps: none."
        counts = ", ".join(f"{step} {count:,}" for step, count in self.changed.items())
        return f"Text steps changed (of {self.texts:,} texts): {counts}."

    def found_table(self) -> str:
        """What each split held before rows were removed."""
        splits = tuple(self.found)
        others = splits if len(splits) > 1 else ()
        header = ["found before", "rows", "empty", "duplicates", "texts with two labels"]
        header += [f"texts also in {split}" for split in others]
        rows = [
            [split, found.rows, found.empty, found.duplicates, found.conflicts]
            + [found.shared.get(other) for other in others]
            for split, found in self.found.items()
        ]
        return "\n" + format_table(header, rows) if rows else ""


def place(example: Example, position: int, fallback: str) -> tuple[str, int]:
    """File and line of an example; for one that was never in a file `fallback` and its number from 1."""
    return (
        example.file if example.file is not None else fallback,
        example.line if example.line is not None else position + 1,
    )
