"""Scopes: what a score is, where the threshold lies, and the file that a model folder keeps."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from parsers import train_tiny
from safetensors.numpy import load_file, save_file

import munjang as mj
from munjang.errors import BundleError
from munjang.files import file_facts, write_json
from munjang.inference.analyzer import Analyzer
from munjang.inference.scope import (
    BACKGROUND,
    BITS,
    PRIOR,
    SCOPE_BYTES,
    SCORED_CHARACTERS,
    SCORED_TOGETHER,
    STRONGEST,
    Scope,
    fit_scope,
)
from munjang.models.folder import MANIFEST, read_manifest
from munjang.records import Corpus

OLD_MODELS = Path(__file__).parents[1] / "old_models"
REVIEWS, HEADLINES = mj.load_corpus("sample:sentiment"), mj.load_corpus("sample:topic")
TRAIN, TEST = ([row.text for row in part] for part in (REVIEWS.train, REVIEWS.test))
ROWS = [*REVIEWS.train[:260], *REVIEWS.train[-260:]]
CORPUS = Corpus("films", "classification", REVIEWS.labels, ROWS[60:-60], ROWS[:60] + ROWS[-60:])
MORE = "평범한 한국어 문장 EVEN Latin, 숫자 123!"


def buckets(text: str) -> list[int]:
    """The bucket of every n-gram of a text, one at a time in whole numbers."""
    found = []
    for word in text.lower().split():
        word = f" {word} "
        for length in (1, 2, 3, 4):
            for start in range(len(word) - length + 1):
                key = 0
                for letter in word[start : start + length]:
                    number = ord(letter) - (2048 if ord(letter) > 0xDFFF else 0)  # surrogates have no numbers
                    key = key << 16 | number
                found.append(key * 0x9E3779B97F4A7C15 % 2**64 >> 64 - BITS)
    return found


def by_hand(train: list[str], text: str) -> float:
    """The score of a text, from the definition: without NumPy's n-grams, and without 8 bits."""
    counts, shares = Counter(bucket for row in train for bucket in buckets(row)), load_file(BACKGROUND)["log2_shares"]
    total, logs = sum(counts.values()), []
    for bucket in buckets(text):
        ratio = math.log((counts[bucket] / 2.0 ** float(shares[bucket]) + PRIOR) / (total + PRIOR))
        logs.append(min(max(ratio, -STRONGEST), STRONGEST))
    return -sum(logs) / len(logs)


@pytest.fixture(scope="module")
def scope() -> Scope:
    return fit_scope(TRAIN, TEST)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> mj.Predictor:
    pytest.importorskip("sklearn")
    config = mj.TrainConfig(backbone="linear", test_share=0)
    return mj.train(CORPUS, config, out=tmp_path_factory.mktemp("scope") / "m", report=False)


def test_a_score_is_the_mean_of_log_ratios_worked_by_hand(scope):
    texts = [*TEST[:5], MORE, "ㅋ"]
    step = STRONGEST / 127 / 2  # a ratio is rounded to 8 bits
    assert scope.score(texts) == pytest.approx([by_hand(TRAIN, text) for text in texts], abs=step)
    assert scope.score(texts).dtype == np.float32


def test_a_text_has_the_same_score_alone_and_among_many(scope):
    texts = [*TRAIN, *TEST] * 3
    assert sum(map(len, texts)) > SCORED_TOGETHER
    assert np.array_equal(scope.score(texts), np.concatenate([scope.score([text]) for text in texts]))


def test_texts_without_ngrams_have_the_score_0_and_no_texts_no_score(scope):
    assert scope.score(["", "  "]).tolist() == [0, 0]
    assert scope.score([]).shape == (0,)


