"""Whoever opens a model reads its munjang.json once, and the reports in its folder only when they are asked for."""

import io
import shutil
from collections import Counter
from pathlib import Path

import pytest
from linear_models import reviews
from typer.testing import CliRunner

import munjang as mj
from munjang.bulk.plan import model_facts
from munjang.cli import app
from munjang.inference.analyzer import Analyzer
from munjang.inference.heads import PACKAGED_HEADS, PACKAGED_PARSER
from munjang.models.saved_reports import TEST_REPORT
from munjang.serving.models import open_models


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A linear model and a copy of the packaged heads."""
    root = tmp_path_factory.mktemp("models")
    shutil.copytree(PACKAGED_HEADS, root / "heads")
    return {"linear": reviews(root), "heads": root / "heads", "mini": PACKAGED_HEADS, "parser": PACKAGED_PARSER}


@pytest.fixture
def opened(monkeypatch):
    """How often each file is opened; pathlib opens through io.open."""
    counts, real = Counter(), io.open

    def counting(file, *options, **named):
        counts[file] += 1
        return real(file, *options, **named)

    monkeypatch.setattr(io, "open", counting)
    return counts


def run(*words):
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 0, result.output


WAYS = {
    "a folder": ("linear", lambda folder: mj.load(folder)),
    "a folder of heads": ("heads", lambda folder: mj.load(folder)),
    "FOLDER/HEAD": ("heads", lambda folder: mj.load(folder / "sentiment")),
    "mini/HEAD": ("mini", lambda folder: mj.load("mini/sentiment")),
    "Analyzer of a folder": ("heads", lambda folder: Analyzer(folder)),
    "Analyzer": ("mini", lambda folder: Analyzer()),
    "predict": ("linear", lambda folder: run("predict", folder, "좋아요")),
    "predict FOLDER/HEAD": ("heads", lambda folder: run("predict", folder / "sentiment", "좋아요")),
    "predict with a parser": ("parser", lambda folder: run("predict", "mini/parser", "좋아요")),
    "analyze": ("heads", lambda folder: run("analyze", "--model", folder, "좋아요")),
    "evaluate": ("linear", lambda folder: run("evaluate", folder, "sample:sentiment")),
    "evaluate FOLDER/HEAD": ("heads", lambda folder: run("evaluate", folder / "sentiment", "sample:sentiment")),
    "evaluate --against": (
        "linear",
        lambda folder: run("evaluate", "mini/sentiment", "sample:sentiment", "--against", folder),
    ),
    "serve": ("heads", lambda folder: open_models([str(folder)])),
    "serve FOLDER/HEAD": ("heads", lambda folder: open_models([str(folder / "sentiment")])),
    "a plan for many workers": ("heads", lambda folder: model_facts(folder / "sentiment")),
}


@pytest.mark.parametrize("way", WAYS)
def test_munjang_json_is_read_once(folders, opened, way):
    name, use = WAYS[way]
    use(folders[name])
    assert opened[folders[name] / "munjang.json"] == 1
    assert opened[folders[name] / TEST_REPORT] == 0


def test_the_report_in_the_folder_is_read_once_and_when_asked_for(folders, opened):
    model = mj.load(folders["linear"])
    assert str(model.report) and model.report is model.report
    assert (opened[folders["linear"] / TEST_REPORT], opened[folders["linear"] / "munjang.json"]) == (1, 1)


def test_a_name_below_a_single_model_is_no_head(folders):
    with pytest.raises(mj.errors.BundleError, match=r"No model folder .*reviews/sentiment"):
        mj.load(Path(folders["linear"], "sentiment"))
