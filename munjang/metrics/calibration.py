"""How far a classifier's probabilities are from its accuracy, and the temperature that brings them closer.

Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks, arXiv:1706.04599.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from munjang.metrics.scores import calibration_bins, calibration_error, log_loss, one_hot
from munjang.metrics.significance import wilson_interval

LOWEST, HIGHEST = 0.1, 10.0
"""Bounds of the search. Where every prediction is right, the best temperature would be 0: every probability 1."""
PRECISION = 1e-4  # of the logarithm of the temperature
EQUAL_BINS = 12
CAUTION = 25  # times as strong a prior against T < 1: validation has chosen the weights, so it flatters them
GOLDEN = (math.sqrt(5) - 1) / 2


def fit_temperature(logits: np.ndarray, references: np.ndarray) -> float:
    """The temperature T > 0 that is likeliest given softmax(logits / T), if log T is normal around 0 before, narrower
    below 0: to become more confident takes more texts.

    logits: (n, L); references: (n,) label numbers; of texts that were not trained on. With many texts this is the T of
    the lowest log loss; six texts that are all right do not make every probability 1. The order of the labels stays,
    and with it every prediction.
    """
    return likeliest(np.asarray(logits, float), one_hot(references, np.shape(logits)[1]), single=True)


def fit_label_temperatures(logits: np.ndarray, references: np.ndarray) -> tuple[float, ...]:
    """(L,) a temperature for each label of a multi-label model, as `fit_temperature`. references: (n, L) bool."""
    columns = zip(np.asarray(logits, float).T, np.asarray(references, bool).T, strict=True)
    return tuple(likeliest(column[:, None], table[:, None], single=False) for column, table in columns)


def likeliest(logits: np.ndarray, table: np.ndarray, *, single: bool) -> float:
    """The temperature; logits and table: (n, L). Golden-section search over log T, between LOWEST and HIGHEST."""

    def loss(exponent: float) -> float:
        prior = exponent**2 / 2 * (CAUTION if exponent < 0 else 1)
        return len(logits) * log_loss(logits / math.exp(exponent), table, single=single) + prior

    return math.exp(golden_section(loss, math.log(LOWEST), math.log(HIGHEST)))


def golden_section(loss: Callable[[float], float], low: float, high: float) -> float:
    """The minimum of a function that has only one between `low` and `high`, to within PRECISION."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > PRECISION:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2


def equal_count_bins(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Confidence and accuracy of the predictions, in at most EQUAL_BINS bins with as many predictions each.

    confidence: (n,); right: (n,) bool. Each bin: `count`, the means `confidence` and `accuracy`, and the 95% interval
    of the latter, `accuracy_low` to `accuracy_high`.
    """
    order = np.argsort(confidence, kind="stable")
    bins = []
    for rows in np.array_split(order, min(EQUAL_BINS, len(order))) if len(order) else []:
        hits = int(np.asarray(right, bool)[rows].sum())
        low, high = wilson_interval(hits, len(rows))
        mean = float(np.asarray(confidence, np.float64)[rows].mean())
        ends = {"accuracy_low": low, "accuracy_high": high}
        bins.append({"count": len(rows), "confidence": mean, "accuracy": hits / len(rows), **ends})
    return bins


def expected_calibration_error(probabilities: np.ndarray, references: np.ndarray) -> float:
    """Mean distance between confidence and accuracy, over 15 equally wide ranges of the confidence.

    probabilities: (n, L); references: (n,) label numbers. Ranges are weighted by the predictions that lie in them.
    """
    right = probabilities.argmax(axis=1) == references
    return calibration_error(calibration_bins(probabilities.max(axis=1), right))
