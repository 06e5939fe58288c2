"""Bodies of responses, in the shapes that clients expect. They are made in the model's thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.serving.api.requests import FUNCTIONS, Options, ParsedInputs
from munjang.serving.loaded import Classifier, LoadedModel, ModelOutputs
from munjang.translation import N_, _

DIGITS = 7  # of a score; float32 has no more
UNITS = {"tokens": N_("tokens"), "characters": N_("characters")}
"""The unit of a runner -> its name in a message."""


def dumped(value: Any) -> bytes:
    """JSON in UTF-8, with Hangul unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def hub_body(
    inputs: ParsedInputs, classifier: Classifier, model: LoadedModel, options: Options, outputs: ModelOutputs
) -> bytes:
    """`[[{"label", "score"}, …]]`: a list for each text, also for a single text."""
    return dumped(label_lists(inputs, classifier, model, options, outputs))


def tei_body(
    inputs: ParsedInputs, classifier: Classifier, model: LoadedModel, options: Options, outputs: ModelOutputs
) -> bytes:
    """`[{"score", "label"}, …]` for a single text; a list of these for a batch."""
    lists = label_lists(inputs, classifier, model, options, outputs)
    return dumped(lists[0] if inputs.single else lists)


def label_lists(
    inputs: ParsedInputs, classifier: Classifier, model: LoadedModel, options: Options, outputs: ModelOutputs
) -> list[list[dict[str, Any]]]:
    """The labels of each text with their scores, highest first. DataError: a text is empty, or too long and not cut."""
    refuse_unusable_texts(inputs, model, options, outputs)
    logits = classifier.logits(outputs)
    if options.function == "none":
        scores = logits
    else:
        scores = classifier.probabilities(logits, FUNCTIONS[options.function] if options.function else None)
    return [
        [{"label": name, "score": score} for name, score in ranked(classifier, row, options.top_k)] for row in scores
    ]


def refuse_unusable_texts(inputs: ParsedInputs, model: LoadedModel, options: Options, outputs: ModelOutputs) -> None:
    """DataError: a text is empty, or too long and not to be cut. These response shapes have no room for a note."""

    def first_name(flags: np.ndarray) -> str:
        return "inputs" if inputs.single else f"inputs[{int(np.argmax(flags))}]"

    if outputs.empty.any():
        raise DataError(_("{name} has nothing in it to classify.", name=first_name(outputs.empty)))
    if outputs.truncated.any() and not options.cut:
        raise DataError(
            _(
                "{name} is longer than the {limit:,} {unit} that the model takes. Leave out truncate, or set it to "
                "true, to have the text cut.",
                name=first_name(outputs.truncated),
                limit=model.runner.max_length,
                unit=_(UNITS[model.runner.unit]),
            )
        )


def ranked(classifier: Classifier, row: np.ndarray, top_k: int | None = None) -> list[tuple[str, float]]:
    """The labels of one text with their scores, highest first."""
    order = np.argsort(-row, kind="stable")[:top_k]
    return [(classifier.labels.names[index], round(float(row[index]), DIGITS)) for index in order]


def analysis_body(
    inputs: ParsedInputs, classifiers: Sequence[Classifier], model: LoadedModel, outputs: ModelOutputs
) -> bytes:
    """`{"answers": {head: {"label", "score", "scores"}}, "note"}`; a list of these for a list of texts.

    An empty text has label null, no scores and the note "empty". If a text can have several labels, label is a list.
    """
    probabilities = [classifier.probabilities(classifier.logits(outputs)) for classifier in classifiers]
    analyses = []
    for index in range(len(inputs.texts)):
        empty = bool(outputs.empty[index])
        answers = {
            classifier.head: {"label": None, "score": 0.0, "scores": {}} if empty else answer(classifier, rows[index])
            for classifier, rows in zip(classifiers, probabilities, strict=True)
        }
        cut = f"truncated to {model.runner.max_length:,} {model.runner.unit}" if outputs.truncated[index] else ""
        analyses.append({"answers": answers, "note": "empty" if empty else cut})
    return dumped(analyses[0] if inputs.single else analyses)


def answer(classifier: Classifier, row: np.ndarray) -> dict[str, Any]:
    """The prediction of one classifier for one text, as JSON values."""
    pairs = ranked(classifier, row)
    label: str | list[str] = pairs[0][0]
    if classifier.task == "multi-label":
        label = [
            name for name, score in zip(classifier.labels.names, row, strict=True) if score >= classifier.threshold
        ]
    return {"label": label, "score": pairs[0][1], "scores": dict(pairs)}
