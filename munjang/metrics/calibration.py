"""How far a classifier's probabilities are from how often it is right, and the temperature that brings them nearer.

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
"""Temperatures looked at. Where every answer is right the best would be 0, and the next text's answer certain."""
GOLDEN = (math.sqrt(5) - 1) / 2


def fit_temperature(logits: np.ndarray, references: np.ndarray, name: str = "the classifier") -> float:
    """The temperature T > 0 for which the mean negative log-likelihood of softmax(logits / T) is lowest.

    logits: (n, L); references: (n,) label numbers; not the texts that were learnt from. The likelihood is convex in 1 /
    T, so it has one lowest place, found by golden-section search over log T between LOWEST and HIGHEST; a warning names
    the classifier where that lies at a bound. The order of the labels, and so every answer, stays.
    """
    logits, table = np.asarray(logits, float), one_hot(references, np.shape(logits)[1])

    def loss(exponent: float) -> float:
        return log_loss(logits / math.exp(exponent), table, single=True)

    found = math.exp(golden_section(loss, math.log(LOWEST), math.log(HIGHEST)))
    if not LOWEST * 1.01 < found < HIGHEST / 1.01:
        log.warning(
            "The temperature of %s lies at the bound %.3g: its sentences are too few, or all answered alike well.",
            name, found,
        )  # fmt: skip
    return found


def golden_section(loss: Callable[[float], float], low: float, high: float, precision: float = 1e-4) -> float:
    """Where a function with one lowest place between `low` and `high` has it, to within `precision`."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > precision:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (n, L) of logits (n, L) divided by a temperature."""
    scaled = np.asarray(logits, float) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def expected_calibration_error(probabilities: np.ndarray, references: np.ndarray) -> float:
    """Mean distance between how sure and how right the answers are, over 15 equally wide ranges of the probability.

    probabilities: (n, L); references: (n,) label numbers. Ranges count by how many answers lie in them.
    """
    right = probabilities.argmax(axis=1) == references
    return calibration_error(calibration_bins(probabilities.max(axis=1), right))
