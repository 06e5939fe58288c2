"""The order of sentences in training: batches of like length, the same for the same seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

WINDOW = 50  # batches that are sorted together: long enough to save padding, short enough to stay random


def epoch_batches(lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """Every sentence once, in batches of `batch_size` with little padding; the last one may be smaller.

    lengths: (n,) tokens. Sentences are shuffled, sorted by length within windows of WINDOW batches, cut into batches,
    and the batches shuffled. Depends on seed and epoch alone, so that a resumed run sees the same order.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * WINDOW):
        window = order[start : start + batch_size * WINDOW]
        window = window[np.argsort(lengths[window], kind="stable")]
        batches += [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def sorted_batches(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Indices from longest to shortest, for evaluation and prediction: the largest batch comes first."""
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def steps_per_epoch(sentences: int, batch_size: int) -> int:
    """Optimizer steps in one epoch."""
    return -(-sentences // batch_size)
