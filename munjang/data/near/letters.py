"""The letters of texts, one after another: what near copies have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from munjang.text.cleaning import nfc
from munjang.text.keyboard import FINALS, FIRST, LAST, PAIRS, VOWELS, compose, presses
from munjang.text.noise import DRAWN_OUT

LETTERS_AT_ONCE = 1 << 20  # letters that are hashed at once
LETTER, DIGIT, BREAK = 1, 2, 3


@dataclass(frozen=True)
class Keys:
    """What near copies have in common: the letters of texts, one after another.

    codes: (letters,) uint32 code points: letters and digits in lower case, a letter once where it is repeated.
    starts: (n + 1,) where each text begins.
    """

    codes: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, row: int) -> np.ndarray:
        return self.codes[self.starts[row] : self.starts[row + 1]]

    def word(self, row: int) -> str:
        return self.of(row).tobytes().decode("utf-32-le")

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)

    def chosen(self, rows: np.ndarray) -> Keys:
        """The keys of some rows."""
        starts = ends(self.sizes[rows])
        return Keys(self.codes[spread(self.starts[:-1][rows], starts)], starts)

    def blocks(self, letters: int = LETTERS_AT_ONCE) -> Iterator[tuple[int, Keys]]:
        """(first row, keys) of at most so many letters each, or of one text."""
        first = 0
        while first < len(self):
            last = max(first + 1, int(np.searchsorted(self.starts, self.starts[first] + letters, "right")) - 1)
            start, stop = self.starts[first], self.starts[last]
            yield first, Keys(self.codes[start:stop], self.starts[first : last + 1] - start)
            first = last


def ends(sizes: np.ndarray) -> np.ndarray:
    """(n + 1,) where parts of these sizes begin and end, one after another."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def spread(first: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The numbers first[i], first[i] + 1, … for each part i, as many as the part is long."""
    return np.arange(starts[-1]) + np.repeat(first - starts[:-1], np.diff(starts))


@lru_cache(maxsize=1)
def kinds_of_characters() -> np.ndarray:
    """(0x110000,) uint8: LETTER (marks that belong to letters too), DIGIT, BREAK for a line break, 0 for any sign."""
    kinds = np.zeros(0x110000, np.uint8)
    for code in range(0x40000):
        category = unicodedata.category(chr(code))
        kinds[code] = LETTER if category[0] == "L" or category in ("Mn", "Mc") else DIGIT * (category[0] == "N")
    kinds[0xFE00:0xFE10] = 0  # they choose between two pictures of an emoji
    kinds[ord("\n")] = BREAK
    return kinds


def keys_of(texts: Sequence[str], at_once: int = 20_000) -> Keys:
    """The keys of texts; those without letters and digits are empty."""
    parts = [block_of_keys(texts[first : first + at_once]) for first in range(0, len(texts), at_once)]
    sizes = np.concatenate([size for __, size in parts]) if parts else np.zeros(0, np.int64)
    return Keys(np.concatenate([codes for codes, __ in parts]) if parts else np.zeros(0, np.uint32), ends(sizes))


def block_of_keys(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(codes, size of each key) of some texts, made as one long text."""
    joined = "\n".join(texts)
    if joined.count("\n") != len(texts) - 1:
        joined = "\n".join(text.replace("\n", " ") for text in texts)
    joined = SIGNS_IN_NUMBER.sub(".", nfc(joined).casefold() + "\n")
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = kinds_of_characters()[codes]
    kinds = np.where((codes == ord(".")) & between_digits(kinds), DIGIT, kinds)
    codes, kinds = codes[kinds > 0], kinds[kinds > 0]
    again = np.zeros(len(codes), bool)
    again[1:] = (codes[1:] == codes[:-1]) & (kinds[1:] == LETTER)
    codes, kinds = codes[~again], kinds[~again]
    again = np.append(False, drawn_out(codes[:-1]) == codes[1:])
    codes, kinds = codes[~again], kinds[~again]
    breaks = np.flatnonzero(kinds == BREAK)
    return codes[kinds != BREAK], np.diff(breaks, prepend=-1) - 1


SIGNS_IN_NUMBER = re.compile(r"(?<=\d)[^\S\n]*(?!,\d{3}(?!\d))[^\w\s]+[^\S\n]*(?=\d)")
"""What makes another number, as in 3.5 and 12.7; the comma of 1,000 does not."""


def between_digits(kinds: np.ndarray) -> np.ndarray:
    """(n,) bool: which characters stand between two digits."""
    digit = kinds == DIGIT
    return np.append(False, digit[:-1]) & np.append(digit[1:], False)


def drawn_out(codes: np.ndarray) -> np.ndarray:
    """The syllable with which each open syllable is drawn out (다아, 요오); 0 for other letters."""
    number = codes.astype(np.int64) - ord(FIRST)
    is_open = (number >= 0) & (number <= ord(LAST) - ord(FIRST)) & (number % len(FINALS) == 0)
    return np.where(is_open, LONG_VOWELS[np.where(is_open, number, 0) // len(FINALS) % len(VOWELS)], 0)


LONG_VOWELS = np.array([ord(compose("ㅇ", DRAWN_OUT.get(vowel, vowel))) for vowel in VOWELS])


@lru_cache(maxsize=1)
def keys_of_characters() -> np.ndarray:
    """(0x10000 - 0x3000, 5) uint32: the keys that type each character from U+3000 on, 0 for none."""
    table = np.zeros((0x10000 - 0x3000, 5), np.uint32)
    table[:, 0] = np.arange(0x3000, 0x10000)
    for letter, pair in PAIRS.items():
        table[ord(letter) - 0x3000, :2] = list(map(ord, pair))
    for code in range(ord(FIRST), ord(LAST) + 1):
        typed = presses(chr(code))
        table[code - 0x3000, : len(typed)] = list(map(ord, typed))
    return table


def as_presses(keys: Keys) -> Keys:
    """The keys as they are typed: each syllable as the letters on the keyboard."""
    asian = (keys.codes >= 0x3000) & (keys.codes < 0x10000)
    table = np.zeros((len(keys.codes), 5), np.uint32)
    table[:, 0] = keys.codes
    table[asian] = keys_of_characters()[keys.codes[asian] - 0x3000]
    sizes = ends((table != 0).sum(axis=1))
    return Keys(table[table != 0], sizes[keys.starts])
