"""The house keeps its plan: no circle of imports, few files in a room, one name for one thing, a page that shows it."""

import ast
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import rooms  # noqa: E402

TWICE = {
    "load": "each backend opens its own kind of folder; munjang.load opens any",
    "save": "each backend writes its own kind of folder",
    "HELP": "each verb of the command line has its own help",
}
"""Public names that two modules define, and why. `log`, the logger, is everywhere."""


def test_no_modules_import_each_other_in_a_circle():
    graph = rooms.module_graph()
    assert len(graph) > 100 and "config.settings" in graph["training.run"]
    assert rooms.circles(graph) == []


def test_a_circle_is_found_however_long_it_is():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"f"}, "f": {"e"}}
    assert sorted(rooms.circles(graph)) == [["a", "b", "c"], ["e", "f"]]
    assert rooms.circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_imports_in_functions_and_for_types_are_counted(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from munjang.records import Corpus\n"
        "def f():\n    import munjang.files\n    from munjang import tables\n"
    )
    known = {"records": module, "files": module, "tables": module}
    assert set(rooms.imports(module, known)) == {"records", "files", "tables"}


def test_the_contract_of_the_floors_makes_no_exception():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = settings["contracts"]
    assert contract["type"] == "layers" and contract["exhaustive"] is True
    assert "ignore_imports" not in contract and "exclude_type_checking_imports" not in settings
    listed = {room for floor in contract["layers"] for room in floor.split(" | ")}
    assert not any(":" in floor for floor in contract["layers"]), "rooms of one floor must not import each other"
    there = {path.stem for path in (ROOT / "munjang").glob("*.py")} | {
        path.parent.name for path in (ROOT / "munjang").glob("*/__init__.py")
    }
    assert listed == there - {"__init__"}


def test_a_stranger_finds_few_files_in_every_room():
    assert len(list((ROOT / "munjang").glob("*.*"))) <= 9
    for top in ("munjang", "tests"):
        for folder in (ROOT / top).rglob("*"):
            if folder.is_dir() and folder.name not in ("cli", "__pycache__") and "old_models" not in folder.parts:
                files = [path for path in folder.iterdir() if path.is_file()]
                assert len(files) <= 15, folder


def test_no_public_name_means_two_things():
    modules = defaultdict(list)
    for name, path in rooms.modules().items():
        for node in ast.parse(path.read_text("utf-8")).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            for public in names:
                if not public.startswith("_") and public != "log":
                    modules[public].append(name)
    twice = {name: sorted(set(where)) for name, where in modules.items() if len(set(where)) > 1}
    assert len(modules) > 1000 and set(twice) == set(TWICE), twice
    assert len(TWICE) <= 5


def test_the_page_shows_the_rooms_as_they_are():
    text = rooms.PAGE.read_text("utf-8")
    assert rooms.BEGIN in text and rooms.page_with_rooms(text) == text, "run: python docs/rooms.py write"


def test_the_walk_from_a_file_to_a_model_folder_names_each_room_once():
    walk = rooms.PAGE.read_text("utf-8").partition("## From a file to a model folder")[2].partition("\n## ")[0]
    named = [word for word in walk.split("`") if word.endswith("/")]
    assert len(named) > 5 and len(named) == len(set(named)), named
    assert all((ROOT / "munjang" / word).is_dir() for word in named), named
