"""The language of the command line: which one is asked for, and what typer itself says in it."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from munjang.errors import ConfigError
from munjang.translation import LANGUAGES, N_, _, language

HEADINGS = (N_("Usage:"), N_("Options:"), N_("Arguments:"), N_("Commands:"))
HELP_OF_HELP = N_("Show this message and exit.")
WRONG_VALUES = {
    r"Input should be a valid integer": N_("A whole number is needed."),
    r"Input should be a valid number": N_("A number is needed."),
    r"Input should be greater than or equal to (?P<least>\S+)": N_("The number must be at least {least}."),
    r"Input should be less than or equal to (?P<most>\S+)": N_("The number must be at most {most}."),
    r"Input should be (?P<values>'.*')": N_("It must be one of {values}."),
    r"Option '(?P<flag>\S+)' requires an argument\.": N_("{flag} needs a value."),
    r"No such command '(?P<verb>.*)'\.": N_("There is no verb '{verb}'."),
    r"Missing command\.": N_("A verb is missing."),
    r"Got unexpected extra arguments? \((?P<words>.*)\)": N_("There is too much on the line: {words}."),
}
"""What typer says -> the same for users."""


class Translated(logging.Formatter):
    """Shows the messages of the log in the language in use; in the log itself they stay English."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        record.msg = _(str(record.msg))
        return super().format(record)


class Verb(TyperCommand):
    """A verb whose help comes in the language in use."""

    def get_help(self, ctx: Any) -> str:
        return in_language(super().get_help(ctx))


def in_language(text: str) -> str:
    """A help text of typer with its own words in the language in use."""
    for heading in HEADINGS:
        text = re.sub(rf"^{heading}", _(heading), text, flags=re.MULTILINE)
    text = text.replace(HELP_OF_HELP, _(HELP_OF_HELP))
    return re.sub(r"\[(required|default|env var)(?=\]|: )", lambda match: f"[{_(NOTES[match[1]])}", text)


NOTES = {"required": N_("required"), "default": N_("default"), "env var": N_("environment variable")}


def without_language(words: list[str]) -> list[str]:
    """The words of a command line without `--lang`, which may stand anywhere. ConfigError: no such language."""
    kept, names = [], []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        if word == "--lang" or word.startswith("--lang="):
            names.append(word.partition("=")[2] or next(rest, ""))
        else:
            kept.append(word)
    for name in names:
        if name not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise ConfigError(_("--lang is '{name}'; it must be one of {known}.", name=name, known=known))
    return kept


def usage_error() -> type[Exception]:
    """The class of typer's errors about a command line; typer names only its child BadParameter."""
    return typer.BadParameter.__mro__[1]


def said(error: Any) -> Exception:
    """An error about the command line in the language in use: typer's own in English, one line in another."""
    if language() == "en":
        return error
    kind, help_command = type(error).__name__, f"{error.ctx.command_path} --help" if error.ctx else "munjang --help"
    typer.echo(_("munjang: {reason}", reason=reasons.get(kind, wrong_argument)(error)), err=True)
    typer.echo(_("Try '{command}' for help.", command=help_command), err=True)
    return typer.Exit(2)


def wrong_argument(error: Any) -> str:
    """What is wrong with a value, and of which option."""
    matches = ((re.match(form, error.message), text) for form, text in WRONG_VALUES.items())
    message = next((_(text).format(**match.groupdict()) for match, text in matches if match), error.message)
    flag = parameter(error)
    return _("{flag}: {reason}", flag=flag, reason=message) if flag else message


def parameter(error: Any) -> str:
    """The option or argument that an error is about, as the user writes it."""
    param = getattr(error, "param", None)
    if param is None:
        return ""
    return param.opts[0] if param.param_type_name == "option" else (param.metavar or param.name)


reasons: dict[str, Callable[[Any], str]] = {
    "NoSuchOption": lambda error: (
        _("There is no option {flag}.", flag=error.option_name)
        + (" " + _("Is it {names}?", names=", ".join(error.possibilities)) if error.possibilities else "")
    ),
    "MissingParameter": lambda error: _("{name} is missing.", name=parameter(error)),
}
"""The class of typer's error -> what is said."""
