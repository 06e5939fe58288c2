"""Folds: every row is answered once, by a model that has not seen it, and a run that was stopped goes on."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
from kills.points import in_child
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

import munjang as mj
from munjang.data.duplicates import letters_key
from munjang.data.splits import folds_of, with_validation
from munjang.errors import BundleError, ConfigError, DataError
from munjang.inference.backends.linear import LinearRunner
from munjang.metrics.scores import softmax
from munjang.records import Corpus, Example, LabelSet, Tree
from munjang.training import folds
from munjang.training.linear import train_linear

LINEAR = mj.TrainConfig(backbone="linear", folds=3)
SAMPLE = mj.load_corpus("sample:sentiment")
ROWS = [replace(row, label=row.label) for row in SAMPLE.train[:150]]
FILE = Corpus("reviews.csv", "classification", SAMPLE.labels, ROWS)  # without a test split
SEVERAL = Corpus(
    "several.csv",
    "multi-label",
    LabelSet((*SAMPLE.labels, "물음", "짧다")),
    [
        Example(row.text, tuple(filter(None, (row.label, "물음" * ("?" in row.text), "짧다" * (len(row.text) < 22)))))
        for row in ROWS
    ],
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds") / "m"
    return mj.cross_validate(FILE, LINEAR, folds=3, out=folder, report=False)


def table(scores):
    return pyarrow.parquet.read_table(scores.model.folder / "run" / "folds.parquet").to_pylist()


class OurLinear(ClassifierMixin, BaseEstimator):
    """munjang's linear model as an estimator of scikit-learn."""

    def fit(self, texts, labels):
        names = sorted(SAMPLE.labels)  # cross_val_predict gives their numbers
        rows = [Example(text, names[label]) for text, label in zip(texts, labels, strict=True)]
        corpus = with_validation(Corpus("c", "classification", SAMPLE.labels, rows), 0.1, LINEAR.seed)
        self.runner, self.classes_ = LinearRunner(train_linear(corpus, LINEAR)), np.arange(len(names))
        return self

    def predict(self, texts):
        return self.classes_[self.predict_proba(texts).argmax(axis=1)]

    def predict_proba(self, texts):
        probabilities = softmax(self.runner.run({"texts": list(texts)})["logits"])
        return probabilities[:, [SAMPLE.labels.index(name) for name in sorted(SAMPLE.labels)]]


def test_the_answers_are_those_of_cross_val_predict_with_the_same_folds(tmp_path):
    ours = folds.answers_by_fold(FILE, LINEAR, folds_of(ROWS, 3, LINEAR.seed), tmp_path)["probabilities"]
    texts, labels = [row.text for row in ROWS], [row.label for row in ROWS]
    split = PredefinedSplit(folds_of(ROWS, 3, LINEAR.seed))
    theirs = cross_val_predict(OurLinear(), np.array(texts, object), labels, cv=split, method="predict_proba")
    assert ours == pytest.approx(theirs[:, [sorted(SAMPLE.labels).index(name) for name in SAMPLE.labels]], abs=1e-6)


