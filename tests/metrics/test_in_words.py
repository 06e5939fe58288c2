"""What a report says in words, on answers that are counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from munjang.evaluation.labels import label_scores, scores_with_intervals
from munjang.metrics.in_words import report_in_words
from munjang.metrics.scores import confusion_matrix, one_hot
from munjang.records import LabelSet
from munjang.tasks.classification import Classification, MultiLabel

LABELS = ("불만", "칭찬", "문의")


def report_of(references: list[int], predicted: list[int]) -> SimpleNamespace:
    """What the sentences need, of answers given as label numbers."""
    table, given = one_hot(references, 3), one_hot(predicted, 3)
    model = SimpleNamespace(decoder=Classification(LabelSet(LABELS)), labels=LabelSet(LABELS), threshold=0.5)
    metrics, intervals = scores_with_intervals(model, table, given.astype(np.float32), 13)
    return SimpleNamespace(
        n=len(references), kind="multi-class", labels=LABELS, metrics=metrics, intervals=intervals,
        per_label=label_scores(table, given, LABELS), confusion=confusion_matrix(references, predicted, 3),
    )  # fmt: skip


def test_a_model_that_never_says_one_label_is_called_so():
    references = [0] * 24 + [1] * 700 + [2] * 276
    lines = report_in_words(report_of(references, [1] * 724 + [2] * 270 + [1] * 6))
    assert lines[0].startswith("97 of 100 texts get the right label (96 to 98, judging by 1,000 texts).")
    assert lines[1] == "Always answering '칭찬' would be right for 70 of 100."
    assert lines[2] == "Hardly ever found: '불만' (0 of 24). Such texts get other labels."
    assert lines[3] == "Most often confused: '불만' and '칭찬' (24 texts)."
    assert len(lines) == 4


def test_few_texts_and_few_texts_of_a_label_are_said():
    lines = report_in_words(report_of([0, 1, 2] * 2, [0, 1, 2] * 2))
    assert lines[0].startswith("100 of 100 texts get the right label (61 to 100, judging by 6 texts)")
    assert lines[-1] == "6 texts are few: another such file could give quite another score. Test with 200 or more."
    assert not any("confused" in line for line in lines)
    lines = report_in_words(report_of([0] * 300 + [1] * 300 + [2] * 9, [0] * 300 + [1] * 300 + [2] * 9))
    assert lines[-1] == "Too few to judge, fewer than 10 texts each: '문의'."


def test_several_labels_a_text_are_said_as_found_and_given():
    table = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]] * 100, bool)
    given = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0]] * 100, bool)
    model = SimpleNamespace(decoder=MultiLabel(LabelSet(LABELS)), labels=LabelSet(LABELS), threshold=0.5)
    metrics, intervals = scores_with_intervals(model, table, given.astype(np.float32), 13)
    report = SimpleNamespace(
        n=400, kind="multi-label", labels=LABELS, metrics=metrics, intervals=intervals,
        per_label=label_scores(table, given, LABELS), confusion=None,
    )  # fmt: skip
    assert report_in_words(report) == [
        "Of 100 labels that it gives, 80 are right; of 100 that the texts have, it finds 80 (400 texts)."
    ]


def test_where_all_is_right_a_loss_is_near_0_and_a_score_near_1():
    table = np.array([[1, 0, 0], [0, 1, 1]] * 20, bool)
    model = SimpleNamespace(decoder=MultiLabel(LabelSet(LABELS)), labels=LabelSet(LABELS), threshold=0.5)
    metrics, intervals = scores_with_intervals(model, table, table.astype(np.float32), 13)
    wilson = binomtest(40, 40).proportion_ci(method="wilson")
    assert intervals["micro_f1"] == pytest.approx((wilson.low, 1)) and metrics["hamming_loss"] == 0
    assert intervals["hamming_loss"] == pytest.approx((0, 1 - wilson.low))
