"""The near copies among texts: they differ only in spaces and signs, or from 20 letters on by a slip or an ending.

Nothing compares all texts with all: each text gets hashes that its near copies share, such as those of the text without
one of its letters, and only texts of one hash are compared. So the time grows with the letters, whatever the texts are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from munjang.data.memory import gc_paused
from munjang.data.near.endings import ending_pairs
from munjang.data.near.hashes import same_keys
from munjang.data.near.letters import keys_of
from munjang.data.near.slips import slip_pairs
from munjang.data.near.words import ENDING_ONLY, SLIP, Words

LEAST_LETTERS = 20
"""Letters from which a text has near copies that differ in a letter: in a shorter one a letter is another word."""


@dataclass(frozen=True)
class NearCopies:
    """The near copies among n texts.

    same: (n,) the first row with the key of each row. pairs: (first row, later first row) whose keys differ -> how.
    """

    same: np.ndarray
    pairs: Mapping[tuple[int, int], str]

    @cached_property
    def near(self) -> dict[int, list[int]]:
        """First row of a key -> the first rows of the keys near to it, ascending."""
        near: dict[int, list[int]] = {}
        for first, second in sorted(self.pairs):
            near.setdefault(first, []).append(second)
            near.setdefault(second, []).append(first)
        return {row: sorted(others) for row, others in near.items()}

    def kind(self, row: int, other: int) -> str | None:
        """How the keys of two near copies differ; None where they are the same."""
        first, second = sorted((int(self.same[row]), int(self.same[other])))
        return self.pairs.get((first, second))

    def together(self) -> np.ndarray:
        """(n,) for each row the first row that is connected with it by near copies."""
        first = self.same.copy()

        def root(row: int) -> int:
            while first[row] != row:
                first[row] = row = first[first[row]]
            return row

        for pair in self.pairs:
            low, high = sorted(map(root, pair))
            first[high] = low
        return np.fromiter(map(root, range(len(first))), np.int64, len(first))

    def first_of(self, rows: Iterable[int]) -> dict[int, int]:
        """Row -> the earlier one of these rows that it is a near copy of; that one is not a copy itself.

        So no chain of copies joins texts that differ much.
        """
        leader: dict[int, int] = {}
        copies = {}
        for row in rows:
            key = int(self.same[row])
            if key not in leader:
                leader[key] = next((leader[k] for k in self.near.get(key, ()) if self.leads(leader, k)), row)
            if leader[key] != row:
                copies[row] = leader[key]
        return copies

    def leads(self, leader: Mapping[int, int], key: int) -> bool:
        """Whether the rows of a key are copies of one of themselves."""
        return key in leader and self.same[leader[key]] == key

    def copy_in(self, rows: Iterable[int], others: Iterable[int]) -> dict[int, int]:
        """Row -> the first of the other rows that it is a near copy of."""
        first: dict[int, int] = {}
        for other in others:
            first.setdefault(int(self.same[other]), other)
        found = {}
        for row in rows:
            key = int(self.same[row])
            at = [first[k] for k in (key, *self.near.get(key, ())) if k in first]
            if at:
                found[row] = at[0]
        return found


@gc_paused()
def near_copies(texts: Sequence[str]) -> NearCopies:
    """The near copies among the texts; texts without letters and digits have none."""
    keys = keys_of(texts)
    same = same_keys(keys)
    rows = np.flatnonzero((same == np.arange(len(keys))) & (keys.sizes >= LEAST_LETTERS))
    long = keys.chosen(rows)
    pairs = dict.fromkeys(ending_pairs(long), ENDING_ONLY)
    slips = {pair: typed for pair, typed in slip_pairs(long) if pair not in pairs}
    named = {(int(rows[first]), int(rows[second])): kind for (first, second), kind in pairs.items()}
    known = Words(
        texts, keys, {(int(rows[first]), int(rows[second])): typed for (first, second), typed in slips.items()}
    )
    return NearCopies(same, named | dict.fromkeys(known.slips(), SLIP))
