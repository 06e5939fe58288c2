"""Gold parts of speech, from trees or from texts with words such as `밥을/NNG+JKO`."""

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
    """The first and last parts of speech of the words in these trees, sorted. DataError: a tree without them."""
    names: set[str] = set()
    for tree in trees:
        if not has_tags(tree):
            words = " ".join(tree.words)[:60]
            raise DataError(
                _(
                    "--pos: a sentence has no parts of speech ({words}). Leave out --pos, or give all of them.",
                    words=words,
                )
            )
        names |= {end for tag in tree.pos for end in ends(tag)}
    return tuple(sorted(names))


def has_tags(tree: Tree) -> bool:
    """Whether every word of a tree has a part of speech."""
    return len(tree.pos) == len(tree) and all(tree.pos)


def ends(tag: str) -> tuple[str, str]:
    """The first and the last of a word's morphemes: `NNG+JKO` is (NNG, JKO)."""
    parts = [part for part in tag.split("+") if part] or [tag]
    return parts[0], parts[-1]


def tagged_text(tree: Tree) -> str:
    """A tree's words as a parser with parts of speech reads them: `밥을/NNG+JKO 먹었다/VV+EP+EF`.

    DataError: the tree has no parts of speech.
    """
    if not has_tags(tree):
        words = " ".join(tree.words)[:60]
        raise DataError(
            _("This parser was trained with --pos, and a sentence has no parts of speech: {words}.", words=words)
        )
    return " ".join(f"{word}/{tag}" for word, tag in zip(tree.words, tree.pos, strict=True))


def untagged(text: str) -> tuple[str, tuple[str, ...]]:
    """The words of a text between spaces, and their parts of speech. DataError: a word has none."""
    words, tags = [], []
    for number, word in enumerate(text.split(), start=1):
        match = TAGGED.fullmatch(word)
        if match is None:
            raise DataError(
                _(
                    "This parser was trained with --pos: every word needs its parts of speech, as in "
                    "밥을/NNG+JKO; word {number}, '{word}', has none.",
                    number=number,
                    word=word[:40],
                )
            )
        words.append(match[1])
        tags.append(match[2])
    return " ".join(words), tuple(tags)


def words_and_tags(example: Example) -> tuple[str, tuple[str, ...]]:
    """The words and parts of speech of an example's tree, or of its text. DataError: a word has none."""
    if isinstance(example.label, Tree):
        if not has_tags(example.label):
            if not example.file:
                raise DataError(_("A sentence has no parts of speech, which --pos needs. Leave out --pos."))
            raise DataError(
                _(
                    "{file}, line {line}: a sentence has no parts of speech, which --pos needs. Leave out --pos.",
                    file=example.file,
                    line=example.line,
                )
            )
        return example.text, example.label.pos
    return untagged(example.text)


def tag_column(tags: Sequence[Sequence[str]], names: Sequence[str], width: int) -> np.ndarray:
    """(n, width, 2) int16: numbers of the first and last part of speech of each word, from 1; 0: unknown.

    Entry 0 of a row is the root, which has none.
    """
    numbers = {name: number for number, name in enumerate(names, start=1)}
    column = np.zeros((len(tags), width, 2), np.int16)
    for row, sentence_tags in enumerate(tags):
        for word, tag in enumerate(sentence_tags[: width - 1], start=1):
            column[row, word] = [numbers.get(end, 0) for end in ends(tag)]
    return column
