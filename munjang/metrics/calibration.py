"""How far a classifier's probabilities are from its accuracy, and the temperature that brings them closer.

Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks, arXiv:1706.04599.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np

from munjang.metrics.scores import calibration_bins, calibration_error, log_loss, one_hot

log = logging.getLogger("munjang")

LOWEST, HIGHEST = 0.1, 10.0
"""Bounds of the search. Where every prediction is right, the best temperature would be 0: every probability 1."""
PRECISION = 1e-4  # of the logarithm of the temperature
GOLDEN = (math.sqrt(5) - 1) / 2


def fit_temperature(logits: np.ndarray, references: np.ndarray, name: str = "the classifier") -> float:
    """The temperature T > 0 for which the mean negative log-likelihood of softmax(logits / T) is lowest.

    logits: (n, L); references: (n,) label numbers; of texts that were not trained on. The loss is convex in 1 / T and
    so has one minimum. Golden-section search over log T finds it between LOWEST and HIGHEST; a warning names the
    classifier where it lies at a bound. The order of the labels stays, and with it every prediction.
    """
    logits, table = np.asarray(logits, float), one_hot(references, np.shape(logits)[1])

    def loss(exponent: float) -> float:
        return log_loss(logits / math.exp(exponent), table, single=True)

    temperature = math.exp(golden_section(loss, math.log(LOWEST), math.log(HIGHEST)))
    if not LOWEST * 1.01 < temperature < HIGHEST / 1.01:
        log.warning(
            "The temperature of %s lies at the bound %.3g: too few sentences, or all predicted equally well.",
            name, temperature,
        )  # fmt: skip
    return temperature


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


def expected_calibration_error(probabilities: np.ndarray, references: np.ndarray) -> float:
    """Mean distance between confidence and accuracy, over 15 equally wide ranges of the confidence.

    probabilities: (n, L); references: (n,) label numbers. Ranges are weighted by the predictions that lie in them.
    """
    right = probabilities.argmax(axis=1) == references
    return calibration_error(calibration_bins(probabilities.max(axis=1), right))
