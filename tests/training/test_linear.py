"""The linear baseline learns, is stored without pickle, and always predicts the same for the same text."""

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from munjang.config.settings import TrainConfig
from munjang.errors import BundleError, DataError
from munjang.inference.backends import linear
from munjang.records import Corpus, Example, LabelSet
from munjang.training.linear import train_linear

GOOD = [
    "정말 재밌고 좋았어요",
    "배우 연기가 최고였다",
    "감동적이고 좋은 영화",
    "또 보고 싶은 재밌는 작품",
    "최고로 재밌었어요",
]
BAD = [
    "너무 지루하고 별로였다",
    "돈이 아까운 최악의 영화",
    "재미없고 지루해요",
    "최악이다 정말 별로",
    "시간이 아까워요 지루함",
]
TEXTS = [*GOOD, *BAD]
CONFIG = TrainConfig(backbone="linear")


def make_corpus(task: str = "classification", copies: int = 6) -> Corpus:
    names = ("부정", "긍정")
    label = (lambda good: (names[good],)) if task == "multi-label" else (lambda good: names[good])
    examples = [Example(f"{text} {k}", label(text in GOOD)) for k in range(copies) for text in TEXTS]
    return Corpus("films", task, LabelSet(names), examples, examples[::3])


@pytest.fixture(scope="module")
def parts() -> linear.LinearParts:
    return train_linear(make_corpus(), CONFIG)


def save_and_load(folder, parts: linear.LinearParts) -> linear.LinearRunner:
    linear.save(folder, parts)
    details = json.loads(json.dumps(linear.details(parts)))
    return linear.load(folder, SimpleNamespace(details=details, labels=LabelSet(parts.labels)), task=None)


def logits(runner: linear.LinearRunner, texts: list[str]) -> np.ndarray:
    return runner.run(runner.batch(runner.encode(texts), range(len(texts))))["logits"]


def test_it_learns_to_tell_good_from_bad(parts):
    predicted = logits(linear.LinearRunner(parts), ["정말 좋은 작품이었어요", "지루하고 아까워요"]).argmax(axis=1)
    assert [parts.labels[i] for i in predicted] == ["긍정", "부정"]


def test_a_saved_model_predicts_the_same(tmp_path, parts):
    expected = logits(linear.LinearRunner(parts), TEXTS)
    assert (logits(save_and_load(tmp_path, parts), TEXTS) == expected).all()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "vocabulary.txt"}


@pytest.mark.parametrize("task", ["classification", "multi-label"])
def test_a_prediction_does_not_depend_on_its_batch(task):
    runner = linear.LinearRunner(train_linear(make_corpus(task), CONFIG))
    batched = logits(runner, [*TEXTS, "", "길게 " * 500])
    for i, text in enumerate(TEXTS):
        assert (logits(runner, [text]) == batched[i]).all()


def test_probabilities_are_calibrated_on_validation_and_labels_keep_their_order(parts):
    reversed_corpus = replace(make_corpus(), labels=LabelSet(("긍정", "부정")))
    other = train_linear(reversed_corpus, CONFIG)
    assert other.labels == ("긍정", "부정")
    mine, theirs = logits(linear.LinearRunner(parts), TEXTS), logits(linear.LinearRunner(other), TEXTS)
    assert mine == pytest.approx(theirs[:, ::-1], abs=0.2)
    shares = np.exp(mine) / np.exp(mine).sum(axis=1, keepdims=True)
    assert shares.max(axis=1).mean() > 0.9  # it is always right here, so its confidence should be high


def test_three_labels_and_several_labels_have_a_column_each():
    names = ("부정", "긍정", "질문")
    asked = [Example(f"이거 재밌나요 {k}?", "질문") for k in range(12)]
    corpus = make_corpus()
    three = replace(
        corpus, labels=LabelSet(names), train=[*corpus.train, *asked], validation=[*corpus.validation, *asked]
    )
    runner = linear.LinearRunner(train_linear(three, CONFIG))
    assert logits(runner, [*TEXTS, "재밌나요?"]).argmax(axis=1).tolist() == [1] * 5 + [0] * 5 + [2]

    several = train_linear(make_corpus("multi-label"), CONFIG)
    assert several.weights.shape[1] == 2
    assert (logits(linear.LinearRunner(several), TEXTS) > 0).tolist() == [[False, True]] * 5 + [[True, False]] * 5


def test_a_label_without_examples_is_never_predicted():
    corpus = replace(make_corpus(), labels=LabelSet(("부정", "긍정", "중립")))
    assert (logits(linear.LinearRunner(train_linear(corpus, CONFIG)), [*TEXTS, "?"]).argmax(axis=1) != 2).all()


