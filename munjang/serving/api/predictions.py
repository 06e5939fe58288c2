"""Predictions over HTTP: in the shapes of the hub's clients and of text-embeddings-inference, and of all heads at once.

Answers are made in the model's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field, FiniteFloat, model_validator

from munjang.errors import DataError, unknown_name
from munjang.inference.confidence import Doubt
from munjang.inference.scope import unlike
from munjang.serving.api.bodies import HeadNames, HubInputs, ParsedInputs, RequestBody, TeiInputs, example
from munjang.serving.api.route import documented
from munjang.serving.loaded import Classifier, ModelOutputs
from munjang.serving.service import Service
from munjang.tasks.classification import ranked_probabilities
from munjang.translation import N_, _

SCORE_DIGITS = 7  # of a score; float32 has no more
UNITS = {"tokens": N_("tokens"), "characters": N_("characters")}
"""The unit of a runner -> its name in a message."""
ScoreFunction = Literal["softmax", "sigmoid", "none"]


class HubParameters(RequestBody, extra="forbid"):
    """Options of the hub's clients."""

    top_k: int | None = Field(None, ge=1, description="How many labels; all if left out")
    function_to_apply: ScoreFunction | None = Field(None, description="Instead of the function of the model")

    @model_validator(mode="before")
    @classmethod
    def known_only(cls, value: Any) -> Any:
        """The value, if it has known names only. DataError lists the others."""
        if isinstance(value, dict) and (unknown := value.keys() - cls.model_fields.keys()):
            names = ", ".join(sorted(map(repr, unknown)))[:200]
            raise DataError(_("parameters has {names}; known are 'function_to_apply' and 'top_k'.", names=names))
        return value


class HubRequest(RequestBody, json_schema_extra=example(inputs="배송이 정말 빨라요", parameters={"top_k": 1})):
    """A request of the hub's clients. Long texts are cut."""

    inputs: HubInputs
    parameters: HubParameters | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Options of `label_lists`."""
        chosen = self.parameters or HubParameters()
        return {"function": chosen.function_to_apply, "top_k": chosen.top_k, "flat": False}


class PredictRequest(RequestBody, json_schema_extra=example(inputs=[["배송이 정말 빨라요"], ["환불해 주세요"]])):
    """A request to /predict of text-embeddings-inference."""

    inputs: TeiInputs
    raw_scores: bool | None = Field(False, description="Logits instead of probabilities")
    truncate: bool | None = Field(True, description="Whether a long text is cut, or refused")

    @property
    def options(self) -> dict[str, Any]:
        """Options of `label_lists`."""
        function = "none" if self.raw_scores else None
        return {"function": function, "truncate": self.truncate is not False, "flat": self.inputs.single}


class AnalyzeRequest(RequestBody, json_schema_extra=example(inputs="배송이 정말 빨라요")):
    """A request for the predictions of several heads."""

    inputs: HubInputs
    tasks: HeadNames = None
    min_precision: float | dict[str, float] | None = Field(
        None, description="Withhold labels where fewer than this share would be right; of all, or by label"
    )


class ScoredLabel(BaseModel):
    """A label with its score: a probability, or a logit."""

    label: str
    score: FiniteFloat


class HeadAnswer(BaseModel):
    """The prediction of one head."""

    label: str | list[str] | None = Field(
        description="null for an empty text; 보류 if none is sure enough; a list if a text can have several"
    )
    score: FiniteFloat = Field(description="Of the highest label")
    scores: dict[str, FiniteFloat] = Field(description="Of all labels, highest first")
    suggested: str | list[str] | None = Field(description="The label, also where it is withheld")
    reason: str = Field(description="Why to doubt it: empty, out of scope, below threshold or cut")
    note: str = Field(description="The same in more words, such as the threshold")


class AnalysisAnswer(BaseModel):
    """The predictions of the heads for one text."""

    answers: dict[str, HeadAnswer] = Field(description="By the name of the head")
    note: str = Field(description="empty, or that the text was truncated")


def add_predictions(app: FastAPI, service: Service) -> None:
    """Add the routes that predict."""
    models = service.models
    post = partial(app.post, **documented(service, "predictions"))

    async def scored(classifier: Classifier, body: HubRequest | PredictRequest) -> Any:
        finish = partial(label_lists, classifier, body.inputs, **body.options)
        return await service.answer(classifier.model, body.inputs.texts, finish)

    async def analyzed(classifiers: Sequence[Classifier], body: AnalyzeRequest) -> Any:
        chosen = chosen_classifiers(classifiers, body.tasks)
        doubts = [classifier.doubt(body.min_precision) for classifier in chosen]
        finish = partial(analysis_answers, chosen, body.inputs, doubts)
        return await service.answer(classifiers[0].model, body.inputs.texts, finish)

    @post("/")
    async def hub(body: HubRequest) -> list[list[ScoredLabel]]:
        """The default model, for the hub's clients: a list of labels for each text, highest score first."""
        return await scored(models.default, body)

    @post("/predict")
    async def predict(body: PredictRequest) -> list[ScoredLabel] | list[list[ScoredLabel]]:
        """The default model, as text-embeddings-inference: flat for one text, a list for each text of a batch."""
        return await scored(models.default, body)

    @post("/analyze")
    async def analyze(body: AnalyzeRequest) -> AnalysisAnswer | list[AnalysisAnswer]:
        """All heads of the default model in one pass: one object for one text, a list for a list."""
        return await analyzed(models.default.model.classifiers, body)

    @post("/models/{name:path}/predict")
    async def named_predict(name: str, body: PredictRequest) -> list[ScoredLabel] | list[list[ScoredLabel]]:
        """A model or a head, as text-embeddings-inference: flat for one text, a list for each text of a batch."""
        return await scored(models.classifier(name), body)

    @post("/models/{name:path}/analyze")
    async def named_analyze(name: str, body: AnalyzeRequest) -> AnalysisAnswer | list[AnalysisAnswer]:
        """All heads of a model in one pass: one object for one text, a list for a list."""
        return await analyzed(models.resolve(name), body)

    @post("/models/{name:path}")
    async def named_hub(name: str, body: HubRequest) -> list[list[ScoredLabel]]:
        """A model or a head, for the hub's clients: a list of labels for each text, highest score first."""
        return await scored(models.classifier(name.rstrip("/")), body)


