"""The n-grams and their TF-IDF are scikit-learn's, on hostile text too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from munjang.inference.backends.linear import tfidf
from munjang.text import ngrams

HOSTILE = [
    "",
    " ",
    "가",
    "영화 개재밌어 ㅋㅋㅋㅋㅋ 영화",
    "  앞뒤로   빈칸\t\n탭\u3000전각\u00a0 ",
    "İstanbul'da ŞİŞLİ ẞ Ǆ",
    "한국어",  # jamo, as macOS writes them
    "👨‍👩‍👧‍👦 이모지🙂🙂",
    "\x00 nul\x00 \x1c구분\x1d \u2028줄\u2029 \x85",
    "\ufeff\u200b보이지\u3164않는",
    "a" * 300,
    "ab ab ab b a",
    "𠮷野家 ａｂｃ ①",
]


def dense(texts: list[str], alphabet: ngrams.Alphabet, keys: np.ndarray, idf: np.ndarray) -> np.ndarray:
    rows, columns, values = tfidf(texts, alphabet, ngrams.Lookup(keys), idf)
    return csr_matrix((values, (rows, columns)), shape=(len(texts), len(keys))).toarray()


def both(texts: list[str], others: list[str], least: int = 1) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """TF-IDF of `others` after fitting on `texts`, ours and scikit-learn's, with the n-grams in the same order."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, min_df=least)
    vectorizer.fit(texts)
    theirs = list(vectorizer.get_feature_names_out())
    alphabet = ngrams.Alphabet.of(texts)
    keys, frequencies = ngrams.document_frequencies(texts, alphabet)
    keys, frequencies = keys[frequencies >= least], frequencies[frequencies >= least]
    ours = ngrams.strings(keys, alphabet)
    idf = np.log((1 + len(texts)) / (1 + frequencies)) + 1
    order = sorted(range(len(ours)), key=ours.__getitem__)
    assert [ours[i] for i in order] == sorted(theirs)
    expected = vectorizer.transform(others).toarray()[:, sorted(range(len(theirs)), key=theirs.__getitem__)]
    return dense(others, alphabet, keys, idf)[:, order], expected, ours, theirs


@pytest.mark.parametrize("least", [1, 2])
def test_hostile_texts_give_what_scikit_learn_gives(least):
    ours, theirs, *_ = both(HOSTILE, [*HOSTILE, "처음 보는 글자 ЖФ", "영화\u2028개재밌어"], least)
    assert ours == pytest.approx(theirs, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=6))
def test_any_texts_give_what_scikit_learn_gives(texts):
    texts = [*texts, "정말 좋아"]
    ours, theirs, *_ = both(texts, texts)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_half_characters_are_left_out_and_do_no_harm():
    alphabet = ngrams.Alphabet.of(["좋\ud83d아", "좋아"])
    keys, _ = ngrams.document_frequencies(["좋\ud83d아", "좋아"], alphabet)
    assert set(ngrams.strings(keys, alphabet)) >= {"좋아", " 좋"}
    assert not any("\ud83d" in ngram for ngram in ngrams.strings(keys, alphabet))


def test_keys_and_strings_are_inverse():
    alphabet = ngrams.Alphabet.of(HOSTILE)
    keys, _ = ngrams.document_frequencies(HOSTILE, alphabet)
    assert (ngrams.keys_from_ngrams(ngrams.strings(keys, alphabet), alphabet) == keys).all()


def test_chunks_cut_nowhere_and_lose_nothing(monkeypatch):
    monkeypatch.setattr(ngrams, "CHUNK_CHARACTERS", 7)
    texts = ["가나다", "", "라마바사아자차카", "타", "파하"]
    parts = list(ngrams.chunks(texts))
    assert [text for part in parts for text in part] == texts
    assert max(len(part) for part in parts) > 1 and ["라마바사아자차카"] in [list(part) for part in parts]
    whole = ngrams.document_frequencies(texts * 30, ngrams.Alphabet.of(texts))
    monkeypatch.setattr(ngrams, "CHUNK_CHARACTERS", 10**6)
    at_once = ngrams.document_frequencies(texts * 30, ngrams.Alphabet.of(texts))
    assert (whole[0] == at_once[0]).all() and (whole[1] == at_once[1]).all()


def test_the_lookup_finds_every_key_and_no_other():
    keys = np.unique(np.random.default_rng(0).integers(1, 2**63, 20_000, dtype=np.uint64))
    lookup = ngrams.Lookup(keys[::2])
    assert (lookup.find(keys[::2]) == np.arange(len(keys[::2]))).all()
    assert (lookup.find(keys[1::2]) == -1).all()
    assert (ngrams.Lookup(keys[:0]).find(keys[:5]) == -1).all()


def test_more_characters_than_can_be_numbered_leave_out_the_rarest(monkeypatch):
    monkeypatch.setattr(ngrams, "MOST_CHARACTERS", 3)
    alphabet = ngrams.Alphabet.of(["가가 가나", "가나 다"])
    assert {chr(code) for code in alphabet.code_points} == {" ", "가", "나"}
