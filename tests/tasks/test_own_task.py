"""A stranger's task, one module and one line in TASKS, goes all the way."""

import os
import signal
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from length_task import LENGTHS, length_label
from served import served
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.errors import BundleError, ConfigError, DataError
from munjang.export.run import export_model
from munjang.records import Parse, Prediction, for_record
from munjang.tasks import TASKS
from munjang.training.loops import native
from munjang.training.loops.interrupts import Interrupted

TEXTS = [f"{'가나다라마바사아자차카타파하'[: 3 + n % 11]}{n % 10}" for n in range(160)]
CORPUS = mj.Corpus(
    "lengths",
    "long-sentence",
    LENGTHS,
    train=[mj.Example(text, length_label(text)) for text in TEXTS],
    validation=[mj.Example(text + "요", length_label(text + "요")) for text in TEXTS[:40]],
    test=[mj.Example(text + "네", length_label(text + "네")) for text in TEXTS[:40]],
)
CONFIG = mj.TrainConfig(backbone="scratch:tiny", epochs=6, learning_rate=2e-3, batch_size=16, save_every=5)


@pytest.fixture(scope="module", autouse=True)
def registered():
    TASKS["long-sentence"] = "length_task:LongSentence"
    yield
    del TASKS["long-sentence"]


@pytest.fixture(scope="module")
def folder(registered, tmp_path_factory):
    """A model that was trained in two goes: stopped after a few steps, then resumed."""
    out = tmp_path_factory.mktemp("own") / "lengths"
    plain = native.NativeLoop.train_step

    def interrupted(loop, indices):
        if loop.step == 12:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(loop, indices)

    native.NativeLoop.train_step = interrupted
    try:
        with pytest.raises(Interrupted):
            mj.train(CORPUS, CONFIG, out=out, report=False)
    finally:
        native.NativeLoop.train_step = plain
    mj.train(CORPUS, CONFIG, out=out, resume=True, baseline=True)
    return out


def test_it_learns_and_its_own_metric_chooses_the_weights_and_stands_in_the_report(folder):
    model = mj.load(folder)
    right = [model.predict(example.text).label == example.label for example in CORPUS.test]
    long = [ok for ok, example in zip(right, CORPUS.test, strict=True) if example.label == "긺"]
    short = [ok for ok, example in zip(right, CORPUS.test, strict=True) if example.label == "짧음"]
    worst = min(sum(long) / len(long), sum(short) / len(short))
    assert worst > 0.6
    assert set(model.manifest.validation) == {"worst_recall", "loss", "step"}
    report = mj.evaluate(model, CORPUS)
    assert report.metrics["worst_recall"] == pytest.approx(worst)
    assert report.metrics["accuracy"] == pytest.approx(sum(right) / len(right))
    assert "worst recall" in str(report) and "worst recall" in (folder / "README.md").read_text("utf-8")
    assert model.report.metrics["worst_recall"] == pytest.approx(worst)


def test_it_is_saved_and_used_on_the_command_line(folder, tmp_path):
    copy = mj.load(folder).save(tmp_path / "copy")
    (tmp_path / "a.csv").write_text("text\n가나다라\n가나다라마바사아자차카타파\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["predict", str(copy), str(tmp_path / "a.csv")])
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["짧음", "긺"]


def test_it_is_served(folder):
    with served([str(folder)]) as server:
        answer = server.ask("/predict", {"inputs": "가나다라마바사아자차카타파"})
        assert answer.status == 200 and answer.body[0]["label"] == "긺"


def test_an_export_is_refused_with_a_reason(folder, tmp_path):
    with pytest.raises(BundleError, match=r"lengths: .*long-sentence, have no exported form"):
        export_model(folder, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_of_several_heads_does_not_turn_it_into_another_task(tmp_path):
    with pytest.raises(ConfigError, match="lengths is for the task long-sentence, and a head gives one of several"):
        mj.train_heads({"length": CORPUS, "mood": mj.load_corpus("sample:sentiment")}, CONFIG, out=tmp_path / "m")


def test_a_record_of_its_own_is_shown_as_the_class_that_it_is_made_from():
    class Length(Prediction):
        """The answer of a task with an evaluator of its own."""

    assert for_record({Prediction: "labels", Parse: "trees"}, Length) == "labels"
    assert for_record({Prediction: "labels", Length: "lengths"}, Length) == "lengths"


def test_without_its_module_the_model_is_refused(folder, monkeypatch):
    monkeypatch.delitem(TASKS, "long-sentence")
    with pytest.raises(BundleError, match="Unknown task 'long-sentence'"):
        mj.load(folder)


def test_labels_of_another_corpus_are_refused(folder):
    with pytest.raises(DataError, match="짧음"):
        mj.evaluate(mj.load(folder), replace(mj.load_corpus("sample:sentiment"), name="other"))
