"""The Korean two-set keyboard (두벌식, KS X 5002): syllables as key presses, key presses as syllables, and slips."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

KEY_ROWS = ("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ")
SHIFTED = {"ㅃ": "ㅂ", "ㅉ": "ㅈ", "ㄸ": "ㄷ", "ㄲ": "ㄱ", "ㅆ": "ㅅ", "ㅒ": "ㅐ", "ㅖ": "ㅔ"}

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
PAIRS = {
    "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ",
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip
"""Letters that take two key presses."""
JOINED = {keys: letter for letter, keys in PAIRS.items()}

FIRST, LAST = "가", "힣"
SYLLABLES = re.compile(f"[{FIRST}-{LAST}]+")


def letters_of(syllable: str) -> tuple[str, str, str]:
    """The initial, the vowel and the final ("" for none) of a syllable."""
    initial, rest = divmod(ord(syllable) - ord(FIRST), len(VOWELS) * len(FINALS))
    vowel, final = divmod(rest, len(FINALS))
    return INITIALS[initial], VOWELS[vowel], FINALS[final]


def compose(initial: str, vowel: str, final: str = "") -> str:
    """The inverse of `letters_of`; where a part is missing, the letters side by side."""
    if not (initial and vowel):
        return initial + vowel + final
    index = (INITIALS.index(initial) * len(VOWELS) + VOWELS.index(vowel)) * len(FINALS) + FINALS.index(final)
    return chr(ord(FIRST) + index)


def presses(syllables: str) -> list[str]:
    """The keys that type some syllables, each as the letter on it: 값 is ㄱ, ㅏ, ㅂ, ㅅ; 까 is ㄲ, ㅏ (with shift)."""
    return [key for one in syllables for letter in letters_of(one) for key in PAIRS.get(letter, letter)]


def typed(keys: Sequence[str]) -> str:
    """What an input method makes of key presses: letters join to syllables from left to right.

    A final goes to the next syllable if a vowel follows; of a final of two letters, the second one goes.
    """
    done, initial, vowel, final = [], "", "", ""
    for key in keys:
        if key in VOWELS:
            if final:
                *kept, moved = PAIRS.get(final, final)
                done.append(compose(initial, vowel, "".join(kept)))
                initial, vowel, final = moved, key, ""
            elif not vowel or vowel + key in JOINED:
                vowel = JOINED.get(vowel + key, key)
            else:
                done.append(compose(initial, vowel))
                initial, vowel = "", key
        elif initial and vowel and (JOINED.get(final + key) if final else key) in FINALS:
            final = JOINED.get(final + key, key)
        else:
            done.append(compose(initial, vowel, final))
            initial, vowel, final = key, "", ""
    return "".join([*done, compose(initial, vowel, final)])


def make_neighbours() -> dict[str, str]:
    """Each key with those beside, above and below it; a key with shift with what it types without, and their like."""
    shift = (0.0, 0.25, 0.75)  # how far each row stands to the right of the first, in keys
    place = {key: (column + shift[row], row) for row, keys in enumerate(KEY_ROWS) for column, key in enumerate(keys)}
    close = {
        key: "".join(other for other, at in place.items() if 0 < (at[0] - x) ** 2 + (at[1] - y) ** 2 < 1.6)
        for key, (x, y) in place.items()
    }
    return close | {key: plain + close[plain] for key, plain in SHIFTED.items()}


NEIGHBOURS = make_neighbours()


def slip(text: str, rng: np.random.Generator) -> str:
    """The text with one slip of the fingers: a key beside the right one, a key left out, hit twice, or too early.

    Any key press of its Hangul syllables is as likely as any other. A text without syllables is unchanged.
    """
    runs = list(SYLLABLES.finditer(text))
    keys = [presses(run[0]) for run in runs]
    total = sum(map(len, keys))
    if not total:
        return text
    at, which = int(rng.integers(total)), 0
    while at >= len(keys[which]):
        at, which = at - len(keys[which]), which + 1
    run = runs[which]
    return text[: run.start()] + typed(slipped(keys[which], at, rng)) + text[run.end() :]


def slipped(keys: list[str], at: int, rng: np.random.Generator) -> list[str]:
    """The key presses with one of them changed; each kind of slip is as likely as any other."""
    before, key, after = keys[:at], keys[at], keys[at + 1 :]
    kind = rng.integers(4)
    if kind == 0:
        return before + after
    if kind == 1:
        return [*before, key, key, *after]
    if kind == 2 and after and after[0] != key:
        return [*before, after[0], key, *after[1:]]
    return [*before, NEIGHBOURS[key][rng.integers(len(NEIGHBOURS[key]))], *after]
