"""Sentences to check an exported model, and how far its predictions are from those of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from munjang.data.corpora.loading import read_file
from munjang.data.corpora.sources import find
from munjang.data.corpora.table import CORPORA
from munjang.inference.heads import TASK, read_heads
from munjang.inference.predictor import Predictor
from munjang.records import Parse
from munjang.translation import N_, _

TRIAL_CORPORA = ("sample:sentiment", "sample:topic", "sample:intent", "sample:language")
EACH = 24  # sentences of each corpus
EDGES = (
    "ㅋ", ".", "1", "!?", "네", "  아  ", "ㅠㅠㅠㅠㅠㅠㅠㅠ", "😀👍", "OK", "http://example.com/?q=1", "漢字 かな",
    "[CLS] [SEP] <s>", "010-1234-5678", "각", "\u1112\u1161\u11ab\u1100\u1173\u11af", "뷁꿻쀍",
)  # fmt: skip
"""Texts that are rare in training: almost empty ones, other scripts, special tokens, decomposed Hangul."""


def sentences(start: int = 0) -> list[str]:
    """About 110 texts: short, ordinary, long, and longer than a model takes. start: the first row of each sample."""
    texts = [text for name in TRIAL_CORPORA for text in rows(name)[start : start + EACH]]
    korean = texts[: 3 * EACH]
    long = [" ".join(korean[i : i + count]) for i, count in ((0, 3), (8, 6), (20, 12), (0, 24), (0, 72))]
    return [*texts, *EDGES, *long, " ".join(korean * 4)]


def rows(name: str) -> list[str]:
    """The train texts of an embedded sample."""
    row = CORPORA[name]
    examples = (item for file in find(row).files for item in read_file(file, row))
    return [example.text for split, example in examples if split == "train"]


AGREEMENTS = {
    "labels": N_(
        "{agreement:.1%} of the labels agree on {sentences} sentences; "
        "probabilities differ by {largest:.1e} at most and {mean:.1e} on average"
    ),
    "words' heads and relations": N_(
        "{agreement:.1%} of the words' heads and relations agree on {sentences} sentences; "
        "probabilities differ by {largest:.1e} at most and {mean:.1e} on average"
    ),
}
"""What `AnswerDifference.of` stores -> the text that shows the difference."""
OF_LABELS, OF_WORDS = AGREEMENTS


@dataclass(frozen=True)
class AnswerDifference:
    """How far the predictions are from those of the first model. agreement: the share of labels that are the same.

    largest, mean: differences of probabilities. heads: the agreement of each head in a network with several heads;
    `agreement` is then the lowest of them. of: what agrees, a key of AGREEMENTS.
    """

    sentences: int
    largest: float
    mean: float
    agreement: float
    heads: Mapping[str, float] = field(default_factory=dict)
    of: str = OF_LABELS

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; `heads` and `of` only if they are not the defaults."""
        defaults = {"heads": {}, "of": OF_LABELS}
        return {name: value for name, value in asdict(self).items() if name not in defaults or value != defaults[name]}

    def __str__(self) -> str:
        if self.heads:
            return _(
                "{agreement:.1%} of the labels agree for {head}, the lowest of {heads} heads, on {sentences} "
                "sentences; probabilities differ by {largest:.1e} at most and {mean:.1e} on average",
                head=min(self.heads, key=lambda name: self.heads[name]),
                heads=len(self.heads),
                agreement=self.agreement,
                sentences=self.sentences,
                largest=self.largest,
                mean=self.mean,
            )
        return _(
            AGREEMENTS[self.of],
            agreement=self.agreement,
            sentences=self.sentences,
            largest=self.largest,
            mean=self.mean,
        )


def answer_difference(first: Predictor, second: Predictor, texts: Sequence[str]) -> AnswerDifference:
    """How far the second model's probabilities are from the first's.

    Counts each label for models with several labels per text, each head for models with several heads, each word for
    parsers.
    """
    if first.task == "parsing":
        return tree_difference(first, second, texts)
    ours, theirs = first.probabilities(texts), second.probabilities(texts)
    apart, heads = np.abs(ours - theirs), {}
    if first.task == TASK:
        parts = {head.name: head.columns for head in read_heads(first.manifest, first.name)}
        heads = {name: same_label(ours[:, part], theirs[:, part]) for name, part in parts.items()}
        agreement = min(heads.values())
    elif first.task == "multi-label":
        agreement = float(((ours >= first.threshold) == (theirs >= first.threshold)).mean())
    else:
        agreement = same_label(ours, theirs)
    return AnswerDifference(len(texts), float(apart.max()), float(apart.mean()), agreement, heads)


def tree_difference(first: Predictor, second: Predictor, texts: Sequence[str]) -> AnswerDifference:
    """The share of words with the same head and relation, and how far the probabilities of equal heads differ."""
    ours, theirs = ([arc for parse in model.predict_many(texts) for arc in arcs_of(parse)] for model in (first, second))
    same = np.array([a[:2] == b[:2] for a, b in zip(ours, theirs, strict=True)])
    apart = np.abs([a[2] - b[2] for a, b in zip(ours, theirs, strict=True) if a[0] == b[0]])
    return AnswerDifference(len(texts), float(apart.max()), float(apart.mean()), float(same.mean()), of=OF_WORDS)


def arcs_of(parse: Parse) -> zip[tuple[int, str, float]]:
    """Head, relation and the head's probability of each word."""
    return zip(parse.tree.heads, parse.tree.relations, parse.probabilities, strict=True)


def same_label(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The share of rows with the same highest probability."""
    return float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
