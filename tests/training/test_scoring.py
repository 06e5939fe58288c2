"""What a run leaves beside its model: scores, card and report, the same from Python and from the command line."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
from parsers import examples as tree_examples
from parsers import to_conllu
from training_fixtures import examples
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.errors import BundleError
from munjang.metrics.tree_report import TreeReport
from munjang.records import label_text

DIFFERENT = [  # what differs between two equal runs
    (r'("(?:seconds|sentences_s|tokens_s|time)": )[^,}\n]+', r"\1X"),
    (r"(\| seconds \| )[\d.]+", r"\1X"),
    (r"(seconds</td><td[^>]*>)[\d.]+", r"\1X"),
    (r"<footer>.*</footer>", "X"),
]
NETWORK = {"backbone": "scratch:tiny", "epochs": 1.0, "precision": "fp32", "device": "cpu"}


def command(*words: object):
    done = CliRunner().invoke(app, ["train", *map(str, words)])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.stdout


def contents(folder: Path) -> dict[str, object]:
    """Name -> content of every file of a run, without what differs between equal runs."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found: dict[str, object] = {}
    for name, data in files.items():
        if "/tensorboard/" in name:
            name, data = name.rpartition("/")[0], b""
        if not name.endswith(".safetensors"):
            text = data.decode("utf-8")
            for pattern, replacement in DIFFERENT:
                text = re.sub(pattern, replacement, text)
            data = text
        found[name] = data
    return found


