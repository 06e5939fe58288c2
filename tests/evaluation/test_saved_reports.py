"""A saved report is read back equal, one of an older version too, which had other keys."""

import json

import numpy as np
import pytest
from evaluation_models import TableModel

from munjang.errors import DataError
from munjang.evaluation.comparison import compare
from munjang.evaluation.evaluate import evaluate
from munjang.metrics.label_report import LabelReport
from munjang.metrics.report import LabelScore
from munjang.metrics.tree_report import LengthScore, TreeReport
from munjang.models.saved_reports import read_report
from munjang.records import Corpus, Example, LabelSet

TABLE = {"좋다": [0.1, 0.9], "별로": [0.8, 0.2], "그저 그렇다": [0.4, 0.6], "최고": [0.3, 0.7]}
OLD = {"references": "gold", "reference": "gold", "predicted": "guessed", "top_errors": "worst"}


def label_report() -> LabelReport:
    """A report with each of its parts: a clean score, errors, a row left out."""
    texts = [("좋다", "긍정"), ("별로", "부정"), ("그저 그렇다", "부정"), ("별로", "부정"), ("최고", None)]
    test = [Example(text, label, line, "films.csv") for line, (text, label) in enumerate(texts, start=2)]
    labels = LabelSet(("부정", "긍정"))
    return evaluate(
        TableModel(TABLE), Corpus("films", "classification", labels, train=[Example("첫", "긍정")], test=test)
    )


def multi_label_report() -> LabelReport:
    table = {"가": [0.9, 0.6], "나": [0.2, 0.7]}
    rows = [Example("가", ("욕설",)), Example("나", ())]
    return evaluate(TableModel(table, ("욕설", "성별"), "multi-label"), rows)


def tree_report() -> TreeReport:
    return TreeReport(
        model="parser",
        corpus="trees",
        split="test",
        n=2,
        words=3,
        left_out={"without a tree": 1, "with words that cleaning takes away": 0},
        metrics={"uas": 1.0, "las": 2 / 3, "exact": 0.5},
        intervals={"uas": (1.0, 1.0), "las": (0.5, 1.0)},
        per_relation=(LabelScore("NP", 1.0, 0.5, 2 / 3, 2, 1), LabelScore("VP", 0.5, 1.0, 2 / 3, 1, 2)),
        by_length=(LengthScore("1-5", 2, 3, 1.0, 2 / 3, 0.5),),
        sha256="0" * 64,
        references=np.array([[2, 0], [0, 1], [0, 0]]),
        predicted=np.array([[2, 0], [0, 1], [0, 1]]),
        lengths=np.array([2, 1]),
    )


def as_json(report) -> str:
    return json.dumps(report.to_dict(), ensure_ascii=False)


def with_old_keys(values):
    """The JSON values of a report under the keys of munjang 0.1.0."""
    if isinstance(values, dict):
        return {OLD.get(key, key): with_old_keys(value) for key, value in values.items()}
    return [with_old_keys(item) for item in values] if isinstance(values, list) else values


REPORTS = [label_report, multi_label_report, tree_report]


@pytest.mark.parametrize("make", REPORTS)
def test_a_report_written_by_to_dict_is_read_back_equal(make):
    report = make()
    again = read_report(json.loads(as_json(report)))
    assert type(again) is type(report)
    assert as_json(again) == as_json(report) and str(again) == str(report)
    for name in ("references", "predicted"):
        assert np.array_equal(getattr(again, name), getattr(report, name))


@pytest.mark.parametrize("make", REPORTS)
def test_a_report_with_the_keys_of_an_older_version_is_read_as_the_same(make):
    report = make()
    old = with_old_keys(json.loads(as_json(report)))
    assert {"gold", "guessed"} <= old.keys() and not {"references", "predicted", "top_errors"} & old.keys()
    again = read_report(old)
    assert type(again) is type(report)
    assert as_json(again) == as_json(report) and str(again) == str(report)


def test_the_old_keys_of_the_rows_are_read_too():
    report = label_report()
    assert report.top_errors and report.clean is not None and report.left_out
    old = with_old_keys(report.to_dict())
    assert {"gold", "guessed"} <= old["worst"][0].keys() and "guessed" in old["per_label"][0]
    again = read_report(old)
    assert again.top_errors == report.top_errors and again.per_label == report.per_label


def test_a_parsers_report_without_predictions_is_read_and_cannot_be_compared():
    early = {name: value for name, value in tree_report().to_dict().items() if name not in ("predicted", "lengths")}
    report = read_report(early)
    assert report.metrics["uas"] == 1.0
    with pytest.raises(DataError, match="The report of parser holds no predictions"):
        compare(tree_report(), report)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"per_relation": [{"name": "NP"}]}, "missing 5 required"),
        ({"by_length": None}, "'NoneType'"),
        ({"task": "entities"}, "it has no key 'labels'"),
        ({"task": ["parsing"]}, "unhashable"),
    ],
)
def test_json_that_is_no_report_of_a_parser_is_refused(change, reason):
    with pytest.raises(DataError, match=f"This is no report of munjang evaluate: .*{reason}"):
        read_report({**tree_report().to_dict(), **change})


def test_json_without_a_key_of_a_report_is_told_which():
    with pytest.raises(DataError, match="it has no key 'words'"):
        read_report({name: value for name, value in tree_report().to_dict().items() if name != "words"})
