"""Scores of a classifier, from counts: accuracy, precision, recall, F1 and their averages, calibration.

Every score is a function of ConfusionCounts: of one evaluation, or of thousands at once (bootstrap replicates along
the leading axes). All agree with scikit-learn, whose import alone takes two seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from munjang.translation import N_

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ConfusionCounts:
    """What all scores are made from. `...` are the axes of replicates; a single evaluation has none.

    tp, fp, fn: (..., L), the true positives, false positives and false negatives of each label. right: (...), texts
    whose labels are all right. n: (...), texts.
    """

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    right: np.ndarray
    n: np.ndarray


def confusion_columns(references: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, 3 L + 2) bool: of each text what `sum_up` adds: tp, fp and fn of each label, right, and the text itself.

    references, predicted: (n, L) bool, the labels that each text has, and those predicted.
    """
    references, predicted = np.asarray(references, bool), np.asarray(predicted, bool)
    right = (references == predicted).all(axis=1, keepdims=True)
    columns = [references & predicted, ~references & predicted, references & ~predicted, right, np.ones_like(right)]
    return np.concatenate(columns, axis=1)


def sum_up(sums: np.ndarray) -> ConfusionCounts:
    """The counts in sums of `confusion_columns` over texts, (..., 3 L + 2)."""
    labels = sums.shape[-1] // 3
    tp, fp, fn = (sums[..., part * labels : (part + 1) * labels] for part in range(3))
    return ConfusionCounts(tp, fp, fn, sums[..., -2], sums[..., -1])


def count_confusions(references: np.ndarray, predicted: np.ndarray) -> ConfusionCounts:
    """The counts of (n, L) bool arrays: the labels that each text has, and those predicted."""
    return sum_up(confusion_columns(references, predicted).sum(axis=0))


def one_hot(indices: np.ndarray, labels: int) -> np.ndarray:
    """Label numbers (n,) as (n, labels) bool."""
    return np.asarray(indices)[:, None] == np.arange(labels)


def safe_divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=np.asarray(whole) > 0)


def precision(counts: ConfusionCounts) -> np.ndarray:
    """(..., L): of the texts predicted to have a label, the share that have it; 0 where there are none."""
    return safe_divide(counts.tp, counts.tp + counts.fp)


def recall(counts: ConfusionCounts) -> np.ndarray:
    """(..., L): of the texts that have a label, the share predicted to have it; 0 where there are none."""
    return safe_divide(counts.tp, counts.tp + counts.fn)


def f1(counts: ConfusionCounts) -> np.ndarray:
    """(..., L): harmonic mean of precision and recall."""
    return safe_divide(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


LabelMetric = Callable[[ConfusionCounts], np.ndarray]


def macro(score: LabelMetric, counts: ConfusionCounts) -> np.ndarray:
    """The mean over labels that occur in references or predictions (scikit-learn's rule where a text has one label)."""
    present = counts.tp + counts.fp + counts.fn > 0
    return safe_divide((score(counts) * present).sum(axis=-1), present.sum(axis=-1))


def micro(score: LabelMetric, counts: ConfusionCounts) -> np.ndarray:
    """The score of all (text, label) decisions together."""
    tp, fp, fn = (part.sum(axis=-1) for part in (counts.tp, counts.fp, counts.fn))
    return score(ConfusionCounts(tp, fp, fn, counts.right, counts.n))


def weighted(score: LabelMetric, counts: ConfusionCounts) -> np.ndarray:
    """The mean over labels, each weighted by how many texts have it."""
    support = counts.tp + counts.fn
    return safe_divide((score(counts) * support).sum(axis=-1), support.sum(axis=-1))


def positive_class(score: LabelMetric, counts: ConfusionCounts) -> np.ndarray:
    """The score of the second of two labels, by convention the positive one."""
    return score(counts)[..., 1]


def accuracy(counts: ConfusionCounts) -> np.ndarray:
    """The share of texts whose labels are all right (for several labels a text: subset accuracy)."""
    return safe_divide(counts.right, counts.n)


def macro_f1(counts: ConfusionCounts) -> np.ndarray:
    """The mean of the labels' F1."""
    return macro(f1, counts)


def hamming_loss(counts: ConfusionCounts) -> np.ndarray:
    """The share of (text, label) decisions that are wrong."""
    return safe_divide((counts.fp + counts.fn).sum(axis=-1), counts.n * counts.tp.shape[-1])


@dataclass(frozen=True)
class Metric:
    """One score: how it is computed, for which kinds of problem, and its name in English as tables show it.

    several: how it is computed where a text has several labels, if that differs.
    """

    compute: Callable[[ConfusionCounts], np.ndarray]
    kinds: tuple[str, ...]
    title: str
    several: Callable[[ConfusionCounts], np.ndarray] | None = None

    def of(self, counts: ConfusionCounts, kind: str) -> np.ndarray:
        """(...): the score for a kind of problem."""
        return self.several(counts) if self.several and kind in SEVERAL else self.compute(counts)


PROBLEM_KINDS = ("binary", "multi-class", "multi-label")
ONE, SEVERAL = PROBLEM_KINDS[:2], PROBLEM_KINDS[2:]


def macro_metric(score: LabelMetric, title: str) -> Metric:
    """The mean of the labels' scores. As in scikit-learn, with several labels a text it is over all labels."""
    return Metric(
        lambda counts: macro(score, counts), PROBLEM_KINDS, title, several=lambda counts: score(counts).mean(axis=-1)
    )


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, ONE, N_("accuracy")),
    "subset_accuracy": Metric(accuracy, SEVERAL, N_("subset accuracy")),
    "precision": Metric(lambda counts: positive_class(precision, counts), ("binary",), N_("precision")),
    "recall": Metric(lambda counts: positive_class(recall, counts), ("binary",), N_("recall")),
    "f1": Metric(lambda counts: positive_class(f1, counts), ("binary",), N_("F1")),
    "macro_precision": macro_metric(precision, N_("macro precision")),
    "macro_recall": macro_metric(recall, N_("macro recall")),
    "macro_f1": macro_metric(f1, N_("macro F1")),
    "micro_precision": Metric(lambda counts: micro(precision, counts), PROBLEM_KINDS, N_("micro precision")),
    "micro_recall": Metric(lambda counts: micro(recall, counts), PROBLEM_KINDS, N_("micro recall")),
    "micro_f1": Metric(lambda counts: micro(f1, counts), PROBLEM_KINDS, N_("micro F1")),
    "weighted_precision": Metric(lambda counts: weighted(precision, counts), PROBLEM_KINDS, N_("weighted precision")),
    "weighted_recall": Metric(lambda counts: weighted(recall, counts), PROBLEM_KINDS, N_("weighted recall")),
    "weighted_f1": Metric(lambda counts: weighted(f1, counts), PROBLEM_KINDS, N_("weighted F1")),
    "hamming_loss": Metric(hamming_loss, SEVERAL, N_("hamming loss")),
}


