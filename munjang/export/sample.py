"""Sentences to check an exported model, and how far its predictions are from those of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from munjang.data.corpora.loading import read_file
from munjang.data.corpora.sources import find
from munjang.data.corpora.table import CORPORA
from munjang.inference.predictor import Predictor
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
    """How far the second model's answers are from the first's, counted as their task counts."""
    ours, theirs = (np.concatenate([part[2] for part in model.run(texts)]) for model in (first, second))
    agreement = first.decoder.agreement(ours, theirs, first.threshold)
    heads = {name: share for name, share in agreement.shares.items() if name}
    largest, mean, least = agreement.apart.max(), agreement.apart.mean(), min(agreement.shares.values())
    return AnswerDifference(len(texts), float(largest), float(mean), least, heads, agreement.of)
