"""Answers to /explain: the model is asked for a text, and again without each of its eojeols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from munjang.inference.explain import METHOD, check_count, effects, eojeols, variants
from munjang.serving.api.answers import DIGITS, dumped
from munjang.serving.loaded import Network, Rows, View
from munjang.tasks import make_task


@dataclass(frozen=True)
class Asking:
    """One text to explain. spans: its eojeols; texts: what the network is asked, the whole text first."""

    text: str
    spans: Sequence[tuple[int, int]]
    texts: Sequence[str]

    @classmethod
    def of(cls, text: str, most: int) -> Asking:
        """The asking for a text. DataError: it has more eojeols than `most`."""
        spans = eojeols(text)
        check_count(len(spans), most)
        return cls(text, spans, variants(text, spans))


def explain_body(asking: Asking, views: Sequence[View], network: Network, rows: Rows) -> bytes:
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
    answers = {view.head: dict(nothing) if empty else explained(view, rows) for view in views}
    return dumped({"method": METHOD, "words": words, "answers": answers, "note": "empty" if empty else note})


def explained(view: View, rows: Rows) -> dict[str, Any]:
    """The likeliest label of one classifier, and what each eojeol does for it."""
    probabilities = view.probabilities(view.logits(rows))
    probabilities[rows.empty] = make_task(view.task, view.labels).blank(1)
    place = int(probabilities[0].argmax())
    drops, shares = effects(probabilities[:, place])
    return {
        "label": view.labels.names[place], "score": round(float(probabilities[0, place]), DIGITS),
        "drops": rounded(drops), "shares": rounded(shares),
    }  # fmt: skip


def rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
