"""Parsing round by round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import TREES, examples, legal, train_tiny

import munjang as mj
from munjang.data.trees.relations import KLUE_RELATIONS
from munjang.data.trees.shapes import is_head_final, is_projective
from munjang.errors import BundleError, ConfigError
from munjang.tasks import make_task
from munjang.tasks.parsing.decoding import head_final_trees
from munjang.tasks.parsing.rounds import round_arrays, tree_rounds

pytest.importorskip("torch")
import torch

from munjang.tasks.parsing.tagger import Tagger, chosen_words


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_tiny(tmp_path_factory.mktemp("parser") / "rounds", parser="labeling", epochs=60)


# Rounds


def test_the_rounds_of_a_tree_worked_by_hand():
    """새털구름을→그린→것이→구름그림이다; 내가→그린→구름그림이다."""
    assert tree_rounds(TREES[1][1]) == [
        ([0, 1, 2, 3, 4, 5], [True, False, False, True, False, False]),
        ([1, 2, 4, 5], [True, False, True, False]),
        ([2, 5], [True, False]),
        ([5], [True]),
    ]
    assert tree_rounds([0]) == [([0], [True])]
    with pytest.raises(ValueError, match="no head-final tree"):
        tree_rounds([0, 1])


@given(st.integers(1, 30), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_rounds_of_any_head_final_tree_lead_back_to_it(words, seed):
    scores = np.random.default_rng(seed).normal(size=(1, words, words + 1))
    (heads,) = head_final_trees(scores, np.array([words])).tolist()
    found = [0] * words
    for left, deleted in tree_rounds(heads):
        for index, word in enumerate(left):
            if deleted[index] and len(left) > 1:
                found[word] = left[index + 1] + 1
    assert found == heads


def test_a_batch_has_every_round_of_every_sentence():
    labels = np.full((2, 3, 2), -1)
    labels[0] = [[2, 4], [3, 5], [0, 6]]
    labels[1, 0] = [0, 7]
    arrays = round_arrays(labels, np.array([3, 1]))
    assert arrays["round_sentence"].tolist() == [0, 0, 0, 1]
    assert arrays["round_words"].tolist() == [[0, 1, 2], [1, 2, -1], [2, -1, -1], [0, -1, -1]]
    assert arrays["round_tags"].tolist() == [[5, 0, 0], [6, 0, -1], [7, -1, -1], [8, -1, -1]]
    assert arrays["round_heads"].tolist() == [[-1, -1, -1], [1, -1, -1], [1, 2, -1], [-1, -1, -1]]


def test_one_word_at_least_goes_and_never_two_neighbours_nor_the_last():
    goes = torch.tensor([[0.9, 0.9, 0.9, 0.9], [0.1, 0.3, 0.2, 0.99], [0.1, 0.9, 0.9, 0.0], [0.2, 0.9, 0.9, 0.9]])
    taken = chosen_words(goes, torch.tensor([4, 4, 4, 1]))
    assert taken.tolist() == [
        [True, False, True, False],
        [False, True, False, False],
        [False, True, False, False],
        [True, False, False, False],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_tagger_says_the_trees_are_legal(seed):
    torch.manual_seed(seed)
    head = Tagger(8, 3, size=16).eval()
    torch.nn.init.normal_(head.tag.weight, std=3.0)
    head.tag.bias.data[0] = seed * 4 - 8.0  # from taggers that delete every word to taggers that delete none
    words = torch.tensor([1, 2, 9, 30, 5])
    found = head(torch.randn(int((words + 1).sum()), 2, 8), words).trees
    for row, count in enumerate(words.tolist()):
        heads = found.heads[row, :count].tolist()
        assert is_head_final(heads) and is_projective(heads)
    assert (found.heads[0, 1:] == 0).all() and found.confidence.min() >= 0


def test_it_learns_ten_trees_by_heart_and_a_sentence_alone_gives_the_same_tree_as_in_a_batch(trained):
    assert trained.manifest.validation["las"] == 1.0
    texts = [text for text, *_ in TREES]
    assert [parse.tree for parse in trained.predict_many(texts)] == [example.label for example in examples()]
    assert trained.predict_many(texts) == [trained.predict(text) for text in texts]
    assert trained.manifest.details["task"]["parser"] == "labeling"
    assert mj.evaluate(trained, examples()).metrics["las"] == 1.0


def test_random_sentences_give_legal_trees(trained):
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice([*"가나다라마", "걸었다", "😀"], rng.integers(1, 25))) for _ in range(200)]
    parses = trained.predict_many([*texts, "", "가 나 " * 200])
    assert all(parse.tree.words == tuple(parse.text.split()) for parse in parses)
    assert all(legal(parse.tree) for parse in parses if len(parse.tree))


def test_it_is_for_head_final_treebanks_and_is_not_exported(trained, tmp_path):
    with pytest.raises(ConfigError, match='Take parser="biaffine"'):
        make_task("parsing", KLUE_RELATIONS, parser="labeling", scheme="projective")
    with pytest.raises(ConfigError, match="parser is 'x'; it must be one of"):
        mj.TrainConfig(parser="x")
    pytest.importorskip("onnx")
    from munjang.export.run import export_model

    with pytest.raises(BundleError, match='Train parser="biaffine"'):
        export_model(trained, "onnx", tmp_path / "out")
    topic = mj.load_corpus("sample:topic")
    with pytest.raises(ConfigError, match="parser=… is for treebanks; sample:topic has no trees"):
        mj.train(topic, mj.TrainConfig(backbone="scratch:tiny", parser="labeling"))
