"""Models saved by an earlier version open and answer as they did; tests/old_models/README.md says what is there."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.data.cleaning.files import rebuild
from munjang.errors import BundleError, ConfigError
from munjang.metrics.label_report import LabelReport
from munjang.metrics.tree_report import TreeReport

torch = pytest.importorskip("torch")
from safetensors.numpy import load_file  # noqa: E402  after the skip

OLD = Path(__file__).parents[1] / "old_models"
CASES = (
    "bert", "bert-onnx", "bert-int8", "several", "several-onnx", "several-int8", "linear", "linear-several",
    *(f"heads{form}/{head}" for form in ("", "-onnx", "-int8") for head in ("feeling", "topic")),
    "parser", "parser-onnx", "parser-int8", "parser-labeling", "parser-universal",
)  # fmt: skip
"""What `munjang.load` opens, by the names of their folders."""

EXACT = 1e-4  # of a probability
ROUNDED = 2e-3  # in 8 bits another processor may round one of 255 steps the other way
SATURATED = 0.2  # in 8 bits on one that saturates (see `saturates`); 0.10 at most on an emulated Haswell
RESUMED = 1e-3  # six steps of training add up what processors round differently


# What is compared


def answers_of(model: mj.Predictor, texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What a model answers, as answers.json has it."""
    found = model.predict_many(list(texts.values()))
    return dict(zip(texts, map(plain, found), strict=True))


def plain(answer: mj.Prediction | mj.Parse) -> dict[str, Any]:
    """An answer as plain values."""
    if isinstance(answer, mj.Parse):
        tree = answer.tree
        sure = [round(value, 6) for value in answer.probabilities]
        return {"words": list(tree.words), "heads": list(tree.heads), "relations": list(tree.relations), "sure": sure,
                "note": answer.note}  # fmt: skip
    label = list(answer.label) if isinstance(answer.label, tuple) else answer.label
    scores = {name: round(score, 6) for name, score in answer.scores.items()}
    return {"label": label, "scores": scores, "note": answer.note}


def interrupted_settings() -> mj.TrainConfig:
    """How the run in `interrupted` was begun."""
    return mj.TrainConfig(
        backbone="encoder", epochs=3, batch_size=16, learning_rate=1e-2, precision="fp32", device="cpu", max_length=32,
        keep_checkpoints=1, log_every=2,
    )  # fmt: skip


@cache
def known() -> dict[str, Any]:
    """answers.json."""
    return json.loads((OLD / "answers.json").read_text(encoding="utf-8"))


def texts_for(case: str) -> dict[str, str]:
    """The texts that a model was asked."""
    huge = {name: text * times for name, (text, times) in known()["huge"].items()}
    return known()["texts"] | known()["composes"] | (huge if case.startswith("linear") else {})


