"""Scores agree with scikit-learn; calibration with hand-worked bins."""

import numpy as np
import pytest
from sklearn import metrics as reference

from munjang.metrics import scores as metrics


def random_answers(labels: int, n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reference and predicted label numbers, right about half the time; the last label is never a reference."""
    generator = np.random.default_rng(seed)
    references = generator.integers(0, max(2, labels - 1), n)
    predicted = np.where(generator.random(n) < 0.5, references, generator.integers(0, labels, n))
    return references, predicted


def scores_of(references: np.ndarray, predicted: np.ndarray, labels: int, kind: str) -> dict[str, float]:
    return metrics.metric_values(metrics.one_hot(references, labels), metrics.one_hot(predicted, labels), kind)


@pytest.mark.parametrize("labels", [3, 7])
def test_multi_class_scores_are_those_of_scikit_learn(labels):
    references, predicted = random_answers(labels)
    found = scores_of(references, predicted, labels, "multi-class")
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(references, predicted))
    for average in ("macro", "micro", "weighted"):
        expected = reference.precision_recall_fscore_support(references, predicted, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            assert found[f"{average}_{name}"] == pytest.approx(value), (average, name)
    assert "f1" not in found and "hamming_loss" not in found


def test_binary_scores_are_of_the_second_label():
    references, predicted = random_answers(2)
    found = scores_of(references, predicted, 2, "binary")
    expected = reference.precision_recall_fscore_support(references, predicted, average="binary", pos_label=1)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(expected[:3])


def test_each_label_scores_as_scikit_learn_says():
    references, predicted = random_answers(5)
    counts = metrics.count_confusions(metrics.one_hot(references, 5), metrics.one_hot(predicted, 5))
    expected = reference.precision_recall_fscore_support(references, predicted, labels=range(5), zero_division=0)
    for score, values in zip((metrics.precision, metrics.recall, metrics.f1), expected[:3], strict=True):
        assert score(counts) == pytest.approx(values)


def test_multi_label_scores_are_those_of_scikit_learn():
    generator = np.random.default_rng(1)
    references = generator.random((300, 6)) < 0.3
    predicted = references ^ (generator.random((300, 6)) < 0.2)
    found = metrics.metric_values(references, predicted, "multi-label")
    assert found["subset_accuracy"] == pytest.approx(reference.accuracy_score(references, predicted))
    assert found["hamming_loss"] == pytest.approx(reference.hamming_loss(references, predicted))
    for average in ("macro", "micro", "weighted"):
        assert found[f"{average}_f1"] == pytest.approx(reference.f1_score(references, predicted, average=average))
    assert "accuracy" not in found


def test_of_several_labels_a_text_one_that_never_occurs_lowers_the_macro_score_as_in_scikit_learn():
    references = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
    found = metrics.metric_values(references, references, "multi-label")
    for name, score in (("f1", reference.f1_score), ("recall", reference.recall_score)):
        assert found[f"macro_{name}"] == score(references, references, average="macro", zero_division=0) == 2 / 3


def test_a_label_that_never_occurs_does_not_lower_the_macro_score():
    references = predicted = np.array([0, 0, 1])
    assert scores_of(references, predicted, 4, "multi-class")["macro_f1"] == 1.0


def test_no_right_answer_scores_zero_and_not_nan():
    found = scores_of(np.array([0, 0]), np.array([1, 1]), 2, "binary")
    assert set(found.values()) == {0.0}


def test_confusion_rows_are_references_and_columns_predictions():
    matrix = metrics.confusion_matrix(np.array([0, 0, 1, 2]), np.array([1, 0, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_calibration_error_is_the_weighted_distance_between_confidence_and_accuracy():
    confidence = np.array([0.95, 0.97, 0.96, 0.96, 0.5, 0.5])
    right = np.array([1, 1, 1, 0, 1, 0], bool)
    bins = metrics.calibration_bins(confidence, right)
    assert len(bins) == 15 and sum(item["count"] for item in bins) == 6
    assert metrics.calibration_error(bins) == pytest.approx((4 * (0.96 - 0.75) + 2 * 0.0) / 6)


def test_a_probability_of_one_and_of_zero_have_a_bin():
    bins = metrics.calibration_bins(np.array([0.0, 1.0]), np.array([False, True]))
    assert bins[0]["count"] == bins[-1]["count"] == 1
    assert metrics.calibration_error(bins) == 0.0


def test_each_bin_holds_the_confidences_between_its_bounds():
    bins = metrics.calibration_bins(np.linspace(0.001, 1, 300), np.ones(300, bool))
    assert all(item["count"] == 20 and item["low"] < item["confidence"] < item["high"] for item in bins)


def test_log_loss_is_that_of_scikit_learn():
    logits = np.random.default_rng(2).normal(size=(50, 4)) * 5
    references = np.arange(50) % 4
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = reference.log_loss(references, shares)
    assert metrics.log_loss(logits, metrics.one_hot(references, 4), single=True) == pytest.approx(expected)
    assert np.isfinite(metrics.log_loss(logits * 1e4, metrics.one_hot(references, 4), single=False))


def test_every_metric_takes_many_tallies_at_once():
    references, predicted = (metrics.one_hot(answers, 3) for answers in random_answers(3))
    one = metrics.count_confusions(references, predicted)
    two = metrics.ConfusionCounts(*(np.stack([getattr(one, name)] * 2) for name in ("tp", "fp", "fn", "right", "n")))
    for kind in metrics.PROBLEM_KINDS:
        for name, values in metrics.all_metrics(two, kind).items():
            assert values.shape == (2,), name
            assert values == pytest.approx(float(metrics.METRICS[name].of(one, kind))), name
