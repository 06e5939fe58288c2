"""Which words carry an answer: each eojeol is left out in turn, and the model is asked again.

It works for every kind of model, since it needs answers only, and costs as many of them as the text has eojeols.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from munjang.errors import ConfigError, DataError
from munjang.records import EMPTY, label_text
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

METHOD = "leave-one-out"
MAX_WORDS = 64  # eojeols of a text; each costs one more answer
SURE = 1e-6  # probabilities are kept this far from 0 and 1, where log odds are endless


@dataclass(frozen=True, slots=True)
class Word:
    """One eojeol. start, end: where it stands in the text, in characters.

    drop: by how much the probability of the explained label falls without it, -1 to 1. share: its part in the decision,
    -1 to 1: the fall of the log odds over the sum of all falls and rises; below 0 the word speaks against the label.
    """

    text: str
    start: int
    end: int
    drop: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each eojeol of a text does for one label. score: the label's probability with the whole text.

    note: "" or why the words are not the plain ones: "empty", or that the text was cut.
    """

    text: str
    label: str
    score: float
    words: tuple[Word, ...]
    method: str = METHOD
    note: str = ""

    @property
    def top(self) -> Word | None:
        """The word that speaks most for the label, if any does."""
        best = max(self.words, key=lambda word: word.share, default=None)
        return best if best is not None and best.share > 0 else None

    def __str__(self) -> str:
        lines = [f"{label_text(self.label)}  {self.score:.4f}  ({self.method}{'; ' * bool(self.note)}{self.note})"]
        return "\n".join([*lines, *(f"{100 * word.share:+6.1f}%  {word.text}" for word in self.words)])


def explain(model: Predictor, text: str, *, label: str | None = None, max_words: int = MAX_WORDS) -> Explanation:
    """What each eojeol of a text does for the model's answer, or for another `label` of it.

    Of a model with several labels a text it is the likeliest label that is explained. A text without any word left
    counts as one of which nothing is known. DataError: more eojeols than `max_words`. ConfigError: a parser, or a model
    with many heads, of which one must be named. DataError: no such label.
    """
    from munjang.inference.heads import TASK, too_many_heads

    if model.task == TASK:
        raise too_many_heads(model.folder, model.manifest)
    if model.decoder.output_kind == "trees":
        raise ConfigError(
            _("{model} is a parser: it gives trees, and no score that a word could change.", model=model.name)
        )
    spans = eojeols(text)
    check_count(len(spans), max_words)
    names = model.labels.names
    __, cleaned, rows, cut, empty = next(model.run(variants(text, spans)))
    place = int(rows[0].argmax()) if label is None else names.index(model.labels.resolve(label))
    note = model.decode(text, cleaned[0], rows[0], cut[0], empty[0]).note
    drops, shares = effects(rows[:, place])
    words = () if note == EMPTY else tuple(words_of(text, spans, drops, shares))
    return Explanation(text, names[place], float(rows[0, place]), words, METHOD, note)


def check_count(count: int, most: int) -> None:
    """Refuse a text of too many eojeols: each costs one more answer of the model."""
    if count > most:
        raise DataError(
            _(
                "The text has {count:,} eojeols; at most {most:,} can be left out one by one. "
                "Explain it sentence by sentence.",
                count=count,
                most=most,
            )
        )


def eojeols(text: str) -> list[tuple[int, int]]:
    """Where the words stand that white space divides: (start, end) of each, in characters."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def without_word(text: str, span: tuple[int, int]) -> str:
    """The text without one eojeol and the white space behind it."""
    return (text[: span[0]] + text[span[1] :].lstrip()).strip()


def variants(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text, then the text without each of its eojeols in turn: what the model is asked."""
    return [text, *(without_word(text, span) for span in spans)]


def effects(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(drops, shares) of each eojeol from a label's probabilities (1 + eojeols,), those of the whole text first.

    Shares are by log odds: near 1 a probability hardly moves, although the evidence for it does.
    """
    scores = scores.astype(np.float64)
    sure = np.clip(scores, SURE, 1 - SURE)
    odds = np.log(sure) - np.log1p(-sure)
    falls = odds[0] - odds[1:]
    total = np.abs(falls).sum()
    return scores[0] - scores[1:], falls / total if total else np.zeros(len(falls))


def words_of(text: str, spans: Sequence[tuple[int, int]], drops: np.ndarray, shares: np.ndarray) -> list[Word]:
    """The eojeols with their numbers."""
    return [
        Word(text[start:end], start, end, float(drop), float(share))
        for (start, end), drop, share in zip(spans, drops, shares, strict=True)
    ]
