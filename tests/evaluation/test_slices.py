"""Slices of a report: their scores, what is beyond chance, and what is said of values that are missing or many."""

import json
import unicodedata

import numpy as np
import pytest
from evaluation_models import TableModel
from scipy import stats

from munjang.data.readers.corpus import read_corpus
from munjang.errors import ConfigError, DataError
from munjang.evaluation.evaluate import evaluate
from munjang.evaluation.slices import length_classes
from munjang.evaluation.trees import evaluate_trees
from munjang.metrics.significance import fisher_less, holm, permutation_less
from munjang.models.saved_reports import read_report
from munjang.records import Example


def answered(*groups: tuple[str, int, int]) -> tuple[TableModel, list[Example]]:
    """A model and examples of which, for each value of the column 제품, so many are right and so many wrong."""
    table, examples = {}, []
    for value, right, wrong in groups:
        for number in range(right + wrong):
            text = f"{value or '없음'} 글 {number:03}"
            table[text] = [0.1, 0.9] if number < right else [0.9, 0.1]
            examples.append(Example(text, "긍정", columns={"제품": value} if value else {}))
    return TableModel(table), examples


def test_each_value_has_its_score_and_its_distance_from_the_rest():
    model, examples = answered(("이불", 12, 8), ("의자", 29, 1), ("", 9, 1))
    (by_column,) = evaluate(model, examples, by="제품").slices
    assert (by_column.by, by_column.metric, by_column.tested) == ("제품", "accuracy", 3)
    assert [(item.value, item.n) for item in by_column.slices] == [("의자", 30), ("이불", 20), ("", 10)]
    chair, blanket, missing = by_column.slices
    assert (blanket.score, blanket.difference) == (pytest.approx(0.6), pytest.approx(12 / 20 - 38 / 40))
    assert (chair.score, missing.score) == (pytest.approx(29 / 30), pytest.approx(0.9))
    low, high = blanket.interval
    assert 0.3 < low < 0.6 < high < 0.85
    assert blanket.p == pytest.approx(stats.fisher_exact([[12, 8], [38, 2]], "less").pvalue * 3)
    assert by_column.worst is blanket and chair.p == 1.0


def test_the_worst_slice_is_named_only_beyond_chance():
    model, examples = answered(("이불", 12, 8), ("의자", 29, 1), ("", 9, 1))
    printed = str(evaluate(model, examples, by="제품"))
    assert "이불: 35.0 points of accuracy below the rest, beyond chance (p = 0.0" in printed
    assert "(empty)     10    0.9000" in printed
    model, examples = answered(("이불", 17, 3), ("의자", 27, 3))
    (by_column,) = evaluate(model, examples, by="제품").slices
    assert by_column.slices[1].difference < 0 and by_column.worst is None
    assert by_column.verdict == "No slice is below the rest beyond chance."


def test_of_many_values_the_fifty_largest_are_shown_and_the_rest_said():
    model, examples = answered(*((f"상품{number:02}", 3 if number < 50 else 1, 1) for number in range(60)))
    (by_column,) = evaluate(model, examples, by="제품").slices
    assert len(by_column.slices) == 50 and {item.n for item in by_column.slices} == {4}
    assert (by_column.further, by_column.further_texts) == (10, 20)
    assert "10 smaller values of 제품 are not shown (20 texts)." in str(evaluate(model, examples, by="제품"))


def test_lengths_fall_into_three_classes():
    assert length_classes([2, 3, 4, 10, 11, 12, 30, 31, 99]) == ["2-4"] * 3 + ["5-12"] * 3 + ["13-"] * 3
    assert length_classes([5, 5, 5]) == ["5-5"] * 3
    model, examples = answered(("가", 2, 0), ("가나", 1, 1), ("가나다라마바", 0, 1))
    (by_length,) = evaluate(model, examples).slices
    assert [(item.value, item.n, item.score) for item in by_length.slices] == [
        ("7-7", 2, 1.0), ("8-8", 2, 0.5), ("9-", 1, 0.0),
    ]  # fmt: skip
    assert "9 and more" in str(evaluate(model, examples))


def test_texts_that_are_equally_long_are_no_slices():
    model, examples = answered(("가", 2, 1))
    assert evaluate(model, examples).slices == ()