def data_file(folder: Path, kind: str) -> Path:
    """A corpus of that kind: two thirds train, the rest test; of a treebank every tree is in both."""
    if kind == "parser":
        path = folder / "ten.conllu"
        path.write_text(to_conllu(row.label for row in tree_examples()), "utf-8")
        return path
    path = folder / "reviews.tsv"
    rows = [row for row in examples("multi-label" if kind == "multi-label" else "binary", 150) if row.label]
    lines = [f"{row.text}\t{label_text(row.label, ',')}\t{'train' if i % 3 else 'test'}" for i, row in enumerate(rows)]
    path.write_text("\n".join(["text\tlabel\tsplit", *lines]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("kind", ["classifier", "multi-label", "linear", "parser"])
def test_python_and_the_command_line_leave_the_same_folder(kind, tmp_path, monkeypatch):
    path = data_file(tmp_path, kind)
    settings = {"backbone": "linear"} if kind == "linear" else NETWORK
    words = [f"--set={name}={value}" for name, value in settings.items()]
    reading, options, flags = {}, {"sentences": ["정말 좋아요"]}, ["--try", "정말 좋아요"]
    if kind == "classifier":
        options["baseline"] = True
        flags.append("--baseline")
    elif kind == "multi-label":
        reading["options"] = mj.ReadOptions(multi_label=",")
        flags += ["--multi-label", ","]
    elif kind == "parser":
        reading["test"] = path
        settings = {**settings, "clean": mj.CleanConfig(leaks=False), "validation_share": 0.2}
        flags += ["--test", str(path), "--set", "clean.leaks=false", "--set", "validation_share=0.2"]
    for name in ("command", "python"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "command")
    said = command(path, "--out", "m", *words, *flags)
    monkeypatch.chdir(tmp_path / "python")
    corpus = mj.read_corpus(path, **reading)
    model = mj.train(corpus, mj.TrainConfig(**settings), out="m", **options)
    one, two = contents(tmp_path / "command" / "m"), contents(tmp_path / "python" / "m")
    assert sorted(one) == sorted(two)
    assert {"README.md", "munjang.json", "run/test.json", "run/report.html", "run/test_reads.jsonl"} <= set(one)
    assert ("run/baseline/munjang.json" in one) == (kind == "classifier")
    for name in one:
        assert one[name] == two[name], name
    assert str(model.report) in said and "정말 좋아요" in said and "정말 좋아요" in one["run/report.html"]
    scores = json.loads(one["run/test.json"])["metrics"]
    assert isinstance(model.report, TreeReport) == (kind == "parser")
    assert mj.load("m").report.metrics == scores == mj.evaluate(mj.load("m"), corpus).metrics
    main = "las" if kind == "parser" else model.report.main[0]
    assert f" {scores[main]:.4f} |" in one["README.md"] and f"{scores[main]:.4f}" in one["run/report.html"]


LINEAR = mj.TrainConfig(backbone="linear")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return mj.read_corpus(data_file(tmp_path_factory.mktemp("data"), "linear"))


def test_a_model_without_a_test_split_has_no_report(corpus, tmp_path):
    config = mj.TrainConfig(backbone="linear", test_share=0)
    model = mj.train(corpus.with_splits(test=()), config, out=tmp_path / "m")
    assert model.report is None and mj.load(tmp_path / "m").report is None
    assert not (tmp_path / "m" / "run" / "test.json").exists()
    assert "No test split had been read" in (tmp_path / "m" / "README.md").read_text("utf-8")


def test_a_model_without_a_folder_has_its_report_and_keeps_it_when_saved(corpus, tmp_path):
    model = mj.train(corpus, LINEAR)
    assert not (model.folder / "run" / "report.html").exists()
    model.save(tmp_path / "m")
    assert mj.load(tmp_path / "m").report.metrics == model.report.metrics


def test_a_damaged_report_is_named_and_the_model_still_answers(corpus, tmp_path):
    mj.train(corpus, LINEAR, out=tmp_path / "m", report=False)
    (tmp_path / "m" / "run" / "test.json").write_text('{"task": "classification"}', "utf-8")
    model = mj.load(tmp_path / "m")
    with pytest.raises(BundleError, match=r"test\.json cannot be read"):
        model.report  # noqa: B018
    assert model.predict("좋아요").label in model.labels


def test_without_matplotlib_the_run_is_saved_and_one_line_says_so(corpus, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = mj.train(corpus, LINEAR, out=tmp_path / "m")
    (line,) = [row.getMessage() for row in caplog.records if "munjang[report]" in row.getMessage()]
    assert line.startswith("There is no HTML report: ")
    assert mj.load(tmp_path / "m").report.metrics == model.report.metrics
    assert not (tmp_path / "m" / "run" / "report.html").exists()
    said = command("sample:sentiment", "--backbone", "linear", "--out", tmp_path / "n")
    assert said.count("Report: none. ") == 1 and "pip install 'munjang[report]'" in said


def test_what_a_run_writes_it_writes_once(tmp_path, monkeypatch):
    from munjang.training import fit, scoring

    calls = []
    for module, name in ((fit, "write_removed"), (scoring, "model_card"), (scoring, "evaluate")):
        plain = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, p=plain, n=name, **k: (calls.append(n), p(*a, **k))[1])
    command("sample:sentiment", "--backbone", "linear", "--out", tmp_path / "m", "--no-report")
    assert calls == ["write_removed", "evaluate", "model_card"]
    assert not (tmp_path / "m" / "run" / "report.html").exists()


KILLED = """
import os, signal, sys
from munjang.training import scoring
scoring.{name} = lambda *words, **options: os.kill(os.getpid(), signal.SIGKILL)
from munjang.cli import main
sys.argv = ["munjang", "train", "sample:sentiment", "--backbone", "linear", "--out", "cut/m"]
main()
"""


@pytest.mark.parametrize("name", ["evaluate", "write_report"])
def test_a_run_that_was_killed_while_it_was_scored_is_completed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Path(mj.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", KILLED.format(name=name)], env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Path("cut/m/munjang.json").exists() and not Path("cut/m/run/report.html").exists()
    command("sample:sentiment", "--backbone", "linear", "--out", "cut/m", "--resume")
    Path("whole").mkdir()
    monkeypatch.chdir("whole")
    corpus = mj.load_corpus("sample:sentiment")
    mj.train(corpus, LINEAR, out="cut/m")
    cut, whole = contents(tmp_path / "cut" / "m"), contents(tmp_path / "whole" / "cut" / "m")
    reads = cut.pop("run/test_reads.jsonl").splitlines()
    assert whole.pop("run/test_reads.jsonl").splitlines() == reads[:1] == reads[-1:]
    assert cut == whole