def test_balanced_weights_raise_the_score_of_the_rare_label():
    corpus = make_corpus(copies=8)
    rare = [example for example in corpus.train if example.label == "부정"][:6]
    skewed = replace(corpus, train=[*rare, *[example for example in corpus.train if example.label == "긍정"]])
    unseen = ["그냥 그래요", "영화", "작품", "음"]
    plain = logits(linear.LinearRunner(train_linear(skewed, CONFIG)), unseen)
    balanced = logits(linear.LinearRunner(train_linear(skewed, replace(CONFIG, class_weights="balanced"))), unseen)
    assert (np.diff(balanced) < np.diff(plain)).all()


def test_the_same_seed_gives_the_same_weights(parts):
    again = train_linear(make_corpus(), CONFIG)
    assert (again.weights == parts.weights).all() and (again.bias == parts.bias).all()


def test_c_is_chosen_on_validation_and_the_test_split_is_not_read():
    class Unreadable(list):
        def __iter__(self):
            raise AssertionError("the test split was read")

        __getitem__ = __len__ = __iter__

    corpus = make_corpus()
    object.__setattr__(corpus, "test", Unreadable())
    chosen = train_linear(corpus, CONFIG).settings
    scores = {float(c): score for c, score in chosen["dev_macro_f1"].items()}
    assert scores[chosen["C"]] == max(scores.values())


def test_without_a_validation_split_it_says_what_it_needs():
    with pytest.raises(DataError, match="films: the linear model needs a train and a validation split"):
        train_linear(replace(make_corpus(), validation=()), CONFIG)


def test_texts_without_a_character_are_refused():
    corpus = replace(make_corpus(), train=[Example(" ", "긍정"), Example("", "부정")])
    with pytest.raises(DataError, match="no characters"):
        train_linear(corpus, CONFIG)


def test_empty_texts_get_the_bias(parts):
    empty = logits(linear.LinearRunner(parts), ["", "   "])
    assert (empty == linear.two_columns(parts.bias[None].astype(float)).astype(np.float32)).all()


def test_no_text_gives_no_rows(parts):
    assert logits(linear.LinearRunner(parts), []).shape == (0, 2)


def test_a_huge_text_is_cut_and_marked_as_truncated(parts):
    runner = linear.LinearRunner(parts)
    encodings = runner.encode(["가" * (linear.LONGEST_TEXT + 1), "짧다"])
    assert encodings.truncated.tolist() == [True, False]
    assert encodings.lengths.tolist() == [linear.LONGEST_TEXT, 2] == [len(text) for text in encodings.texts]
    assert np.isfinite(runner.run(runner.batch(encodings, [0, 1]))["logits"]).all()


@pytest.mark.parametrize("name", ["vocabulary.txt", "model.safetensors"])
def test_a_cut_file_is_no_model(tmp_path, parts, name):
    linear.save(tmp_path, parts)
    details = linear.details(parts)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BundleError, match="is not a complete linear model"):
        linear.load(tmp_path, SimpleNamespace(details=details, labels=LabelSet(parts.labels)), task=None)


def test_parts_that_do_not_fit_each_other_are_refused(tmp_path, parts):
    for broken, message in [
        (replace(parts, bias=np.zeros(3)), "bias as float32 \\(3,\\), expected float32 \\(1,\\)"),
        (replace(parts, idf=parts.idf * np.nan), "has numbers in idf that are not finite"),
        (replace(parts, ngrams=[*parts.ngrams[:-1], "다섯글자임"]), "more than 4 characters"),
        (replace(parts, ngrams=[*parts.ngrams[:-1], parts.ngrams[0]]), "n-grams, expected"),
    ]:
        with pytest.raises(BundleError, match=message):
            save_and_load(tmp_path, broken)


@pytest.mark.parametrize(
    ("more", "message"), [(30, r"vocabulary\.txt has \d+ n-grams"), (9_000, r"vocabulary\.txt: it has")]
)
def test_a_list_of_more_ngrams_than_weights_is_never_split(tmp_path, parts, monkeypatch, more, message):
    linear.save(tmp_path, parts)
    path, split = tmp_path / "vocabulary.txt", []
    path.write_text(path.read_text() + "\n" * more)
    details = {**linear.details(parts), "features": len(parts.ngrams) + more}
    monkeypatch.setattr(linear, "check_parts", lambda *_: split.append(True))
    with pytest.raises(BundleError, match=message):
        linear.load(tmp_path, SimpleNamespace(details=details, labels=LabelSet(parts.labels)), task=None)
    assert not split


def test_prediction_needs_neither_scikit_learn_nor_torch(tmp_path, parts):
    linear.save(tmp_path, parts)
    details = linear.details(parts)
    code = (
        "import sys, json; from types import SimpleNamespace; from munjang.inference.backends import linear\n"
        "from munjang.records import LabelSet\n"
        f"details = json.loads({json.dumps(details)!r})\n"
        "manifest = SimpleNamespace(details=details, labels=LabelSet(tuple(details['labels'])))\n"
        f"runner = linear.load({str(tmp_path)!r}, manifest, None)\n"
        "runner.run({'texts': ['좋아요']})\n"
        "print(sorted({'sklearn', 'scipy', 'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
