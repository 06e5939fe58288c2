"""The decoders give legal trees for any scores, and the best ones: compared with all trees of up to 7 words."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from munjang.data.trees.shapes import SCHEMES, flaw, is_head_final, is_projective
from munjang.tasks.parsing.decoding import DECODERS

FITS = {
    "head-final": lambda heads: is_head_final(heads) and is_projective(heads),
    "projective": is_projective,
    "any": lambda heads: True,
}


def is_tree(heads) -> bool:
    return flaw(heads, ["x"] * len(heads)) == ""


@cache
def every_tree(words: int, scheme: str) -> np.ndarray:
    """(trees, words) heads of all trees of so many words."""
    if scheme == "head-final":
        choices = [range(word + 1, words + 1) for word in range(1, words)] + [(0,)]
    else:
        choices = [[head for head in range(words + 1) if head != word] for word in range(1, words + 1)]
    # one root; all other words hang from words
    found = [heads for heads in product(*choices) if heads.count(0) == 1 and is_tree(heads) and FITS[scheme](heads)]
    return np.array(found)


def test_there_are_as_many_trees_as_there_should_be():
    """There are n^(n-1) rooted labelled trees; Catalan numbers count the head-final ones without crossing arcs."""
    assert [len(every_tree(n, "any")) for n in range(1, 6)] == [1, 2, 9, 64, 625]
    assert [len(every_tree(n, "head-final")) for n in range(1, 8)] == [1, 1, 2, 5, 14, 42, 132]
    assert [len(every_tree(n, "projective")) for n in range(1, 5)] == [1, 2, 7, 30]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("words", range(1, 8))
def test_the_tree_is_the_best_of_all(scheme, words):
    trees = every_tree(words, scheme) if scheme == "head-final" or words < 7 else all_of_seven(scheme)
    rng = np.random.default_rng(words)
    scores = rng.normal(size=(20, words, words + 1)) * rng.choice([0.1, 1, 50], size=(20, 1, 1))
    found = DECODERS[scheme](scores, np.full(20, words))
    children = np.arange(words)
    for table, heads in zip(scores, found, strict=True):
        assert is_tree(heads.tolist()) and FITS[scheme](heads.tolist())
        best = table[children, trees].sum(axis=1).max()
        assert table[children, heads].sum() >= best - 1e-9


@cache
def all_of_seven(scheme: str) -> np.ndarray:
    """All trees of seven words: climbs to the heads of all choices of heads at once."""
    found = []
    for root in range(1, 8):
        choices = [[0] if word == root else [h for h in range(1, 8) if h != word] for word in range(1, 8)]
        grid = np.array(np.meshgrid(*choices, indexing="ij")).reshape(7, -1).T
        reached = grid.copy()
        for _ in range(3):  # heads of heads of heads ... eight steps up
            with_root = np.concatenate([np.zeros((len(reached), 1), int), reached], axis=1)
            reached = np.take_along_axis(with_root, reached, 1)
        trees = grid[(reached == 0).all(axis=1)]
        assert len(trees) == 7**5
        found.append(trees)
    every = np.concatenate(found)
    return every if scheme == "any" else np.array([heads for heads in every if is_projective(heads.tolist())])


@given(
    st.sampled_from(SCHEMES),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(deadline=None, max_examples=150)
def test_batches_of_uneven_length_with_ties_and_forbidden_arcs_give_legal_trees(scheme, lengths, seed, forbidden):
    rng = np.random.default_rng(seed)
    width = max(lengths)
    scores = rng.integers(-2, 3, size=(len(lengths), width, width + 1)).astype(np.float32)
    scores[rng.random(scores.shape) < forbidden] = -np.inf
    found = DECODERS[scheme](scores, np.array(lengths))
    assert found.shape == (len(lengths), width)
    for row, table, count in zip(found, scores, lengths, strict=True):
        heads = row[:count]
        assert is_tree(heads.tolist()) and FITS[scheme](heads.tolist()) and not row[count:].any()
        trees, children = every_tree(count, scheme), np.arange(count)
        sums = table[children, trees].sum(axis=1)
        if scheme == "head-final":  # the root is always the last word, so its score decides nothing
            ignored = table[count - 1, 0]
            if np.isinf(ignored):
                continue
        assert table[children, heads].sum() == sums.max()


def test_scores_that_are_no_numbers_still_give_a_tree():
    scores = np.full((1, 4, 5), np.nan)
    for scheme in SCHEMES:
        heads = DECODERS[scheme](scores, np.array([4]))[0].tolist()
        assert is_tree(heads) and FITS[scheme](heads)