LOSSES = ("hamming_loss",)
"""The metrics that are 0 where all is right."""


def problem_kind(labels: int, *, several: bool) -> str:
    """The kind of problem, one of PROBLEM_KINDS. several: whether a text may have any number of labels."""
    return SEVERAL[0] if several else ONE[labels != 2]


def main_metrics(kind: str) -> tuple[str, str]:
    """The two scores by which models of a kind are compared."""
    return ("micro_f1", "macro_f1") if kind in SEVERAL else ("accuracy", "macro_f1")


def all_metrics(counts: ConfusionCounts, kind: str) -> dict[str, np.ndarray]:
    """Every metric of a kind of problem, each (...)."""
    return {name: metric.of(counts, kind) for name, metric in METRICS.items() if kind in metric.kinds}


def summed_metrics(sums: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """Every metric of a kind of problem, each (...), from sums of `confusion_columns`, (..., 3 L + 2)."""
    return all_metrics(sum_up(sums), kind)


def metric_values(references: np.ndarray, predicted: np.ndarray, kind: str) -> dict[str, float]:
    """Every metric of a kind for (n, L) bool arrays."""
    return {name: float(value) for name, value in all_metrics(count_confusions(references, predicted), kind).items()}


def confusion_matrix(references: np.ndarray, predicted: np.ndarray, labels: int) -> np.ndarray:
    """(labels, labels) int64: [i, j] counts the texts of label i that are predicted as j. Takes numbers (n,)."""
    cells = np.asarray(references, np.int64) * labels + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=labels * labels).reshape(labels, labels)


def calibration_bins(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Confidence and accuracy of the predictions, in CALIBRATION_BINS equal ranges of confidence.

    confidence: (n,) probabilities; right: (n,) bool. Each bin: `low`, `high`, `count`, means `confidence`, `accuracy`.
    """
    bins = CALIBRATION_BINS
    in_bin = np.clip(np.ceil(np.asarray(confidence, float) * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(in_bin, minlength=bins)
    mean_confidence = safe_divide(np.bincount(in_bin, confidence, bins), count)
    share = safe_divide(np.bincount(in_bin, np.asarray(right, float), bins), count)
    return [
        {
            "low": k / bins,
            "high": (k + 1) / bins,
            "count": int(count[k]),
            "confidence": float(mean_confidence[k]),
            "accuracy": float(share[k]),
        }
        for k in range(bins)
    ]


def calibration_error(bins: list[dict[str, Any]]) -> float:
    """Expected calibration error: the mean distance between confidence and accuracy, bins weighted by their counts."""
    total = sum(item["count"] for item in bins)
    return sum(item["count"] * abs(item["confidence"] - item["accuracy"]) for item in bins) / max(1, total)


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (n, L) of logits (n, L) divided by a temperature; of the same type as the logits."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / logits.dtype.type(temperature))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The logistic function of each logit; of the same type as the logits."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60)))


def log_loss(logits: np.ndarray, references: np.ndarray, *, single: bool) -> float:
    """Mean negative log-likelihood in nats: of the label (softmax), or of each label's yes and no (sigmoid).

    logits: (n, L); references: (n, L) bool.
    """
    if single:
        top = logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        return float((log_sum - logits[references]).mean())
    return float(np.logaddexp(0, np.where(references, -logits, logits)).mean())
