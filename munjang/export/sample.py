"""Sentences on which an exported model is tried, and how far its answers are from those of the model it was made of."""

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

TRIAL_CORPORA = ("sample:sentiment", "sample:topic", "sample:intent", "sample:language")
EACH = 24  # sentences of each corpus
EDGES = (
    "ㅋ", ".", "1", "!?", "네", "  아  ", "ㅠㅠㅠㅠㅠㅠㅠㅠ", "😀👍", "OK", "http://example.com/?q=1", "漢字 かな",
    "[CLS] [SEP] <s>", "010-1234-5678", "각", "\u1112\u1161\u11ab\u1100\u1173\u11af", "뷁꿻쀍",
)  # fmt: skip
"""Texts that models are seldom trained on: almost empty ones, other scripts, marks, decomposed Hangul."""


def sentences(start: int = 0) -> list[str]:
    """Some 110 texts: short, ordinary, long, and longer than a model takes. start: which of the samples' rows."""
    texts = [text for name in TRIAL_CORPORA for text in rows(name)[start : start + EACH]]
    korean = texts[: 3 * EACH]
    long = [" ".join(korean[i : i + count]) for i, count in ((0, 3), (8, 6), (20, 12), (0, 24), (0, 72))]
    return [*texts, *EDGES, *long, " ".join(korean * 4)]


def rows(name: str) -> list[str]:
    """The train texts of an embedded sample."""
    row = CORPORA[name]
    found = (item for file in find(row).files for item in read_file(file, row))
    return [example.text for split, example in found if split == "train"]


OF_WORDS = "words' heads and relations"


@dataclass(frozen=True)
class AnswerDifference:
    """How far answers are from the first model's. agreement: share of labels that are the same.

    heads: that share for each head of a network with many; `agreement` is then the least of them. of: what agrees.
    """

    sentences: int
    largest: float
    mean: float
    agreement: float
    heads: Mapping[str, float] = field(default_factory=dict)
    of: str = "labels"

    def to_dict(self) -> dict[str, Any]:
        usual = {"heads": {}, "of": "labels"}
        return {name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]}

    def __str__(self) -> str:
        worst = (
            f" in the worst of {len(self.heads)} heads ({min(self.heads, key=self.heads.get)})" if self.heads else ""
        )
        return (
            f"{self.agreement:.1%} of the {self.of} agree{worst} on {self.sentences} sentences, "
            f"probabilities differ by {self.largest:.1e} at most, {self.mean:.1e} in the mean"
        )


def answer_difference(first: Predictor, second: Predictor, texts: Sequence[str]) -> AnswerDifference:
    """How far the second model's probabilities are from the first's.

    For several labels a text each label counts, of many heads each answer, of parsers each word.
    """
    if first.task == "parsing":
        return tree_difference(first, second, texts)
    ours, theirs = first.probabilities(texts), second.probabilities(texts)
    apart, heads = np.abs(ours - theirs), {}
    if first.task == TASK:
        parts = {head.name: head.columns for head in read_heads(first.manifest, first.name)}
        heads = {name: same_label(ours[:, own], theirs[:, own]) for name, own in parts.items()}
        agreement = min(heads.values())
    elif first.task == "multi-label":
        agreement = float(((ours >= first.threshold) == (theirs >= first.threshold)).mean())
    else:
        agreement = same_label(ours, theirs)
    return AnswerDifference(len(texts), float(apart.max()), float(apart.mean()), agreement, heads)


def tree_difference(first: Predictor, second: Predictor, texts: Sequence[str]) -> AnswerDifference:
    """The words that have the same head and relation, and the probabilities of those heads."""
    ours, theirs = ([arc for parse in model.predict_many(texts) for arc in arcs_of(parse)] for model in (first, second))
    same = np.array([own[:2] == other[:2] for own, other in zip(ours, theirs, strict=True)])
    apart = np.abs([own[2] - other[2] for own, other in zip(ours, theirs, strict=True) if own[0] == other[0]])
    return AnswerDifference(len(texts), float(apart.max()), float(apart.mean()), float(same.mean()), of=OF_WORDS)


def arcs_of(parse: Parse) -> zip[tuple[int, str, float]]:
    """Head, relation and the head's probability of each word."""
    return zip(parse.tree.heads, parse.tree.relations, parse.probabilities, strict=True)


def same_label(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The share of rows with the same highest probability."""
    return float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
