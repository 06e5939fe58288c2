"""The help of the command line: a translatable text of each verb's module, shown whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from munjang import cli

VERBS = {command.name: command for command in cli.app.registered_commands}


def shown_help(*words: str) -> str:
    """What `munjang … --help` prints on a terminal of 80 columns."""
    result = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    return result.output


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_every_verb_of_the_command_line_is_registered():
    assert list(VERBS) == [
        "corpora", "clean", "review", "train", "evaluate", "predict", "analyze", "export", "serve", "pretrain",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_is_the_text_of_its_module_and_not_the_docstring(verb):
    command = VERBS[verb]
    assert command.help == sys.modules[command.callback.__module__].HELP
    assert command.callback.__doc__ and one_line(command.callback.__doc__) not in one_line(shown_help(verb))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_its_whole_help_with_its_paragraphs(verb):
    usage, *printed = shown_help(verb).split("\n\n")
    paragraphs = VERBS[verb].help.split("\n\n")
    assert usage.startswith("Usage: ")
    # a line may break after a hyphen
    assert ["".join(part.split()) for part in printed[: len(paragraphs)]] == [
        "".join(part.split()) for part in paragraphs
    ]


def test_the_list_of_verbs_shows_the_first_sentence_of_each_uncut():
    printed = shown_help()
    assert one_line(cli.HELP) in one_line(printed)
    lines = [one_line(line) for line in printed.partition("Commands:")[2].splitlines() if line]
    assert lines == [f"{verb} {command.help.partition('. ')[0].rstrip('.')}." for verb, command in VERBS.items()]


def test_every_help_text_goes_through_the_translator():
    code = (
        "from types import SimpleNamespace\n"
        "from munjang import translation\n"
        "translation._catalogue = SimpleNamespace(gettext=str.upper)\n"
        "translation.set_language = lambda language: None\n"
        "import typer.main\n"
        "from munjang.cli import app\n"
        "group = typer.main.get_command(app)\n"
        "options = [option for command in (group, *group.commands.values()) for option in command.params]\n"
        "texts = [item.help for item in (group, *group.commands.values(), *options) if item.help]\n"
        "print(len(texts), [text for text in texts if text != text.upper()])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    count, _, untranslated = printed.stdout.strip().partition(" ")
    assert int(count) > 100 and untranslated == "[]", printed.stderr


def test_the_help_of_train_shows_at_most_thirty_options_and_the_pages_have_them_all():
    import typer.main

    options = [param.opts[0] for param in typer.main.get_command(cli.app).commands["train"].params]
    shown = set(re.findall(r"^  (--[a-z-]+)", shown_help("train"), re.MULTILINE))
    assert {"--epochs", "--backbone", "--out", "--help"} < shown and len(shown) <= 30
    docs = Path(__file__).parents[2] / "docs"
    pages = "".join((docs / f"{name}.md").read_text("utf-8") for name in ("training", "data", "cleaning"))
    assert [option for option in options if option.startswith("--") and option not in pages] == []
