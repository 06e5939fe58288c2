"""What each eojeol contributes to a prediction is measured by leaving it out; in Python and over HTTP alike."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
from linear_models import several_labels

import munjang as mj
from munjang.errors import ConfigError, DataError
from munjang.inference.explain import effects, eojeols, variants, without_word

TEXT = "배우들 연기는  좋았는데\n내용이 너무 지루해요"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A linear model with one label per text, and one with several."""
    root = tmp_path_factory.mktemp("models")
    mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=root / "sentiment")
    several_labels(root)
    return root


def test_a_word_is_left_out_with_the_white_space_after_it():
    spans = eojeols(TEXT)
    assert [TEXT[start:end] for start, end in spans] == TEXT.split()
    assert without_word(TEXT, spans[2]) == "배우들 연기는  내용이 너무 지루해요"
    assert without_word(TEXT, spans[-1]) == "배우들 연기는  좋았는데\n내용이 너무"
    assert variants(" 좋아요 ", eojeols(" 좋아요 ")) == [" 좋아요 ", ""]


def test_a_drop_is_what_the_model_itself_says_without_the_word(folders):
    model = mj.load(folders / "sentiment")
    found = mj.explain(model, TEXT)
    place = model.labels.index(found.label)
    assert found.label == model.predict(TEXT).label and found.method == "leave-one-out"
    for word, span in zip(found.words, eojeols(TEXT), strict=True):
        assert (word.text, word.start, word.end) == (TEXT[slice(*span)], *span)
        rest = model.probabilities([without_word(TEXT, span)])[0, place]
        assert word.drop == pytest.approx(found.score - rest, abs=1e-6)
    assert sum(abs(word.share) for word in found.words) == pytest.approx(1)
    assert found.top.share == max(word.share for word in found.words) and f"%  {found.top.text}" in str(found)


def test_another_label_is_explained_by_the_opposite_signs(folders):
    model = mj.load(folders / "sentiment")
    own = mj.explain(model, TEXT)
    other = mj.explain(model, TEXT, label=next(name for name in model.labels if name != own.label))
    assert [word.share for word in other.words] == pytest.approx([-word.share for word in own.words], abs=1e-4)
    with pytest.raises(DataError, match="Unknown label '중립'"):
        mj.explain(model, TEXT, label="중립")


def test_of_several_labels_the_likeliest_is_explained(folders):
    found = mj.explain(mj.load(folders / "several"), "그냥 욕설 비난")
    assert found.label == "비난" and found.top.text == "비난"


def test_one_word_stands_against_knowing_nothing(folders):
    model = mj.load(folders / "sentiment")
    (word,) = mj.explain(model, "재밌어요").words
    assert word.share == 1 and word.drop == pytest.approx(model.predict("재밌어요").score - 0.5, abs=1e-6)


def test_an_empty_text_has_no_words(folders):
    found = mj.explain(mj.load(folders / "sentiment"), " \u200b ")
    assert (found.words, found.note, found.top) == ((), "empty", None)


def test_too_many_words_are_refused_with_the_limit(folders):
    with pytest.raises(DataError, match="has 65 eojeols; at most 64 can be left out"):
        mj.explain(mj.load(folders / "sentiment"), "말 " * 65)


def test_a_model_with_many_heads_wants_one_named():
    with pytest.raises(ConfigError, match="Name one of its heads"):
        mj.explain(mj.load("mini"), TEXT)


def test_words_without_effect_share_nothing():
    drops, shares = effects(np.full(4, 0.7, np.float32))
    assert drops.tolist() == shares.tolist() == [0, 0, 0]


def test_certainty_near_one_still_tells_words_apart():
    drops, shares = effects(np.array([0.99999, 0.9999, 0.999], np.float32))
    assert drops.max() < 0.001 and shares == pytest.approx([1 / 3, 2 / 3], abs=0.01)


@pytest.mark.parametrize("text", [None, 3, ["좋아요"], b"x"])
def test_what_is_no_text_is_refused_by_its_type(text):
    with pytest.raises(DataError, match=type(text).__name__):
        mj.explain(mj.load("mini/sentiment"), text)