def test_every_row_is_answered_once_and_the_scores_are_those_of_the_table(run):
    rows = table(run)
    assert sorted(row["text"] for row in rows) == sorted(row.text for row in ROWS)
    assert {(row["line"], row["text"], row["label"]) for row in rows} == {(r.line, r.text, r.label) for r in ROWS}
    assert [row["row"] for row in rows] == list(range(1, 151))
    truth, given = [row["label"] for row in rows], [row["predicted"] for row in rows]
    assert given == [max(SAMPLE.labels, key=lambda name: row[f"score_{name}"]) for row in rows]
    assert run.report.n == 150 and run.report.metrics["accuracy"] == pytest.approx(accuracy_score(truth, given))
    assert run.report.metrics["macro_f1"] == pytest.approx(f1_score(truth, given, average="macro"))
    by_fold = [[row for row in rows if row["fold"] == number] for number in (1, 2, 3)]
    accuracies = [np.mean([row["label"] == row["predicted"] for row in part]) for part in by_fold]
    assert [fold["n"] for fold in run.folds] == list(map(len, by_fold))
    assert [fold["accuracy"] for fold in run.folds] == pytest.approx(accuracies)
    assert run.mean["accuracy"] == pytest.approx(np.mean(accuracies))
    assert run.spread["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    saved = json.loads((run.model.folder / "run" / "folds.json").read_text(encoding="utf-8"))
    assert saved["spread"]["accuracy"] == run.spread["accuracy"] and len(saved["folds"]) == 3


def test_without_a_test_split_the_last_model_learns_from_all_rows_and_reports_the_folds(run):
    manifest, report = run.model.manifest, mj.load(run.model.folder).report
    assert manifest.settings["folds"] == 3 and not (run.model.folder / "run" / "test.json").exists()
    assert json.loads((run.model.folder / "run" / "settings.json").read_text(encoding="utf-8"))["data"] | {
        "sha256": ""
    } == {"corpus": "reviews.csv", "train": 135, "validation": 15, "test": 0, "sha256": ""}
    assert (report.split, report.n, report.sha256) == ("folds", 150, run.report.sha256)
    low, high = report.intervals["accuracy"]
    assert str(run).startswith(
        "3 folds: each of 150 texts was answered by a model that had not seen it: accuracy "
        f"{report.metrics['accuracy']:.3f} [{low:.3f}, {high:.3f}]; folds "
    )
    card = (run.model.folder / "README.md").read_text(encoding="utf-8")
    assert "3 folds: each of 150 texts was answered" in card and "reviews.csv, folds: 150 texts" in card
    # each finished fold leaves its answers and no model
    assert {path.name for path in (run.model.folder / "run" / "folds").iterdir()} == {"0.npz", "1.npz", "2.npz"}


def test_a_published_test_split_stays_and_its_texts_are_in_no_fold(tmp_path):
    corpus = FILE.with_splits(test=[replace(row) for row in SAMPLE.test[:40]])
    model = mj.train(corpus, LINEAR, out=tmp_path / "m", report=False)
    scores = json.loads((tmp_path / "m" / "run" / "folds.json").read_text(encoding="utf-8"))
    assert (model.report.split, model.report.n, scores["report"]["n"]) == ("test", 40, 150)


def test_near_copies_are_never_on_two_sides(tmp_path):
    copies = [replace(row, text=f"{row.text} !!") for row in ROWS[:40]]
    scores = mj.cross_validate(
        FILE.with_splits(train=[*ROWS, *copies]), LINEAR, folds=3, out=tmp_path / "m", report=False
    )
    fold = {}
    for row in table(scores):
        assert fold.setdefault(letters_key(row["text"]), row["fold"]) == row["fold"]
    assert scores.report.n == 190 and len(fold) < 160


def test_several_labels_a_text(tmp_path):
    scores = mj.cross_validate(SEVERAL, LINEAR, folds=3, out=tmp_path / "m", report=False)
    rows = table(scores)
    assert len(rows) == 150 and scores.report.main[0] == "micro_f1"
    has = np.array([[name in row["label"].split("|") for name in SEVERAL.labels] for row in rows])
    given = np.array([[name in row["predicted"].split("|") for name in SEVERAL.labels] for row in rows])
    assert scores.report.metrics["micro_f1"] == pytest.approx(f1_score(has, given, average="micro"))
    assert given.tolist() == [[row[f"score_{name}"] >= 0.5 for name in SEVERAL.labels] for row in rows]


def test_two_runs_are_compared_on_their_folds(run, tmp_path):
    mj.cross_validate(FILE, replace(LINEAR, class_weights="balanced"), folds=3, out=tmp_path / "other", report=False)
    comparison = mj.compare(mj.load(run.model.folder).report, mj.load(tmp_path / "other").report)
    assert comparison.n == 150 and comparison.main == "accuracy"


def killed(place, after):
    """Train with a kill -9 before fold number `after` (from 0) is trained."""

    def train():
        real, calls = folds.trained, []

        def trained(*arguments):
            calls.append(arguments)
            if len(calls) > after:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        folds.trained = trained
        mj.train(FILE, LINEAR, out=place, report=False)

    assert in_child(train).code == -signal.SIGKILL


def test_a_killed_run_goes_on_and_trains_no_finished_fold_again(run, tmp_path, monkeypatch, caplog):
    killed(tmp_path / "m", after=2)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "m" / "run" / "folds").glob("*.npz")}
    assert set(kept) == {"0.npz", "1.npz"}
    with pytest.raises(ConfigError, match=r"is not empty\. Give overwrite=True to replace it, resume=True to go on"):
        mj.train(FILE, LINEAR, out=tmp_path / "m", report=False)
    with pytest.raises(ConfigError, match="folds was 3, is 4"):
        mj.train(FILE, replace(LINEAR, folds=4), out=tmp_path / "m", resume=True)
    trained, real = [], folds.trained
    monkeypatch.setattr(folds, "trained", lambda *given: trained.append(given) or real(*given))
    with caplog.at_level("INFO"):
        mj.train(FILE, LINEAR, out=tmp_path / "m", resume=True, report=False)
    assert len(trained) == 1
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Fold ")]
    assert [line.endswith(": answered before.") for line in said] == [True, True, False]
    assert table(mj.cross_validate(FILE, LINEAR, folds=3, out=tmp_path / "m", resume=True, report=False)) == table(run)
    assert {name: (tmp_path / "m" / "run" / "folds" / name).stat().st_mtime_ns for name in kept} == kept


