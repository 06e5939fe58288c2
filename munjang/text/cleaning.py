"""Text steps: small functions from text to text, and the table that names them.

Every step is pure and idempotent, and no step removes a Hangul syllable. `clean_text` runs the chosen steps in the
order of the table, not in the order of their names in the call, and repeats them until nothing changes: "&a\u200bmp;"
without its zero-width space is an entity, which is then resolved too. Cleaning a cleaned text changes nothing.
"""

from __future__ import annotations

import html as html_module
import re
import unicodedata
from collections.abc import Callable, Iterable
from html.entities import html5

from munjang.errors import unknown_name
from munjang.text.personal import mask_personal
from munjang.translation import _

Step = Callable[[str], str]

LAYERS = 64  # of escaping or hiding that are removed: far more than in any real text, and no text can take hours

# Entities with their semicolon, and the most common ones without it if no name continues: NSMC has "&lt대부&gt".
ENTITY = re.compile(
    r"&(?:(?:amp;)+|#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};"
    r"|#[0-9]{2,7}(?![0-9;])|(?:lt|gt|amp|quot|nbsp)(?![a-z0-9=;]))"
)
LINE_TAG = re.compile(r"</?(?:br|p|div|li)\s*/?>", re.IGNORECASE)
BOLD_TAG = re.compile(r"</?(?:b|strong|em)>")  # search results put them around the searched words


def html(text: str) -> str:
    """The text with entities resolved, layer by layer (`&amp;lt;` is `<`), line tags as a space, and no bold tags.

    Only whole entities, and tags without attributes: "a < b", "AT&T", "<3", "<기생충>" and addresses with
    "&copy=2" stay as they are. Unknown names ("&영화;", "&foo;") stay too.
    """
    for __ in range(LAYERS):
        if "&" not in text and "<" not in text:
            break
        new = ENTITY.sub(resolve_entity, text)
        new = BOLD_TAG.sub("", LINE_TAG.sub(" ", new))
        if new == text:
            break
        text = new
    return text


def resolve_entity(match: re.Match[str]) -> str:
    """The character of one entity; the entity itself if HTML 5 has no such name."""
    entity = match[0]
    if entity.startswith("&amp;"):
        return "&"
    if entity[1] == "#":
        return html_module.unescape(entity)
    return html5.get(entity[1:].rstrip(";") + ";", entity)


LINE_BREAKS = "\t-\r\x1c-\x1f\x85\u2028\u2029"
BLANKS = "\u2800"  # the empty Braille cell: Korean users type it as a space that is not trimmed
INVISIBLE_CHARACTERS = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters
    "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, direction
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # halves of surrogate pairs, non-characters
)
EMOJI = "\u20e3\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
JOINING = "\u0620-\u0fff\ufb50-\ufdcf\ufe70-\ufefc"  # Arabic and Indic letters, which joiners shape
INVISIBLE = re.compile(
    rf"(?P<kept>(?<=[{EMOJI}])\u200d(?=[{EMOJI}])"
    rf"|(?<=[{JOINING}])[\u200c\u200d](?=[{JOINING}])"
    "|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)"  # flags of regions, spelled in tag characters
    rf"|(?P<space>[{LINE_BREAKS}{BLANKS}]+)"
    rf"|[{INVISIBLE_CHARACTERS}\u200c\u200d\U000e0000-\U000e007f]+?"
)


def invisible(text: str) -> str:
    """The text without invisible characters: zero-width ones, Hangul fillers, soft hyphens, control characters.

    Line breaks, tabs and empty Braille cells become a space. Joiners stay where they have an effect: inside emoji
    (👨‍👩‍👧) and between Arabic or Indic letters (می‌خواهم).
    """
    return INVISIBLE.sub(show_or_drop, text)


def show_or_drop(match: re.Match[str]) -> str:
    """What replaces one run of invisible characters."""
    return match["kept"] or (" " if match["space"] else "")


INITIALS, VOWELS, FINALS = "\u1100-\u115e\ua960-\ua97c", "\u1161-\u11a7\ud7b0-\ud7c6", "\u11a8-\u11ff\ud7cb-\ud7fb"
NARROW_JAMO = "\uffa1-\uffdc"
JAMO = re.compile(
    f"(?P<kept>[{INITIALS}][{VOWELS}][{FINALS}]*|(?<=[가-힣])[{FINALS}]+)|[{INITIALS}{VOWELS}{FINALS}{NARROW_JAMO}]"
)
KINDS_OF_JAMO = re.compile("HANGUL (?:CHOSEONG|JUNGSEONG|JONGSEONG) |HALFWIDTH HANGUL LETTER ")