def test_only_the_beginning_of_a_long_text_is_looked_at(scope):
    long = (MORE + " ") * 100
    assert scope.score([long]) == scope.score([long[:SCORED_CHARACTERS]])
    assert scope.score([long]) != scope.score([long[: SCORED_CHARACTERS // 10]])


def test_the_threshold_flags_one_validation_text_in_fifty():
    scope = fit_scope(TRAIN[:300], TRAIN[300:])
    scores = scope.score(TRAIN[300:])
    last = len(scores) - 1  # the quantile 0.98 lies between two scores
    assert (scores > scope.threshold).sum() == last - math.floor(0.98 * last)


def test_headlines_are_unlike_reviews_and_reviews_are_not(scope):
    headlines = scope.score([row.text for row in HEADLINES.test])
    reviews = scope.score(TEST)
    assert np.median(headlines) > np.quantile(reviews, 0.95)
    assert (headlines > scope.threshold).mean() > 0.5


def test_a_trained_model_and_its_copy_have_the_scope_of_their_training_texts(trained, tmp_path):
    expected = fit_scope(*([row.text for row in split] for split in (CORPUS.train, CORPUS.validation)))
    for model in (trained, mj.load(trained.folder), mj.load(trained.save(tmp_path / "copy"))):
        assert np.array_equal(model.scope.ratios, expected.ratios)
        assert model.scope.threshold == expected.threshold
    assert "scope.safetensors" in trained.manifest.files


@pytest.mark.parametrize("name", ["linear", "bert", "heads", "parser-onnx"])
def test_models_of_before_have_no_scope(name):
    pytest.importorskip("torch")
    assert mj.load(OLD_MODELS / name).scope is None


def test_a_parser_is_trained_without_a_scope(tmp_path):
    pytest.importorskip("torch")
    train_tiny(tmp_path / "m", epochs=1)
    assert "model.safetensors" in (files := read_manifest(tmp_path / "m").files)
    assert "scope.safetensors" not in files


def test_each_packaged_head_has_a_scope_and_a_parser_has_none():
    whole = Analyzer()
    assert whole.whole.scope is None and mj.load("mini/parser").scope is None
    assert all(whole.single[head.name].scope is not None for head in whole.heads)
    review, headline = (
        "배우들 연기가 정말 좋아서 끝까지 몰입해서 봤어요",
        "한은, 기준금리 연 3.25%로 동결…5개월째 제자리",
    )
    topic, sentiment = (mj.load(f"mini/{head}").scope for head in ("topic", "sentiment"))
    assert topic.score([headline]) <= topic.threshold < topic.score([review])
    assert sentiment.score([review]) <= sentiment.threshold < sentiment.score([headline])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ratios": np.zeros(9, np.int8)},
            r"it holds ratios int8 \(9,\), threshold float32 \(1,\), expected ratios int8 \(131072,\), ",
        ),
        ({"ratios": np.zeros(1 << BITS, np.float32)}, r"it holds ratios float32 \(131072,\), threshold"),
        (
            {"threshold": np.zeros((), np.float32)},
            r"it holds ratios int8 \(131072,\), threshold float32 \(\), expected",
        ),
        ({"threshold": np.array([np.nan], np.float32)}, "threshold is nan"),
        ({"threshold": np.array([np.inf], np.float32)}, "threshold is inf"),
        ({"threshold": None}, r"it holds ratios int8 \(131072,\), expected"),
        (b"no tensors", "scope.safetensors is damaged: "),
        (b"\0" * (SCOPE_BYTES + 1), "scope.safetensors is damaged: .*2,000,000"),
    ],
)
def test_a_damaged_scope_is_refused_and_named(trained, tmp_path, change, message):
    path = trained.save(tmp_path / "copy") / "scope.safetensors"
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        arrays = load_file(path) | change
        save_file({name: array for name, array in arrays.items() if array is not None}, path)
    data = json.loads((path.parent / MANIFEST).read_text(encoding="utf-8"))
    data["files"][path.name] = file_facts(path)
    write_json(path.parent / MANIFEST, data)
    with pytest.raises(BundleError, match=message) as caught:
        mj.load(path.parent)
    assert str(caught.value).endswith("Train the model again.")
