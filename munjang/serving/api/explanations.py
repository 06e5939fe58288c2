"""Explanations over HTTP: the model predicts for a text, and again without each of its eojeols."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field

from munjang.inference.explain import METHOD, check_count, effects, eojeols, variants
from munjang.serving.api.bodies import HeadNames, RequestBody, SingleInput, example
from munjang.serving.api.predictions import SCORE_DIGITS, chosen_classifiers
from munjang.serving.api.route import documented
from munjang.serving.loaded import Classifier, ModelOutputs
from munjang.serving.service import Service


class ExplainRequest(RequestBody, json_schema_extra=example(inputs="배송이 정말 빨라요")):
    """A request to explain the predictions for one text."""

    inputs: SingleInput
    tasks: HeadNames = None


class EojeolSpan(BaseModel):
    """An eojeol, and its position in the text in characters."""

    text: str
    start: int
    end: int


class HeadExplanation(BaseModel):
    """What each eojeol contributes to the prediction of one head; see `munjang.inference.explain.Word`."""

    label: str | None = Field(None, description="The label with the highest score; null for an empty text")
    score: float = 0.0
    drops: list[float] = Field([], description="By eojeol: how much the score falls without it")
    shares: list[float] = Field([], description="By eojeol: its part in the decision, below 0 against the label")


class ExplanationAnswer(BaseModel):
    """What each eojeol of a text contributes to the predictions. An empty text has no words."""

    method: str = Field(description="leave-one-out: predicted again without each eojeol")
    words: list[EojeolSpan]
    answers: dict[str, HeadExplanation] = Field(description="By the name of the head")
    note: str = Field(description="empty, or that the text was truncated")


def add_explanations(app: FastAPI, service: Service) -> None:
    """Add the route that explains. This must happen before any other route that begins with /models/."""
    most = service.settings.limits.words

    @app.post("/models/{name:path}/explain", **documented(service, "predictions"))
    async def explain(name: str, body: ExplainRequest) -> ExplanationAnswer:
        """What each eojeol of one text contributes to the predictions of a model."""
        spans = eojeols(body.inputs)
        check_count(len(spans), most)
        classifiers = chosen_classifiers(service.models.resolve(name), body.tasks)
        finish = partial(explanation, body.inputs, spans, classifiers)
        return await service.answer(classifiers[0].model, variants(body.inputs, spans), finish)


def explanation(
    text: str, spans: Sequence[tuple[int, int]], classifiers: Sequence[Classifier], outputs: ModelOutputs
) -> ExplanationAnswer:
    """The explanation of a text. outputs: of the whole text, then without each eojeol."""
    is_empty = bool(outputs.empty[0])
    return ExplanationAnswer(
        method=METHOD,
        words=[EojeolSpan(text=text[start:end], start=start, end=end) for start, end in spans if not is_empty],
        answers={one.head: HeadExplanation() if is_empty else explained(one, outputs) for one in classifiers},
        note=classifiers[0].model.note(outputs, 0),
    )


def explained(classifier: Classifier, outputs: ModelOutputs) -> HeadExplanation:
    """The label with the highest probability for one classifier, and what each eojeol contributes to it."""
    probabilities = classifier.scores(outputs)
    column = int(probabilities[0].argmax())
    drops, shares = effects(probabilities[:, column])
    return HeadExplanation(
        label=classifier.labels.names[column], score=round(float(probabilities[0, column]), SCORE_DIGITS),
        drops=round_scores(drops), shares=round_scores(shares),
    )  # fmt: skip


def round_scores(values: np.ndarray) -> list[float]:
    return [round(value, SCORE_DIGITS) for value in values.tolist()]
