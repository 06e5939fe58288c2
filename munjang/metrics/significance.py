"""How certain a score is: bootstrap intervals, paired differences, McNemar's, Fisher's and permutation tests,
Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

REPLICATES = 2_000
LEVEL = 0.95
Z = 1.959963984540054  # the normal distribution's quantile at (1 + LEVEL) / 2
EXACT_UP_TO = 1_000  # texts on which two models differ; beyond, McNemar's test is a chi-square with continuity
BLOCK = 250  # replicates drawn at once
LEAST_AS_LOW = 10  # draws of a permutation test that give a p

Interval = tuple[float, float]

Score = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Metrics, each (...), from counts that were added over texts, (..., K)."""


def bootstrap(counts: np.ndarray, score: Score, *, seed: int = 13) -> dict[str, Interval]:
    """The 95% percentile interval of every metric, over REPLICATES resamples of the texts.

    counts: (n, K), whole numbers or bool: what each text adds to the counts that `score` takes.
    Texts with the same counts are exchangeable, so a resample is one multinomial draw of how often each row of counts
    occurs: the same distribution as drawing texts one by one, a thousand times faster.
    """
    (scores,) = replicate_scores([counts], score, seed)
    return {name: percentile_interval(values) for name, values in scores.items()}


def wilson_interval(right: int, n: int) -> Interval:
    """The 95% interval of a share, right / n (Wilson 1927); (0, 1) for n = 0. Unlike a bootstrap, it does not shrink
    to a point where all or none are right."""
    if not n:
        return 0.0, 1.0
    share, z2 = right / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_bootstrap(counts: np.ndarray, other: np.ndarray, score: Score, *, seed: int = 13) -> dict[str, Interval]:
    """The 95% interval of the first model's score minus the other's, both on the same resampled texts."""
    first, second = replicate_scores([counts, other], score, seed)
    return {name: percentile_interval(first[name] - second[name]) for name in first}


def percentile_interval(values: np.ndarray) -> Interval:
    """The middle LEVEL of the values."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def replicate_scores(models: Sequence[np.ndarray], score: Score, seed: int) -> list[dict[str, np.ndarray]]:
    """For each model's counts, every metric on each replicate, (REPLICATES,); the replicates are shared."""
    representative, repeats = patterns(models)
    rows = [counts[representative].astype(np.float64) for counts in models]
    blocks = [[score(times @ row) for row in rows] for times in draw_resamples(repeats, seed)]
    return [
        {name: np.concatenate([block[model][name] for block in blocks]) for name in blocks[0][model]}
        for model in range(len(models))
    ]


def patterns(models: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of arrays (n, K) side by side: the index of the first of each, and how often it occurs.

    In the order of the rows, so that the same resamples are drawn whichever model is named first.
    """
    columns = np.concatenate(models, axis=1)
    packed = np.ascontiguousarray(np.packbits(columns, axis=1) if columns.dtype == bool else columns)
    rows = packed.view(np.dtype((np.void, packed.itemsize * packed.shape[1])))[:, 0]
    _, representative, counts = np.unique(rows, return_index=True, return_counts=True)
    order = np.argsort(representative)
    return representative[order], counts[order]


def draw_resamples(counts: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Blocks (BLOCK, patterns) of how often each pattern occurs in a resample of as many texts."""
    generator = np.random.default_rng(seed)
    n = counts.sum()
    for _ in range(0, REPLICATES, BLOCK):
        yield generator.multinomial(n, counts / n, size=BLOCK).astype(np.float64)


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


def fisher_less(right: int, n: int, other_right: int, others: int) -> float:
    """One-sided p of Fisher's exact test: are fewer of n texts right than of the others, beyond chance?

    The probability of at most `right` right texts, if n of all texts were drawn without looking (Fisher 1934).
    """
    total, hits = n + others, right + other_right
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])  # of the factorials

    def log_choose(whole: int, part: np.ndarray | int) -> np.ndarray:
        return logs[whole] - logs[part] - logs[whole - part]

    counts = np.arange(max(0, n - (total - hits)), right + 1)
    tail = np.exp(log_choose(hits, counts) + log_choose(total - hits, n - counts) - log_choose(total, n))
    return min(1.0, float(tail.sum()))


def permutation_less(
    counts: np.ndarray, chosen: np.ndarray, score: Callable[[np.ndarray], np.ndarray], *, seed: int = 13
) -> float:
    """One-sided p of a permutation test: is the score of the chosen texts lower than that of as many drawn by chance?

    counts: (n, K), as of `bootstrap`. chosen: (n,) bool. score: of added counts (..., K). Where hardly any draw is as
    low, the tail of a normal distribution with the mean and the spread of the draws stands for it.
    """
    representative, repeats = patterns([counts])
    rows = counts[representative].astype(np.float64)
    size, generator = int(chosen.sum()), np.random.default_rng(seed)
    draws = score(generator.multivariate_hypergeometric(repeats, size, size=REPLICATES, method="marginals") @ rows)
    own = float(score(counts[chosen].sum(axis=0, dtype=np.float64)))
    as_low = int((draws <= own).sum())
    if as_low >= LEAST_AS_LOW or not draws.std():
        return (as_low + 1) / (REPLICATES + 1)
    return 0.5 * math.erfc((draws.mean() - own) / draws.std() / math.sqrt(2))


def holm(values: Sequence[float]) -> list[float]:
    """Each p, corrected for the number of tests: below 0.05, any false alarm has at most that chance (Holm 1979)."""
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(values, float)[order] * np.arange(len(values), 0, -1))
    found = np.empty(len(values))
    found[order] = np.minimum(stepped, 1.0)
    return found.tolist()


def p_text(p: float) -> str:
    """A p-value with two digits that matter."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}" if p < 0.01 else f"= {p:.2f}"
