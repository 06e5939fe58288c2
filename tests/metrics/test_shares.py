"""Shares of labels that are corrected for the errors of a classifier."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

from munjang.metrics.shares import CorrectedShare, RowSample, corrected_label_shares, corrected_shares

EVEN = np.array([5000, 5000])


def rows(*pairs: tuple[float, int]) -> np.ndarray:
    """Probabilities of two labels: so often this one for the second label."""
    second = np.concatenate([np.full(count, probability) for probability, count in pairs])
    return np.stack([1 - second, second], axis=1)


def test_two_labels_are_corrected_as_by_hand():
    # 0.9 means: nine times as likely a text of 긍정 as one of 부정. If 긍정 has the share p, 0.9 p + 0.1 (1 - p) of the
    # texts look so; here 0.4 do, so p = 0.375. By the labels alone it would be 0.4.
    found = corrected_shares(rows((0.9, 400), (0.1, 600)), EVEN)
    assert [item.share for item in found] == pytest.approx([0.625, 0.375], abs=1e-3)
    # Fewer look like 긍정 than the false alarms alone would be: none is.
    assert corrected_shares(rows((0.9, 50), (0.1, 950)), EVEN)[1].share == pytest.approx(0.0, abs=5e-3)


def test_the_shares_of_train_are_taken_out_of_the_probabilities():
    # the texts of the test above, as a classifier sees them that learned from 20% of 긍정 (Bayes)
    high, low = 0.9 * 0.2 / (0.9 * 0.2 + 0.1 * 0.8), 0.1 * 0.2 / (0.1 * 0.2 + 0.9 * 0.8)
    found = corrected_shares(rows((high, 400), (low, 600)), np.array([8000, 2000]))
    assert found[1].share == pytest.approx(0.375, abs=1e-3)


def test_the_shares_are_those_of_the_highest_likelihood():
    generator = np.random.default_rng(13)
    probabilities = rows(*((probability, 1) for probability in generator.beta(0.7, 1.1, 500)))

    def loss(share: float) -> float:
        return -np.log(probabilities @ [(1 - share) / 0.7, share / 0.3]).sum()

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded").x
    assert corrected_shares(probabilities, np.array([700, 300]))[1].share == pytest.approx(best, abs=1e-3)


def gaussian_answers(shares: np.ndarray, n: int, seed: int) -> np.ndarray:
    """What an ideal classifier that learned from even shares says of n texts of three kinds."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, n, p=shares)
    seen = generator.normal(labels * 1.5)
    likelihood = stats.norm.pdf(seen[:, None] - 1.5 * np.arange(3))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def test_shifted_shares_of_three_labels_are_found_and_lie_in_the_intervals():
    true, held = np.array([0.7, 0.1, 0.2]), np.full(3, 2000)
    inside, errors, raw = [], [], []
    for seed in range(20):
        probabilities = gaussian_answers(true, 300, seed)
        found = corrected_shares(probabilities, held)
        bounds = [item.interval for item in found]
        inside += [low <= share <= high for (low, high), share in zip(bounds, true, strict=True)]
        errors.append(np.abs([item.share for item in found] - true).mean())
        raw.append(np.abs(np.bincount(probabilities.argmax(axis=1), minlength=3) / 300 - true).mean())
    assert np.mean(errors) < np.mean(raw) / 2
    assert 0.88 <= np.mean(inside) <= 1


def test_the_interval_is_as_wide_as_theory_has_it():
    # p = (q - 0.1) / 0.8 with q = 0.4 of n texts: a standard deviation of sqrt(0.4 * 0.6 / n) / 0.8
    for n in (1000, 4000):
        low, high = corrected_shares(rows((0.9, 4 * n // 10), (0.1, 6 * n // 10)), 10**6 * EVEN)[1].interval
        assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.24 / n) / 0.8, rel=0.12)
    few = corrected_shares(rows((0.9, 400), (0.1, 600)), np.array([20, 20]))[1].interval
    many = corrected_shares(rows((0.9, 400), (0.1, 600)), np.array([2000, 2000]))[1].interval
    assert few[1] - few[0] > 1.5 * (many[1] - many[0])  # 40 texts of validation say little about the shares of train


def test_several_labels_a_text_are_corrected_each_by_itself():
    probabilities = np.stack([rows((0.9, 400), (0.1, 600))[:, 1], rows((1.0, 100), (0.0, 900))[:, 1]], axis=1)
    found = corrected_label_shares(probabilities, np.array([500, 100]), 1000)
    assert [item.share for item in found] == pytest.approx([0.375, 0.1], abs=1e-3)


def test_a_label_that_validation_lacks_can_be_in_the_file():
    found = corrected_shares(np.eye(3)[[0] * 7 + [1] * 2 + [2]], np.array([50, 50, 0]))
    assert [item.share for item in found] == pytest.approx([0.7, 0.2, 0.1], abs=1e-3)


def test_a_sample_holds_each_row_of_a_stream_equally_often():
    taken = np.zeros(40)
    for seed in range(2000):
        sample = RowSample(10, seed)
        for number in range(40):
            sample.add(np.array([number]))
        assert len(sample.rows) == 10 and sample.seen == 40
        taken[[int(row[0]) for row in sample.rows]] += 1
    assert np.abs(taken / 2000 - 0.25).max() < 0.04
    short = RowSample(10)
    short.add(np.array([1]))
    assert len(short.rows) == 1


def test_a_share_is_shown_with_half_the_width_of_its_interval():
    assert str(CorrectedShare(0.312, (0.29, 0.33))) == "31% ± 2"
