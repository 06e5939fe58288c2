"""Scores of a classifier, from counts: accuracy, precision, recall, F1 and their averages, calibration.

Every score is a function of a Tally, and works on one or on thousands of them at once (bootstrap replicates along the
leading axes). All agree with scikit-learn, whose import alone takes two seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Tally:
    """What all scores are made from. `...` are the axes of replicates, none for a single evaluation.

    hits, extra, missed: (..., L), for each label the texts that have it and were given it, were given it wrongly, and
    have it but were not given it. right: (...), texts whose answer is wholly right. n: (...), texts.
    """

    hits: np.ndarray
    extra: np.ndarray
    missed: np.ndarray
    right: np.ndarray
    n: np.ndarray


def tally_of(gold: np.ndarray, guessed: np.ndarray) -> Tally:
    """The Tally of (n, L) bool arrays: which labels each text has, and which it was given."""
    gold, guessed = np.asarray(gold, bool), np.asarray(guessed, bool)
    return Tally(
        (gold & guessed).sum(axis=0),
        (~gold & guessed).sum(axis=0),
        (gold & ~guessed).sum(axis=0),
        (gold == guessed).all(axis=1).sum(),
        np.asarray(len(gold)),
    )


def one_hot(indices: np.ndarray, labels: int) -> np.ndarray:
    """Label numbers (n,) as (n, labels) bool."""
    return np.asarray(indices)[:, None] == np.arange(labels)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=np.asarray(whole) > 0)


def precision(tally: Tally) -> np.ndarray:
    """(..., L): of the texts given a label, the share that have it; 0 where none was given it."""
    return ratio(tally.hits, tally.hits + tally.extra)


def recall(tally: Tally) -> np.ndarray:
    """(..., L): of the texts that have a label, the share given it; 0 where none has it."""
    return ratio(tally.hits, tally.hits + tally.missed)


def f1(tally: Tally) -> np.ndarray:
    """(..., L): harmonic mean of precision and recall."""
    return ratio(2 * tally.hits, 2 * tally.hits + tally.extra + tally.missed)


LabelScore = Callable[[Tally], np.ndarray]


def macro(score: LabelScore, tally: Tally) -> np.ndarray:
    """The mean over labels that occur in gold or answers (scikit-learn's rule where a text has one label)."""
    present = tally.hits + tally.extra + tally.missed > 0
    return ratio((score(tally) * present).sum(axis=-1), present.sum(axis=-1))


def micro(score: LabelScore, tally: Tally) -> np.ndarray:
    """The score of all (text, label) decisions together."""
    hits, extra, missed = (part.sum(axis=-1) for part in (tally.hits, tally.extra, tally.missed))
    return score(Tally(hits, extra, missed, tally.right, tally.n))


def weighted(score: LabelScore, tally: Tally) -> np.ndarray:
    """The mean over labels, each weighted by how many texts have it."""
    support = tally.hits + tally.missed
    return ratio((score(tally) * support).sum(axis=-1), support.sum(axis=-1))


def second(score: LabelScore, tally: Tally) -> np.ndarray:
    """The score of the second of two labels, by convention the positive one."""
    return score(tally)[..., 1]


def accuracy(tally: Tally) -> np.ndarray:
    """The share of texts whose answer is wholly right (for several labels a text: subset accuracy)."""
    return ratio(tally.right, tally.n)


def macro_f1(tally: Tally) -> np.ndarray:
    """The mean of the labels' F1."""
    return macro(f1, tally)


def hamming_loss(tally: Tally) -> np.ndarray:
    """The share of (text, label) decisions that are wrong."""
    return ratio((tally.extra + tally.missed).sum(axis=-1), tally.n * tally.hits.shape[-1])


@dataclass(frozen=True)
class Metric:
    """One score: how it is computed and for which kinds of problem it is given."""

    compute: Callable[[Tally], np.ndarray]
    kinds: tuple[str, ...]


KINDS = ("binary", "multi-class", "multi-label")
ONE, SEVERAL = KINDS[:2], KINDS[2:]

METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, ONE),
    "subset_accuracy": Metric(accuracy, SEVERAL),
    "precision": Metric(lambda tally: second(precision, tally), ("binary",)),
    "recall": Metric(lambda tally: second(recall, tally), ("binary",)),
    "f1": Metric(lambda tally: second(f1, tally), ("binary",)),
    "macro_precision": Metric(lambda tally: macro(precision, tally), KINDS),
    "macro_recall": Metric(lambda tally: macro(recall, tally), KINDS),
    "macro_f1": Metric(macro_f1, KINDS),
    "micro_precision": Metric(lambda tally: micro(precision, tally), KINDS),
    "micro_recall": Metric(lambda tally: micro(recall, tally), KINDS),
    "micro_f1": Metric(lambda tally: micro(f1, tally), KINDS),
    "weighted_precision": Metric(lambda tally: weighted(precision, tally), KINDS),
    "weighted_recall": Metric(lambda tally: weighted(recall, tally), KINDS),
    "weighted_f1": Metric(lambda tally: weighted(f1, tally), KINDS),
    "hamming_loss": Metric(hamming_loss, SEVERAL),
}


