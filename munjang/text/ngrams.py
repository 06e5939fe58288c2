"""Character n-grams within words, counted for many texts at once in NumPy.

The n-grams are the same as with scikit-learn's `analyzer="char_wb"` and lower-casing: each word is padded with one
space on both sides, and every window of 1 to 4 characters inside a padded word counts. An n-gram is one 64-bit key of
four 16-bit character numbers (0: no character): counting is sorting, and a look-up is one hash probe. scikit-learn's
own analyser makes a Python string of each n-gram and was five times slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

LONGEST = 4  # characters in an n-gram; four 16-bit numbers fill a key
MOST_CHARACTERS = 2**16 - 1  # distinct characters that 16 bits can number, without the 0
CODE_POINTS = 0x110000
CHUNK_CHARACTERS = 500_000  # characters processed at once: about 100 MB of keys and their order
SPACE = ord(" ")
SURROGATES = range(0xD800, 0xE000)


class Alphabet:
    """Characters with numbers from 1; every other character is 0, and n-grams with a 0 do not count."""

    def __init__(self, code_points: np.ndarray) -> None:
        """code_points: (characters,) distinct Unicode code points, at most MOST_CHARACTERS."""
        self.code_points = code_points.astype(np.uint32)
        self.numbers = np.zeros(CODE_POINTS, np.uint16)
        self.numbers[self.code_points] = np.arange(1, len(code_points) + 1)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Alphabet:
        """The alphabet of `texts` (after lower-casing); if it has over MOST_CHARACTERS, the rarest are left out."""
        counts = np.zeros(CODE_POINTS, np.int64)
        for chunk in chunks(texts):
            counts += np.bincount(text_code_points([padded(text) for text in chunk]), minlength=CODE_POINTS)
        counts[SURROGATES.start : SURROGATES.stop] = 0  # halves of characters, which no text file can contain
        return cls(np.sort(np.argsort(-counts, kind="stable")[: min((counts > 0).sum(), MOST_CHARACTERS)]))


def padded(text: str) -> str:
    """`text` in lower case, each word with a space on both sides: `" 정말  좋아 "`; "" for an empty text."""
    words = text.lower().split()
    return " " + "  ".join(words) + " " if words else ""


def text_code_points(texts: Sequence[str]) -> np.ndarray:
    """The code points of all texts, one after the other: (characters,) uint32."""
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)


def chunks(texts: Sequence[str], characters: int | None = None, most: int | None = None) -> Iterator[Sequence[str]]:
    """Consecutive texts with at most so many characters together (CHUNK_CHARACTERS if omitted; a longer text alone).

    most: texts in a chunk; None: any number.
    """
    characters = characters or CHUNK_CHARACTERS
    ends = np.cumsum([len(text) for text in texts])
    start = 0
    while start < len(texts):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + characters, side="right")))
        end = min(end, start + (most or len(texts)))
        yield texts[start:end]
        start = end


def ngram_keys(texts: Sequence[str], alphabet: Alphabet) -> tuple[np.ndarray, np.ndarray]:
    """Every n-gram of every text: (row, key) as (ngrams,) int64 and uint64, with repeats, in no fixed order."""
    prepared = [padded(text) for text in texts]
    codes = text_code_points(prepared)
    row = np.repeat(np.arange(len(texts)), [len(text) for text in prepared])
    number = alphabet.numbers[codes].astype(np.uint64)
    key, whole = number, number > 0
    rows, keys = [row[whole]], [key[whole]]
    space = codes == SPACE
    within = whole[:-1] & whole[1:] & ~(space[:-1] & space[1:])  # two spaces meet only between words
    for length in range(2, LONGEST + 1):
        if len(codes) < length:
            break
        key = (key[:-1] << np.uint64(16)) | number[length - 1 :]
        whole = within if length == 2 else whole[:-1] & whole[1:]
        rows.append(row[: len(whole)][whole])
        keys.append(key[whole])
    return np.concatenate(rows), np.concatenate(keys)


@cache
def basic_plane() -> Alphabet:
    """The characters that 16 bits can number, emoji and rare ideographs excluded: no texts need to be read for it."""
    return Alphabet(np.array([point for point in range(1, MOST_CHARACTERS + 1) if point not in SURROGATES]))


def hashed_ngrams(texts: Sequence[str], bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Every n-gram of every text: its row, and the bucket of 2**bits that it falls into, both (ngrams,) int64."""
    rows, keys = ngram_keys(texts, basic_plane())
    return rows, hashed_keys(keys, bits)


def hashed_keys(keys: np.ndarray, bits: int) -> np.ndarray:
    """A number of so many bits for each key (Fibonacci hashing)."""
    return ((keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)).astype(np.int64)


