"""The shares of the labels in a file, corrected for the errors of the classifier.

A classifier takes some 긍정 for 부정, and some 부정 for 긍정. On the texts that it was trained on this evens out; in a
file that is mostly 긍정 it finds too much 부정. If the texts of each label are as they were there and only the shares
differ, the likeliest shares follow from the probabilities: expectation-maximisation after Saerens, Latinne and
Decaestecker (2002), Adjusting the Outputs of a Classifier to New a Priori Probabilities. It was nearer to the truth
than the adjusted count of Forman (2008), which needs only the labels (EXPERIMENTS, 2026-12-01).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from munjang.metrics.significance import Interval, percentile_interval, wilson_interval

SHARE_REPLICATES, FEWEST_REPLICATES = 400, 100  # of a share's interval
MOST_DRAWN_SHARES = 20_000  # replicates times labels
MOST_ROUNDS = 300
FEW_OF_EITHER = 5  # texts
SETTLED = 1e-5  # no share moves by more in the last round


@dataclass(frozen=True)
class CorrectedShare:
    """The share of a label, and its 95% interval."""

    share: float
    interval: Interval

    def __str__(self) -> str:
        low, high = (round(100 * end) for end in self.interval)
        share = round(100 * self.share)
        if abs((high - share) - (share - low)) <= 1:
            return f"{share}% ± {round((high - low) / 2)}"
        return f"{share}% ({low}–{high})"


def corrected_shares(probabilities: np.ndarray, held: np.ndarray, *, seed: int = 13) -> list[CorrectedShare]:
    """The share of each label among some texts.

    probabilities: (n, L), calibrated, of at least one text. held: (L,) texts of each label in validation, whose shares
    are those of train. The interval is a bootstrap over both: which texts are here, and which are in validation.
    """
    generator = np.random.default_rng(seed)
    rows, n, total = np.asarray(probabilities, float), len(probabilities), int(held.sum())
    best = likeliest_shares(rows, np.ones((1, n)), prior_of(held[None]))
    replicates = min(SHARE_REPLICATES, max(FEWEST_REPLICATES, MOST_DRAWN_SHARES // len(held)))
    weights = generator.multinomial(n, np.full(n, 1 / n), replicates).astype(float)
    priors = prior_of(generator.multinomial(total, held / total, replicates))
    shares = likeliest_shares(rows, weights, priors, start=best)
    pairs = zip(best[0], shares.T, strict=True)
    return [CorrectedShare(float(share), honest_interval(float(share), values, n)) for share, values in pairs]


def honest_interval(share: float, values: np.ndarray, n: int) -> Interval:
    """The bootstrap's interval of a share of n texts; near 0 and 1, where resamples are alike, at least Wilson's."""
    low, high = percentile_interval(values)
    if min(share, 1 - share) * n >= FEW_OF_EITHER:
        return low, high
    least, most = wilson_interval(round(share * n), n)
    return min(low, least), max(high, most)


def prior_of(held: np.ndarray) -> np.ndarray:
    """(R, L): shares of labels from their counts; one that does not occur counts as half a text."""
    return np.maximum(held, 0.5) / held.sum(axis=1, keepdims=True)


def likeliest_shares(
    probabilities: np.ndarray, weights: np.ndarray, prior: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """(R, L): the likeliest shares of the labels among texts that count `weights` times.

    probabilities: (n, L); weights: (R, n); prior: (R, L), the shares among the texts that the classifier learned from.
    start: (1, L), shares near the result; None: even ones.
    """
    even = np.full((1, prior.shape[1]), 1 / prior.shape[1])
    shares = np.repeat(even if start is None else start, len(prior), axis=0)
    for __ in range(MOST_ROUNDS):
        factors = shares / prior
        per_text = weights / np.maximum(factors @ probabilities.T, np.finfo(float).tiny)
        moved = factors * (per_text @ probabilities)
        moved /= moved.sum(axis=1, keepdims=True)
        if np.abs(moved - shares).max() < SETTLED:
            return moved
        shares = moved
    return shares


def corrected_label_shares(
    probabilities: np.ndarray, having: np.ndarray, held: int, *, seed: int = 13
) -> list[CorrectedShare]:
    """The share of some texts that have each label, where a text may have several; each label by itself.

    probabilities: (n, L), calibrated. having: (L,) how many of the `held` texts of validation have the label.
    """
    return [
        corrected_shares(np.stack([1 - column, column], axis=1), np.array([held - count, count]), seed=seed)[1]
        for column, count in zip(np.asarray(probabilities, float).T, having, strict=True)
    ]


class RowSample:
    """A random sample of at most `most` rows from a stream of any length (Vitter 1985, algorithm R)."""

    def __init__(self, most: int = 5_000, seed: int = 13) -> None:
        self.most, self.seen, self.rows = most, 0, list[np.ndarray]()
        self.generator = np.random.default_rng(seed)

    def add(self, row: np.ndarray) -> None:
        """Take the row into the sample, or leave it out, by chance."""
        self.seen += 1
        if len(self.rows) < self.most:
            self.rows.append(row)
        elif (place := int(self.generator.integers(self.seen))) < self.most:
            self.rows[place] = row
