"""Texts that a person reads, in the chosen language: English in the source, marked with `_`.

`_("{file}, line {line}: unknown label '{label}'.", file=path, line=7, label=name)` gives the text in the language of
`set_language`, with its fields filled in. A catalogue is a file of GNU gettext
(`locale/LANGUAGE/LC_MESSAGES/munjang.mo` beside this module); without one the text stays English. JSON keys, CSV
headers and logs are never translated.
"""

from __future__ import annotations

import gettext
from pathlib import Path

CATALOGUES = Path(__file__).parent / "locale"

_catalogue = gettext.NullTranslations()


def set_language(language: str) -> None:
    """Give all texts in `language` ("en", "ko") from now on; in English if munjang has no catalogue for it."""
    global _catalogue
    _catalogue = gettext.translation("munjang", CATALOGUES, [language], fallback=True)


def _(text: str, /, **fields: object) -> str:
    """`text` in the language in use, with its named fields filled in as `str.format` does."""
    translated = _catalogue.gettext(text) if text else ""  # a catalogue keeps its own header under ""
    return translated.format(**fields) if fields else translated


def ngettext(one: str, many: str, count: int, /, **fields: object) -> str:
    """The form of a text for `count` things, in the language in use; `{count}` is one of its fields."""
    return _catalogue.ngettext(one, many, count).format(count=count, **fields)


def N_(text: str) -> str:
    """Mark a text of a table that is made before the language is known; `_(text)` translates it where it is shown."""
    return text
