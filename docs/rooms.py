"""The rooms of munjang and what imports what, read from the source: `python docs/rooms.py` prints the list of rooms.

docs/ARCHITECTURE.md shows that list; `python docs/rooms.py write` puts it there. A test compares the two.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "munjang"
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- rooms -->", "<!-- end of rooms -->"

Graph = Mapping[str, set[str]]
"""Module -> the modules of munjang that it imports; names without `munjang.`, the package itself "munjang"."""


def modules() -> dict[str, Path]:
    """Name -> file of every module, a package by its `__init__.py`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "assets":
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name or "munjang"] = path
    return found


def imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """What a module imports of munjang, wherever: at its top, in a function, under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "munjang":
            base = node.module.removeprefix("munjang").lstrip(".")
            for name in (f"{base}.{alias.name}".lstrip(".") for alias in node.names):
                yield name if name in known else base or "munjang"
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names if alias.name.split(".")[0] == "munjang")
            yield from (name.removeprefix("munjang").lstrip(".") or "munjang" for name in names)


def module_graph() -> Graph:
    """What every module imports."""
    known = modules()
    return {name: set(imports(path, known)) - {name} for name, path in known.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return found


def layers() -> list[str]:
    """The rooms from the top floor down, as the contract in pyproject.toml has them; a floor of two is `a | b`."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    return list(contract["layers"])


def summary(path: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[0]


def room_list() -> str:
    """Every room with what it is for and its modules, from the top floor down; inner rooms under their own."""
    known = modules()
    lines = []
    for floor in layers():
        for room in floor.split(" | "):
            if room != "__main__":
                lines += describe(room, known)
    return "\n".join(lines)


def describe(room: str, known: Mapping[str, Path]) -> list[str]:
    """The lines of one room and of the rooms in it; of a single module one line."""
    path = known[room]
    depth = room.count(".")
    indent = "  " * depth
    if path.name != "__init__.py":
        return [f"{indent}{room.rpartition('.')[2]}.py: {summary(path)}"]
    inner = [name for name in known if name.rpartition(".")[0] == room]
    plain = [name.rpartition(".")[2] for name in inner if known[name].name != "__init__.py"]
    lines = [f"{indent}{room.rpartition('.')[2]}/: {summary(path)}"]
    lines += textwrap.wrap(
        ", ".join(plain), 110, initial_indent=indent + "    ", subsequent_indent=indent + "    ", break_on_hyphens=False
    )
    for name in inner:
        if known[name].name == "__init__.py":
            lines += describe(name, known)
    return lines


def page_with_rooms(text: str) -> str:
    """The page with the list of rooms between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n```\n{room_list()}\n```\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(page_with_rooms(PAGE.read_text("utf-8")), encoding="utf-8")
    else:
        print(room_list())
