"""A report counts what it says, keeps its answers, and leaves its mark in the model folder."""

import json

import numpy as np
import pytest
from evaluation_models import TableModel

from munjang.errors import DataError
from munjang.evaluation.evaluate import evaluate
from munjang.metrics import scores as metrics
from munjang.models.saved_reports import read_report
from munjang.records import Corpus, Example, LabelSet
from munjang.tables import display_width

TABLE = {
    "정말 좋다": [0.1, 0.9],
    "별로다": [0.8, 0.2],
    "그저 그렇다": [0.4, 0.6],
    "최고": [0.3, 0.7],
    "재미 없다": [0.05, 0.95],
    "재미없다": [0.9, 0.1],
}
GOLD = {"정말 좋다": "긍정", "별로다": "부정", "그저 그렇다": "부정", "최고": "긍정", "재미 없다": "부정"}
LABELS = LabelSet(("부정", "긍정"))


def examples(references: dict = GOLD) -> list[Example]:
    return [Example(text, label, line, "films.csv") for line, (text, label) in enumerate(references.items(), start=2)]


def make_corpus(test: list[Example], train: list[Example] = (), labels: LabelSet = LABELS, **splits) -> Corpus:
    return Corpus("films", "classification", labels, train=train, test=test, **splits)


def test_the_report_holds_scores_answers_and_where_they_stand():
    report = evaluate(TableModel(TABLE), make_corpus(examples()))
    assert report.n == 5 and report.metrics["accuracy"] == pytest.approx(3 / 5)
    assert report.confusion.tolist() == [[1, 2], [0, 2]]
    assert report.references.tolist() == [1, 0, 0, 1, 0] and report.predicted.tolist() == [1, 0, 1, 1, 1]
    assert report.probability == pytest.approx([0.9, 0.8, 0.4, 0.7, 0.05])
    assert list(report.lines) == [2, 3, 4, 5, 6]
    assert [(score.name, score.support, score.predicted) for score in report.per_label] == [
        ("부정", 3, 1),
        ("긍정", 2, 4),
    ]
    low, high = report.intervals["accuracy"]
    assert 0 <= low < 0.6 < high <= 1
    confidence, right = np.array([0.9, 0.8, 0.6, 0.7, 0.95]), np.array([1, 1, 0, 1, 0], bool)
    assert report.calibration_error == pytest.approx(
        metrics.calibration_error(metrics.calibration_bins(confidence, right))
    )


def test_the_worst_errors_come_most_confident_first():
    report = evaluate(TableModel(TABLE), examples())
    assert [(answer.text, answer.line) for answer in report.top_errors] == [("재미 없다", 6), ("그저 그렇다", 4)]
    assert (report.top_errors[0].reference, report.top_errors[0].predicted) == ("부정", "긍정")
    assert report.top_errors[0].probability == pytest.approx(0.95)


def test_the_same_texts_without_spaces_are_scored_too():
    model = TableModel(TABLE)
    report = evaluate(model, examples())
    assert model.asked[1] == ["정말좋다", "별로다", "그저그렇다", "최고", "재미없다"]
    assert report.without_spaces["accuracy"] == pytest.approx(4 / 5)  # 재미없다 is right; unknown texts answer 부정
    assert evaluate(model, examples(), without_spaces=False).without_spaces is None
    assert len(model.asked) == 3


def test_labels_are_matched_by_name_when_the_order_differs():
    flipped = {text: shares[::-1] for text, shares in TABLE.items()}
    report = evaluate(TableModel(flipped, ("긍정", "부정")), make_corpus(examples()))
    assert report.metrics["accuracy"] == pytest.approx(3 / 5)


def test_a_label_map_joins_other_names():
    english = {text: {"긍정": "pos", "부정": "neg"}[label] for text, label in GOLD.items()}
    corpus = make_corpus(examples(english), labels=LabelSet(("pos", "neg")))
    with pytest.raises(DataError, match="The model has 부정, 긍정; the data has pos, neg"):
        evaluate(TableModel(TABLE), corpus)
    report = evaluate(TableModel(TABLE), corpus, label_map={"pos": "긍정", "neg": "부정"})
    assert report.metrics["accuracy"] == pytest.approx(3 / 5)


def test_rows_that_cannot_be_scored_are_left_out_and_counted():
    rows = [*examples(), Example("  \u3164", "긍정"), Example("최고", "3"), Example("최고", None)]
    report = evaluate(TableModel(TABLE), make_corpus(rows))
    assert report.n == 5
    assert report.left_out == {"empty": 1, "with a label outside the set": 1, "without a label": 1}
    assert "5 texts (left out: 1 empty, 1 with a label outside the set, 1 without a label)" in str(report)


def test_nothing_to_score_says_why():
    with pytest.raises(DataError, match="Nothing can be scored: 2 empty"):
        evaluate(TableModel(TABLE), make_corpus([Example("", "긍정"), Example(" ", "부정")]))
    with pytest.raises(DataError, match="films has no validation split; it has test"):
        evaluate(TableModel(TABLE), make_corpus(examples()), split="validation")


def test_one_label_against_several_is_refused():
    with pytest.raises(DataError, match="The data has several labels a text, the model table gives one label"):
        evaluate(TableModel(TABLE), [Example("최고", ("긍정",))])
    with pytest.raises(
        DataError, match=r"The data has one label a text, the model table gives several.* multi_label=\"SEP"
    ):
        evaluate(TableModel(TABLE, task="multi-label"), examples())


