"""Gold parts of speech: read off trees, or off texts whose words are written `밥을/NNG+JKO`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from munjang.errors import DataError
from munjang.records import Example, Tree
from munjang.translation import _

TAGGED = re.compile(r"(.+)/([A-Za-z][A-Za-z0-9-]*(?:\+[A-Za-z][A-Za-z0-9-]*)*)")
"""A word and the parts of speech of its morphemes."""


def tag_names(trees: Iterable[Tree]) -> tuple[str, ...]:
    """The parts of speech that words of these trees begin and end with, sorted. DataError: trees without any."""
    found: set[str] = set()
    for tree in trees:
        if not has_tags(tree):
            words = " ".join(tree.words)[:60]
            raise DataError(
                _(
                    "--pos: a sentence has no parts of speech ({words}). Leave out --pos, or give all of them.",
                    words=words,
                )
            )
        found |= {end for tag in tree.pos for end in ends(tag)}
    return tuple(sorted(found))


def has_tags(tree: Tree) -> bool:
    """Whether every word of a tree has its part of speech."""
    return len(tree.pos) == len(tree) and all(tree.pos)


def ends(tag: str) -> tuple[str, str]:
    """The first and the last of a word's morphemes: `NNG+JKO` is (NNG, JKO)."""
    parts = [part for part in tag.split("+") if part] or [tag]
    return parts[0], parts[-1]


def tagged_text(tree: Tree) -> str:
    """A tree's words as a parser with parts of speech reads them: `밥을/NNG+JKO 먹었다/VV+EP+EF`."""
    if not has_tags(tree):
        words = " ".join(tree.words)[:60]
        raise DataError(
            _("This parser was trained with --pos, and a sentence has no parts of speech: {words}.", words=words)
        )
    return " ".join(f"{word}/{tag}" for word, tag in zip(tree.words, tree.pos, strict=True))


def untagged(text: str) -> tuple[str, tuple[str, ...]]:
    """The words of a text between spaces, and their parts of speech. DataError: a word has none."""
    words, tags = [], []
    for place, item in enumerate(text.split(), start=1):
        found = TAGGED.fullmatch(item)
        if found is None:
            raise DataError(
                _(
                    "This parser was trained with --pos: every word needs its parts of speech, as in "
                    "밥을/NNG+JKO; word {place}, '{item}', has none.",
                    place=place,
                    item=item[:40],
                )
            )
        words.append(found[1])
        tags.append(found[2])
    return " ".join(words), tuple(tags)


def words_and_tags(example: Example) -> tuple[str, tuple[str, ...]]:
    """Of an example's tree, or of its text."""
    if isinstance(example.label, Tree):
        if not has_tags(example.label):
            where = f"{example.file}, line {example.line}: " if example.file else ""
            raise DataError(
                _("{where}a sentence has no parts of speech, which --pos needs. Leave out --pos.", where=where)
            )
        return example.text, example.label.pos
    return untagged(example.text)


def tag_column(tags: Sequence[Sequence[str]], names: Sequence[str], width: int) -> np.ndarray:
    """(n, width, 2) int16: for the root (entry 0) and each word what it begins and ends with, from 1; 0: unknown."""
    places = {name: place for place, name in enumerate(names, start=1)}
    column = np.zeros((len(tags), width, 2), np.int16)
    for row, own in enumerate(tags):
        for word, tag in enumerate(own[: width - 1], start=1):
            column[row, word] = [places.get(end, 0) for end in ends(tag)]
    return column
