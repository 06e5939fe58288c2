"""Trees as columns of numbers for training, and rows of numbers as trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from munjang.data.trees.shapes import HEAD_FINAL
from munjang.records import LabelSet, Parse, Tree
from munjang.tasks.base import Encodings
from munjang.tasks.parsing.words import FAR

UNKNOWN = "dep"
"""The relation of words that the model did not see, if it is among the relations; else the first relation."""


def label_column(trees: Sequence[Tree], labels: LabelSet) -> np.ndarray:
    """(n, W, 2) int16: head and relation number of each word, -1 beyond a tree's words."""
    numbers = {name: labels.index(name) for name in {name for tree in trees for name in tree.relations}}
    column = np.full((len(trees), max(map(len, trees)), 2), -1, np.int16)
    for row, tree in enumerate(trees):
        column[row, : len(tree), 0] = tree.heads
        column[row, : len(tree), 1] = [numbers[name] for name in tree.relations]
    return column


def object_array(items: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) an array of arrays of any length."""
    rows = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        rows[index] = item
    return rows


def only_seen(encodings: Encodings) -> Encodings:
    """The same sentences with the words up to the last one that still has a piece.

    This bounds the cost of a text by the model's length, however many words it has; `to_parse` attaches the others.
    """
    seen = encodings.columns["pieces"][:, 1:, 0] != FAR  # (n, W)
    last = np.where(seen.any(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1), 0) if seen.size else 0
    words = np.where(encodings.truncated, np.maximum(last, 1), encodings.columns["words"])
    pieces = encodings.columns["pieces"][:, : int(words.max(initial=0)) + 1]
    return replace(encodings, columns={**encodings.columns, "pieces": pieces, "words": words})


def to_parse(text: str, words: Sequence[str], row: np.ndarray, note: str, labels: LabelSet, scheme: str) -> Parse:
    """The tree of one text. row (k, 3): heads, relation numbers and the heads' probabilities of its first k words.

    The model did not see the words beyond. Each hangs from the next word, or from the word before if the scheme allows
    heads on the left, with probability 0.
    """
    if not len(row):
        return Parse(text, Tree((), (), ()), note)
    heads, relations = (row[:, column].astype(int).tolist() for column in (0, 1))
    names = [labels.names[number] for number in relations]
    count, unseen = len(row), len(words) - len(row)
    if unseen:
        unknown = UNKNOWN if UNKNOWN in labels else labels.names[0]
        if scheme == HEAD_FINAL:
            names = [*names[:-1], *[unknown] * unseen, names[-1]]
            heads = [*heads[:-1], *range(count + 1, len(words) + 1), 0]
        else:
            names += [unknown] * unseen
            heads += range(count, len(words))
    confidence = [*row[:, 2].tolist(), *[0.0] * unseen]
    return Parse(text, Tree(tuple(words), tuple(heads), tuple(names)), note, tuple(confidence))
