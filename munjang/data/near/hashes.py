"""Hashes of parts of letters, and the few rows that share one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from munjang.data.near.letters import LETTERS_AT_ONCE, Keys

COMPARED = 3  # texts of one hash with which each other one of it is compared; more cost time and found nothing new


FACTOR = 0x9E3779B97F4A7C15
INVERSE = pow(FACTOR, -1, 1 << 64)


class Hashes:
    """Hashes of any part of some letters, each in one step: polynomials modulo 2 ** 64, only a hint."""

    def __init__(self, codes: np.ndarray) -> None:
        values = codes.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(0x94D049BB133111EB)
        values = (values ^ (values >> np.uint64(31))) * np.uint64(0xD6E8FEB86659FD93)
        self.back = powers(INVERSE, max(LETTERS_AT_ONCE, len(codes)) + 1)
        self.sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(
            (values ^ (values >> np.uint64(29))) * powers(FACTOR, max(LETTERS_AT_ONCE, len(codes)) + 1)[: len(codes)],
            out=self.sums[1:],
        )

    def of(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """The hash of each part from start to stop."""
        return (self.sums[stop] - self.sums[start]) * self.back[start]

    def without(self, start: np.ndarray, at: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """The hash of each part without the letter `at`."""
        after = (self.sums[stop] - self.sums[at + 1]) * np.uint64(INVERSE)
        return (self.sums[at] - self.sums[start] + after) * self.back[start]


@lru_cache(maxsize=2)
def powers(base: int, count: int) -> np.ndarray:
    """base ** 0, base ** 1, … modulo 2 ** 64."""
    values = np.full(count, base, np.uint64)
    values[:1] = 1
    return np.multiply.accumulate(values)


def same_keys(keys: Keys) -> np.ndarray:
    """(n,) the first row with the key of each row; a row of an empty key is its own."""
    whole = np.concatenate(
        [Hashes(block.codes).of(block.starts[:-1], block.starts[1:]) for __, block in keys.blocks()] or [np.zeros(0)]
    )
    first = np.arange(len(keys))
    known: dict[bytes, int] = {}
    for row in shared_by_rows(whole, first)[1].tolist():
        if len(letters := keys.of(row)):
            first[row] = known.setdefault(letters.tobytes(), row)
    return first


def shared_by_rows(hashes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hashes that more than one row has, sorted, and their rows, ascending for each hash."""
    if not len(hashes):
        return hashes, rows
    order = np.argsort(hashes)
    same = np.diff(hashes[order]) == 0
    order = order[np.append(same, False) | np.append(False, same)]  # the few: the rest is not sorted twice
    order = order[np.lexsort((rows[order], hashes[order]))]
    hashes, rows = hashes[order], rows[order]
    new = np.append(True, (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1]))[: len(order)]
    hashes, rows = hashes[new], rows[new]
    same = np.diff(hashes) == 0
    kept = (np.append(same, False) | np.append(False, same))[: len(hashes)]
    return hashes[kept], rows[kept]


def candidates(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(m, 2) pairs of rows of one hash, the earlier one first: each row with the first COMPARED of its hash."""
    new = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else np.zeros(0, int)
    first = np.repeat(new, np.diff(np.append(new, len(hashes))))
    pairs = []
    for offset in range(COMPARED):
        later = np.flatnonzero(np.arange(len(hashes)) > first + offset)
        pairs.append(np.stack([rows[first[later] + offset], rows[later]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)
