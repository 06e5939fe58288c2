"""Row steps of cleaning: each looks at one split and says which rows to remove, and why.

They run in the order of `ROW_STEPS`, each over all splits before the next one. Texts are compared after the text
steps, and the order of several labels does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.report import NearCopy, location
from munjang.data.duplicates import hashes, repeated, shared
from munjang.data.near.copies import NearCopies, near_copies
from munjang.data.near.words import difference
from munjang.records import Example, Label, Tree, label_text
from munjang.translation import _, ngettext

Reasons = dict[int, str]
"""Index into the rows of the split -> why that row is removed."""


@dataclass
class SplitRows:
    """The examples of one split during cleaning; entry i of each list belongs to row i.

    source: the split as it was read. name: used as the file name of examples that come from no file. positions: (n,)
    index of each row in `source`. texts, labels: cleaned texts, and labels with the names of the set; a label is None
    where it cannot be used. Texts that cleaning did not change are the same objects as in `source`.
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

    def location(self, i: int) -> tuple[str, int]:
        """File and line of a row."""
        return location(self.original(i), int(self.positions[i]), self.name)

    @cached_property
    def hashes(self) -> np.ndarray:
        """(n,) hashes of the texts."""
        return hashes(self.texts, len(self.texts))

    def without(self, removed: Container[int]) -> SplitRows:
        """The rows that are kept."""
        kept = [i for i in range(len(self)) if i not in removed]
        texts, labels = ([items[i] for i in kept] for items in (self.texts, self.labels))
        return SplitRows(self.source, self.name, self.positions[kept], texts, labels)


@dataclass
class State:
    """What the steps work on: the remaining rows of each split, and what was counted so far."""

    config: CleanConfig
    rows: dict[str, SplitRows]
    has_labels: bool = True
    outlier_limit: float | None = None
    votes: dict[str, dict[str, Counter[Label]]] = field(default_factory=dict)
    near: list[NearCopy] = field(default_factory=list)

    @cached_property
    def search(self) -> tuple[NearCopies, dict[str, range]]:
        """The near copies among the texts of all splits, scored ones first, and where each split's texts are."""
        texts: list[str] = []
        spans = {}
        for split in reversed(self.rows):
            spans[split] = range(len(texts), len(texts) + len(self.rows[split]))
            texts += self.rows[split].texts
        return near_copies(texts), spans


def empty(state: State, split: str) -> Reasons:
    """Rows without text, or with no text left after the text steps."""
    rows = state.rows[split]
    no_text, nothing_left = _("no text"), _("nothing left after the text steps")
    return {
        i: nothing_left if rows.original(i).text.strip() else no_text
        for i, text in enumerate(rows.texts)
        if not text.strip()
    }


def label(state: State, split: str) -> Reasons:
    """Rows without a label, or with a label outside the set."""
    rows, reasons = state.rows[split], {}
    for i, label in enumerate(rows.labels):
        if label is None and state.has_labels:
            original = rows.original(i).label
            if isinstance(original, Tree) and len(original) != (left := len(rows.texts[i].split())):
                reasons[i] = ngettext(
                    "the text steps leave {count} word of {words}",
                    "the text steps leave {count} words of {words}",
                    left,
                    words=len(original),
                )
            elif original in (None, ""):
                reasons[i] = _("no label")
            else:
                reasons[i] = _("label '{label}' is not in the set", label=label_text(original))
    return reasons


def duplicate(state: State, split: str) -> Reasons:
    """Rows whose text and label occur earlier; the first one is kept."""
    rows = state.rows[split]
    state.votes[split] = count_votes(rows)  # before duplicates are removed: each of them is a vote
    first: dict[tuple[str, Label | None], int] = {}
    reasons = {}
    for i in repeated(rows.hashes).tolist():
        earlier = first.setdefault((rows.texts[i], rows.labels[i]), i)
        if earlier != i:
            reasons[i] = _(
                "same text and label as {location}", location=where(rows.location(earlier), rows.location(i))
            )
    return reasons


def conflict(state: State, split: str) -> Reasons:
    """Rows whose text also occurs with another label: all of them, or only those against a clear majority."""
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
                elsewhere = where(rows.location(other), rows.location(i))
                reasons[i] = _(
                    "same text with another label on {location} ({counts})", location=elsewhere, counts=counts
                )
    return reasons


def leak(state: State, split: str) -> Reasons:
    """Rows of train whose text is also in test or validation, rows of validation whose text is also in test."""
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
                elsewhere = where(other.location(texts[rows.texts[i]]), rows.location(i))
                reasons.setdefault(i, _("same text in {split}, {location}", split=name, location=elsewhere))
    return reasons


