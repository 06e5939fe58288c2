"""Texts that a person reads, in the chosen language: English in the source, marked with `_`.

`_("{file}, line {line}: unknown label '{label}'.", file=path, line=7, label=name)` gives the text in the language of
`set_language`, with its fields filled in. A catalogue is a file of GNU gettext
(`locale/LANGUAGE/LC_MESSAGES/munjang.mo` beside this module); without one the text stays English. JSON keys, CSV
headers and logs are never translated.

A text names a setting as `{option:resume=True}`, `{option:label=COLUMN}` or `{option:label}`. Who reads it in Python
sees `resume=True`, `label="COLUMN"`, `label=…`; the command line shows its flags (`options_as`).
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CATALOGUES = Path(__file__).parent / "locale"

OptionForm = Callable[[Mapping[str, object]], str]
"""Settings and their values, None for a setting without one, as a text."""


def python_form(values: Mapping[str, object]) -> str:
    """Settings as arguments of a call: `text="본문", resume=True`."""
    return ", ".join(f"{name}={'…' if value is None else quoted(value)}" for name, value in values.items())


def quoted(value: object) -> str:
    """A value as Python code; a text is in double quotes if it has none."""
    return f'"{value}"' if isinstance(value, str) and '"' not in value else repr(value)


OPTION_MARK = "{option:"

_catalogue = gettext.NullTranslations()
_option_form: OptionForm = python_form
_language = "en"


def set_language(language: str) -> None:
    """Give all texts in `language` ("en", "ko") from now on; in English if munjang has no catalogue for it."""
    global _catalogue, _language
    _catalogue = gettext.translation("munjang", CATALOGUES, [language], fallback=True)
    _language = language if isinstance(_catalogue, gettext.GNUTranslations) else "en"


def language() -> str:
    """The language in use."""
    return _language


def _(text: str, /, **fields: object) -> str:
    """`text` in the language in use, with its named fields filled in as `str.format` does."""
    translated = _catalogue.gettext(text) if text else ""  # a catalogue keeps its own header under ""
    return with_fields(translated, fields) if fields or OPTION_MARK in text else translated


def ngettext(one: str, many: str, count: int, /, **fields: object) -> str:
    """The form of a text for `count` things, in the language in use; `{count}` is one of its fields."""
    return with_fields(_catalogue.ngettext(one, many, count), {"count": count, **fields})


def N_(text: str) -> str:
    """Mark a text of a table that is made before the language is known; `_(text)` translates it where it is shown."""
    return text


class Message(str):
    """A text that names settings as who runs munjang gives them. stored: the same text with settings as in Python."""

    stored: str


def with_fields(text: str, fields: Mapping[str, object]) -> str:
    """The text with its fields; a Message if it names settings in another form than Python's."""
    shown = text.format(option=OPTION, **fields)
    if OPTION_MARK not in text and not any(isinstance(value, Message) for value in fields.values()):
        return shown
    with options_as(python_form):
        message = Message(shown)
        message.stored = text.format(option=OPTION, **{name: stored(value) for name, value in fields.items()})
    return message


def stored(value: object) -> Any:
    """A text as files keep it, the same whoever runs munjang; other values as they are."""
    return value.stored if isinstance(value, Message) else value


class _Option:
    """The field `option` of every text: its format is the setting, `NAME` or `NAME=VALUE`."""

    def __format__(self, setting: str) -> str:
        name, sign, value = setting.partition("=")
        number = int(value) if value.isdecimal() else float(value) if value.replace(".", "", 1).isdecimal() else value
        literal = True if value == "True" else number
        return option_text(**{name: literal if sign else None})


OPTION = _Option()


def option_text(**values: object) -> str:
    """Settings and their values in the form in use; None for a setting without a value."""
    return _option_form(values)


def option_form() -> OptionForm:
    """The form in use, for another process to use."""
    return _option_form


@contextmanager
def options_as(form: OptionForm) -> Iterator[None]:
    """Within the block, texts show settings in this form."""
    global _option_form
    before, _option_form = _option_form, form
    try:
        yield
    finally:
        _option_form = before