def kind_of(task: str, labels: int) -> str:
    """The kind of problem: "binary", "multi-class" or "multi-label"."""
    return "multi-label" if task == "multi-label" else "binary" if labels == 2 else "multi-class"


def main_metrics(kind: str) -> tuple[str, str]:
    """The two scores by which models of a kind are compared."""
    return ("micro_f1", "macro_f1") if kind == "multi-label" else ("accuracy", "macro_f1")


def all_scores(tally: Tally, kind: str) -> dict[str, np.ndarray]:
    """Every metric of a kind of problem, each (...)."""
    return {name: metric.compute(tally) for name, metric in METRICS.items() if kind in metric.kinds}


def scores(gold: np.ndarray, guessed: np.ndarray, kind: str) -> dict[str, float]:
    """Every metric of a kind for (n, L) bool arrays."""
    return {name: float(value) for name, value in all_scores(tally_of(gold, guessed), kind).items()}


def confusion_matrix(gold: np.ndarray, guessed: np.ndarray, labels: int) -> np.ndarray:
    """(labels, labels) int64: [i, j] counts the texts of label i that were given label j; numbers (n,) come in."""
    cells = np.asarray(gold, np.int64) * labels + np.asarray(guessed, np.int64)
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def calibration_bins(confidence: np.ndarray, right: np.ndarray, bins: int = CALIBRATION_BINS) -> list[dict[str, Any]]:
    """How sure and how right the answers were, in `bins` equal ranges of confidence.

    confidence: (n,) probabilities; right: (n,) bool. Each bin: `low`, `high`, `count`, means `confidence`, `accuracy`.
    """
    which = np.clip(np.ceil(np.asarray(confidence, float) * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    sure = ratio(np.bincount(which, confidence, bins), count)
    share = ratio(np.bincount(which, np.asarray(right, float), bins), count)
    return [
        {
            "low": k / bins,
            "high": (k + 1) / bins,
            "count": int(count[k]),
            "confidence": float(sure[k]),
            "accuracy": float(share[k]),
        }
        for k in range(bins)
    ]


def calibration_error(bins: list[dict[str, Any]]) -> float:
    """Expected calibration error: the mean distance between confidence and accuracy, bins weighted by their counts."""
    total = sum(item["count"] for item in bins)
    return sum(item["count"] * abs(item["confidence"] - item["accuracy"]) for item in bins) / max(1, total)


def log_loss(logits: np.ndarray, gold: np.ndarray, *, single: bool) -> float:
    """Mean negative log-likelihood in nats: of the label (softmax), or of each label's yes and no (sigmoid).

    logits: (n, L); gold: (n, L) bool.
    """
    if single:
        top = logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        return float((log_sum - logits[gold]).mean())
    return float(np.logaddexp(0, np.where(gold, -logits, logits)).mean())