def nfc(text: str) -> str:
    """The text in Unicode's composed form: the separate jamo of files from macOS become syllables.

    Jamo that belong to no syllable become the letters that a keyboard types: NFKC makes of ㅋ (U+314B) the initial
    consonant U+110F, which looks the same, and half-width ones are also in use. Syllables of older Korean, which
    Unicode has only as jamo, stay.
    """
    if text.isascii():
        return text
    return JAMO.sub(as_letter, unicodedata.normalize("NFC", text))


def as_letter(match: re.Match[str]) -> str:
    """A jamo by itself as a letter (U+3131 to U+318E); unchanged where there is no such letter."""
    if match["kept"]:
        return match["kept"]
    name = KINDS_OF_JAMO.sub("HANGUL LETTER ", unicodedata.name(match[0], ""))
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return match[0]


def spaces(text: str) -> str:
    """The text with one space for every run of white space (no-break and full-width spaces too), none at the ends."""
    return " ".join(text.split())


JAMO_RANGES = "\u1100-\u11ff\u3131-\u318e\uffa1-\uffdc"
REPEATED = re.compile(
    r"((?:[\U0001f1e6-\U0001f1ff]{2})"  # a flag is two letters
    rf"|[{JAMO_RANGES}_]"
    r"|[^\w\s\U0001f1e6-\U0001f1ff](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[^\w\s]){0,8}+)\1{2,}"
)


def fold_repeats(text: str) -> str:
    """Three or more of the same jamo, sign or emoji in a row become two: ㅋㅋㅋㅋ ㅠㅠㅠ !!!!! are ㅋㅋ ㅠㅠ !!.

    Syllables, letters and digits are never folded: 영화ㅋㅋㅋㅋ is 영화ㅋㅋ, but 하하하하, 짱짱짱 and 1000000 stay,
    because they may be words or numbers.
    """
    while True:
        new = REPEATED.sub(r"\1\1", text)
        if new == text:
            return text
        text = new


STEPS: dict[str, Step] = {
    "html": html,
    "invisible": invisible,
    "nfc": nfc,
    "spaces": spaces,
    "mask_personal": mask_personal,
    "fold_repeats": fold_repeats,
}
"""Name -> step, in the order in which they run."""


def ordered_steps(steps: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of the table, each once. UnknownName: the table has no such step."""
    wanted = set(steps)
    for name in wanted - STEPS.keys():
        raise unknown_name(_("text step"), name, STEPS)
    return tuple(name for name in STEPS if name in wanted)


def clean_text(text: str, steps: Iterable[str]) -> str:
    """`text` after the named steps (munjang.config.settings.TEXT_STEPS has the usual ones)."""
    return clean_and_trace(text, ordered_steps(steps))[0]


PLAIN_STEPS = frozenset(("html", "invisible", "nfc", "spaces"))
WHITE = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"  # white space without the plain space and LINE_BREAKS
NEEDS_CLEANING = re.compile(
    f"[&<{LINE_BREAKS}{BLANKS}{INVISIBLE_CHARACTERS}{WHITE}\u200c\u200d\U000e0000-\U000e007f"
    f"{INITIALS}{VOWELS}{FINALS}{NARROW_JAMO}]"
)


def is_settled(text: str) -> bool:
    """Whether a quick look shows that none of PLAIN_STEPS changes the text, as for almost every text."""
    return (
        NEEDS_CLEANING.search(text) is None
        and "  " not in text
        and text[:1] != " "
        and text[-1:] != " "
        and unicodedata.is_normalized("NFC", text)
    )


def clean_and_trace(text: str, steps: tuple[str, ...]) -> tuple[str, set[str]]:
    """`text` after `steps` (names in the order of the table), and the names of the steps that changed it."""
    changed: set[str] = set()
    if PLAIN_STEPS.issuperset(steps) and is_settled(text):
        return text, changed
    for __ in range(LAYERS):
        before = text
        for name in steps:
            new = STEPS[name](text)
            if new != text:
                changed.add(name)
                text = new
        if text == before:
            break
    return text, changed