@cache
def saturates() -> bool:
    """Whether this processor multiplies bytes in sums of 16 bits that stop at 32,767.

    ONNX Runtime does so (vpmaddubsw) on processors with AVX2 and without VNNI, such as Haswell or Zen 3. Graphs in 8
    bits, whose codes go up to 255 and 127, answer differently there, today as when they were saved.
    """
    from onnx import TensorProto, helper
    from onnxruntime import InferenceSession

    kinds = {"a": TensorProto.UINT8, "b": TensorProto.INT8, "c": TensorProto.INT32}
    a, b, c = (helper.make_tensor_value_info(name, kind, [4, 4]) for name, kind in kinds.items())
    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    model = helper.make_model(
        helper.make_graph([node], "probe", [a, b], [c]), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": np.full((4, 4), 255, np.uint8), "b": np.full((4, 4), 127, np.int8)})
    return int(found[0, 0]) != 4 * 255 * 127


def tolerance(case: str) -> float:
    """How far a probability may be from the old one."""
    if "int8" not in case:
        return EXACT
    pytest.importorskip("onnx")
    return SATURATED if saturates() else ROUNDED


def check(found: Mapping[str, dict], expected: Mapping[str, dict], within: float) -> None:
    """Every answer is the old one: the same but for probabilities, and those within so much.

    Where much is allowed, a label that was less ahead than that may fall, and one word in ten hang elsewhere.
    """
    assert found.keys() == expected.keys()
    for name, own in found.items():
        old = expected[name]
        assert own["note"] == old["note"], name
        if "words" in old:
            assert own["words"] == old["words"], name
            if within <= ROUNDED:
                assert arcs_of(own) == arcs_of(old), name
                assert own["sure"] == pytest.approx(old["sure"], abs=within), name
        else:
            assert own["scores"] == pytest.approx(old["scores"], abs=within), name
            if is_decided(old, within):
                assert own["label"] == old["label"], name
    if within > ROUNDED and all("words" in old for old in expected.values()):
        same = [
            own == old
            for name in expected
            for own, old in zip(arcs_of(found[name]), arcs_of(expected[name]), strict=True)
        ]
        assert np.mean(same) > 0.9


def arcs_of(answer: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Head and relation of each word. The relations that no tree of `data` has are one: a parser has the same scores
    for them, and which it names is a matter of rounding."""
    names = [name if name in learnt() else "never seen" for name in answer["relations"]]
    return list(zip(answer["heads"], names, strict=True))


@cache
def learnt() -> frozenset[str]:
    """The relations of the trees that the parsers were trained on."""
    corpora = [mj.read_corpus(OLD / "data" / name) for name in ("trees.tsv", "trees.conllu")]
    return frozenset(name for corpus in corpora for row in corpus.train for name in row.label.relations)


def is_decided(answer: Mapping[str, Any], within: float) -> bool:
    """Whether probabilities that move by so much leave the label what it is."""
    scores = list(answer["scores"].values())
    if isinstance(answer["label"], list):
        return all(abs(score - 0.5) > within for score in scores)
    return len(scores) < 2 or scores[0] - scores[1] > 2 * within


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """A place of one's own with copies of the folders, in which names are as they were: what is read may be noted."""
    monkeypatch.chdir(tmp_path)

    def copy(*names: str) -> None:
        for name in names:
            shutil.copytree(OLD / name, tmp_path / name)

    return copy


# Answers


@pytest.mark.parametrize("case", CASES)
def test_an_old_model_opens_and_answers_as_before(case):
    model = mj.load(OLD / case)
    check(answers_of(model, texts_for(case)), known()["answers"][case], tolerance(case))


@pytest.mark.parametrize("folder", ["heads", "heads-onnx", "heads-int8"])
def test_the_heads_together_say_what_each_says_alone(folder):
    texts = texts_for(folder)
    found = mj.analyze(list(texts.values()), model=OLD / folder)
    for head in ("feeling", "topic"):
        own = {name: plain(analysis[head]) for name, analysis in zip(texts, found, strict=True)}
        check(own, known()["answers"][f"{folder}/{head}"], tolerance(folder))


def test_the_command_gives_the_old_answers():
    for name in ("plain", "sign", "jamo"):
        text = texts_for("bert")[name]
        done = CliRunner().invoke(app, ["predict", str(OLD / "bert"), text, "--json"])
        assert done.exit_code == 0, done.output
        answer = json.loads(done.stdout)
        own = {key: answer[key] for key in ("label", "scores", "note")}
        check({name: own}, {name: known()["answers"]["bert"][name]}, EXACT)


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "parser-pos", "나는 걸었다"),
        ("evaluate", "parser-pos", "data/trees.tsv"),
        ("export", "parser-pos", "onnx", "exported"),
        ("serve", "parser-pos", "--port", "0"),
        ("analyze", "나는 걸었다", "--model", "parser-pos"),
    ],
    ids=lambda words: words[0],
)
def test_a_parser_that_needs_parts_of_speech_is_refused(words, copies):
    copies("parser-pos", "data")
    line = (
        "parser-pos: This parser was trained with parts of speech, which munjang no longer reads. Train it again "
        "without them."
    )
    with pytest.raises(BundleError) as refused:
        mj.load("parser-pos")
    assert str(refused.value) == line
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0 and str(done.exception) == line


# Reports


