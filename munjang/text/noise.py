"""Texts as hurried people and other programs write them: spaces, slips of the fingers, drawn-out letters, jamo."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from munjang.text.keyboard import SYLLABLES, compose, letters_of, slip
from munjang.translation import N_

Change = Callable[[str, np.random.Generator], str]

SPACES_LOST, SPACES_ADDED = 0.5, 0.1  # shares of the spaces, and of the other places between two characters
MOST_REPEATS = 4
DRAWN_OUT = dict(zip("ㅑㅒㅕㅖㅘㅙㅚㅛㅝㅞㅟㅠㅢ", "ㅏㅐㅓㅔㅏㅐㅔㅗㅓㅔㅣㅜㅣ", strict=True))
"""Vowels of which only the second half goes on when a syllable is drawn out: 요오오."""
REPEATABLE = re.compile(r"([ㄱ-ㅣ!?.~^])\1*")


def without_spaces(text: str, rng: np.random.Generator | None = None) -> str:
    """The text without white space."""
    return "".join(text.split())


def random_spaces(text: str, rng: np.random.Generator) -> str:
    """The text with SPACES_LOST of its spaces missing, and new ones in SPACES_ADDED of the other places."""
    draws = rng.random(len(text))
    kept = [
        "" if character.isspace() and draw < SPACES_LOST else character
        for character, draw in zip(text, draws, strict=True)
    ]
    added = [
        " " if not (left.isspace() or right.isspace()) and draw < SPACES_ADDED else ""
        for left, right, draw in zip(text, text[1:], draws, strict=False)
    ]
    return "".join(part for pair in zip(kept, [*added, ""], strict=False) for part in pair)


def repeated_letters(text: str, rng: np.random.Generator) -> str:
    """The text with each run of a letter or sign such as ㅋ, ㅠ, !, ~ longer, and its last open syllable drawn out."""
    longer = REPEATABLE.sub(lambda run: run[0] + run[1] * int(rng.integers(1, MOST_REPEATS)), text)
    last = next(reversed(list(SYLLABLES.finditer(longer))), None)
    if last is None:
        return longer
    __, vowel, final = letters_of(last[0][-1])
    more = "" if final else compose("ㅇ", DRAWN_OUT.get(vowel, vowel)) * int(rng.integers(1, MOST_REPEATS))
    return longer[: last.end()] + more + longer[last.end() :]


def separate_jamo(text: str, rng: np.random.Generator | None = None) -> str:
    """The text in Unicode's decomposed form (NFD), as files from macOS have it."""
    return unicodedata.normalize("NFD", text)


@dataclass(frozen=True)
class Noise:
    """What is done to a text, by chance or always alike, and its name in English as tables show it."""

    change: Change
    title: str


NOISES: dict[str, Noise] = {
    "without_spaces": Noise(without_spaces, N_("without spaces")),
    "random_spaces": Noise(random_spaces, N_("spaces at random")),
    "typing_slip": Noise(slip, N_("one typing slip")),
    "repeated_letters": Noise(repeated_letters, N_("repeated letters")),
    "nfd": Noise(separate_jamo, N_("separate jamo (NFD)")),
}


def with_noise(texts: Sequence[str], name: str, *, seed: int) -> list[str]:
    """The texts with one kind of noise, a key of NOISES; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [NOISES[name].change(text, rng) for text in texts]


def moved_spaces(text: str, rng: np.random.Generator) -> str:
    """The text without spaces, or with spaces at random, each as often as the other."""
    return without_spaces(text) if rng.random() < 0.5 else random_spaces(text, rng)


@dataclass(frozen=True)
class Augmentation:
    """A change of training texts, and the share of them that it changes in an epoch."""

    change: Change
    share: float


AUGMENTATIONS: dict[str, Augmentation] = {
    "spacing": Augmentation(moved_spaces, 0.2),
    "typos": Augmentation(slip, 0.2),
}
"""Name -> augmentation, in the order in which they are made; shares chosen on validation (EXPERIMENTS, 2026-12-01)."""


def augmented(texts: Sequence[str], names: Sequence[str], *, seed: int, epoch: int) -> list[str]:
    """The texts of an epoch with the named changes, each of a random share; the same for the same seed and epoch."""
    rng = np.random.default_rng([seed, epoch, 2])  # [seed, epoch] gives the order of the texts
    chosen = [augmentation for name, augmentation in AUGMENTATIONS.items() if name in names]
    changed = list(texts)
    for augmentation in chosen:
        for index in np.flatnonzero(rng.random(len(texts)) < augmentation.share):
            changed[index] = augmentation.change(changed[index], rng)
    return changed
