"""Finds the texts that may be equal to another one, with eight bytes per text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


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