def document_frequencies(texts: Sequence[str], alphabet: Alphabet) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys of `texts`, ascending, and in how many texts each occurs."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for chunk in chunks(texts):
        rows, keys = ngram_keys(chunk, alphabet)
        distinct, _ = runs(keys)
        indices = Lookup(distinct).find(keys).astype(np.int64)
        pairs, _ = runs(indices * len(chunk) + rows)  # a text counts once for an n-gram, even if it repeats it
        parts.append((distinct, np.bincount(pairs // len(chunk), minlength=len(distinct))))
        if len(parts) == 16:
            parts = [merge(parts)]
    return merge(parts) if parts else (np.zeros(0, np.uint64), np.zeros(0, np.int64))


def merge(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Keys and counts of several parts as one: keys distinct and ascending, counts added."""
    keys = np.concatenate([keys for keys, _ in parts])
    counts = np.concatenate([counts for _, counts in parts])
    order = np.argsort(keys)
    distinct, times = runs(keys)
    starts = np.cumsum(times) - times
    return distinct, np.add.reduceat(counts[order], starts) if len(starts) else counts


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, ascending, and how often each occurs (np.unique is about twenty times slower on these)."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def strings(keys: np.ndarray, alphabet: Alphabet) -> list[str]:
    """The n-grams behind `keys`."""
    code_of = np.concatenate([[0], alphabet.code_points])
    shifts = np.array([48, 32, 16, 0], np.uint64)
    numbers = ((keys[:, None] >> shifts) & np.uint64(0xFFFF)).astype(np.int64)  # (keys, 4), 0 = none
    text = code_of[numbers[numbers > 0]].astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum((numbers > 0).sum(axis=1))
    return [text[start:end] for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]


def keys_from_ngrams(ngrams: Sequence[str], alphabet: Alphabet) -> np.ndarray:
    """The keys of n-grams of 1 to LONGEST characters, all in the alphabet; the inverse of `strings`."""
    lengths = np.array([len(ngram) for ngram in ngrams], np.int64)
    numbers = alphabet.numbers[text_code_points(ngrams)].astype(np.uint64)
    starts = np.cumsum(lengths) - lengths
    keys = np.zeros(len(ngrams), np.uint64)
    for position in range(LONGEST):
        has = lengths > position
        keys[has] = (keys[has] << np.uint64(16)) | numbers[starts[has] + position]
    return keys


class Lookup:
    """Key -> its index in a list of distinct keys: an open hash table that looks up all keys at once."""

    def __init__(self, keys: np.ndarray) -> None:
        bits = max(4, int(len(keys) * 4 - 1).bit_length())  # at most a quarter full: most keys are found at once
        self.bits = bits
        self.mask = np.int64(2**bits - 1)
        self.keys = np.zeros(2**bits, np.uint64)  # 0 is no n-gram
        self.indices = np.full(2**bits, -1, np.int32)
        slots, left = self.slots(keys), np.arange(len(keys))
        while len(left):
            free = left[self.keys[slots[left]] == 0]
            self.keys[slots[free]] = keys[free]  # if several keys want one slot, the last one gets it
            settled = self.keys[slots[left]] == keys[left]
            self.indices[slots[left[settled]]] = left[settled]
            left = left[~settled]
            slots[left] = (slots[left] + 1) & self.mask

    def slots(self, keys: np.ndarray) -> np.ndarray:
        """Where the search for each key begins."""
        return hashed_keys(keys, self.bits)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The index of each key in the list, (keys,) int32; -1 if it is not there."""
        slots = self.slots(keys)
        indices = np.where(self.keys[slots] == keys, self.indices[slots], -1)
        left = np.flatnonzero((indices < 0) & (self.keys[slots] != 0))
        while len(left):
            slots[left] = (slots[left] + 1) & self.mask
            stored = self.keys[slots[left]]
            hit = stored == keys[left]
            indices[left[hit]] = self.indices[slots[left[hit]]]
            left = left[~hit & (stored != 0)]
        return indices


def count_features(
    texts: Sequence[str], alphabet: Alphabet, lookup: Lookup
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often each known n-gram occurs in each text: (row, feature, count), by row, then by feature.

    row (nonzero,) int64; feature (nonzero,) int64, the index in the lookup's list; count (nonzero,) int64.
    """
    rows, keys = ngram_keys(texts, alphabet)
    indices = lookup.find(keys)
    known = indices >= 0
    cells, counts = runs((rows[known] << 32) | indices[known])
    return cells >> 32, cells & 0xFFFFFFFF, counts
