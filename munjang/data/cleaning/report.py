"""The report of a cleaning: what each step did to each split, what was removed, what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from munjang.config.settings import CleanConfig
from munjang.records import Example, Removed, short_repr
from munjang.tables import format_table
from munjang.translation import N_, _, ngettext

SHOWN_FIXES = 20  # lines
STEP_NAMES = (
    N_("read"), N_("empty"), N_("label"), N_("duplicate"), N_("conflict"), N_("leak"), N_("near_duplicate"),
    N_("outlier"), N_("html"), N_("invisible"), N_("nfc"), N_("spaces"), N_("mask_personal"), N_("fold_repeats"),
)  # fmt: skip
"""Every step of rows or of texts; files and settings keep these names."""


@dataclass(frozen=True)
class StepCount:
    """One row step: rows removed and rows left for each split; removed is None where the step was not applied."""

    step: str
    removed: Mapping[str, int | None]
    left: Mapping[str, int]


@dataclass(frozen=True)
class SplitCounts:
    """What a split held before any row was removed; texts are compared after the text steps.

    duplicates: rows whose text occurs earlier in the split. conflicts: distinct texts with different labels.
    shared: other split -> distinct texts that are in both. Empty texts count in `empty` alone.
    """

    rows: int
    empty: int
    duplicates: int
    conflicts: int
    shared: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A label that a person corrected: file and line of its row, the label before, and the label now."""

    file: str
    line: int
    old: str
    new: str


@dataclass(frozen=True)
class FixesReport:
    """What a review file changed; `str()` says it in words.

    kept: rows of the file that changed no label. changes: in the order of the file. problems: why a fix was not used,
    one line each.
    """

    path: str
    kept: int
    changes: tuple[LabelChange, ...]
    problems: tuple[str, ...] = ()

    __repr__ = short_repr

    def __str__(self) -> str:
        count = ngettext(
            "Fixes of {path}: {count:,} label changed; {kept:,} other rows.",
            "Fixes of {path}: {count:,} labels changed; {kept:,} other rows.",
            len(self.changes),
            path=self.path,
            kept=self.kept,
        )
        rows = [[item.file, item.line, item.old, item.new] for item in self.changes]
        changes = format_table([_("file"), _("line"), _("was"), _("is now")], rows).splitlines() if rows else []
        unused = ngettext("{count:,} fix was not used:", "{count:,} fixes were not used:", len(self.problems))
        problems = [unused, *with_rest(self.problems)] if self.problems else []
        return "\n".join([count, *with_rest(changes), *problems])


def with_rest(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    rest = len(lines) - SHOWN_FIXES
    more = [_("… and {count:,} more", count=rest)] if rest > 0 else []
    return [f"  {line}" for line in [*lines[:SHOWN_FIXES], *more]]


@dataclass(frozen=True)
class NearCopy:
    """A row that is almost the same as another one, which stays. same_label: it has the label of that one, too."""

    split: str
    file: str
    line: int
    other_split: str
    other_file: str
    other_line: int
    difference: str
    same_label: bool


@dataclass(frozen=True)
class CleaningReport:
    """What `clean_corpus` did; `str()` is the printed table.

    steps: "read" first (lines that the reader could not use; "read: label" and the like where it knows the reason),
    then the row steps in their order.
    changed: text step -> texts that it changed, out of `texts`.
    removed: every removed row, also those rejected by the reader, in the order of the steps.
    kept: split -> positions (from 0) of the kept examples in the corpus before cleaning.
    outlier_limit: longer texts, in characters, were outliers; None where the step was off.
    near_duplicates: the near copies, where they were looked for, also those that were kept.
    notes: one-line remarks for the user. fixes: what a review file changed before the first step, if one was given.
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
    near_duplicates: tuple[NearCopy, ...] = ()
    notes: tuple[str, ...] = ()
    fixes: FixesReport | None = None

    __repr__ = short_repr

    @property
    def rows_before(self) -> dict[str, int]:
        """Rows of each split in the files, unusable ones included."""
        read = self.steps[0]
        return {split: left + (read.removed[split] or 0) for split, left in read.left.items()}

    @property
    def rows_after(self) -> dict[str, int]:
        """Rows of each split that were kept."""
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
            "found": {split: asdict(counts) for split, counts in self.found.items()},
            "outlier_limit": self.outlier_limit,
            "near_duplicates": [asdict(copy) for copy in self.near_duplicates],
            "notes": list(self.notes),
            **({"fixes": asdict(self.fixes)} if self.fixes else {}),
        }

    def __str__(self) -> str:
        title = _("Cleaning of {corpus}", corpus=self.corpus)
        parts = [title, str(self.fixes or ""), self.step_table(), self.changed_line(), self.found_table(), *self.notes]
        return "\n".join(part for part in parts if part)

    def step_table(self) -> str:
        """Rows removed by each step and rows left after it, two columns for each split."""
        splits = tuple(self.rows_before)
        header = [_("step"), *(name for split in splits for name in (_("{split} removed", split=split), _("left")))]
        rows: list[list[object]] = [[_("in the files"), *(x for rows in self.rows_before.values() for x in ("", rows))]]
        for count in self.steps:
            rows.append(
                [shown_step(count.step), *(x for split in splits for x in (count.removed[split], count.left[split]))]
            )
        return format_table(header, rows)

    def changed_line(self) -> str:
        """How many texts each text step changed."""
        if not self.changed:
            return _("Text steps: none.")
        counts = ", ".join(f"{shown_step(step)} {count:,}" for step, count in self.changed.items())
        return ngettext(
            "Text steps changed (of {count:,} text): {changed}.",
            "Text steps changed (of {count:,} texts): {changed}.",
            self.texts,
            changed=counts,
        )

    def found_table(self) -> str:
        """What each split held before rows were removed."""
        splits = tuple(self.found)
        others = splits if len(splits) > 1 else ()
        header = [_("found before"), _("rows"), _("empty"), _("duplicates"), _("texts with two labels")]
        header += [_("texts also in {split}", split=split) for split in others]
        rows = [
            [split, counts.rows, counts.empty, counts.duplicates, counts.conflicts]
            + [counts.shared.get(other) for other in others]
            for split, counts in self.found.items()
        ]
        return "\n" + format_table(header, rows) if rows else ""


def shown_step(step: str) -> str:
    """A step in the language in use, with its own name in brackets if that is another."""
    words = [_(part) for part in step.split(": ")]
    return step if ": ".join(words) == step else f"{': '.join(words)}({step})"


def location(example: Example, position: int, fallback: str) -> tuple[str, int]:
    """File and line of an example; `fallback` and its number from 1 for an example that comes from no file."""
    return (
        example.file if example.file is not None else fallback,
        example.line if example.line is not None else position + 1,
    )
