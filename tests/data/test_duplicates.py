"""Texts that may be equal, found by their hashes."""

import gc
import hashlib

import numpy as np
import pytest

from munjang.data.cleaning.clean import clean_corpus
from munjang.data.corpora.table import load_corpus
from munjang.data.duplicates import hashes, letters_key, repeated, rows_hash, shared, text_hash, text_key, texts_hash
from munjang.data.memory import gc_paused
from munjang.data.splits import hold_out
from munjang.records import Corpus, Example, LabelSet


def test_repeated_and_shared_are_positions_in_order():
    found = np.array([5, 3, 5, 9, 3, 1])
    assert repeated(found).tolist() == [0, 1, 2, 4]
    assert repeated(found[:0]).tolist() == []
    assert shared(found, np.array([9, 5])).tolist() == [0, 2, 3]
    assert shared(found, found[:0]).tolist() == []


def test_a_decomposed_and_an_indented_text_have_one_key_and_a_space_within_makes_another():
    composed, decomposed = "\uac00 \ub098", "\u1100\u1161 \u1102\u1161"
    assert text_key(f"\t{decomposed}\n") == text_key(composed) == composed
    assert len({text_key(text) for text in (composed, "\uac00\ub098", "\uac00 \ub098!", "\uac00  \ub098")}) == 4


def test_a_text_after_nfkc_is_the_same_text():
    assert text_key("\u110f\u110f 재밌다") == text_key("\uffbb\uffbb 재밌다") == text_key("ㅋㅋ 재밌다")
    texts = ["ㅋㅋ 재밌다", "\u110f\u110f 재밌다", "ㅠㅠ 슬퍼", "그냥 그래"]
    train = [Example(text, label) for text, label in zip(texts, ("긍정", "긍정", "부정", "부정"), strict=True)]
    corpus = Corpus(
        "a", "classification", LabelSet(("부정", "긍정")), train, test=[Example("\u1172\u1172 슬퍼", "부정")]
    )
    cleaned, cleaning_report = clean_corpus(corpus)
    assert [example.text for example in cleaned.train] == [texts[0], texts[3]]
    assert [(row.step, row.text) for row in cleaning_report.removed] == [("duplicate", texts[1]), ("leak", texts[2])]


def test_texts_that_differ_in_spaces_signs_and_case_alone_have_the_same_letters():
    for text in ("영화, Best 10!", "영 화 best10", "_영화_BEST~ 1-0 ♥"):
        assert letters_key(text) == "영화best10"
    assert letters_key("영화 best 11") != "영화best10"


def test_the_hash_of_a_text_never_changes():
    assert text_hash("가나다").hex() == "883fa0d180e118ec" and text_hash("\ud800") != text_hash("\ud801")


def test_no_two_lists_of_texts_look_alike():
    lists = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], ["c", "ab"]]
    assert len({texts_hash(texts) for texts in lists}) == len(lists)


def test_the_hashes_that_reports_and_runs_keep_never_change():
    whole = b"\x03" + bytes(7) + b"\xea\xb0\x80" + bytes(8) + b"\x03" + bytes(7) + b"\xed\xa0\x80"
    assert texts_hash(["가", "", "\ud800"]) == hashlib.sha256(whole).hexdigest()
    assert rows_hash([("가", "긍정"), ("", "b")]) == hashlib.sha256("가\0긍정\1\0b\1".encode()).hexdigest()


def test_texts_whose_hashes_collide_are_still_told_apart(monkeypatch):
    corpus = load_corpus("sample:sentiment")
    corpus = corpus.with_splits(train=[*corpus.train, *corpus.train[:5]], test=corpus.train[8:20])
    cleaned, cleaning_report = clean_corpus(corpus)
    held = hold_out(corpus.train, 0.1, 13)
    monkeypatch.setattr("munjang.data.cleaning.filters.hashes", lambda texts, count: hashes(texts, count) % 3)
    monkeypatch.setattr("munjang.data.near.hashes.Hashes.of", lambda self, start, stop: self.back[start] % 3)
    again, report_again = clean_corpus(corpus)
    assert (again, str(report_again), report_again.removed) == (
        cleaned,
        str(cleaning_report),
        cleaning_report.removed,
    )
    assert hold_out(corpus.train, 0.1, 13) == held


def test_the_collector_is_on_again_after_an_error():
    with pytest.raises(ValueError), gc_paused():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
