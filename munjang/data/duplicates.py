"""When two texts are the same, which of many texts may be, and when two lists of texts are.

Cleaning and evaluation compare texts as they are after the text steps. Corpora that are trained together must not share
texts before these either: they compare `text_key`. Splits keep near copies together (`munjang.data.near`). Pre-training
leaves out what others are scored on, also if it is written a little differently: it compares `letters_key`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np

from munjang.text.cleaning import nfc

NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


def text_key(text: str) -> str:
    """The text after the step nfc, without white space at its ends."""
    return nfc(text).strip()


def letters_key(text: str) -> str:
    """The letters and digits of a text, case-folded: without spaces, punctuation and other signs."""
    return NEITHER_LETTER_NOR_DIGIT.sub("", text).casefold()


def text_hash(text: str) -> bytes:
    """Eight bytes, the same in every process: the blake2b of the text's utf-8. Draws that go by text depend on it."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def texts_hash(texts: Iterable[str]) -> str:
    """The sha256 of texts in their order, in hex: of each the length of its utf-8 as 8 bytes, little-endian, then this.

    Reports keep it, so that two of them are compared only on the same texts.
    """
    return records_hash(map(with_length, texts))


def with_length(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data


def rows_hash(rows: Iterable[tuple[str, str]]) -> str:
    """The sha256 of texts with labels in their order, in hex: of each the text, a byte 0, the label, a byte 1; utf-8.

    Runs keep it, so that they are resumed only with the same corpus.
    """
    return records_hash(f"{text}\x00{label}\x01".encode("utf-8", "surrogatepass") for text, label in rows)


def records_hash(records: Iterable[bytes]) -> str:
    """The sha256 of these bytes one after another, in hex."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(record)
    return digest.hexdigest()


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
