"""Responses of /explain: the model predicts for a text, and again without each of its eojeols."""

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
    """One text to explain. spans: its eojeols. texts: what the model reads, the whole text first."""

    text: str
    spans: Sequence[tuple[int, int]]
    texts: Sequence[str]

    @classmethod
    def of(cls, text: str, most: int) -> ExplainRequest:
        """The request for a text. DataError: it has more eojeols than `most`."""
        spans = eojeols(text)
        check_count(len(spans), most)
        return cls(text, spans, variants(text, spans))


def explain_body(
    request: ExplainRequest, classifiers: Sequence[Classifier], model: LoadedModel, outputs: ModelOutputs
) -> bytes:
    """`{"method", "words": [{"text", "start", "end"}], "answers": {head: {"label", "score", "drops", "shares"}},
    "note"}`.

    drops and shares have a number for each word; see `munjang.inference.explain.Word`. An empty text has no words, and
    label null.
    """
    empty = bool(outputs.empty[0])
    words = [
        {"text": request.text[start:end], "start": start, "end": end} for start, end in request.spans if not empty
    ]  # fmt: skip
    note = f"truncated to {model.runner.max_length:,} {model.runner.unit}" if outputs.truncated[0] else ""
    nothing = {"label": None, "score": 0.0, "drops": [], "shares": []}
    answers = {
        classifier.head: dict(nothing) if empty else explained(classifier, outputs) for classifier in classifiers
    }
    return dumped({"method": METHOD, "words": words, "answers": answers, "note": "empty" if empty else note})


def explained(classifier: Classifier, outputs: ModelOutputs) -> dict[str, Any]:
    """The label with the highest probability for one classifier, and what each eojeol contributes to it."""
    probabilities = classifier.probabilities(classifier.logits(outputs))
    probabilities[outputs.empty] = make_task(classifier.task, classifier.labels).empty_output(1)
    column = int(probabilities[0].argmax())
    drops, shares = effects(probabilities[:, column])
    return {
        "label": classifier.labels.names[column], "score": round(float(probabilities[0, column]), DIGITS),
        "drops": round_scores(drops), "shares": round_scores(shares),
    }  # fmt: skip


def round_scores(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
