"""Make tutorial.ko.ipynb from tutorial.ko.md, which is the one to edit.

    python docs/make_notebook.py          write the notebook
    python docs/make_notebook.py --run    first run the code and put what it prints into the Markdown

Every ```python block becomes a code cell, and a ```text block right after it is what it printed; "```text varies" where
that differs from machine to machine. All else becomes Markdown cells.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

TUTORIAL = Path(__file__).with_name("tutorial.ko.md")
CODE = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text(?P<varies> varies)?\n(?P<output>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Cell:
    """A piece of the tutorial. output: what a code cell prints, None where the tutorial does not show it."""

    kind: str  # "markdown" or "code"
    text: str
    output: str | None = None
    varies: bool = False

    def to_markdown(self) -> str:
        if self.kind == "markdown":
            return self.text
        shown = "" if self.output is None else f"\n```text{' varies' * self.varies}\n{self.output}```\n"
        return f"```python\n{self.text}```\n{shown}"

    def to_notebook(self, number: int) -> dict[str, Any]:
        common = {"id": f"cell-{number:03}", "metadata": {}, "source": self.text.strip("\n").splitlines(keepends=True)}
        if self.kind == "markdown":
            return {"cell_type": "markdown", **common}
        stream = {"name": "stdout", "output_type": "stream", "text": (self.output or "").splitlines(keepends=True)}
        return {"cell_type": "code", "execution_count": None, "outputs": [stream] if self.output else [], **common}


def read_cells(markdown: str) -> Iterator[Cell]:
    """The cells of a tutorial, in order; their `to_markdown` joined is the tutorial again."""
    end = 0
    for match in CODE.finditer(markdown):
        yield Cell("markdown", markdown[end : match.start()])
        yield Cell("code", match["code"], match["output"], match["varies"] is not None)
        end = match.end()
    yield Cell("markdown", markdown[end:])


def to_notebook(cells: list[Cell]) -> str:
    """The cells as a notebook in nbformat 4.5."""
    filled = [cell for cell in cells if cell.text.strip()]
    notebook = {
        "cells": [cell.to_notebook(number) for number, cell in enumerate(filled, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def run_cells(cells: list[Cell], space: dict[str, Any]) -> Iterator[str]:
    """Run the code cells in order in one namespace, in the working folder; what each prints."""
    for number, cell in enumerate(cells):
        if cell.kind == "code":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(cell.text, f"{TUTORIAL.name}, cell {number}", "exec"), space)
            yield printed.getvalue()


def refresh(cells: list[Cell]) -> list[Cell]:
    """The cells with what they print now; the drawing of lengths goes to images/."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            printed = run_cells(cells, {"__name__": "__main__"})
            cells = [replace(cell, output=(next(printed) or None)) if cell.kind == "code" else cell for cell in cells]
            picture = Path("lengths.png").read_bytes()
        finally:
            os.chdir(home)
    TUTORIAL.with_name("images").mkdir(exist_ok=True)
    (TUTORIAL.with_name("images") / "tutorial-lengths.png").write_bytes(picture)
    return cells


def main() -> None:
    cells = list(read_cells(TUTORIAL.read_text(encoding="utf-8")))
    if "--run" in sys.argv[1:]:
        cells = refresh(cells)
        TUTORIAL.write_text("".join(cell.to_markdown() for cell in cells), encoding="utf-8")
    TUTORIAL.with_suffix(".ipynb").write_text(to_notebook(cells), encoding="utf-8")


if __name__ == "__main__":
    main()
