import json
import unicodedata

import pytest

from munjang.data.corpora.table import load_corpus
from munjang.data.statistics.corpus import CorpusStats, describe
from munjang.records import Card, Corpus, Example, LabelSet, Removed

SENTIMENT = LabelSet(("부정", "긍정"))


def corpus(**splits) -> Corpus:
    examples = {name: [Example(text, label) for text, label in rows] for name, rows in splits.items()}
    return Corpus("reviews", "classification", SENTIMENT, **examples)


def test_duplicates_are_the_rows_after_the_first_and_conflicts_are_distinct_texts():
    rows = [("좋아요", "긍정"), ("좋아요", "긍정"), ("좋아요", "부정"), ("별로", "부정"), ("별로", "부정")]
    train = describe(corpus(train=rows)).splits["train"]
    assert (train.rows, train.duplicates, train.conflicts) == (5, 3, 1)


def test_lengths_count_characters_and_empty_texts_count_as_rows():
    train = describe(corpus(train=[("가나다", "긍정"), (" ", "부정"), ("가나다라마", "긍정")])).splits["train"]
    assert (train.shortest, train.mean, train.longest, train.empty) == (1, 3.0, 5, 1)


def test_letters_are_hangul_and_decomposed_text_is_hangul_but_not_nfc():
    rows = [("ㅋㅋ", "긍정"), (unicodedata.normalize("NFD", "좋다"), "긍정"), ("good 10", "긍정"), ("漢字", "부정")]
    train = describe(corpus(train=rows)).splits["train"]
    assert (train.without_hangul, train.not_nfc) == (2, 1)


def test_shared_texts_are_counted_once_each_for_every_pair_of_splits():
    stats = describe(
        corpus(
            train=[("가", "긍정"), ("가", "긍정"), ("나", "부정")], test=[("가", "부정")], validation=[("나", "부정")]
        )
    )
    assert stats.shared == {("train", "validation"): 1, ("train", "test"): 1, ("validation", "test"): 0}
    assert "Shared by train and test: 1 distinct text." in str(stats)


def test_a_label_outside_the_set_is_shown_as_such_and_a_class_without_rows_too():
    stats = describe(corpus(train=[("가", "3"), ("나", "긍정")]))
    assert stats.splits["train"].labels == {"부정": 0, "긍정": 1, "3": 1}
    assert "3 (not in the label set)" in str(stats)


def test_several_labels_in_any_order_are_one_label_and_count_once_for_each_name():
    rows = [
        Example("가", ("부정", "긍정")),
        Example("가", ("긍정", "부정")),
        Example("나", ()),
        Example("나", ("긍정",)),
    ]
    train = describe(Corpus("comments", "multi-label", SENTIMENT, train=rows)).splits["train"]
    assert train.conflicts == 1  # only 나: nothing, then 긍정
    assert train.labels == {"부정": 2, "긍정": 3}


def test_the_card_aligns_hangul_separates_thousands_and_says_where_the_data_came_from():
    card = Card("reviews", "example/reviews", "CC0", notes=("partial: 1,200 of 2,000 rows",))
    rows = [Example(f"문장 {i}", "긍정") for i in range(1200)]
    removed = (Removed("a.csv", 7, "", "", "read", "too few fields"),)
    text = str(describe(Corpus("reviews", "classification", SENTIMENT, train=rows, card=card, rejected=removed)))
    assert "example/reviews, licence CC0" in text and "note: partial: 1,200 of 2,000 rows" in text
    assert "rows                   1,200" in text
    assert "긍정   1,200  100.0%\n" in text
    assert "could not be read and are in no split: 1." in text


def test_stats_survive_json():
    stats = describe(corpus(train=[("가", "긍정")], test=[("가", "부정")]))
    assert CorpusStats.from_dict(json.loads(json.dumps(stats.to_dict()))) == stats


def test_a_corpus_without_rows_still_has_a_card():
    assert describe(corpus()).splits == {}
    assert "reviews" in str(describe(corpus()))


@pytest.mark.corpora
def test_intents_have_the_known_repeats_conflicts_and_leaks(data_dir):
    stats = describe(load_corpus("kor_3i4k", data_dir))
    train = stats.splits["train"]
    assert (train.rows, train.duplicates, train.conflicts) == (55_134, 3_307, 186)
    assert stats.shared["train", "test"] == 576


@pytest.mark.corpora
def test_sarcasm_has_one_empty_text_and_four_leaks(data_dir):
    stats = describe(load_corpus("kor_sarcasm", data_dir))
    assert stats.splits["train"].empty + stats.splits["test"].empty == 1
    assert stats.shared["train", "test"] == 4


@pytest.mark.corpora
def test_speech_acts_have_the_known_repeats_and_a_split_without_leaks(data_dir):
    stats = describe(load_corpus("kor_sae", data_dir))
    assert sum(split.duplicates for split in stats.splits.values()) == 1_909
    assert stats.shared["train", "test"] == 0
