"""Intervals against texts drawn one by one; McNemar's test against scipy."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from munjang.metrics import scores as metrics
from munjang.metrics import significance as resampling
from munjang.metrics.tree_scores import tree_counts, tree_scores


def answers(n: int, labels: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gold and answers as (n, labels) bool; an answer is right with probability `right`."""
    generator = np.random.default_rng(seed)
    references = generator.integers(0, labels, n)
    predicted = np.where(generator.random(n) < right, references, generator.integers(0, labels, n))
    return metrics.one_hot(references, labels), metrics.one_hot(predicted, labels)


def bootstrap(references: np.ndarray, predicted: np.ndarray, kind: str, **seed) -> dict:
    return resampling.bootstrap(metrics.confusion_columns(references, predicted), scores_of(kind), **seed)


def paired_bootstrap(references: np.ndarray, predicted: np.ndarray, other: np.ndarray, kind: str) -> dict:
    counts = (metrics.confusion_columns(references, answer) for answer in (predicted, other))
    return resampling.paired_bootstrap(*counts, scores_of(kind))


def scores_of(kind: str):
    return partial(metrics.summed_metrics, kind=kind)


def test_the_interval_is_that_of_drawing_texts_one_by_one():
    generator = np.random.default_rng(1)
    references = generator.random((300, 3)) < 0.3
    predicted = references & (generator.random((300, 3)) < 0.8)  # misses much, adds nothing: precision is not recall
    drawn = [generator.integers(0, 300, 300) for _ in range(2500)]
    replicates = [metrics.metric_values(references[i], predicted[i], "multi-label") for i in drawn]
    for name, pair in bootstrap(references, predicted, "multi-label").items():
        expected = np.quantile([scores[name] for scores in replicates], [0.025, 0.975])
        assert pair == pytest.approx(expected, abs=0.008), name


def test_the_interval_of_fifty_thousand_texts_is_the_normal_one():
    references, predicted = answers(50_000, 2, 0.9, seed=0)
    low, high = bootstrap(references, predicted, "binary")["accuracy"]
    share = (references & predicted).any(axis=1).mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 50_000)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.0004)


def test_the_same_seed_gives_the_same_interval():
    references, predicted = answers(200, 2, 0.8, seed=3)
    first = bootstrap(references, predicted, "binary", seed=5)
    assert first == bootstrap(references, predicted, "binary", seed=5)
    assert first != bootstrap(references, predicted, "binary", seed=6)


def test_the_paired_interval_is_narrower_than_two_apart():
    references, predicted = answers(500, 2, 0.8, seed=0)
    better = predicted.copy()
    wrong = np.flatnonzero((references != predicted).any(axis=1))[:20]
    better[wrong] = references[wrong]
    low, high = paired_bootstrap(references, better, predicted, "binary")["accuracy"]
    assert 0 < low < 20 / 500 < high
    alone = bootstrap(references, predicted, "binary")["accuracy"]
    assert high - low < 0.7 * (alone[1] - alone[0])


def test_which_model_is_named_first_does_not_change_the_interval():
    references, predicted = answers(213, 3, 0.8, seed=0)
    _, other = answers(213, 3, 0.7, seed=1)
    forth = paired_bootstrap(references, predicted, other, "multi-class")
    for name, (low, high) in paired_bootstrap(references, other, predicted, "multi-class").items():
        assert forth[name] == pytest.approx((-high, -low)), name


def test_equal_answers_differ_by_nothing():
    references, predicted = answers(100, 4, 0.6, seed=0)
    assert set(paired_bootstrap(references, predicted, predicted, "multi-class").values()) == {(0.0, 0.0)}


def test_the_interval_of_a_parser_is_that_of_drawing_sentences_one_by_one():
    generator = np.random.default_rng(2)
    lengths = generator.integers(1, 12, 80)
    references = np.stack([generator.integers(0, 9, lengths.sum()), generator.integers(0, 4, lengths.sum())], axis=1)
    predicted = np.where(generator.random(references.shape) < [0.85, 0.7], references, references + 1)
    sentences = np.split(references == predicted, np.cumsum(lengths)[:-1])
    replicates = []
    for __ in range(2500):
        drawn = [sentences[i] for i in generator.integers(0, 80, 80)]
        words = np.concatenate(drawn)
        whole = [sentence.all() for sentence in drawn]
        replicates.append((words[:, 0].mean(), words.all(axis=1).mean(), words[:, 1].mean(), np.mean(whole)))
    expected = np.quantile(replicates, [0.025, 0.975], axis=0).T
    found = resampling.bootstrap(tree_counts(references, predicted, lengths), tree_scores)
    for name, pair in zip(("uas", "las", "relations", "exact"), expected, strict=True):
        assert found[name] == pytest.approx(pair, abs=0.013), name


@pytest.mark.parametrize("pair", [(0, 5), (3, 4), (10, 30), (400, 460)])
def test_few_differences_are_tested_exactly(pair):
    assert resampling.mcnemar(*pair) == pytest.approx(stats.binomtest(pair[0], sum(pair)).pvalue)


def test_many_differences_are_tested_by_chi_square_with_continuity():
    statistic = (abs(1200 - 1300) - 1) ** 2 / 2500
    assert resampling.mcnemar(1200, 1300) == pytest.approx(stats.chi2.sf(statistic, 1))
    assert resampling.mcnemar(1300, 1300) == 1.0


def test_models_that_never_differ_have_p_one():
    assert resampling.mcnemar(0, 0) == 1.0