def test_slices_survive_json_and_older_reports_have_none():
    model, examples = answered(("이불", 12, 8), ("의자", 29, 1))
    report = evaluate(model, examples, by="제품")
    data = json.loads(json.dumps(report.to_dict(), ensure_ascii=False))
    assert data["slices"][0]["slices"][1]["value"] == "이불"
    assert read_report(data).slices == report.slices
    del data["slices"]
    assert read_report(data).slices == ()


def test_a_permutation_test_agrees_with_fishers_where_both_can_be_taken():
    for right, n, other_right, others in [(12, 20, 38, 40), (17, 20, 27, 30), (700, 1000, 7600, 9000)]:
        is_right = np.repeat([1, 0, 1, 0], [right, n - right, other_right, others - other_right])
        counts = np.stack([is_right, np.ones_like(is_right)], axis=1)
        p = permutation_less(counts, np.arange(n + others) < n, lambda sums: sums[..., 0] / sums[..., 1], seed=13)
        exact = fisher_less(right, n, other_right, others)
        assert p == pytest.approx(exact, rel=0.2, abs=0.02) or max(p, exact) < 1e-4


def test_slices_of_several_labels_are_judged_by_the_score_that_is_shown():
    """In 이불 no text has all its labels right, and nearly every label is found; in 의자 the reverse."""
    names = [f"라벨{number}" for number in range(8)]
    table, examples = {}, []
    for number in range(30):
        blanket, chair = f"이불 글 {number:02}", f"의자 글 {number:02}"
        table[blanket] = [0.9] * 7 + [0.1]
        examples.append(Example(blanket, tuple(names), columns={"제품": "이불"}))
        table[chair] = [0.9 if number % 3 else 0.1] + [0.1] * 7
        examples.append(Example(chair, (names[0],), columns={"제품": "의자"}))
    model = TableModel(table, labels=names, task="multi-label")
    (by_column,) = (item for item in evaluate(model, examples, by="제품").slices if item.by)
    blanket, chair = by_column.slices
    assert (blanket.score, chair.score) == (pytest.approx(2 * 210 / 450), pytest.approx(2 * 20 / 50))
    assert by_column.worst is chair and blanket.p > 0.9


def test_fishers_test_agrees_with_scipy():
    for right, n, other_right, others in [(3, 10, 40, 50), (0, 4, 9, 9), (10, 10, 5, 9), (700, 1000, 7600, 9000)]:
        cells = [[right, n - right], [other_right, others - other_right]]
        assert fisher_less(right, n, other_right, others) == pytest.approx(stats.fisher_exact(cells, "less").pvalue)


def test_holm_steps_down_from_the_smallest():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # by hand: x4, x3, x2, max
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


def test_a_column_that_the_texts_lack_is_refused_before_the_work():
    model, examples = answered(("이불", 1, 1))
    with pytest.raises(DataError, match=r"The texts come without a column '상품'\. .*columns=\['상품'\]"):
        evaluate(model, examples, by="상품")
    assert model.asked == []


def test_a_parser_is_not_scored_by_columns():
    with pytest.raises(ConfigError, match="by=… is for classifiers; table is a parser"):
        evaluate_trees(TableModel({}), [], split="test", by="제품", robustness=False, progress=False, seed=13)


def test_a_reader_keeps_the_columns_that_it_is_asked_for(tmp_path):
    path = tmp_path / "reviews.csv"
    decomposed = unicodedata.normalize("NFD", "이불")
    path.write_text(
        f"본문,감정,제품\n좋아요,긍정, {decomposed} \n별로네요,부정,\n괜찮아요,긍정,의자\n싫어요,부정,의자\n",
        encoding="utf-8",
    )
    corpus = read_corpus(path, text="본문", label="감정", columns=["제품"])
    assert [example.columns["제품"] for example in corpus.train] == ["이불", "", "의자", "의자"]
    assert {example.columns for example in read_corpus(path, text="본문", label="감정").train} == {None}
    with pytest.raises(DataError, match=r"No column '상품' in .*reviews\.csv; it has 본문, 감정, 제품"):
        read_corpus(path, text="본문", label="감정", columns=["상품"])