def test_the_fold_of_a_network_goes_on_from_its_checkpoint(tmp_path, caplog):
    torch = pytest.importorskip("torch")
    from munjang.training.loops import native

    torch.set_num_threads(1)  # as in the child: the last bits of sums go by the number of threads

    few = FILE.with_splits(train=ROWS[:60])
    config = mj.TrainConfig(backbone="scratch:tiny", epochs=2, batch_size=16, folds=2, precision="fp32")
    whole = mj.cross_validate(few, config, folds=2, out=tmp_path / "whole", report=False)

    def train():
        real, saves = native.NativeLoop.save, []

        def save(loop):
            real(loop)
            saves.append(loop)
            if len(saves) == 3:  # after the first epoch of the second fold
                os.kill(os.getpid(), signal.SIGKILL)

        native.NativeLoop.save = save
        mj.train(few, config, out=tmp_path / "m", report=False)

    assert in_child(train).code == -signal.SIGKILL
    inner = tmp_path / "m" / "run" / "folds"
    assert {path.name for path in inner.iterdir()} == {"0.npz", "1"} and (inner / "1" / "checkpoints").exists()
    with caplog.at_level("INFO"):
        scores = mj.cross_validate(few, config, folds=2, out=tmp_path / "m", resume=True, report=False)
    assert any("esum" in record.getMessage() for record in caplog.records)
    assert table(scores) == table(whole)
    assert {path.name for path in inner.iterdir()} == {"0.npz", "1.npz"}


def test_the_baseline_is_compared_on_the_same_folds(tmp_path):
    pytest.importorskip("torch")
    from munjang.training.run import run_training

    config = mj.TrainConfig(backbone="scratch:tiny", epochs=1, batch_size=32, folds=2)
    options = {"overwrite": False, "resume": False, "baseline": True, "report": False}
    run = run_training(FILE, config, tmp_path / "m", **options)
    linear = mj.cross_validate(FILE, LINEAR, folds=2, out=tmp_path / "linear", report=False)
    assert run.comparison.n == 150 and run.baseline_report.metrics == linear.report.metrics


def test_a_damaged_fold_is_one_line(run, tmp_path):
    folder = run.model.save(tmp_path / "m")
    (tmp_path / "0.npz").write_bytes(b"PK\x03\x04 no answers")
    with pytest.raises(BundleError, match=r"0\.npz cannot be read: .*\. Delete it, and its fold is trained again\."):
        folds.read_answers(tmp_path / "0.npz", 50)
    np.savez(tmp_path / "1.npz", probabilities=np.zeros((49, 2)))
    with pytest.raises(BundleError, match=r"1\.npz cannot be read: it does not have 50 rows\."):
        folds.read_answers(tmp_path / "1.npz", 50)
    assert mj.load(folder).predict("좋아요").label in SAMPLE.labels


def test_what_has_no_folds_is_refused_in_one_line(tmp_path, monkeypatch):
    trees = [Example(f"나{n} 간다", Tree((f"나{n}", "간다"), (2, 0), ("NP_SBJ", "VP"))) for n in range(40)]
    treebank = Corpus("trees", "parsing", LabelSet(("NP_SBJ", "VP")), trees)
    with pytest.raises(ConfigError, match=r"folds=… is for labels of sentences; a parser has none\. Leave it out\."):
        mj.train(treebank, mj.TrainConfig(folds=2), out=tmp_path / "p")
    with pytest.raises(
        ConfigError, match=r"folds=… is for one corpus\. Leave it out, or train on each corpus by itself\."
    ):
        mj.train_heads({"a": FILE, "b": FILE}, mj.TrainConfig(folds=2), out=tmp_path / "h")
    with pytest.raises(ConfigError, match="folds is '1'; it must be one of 2, 3"):
        mj.cross_validate(FILE, LINEAR, folds=1)
    few = [Example(f"{text}{'!' * n}", label) for text, label in (("좋다", "긍정"), ("싫다", "부정")) for n in range(9)]
    with pytest.raises(DataError, match="2 different texts are too few for 3 folds"):
        mj.cross_validate(FILE.with_splits(train=few, validation=few[8:10]), LINEAR, folds=3)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="Under torchrun there are no folds"):
        mj.cross_validate(FILE, LINEAR, folds=2, out=tmp_path / "r")


def test_folds_are_offered_where_a_test_split_is_small(tmp_path):
    from munjang.training.run import run_training

    options = {"overwrite": False, "resume": False, "report": False}
    run = run_training(FILE, replace(LINEAR, folds=0), tmp_path / "m", **options)
    (offer,) = [line for line in run.advice if "folds" in line]
    assert offer == (
        "The test split has only 15 texts. With folds=5 every text is answered by a model that has not seen it, which "
        "tells more."
    )
    assert not [line for line in run_training(FILE, LINEAR, tmp_path / "n", **options).advice if "folds" in line]
