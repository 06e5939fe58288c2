"""Texts that differ by one letter, or by one key as they are typed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from munjang.data.near.hashes import FACTOR, Hashes, candidates, shared_by_rows
from munjang.data.near.letters import LETTER, LETTERS_AT_ONCE, Keys, as_presses, kinds_of_characters


def halves(keys: Keys, *, typed: bool) -> np.ndarray:
    """The rows that share the first or the last half with another, as all do that differ by one letter; ascending.

    Two letters at most are changed that stand side by side, and the length changes by one at most. So of lengths n and
    m one half is the same if it is taken as n // 2 and as (n - 1) // 2 letters. typed: a letter is a key press.
    """
    hashes, rows = [], []
    for first, block in keys.blocks():
        block = as_presses(block) if typed else block
        of = Hashes(block.codes).of
        start, stop, number = block.starts[:-1], block.starts[1:], first + np.arange(len(block))
        for half in ((stop - start) // 2, (stop - start - 1) // 2):
            salt = half.astype(np.uint64) * np.uint64(FACTOR)
            hashes += [of(start, start + half) ^ salt, ~of(stop - half, stop) ^ salt]
            rows += [number] * 2
    return np.unique(shared_by_rows(np.concatenate(hashes), np.concatenate(rows))[1]) if rows else np.zeros(0, int)


def one_less(keys: Keys) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(hashes, rows) of each key as it is and without each of its letters, in parts of the hashes' range.

    Two keys that differ by one letter, or by two that change places, share a hash. Digits are never left out: another
    number is no slip.
    """
    parts = 1 + int(keys.starts[-1]) // (4 * LETTERS_AT_ONCE)
    for part in range(parts):
        hashes, rows = [], []
        for first, block in keys.blocks():
            found, number = hashes_of_one_less(block)
            mine = (found >> np.uint64(32)) % np.uint64(parts) == part if parts > 1 else slice(None)
            hashes.append(found[mine])
            rows.append(first + number[mine])
        if rows:
            yield shared_by_rows(np.concatenate(hashes), np.concatenate(rows))


def hashes_of_one_less(keys: Keys) -> tuple[np.ndarray, np.ndarray]:
    hashes, start, stop = Hashes(keys.codes), keys.starts[:-1], keys.starts[1:]
    number = np.repeat(np.arange(len(keys)), keys.sizes)
    at = np.flatnonzero(kinds_of_characters()[keys.codes] == LETTER)
    number = number[at]
    less = hashes.without(start[number], at, stop[number])
    return np.concatenate([hashes.of(start, stop), less]), np.concatenate([np.arange(len(keys)), number])


def differ(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of two arrays of letters without what they have in common at the start, then at the end."""
    size = min(len(first), len(second))
    unlike = np.flatnonzero(first[:size] != second[:size])
    start = unlike[0] if len(unlike) else size
    first, second = first[start:], second[start:]
    size = min(len(first), len(second))
    unlike = np.flatnonzero(first[::-1][:size] != second[::-1][:size])
    end = unlike[0] if len(unlike) else size
    return first[: len(first) - end], second[: len(second) - end]


def is_slip(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two keys differ by one letter, or by two that change places."""
    left, right = differ(first, second)
    return max(len(left), len(right)) <= 1 or (len(left) == len(right) == 2 and (left == right[::-1]).all())


def slip_pairs(keys: Keys) -> Iterator[tuple[tuple[int, int], bool]]:
    """The rows of the keys that differ by one key as they are typed (True), or else by one letter; no pair twice."""
    found = set()
    for typed in (True, False):
        rows = halves(keys, typed=typed)
        some = as_presses(keys.chosen(rows)) if typed else keys.chosen(rows)
        for hashes, numbers in one_less(some):
            for first, second in candidates(hashes, numbers).tolist():
                pair = int(rows[first]), int(rows[second])
                if pair not in found and is_slip(some.of(first), some.of(second)):
                    found.add(pair)
                    yield pair, typed
