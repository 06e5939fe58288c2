"""What the parsers share: trees as columns of numbers to learn from, and rows of numbers as trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from munjang.data.trees.shapes import HEAD_FINAL
from munjang.records import LabelSet, Parse, Tree
from munjang.tasks.base import Encodings
from munjang.tasks.parsing.words import FAR

UNKNOWN = "dep"
"""The relation of words that the model did not see, where the relations have it; else their first."""


def label_column(trees: Sequence[Tree], labels: LabelSet) -> np.ndarray:
    """(n, W, 2) int16: head and relation number of each word, -1 beyond a tree's words."""
    places = {name: labels.index(name) for name in {name for tree in trees for name in tree.relations}}
    column = np.full((len(trees), max(map(len, trees)), 2), -1, np.int16)
    for row, tree in enumerate(trees):
        column[row, : len(tree), 0] = tree.heads
        column[row, : len(tree), 1] = [places[name] for name in tree.relations]
    return column


def object_array(items: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) an array of arrays of any length."""
    rows = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        rows[place] = item
    return rows


def only_seen(encodings: Encodings) -> Encodings:
    """The same sentences with the words up to the last one of which a piece was kept.

    So a text's cost is bounded by the model's length, however many words it has; `to_parse` attaches the others.
    """
    seen = encodings.columns["places"][:, 1:, 0] != FAR  # (n, W)
    last = np.where(seen.any(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1), 0) if seen.size else 0
    words = np.where(encodings.truncated, np.maximum(last, 1), encodings.columns["words"])
    width = int(words.max(initial=0)) + 1
    tables = {name: array[:, :width] for name, array in encodings.columns.items() if name in ("places", "tags")}
    return replace(encodings, columns={**encodings.columns, **tables, "words": words})


def to_parse(text: str, words: Sequence[str], row: np.ndarray, note: str, labels: LabelSet, scheme: str) -> Parse:
    """The tree of one text: row (k, 3) has heads, relation numbers and the heads' probabilities of its first words.

    Words beyond, which the model did not see, hang each from the next, or where heads may stand to the left from the
    one before, with probability 0.
    """
    if not len(row):
        return Parse(text, Tree((), (), ()), note)
    heads, relations = (row[:, column].astype(int).tolist() for column in (0, 1))
    names = [labels.names[number] for number in relations]
    count, lacking = len(row), len(words) - len(row)
    if lacking:
        unknown = UNKNOWN if UNKNOWN in labels else labels.names[0]
        if scheme == HEAD_FINAL:
            names = [*names[:-1], *[unknown] * lacking, names[-1]]
            heads = [*heads[:-1], *range(count + 1, len(words) + 1), 0]
        else:
            names += [unknown] * lacking
            heads += range(count, len(words))
    confidence = [*row[:, 2].tolist(), *[0.0] * lacking]
    return Parse(text, Tree(tuple(words), tuple(heads), tuple(names)), note, tuple(confidence))
