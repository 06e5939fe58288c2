"""The values that flow through munjang: what a notebook prints of them, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

import munjang as mj
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.multi_corpus import prepare_multi_corpus
from munjang.data.prepare import prepare_corpus
from munjang.data.splits import with_validation
from munjang.data.statistics.corpus import describe
from munjang.errors import ConfigError, DataError, FetchError, shortened
from munjang.evaluation.evaluate import evaluate
from munjang.inference.predictor import list_of_texts, load
from munjang.records import Corpus, Example, LabelSet, Prediction, Removed, Results, Tree

TEXTS = [f"{n}번째 문장입니다 " * 40 for n in range(300)]
EXAMPLES = [Example(text, ("부정", "긍정")[n % 2], n + 1, "a.csv") for n, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def corpus():
    return Corpus("reviews" * 40, "classification", LabelSet(("부정", "긍정")), EXAMPLES, test=EXAMPLES[:3])


def test_what_a_notebook_prints_is_short(corpus):
    model = load("mini/sentiment")
    many = LabelSet(tuple(map(str, range(500))), {f"alias {n}": str(n) for n in range(500)})
    report = evaluate(model, EXAMPLES[:20], without_spaces=False)
    cleaned, cleaning_report = clean_corpus(corpus)
    tree = Tree(tuple(TEXTS), tuple(range(300)), ("NP",) * 300)
    predictions = model.predict_many(TEXTS[:20])
    values = [
        corpus, corpus.train, corpus.train[:1], corpus.train[0], many, Corpus("a", "classification", many), tree,
        cleaned, cleaning_report, cleaning_report.removed[0], describe(corpus), model, mj.Analyzer(), predictions,
        predictions[0], mj.Analyzer().analyze_many(TEXTS[:3]), mj.explain(model, TEXTS[0][:90]), report,
        mj.compare(report, report), prepare_corpus(cleaned, mj.TrainConfig()),
        Removed("a", 1, TEXTS[0] * 9, "", "", ""),
        Prediction(TEXTS[0], tuple(map(str, range(500))), {str(n): 0.5 for n in range(500)}),
    ]  # fmt: skip
    for value in values:
        assert len(repr(value)) <= 300, type(value)
        assert "object at 0x" not in repr(value)
    assert repr(corpus.with_splits(train=EXAMPLES[:2])).endswith(
        "'classification', labels='부정, 긍정', train=2, validation=0, test=3)"
    )
    assert repr(model) == "Predictor('mini/sentiment', 'classification', labels='부정, 긍정')"
    assert repr(predictions).startswith("[Prediction(text='0번째") and repr(predictions).endswith("… 20 in all]")


def test_short_values_are_printed_whole():
    prediction = Prediction("배송이 빨라요", "긍정", {"긍정": 0.75, "부정": 0.25}, "")
    whole = "Prediction(text='배송이 빨라요', label='긍정', scores={'긍정': 0.75, '부정': 0.25}, note='')"
    assert repr(prediction) == whole and repr(Results([prediction])) == f"[{whole}]"
    assert repr(Example("가", ("a", "b"))) == "Example(text='가', label=('a', 'b'), line=None, file=None)"
    assert Results([prediction]) == [prediction] and isinstance(Results(), list)


def test_a_message_keeps_its_beginning_and_its_end():
    column = "아주 긴 칸의 이름 " * 4000
    with pytest.raises(DataError) as caught:
        raise DataError(f"No column '{column}' in a.csv. Say --text COLUMN.")
    message = str(caught.value)
    assert len(message) <= 500 and message.startswith("No column '아주 긴") and message.endswith("Say --text COLUMN.")
    assert len(str(ConfigError("x" * 10_000))) <= 500 < len(str(FetchError("x" * 10_000)))
    assert [len(shortened("가" * 1000, limit)) for limit in (99, 100)] == [99, 99] and shortened("abc", 3) == "abc"


FRAME = pd.DataFrame({"본문": ["좋아요", "별로"], "감정": ["긍정", "부정"]})


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (FRAME, r"found a DataFrame\. Give its column of texts, such as frame\['본문'\]"),
        ({"본문": ["좋아요"]}, "found a dict"),
        ({"좋아요"}, "found a set"),
        ("좋아요".encode(), "found a bytes"),
        (None, "found a NoneType"),
        (7, "found a int"),
        (np.array([["좋아요"], ["별로"]]), "found a ndarray"),
        (np.array("좋아요"), "found a ndarray"),
        (
            pd.Series(["좋아요", float("nan")]),
            r"Text 1 \(counted from 0\) is nan \(float\); every text is a str, an empty",
        ),
        (np.array(["좋아요", None], dtype=object), "Text 1 .* is None"),
        ([b"abc"], "Text 0 .* is b'abc'"),
        ([{"text": "좋아요"}], r"Text 0 .* is \{'text'"),
        (FRAME.to_dict("records"), "Text 0 .* is"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_by_name(texts, said):
    for predict in (
        load("mini/sentiment").predict_many,
        load("mini/sentiment").probabilities,
        mj.Analyzer().analyze_many,
    ):
        with pytest.raises(DataError, match=said):
            predict(texts)


def test_any_list_of_texts_is_taken():
    kinds = [
        FRAME["본문"],
        FRAME["본문"].to_numpy(),
        ("좋아요", "별로"),
        np.array(["좋아요", "별로"]),
        iter(["좋아요", "별로"]),
    ]
    assert all(list_of_texts(texts) == ["좋아요", "별로"] for texts in kinds)


def test_a_table_is_no_corpus():
    config = mj.TrainConfig(backbone="linear")
    calls = [
        lambda: mj.train(FRAME, config), lambda: clean_corpus(FRAME), lambda: describe(FRAME),
        lambda: with_validation(FRAME), lambda: prepare_multi_corpus({"a": FRAME}, config),
        lambda: evaluate(load("mini/sentiment"), FRAME), lambda: mj.train(EXAMPLES, config),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(
            DataError, match=r"Expected a Corpus( or a list of Examples with texts)?, found a (DataFrame|list)"
        ):
            call()


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([Example("가", 1)], r"A label is of the type int\. Labels are names \(str\)"),
        ([Example("가", ["a"])], r"A label is of the type list\."),
        ([Example("가", "a"), Example(None, "a")], "list of Examples with texts, found a list"),
        (["가", "나"], "list of Examples with texts, found a list"),
        (FRAME, "list of Examples with texts, found a DataFrame"),
        (5, "list of Examples with texts, found a int"),
    ],
)
def test_examples_have_texts_and_names_of_labels(examples, said):
    with pytest.raises(DataError, match=said):
        Corpus("a", "classification", LabelSet(("a", "b")), train=examples)


def test_a_corpus_takes_its_labels_as_a_list():
    assert Corpus("a", "classification", ["부정", "긍정"], EXAMPLES).labels == LabelSet(("부정", "긍정"))
