import pickle
import subprocess
import sys

import pytest

from munjang import errors
from munjang.data.corpora.table import load_corpus
from munjang.errors import DataError, MissingExtra
from munjang.records import Corpus, Example, LabelSet

datasets = pytest.importorskip("datasets")

TWO = LabelSet(("부정", "긍정"), {"0": "부정", "1": "긍정"})
SMALL = Corpus(
    "작은 말뭉치",
    "classification",
    TWO,
    train=[Example("좋아요", "긍정"), Example("싫어요", "0"), Example("글쎄요", None)],
    test=[Example("최고", "긍정")],
)


def test_each_split_with_examples_becomes_a_dataset_with_the_corpus_s_texts_and_labels():
    corpus = load_corpus("sample:topic")
    splits = corpus.to_dataset()
    assert list(splits) == ["train", "test"]
    assert splits["train"]["text"][:] == [example.text for example in corpus.train]
    label = splits["test"].features["label"]
    assert label.int2str(splits["test"]["label"][:]) == [example.label for example in corpus.test]


def test_class_numbers_follow_the_label_set_and_not_the_alphabet():
    dataset = SMALL.to_dataset("train")
    assert isinstance(dataset, datasets.Dataset)
    assert dataset.features["label"] == datasets.ClassLabel(names=["부정", "긍정"])
    assert dataset["label"][:2] == [1, 0]


def test_an_example_without_a_label_has_null():
    assert SMALL.to_dataset("train")[2] == {"text": "글쎄요", "label": None}


def test_several_labels_are_a_list_of_class_labels_in_the_set_s_order():
    names = LabelSet(("기쁨", "슬픔", "놀람"))
    corpus = Corpus(
        "감정", "multi-label", names, train=[Example("와", ("놀람", "기쁨")), Example("음", ()), Example("?", None)]
    )
    dataset = corpus.to_dataset("train")
    assert dataset.features["label"] == datasets.List(datasets.ClassLabel(names=list(names)))
    assert dataset["label"][:] == [[0, 2], [], None]


def test_texts_without_a_label_set_have_the_text_column_alone():
    corpus = Corpus("글", "classification", LabelSet(()), test=[Example("하나"), Example("둘")])
    assert corpus.to_dataset()["test"].column_names == ["text"]


def test_a_label_outside_the_set_is_named_with_its_line():
    corpus = Corpus("c", "classification", TWO, train=[Example("음", "3", line=7, file="reviews.csv")])
    with pytest.raises(DataError, match=r"^reviews\.csv, line 7: Unknown label '3'.*부정, 긍정.*clean_corpus"):
        corpus.to_dataset()


def test_a_split_that_is_not_there_says_which_are():
    with pytest.raises(DataError, match=r"no validation split; it has train, test"):
        SMALL.to_dataset("validation")


def test_without_the_package_the_message_is_what_to_install(monkeypatch):
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'munjang\[train\]'"):
        SMALL.to_dataset()


def test_reading_a_corpus_does_not_import_the_library():
    code = "import sys, munjang as mj; mj.load_corpus('sample:topic').to_pandas(); assert 'datasets' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_split_and_its_slices_know_the_label_set_through_copies_and_pickling():
    for split in (SMALL.train, SMALL.train[1:], pickle.loads(pickle.dumps(SMALL)).train, SMALL.with_splits().train):
        assert split.labels == TWO


def test_a_split_equals_a_list_or_tuple_of_its_examples():
    examples = list(SMALL.train)
    assert SMALL.train == examples and examples == SMALL.train and SMALL.train == tuple(examples)
    assert SMALL.train != examples[:2] and hash(SMALL.train) == hash(tuple(examples))
