"""Texts that may be equal, found by their hashes."""

import gc

import numpy as np
import pytest

from munjang.data.cleaning.clean import clean_corpus
from munjang.data.corpora.table import load_corpus
from munjang.data.duplicates import hashes, repeated, shared
from munjang.data.memory import gc_paused
from munjang.data.splits import hold_out


def test_repeated_and_shared_are_positions_in_order():
    found = np.array([5, 3, 5, 9, 3, 1])
    assert repeated(found).tolist() == [0, 1, 2, 4]
    assert repeated(found[:0]).tolist() == []
    assert shared(found, np.array([9, 5])).tolist() == [0, 2, 3]
    assert shared(found, found[:0]).tolist() == []


def test_texts_whose_hashes_collide_are_still_told_apart(monkeypatch):
    corpus = load_corpus("sample:sentiment")
    corpus = corpus.with_splits(train=[*corpus.train, *corpus.train[:5]], test=corpus.train[8:20])
    cleaned, cleaning_report = clean_corpus(corpus)
    held = hold_out(corpus.train, 0.1, 13)
    for module in ("cleaning.filters", "splits"):
        monkeypatch.setattr(f"munjang.data.{module}.hashes", lambda texts, count: hashes(texts, count) % 3)
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
