"""Which of many texts may be equal to another, found in eight bytes a text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def hashes(texts: Iterable[str], count: int) -> np.ndarray:
    """(count,) int64: equal texts have equal hashes. They differ from process to process."""
    return np.fromiter(map(hash, texts), np.int64, count)


def repeated(found: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the hashes that occur more than once: the only texts that can be equal to another."""
    order = np.argsort(found, kind="stable")
    same = found[order[1:]] == found[order[:-1]]
    return np.sort(order[np.append(same, False) | np.append(False, same)]) if len(found) else order


def shared(found: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Positions, ascending, of the hashes that also occur among the others."""
    return np.flatnonzero(np.isin(found, others))
