"""The Korean catalogue: every marked text of munjang and its translation.

    python docs/catalogue.py write    takes new texts in, leaves out those that are gone, and compiles
    python docs/catalogue.py          says what is missing; ends with 1 if there is anything

A person writes `msgstr` in munjang/locale/ko/LC_MESSAGES/munjang.po; the program reads munjang.mo, which is made here.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[1] / "munjang"
PO = PACKAGE / "locale" / "ko" / "LC_MESSAGES" / "munjang.po"
METHODS = [("**.py", "python"), ("**.j2", "jinja2.ext.babel_extract")]
OPTIONS = {"**.j2": {"silent": "false"}}
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "info": None, "warning": None}
"""Functions whose texts are taken; of the log's messages the terminal shows the translation."""


def main() -> None:
    if sys.argv[1:] == ["write"]:
        catalogue = updated(stored())
        PO.parent.mkdir(parents=True, exist_ok=True)
        PO.write_bytes(po_bytes(catalogue))
        PO.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
    problems = missing(stored())
    print("\n".join(problems) or f"{len(stored())} texts, all translated.")
    sys.exit(bool(problems))


def stored() -> Catalog:
    """The catalogue as it lies in the package; an empty one if there is none."""
    return read_po(io.BytesIO(PO.read_bytes() if PO.exists() else b""), locale="ko")


def marked() -> dict[str | tuple[str, ...], list[str]]:
    """Every text that is marked in the package -> the files it stands in; one with two forms as a pair."""
    texts: dict[str | tuple[str, ...], list[str]] = {}
    for file, _line, text, _comments, _context in extract_from_dir(PACKAGE, METHODS, OPTIONS, KEYWORDS):
        if re.search("[A-Za-z]{2}", re.sub("%[a-z]", "", str(text))):
            files = texts.setdefault(text, [])
            files.extend([file] if file not in files else [])
    return texts


def updated(old: Catalog) -> Catalog:
    """The catalogue of the texts that are marked now, with the translations that the old one has."""
    new = Catalog(locale="ko", project="munjang", charset="utf-8", header_comment="# Korean texts of munjang.")
    for text, files in sorted(marked().items(), key=lambda item: (item[1], str(item[0]))):
        known = old.get(text if isinstance(text, str) else text[0])
        translation = known.string if known and known.id == text else ("" if isinstance(text, str) else ("",))
        new.add(text, translation, [(file, None) for file in files])
    return new


def missing(catalogue: Catalog) -> list[str]:
    """What is wrong with a catalogue: texts that are not in it, not translated, or not marked any more."""
    texts, known = set(marked()), {message.id: message for message in catalogue if message.id}
    problems = [f"not in the catalogue: {text}" for text in texts - known.keys()]
    problems += [f"not marked any more: {text}" for text in known.keys() - texts]
    return problems + [f"not translated: {text}" for text, message in known.items() if not is_translated(message)]


def is_translated(message: Message) -> bool:
    return all([message.string] if isinstance(message.string, str) else message.string)


def po_bytes(catalogue: Catalog) -> bytes:
    """The catalogue as a person edits it. Without dates and line numbers, so that it changes only where texts do."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=118, omit_header=False, include_lineno=False)
    lines = stream.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith((b'"POT-Creation', b'"PO-Revision', b'"Generated')))


def mo_bytes(catalogue: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    stream = io.BytesIO()
    catalogue = read_po(io.BytesIO(po_bytes(catalogue)), locale="ko")
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # else the time of compiling
    write_mo(stream, catalogue)
    return stream.getvalue()


if __name__ == "__main__":
    main()
