"""Row steps of cleaning: each looks at one split and says which rows go, and why.

They run in the order of `ROW_STEPS`, each over all splits before the next. Texts are compared as the text steps left
them, multi-label sets without regard to order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.report import place
from munjang.data.duplicates import hashes, repeated, shared
from munjang.records import Example, Label, Tree, label_text

Reasons = dict[int, str]
"""Index into the split's rows -> why that row goes."""


@dataclass
class SplitRows:
    """The examples of one split on their way through cleaning; entry i of each list belongs to one row.

    source: the split as it was read. name: stands for the file of examples that were never in one. positions: (n,)
    where each row stands in `source`. texts, labels: as cleaned and under the set's own name; a label is None where it
    cannot be used. Texts that cleaning did not change are the very objects of `source`.
    """

    source: Sequence[Example]
    name: str
    positions: np.ndarray
    texts: list[str]
    labels: list[Label | None]

    def __len__(self) -> int:
        return len(self.texts)

    def original(self, i: int) -> Example:
        """The example of a row as it was read."""
        return self.source[self.positions[i]]

    def place(self, i: int) -> tuple[str, int]:
        """File and line of a row."""
        return place(self.original(i), int(self.positions[i]), self.name)

    @cached_property
    def hashes(self) -> np.ndarray:
        """(n,) hashes of the texts."""
        return hashes(self.texts, len(self.texts))

    def without(self, gone: Container[int]) -> SplitRows:
        """The rows that stay."""
        stay = [i for i in range(len(self)) if i not in gone]
        texts, labels = ([items[i] for i in stay] for items in (self.texts, self.labels))
        return SplitRows(self.source, self.name, self.positions[stay], texts, labels)


@dataclass
class State:
    """What the steps see: the rows still there for each split, and what was counted on the way."""

    config: CleanConfig
    rows: dict[str, SplitRows]
    has_labels: bool = True
    outlier_limit: float | None = None
    votes: dict[str, dict[str, Counter[Label]]] = field(default_factory=dict)


def empty(state: State, split: str) -> Reasons:
    """Rows without text, or with nothing left of it after the text steps."""
    rows = state.rows[split]
    return {
        i: "nothing left after the text steps" if rows.original(i).text.strip() else "no text"
        for i, text in enumerate(rows.texts)
        if not text.strip()
    }


def label(state: State, split: str) -> Reasons:
    """Rows without a label, or with one outside the set."""
    rows, reasons = state.rows[split], {}
    for i, label in enumerate(rows.labels):
        if label is None and state.has_labels:
            found = rows.original(i).label
            if isinstance(found, Tree) and len(found) != len(rows.texts[i].split()):
                reasons[i] = f"the text steps leave {len(rows.texts[i].split())} words of {len(found)}"
            else:
                reasons[i] = "no label" if found in (None, "") else f"label '{label_text(found)}' is not in the set"
    return reasons


def duplicate(state: State, split: str) -> Reasons:
    """Rows whose text and label stood there before; the first stays."""
    rows = state.rows[split]
    state.votes[split] = count_votes(rows)  # before repeats go: each of them is a vote
    first: dict[tuple[str, Label | None], int] = {}
    reasons = {}
    for i in repeated(rows.hashes).tolist():
        earlier = first.setdefault((rows.texts[i], rows.labels[i]), i)
        if earlier != i:
            reasons[i] = f"same text and label as {where(rows.place(earlier), rows.place(i))}"
    return reasons


def conflict(state: State, split: str) -> Reasons:
    """Rows whose text also stands with another label: all of them, or those against a clear majority."""
    rows = state.rows[split]
    votes = state.votes[split] if split in state.votes else count_votes(rows)
    groups: dict[str, list[int]] = {}
    for i, text in enumerate(rows.texts) if votes else ():
        if text in votes:
            groups.setdefault(text, []).append(i)
    reasons = {}
    for text, members in groups.items():
        winner = majority(votes[text]) if state.config.conflicts == "keep-majority" else None
        counts = ", ".join(f"{n} × '{label_text(name)}'" for name, n in votes[text].most_common())
        for i in members:
            if winner is None or rows.labels[i] != winner[0]:
                other = next(item for item in members if rows.labels[item] != rows.labels[i])
                there = where(rows.place(other), rows.place(i))
                reasons[i] = f"same text with another label on {there} ({counts})"
    return reasons


def leak(state: State, split: str) -> Reasons:
    """Rows of train whose text stands in test or validation, rows of validation whose text stands in test."""
    reasons: Reasons = {}
    rows = state.rows[split]
    for name in LEAKS_FROM[split]:
        other = state.rows.get(name)
        if other is None:
            continue
        suspects = shared(rows.hashes, other.hashes).tolist()
        wanted = {rows.texts[i] for i in suspects}
        texts: dict[str, int] = {}
        for i in shared(other.hashes, rows.hashes[suspects]).tolist():
            if other.texts[i] in wanted:
                texts.setdefault(other.texts[i], i)
        for i in suspects:
            if rows.texts[i] in texts:
                there = where(other.place(texts[rows.texts[i]]), rows.place(i))
                reasons.setdefault(i, f"same text in {name}, {there}")
    return reasons


LEAKS_FROM = {"train": ("test", "validation"), "validation": ("test",), "test": ()}


def outlier(state: State, split: str) -> Reasons:
    """Rows with more than Q3 + k * (Q3 - Q1) characters; quartiles of train, or of the first split there is."""
    rows = state.rows[split]
    if state.outlier_limit is None:
        state.outlier_limit = length_limit(rows, state.config.outliers)
    limit = state.outlier_limit
    return {
        i: f"{len(text):,} characters, the limit is {limit:,g}"
        for i, text in enumerate(rows.texts)
        if len(text) > limit
    }


def length_limit(rows: SplitRows, k: float) -> float:
    """Q3 + k * (Q3 - Q1) of the characters of `rows`, quartiles with linear interpolation; no limit without rows."""
    if not len(rows):
        return float("inf")
    low, high = np.percentile(np.fromiter(map(len, rows.texts), np.int64, len(rows)), (25, 75))
    return float(high + k * (high - low))


def count_votes(rows: SplitRows) -> dict[str, Counter[Label]]:
    """For each text that stands there with different labels, how often each label occurs."""
    twice = [(rows.texts[i], rows.labels[i]) for i in repeated(rows.hashes).tolist()]
    first: dict[str, Label | None] = {}
    contradicting = {text for text, label in twice if first.setdefault(text, label) != label}
    votes: dict[str, Counter[Label]] = {text: Counter() for text in contradicting}
    for text, label in twice:
        if text in contradicting:
            votes[text][label] += 1
    return votes


def majority(votes: Counter[Label]) -> tuple[Label] | None:
    """The label that most rows have, in a tuple; None on a tie."""
    (best, n), *rest = votes.most_common()
    return None if rest and rest[0][1] == n else (best,)


def where(other: tuple[str, int], here: tuple[str, int]) -> str:
    """Where another row stands, (file, line), seen from this one: the line, with the file where it is another."""
    return f"line {other[1]}" if other[0] == here[0] else f"line {other[1]} of {other[0]}"


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
