"""How certain a score is: bootstrap intervals, paired differences, McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from munjang.metrics.scores import ConfusionCounts, all_metrics

REPLICATES = 2_000
LEVEL = 0.95
EXACT_UP_TO = 1_000  # texts on which two models differ; beyond, McNemar's test is a chi-square with continuity
BLOCK = 250  # replicates drawn at once

Interval = tuple[float, float]


def bootstrap(references: np.ndarray, predicted: np.ndarray, kind: str, *, seed: int = 13) -> dict[str, Interval]:
    """The 95% percentile interval of every metric, over REPLICATES resamples of the texts.

    references, predicted: (n, L) bool.
    Texts with the same reference and prediction are exchangeable, so a resample is one multinomial draw of how often
    each such pair occurs: the same distribution as drawing texts one by one, a thousand times faster.
    """
    (first,) = replicate_scores(references, [predicted], kind, seed)
    return {name: percentile_interval(values) for name, values in first.items()}


def paired_bootstrap(
    references: np.ndarray, predicted: np.ndarray, other: np.ndarray, kind: str, *, seed: int = 13
) -> dict[str, Interval]:
    """The 95% interval of the first model's score minus the other's, both on the same resampled texts."""
    first, second = replicate_scores(references, [predicted, other], kind, seed)
    return {name: percentile_interval(first[name] - second[name]) for name in first}


def percentile_interval(values: np.ndarray) -> Interval:
    """The middle LEVEL of the values."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def replicate_scores(
    references: np.ndarray, answers: list[np.ndarray], kind: str, seed: int
) -> list[dict[str, np.ndarray]]:
    """For each model's predictions, every metric on each replicate, (REPLICATES,); the replicates are shared."""
    representative, repeats = patterns([references, *answers])
    blocks: list[list[dict[str, np.ndarray]]] = [[] for _ in answers]
    for times in draw_resamples(repeats, seed):
        for index, answer in enumerate(answers):
            counts = resampled_counts(references[representative], answer[representative], times)
            blocks[index].append(all_metrics(counts, kind))
    return [
        {name: np.concatenate([block[name] for block in scores]) for name in scores[0]} if scores else {}
        for scores in blocks
    ]


def patterns(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of bool arrays (n, L) side by side: the index of the first of each, and how often it occurs.

    In the order of the rows, so that the same resamples are drawn whichever model is named first.
    """
    packed = np.ascontiguousarray(np.packbits(np.concatenate(columns, axis=1), axis=1))
    rows = packed.view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, representative, counts = np.unique(rows, return_index=True, return_counts=True)
    order = np.argsort(representative)
    return representative[order], counts[order]


def draw_resamples(counts: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Blocks (BLOCK, patterns) of how often each pattern occurs in a resample of as many texts."""
    generator = np.random.default_rng(seed)
    n = counts.sum()
    for _ in range(0, REPLICATES, BLOCK):
        yield generator.multinomial(n, counts / n, size=BLOCK).astype(np.float64)


def resampled_counts(references: np.ndarray, predicted: np.ndarray, times: np.ndarray) -> ConfusionCounts:
    """The ConfusionCounts of each replicate.

    references, predicted: (patterns, L) bool; times: (replicates, patterns), how often each pattern was drawn.
    """
    return ConfusionCounts(
        times @ (references & predicted),
        times @ (~references & predicted),
        times @ (references & ~predicted),
        times @ (references == predicted).all(axis=1),
        times.sum(axis=1),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's test: are two models right equally often?

    only_first, only_second: texts that only this model got right. Exact binomial up to EXACT_UP_TO such texts, beyond
    that a chi-square with continuity correction (McNemar 1947, Edwards 1948).
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n <= EXACT_UP_TO:
        tail = sum(math.comb(n, k) for k in range(fewer + 1))
        return min(1.0, float(2 * tail / 2**n)) if n else 1.0
    statistic = max(0, abs(only_first - only_second) - 1) ** 2 / n
    return math.erfc(math.sqrt(statistic / 2))
