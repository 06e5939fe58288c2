"""A task is one module: nothing else of munjang knows the tasks by their names."""

import ast
from pathlib import Path

import munjang
from munjang.tasks import TASKS

ROOT = Path(munjang.__file__).parent
CLASSES = {"Classification", "MultiLabel", "Heads", "ParsingTask", "BiaffineParsing", "RoundsParsing", "TreeReport"}


def branches(tree: ast.Module) -> list[str]:
    """Comparisons with the name of a task, and questions for the class of a task."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            values = [part for side in (node.left, *node.comparators) for part in getattr(side, "elts", [side])]
            names = {value.value for value in values if isinstance(value, ast.Constant)}
            if names & {*TASKS, "trees", "probabilities"}:
                found.append(ast.unparse(node))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            if asked & CLASSES:
                found.append(ast.unparse(node))
    return found


def test_nothing_outside_the_tasks_asks_for_a_task_by_its_name_or_class():
    found = {
        f"{path.relative_to(ROOT)}: {branch}"
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] != "tasks"
        for branch in branches(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()
    templates = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.j2")]
    assert len(templates) > 5 and not any(" task ==" in text or ".task ==" in text for text in templates)


def test_the_search_finds_what_it_looks_for():
    code = "if task == 'parsing' or isinstance(task, (Heads, str)) or kind in ('multi-label', 'x'): pass"
    assert len(branches(ast.parse(code))) == 3
