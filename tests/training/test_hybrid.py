"""Hybrids: the linear model beside a network, their weights, the folder, its export, and how it answers."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
import torch
from served import served
from training_fixtures import examples
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.errors import BundleError, ConfigError
from munjang.export.run import export_model
from munjang.files import file_facts, write_json
from munjang.inference.backends.hybrid import Mix, ngram_files
from munjang.inference.backends.linear import LinearParts, LinearRunner, read_parts
from munjang.metrics.scores import log_loss, sigmoid, softmax
from munjang.models.folder import MANIFEST, read_manifest
from munjang.records import Corpus, LabelSet
from munjang.training import hybrid
from munjang.training.hybrid import best_weights, mixture_of, pruned

CONFIG = mj.TrainConfig(
    backbone="scratch:tiny", epochs=8, batch_size=16, learning_rate=3e-3, precision="fp32", device="cpu", hybrid=True
)
TEXTS = ["정말 재밌고 좋았어요", "별로예요 돈이 아까워요", "배송이 늦어요 " * 40, "", "ㅋ"]


def corpus(kind: str = "binary", n: int = 240) -> Corpus:
    rows = examples(kind, n)
    names = {"binary": ("부정", "긍정"), "multi-label": ("짧다", "긍정", "물음")}[kind]
    task = "multi-label" if kind == "multi-label" else "classification"
    return Corpus("films", task, LabelSet(names), rows[:-80], rows[-80:-40], rows[-40:])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> mj.Predictor:
    torch.set_num_threads(1)
    return mj.train(corpus(), CONFIG, out=tmp_path_factory.mktemp("hybrid") / "m", report=False)


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    return trained.save(tmp_path / "copy")


def edit(folder: Path, **changes: object) -> Path:
    """The folder with changes in what munjang.json says about the hybrid."""
    data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    data["details"]["hybrid"] |= changes
    write_json(folder / MANIFEST, data)
    return folder


def described(model: mj.Predictor) -> dict:
    return model.manifest.details["hybrid"]["models"][""]


def expected_logits(model: mj.Predictor, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of the network as plain transformers runs it, and of the linear model as its own format runs it."""
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    network = AutoModelForSequenceClassification.from_pretrained(model.folder).eval()
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=model.manifest.max_length, return_tensors="pt")
    with torch.inference_mode():
        of_network = network(**inputs).logits.numpy()
    linear = LinearRunner(read_parts(model.folder, described(model), model.labels, ngram_files("")))
    return of_network, linear.run({"texts": texts})["logits"]


@pytest.mark.parametrize("single", [True, False])
def test_the_weights_have_the_lowest_log_loss_of_a_fine_grid(single):
    rng = np.random.default_rng(5)
    references = np.eye(3, dtype=bool)[rng.integers(0, 3, 400)]
    first, second = (scale * references + rng.normal(size=(400, 3)) for scale in (1.0, 0.6))
    losses = {
        (a, b): log_loss(a * first + b * second, references, single=single)
        for a in np.arange(0, 3, 0.05)
        for b in np.arange(0, 3, 0.05)
    }
    weights = best_weights([first, second], references, single=single)
    assert weights == pytest.approx(min(losses, key=losses.get), abs=0.05)
    assert log_loss(weights[0] * first + weights[1] * second, references, single=single) <= min(losses.values())


def test_a_few_texts_that_are_all_right_do_not_ask_for_certainty():
    references = np.eye(2, dtype=bool)[[0, 1] * 3]
    right = np.where(references, 1.0, -1.0)
    weights = best_weights([right, right], references, single=True)
    assert 0.1 < sum(weights) < 2  # without bounds, more is always better here


def test_a_model_that_is_always_wrong_gets_no_weight():
    references = np.eye(2, dtype=bool)[[0, 1] * 50]
    right, wrong = np.where(references, 1.0, 0.0), np.where(references, 0.0, 1.0)
    right[::10] = wrong[::10]
    weights = best_weights(
        [right, wrong + np.random.default_rng(1).normal(0, 0.1, right.shape)], references, single=True
    )
    assert weights[0] > 1 and weights[1] == 0


def test_pruning_keeps_the_ngrams_that_can_move_a_logit_most():
    weights = np.array([[0.1, -0.9], [0.2, 0.2], [0.0, 0.0], [0.5, 0.1]], np.float32)
    idf = np.array([1.0, 3.0, 9.0, 2.0], np.float32)  # most a logit moves: 0.9, 0.6, 0, 1.0
    parts = LinearParts(["가", "나", "다라", "마"], idf, weights, np.zeros(2, np.float32), ("a", "b"))
    one = 3 + 1 + 4 * 3  # bytes: a syllable, the end of its line, idf and two weights
    assert pruned(parts, 2 * one).ngrams == ["가", "마"]
    assert pruned(parts, 2 * one).idf.tolist() == [1, 2] and (pruned(parts, 2 * one).weights == weights[[0, 3]]).all()
    assert pruned(parts, 4 * one + 3) is parts


