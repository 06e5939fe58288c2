"""Finds texts in the source and the templates of munjang that reach a user without being marked for translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import nodes

from munjang.reports.templates import environment

MARKERS = {"_", "ngettext", "N_"}
LOGGING = {"debug", "info", "warning", "error", "exception", "log"}
SPEAKING = {"echo", "secho", "print", "confirm", "prompt", "BadParameter"}
"""Calls that show their arguments to a user, beside the errors of munjang."""
TABLES = {"format_table", "markdown_table"}
"""Calls whose first argument is the header of a table."""
DRAWN = {"set_xlabel", "set_ylabel", "set_title"}
"""Calls that put their arguments into a plot."""
WORD = re.compile(r"[A-Za-z]{2,}")
PROSE = re.compile(r"[A-Za-z]{2,},? [A-Za-z']{1,},? [A-Za-z]{2,}")
"""Three words in a row: a sentence or a part of one, wherever it stands."""
NOT_PROSE = re.compile(r"^\s*(<|[.#]?[\w-]+\s*\{)|^[\w\s,-]*:\s*[\w#%.-]+;")
"""HTML tags and CSS."""


def error_names(sources: dict[Path, ast.Module]) -> set[str]:
    """The names of MunjangError and of every class that comes from it."""
    names = {"MunjangError"}
    while True:
        more = {
            node.name
            for tree in sources.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in names for base in node.bases)
        } - names
        if not more:
            return names
        names |= more


def unmarked_texts(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """(file, line, text) of every unmarked text under `folder` that reaches a user."""
    for path in sorted(folder.rglob("*.j2")):
        for line, text in sorted({*words_outside(path), *words_inside(path)}):
            yield path.relative_to(folder), line, text
    sources = {path: ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))}
    errors = error_names(sources)
    for path, tree in sources.items():
        hidden = silent_strings(tree)
        found = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for part in shown_parts(node, errors):
                    for text in strings_in(part, hidden):
                        if WORD.search(text.value):
                            found[text.lineno, text.value] = text
        for text in strings_in(tree, hidden):
            if PROSE.search(text.value) and not NOT_PROSE.search(text.value):
                found[text.lineno, text.value] = text
        for line, value in sorted(found):
            yield path.relative_to(folder), line, value


def shown_parts(call: ast.Call, errors: set[str]) -> Iterator[ast.AST]:
    """The arguments of a call that a user sees."""
    name = call_name(call)
    if name in errors or name in SPEAKING or (name in DRAWN and isinstance(call.func, ast.Attribute)):
        yield from call.args
    elif name in ("Option", "Argument"):
        yield from (keyword.value for keyword in call.keywords if keyword.arg == "help")
    elif name in TABLES and call.args:
        yield call.args[0]


def strings_in(node: ast.AST, hidden: set[int]) -> Iterator[ast.Constant]:
    """The strings in a part of the source, without those of marked calls and those that no user sees."""
    if id(node) in hidden:
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node
        return
    if isinstance(node, ast.Call) and call_name(node) in MARKERS:
        for keyword in node.keywords:  # a field may hold a text of its own
            yield from strings_in(keyword.value, hidden)
        return
    for child in ast.iter_child_nodes(node):
        yield from strings_in(child, hidden)


def silent_strings(tree: ast.Module) -> set[int]:
    """Parts of the source that no user sees: docstrings, logs, names of attributes, subscripts and comparisons."""
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(id(node.value))
        elif isinstance(node, ast.Call):
            name = call_name(node)
            on = node.func.value if isinstance(node.func, ast.Attribute) else None
            if name in LOGGING and isinstance(on, ast.Name) and on.id in ("log", "logging"):
                hidden.add(id(node))
            elif name in ("getattr", "join", "split", "partition", "replace", "strip", "startswith", "endswith", "get"):
                hidden |= {id(part) for part in node.args if isinstance(part, ast.Constant)}
                hidden |= {id(on)} if isinstance(on, ast.Constant) else set()
            elif name in ("compile", "sub", "search", "match", "fullmatch", "findall") and isinstance(on, ast.Name):
                hidden |= {id(part) for part in node.args}
        elif isinstance(node, ast.Subscript):
            hidden.add(id(node.slice))
        elif isinstance(node, ast.Compare):
            hidden |= {id(part) for part in (node.left, *node.comparators)}
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            hidden.add(id(node.format_spec))
        elif isinstance(node, ast.Dict):
            hidden |= {id(key) for key in node.keys if key is not None}
    return hidden


def call_name(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


# Templates

EXPRESSION = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
TITLES_IN_TAGS = re.compile(r"(?<=\b)(?:alt|title|aria-label|placeholder)=\"([^\"]*)\"")
CODE = {
    ".html": re.compile(r"<(pre|style)\b.*?</\1>|<[^>]*>", re.DOTALL),
    ".md": re.compile(r"\A\s*---\n.*?\n---\n|^```.*?^```|`[^`\n]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE),
}
"""What is no text for a reader: tags, code, the front matter of a card, addresses."""
DRAWING_MACROS = {"section", "folded", "remark"}
NAME = re.compile(r"[a-z_.-]+")
"""A value for the template itself, such as the kind of a plot, if it is not shown."""


def blanked(pattern: re.Pattern, text: str) -> str:
    """`text` with spaces in place of what matches; lines keep their numbers."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def words_outside(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the words of a template that stand in no expression; the name munjang may."""
    text = blanked(EXPRESSION, path.read_text("utf-8"))
    plain = blanked(CODE[path.with_suffix("").suffix], text)
    for number, (whole, line) in enumerate(zip(text.splitlines(), plain.splitlines(), strict=True), start=1):
        for shown in (line.strip(), *TITLES_IN_TAGS.findall(whole)):
            if WORD.search(shown.replace("munjang", "")):
                yield number, shown


def template_tree(path: Path) -> nodes.Template:
    """The syntax tree of a template."""
    return environment(path.with_suffix("").suffix[1:]).parse(path.read_text("utf-8"))


def words_inside(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the strings in the expressions of a template that reach a reader."""
    for string, shown in template_strings(template_tree(path)):
        if WORD.search(string.value) and (shown or not NAME.fullmatch(string.value)):
            yield string.lineno, string.value


def template_strings(node: nodes.Node, shown: bool = False) -> Iterator[tuple[nodes.Const, bool]]:
    """The strings under a node, without those of marked calls, comparisons and filters; whether each is output."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node, shown
    elif isinstance(node, nodes.Call):
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        for part in [*([] if name in MARKERS else node.args), *(keyword.value for keyword in node.kwargs)]:
            yield from template_strings(part, name in DRAWING_MACROS)
    elif isinstance(node, nodes.Filter):
        yield from template_strings(node.node, shown and node.name != "json")
    elif not isinstance(node, nodes.Compare | nodes.Getitem | nodes.Extends | nodes.Include | nodes.FromImport):
        for part in node.iter_child_nodes():
            yield from template_strings(part, shown or isinstance(node, nodes.Output))


if __name__ == "__main__":
    import sys

    for file, line, text in unmarked_texts(Path(sys.argv[1])):
        print(f"{file}:{line}: {text!r}")
