"""Texts that a person reads, in the chosen language: English in the source, marked with `_`.

`_("{file}, line {line}: unknown label '{label}'.", file=path, line=7, label=name)` gives the text in the language of
`set_language`, with its fields filled in. A catalogue is a file of GNU gettext
(`locale/LANGUAGE/LC_MESSAGES/munjang.mo` beside this module); without one the text stays English. JSON keys, CSV
headers and logs are never translated.

Python starts in the language of MUNJANG_LANG, else in English; the command line also takes `--lang` and the locale.

A Korean text writes 을(를), 이(가), 은(는), 과(와) or (으)로 behind a field, and the field's value decides which it is.

A text names a setting as `{option:resume=True}`, `{option:label=COLUMN}` or `{option:label}`. Who reads it in Python
sees `resume=True`, `label="COLUMN"`, `label=…`; the command line shows its flags (`options_as`).
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from string import Formatter
from typing import Any

CATALOGUES = Path(__file__).parent / "locale"
LANGUAGES = ("en", "ko")
LANGUAGE_VARIABLE = "MUNJANG_LANG"

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
    _catalogue = gettext.NullTranslations()
    if language in LANGUAGES:
        _catalogue = gettext.translation("munjang", CATALOGUES, [language], fallback=True)
    _language = language if isinstance(_catalogue, gettext.GNUTranslations) else "en"


def chosen_language(words: list[str], environment: Mapping[str, str]) -> str:
    """The language that a command line asks for: by `--lang ko`, by MUNJANG_LANG, or by the locale; else English."""
    words = words[: words.index("--")] if "--" in words else words
    names = [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    names += [after for word, after in pairwise(words) if word == "--lang"]
    names = [name for name in names if name in LANGUAGES]
    names.append(environment.get(LANGUAGE_VARIABLE, ""))
    names += [environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    first = next(filter(None, names), "")
    return "ko" if re.match(r"ko\b|ko_", first) else "en"


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
    shown = with_values(text, {"option": OPTION, **fields})
    if OPTION_MARK not in text and not any(isinstance(value, Message) for value in fields.values()):
        return shown
    with options_as(python_form):
        message = Message(shown)
        plain = {name: stored(value) for name, value in fields.items()}
        message.stored = with_values(text, {"option": OPTION, **plain})
    return message


PARTICLES = {"을(를)": ("을", "를"), "이(가)": ("이", "가"), "은(는)": ("은", "는"), "과(와)": ("과", "와"),
             "(으)로": ("으로", "로")}  # fmt: skip
"""As a text has it -> behind a final consonant, behind a vowel."""
BEHIND_FIELD = re.compile(r"""(['"’”)\]}」』》`]*)(을\(를\)|이\(가\)|은\(는\)|과\(와\)|\(으\)로)""")
SPELT = re.compile(r"[^AEIOUYaeiouy]+|[A-Z]{1,3}")  # CSV, txt, URL: letter by letter
SAID_WITH_L = re.compile(r"le?$")  # model, file
SAID_WITH_FINAL = re.compile(r"([mn]|[aeiou](ng|[mn]e)|(?<![aeiou])[aeiouy](c|c?k|p|t)|[aeio]b|ou[pt]|ook)$")
"""column, string, backbone, topic, check, map, set, web, group, book; not: text, task, root, hub (허브)"""
DIGITS_WITH_FINAL = "013678"


def with_values(text: str, fields: Mapping[str, object]) -> str:
    """`text.format` of these fields, with the particles behind them."""
    if not any(particle in text for particle in PARTICLES):
        return text.format(**fields)
    parts, value, formatter = [], "", Formatter()
    for literal, name, form, conversion in formatter.parse(text):
        if value and (match := BEHIND_FIELD.match(literal)):
            literal = match[1] + particle(value, match[2]) + literal[match.end() :]
        parts.append(literal)
        if name is not None:
            found = formatter.convert_field(formatter.get_field(name, (), fields)[0], conversion)
            value = format(found, (form or "").format(**fields))
            parts.append(value)
    return "".join(parts)


def particle(value: str, kind: str) -> str:
    """The form of a particle, one of PARTICLES, behind a value."""
    final = final_sound(value)
    return PARTICLES[kind][not final or (kind == "(으)로" and final == "ㄹ")]


def final_sound(value: str) -> str:
    """What a value ends with as people say it: "ㄹ", another "consonant", or "" for a vowel."""
    said = re.sub(r"[^\w%]+$", "", value)
    last = said[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return "ㄹ" if final == 8 else "consonant" if final else ""
    if "ㄱ" <= last <= "ㅎ":
        return "consonant"
    if last.isdecimal():
        return "ㄹ" if last in "178" else "consonant" if last in DIGITS_WITH_FINAL else ""
    return final_sound_of_word(re.search("[A-Za-z]*$", said)[0])  # type: ignore[index]


def final_sound_of_word(word: str) -> str:
    """`final_sound` of a word in Latin letters; a guess, as good as the spelling tells."""
    if SPELT.fullmatch(word):
        return "ㄹ" if word[-1] in "LlRr" else "consonant" if word[-1] in "MmNn" else ""
    return "ㄹ" if SAID_WITH_L.search(word.lower()) else "consonant" if SAID_WITH_FINAL.search(word.lower()) else ""


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


set_language(os.environ.get(LANGUAGE_VARIABLE, "en"))
