"""Bodies of answers, in the shapes that clients expect; made in the network's thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.serving.api.requests import FUNCTIONS, Options, ParsedInputs
from munjang.serving.loaded import Classifier, LoadedModel, ModelOutputs

DIGITS = 7  # of a score; float32 has no more


def dumped(value: Any) -> bytes:
    """JSON in UTF-8, Hangul as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def hub_body(
    asked: ParsedInputs, classifier: Classifier, network: LoadedModel, options: Options, rows: ModelOutputs
) -> bytes:
    """`[[{"label", "score"}, …]]`: a list for each text, also for a single one."""
    return dumped(label_lists(asked, classifier, network, options, rows))


def tei_body(
    asked: ParsedInputs, classifier: Classifier, network: LoadedModel, options: Options, rows: ModelOutputs
) -> bytes:
    """`[{"score", "label"}, …]` for a single text, for a batch a list of these."""
    lists = label_lists(asked, classifier, network, options, rows)
    return dumped(lists[0] if asked.single else lists)


def label_lists(
    asked: ParsedInputs, classifier: Classifier, network: LoadedModel, options: Options, rows: ModelOutputs
) -> list[list[dict[str, Any]]]:
    """For each text its labels with their scores, highest first. DataError: a text is empty, or too long to be cut."""
    refuse_unanswerable(asked, network, options, rows)
    logits = classifier.logits(rows)
    if options.function == "none":
        scores = logits
    else:
        scores = classifier.probabilities(logits, FUNCTIONS[options.function] if options.function else None)
    return [
        [{"label": name, "score": score} for name, score in ranked(classifier, row, options.top_k)] for row in scores
    ]


def refuse_unanswerable(asked: ParsedInputs, network: LoadedModel, options: Options, rows: ModelOutputs) -> None:
    """DataError for texts of which these shapes cannot say why there is no answer."""
    for wrong, why in (
        (rows.empty, "has nothing in it to classify"),
        (rows.truncated & (not options.cut), f"is longer than the {network.runner.max_length:,} {network.runner.unit} "
         "that the model takes; leave out truncate, or say true, to have it cut"),
    ):  # fmt: skip
        if wrong.any():
            place = int(np.argmax(wrong))
            raise DataError(f"{'inputs' if asked.single else f'inputs[{place}]'} {why}.")


def ranked(classifier: Classifier, row: np.ndarray, top_k: int | None = None) -> list[tuple[str, float]]:
    """The labels of one text with their scores, highest first."""
    order = np.argsort(-row, kind="stable")[:top_k]
    return [(classifier.labels.names[place], round(float(row[place]), DIGITS)) for place in order]


def analysis_body(
    asked: ParsedInputs, classifiers: Sequence[Classifier], network: LoadedModel, rows: ModelOutputs
) -> bytes:
    """`{"answers": {head: {"label", "score", "scores"}}, "note"}`, for a list of texts a list of these.

    A text with nothing in it has label null, no scores and the note "empty". For a model with several labels a text,
    label is a list.
    """
    probabilities = [classifier.probabilities(classifier.logits(rows)) for classifier in classifiers]
    found = []
    for place in range(len(asked.texts)):
        empty = bool(rows.empty[place])
        answers = {
            classifier.head: answer(classifier, own[place])
            if not empty
            else {"label": None, "score": 0.0, "scores": {}}
            for classifier, own in zip(classifiers, probabilities, strict=True)
        }
        cut = f"truncated to {network.runner.max_length:,} {network.runner.unit}" if rows.truncated[place] else ""
        found.append({"answers": answers, "note": "empty" if empty else cut})
    return dumped(found[0] if asked.single else found)


def answer(classifier: Classifier, row: np.ndarray) -> dict[str, Any]:
    """What one classifier says of one text."""
    pairs = ranked(classifier, row)
    label: str | list[str] = pairs[0][0]
    if classifier.task == "multi-label":
        label = [
            name for name, score in zip(classifier.labels.names, row, strict=True) if score >= classifier.threshold
        ]
    return {"label": label, "score": pairs[0][1], "scores": dict(pairs)}