LEAKS_FROM = {"train": ("test", "validation"), "validation": ("test",), "test": ()}


def near_duplicate(state: State, split: str) -> Reasons:
    """Rows that are almost the same as an earlier one with the same label, or as one of a split that is scored.

    With the setting "report" they stay. Near copies with another label stay too, unless they are leaks.
    """
    near, spans = state.search
    mine, reasons = spans[split], {}
    copies: dict[int, tuple[str, int]] = {}
    for name in LEAKS_FROM[split] if state.config.leaks else ():
        found = near.copy_in(mine, spans.get(name, ()))
        copies = {row: (name, other) for row, other in found.items()} | copies
    within = near.first_of(row for row in mine if row not in copies)
    copies |= {row: (split, other) for row, other in within.items()}
    for row in sorted(copies):
        copy = to_near_copy(state, (split, row), copies[row])
        state.near.append(copy)
        if state.config.near_duplicates == "drop" and (copy.same_label or copy.other_split != split):
            elsewhere = where((copy.other_file, copy.other_line), (copy.file, copy.line))
            reasons[row - mine.start] = (
                _("near copy of {location} ({difference})", location=elsewhere, difference=copy.difference)
                if copy.other_split == split
                else _(
                    "near copy of {split}, {location} ({difference})",
                    split=copy.other_split,
                    location=elsewhere,
                    difference=copy.difference,
                )
            )
    return reasons


def to_near_copy(state: State, one: tuple[str, int], other: tuple[str, int]) -> NearCopy:
    """The record of a near copy. one, other: split and number of each text in the search."""
    near, spans = state.search
    sides = [(state.rows[split], row - spans[split].start) for split, row in (one, other)]
    texts, labels = [rows.texts[i] for rows, i in sides], [rows.labels[i] for rows, i in sides]
    (file, line), (other_file, other_line) = (rows.location(i) for rows, i in sides)
    how = difference(*texts, near.kind(one[1], other[1]))
    return NearCopy(one[0], file, line, other[0], other_file, other_line, how, labels[0] == labels[1])


def outlier(state: State, split: str) -> Reasons:
    """Rows with more than Q3 + k * (Q3 - Q1) characters; quartiles of train, or of the first split without train."""
    rows = state.rows[split]
    if state.outlier_limit is None:
        state.outlier_limit = length_limit(rows, state.config.outliers)
    limit = state.outlier_limit
    return {
        i: ngettext(
            "{count:,} character, the limit is {limit:,g}",
            "{count:,} characters, the limit is {limit:,g}",
            len(text),
            limit=limit,
        )
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
    """For each text that occurs with different labels, how often each label occurs."""
    twice = [(rows.texts[i], rows.labels[i]) for i in repeated(rows.hashes).tolist()]
    first: dict[str, Label | None] = {}
    contradicting = {text for text, label in twice if first.setdefault(text, label) != label}
    votes: dict[str, Counter[Label]] = {text: Counter() for text in contradicting}
    for text, label in twice:
        if text in contradicting:
            votes[text][label] += 1
    return votes


def majority(votes: Counter[Label]) -> tuple[Label] | None:
    """The most frequent label, in a tuple; None on a tie."""
    (best, n), *rest = votes.most_common()
    return None if rest and rest[0][1] == n else (best,)


def where(other: tuple[str, int], here: tuple[str, int]) -> str:
    """The location (file, line) of another row as text: the line, and the file if it is not the file of this row."""
    file, line = other
    return _("line {line}", line=line) if file == here[0] else _("line {line} of {file}", line=line, file=file)


ROW_STEPS: dict[str, Callable[[State, str], Reasons]] = {
    "empty": empty,
    "label": label,
    "duplicate": duplicate,
    "conflict": conflict,
    "leak": leak,
    "near_duplicate": near_duplicate,
    "outlier": outlier,
}
"""Name -> step, in the order of execution."""


def applies(step: str, split: str, config: CleanConfig) -> bool:
    """Whether a step applies to a split. Test loses only rows that cannot be scored, unless `clean_test` is set."""
    if step in ("empty", "label"):
        return True
    if split == "test" and not config.clean_test:
        return False
    if step == "leak":
        return config.leaks and split != "test"
    if step == "near_duplicate":
        return config.near_duplicates is not None
    if step == "outlier":
        return config.outliers is not None
    if step == "conflict":
        return config.conflicts != "keep"
    return step != "duplicate" or config.duplicates
