"""Which words of a text speak against its label: those without which a model would believe it more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from munjang.inference.explain import MAX_WORDS, effects, eojeols, variants

SHOWN_WORDS = 3
LEAST_SHARE = 0.1  # share of the decision that a word needs to be named
CHARACTERS_READ = 1_000_000  # characters that a model reads at once


class Question(NamedTuple):
    """Whose words are asked for: the row, its text, the label in doubt, and whether the row has this label."""

    row: int
    text: str
    label: int
    has: bool


def words_against(
    ask: Callable[[list[str]], np.ndarray], texts: Sequence[str], given: np.ndarray, probabilities: np.ndarray
) -> list[str]:
    """Of each text the words that speak most against its labels, in one cell; "" where the model agrees with them.

    ask: a model that has not seen the texts, from texts to probabilities (n, L). given: (n, L) bool. probabilities:
    (n, L), what the model gives.
    """
    cells = [""] * len(texts)
    for questions in in_parts(list(in_doubt(texts, given, probabilities))):
        spans = [eojeols(question.text)[:MAX_WORDS] for question in questions]
        asked = [variants(question.text, positions) for question, positions in zip(questions, spans, strict=True)]
        scores = ask([text for group in asked for text in group])
        starts = np.cumsum([0, *map(len, asked)])
        for question, positions, start, end in zip(questions, spans, starts, starts[1:], strict=False):
            __, shares = effects(scores[start:end, question.label])
            against = -shares if question.has else shares
            best = [
                index for index in np.argsort(-against, kind="stable")[:SHOWN_WORDS] if against[index] >= LEAST_SHARE
            ]
            cells[question.row] = ", ".join(question.text[slice(*positions[index])] for index in best)
    return cells


def in_doubt(texts: Sequence[str], given: np.ndarray, probabilities: np.ndarray) -> Iterator[Question]:
    """The rows that the model would label otherwise, each with the label of which it doubts most whether it applies."""
    gaps = np.abs(given - probabilities)  # of several labels of which one is right, that of the given one is largest
    for row in np.flatnonzero(gaps.max(axis=1) > 0.5).tolist():
        label = int(gaps[row].argmax())
        yield Question(row, texts[row], label, bool(given[row, label]))


def in_parts(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """The questions in parts, so that the variants of long texts are not all in memory."""
    part: list[Question] = []
    characters = 0
    for question in questions:
        part.append(question)
        characters += len(question.text) * min(len(question.text.split()), MAX_WORDS)
        if characters > CHARACTERS_READ:
            yield part
            part, characters = [], 0
    if part:
        yield part
