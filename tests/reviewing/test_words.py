"""The words against a label: those without which a model believes it more, found by a model of one word."""

import numpy as np

from munjang.reviewing.words import in_doubt, in_parts, words_against


def one_word(texts):
    """A model that says 1 where the word 최악 is, else 0."""
    bad = np.array([0.9 if "최악" in text else 0.1 for text in texts])
    return np.stack([1 - bad, bad], axis=1)


def test_the_word_that_speaks_against_a_label_is_named():
    texts = ["정말 최악 이네요", "정말 좋네요", "최악 이에요"]
    given = np.array([[True, False], [True, False], [False, True]])
    assert words_against(one_word, texts, given, one_word(texts)) == ["최악", "", ""]


def test_the_word_that_speaks_for_a_label_that_is_missing_is_named_where_a_text_can_have_several():
    texts = ["정말 최악 이네요"]
    assert words_against(one_word, texts, np.array([[True, False]]), np.array([[0.9, 0.8]])) == ["최악"]


def test_only_rows_that_the_model_would_label_otherwise_are_asked():
    given = np.array([[True, False], [True, False]])
    asked = list(in_doubt(["가", "나"], given, np.array([[0.6, 0.4], [0.3, 0.7]])))
    assert [(question.row, question.label, question.has) for question in asked] == [(1, 0, True)]


def test_long_texts_are_asked_in_parts(monkeypatch):
    monkeypatch.setattr("munjang.reviewing.words.CHARACTERS_READ", 50)
    texts = ["최악 " + "가나다라 " * 10] * 5
    given = np.array([[True, False]] * 5)
    assert len(list(in_parts(list(in_doubt(texts, given, one_word(texts)))))) == 5
    assert words_against(one_word, texts, given, one_word(texts)) == ["최악"] * 5
