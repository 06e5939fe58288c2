"""Thresholds that keep a promise of precision, against scipy and simulated sentences whose chances are known."""

import numpy as np
import pytest
from scipy.stats import binom

from munjang.metrics.selective import RISK, binomial_tail, choose_threshold, coverage_curve, least_rows, rows_needed


def calibrated_answers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each is right with just that chance."""
    rng = np.random.default_rng(seed)
    confidence = 1 / (1 + np.exp(-np.abs(rng.normal(0, 4, n))))
    return confidence, rng.random(n) < confidence


@pytest.mark.parametrize(("errors", "n", "rate"), [(0, 10, 0.05), (7, 300, 0.05), (300, 300, 0.1), (1, 1, 0.5)])
def test_the_tail_is_that_of_scipy(errors, n, rate):
    assert binomial_tail(errors, n, rate) == pytest.approx(binom.cdf(errors, n, rate))


def test_a_promise_is_kept_on_new_sentences_as_often_as_it_says():
    future, __ = calibrated_answers(100_000, 1)
    broken, shares = 0, []
    for seed in range(2, 62):
        found = choose_threshold(*calibrated_answers(2_000, seed), 0.95)
        given = future >= found.threshold
        broken += future[given].mean() < 0.95
        shares.append(given.mean())
    ranked = np.sort(future)[::-1]
    best = np.flatnonzero(np.cumsum(ranked) / np.arange(1, len(ranked) + 1) >= 0.95)[-1] / len(ranked)
    assert broken <= 60 * 2 * RISK and np.mean(shares) > 0.9 * best


def test_what_a_threshold_answers_is_counted_on_the_sentences_it_comes_from():
    confidence, right = calibrated_answers(5_000, 3)
    found = choose_threshold(confidence, right, 0.9)
    given = confidence >= found.threshold
    assert found.answered == given.mean() and found.right == right[given].mean() > 0.9 and found.n == 5_000
    assert binom.cdf((given & ~right).sum(), given.sum(), 0.1) <= RISK


def test_the_curve_is_what_the_surest_answers_get_right():
    confidence, right = np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, True, False])
    assert coverage_curve(confidence, right) == [(0.25, 1.0), (0.5, 1.0), (0.75, 2 / 3), (1.0, 0.5)]
    assert len(coverage_curve(*calibrated_answers(5_000, 3))) == 50 and coverage_curve(*2 * [np.array([])]) == []


def test_equal_confidences_are_accepted_together():
    confidence, right = np.repeat([0.9, 0.6], 500), np.arange(1000) % 100 > 0
    assert choose_threshold(confidence, right, 0.95).threshold == 0.6
    assert choose_threshold(confidence, right & (confidence > 0.6), 0.95).threshold == 0.9


def test_too_few_sentences_promise_nothing_and_say_how_many_would():
    assert least_rows(0.95, 5_000) == 45 and 0.95**45 <= RISK < 0.95**44
    assert least_rows(0.95, 100) == 72 and 0.95**72 <= RISK / 4 < 0.95**71
    few = np.full(71, 0.9), np.ones(71, bool)
    assert choose_threshold(*few, 0.95) is None and rows_needed(*few, 0.95) == 72
    assert choose_threshold(np.full(72, 0.9), np.ones(72, bool), 0.95).answered == 1.0
    assert choose_threshold(np.array([]), np.array([], bool), 0.95) is None


def test_a_mistake_among_the_surest_of_few_does_not_end_every_walk():
    confidence, right = np.linspace(1, 0.5, 400), np.ones(400, bool)
    right[75:80] = False  # 5 of the first 80: the walk from there ends at once
    found = choose_threshold(confidence, right, 0.95)
    assert found.answered == 1.0 and found.right == 395 / 400


def test_answers_that_are_wrong_too_often_need_no_more_rows_but_another_model():
    wrong = np.linspace(0.5, 1, 3000), np.arange(3000) % 5 > 0
    assert choose_threshold(*wrong, 0.9) is None and rows_needed(*wrong, 0.9) is None
    some = np.linspace(0.5, 1, 300), np.arange(300) % 25 > 0
    needed = rows_needed(*some, 0.95)
    assert choose_threshold(*some, 0.95) is None and 300 < needed < 20_000
    more = np.linspace(0.5, 1, 3 * needed), np.arange(3 * needed) % 25 > 0
    assert choose_threshold(*more, 0.95) is not None


def test_a_walk_that_goes_well_takes_its_share_of_the_risk_along():
    """Of 400 accepted sentences 31 are wrong: at a rate of 0.1 that has a chance of 0.08, over a quarter of RISK."""
    wrong = [150, 160, 170, 180, 190, *range(205, 300, 9), *range(305, 400, 7), 399]
    right = np.ones(500, bool)
    right[[*wrong, *range(400, 500)]] = False
    assert len(wrong) == 31 and RISK / 4 < binom.cdf(31, 400, 0.1) < RISK
    found = choose_threshold(np.linspace(1, 0.5, 500), right, 0.9)
    assert found.answered >= 0.8 and found.right >= 0.9