@pytest.mark.parametrize(
    ("folder", "file", "kind"),
    [
        ("bert", "sentences.csv", LabelReport),
        ("linear", "sentences.csv", LabelReport),
        ("parser", "trees.tsv", TreeReport),
    ],
)
def test_an_old_report_is_read_and_the_model_still_has_its_scores(folder, file, kind, copies):
    copies(folder, "data")
    old = mj.load(folder).report
    assert isinstance(old, kind)
    data = Path("data", file)
    corpus = mj.read_corpus(data, test=data) if kind is TreeReport else mj.read_corpus(data)
    new = mj.evaluate(mj.load(folder), corpus)
    assert new.sha256 == old.sha256
    assert dict(new.metrics) == pytest.approx(dict(old.metrics), abs=EXACT)
    assert mj.compare(new, old)


# Training


@pytest.mark.parametrize("parser", ["biaffine", "labeling"])
def test_a_parsers_head_has_the_sizes_that_old_folders_leave_out(parser, copies):
    copies("encoder", "data")
    corpus = mj.read_corpus("data/trees.tsv", validation="data/trees.tsv")
    settings = mj.TrainConfig(
        backbone="encoder", epochs=1, precision="fp32", device="cpu", parser=parser, clean=mj.CleanConfig(leaks=False)
    )
    mj.train(corpus, settings, out="parser")
    weights = load_file("parser/model.safetensors")
    found = {name: list(array.shape) for name, array in weights.items() if name.startswith("parser.")}
    assert found == known()["head_shapes"][parser]


def test_an_old_encoder_is_a_backbone(copies):
    copies("encoder", "data")
    settings = mj.TrainConfig(backbone="encoder", epochs=1, learning_rate=1e-9, precision="fp32", device="cpu")
    model = mj.train(mj.read_corpus("data/sentences.csv"), settings, out="model")
    assert model.predict("배송이 빨라요").label in ("긍정", "부정", "중립")
    before, after = load_file("encoder/model.safetensors"), load_file("model/model.safetensors")
    shared = [name for name in before if name in after]
    assert len(shared) == 37
    for name in shared:
        np.testing.assert_allclose(after[name], before[name], atol=1e-6)


def test_a_run_that_was_stopped_goes_on_to_the_same_model(copies, caplog):
    copies("interrupted", "encoder", "data")
    caplog.set_level("INFO", "munjang")
    corpus = mj.read_corpus("data/sentences.csv")
    model = mj.train(corpus, interrupted_settings(), out="interrupted", resume=True)
    assert "Resuming after step 6 of 12." in caplog.text
    model.decoder, model.scope = replace(model.decoder, temperature=1.0), None  # the earlier version had neither
    check(answers_of(model, known()["texts"]), known()["resumed"], RESUMED)
    steps = [json.loads(line)["step"] for line in Path("interrupted/run/log.jsonl").read_text("utf-8").splitlines()]
    assert sorted(set(steps)) == [2, 4, 6, 8, 10, 12]


def test_a_stopped_run_with_parts_of_speech_does_not_go_on(copies):
    copies("interrupted", "encoder", "data")
    path = Path("interrupted/run/settings.json")
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert settings["config"].pop("pos") is False
    path.write_text(json.dumps(settings | {"config": settings["config"] | {"pos": True}}), encoding="utf-8")
    corpus = mj.read_corpus("data/sentences.csv")
    with pytest.raises(ConfigError, match=r"settings\.json: pos is True, but munjang no longer has this setting\."):
        mj.train(corpus, interrupted_settings(), out="interrupted", resume=True)


# Cleaning


def test_an_old_cleaning_is_read():
    with open(OLD / "data" / "dirty.csv", encoding="utf-8", newline="") as file:
        rows = [(text.replace("010-0000-0000", "〈전화번호〉"), label) for text, label in list(csv.reader(file))[1:]]
    assert rebuild(OLD / "cleaned") == {
        "data/dirty.csv": [(line, text, label) for line, (text, label) in enumerate(rows, start=2)]
    }
    account = json.loads((OLD / "cleaned" / "account.json").read_text(encoding="utf-8"))
    kept = mj.read_corpus(OLD / "cleaned" / "kept.csv", text="text", label="label")
    assert len(kept.train) == account["rows_after"]["train"] == 6