def test_a_text_with_a_near_copy_in_train_is_left_out_of_the_clean_score():
    report = evaluate(TableModel(TABLE), make_corpus(examples(), train=[Example("재미 없다!!", "부정")]))
    assert (report.clean.n, report.clean.leaks, report.clean.near) == (4, 0, 1)
    assert "0 also in train, 1 with a near copy in train." in str(report)


def test_noise_gives_a_second_score_and_says_what_it_leaves_out():
    noisy = [
        *examples(),
        Example("별로다 ", "부정"),  # a repeat after cleaning
        Example("두 마음", "긍정"),
        Example("두 마음", "부정"),
    ]
    report = evaluate(TableModel(TABLE), make_corpus(noisy, train=[Example("최고", "긍정"), Example("처음", "긍정")]))
    assert report.n == 8
    assert (report.clean.n, report.clean.duplicates, report.clean.conflicts, report.clean.leaks) == (4, 1, 2, 1)
    assert report.clean.metrics["accuracy"] == pytest.approx(2 / 4)
    text = str(report)
    assert "as published" in text
    assert (
        "Clean: 4 texts; left out: 1 repeated, 2 with two labels, 1 also in train, 0 with a near copy in train." in text
    )


def test_a_clean_split_has_one_score():
    assert evaluate(TableModel(TABLE), make_corpus(examples(), train=[Example("처음", "긍정")])).clean is None


def test_without_the_train_split_leaks_are_said_to_be_unknown():
    report = evaluate(TableModel(TABLE), [*examples(), Example("별로다", "부정")])
    assert report.clean.leaks is None and "Texts that are also in train are not known here." in str(report)


def test_several_labels_are_scored_label_by_label():
    table = {"가": [0.9, 0.6, 0.1], "나": [0.2, 0.7, 0.1], "다": [0.1, 0.2, 0.3]}
    rows = [Example("가", ("욕설", "성별")), Example("나", ("욕설",)), Example("다", ())]
    model = TableModel(table, ("욕설", "성별", "지역"), "multi-label")
    report = evaluate(model, rows)
    assert report.metrics["subset_accuracy"] == pytest.approx(2 / 3)
    assert report.metrics["hamming_loss"] == pytest.approx(2 / 9)
    assert report.confusion is None and report.predicted.tolist() == [
        [True, True, False],
        [False, True, False],
        [False] * 3,
    ]
    assert report.probability[0] == pytest.approx(0.9 * 0.6 * 0.9)
    assert (report.top_errors[0].reference, report.top_errors[0].predicted) == (("욕설",), ("성별",))
    assert read_report(json.loads(json.dumps(report.to_dict()))).to_dict() == report.to_dict()


def test_the_report_survives_json():
    noisy = make_corpus([*examples(), Example("별로다", "부정")], train=[Example("최고", "긍정")])
    report = evaluate(TableModel(TABLE), noisy)
    again = read_report(json.loads(json.dumps(report.to_dict(), ensure_ascii=False)))
    assert again.to_dict() == report.to_dict() and str(again) == str(report)


@pytest.mark.parametrize(
    "change", [{"references": [0]}, {"references": [9] * 5}, {"labels": None}, {"clean": {"n": 1}}, {"n": 4}]
)
def test_json_that_is_no_report_is_refused(change):
    data = evaluate(TableModel(TABLE), examples()).to_dict()
    with pytest.raises(DataError, match="no report of munjang evaluate"):
        read_report({**data, **change})


def test_the_printed_tables_are_aligned_where_hangul_is_two_columns_wide():
    lines = str(evaluate(TableModel(TABLE), make_corpus(examples()))).split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("label "))
    assert any(line.split()[:2] == ["accuracy", "0.6000"] for line in lines)
    header, rows = lines[at], lines[at + 2 : at + 4]
    assert [row.split()[0] for row in rows] == ["부정", "긍정"]
    assert {display_width(row) for row in rows} == {display_width(header)}


def test_many_labels_print_their_commonest_confusions_instead_of_a_matrix():
    names = [f"종류{i}" for i in range(12)]
    table = {f"글{i}": np.eye(12)[(i + (i == 3)) % 12].tolist() for i in range(12)}
    report = evaluate(TableModel(table, names), [Example(f"글{i}", names[i]) for i in range(12)])
    assert "true \\ predicted" not in str(report)
    assert "종류3  종류4          1" in str(report)


def test_every_reading_of_a_test_split_is_noted_in_the_model_folder(tmp_path):
    model = TableModel(TABLE, folder=tmp_path)
    corpus = make_corpus(examples(), train=examples(), validation=examples())
    first = evaluate(model, corpus)
    evaluate(model, corpus, split="validation")
    evaluate(model, corpus.test)
    lines = [json.loads(line) for line in (tmp_path / "run" / "test_reads.jsonl").read_text().splitlines()]
    assert [line["corpus"] for line in lines] == ["films", "films.csv"]
    assert {line["sha256"] for line in lines} == {first.sha256} and lines[0]["n"] == 5
    assert lines[0]["score"]["accuracy"] == pytest.approx(3 / 5)
    assert lines[0]["time"].endswith("+00:00")


def test_a_folder_that_cannot_be_written_is_said(tmp_path, caplog):
    (tmp_path / "run").write_text("in the way")
    evaluate(TableModel(TABLE, folder=tmp_path), examples())
    assert "could not be noted" in caplog.text