def test_its_logits_are_those_of_network_and_ngrams_with_the_weights(trained):
    texts = [text for text in TEXTS if text]
    of_network, of_ngrams = expected_logits(trained, texts)
    mix = described(trained)["mix"]
    assert mix["network"] > 0 and mix["ngrams"] > 0
    mixed = softmax(mix["network"] * of_network + mix["ngrams"] * of_ngrams, trained.decoder.temperature)
    assert trained.probabilities(texts) == pytest.approx(mixed, abs=1e-4)
    assert np.abs(trained.probabilities(texts) - softmax(of_network)).max() > 0.01


def test_texts_without_content_and_long_ones_are_noted_as_by_the_network(trained):
    answers = trained.predict_many(TEXTS)
    assert [answer.note for answer in answers] == [
        "",
        "",
        f"truncated to {trained.manifest.max_length} tokens",
        "empty",
        "",
    ]
    assert [trained.predict(text) for text in TEXTS] == answers


def test_it_scores_on_validation_as_munjang_json_says(trained):
    prepared = mj.evaluate(trained, corpus(), split="validation")
    assert described(trained)["validation"]["mixed"]["macro_f1"] == pytest.approx(prepared.metrics["macro_f1"])
    mixed, alone = (described(trained)["validation"][part]["log_loss"] for part in ("mixed", "network"))
    assert mixed < alone


def test_the_card_says_what_plain_transformers_leaves_out(trained):
    card = (trained.folder / "README.md").read_text(encoding="utf-8")
    facts = described(trained)
    assert f"a linear model of {facts['features']:,} n-grams" in card
    assert f"{facts['mix']['network']:g} · network + {facts['mix']['ngrams']:g} · n-grams" in card
    assert "It opens the network alone" in card


def test_an_export_answers_the_same_and_needs_neither_torch_nor_scikit_learn(trained, tmp_path):
    pytest.importorskip("onnx")
    exported = export_model(trained, "onnx", tmp_path / "onnx")
    assert exported.manifest.format == "hybrid" and exported.manifest.details["hybrid"]["network"] == "onnx"
    assert exported.probabilities(TEXTS) == pytest.approx(trained.probabilities(TEXTS), abs=1e-3)
    code = (
        "import sys, json, munjang as mj\n"
        f"answers = mj.load({str(tmp_path / 'onnx')!r}).probabilities({TEXTS!r})\n"
        "heavy = sorted({'sklearn', 'scipy', 'torch', 'transformers'} & set(sys.modules))\n"
        "print(json.dumps([answers.tolist(), heavy]))"
    )
    answers, modules = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert modules == [] and np.array(answers) == pytest.approx(exported.probabilities(TEXTS), abs=1e-5)


def test_a_server_answers_as_the_model_does(trained):
    with served([str(trained.folder)]) as server:
        answer = server.ask("/predict", {"inputs": [[text] for text in TEXTS[:3]], "parameters": {"top_k": 2}})
    assert answer.status == 200
    scores = [{row["label"]: row["score"] for row in rows} for rows in answer.body]
    expected = [trained.predict(text).scores for text in TEXTS[:3]]
    for found, wanted in zip(scores, expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-4)


def test_words_are_explained_with_both_parts(trained):
    text = "정말 재밌고 좋았어요"
    of_network, of_ngrams = expected_logits(trained, [text, "재밌고 좋았어요"])
    mix = Mix(**described(trained)["mix"])
    shares = softmax(mix.logits(of_network, of_ngrams), trained.decoder.temperature)[:, 1]
    assert mj.explain(trained, text, label="긍정").words[0].drop == pytest.approx(shares[0] - shares[1], abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "linear"}, "network is 'linear'"),
        ({"models": []}, "details.hybrid is"),
        ({"models": {"topic": {}}}, "it has no head topic"),
        ({"models": {"": {"mix": {"network": 1, "ngrams": float("nan")}}}}, "mix is"),
        ({"models": {"": {"mix": {"network": True, "ngrams": 1}}}}, "mix is"),
        ({"models": {"": {"mix": {"network": 1, "ngrams": 1}, "validation": 3}}}, "validation is '3'"),
        (
            {"models": {"": {"mix": {"network": 1, "ngrams": 1}, "labels": ["긍정", "부정"]}}},
            "not a complete linear model",
        ),
    ],
)
def test_a_wrong_description_is_refused(copy, changes, message):
    with pytest.raises(BundleError, match=message):
        mj.load(edit(copy, **changes))


def test_a_missing_or_cut_part_is_refused(copy):
    path = copy / "ngrams.txt"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BundleError, match=r"ngrams.txt was cut short"):
        mj.load(copy)
    data = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    data["files"]["ngrams.txt"] = file_facts(path)
    write_json(copy / MANIFEST, data)
    with pytest.raises(BundleError, match=r"ngrams.txt has [\d,]+ n-grams, expected"):
        mj.load(copy)


