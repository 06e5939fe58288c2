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
KOREAN = sorted((ROOT / "docs" / "ko").glob("*.md"))
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *KOREAN,
    *(ROOT / name for name in ("README.md", "README.ko.md", "CONTRIBUTING.md")),
]
PAGES = [page for page in PAGES if page.exists()]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "console", "bash", "shell")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
GROUP = typer.main.get_command(app)
UsageError = typer.BadParameter.__base__  # typer brings a click of its own, or takes the installed one

NUMBER = re.compile(r"\d[\d,.]*\d")  # of one digit there are also words
COMMENT = re.compile(r"(?:^|\s+)#\s.*$", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
each_korean_page = pytest.mark.parametrize("page", KOREAN, ids=lambda page: page.name)


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
    codes = re.findall(r"`((?!bench/)[^`]+)`", prose(page.read_text("utf-8")))  # a bench has options of its own
    named = {flag for code in codes for flag in FLAG.findall(code)}
    foreign = {"--help", "--logdir", "--nproc-per-node"}  # of every program, of tensorboard, of torchrun
    assert named - known - foreign == set()


def links(page: Path) -> list[tuple[Path, str]]:
    """What a page links to in the repository: the file, and the heading in it or ""."""
    found = [link for link in LINK.findall(prose(page.read_text("utf-8"))) if not re.match(r"[a-z]+:", link)]
    parts = [link.partition("#") for link in found]
    return [((page.parent / file).resolve() if file else page, heading) for file, _, heading in parts]


def anchors(page: Path) -> set[str]:
    """The headings of a page as the anchors that GitHub makes of them."""
    headings = re.findall(r"^#+ (.*)$", prose(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_relative_link_leads_to_a_file_and_to_a_heading_of_it(page):
    wrong = [(to.name, heading) for to, heading in links(page) if not to.exists()]
    assert wrong + [(to.name, heading) for to, heading in links(page) if heading and heading not in anchors(to)] == []


@each_page
def test_bold_text_is_bold_before_a_particle_too(page):
    """Markdown does not end bold text between a sign and a letter, as in **정확도(accuracy)**는."""
    text = re.sub(r"`[^`]*`", "`", prose(page.read_text("utf-8")))
    bold = re.findall(r"\*\*([^*]+)\*\*(\w?)", text)
    assert [words for words, after in bold if after and not words[-1].isalnum()] == []


def facts(page: Path) -> dict[str, object]:
    """What a page holds in any language: blocks without their comments, depths of headings, code, numbers, tables."""
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text("utf-8"))
    words, blocks = prose(text), [COMMENT.sub("", body) for _, body in BLOCK.findall(text)]
    return {
        "blocks": blocks,
        "headings": re.findall(r"^#+", words, re.MULTILINE),
        "code": set(re.findall(r"`([^`]+)`", re.sub(r"\s+", " ", words))),
        "numbers": set(NUMBER.findall("\n".join([*blocks, re.sub(r"`[^`]+`", "", words)]))),
        "tables": [sorted(NUMBER.findall(row)) for row in re.findall(r"^\|.*", words, re.MULTILINE)],
    }


@each_korean_page
def test_a_korean_page_says_what_the_english_page_says(page):
    """Whoever changes one changes both: the same commands and outputs in the same order, the same code and numbers."""
    english = facts(ROOT / "docs" / page.name)
    for what, found in facts(page).items():
        assert found == english[what], what


@each_korean_page
def test_the_two_languages_of_a_page_lead_to_each_other(page):
    assert f"[English](../{page.name})" in page.read_text("utf-8").splitlines()[2]
    assert f"[한국어](ko/{page.name})" in (ROOT / "docs" / page.name).read_text("utf-8").splitlines()[2]


def test_korean_pages_lead_to_korean_pages():
    names = {page.name for page in KOREAN}
    for page in (*KOREAN, ROOT / "README.ko.md", ROOT / "docs" / "tutorial.ko.md"):
        english = {to.name for to, _ in links(page) if to.parent == ROOT / "docs"}
        assert english & names == ({page.name} if page in KOREAN else set())
    assert names <= {to.name for to, _ in links(ROOT / "README.ko.md")}


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
