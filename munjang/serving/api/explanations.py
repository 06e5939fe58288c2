"""Answers to /explain: the model is asked for a text, and again without each of its eojeols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from munjang.inference.explain import METHOD, check_count, effects, eojeols, variants
from munjang.serving.api.answers import DIGITS, dumped
from munjang.serving.loaded import Classifier, LoadedModel, ModelOutputs
from munjang.tasks import make_task


@dataclass(frozen=True)
class ExplainRequest:
    """One text to explain. spans: its eojeols; texts: what the network is asked, the whole text first."""

    text: str
    spans: Sequence[tuple[int, int]]
    texts: Sequence[str]

    @classmethod
    def of(cls, text: str, most: int) -> ExplainRequest:
        """The asking for a text. DataError: it has more eojeols than `most`."""
        spans = eojeols(text)
        check_count(len(spans), most)
        return cls(text, spans, variants(text, spans))


def explain_body(
    asking: ExplainRequest, classifiers: Sequence[Classifier], network: LoadedModel, rows: ModelOutputs
) -> bytes:
    """`{"method", "words": [{"text", "start", "end"}], "answers": {head: …}, "note"}`, an answer being
    `{"label", "score", "drops", "shares"}`.

    drops and shares have a number for each word, as `munjang.inference.explain.Word` says. A text with nothing in it
    has no words, and label null.
    """
    empty = bool(rows.empty[0])
    words = [
        {"text": asking.text[start:end], "start": start, "end": end} for start, end in asking.spans if not empty
    ]  # fmt: skip
    note = f"truncated to {network.runner.max_length:,} {network.runner.unit}" if rows.truncated[0] else ""
    nothing = {"label": None, "score": 0.0, "drops": [], "shares": []}
    answers = {classifier.head: dict(nothing) if empty else explained(classifier, rows) for classifier in classifiers}
    return dumped({"method": METHOD, "words": words, "answers": answers, "note": "empty" if empty else note})


def explained(classifier: Classifier, rows: ModelOutputs) -> dict[str, Any]:
    """The likeliest label of one classifier, and what each eojeol does for it."""
    probabilities = classifier.probabilities(classifier.logits(rows))
    probabilities[rows.empty] = make_task(classifier.task, classifier.labels).empty_output(1)
    place = int(probabilities[0].argmax())
    drops, shares = effects(probabilities[:, place])
    return {
        "label": classifier.labels.names[place], "score": round(float(probabilities[0, place]), DIGITS),
        "drops": round_scores(drops), "shares": round_scores(shares),
    }  # fmt: skip


def round_scores(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
