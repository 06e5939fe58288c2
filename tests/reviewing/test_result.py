"""A review: which rows are listed, what it says, and the file that a person edits."""

import csv

import numpy as np
import pytest

from munjang.data.cleaning.fixes import REVIEW_COLUMNS
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, LabelSet
from munjang.reviewing.result import LabelledRow, review_labels

NAMES = LabelSet(("부정", "긍정"))
TEXTS = ["좋아요", "=싫어요", "좋아요", "최고", "별로"]


def reviewed(**options):
    """The review of five texts, by a model that is sure of 긍정 for 좋아요 and 최고, and of 부정 for the others."""
    pairs = enumerate(zip(TEXTS, ("긍정", "긍정", "부정", "긍정", "부정"), strict=True), start=2)
    examples = [Example(text, label, line, "a.csv") for line, (text, label) in pairs]
    corpus = Corpus("a", "classification", NAMES, train=examples)
    rows = [LabelledRow("train", item.file, item.line, item.text, item) for item in examples]
    probabilities = np.array([[0.1, 0.9], [0.85, 0.15], [0.1, 0.9], [0.2, 0.8], [0.8, 0.2]])
    words = ["", "싫어요", "좋아요", "", ""]
    return review_labels(corpus, rows, probabilities, words, [[0, 2]], **options)


def test_the_wrong_labels_are_listed_first_with_what_speaks_against_them():
    review = reviewed(top=2)
    assert [(row.line, row.label, row.suggestion) for row in review.rows] == [(4, "부정", "긍정"), (3, "긍정", "부정")]
    assert [row.why for row in review.rows] == ["좋아요; a copy has 긍정 (line 2)", "싫어요"]
    assert 0.5 < review.rows[1].sure < review.rows[0].sure < 1
    assert review.counts == {("부정", "긍정"): 1, ("긍정", "부정"): 1}


def test_all_contradicted_rows_are_listed_and_the_number_of_wrong_ones_is_the_sum_of_the_doubts():
    review = reviewed()  # the third is the copy that the model agrees with
    assert review == reviewed(top=3)
    assert review.wrong == round(sum(row.sure for row in reviewed(top=5).rows)) == 2
    assert review.summary == (
        "The models agree with 40% of 5 labels. About 2 look wrong, most often 부정 given for 긍정 (1), "
        "긍정 given for 부정 (1); 3 rows are listed."
    )


def test_a_row_that_the_models_agree_with_is_never_listed():
    corpus = Corpus("a", "classification", NAMES, train=[Example("글", name, 1, "a.csv") for name in NAMES] * 500)
    rows = [LabelledRow("train", "a.csv", 1, "글", item) for item in corpus.train]
    review = review_labels(corpus, rows, np.array([[0.7, 0.3], [0.3, 0.7]] * 500), [""] * 1000)
    assert (review.rows, str(review)) == ((), "None of 1,000 labels looks wrong.")


def test_the_file_has_an_empty_column_for_a_person_and_is_safe_for_excel(tmp_path):
    path = reviewed(top=2).save(tmp_path / "review.csv")
    header, *rows = csv.reader(path.open(encoding="utf-8-sig"))
    assert tuple(header) == REVIEW_COLUMNS
    assert [row[:5] + row[6:] for row in rows] == [
        ["a.csv", "4", "좋아요", "부정", "긍정", "좋아요; a copy has 긍정 (line 2)", "train", ""],
        ["a.csv", "3", "'=싫어요", "긍정", "부정", "싫어요", "train", ""],
    ]
    with pytest.raises(DataError, match="exists"):
        reviewed().save(path)


def test_suggestions_that_are_sure_enough_are_filled_in(tmp_path):
    review = reviewed(top=2)
    between = (review.rows[0].sure + review.rows[1].sure) / 2
    __, *rows = csv.reader(review.save(tmp_path / "a.csv", accept=between).open(encoding="utf-8-sig"))
    assert [row[-1] for row in rows] == ["긍정", ""]
    with pytest.raises(ConfigError, match="accept"):
        review.save(tmp_path / "b.csv", accept=2.0)


def test_of_several_labels_each_is_a_question_and_only_the_doubtful_one_changes():
    labels = LabelSet(("욕설", "비난", "칭찬"))
    given = [("욕설", "비난"), (), ("칭찬",), ("욕설",)]
    examples = [Example(f"글 {line}", label, line, "a.csv") for line, label in enumerate(given, start=2)]
    corpus = Corpus("a", "multi-label", labels, train=examples)
    rows = [LabelledRow("train", "a.csv", item.line, item.text, item) for item in examples]
    probabilities = np.array([[0.9, 0.05, 0.1], [0.05, 0.1, 0.2], [0.1, 0.1, 0.9], [0.05, 0.95, 0.1]])
    review = review_labels(corpus, rows, probabilities, [""] * 4, top=4)
    found = {row.line: (row.label, row.suggestion) for row in review.rows}
    assert found[2] == ("욕설|비난", "욕설")
    assert found[5] == ("욕설", "비난")  # one label too many, and one that is missing
    assert review.rows[-1].line in (3, 4) and found[3][0] == "-"
