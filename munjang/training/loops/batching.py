"""The order of sentences in training: batches of similar length, the same for the same seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

WINDOW = 50  # batches that are sorted together: enough to save padding, few enough to stay random


class BatchSampler(Protocol):
    """Puts sentences into batches. Every epoch has the same number of steps."""

    def steps(self, lengths: np.ndarray) -> int:
        """Optimizer steps in one epoch over sentences of these lengths."""

    def epoch(self, lengths: np.ndarray, *, seed: int, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch, as indices; the same for the same seed and epoch."""

    def evaluation(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Every sentence once, without a random order."""


@dataclass(frozen=True)
class SentenceSampler:
    """Batches of a fixed number of sentences."""

    size: int
    evaluation_size: int

    def steps(self, lengths: np.ndarray) -> int:
        return steps_per_epoch(len(lengths), self.size)

    def epoch(self, lengths: np.ndarray, *, seed: int, epoch: int) -> list[np.ndarray]:
        return epoch_batches(lengths, self.size, seed=seed, epoch=epoch)

    def evaluation(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        return sorted_batches(lengths, self.evaluation_size)


@dataclass(frozen=True)
class MultiCorpusSampler:
    """Batches of a fixed number of sentences from several sources, in which small sources get a larger share.

    sources: (n,) the source of each sentence, counted from 0. An epoch has n sentences; the share of source i is
    proportional to size_i ** power. Each source is read in a random order, in as many passes as needed, and the next
    epoch goes on where the last one ended: no sentence is repeated before all others of its source were used.
    """

    size: int
    evaluation_size: int
    sources: np.ndarray
    power: float

    def steps(self, lengths: np.ndarray) -> int:
        return steps_per_epoch(len(lengths), self.size)

    def epoch(self, lengths: np.ndarray, *, seed: int, epoch: int) -> list[np.ndarray]:
        counts = samples_per_source(np.bincount(self.sources), self.power)
        rows = [self.sentences_of(source, int(count), seed, epoch) for source, count in enumerate(counts)]
        drawn = np.concatenate(rows)
        return [drawn[batch] for batch in epoch_batches(lengths[drawn], self.size, seed=seed, epoch=epoch)]

    def sentences_of(self, source: int, count: int, seed: int, epoch: int) -> np.ndarray:
        """The `count` sentences of a source for an epoch; the same for the same seed and epoch."""
        indices = np.flatnonzero(self.sources == source)
        passes = range(epoch * count // len(indices), -(-(epoch + 1) * count // len(indices)))
        orders = [np.random.default_rng([seed, number, source, 2]).permutation(indices) for number in passes]
        first = epoch * count - passes.start * len(indices)
        return np.concatenate([*orders, indices[:0]])[first : first + count]

    def evaluation(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        return sorted_batches(lengths, self.evaluation_size)


@dataclass(frozen=True)
class TokenSampler:
    """Batches of about `tokens` tokens, padding included: many short sentences, or a few long ones.

    copies: (n,) how often each sentence is used in an epoch; None: once.
    Sentences of one length are put together in random order; the last ones of a length go with the next longer one.
    This needs almost no padding (rounding lengths up to 8 cost 14%), and every epoch has the same number of steps.
    """

    tokens: int
    copies: np.ndarray | None = None

    def steps(self, lengths: np.ndarray) -> int:
        return len(self.cuts(np.sort(lengths[self.indices(lengths)])))

    def epoch(self, lengths: np.ndarray, *, seed: int, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(self.indices(lengths))
        order = order[np.argsort(lengths[order], kind="stable")]
        cuts = self.cuts(lengths[order])
        return [order[slice(*cuts[i])] for i in rng.permutation(len(cuts))]

    def evaluation(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        order = np.argsort(lengths, kind="stable")
        return (order[slice(*cut)] for cut in reversed(self.cuts(lengths[order])))

    def indices(self, lengths: np.ndarray) -> np.ndarray:
        """Every sentence as often as it is used in an epoch."""
        indices = np.arange(len(lengths))
        return indices if self.copies is None else np.repeat(indices, self.copies)

    def cuts(self, ordered: np.ndarray) -> list[tuple[int, int]]:
        """(start, stop) of each batch of sentences whose lengths are in ascending order."""
        cuts, start = [], 0
        while start < len(ordered):
            # A batch is full when the number of its sentences times its longest length no longer fits.
            most = max(1, int(self.tokens // ordered[start]))
            candidates = ordered[start : start + most]
            fits = np.flatnonzero(np.arange(1, len(candidates) + 1) * candidates <= self.tokens)
            stop = start + (int(fits[-1]) + 1 if len(fits) else 1)
            cuts.append((start, stop))
            start = stop
        return cuts


def samples_per_source(sizes: np.ndarray, power: float) -> np.ndarray:
    """How many sentences to draw from each source, in proportion to sizes ** power; the sum is that of `sizes`."""
    weights = np.asarray(sizes, float) ** power
    exact = weights / weights.sum() * sizes.sum()
    counts = np.floor(exact + 1e-9).astype(np.int64)
    last = np.argsort(counts - exact, kind="stable")[: int(sizes.sum() - counts.sum())]  # the largest remainders
    counts[last] += 1
    return counts


def epoch_batches(lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> list[np.ndarray]:
    """Every sentence once, in batches of `batch_size` with little padding; the last one may be smaller.

    lengths: (n,) tokens. Sentences are shuffled, sorted by length within windows of WINDOW batches, and cut into
    batches; then the batches are shuffled. This depends only on seed and epoch, so a resumed run sees the same order.
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
