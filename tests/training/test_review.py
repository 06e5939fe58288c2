"""A corpus with wrong labels: a review finds them, and goes on where it was stopped."""

import pytest

import munjang as mj
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, LabelSet, Tree
from munjang.training import fit

GOOD, BAD = ("좋아요", "최고예요", "재밌어요", "추천해요"), ("별로예요", "최악이에요", "지루해요", "실망했어요")


def reviews(wrong=(), **splits):
    """96 reviews that a word tells apart; the rows in `wrong` have the other label. line = number of the row + 2."""
    texts = [
        (f"{n}번 영화 {word}", label)
        for n in range(12)
        for words, label in ((GOOD, "긍정"), (BAD, "부정"))
        for word in words
    ]
    other = {"긍정": "부정", "부정": "긍정"}
    examples = [
        Example(text, other[label] if row in wrong else label, row + 2, "a.csv")
        for row, (text, label) in enumerate(texts)
    ]
    return Corpus("a", "classification", LabelSet(("부정", "긍정")), train=examples, **splits)


def test_wrong_labels_are_found_with_the_word_that_speaks_against_them():
    review = mj.review(reviews(wrong={7, 40, 77}))
    assert {row.line for row in review.rows[:3]} == {9, 42, 79}
    for row in review.rows[:3]:
        assert row.label != row.suggestion and row.why.split()[-1] in (*GOOD, *BAD)
    assert review.texts == 96 and review == mj.review(reviews(wrong={7, 40, 77}))


def test_a_clean_corpus_is_not_suspicious_and_stays_as_it_is():
    corpus = reviews()
    assert mj.review(corpus).rows == ()
    assert corpus == reviews()


def test_equal_texts_with_other_labels_are_evidence_and_stay_in_the_review():
    corpus = reviews()
    twins = [
        *corpus.train,
        *(Example("그저 그래요", label, 200 + n, "a.csv") for n, label in enumerate(("긍정", "긍정", "부정"))),
    ]
    (first, *_) = mj.review(corpus.with_splits(train=twins)).rows
    assert (first.line, first.suggestion) == (202, "긍정")
    assert "2 copies have other labels, such as 긍정 (line 200)" in first.why


def test_other_splits_are_reviewed_on_demand():
    corpus = reviews(wrong={7})
    split = corpus.with_splits(
        train=corpus.train[:70], test=[*corpus.train[70:], Example("정말 최악이에요", "긍정", 500, "b.csv")]
    )
    assert all(row.split == "train" for row in mj.review(split, top=70).rows)
    found = mj.review(split, splits=("train", "test"), top=2).rows
    assert {(row.split, row.file, row.line) for row in found} == {("train", "a.csv", 9), ("test", "b.csv", 500)}
    with pytest.raises(DataError, match="no validation split"):
        mj.review(split, splits=("validation",))


def test_a_review_goes_on_where_it_was_stopped_and_leaves_nothing(monkeypatch, tmp_path):
    trained, train = [], fit.train_linear

    def stops_at_the_third(corpus, config):
        trained.append(len(trained))
        if len(trained) == 3:
            raise KeyboardInterrupt
        return train(corpus, config)

    monkeypatch.setattr(fit, "train_linear", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        mj.review(reviews({7}), folder=tmp_path / "f")
    with pytest.raises(ConfigError, match="another review that was not finished"):
        mj.review(reviews({8}), folder=tmp_path / "f")
    review = mj.review(reviews({7}), folder=tmp_path / "f")
    assert len(trained) == 6  # two, the one that was stopped, and three
    assert review == mj.review(reviews({7})) and not (tmp_path / "f").exists()


def test_what_cannot_be_reviewed_is_refused():
    tree = Example("가 나", Tree(("가", "나"), (2, 0), ("NP", "VP")), 1)
    with pytest.raises(DataError, match="a review is for labels"):
        mj.review(Corpus("t", "parsing", LabelSet(("NP", "VP")), train=[tree]))
    with pytest.raises(DataError, match="at least two labels"):
        mj.review(Corpus("a", "classification", LabelSet(("가", "나")), train=[Example("글", "가")] * 5))
    with pytest.raises(ConfigError, match="folds"):
        mj.review(reviews(), folds=1)


def test_labels_of_a_corpus_with_several_are_reviewed():
    rows = [
        (f"{n} {word}", label)
        for n in range(12)
        for word, label in (("욕 비방", ("욕설", "비난")), ("고운 말", ()), ("비방", ("비난",)))
    ]
    rows[15] = (rows[15][0], ("비난",))  # the abuse is missing
    examples = [Example(text, label, line) for line, (text, label) in enumerate(rows, start=2)]
    corpus = Corpus("m", "multi-label", LabelSet(("욕설", "비난")), train=examples)
    (first, *_) = mj.review(corpus, top=1).rows
    assert (first.file, first.line, first.label, first.suggestion) == ("m/train", 17, "비난", "욕설|비난")