def chosen_classifiers(classifiers: Sequence[Classifier], tasks: Sequence[str] | None) -> Sequence[Classifier]:
    """The classifiers of these heads; all of them for None. UnknownName."""
    by_head = {classifier.head: classifier for classifier in classifiers}
    for name in tasks or ():
        if name not in by_head:
            raise unknown_name(_("head of {model}", model=classifiers[0].model.name), name, by_head)
    return classifiers if tasks is None else [by_head[name] for name in tasks]


def label_lists(
    classifier: Classifier,
    inputs: ParsedInputs,
    outputs: ModelOutputs,
    *,
    function: str | None = None,
    top_k: int | None = None,
    truncate: bool = True,
    flat: bool = False,
) -> list[ScoredLabel] | list[list[ScoredLabel]]:
    """The labels of each text with their scores, highest first; flat: of the only text.

    function: as of `Classifier.scores`. DataError: a text is empty, or too long and not to be truncated; these answers
    have no room for a note.
    """
    if outputs.empty.any():
        raise DataError(_("{name} has nothing in it to classify.", name=first_name(inputs, outputs.empty)))
    if outputs.truncated.any() and not truncate:
        runner = classifier.model.runner
        raise DataError(
            _(
                "{name} is longer than the {limit:,} {unit} that the model takes. Leave out truncate, or set it to "
                "true, to have the text cut.",
                name=first_name(inputs, outputs.truncated),
                limit=runner.max_length,
                unit=_(UNITS[runner.unit]),
            )
        )
    lists = [
        [
            ScoredLabel(label=name, score=round(score, SCORE_DIGITS))
            for name, score in list(ranked_probabilities(classifier.labels, row).items())[:top_k]
        ]
        for row in classifier.scores(outputs, function)
    ]
    return lists[0] if flat else lists


def first_name(inputs: ParsedInputs, flags: np.ndarray) -> str:
    """The name of the first text that is flagged."""
    return "inputs" if inputs.single else f"inputs[{int(np.argmax(flags))}]"


def analysis_answers(
    classifiers: Sequence[Classifier], inputs: ParsedInputs, doubts: Sequence[Doubt], outputs: ModelOutputs
) -> AnalysisAnswer | list[AnalysisAnswer]:
    """The predictions of the heads, each with its doubt: for a single text, or a list for a list."""
    model = classifiers[0].model
    outside = unlike([one.scope for one in classifiers], outputs.cleaned)
    scores = [one.scores(outputs) for one in classifiers]
    scored = list(zip(classifiers, doubts, scores, outside, strict=True))
    answers = []
    for index in range(len(outputs.empty)):
        by_head = {
            one.head: head_answer(one, doubt, rows[index], model.note(outputs, index, flags[index]))
            for one, doubt, rows, flags in scored
        }
        answers.append(AnalysisAnswer(answers=by_head, note=model.note(outputs, index)))
    return answers[0] if inputs.single else answers


def head_answer(classifier: Classifier, doubt: Doubt, row: np.ndarray, note: str) -> HeadAnswer:
    """The prediction of one head for one text. row: (labels,) probabilities; note: on the text."""
    found = doubt.applied(classifier.decoder.to_record("", "", row, note, classifier.threshold))
    rounded = {name: round(score, SCORE_DIGITS) for name, score in found.scores.items()}
    return HeadAnswer(
        label=found.label,
        score=next(iter(rounded.values()), 0.0),
        scores=rounded,
        suggested=found.suggested,
        reason=found.reason,
        note=found.note,
    )
