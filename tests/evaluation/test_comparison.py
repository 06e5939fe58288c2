"""Two models on the same texts: what differs, how sure that is, and when it may not be asked."""

from dataclasses import replace

import pytest
from evaluation_models import TableModel

from munjang.errors import DataError
from munjang.evaluation.comparison import compare
from munjang.evaluation.evaluate import evaluate
from munjang.records import Example

TEXTS = [Example(f"글 {i}", ("부정", "긍정")[i % 2]) for i in range(200)]


def report_of(wrong: set[int], name: str, labels=("부정", "긍정"), texts=TEXTS):
    def row(i: int, example: Example) -> list[float]:
        right = labels.index(example.label)
        answered = right if i not in wrong else 1 - right
        return [0.9 if k == answered else 0.1 for k in range(2)]

    model = TableModel({example.text: row(i, example) for i, example in enumerate(texts)}, labels)
    model.name = name
    return evaluate(model, texts, without_spaces=False)


def test_the_better_model_is_named_with_its_lead():
    found = compare(report_of(set(range(10)), "bert"), report_of(set(range(5, 45)), "linear"))
    assert found.difference == pytest.approx(30 / 200)
    assert (found.only_first, found.only_second) == (35, 5)
    low, high = found.interval
    assert 0 < low < 0.15 < high
    assert found.p < 0.0001
    assert found.verdict.startswith("bert is better than linear by 15.0 points of accuracy (95% interval +")
    assert "McNemar p < 0.0001; 200 texts" in found.verdict


def test_the_verdict_is_the_same_from_the_other_side():
    first, second = report_of(set(range(10)), "bert"), report_of(set(range(5, 45)), "linear")
    there, back = compare(first, second), compare(second, first)
    assert back.difference == -there.difference
    assert back.verdict.split(" (")[0] == there.verdict.split(" (")[0]
    assert "interval +" in back.verdict


def test_a_difference_that_chance_explains_is_not_called_one():
    found = compare(report_of({1, 2, 3}, "a"), report_of({4, 5, 6, 7}, "b"))
    assert found.verdict.startswith("No difference between a and b can be shown")
    assert found.interval[0] < 0 < found.interval[1]


def test_label_order_does_not_matter():
    found = compare(report_of({1}, "a"), report_of({1}, "b", labels=("긍정", "부정")))
    assert found.difference == 0 and found.p == 1.0 and found.interval == (0.0, 0.0)


def test_different_texts_are_refused():
    with pytest.raises(DataError, match=r"Different texts: a on .* \(200 texts\), b on .* \(199 texts\)"):
        compare(report_of(set(), "a"), report_of(set(), "b", texts=TEXTS[:-1]))
    with pytest.raises(DataError, match="Different texts"):
        compare(report_of(set(), "a"), report_of(set(), "b", texts=TEXTS[::-1]))


def test_different_references_or_labels_are_refused():
    relabelled = [Example(TEXTS[0].text, "긍정"), *TEXTS[1:]]
    with pytest.raises(DataError, match="different reference labels"):
        compare(report_of(set(), "a"), report_of(set(), "b", texts=relabelled))
    renamed = [Example(example.text, {"부정": "나쁨", "긍정": "좋음"}[example.label]) for example in TEXTS]
    with pytest.raises(DataError, match="a has 부정, 긍정; b has 나쁨, 좋음"):
        compare(report_of(set(), "a"), report_of(set(), "b", labels=("나쁨", "좋음"), texts=renamed))


def test_two_models_of_one_name_can_be_told_apart_and_json_has_the_verdict():
    found = compare(report_of({1}, "m"), report_of({2}, "m"))
    assert "m (1)" in str(found) and "m (2)" in str(found)
    assert found.to_dict()["verdict"] == found.verdict
    assert found.to_dict()["differences"]["accuracy"]["difference"] == 0


def test_precision_recall_and_f1_are_of_the_first_models_second_label():
    wrong = {1, 3, 5, 7, 9, 11, 13, 2}
    found = compare(report_of(set(), "a"), report_of(wrong, "b", labels=("긍정", "부정")))
    same = compare(report_of(set(), "a"), report_of(wrong, "b"))
    assert found.differences == same.differences
    for item in found.differences.values():
        assert item.interval[0] <= item.difference <= item.interval[1]


def test_a_report_of_an_older_version_with_fewer_metrics_can_be_compared():
    old = report_of({1}, "old")
    old = replace(old, metrics={name: old.metrics[name] for name in ("accuracy", "macro_f1")})
    new = report_of({2}, "new")
    assert compare(new, old).differences.keys() == compare(old, new).differences.keys() == new.metrics.keys()
