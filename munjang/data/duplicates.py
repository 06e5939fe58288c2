"""When two texts are the same, and which of many texts may be.

Cleaning and evaluation compare texts as they are after the text steps. Splits must hold for texts before these too:
they compare `text_key`. Pre-training leaves out what others are scored on, also if it is written a little differently:
it compares `letters_key`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


def text_key(text: str) -> str:
    """The text in NFC, without white space at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def letters_key(text: str) -> str:
    """The letters and digits of a text, case-folded: without spaces, punctuation and other signs."""
    return NEITHER_LETTER_NOR_DIGIT.sub("", text).casefold()


def text_hash(text: str) -> bytes:
    """Eight bytes, the same in every process: the blake2b of the text's utf-8. Draws that go by text depend on it."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def hashes(texts: Iterable[str], count: int) -> np.ndarray:
    """(count,) int64: equal texts have equal hashes. They differ from process to process."""
    return np.fromiter(map(hash, texts), np.int64, count)


def repeated(hashed: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the hashes that occur more than once: only these texts can be equal to another."""
    order = np.argsort(hashed, kind="stable")
    same = hashed[order[1:]] == hashed[order[:-1]]
    return np.sort(order[np.append(same, False) | np.append(False, same)]) if len(hashed) else order


def shared(hashed: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the hashes that also occur among the others."""
    return np.flatnonzero(np.isin(hashed, others))