def test_several_labels_a_text_are_mixed_by_their_sigmoid(tmp_path):
    model = mj.train(corpus("multi-label"), replace(CONFIG, epochs=3), out=tmp_path / "m", report=False)
    texts = [text for text in TEXTS if text]
    mix = Mix(**described(model)["mix"])
    mixed = mix.logits(*expected_logits(model, texts)) / np.array(model.decoder.temperature)
    assert model.probabilities(texts) == pytest.approx(sigmoid(mixed), abs=1e-4)


def test_each_head_has_its_own_ngrams(tmp_path):
    corpora = {"mood": corpus(), "kind": replace(corpus(), name="other")}
    analyzer = mj.train_heads(corpora, replace(CONFIG, epochs=1), out=tmp_path / "m")
    models = read_manifest(tmp_path / "m").details["hybrid"]["models"]
    assert set(models) == {"mood", "kind"}
    head = mj.load(tmp_path / "m" / "kind")
    linear = LinearRunner(read_parts(tmp_path / "m", models["kind"], head.labels, ngram_files("kind")))
    of_ngrams = linear.run({"texts": TEXTS[:2]})["logits"]
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "m").eval()
    inputs = AutoTokenizer.from_pretrained(tmp_path / "m")(TEXTS[:2], padding=True, return_tensors="pt")
    with torch.inference_mode():
        of_network = network(**inputs).logits.numpy()[:, 2:]
    temperature = read_manifest(tmp_path / "m").details["heads"]["kind"]["temperature"]
    mixed = softmax(Mix(**models["kind"]["mix"]).logits(of_network, of_ngrams), temperature)
    assert head.probabilities(TEXTS[:2]) == pytest.approx(mixed, abs=1e-4)
    assert analyzer.analyze(TEXTS[0])["kind"].scores == head.predict(TEXTS[0]).scores


def test_ngrams_that_do_not_help_leave_the_plain_network(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(hybrid, "best_weights", lambda logits, *_, **__: [1.0, 0.0][: len(logits)])
    with caplog.at_level(logging.WARNING, "munjang"):
        model = mj.train(corpus(n=160), replace(CONFIG, epochs=1), out=tmp_path / "m", report=False)
    assert model.manifest.format == "native" and "hybrid" not in model.manifest.details
    assert not list(model.folder.glob("ngrams*"))
    assert "the n-grams do not help on the validation split, so the network stays alone" in caplog.text


def test_after_an_interruption_it_resumes_to_the_same_model(trained, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hybrid, "train_linear", stop)
        with pytest.raises(KeyboardInterrupt):
            mj.train(corpus(), CONFIG, out=tmp_path / "m", report=False)
    model = mj.train(corpus(), CONFIG, out=tmp_path / "m", report=False, resume=True)
    assert model.manifest.files == trained.manifest.files
    assert described(model)["mix"] == described(trained)["mix"]


def test_the_baseline_is_trained_once_and_says_what_a_hybrid_would_score(tmp_path, monkeypatch):
    fits = []
    fit = hybrid.train_linear
    monkeypatch.setattr(hybrid, "train_linear", lambda *words: fits.append(words) or fit(*words))
    mj.train(corpus(), replace(CONFIG, epochs=1), out=tmp_path / "both", baseline=True, report=False)
    assert fits == []  # the baseline's own is used
    assert not (tmp_path / "both" / "run" / "hybrid.json").exists()
    path = tmp_path / "films.csv"
    rows = ["text,label", *(f"{row.text.replace(',', '')},{row.label}" for row in corpus().train)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = ["train", path, "--out", tmp_path / "m", "--backbone", "scratch:tiny", "--epochs", 2, "--baseline"]
    done = CliRunner().invoke(app, list(map(str, [*words, "--no-report"])))
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "m" / "run" / "hybrid.json").read_text(encoding="utf-8"))
    if facts["mix"]["ngrams"]:
        mixed, alone = (f"{facts[part]['macro_f1']:.4f}" for part in ("mixed", "network"))
        sentence = f"the macro F1 on the validation split would be {mixed} in place of {alone}"
        assert f"With n-grams beside the network (--hybrid), {sentence}" in done.stdout


def test_settings_that_leave_nothing_to_mix_are_refused():
    with pytest.raises(ConfigError, match="A linear model is n-grams already"):
        mj.TrainConfig(backbone="linear", hybrid=True)


def test_a_mixture_is_measured_against_the_network_with_its_best_weight():
    data = corpus()
    linear = hybrid.train_linear(data, CONFIG)
    references = hybrid.targets(data.validation, data)
    logits = np.where(references, 1.0, 0.0) + np.random.default_rng(3).normal(0, 0.6, references.shape)
    mixture = mixture_of(logits, linear, data)
    losses = {scale: log_loss(scale * logits, references, single=True) for scale in np.arange(0, 10, 0.01)}
    best = min(losses, key=lambda scale: losses[scale] + scale**2 / (2 * len(references)))
    assert mixture.network["log_loss"] == pytest.approx(losses[best], abs=1e-3)
    assert mixture.mixed["log_loss"] < mixture.network["log_loss"]
