"""The sentence's tree among the answers of `analyze`, with and without a packaged parser."""

import csv
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
from heads_models import HEADS, save_heads
from parsers import TREES
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.data.trees.pictures import tree_lines
from munjang.errors import BundleError, ConfigError, UnknownName
from munjang.inference import analyzer as analysis
from munjang.inference import heads

TEXT, PLACES, NAMES = TREES[0]
COMPACT = "4:NP_SBJ 4:NP_OBJ 4:NP_AJT 0:VP"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_heads(tmp_path_factory.mktemp("models") / "native")


@pytest.fixture
def packaged(folder, tiny_parser, monkeypatch):
    """A model with heads and a tiny parser instead of the packaged ones."""
    for cached in (analysis.packaged_analyzer, analysis.shared_parser):
        cached.cache_clear()
    monkeypatch.setattr(heads, "PACKAGED_HEADS", folder)
    monkeypatch.setattr(heads, "PACKAGED_PARSER", tiny_parser.folder)
    yield
    for cached in (analysis.packaged_analyzer, analysis.shared_parser):
        cached.cache_clear()


@pytest.fixture
def without(packaged, tmp_path, monkeypatch):
    """The same without a parser."""
    monkeypatch.setattr(heads, "PACKAGED_PARSER", tmp_path / "none")


def run(*words, text=None):
    return CliRunner().invoke(app, list(map(str, words)), input=text)


def test_one_text_has_its_structure_among_the_answers(packaged):
    found = mj.analyze(TEXT)
    assert list(found.answers) == list(HEADS)
    assert found.structure.tree.heads == PLACES and found["structure"] is found.structure


def test_many_texts_have_it_where_it_is_asked_for(packaged):
    assert [found.structure for found in mj.analyze([TEXT, "좋다"])] == [None, None]
    first, empty = mj.analyze([TEXT, " "], tasks=["structure", "topic"])
    assert list(first.answers) == ["topic"] and first.structure.tree.relations == tuple(NAMES.split())
    assert (empty.note, len(empty.structure.tree)) == ("empty", 0)
    only = mj.analyze(TEXT, tasks="structure")
    assert (dict(only.answers), only.structure.tree.heads) == ({}, PLACES)
    assert mj.analyze(TEXT, tasks=["topic"]).structure is None


def test_the_terminal_shows_the_tree_below_the_answers(packaged):
    tree = tree_lines(mj.analyze(TEXT).structure.tree)
    shown = run("analyze", TEXT).stdout
    assert shown.endswith(f"\n\n{tree}\n") and shown.startswith("sentiment")
    assert run("analyze", TEXT, "--tasks", "structure").stdout == f"{tree}\n"
    found = json.loads(run("analyze", TEXT, "--tasks", "topic,structure", "--json").stdout)
    assert [word["head"] for word in found["structure"]["words"]] == list(PLACES)
    assert [item["kind"] for item in found["structure"]["relations"]] == ["subject", "object"]
    line = run("analyze", "-", "--tasks", "topic,structure", text=f"{TEXT}\n").stdout
    assert line.rstrip("\n").split("\t")[2:] == [COMPACT, TEXT]


def test_an_unknown_name_lists_the_structure_too(packaged):
    with pytest.raises(UnknownName, match=r"'structur'.*structure"):
        mj.analyze(TEXT, tasks=["structur"])


def test_a_file_gets_a_column_for_it(packaged, tmp_path):
    (tmp_path / "a.csv").write_text(f"본문\n{TEXT}\n좋다\n", encoding="utf-8")
    for tasks, columns in (("structure,topic", ["topic", "topic_score"]), ("structure", [])):
        done = run("analyze", tmp_path / "a.csv", "--tasks", tasks, "--out", tmp_path / "b.csv", "--overwrite")
        assert done.exit_code == 0, done.output + str(done.exception)
        with (tmp_path / "b.csv").open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == ["본문", *columns, "structure", "note"]
        assert [row["structure"] for row in rows] == [COMPACT, "0:VP"]


def test_without_a_packaged_parser_everything_else_answers(without, folder):
    assert mj.analyze(TEXT).structure is None
    assert "NP_SBJ" not in run("analyze", TEXT).stdout
    with pytest.raises(BundleError, match="has no packaged parser"):
        mj.analyze(TEXT, tasks=["structure"])
    with pytest.raises(BundleError, match="Train one: munjang train klue-dp"):
        mj.load("mini/parser")
    with pytest.raises(ConfigError, match="No task to analyse"):
        mj.analyze(TEXT, tasks=[])


def test_the_packaged_parser_has_a_name_and_is_left_as_it_is(packaged):
    model = mj.load("mini/parser")
    assert (model.name, model.predict(TEXT).tree.heads) == ("mini/parser", PLACES)
    assert heads.is_packaged_folder(model.folder)
    assert run("predict", "mini/parser", TEXT).stdout == tree_lines(model.predict(TEXT).tree) + "\n"
