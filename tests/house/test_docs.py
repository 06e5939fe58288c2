"""The pages say what is true: every command parses, every link leads somewhere, every Python block compiles."""

import re
import shlex
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from munjang.cli import app
from munjang.config.settings import CleanConfig, TrainConfig
from munjang.data.corpora.schema import Original
from munjang.data.corpora.table import CORPORA

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "README.ko.md", "CONTRIBUTING.md")),
]
PAGES = [page for page in PAGES if page.exists()]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "console", "bash", "shell")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
GROUP = typer.main.get_command(app)
UsageError = typer.BadParameter.__base__  # typer brings a click of its own, or takes the installed one

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(text: str) -> str:
    """A page without its code blocks."""
    return BLOCK.sub("", text)


def shell_lines(kind: str, body: str) -> list[str]:
    """The command lines of a block: after `$ ` in a console, else all; a line that ends in a backslash goes on."""
    lines = body.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if kind != "console" or line.startswith("$ ")]


def commands(text: str) -> list[list[str]]:
    """Every `munjang …` of a page as words, from shell blocks and from `code` in its prose."""
    lines = [line for kind, body in BLOCK.findall(text) if kind in SHELL for line in shell_lines(kind, body)]
    lines += re.findall(r"`(munjang [^`]+)`", prose(text))
    found = []
    for line in lines:
        line = re.sub(r"\$\(.*?\)", "X", line)  # what a shell would put in
        for part in re.split(r"\s\|\s(?=\w)|&&|;(?=\s)", line):
            match = re.search(r"(?:^|[\s/])(?:-m )?munjang (?!·)(.+)", part)
            if match:
                found.append([word for word in shlex.split(match[1], comments=True) if word not in ("…", "...")])
    return found


def problem(words: list[str]) -> str:
    """Why a command cannot be meant, or "": an unknown verb, an unknown option, or a value that an option refuses."""
    options = {name: option for option in GROUP.params for name in option.opts}
    while words and words[0].startswith("-"):
        if words[0] not in options and words[0] != "--help":
            return f"no option {words[0]} of munjang"
        words = words[1:]
    if not words:
        return ""
    verb, rest = words[0], list(words[1:])
    if verb not in GROUP.commands:
        return f"no verb {verb}"
    command = GROUP.commands[verb]
    rest = rest[: rest.index("<")] if "<" in rest else rest
    if "--help" in rest:
        return ""
    try:
        command.make_parser(command.context_class(command)).parse_args(rest)
    except UsageError as error:
        return error.format_message()
    return ""


@each_page
def test_every_command_parses(page):
    wrong = [f"munjang {' '.join(words)}: {problem(words)}" for words in commands(page.read_text("utf-8"))]
    assert [line for line in wrong if not line.endswith(": ")] == []


def test_the_pages_show_commands_of_every_verb():
    shown = {words[0] for page in PAGES for words in commands(page.read_text("utf-8")) if words}
    assert set(GROUP.commands) <= shown


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("$ munjang trian x.csv", "no verb trian"),
        ("$ munjang train x.csv --epoch 3", "--epoch"),
        ("$ cat x | munjang predict runs/x --outt y.csv", "--outt"),
        ("$ torchrun --nproc-per-node 2 -m munjang train x --bactch-size 3", "--bactch-size"),
        ("$ .venv/bin/munjang corporra", "no verb corporra"),
        ("$ munjang --verbose corpora", "no option --verbose"),
        ("$ munjang train x.csv --out", "--out"),
    ],
)
def test_a_slip_in_a_command_is_found(line, why):
    (words,) = commands(f"```console\n{line}\n```\n")
    assert why in problem(words)


@each_page
def test_every_option_named_in_the_prose_exists(page):
    options = [option for command in (GROUP, *GROUP.commands.values()) for option in command.params]
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    named = {flag for code in re.findall(r"`([^`]+)`", prose(page.read_text("utf-8"))) for flag in FLAG.findall(code)}
    foreign = {"--help", "--logdir", "--nproc-per-node"}  # of every program, of tensorboard, of torchrun
    assert named - known - foreign == set()


@each_page
def test_every_relative_link_leads_to_a_file(page):
    links = [link for link in LINK.findall(prose(page.read_text("utf-8"))) if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []


@each_page
def test_every_python_block_compiles(page):
    for kind, body in BLOCK.findall(page.read_text("utf-8")):
        if kind in ("python", "py"):
            compile(body, page.name, "exec")


def test_what_contributors_are_told_to_run_and_to_edit_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {"test", "lint"} <= set(re.findall(r"[`$] ?make (\w+)", text)) <= set(targets)
    paths = re.findall(r"(?<![\w./-])((?:munjang|tests|docs|bench)/[\w./]*)", text)
    assert len(paths) > 20 and [path for path in paths if not (ROOT / path).exists()] == []
    for table, module in re.findall(r"`([A-Z]+)`,? in `(munjang/[\w/]+\.py)`", text):
        assert f"\n{table}" in (ROOT / module).read_text("utf-8")


def rows_of(page: str, first: str) -> dict[str, list[str]]:
    """The table whose first column is called `first`: what stands in backticks in a row's first cell -> its cells."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    table = text[text.index(f"| {first} |") :].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {row[0].strip("`"): row for row in cells}


def settings(config: object, prefix: str = "") -> dict[str, str]:
    """Every setting with its default, as the page writes it."""
    found = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            found |= settings(value, f"{prefix}{field.name}.")
        else:
            shown = ",".join(value) if isinstance(value, tuple) else str(value)
            found[prefix + field.name] = shown.lower() if value in (None, True, False) else shown
    return found


def test_the_table_of_settings_has_each_with_its_default_and_flag():
    assert isinstance(TrainConfig().clean, CleanConfig)
    rows, flags = rows_of("training.md", "setting"), {name for p in GROUP.commands["train"].params for name in p.opts}
    assert {name: row[1].strip("`") for name, row in rows.items()} == settings(TrainConfig())
    shown = {flag for row in rows.values() for flag in re.findall(r"`(--[a-z-]+)`", row[2])}
    assert shown <= flags
    direct = {f"--{name.replace('_', '-')}" for name in rows} & flags
    assert direct <= shown


def test_the_table_of_local_files_has_every_original_file():
    rows = rows_of("data.md", "corpus")
    for row in CORPORA.values():
        for original in row.originals:
            assert isinstance(original, Original)
            assert f"`{original.name}`" in rows[row.folder][1]


def test_the_list_of_corpora_is_printed_as_it_is_shown():
    text = (ROOT / "docs" / "data.md").read_text("utf-8")
    shown = next(body for kind, body in BLOCK.findall(text) if body.startswith("$ munjang corpora\n"))
    printed = CliRunner().invoke(app, ["corpora"]).stdout.splitlines()
    assert [line for line in shown.splitlines()[1:] if line != "…" and line not in printed] == []
