"""Row steps of cleaning: each looks at one split and says which rows go, and why.

They run in the order of `ROW_STEPS`, each over all splits before the next. Texts are compared as the text steps left
them, multi-label sets without regard to order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from munjang.config import CleanConfig
from munjang.records import Example, Label, label_text

Reasons = dict[int, str]
"""Index into the split's rows -> why that row goes."""


@dataclass(slots=True)
class Row:
    """One example on its way through cleaning.

    text, label: as cleaned and under the set's own name; label is None where it cannot be used. position: index of
    `source` in its split as read. file, line: where it stands.
    """

    position: int
    source: Example
    text: str
    label: Label | None
    file: str
    line: int


@dataclass
class State:
    """What the steps see: the rows still there for each split, and what was counted on the way."""

    config: CleanConfig
    rows: dict[str, list[Row]]
    has_labels: bool = True
    outlier_limit: float | None = None
    votes: dict[str, dict[str, Counter[Label]]] = field(default_factory=dict)


def empty(state: State, split: str) -> Reasons:
    """Rows without text, or with nothing left of it after the text steps."""
    return {
        i: "nothing left after the text steps" if row.source.text.strip() else "no text"
        for i, row in enumerate(state.rows[split])
        if not row.text.strip()
    }


def label(state: State, split: str) -> Reasons:
    """Rows without a label, or with one outside the set."""
    return {
        i: "no label" if row.source.label in (None, "") else f"label '{label_text(row.source.label)}' is not in the set"
        for i, row in enumerate(state.rows[split])
        if row.label is None and state.has_labels
    }


def duplicate(state: State, split: str) -> Reasons:
    """Rows whose text and label stood there before; the first stays."""
    state.votes[split] = count_votes(state.rows[split])  # before repeats go: each of them is a vote
    first: dict[tuple[str, Label | None], Row] = {}
    reasons = {}
    for i, row in enumerate(state.rows[split]):
        earlier = first.setdefault((row.text, row.label), row)
        if earlier is not row:
            reasons[i] = f"same text and label as {where(earlier, row)}"
    return reasons


def conflict(state: State, split: str) -> Reasons:
    """Rows whose text also stands with another label: all of them, or those against a clear majority."""
    votes = state.votes[split] if split in state.votes else count_votes(state.rows[split])
    groups: dict[str, list[tuple[int, Row]]] = {}
    for i, row in enumerate(state.rows[split]):
        if row.text in votes:
            groups.setdefault(row.text, []).append((i, row))
    reasons = {}
    for text, members in groups.items():
        winner = majority(votes[text]) if state.config.conflicts == "keep-majority" else None
        counts = ", ".join(f"{n} × '{label_text(name)}'" for name, n in votes[text].most_common())
        for i, row in members:
            if winner is None or row.label != winner[0]:
                other = next(item for _, item in members if item.label != row.label)
                reasons[i] = f"same text with another label on {where(other, row)} ({counts})"
    return reasons


def leak(state: State, split: str) -> Reasons:
    """Rows of train whose text stands in test or validation, rows of validation whose text stands in test."""
    reasons: Reasons = {}
    for other in LEAKS_FROM[split]:
        texts: dict[str, Row] = {}
        for row in state.rows.get(other, ()):
            texts.setdefault(row.text, row)
        for i, row in enumerate(state.rows[split]):
            if row.text in texts:
                reasons.setdefault(i, f"same text in {other}, {where(texts[row.text], row)}")
    return reasons


LEAKS_FROM = {"train": ("test", "validation"), "validation": ("test",), "test": ()}


def outlier(state: State, split: str) -> Reasons:
    """Rows with more than Q3 + k * (Q3 - Q1) characters; quartiles of train, or of the first split there is."""
    if state.outlier_limit is None:
        state.outlier_limit = length_limit(state.rows[split], state.config.outliers)
    limit = state.outlier_limit
    return {
        i: f"{len(row.text):,} characters, the limit is {limit:,g}"
        for i, row in enumerate(state.rows[split])
        if len(row.text) > limit
    }


def length_limit(rows: Sequence[Row], k: float) -> float:
    """Q3 + k * (Q3 - Q1) of the characters of `rows`, quartiles with linear interpolation; no limit without rows."""
    if not rows:
        return float("inf")
    low, high = np.percentile([len(row.text) for row in rows], (25, 75))
    return float(high + k * (high - low))


def count_votes(rows: Sequence[Row]) -> dict[str, Counter[Label]]:
    """For each text that stands there with different labels, how often each label occurs."""
    first: dict[str, Label | None] = {}
    contradicting = {row.text for row in rows if first.setdefault(row.text, row.label) != row.label}
    votes: dict[str, Counter[Label]] = {text: Counter() for text in contradicting}
    for row in rows:
        if row.text in contradicting:
            votes[row.text][row.label] += 1
    return votes


def majority(votes: Counter[Label]) -> tuple[Label] | None:
    """The label that most rows have, in a tuple; None on a tie."""
    (best, n), *rest = votes.most_common()
    return None if rest and rest[0][1] == n else (best,)


def where(other: Row, row: Row) -> str:
    """Where `other` stands, seen from `row`: the line, with the file where it is another."""
    return f"line {other.line}" if other.file == row.file else f"line {other.line} of {other.file}"


ROW_STEPS: dict[str, Callable[[State, str], Reasons]] = {
    "empty": empty,
    "label": label,
    "duplicate": duplicate,
    "conflict": conflict,
    "leak": leak,
    "outlier": outlier,
}
"""Name -> step, in the order in which they run."""


def applies(step: str, split: str, config: CleanConfig) -> bool:
    """Whether a step works on a split. Test loses only rows that cannot be scored, unless `clean_test` is set."""
    if step in ("empty", "label"):
        return True
    if split == "test" and not config.clean_test:
        return False
    if step == "leak":
        return config.leaks and split != "test"
    if step == "outlier":
        return config.outliers is not None
    return step != "duplicate" or config.duplicates
