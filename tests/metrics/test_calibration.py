"""Temperatures, and how far probabilities are from how often they are right."""

import numpy as np
import pytest
from scipy.stats import binomtest

from munjang.metrics.calibration import (
    HIGHEST,
    equal_count_bins,
    expected_calibration_error,
    fit_label_temperatures,
    fit_temperature,
    golden_section,
)
from munjang.metrics.scores import log_loss, one_hot, softmax


def sure(scale: float, n: int = 4000, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits of three labels whose gold labels are drawn from softmax(logits), the logits then times `scale`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 3))
    references = np.array([rng.choice(3, p=row) for row in softmax(logits)])
    return logits * scale, references


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_the_answers_too_sure_or_too_shy(scale):
    logits, references = sure(scale)
    assert fit_temperature(logits, references) == pytest.approx(scale, rel=0.08)


def test_the_temperature_has_the_lowest_likelihood_loss_and_leaves_every_answer():
    logits, references = sure(2.5)
    found = fit_temperature(logits, references)
    losses = {
        t: log_loss(logits / t, one_hot(references, 3), single=True) for t in (found, 1.0, *np.linspace(0.2, 9, 80))
    }
    assert min(losses, key=losses.get) == found
    assert (softmax(logits, found).argmax(1) == logits.argmax(1)).all()
    before, after = (expected_calibration_error(softmax(logits, t), references) for t in (1.0, found))
    assert after < 0.02 < 0.1 < before


def test_calibration_error_is_that_of_an_example_worked_by_hand():
    # Of 0.95 (range 14 of 15, 0.933 to 1) one of two is right; of 0.62 (range 9, 0.600 to 0.667) three of three.
    top = np.array([0.95, 0.95, 0.62, 0.62, 0.62])
    probabilities = np.stack([top, 1 - top], axis=1)
    references = np.array([0, 1, 0, 0, 0])
    expected = 2 / 5 * abs(0.95 - 0.5) + 3 / 5 * abs(0.62 - 1.0)
    assert expected_calibration_error(probabilities, references) == pytest.approx(expected) == pytest.approx(0.408)


def test_few_texts_that_are_all_right_or_all_wrong_do_not_decide_the_temperature():
    logits = np.array([[4.0, 0.0], [0.0, 4.0]])
    assert 0.99 < fit_temperature(logits, np.array([0, 1])) < 1.0
    assert 1.0 < fit_temperature(logits, np.array([1, 0])) < 5.0
    many, right = np.tile(logits, (5000, 1)), np.tile([0, 1], 5000)
    assert fit_temperature(many, right) < 0.5
    assert fit_temperature(many, 1 - right) == pytest.approx(HIGHEST, rel=1e-3)


def test_each_label_of_several_gets_its_own_temperature():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (5000, 2))
    references = rng.random((5000, 2)) < 1 / (1 + np.exp(-logits))
    assert fit_label_temperatures(logits * [0.5, 3.0], references) == pytest.approx((0.5, 3.0), rel=0.1)


def test_bins_of_equal_counts_have_the_accuracy_of_their_predictions_and_its_interval():
    confidence = np.array([0.9, 0.1, 0.5, 0.7, 0.3, 0.8] * 10)
    right = confidence > 0.4
    bins = equal_count_bins(confidence, right)
    assert [one["count"] for one in bins] == [5] * 12 and sum(one["accuracy"] for one in bins) == 8
    assert [round(one["confidence"], 3) for one in bins] == [0.1, 0.1, 0.3, 0.3, 0.5, 0.5, 0.7, 0.7, 0.8, 0.8, 0.9, 0.9]
    wilson = binomtest(0, 5).proportion_ci(method="wilson")
    assert (bins[0]["accuracy_low"], bins[0]["accuracy_high"]) == pytest.approx((wilson.low, wilson.high))
    assert equal_count_bins(np.array([]), np.array([], bool)) == []


def test_golden_section_finds_the_lowest_place():
    assert golden_section(lambda x: (x - 0.7) ** 2, -3, 2) == pytest.approx(0.7, abs=1e-4)
