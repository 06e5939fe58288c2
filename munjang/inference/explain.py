"""Which words carry a prediction: each eojeol is left out in turn, and the model predicts again.

This works for every kind of model, since it needs predictions only. It costs one more prediction for each eojeol.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from munjang.config.arguments import checked
from munjang.config.checks import above_zero
from munjang.errors import DataError
from munjang.inference.predictor import Predictor, list_of_texts
from munjang.records import EMPTY, label_text, short_repr
from munjang.translation import _

METHOD = "leave-one-out"
MAX_WORDS = 64  # eojeols of a text; each costs one more prediction
EPSILON = 1e-6  # probabilities are kept this far from 0 and 1, where log odds are infinite


@dataclass(frozen=True, slots=True)
class Word:
    """One eojeol. start, end: its position in the text, in characters.

    drop: how much the probability of the explained label falls without it, -1 to 1. share: its part in the decision,
    -1 to 1: the fall of the log odds, divided by the sum of all falls and rises. Below 0, the word speaks against the
    label.
    """

    text: str
    start: int
    end: int
    drop: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each eojeol of a text contributes to one label. score: the probability of the label for the whole text.

    A text without content has no label, as in a prediction. note: "", or what is special about the words: "empty", or
    that the text was cut.
    """

    text: str
    label: str | None
    score: float
    words: tuple[Word, ...]
    method: str = METHOD
    note: str = ""

    __repr__ = short_repr

    @property
    def top(self) -> Word | None:
        """The word that speaks most for the label, if any word does."""
        best = max(self.words, key=lambda word: word.share, default=None)
        return best if best is not None and best.share > 0 else None

    def __str__(self) -> str:
        lines = [f"{label_text(self.label)}  {self.score:.4f}  ({self.method}{'; ' * bool(self.note)}{self.note})"]
        return "\n".join([*lines, *(f"{100 * word.share:+6.1f}%  {word.text}" for word in self.words)])


@checked("text", "label")
def explain(model: Predictor, text: str, *, label: str | None = None, max_words: int = MAX_WORDS) -> Explanation:
    """What each eojeol of a text contributes to the predicted label, or to another `label` of the model.

    If a text can have several labels, the one with the highest probability is explained. When no word is left, the
    prediction for an empty text counts. DataError: more eojeols than `max_words`, or no such label. ConfigError: the
    model is a parser, or it has many heads and none is named.
    """
    model.check_single()
    model.decoder.check_classifier(model.name)
    list_of_texts([text])
    above_zero("max_words", max_words)
    spans = eojeols(text)
    check_count(len(spans), max_words)
    names = model.labels.names
    __, cleaned, rows, cut, empty = next(model.run(variants(text, spans)))
    column = int(rows[0].argmax()) if label is None else names.index(model.labels.resolve(label))
    note = model.decode(text, cleaned[0], rows[0], cut[0], empty[0]).note
    drops, shares = effects(rows[:, column])
    if note == EMPTY:
        return Explanation(text, None, 0.0, (), METHOD, note)
    words = tuple(words_of(text, spans, drops, shares))
    return Explanation(text, names[column], float(rows[0, column]), words, METHOD, note)


def check_count(count: int, most: int) -> None:
    """Refuse a text with too many eojeols: each costs one more prediction. DataError."""
    if count > most:
        raise DataError(
            _(
                "The text has {count:,} eojeols; at most {most:,} can be left out one by one. "
                "Explain one sentence at a time.",
                count=count,
                most=most,
            )
        )


def eojeols(text: str) -> list[tuple[int, int]]:
    """The position of each word between white space: (start, end), in characters."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def without_word(text: str, span: tuple[int, int]) -> str:
    """The text without one eojeol and the white space after it."""
    return (text[: span[0]] + text[span[1] :].lstrip()).strip()


def variants(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """What the model reads: the text, then the text without each of its eojeols in turn."""
    return [text, *(without_word(text, span) for span in spans)]


def effects(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(drops, shares) of each eojeol from the probabilities of a label, (1 + eojeols,), the whole text first.

    Shares use log odds: near 1 a probability hardly moves, although the evidence for it does.
    """
    scores = scores.astype(np.float64)
    clipped = np.clip(scores, EPSILON, 1 - EPSILON)
    odds = np.log(clipped) - np.log1p(-clipped)
    falls = odds[0] - odds[1:]
    total = np.abs(falls).sum()
    return scores[0] - scores[1:], falls / total if total else np.zeros(len(falls))


def words_of(text: str, spans: Sequence[tuple[int, int]], drops: np.ndarray, shares: np.ndarray) -> list[Word]:
    """The eojeols with their drops and shares."""
    return [
        Word(text[start:end], start, end, float(drop), float(share))
        for (start, end), drop, share in zip(spans, drops, shares, strict=True)
    ]
