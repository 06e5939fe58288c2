"""A loaded model: its network, and the classifiers on it; or a parser."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from munjang.inference.heads import read_heads
from munjang.inference.predictor import Predictor
from munjang.records import EMPTY, LabelSet
from munjang.tasks import make_task
from munjang.tasks.base import Outputs


@dataclass(frozen=True)
class ModelOutputs:
    """What a model gives for n texts.

    logits: (n, L) of all heads; for a parser n trees. truncated, empty: (n,) bool, which texts were cut or empty.
    """

    logits: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray


@dataclass(frozen=True)
class Classifier:
    """One classifier: a whole model, or one head of many. name: what a client calls it.

    columns: the position of its logits among all logits of the model. threshold: for multi-label.
    """

    name: str
    head: str
    task: str
    labels: LabelSet
    columns: slice
    temperature: float = 1.0
    threshold: float = 0.5
    corpus: str = ""

    def describe(self) -> dict[str, Any]:
        """What /models/NAME says about one head, as JSON values."""
        return {
            "name": self.name, "task": self.task, "corpus": self.corpus, "labels": list(self.labels), "heads": [],
        }  # fmt: skip

    def logits(self, outputs: ModelOutputs) -> np.ndarray:
        """(n, labels) float32, the input of `probabilities`."""
        return outputs.logits[:, self.columns] / np.float32(self.temperature)

    def probabilities(self, logits: np.ndarray, task: str | None = None) -> np.ndarray:
        """(n, labels) float32 from `logits`: softmax, or sigmoid for multi-label. task: uses its function instead."""
        return make_task(task or self.task, self.labels).decode({"logits": logits})


@dataclass(frozen=True)
class RawLogits:
    """Replaces the decoder of a Predictor and gives its logits unchanged. labels: how many logits a text has."""

    labels: int

    def preprocess(self, text: str) -> str:
        return text

    def empty_output(self, count: int) -> np.ndarray:
        """(count, labels) zeros."""
        return np.zeros((count, self.labels), np.float32)

    def decode(self, outputs: Outputs) -> np.ndarray:
        return outputs["logits"].astype(np.float32)


class LoadedModel:
    """An opened folder: its runner, and its classifiers in the order of its heads."""

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.manifest, self.runner = name, predictor.manifest, predictor.runner
        self.folder = predictor.folder
        self.raw = copy(predictor)
        self.raw.decoder = RawLogits(len(predictor.labels))
        self.classifiers = classifiers_of(name, predictor)
        self.many_heads = bool(predictor.decoder.parts)

    def run(self, texts: Sequence[str]) -> ModelOutputs:
        """The logits of a few texts: cleaned, tokenised, run in batches by length."""
        parts = list(self.raw.run(texts))
        return ModelOutputs(*(np.concatenate([part[column] for part in parts]) for column in (2, 3, 4)))

    def cost(self, text: str) -> int:
        """About how much work a text is, in characters; the part that is cut costs little."""
        return min(len(text) + 2, 4 * self.runner.max_length)

    def describe(self) -> dict[str, Any]:
        """What /models says about it, as JSON values."""
        manifest = self.manifest
        facts = {
            "name": self.name, "task": manifest.task, "format": manifest.format,
            "max_length": self.runner.max_length, "unit": self.runner.unit,
        }  # fmt: skip
        if not self.many_heads:
            head = {"head": self.classifiers[0].head, "corpus": manifest.corpus, "labels": list(manifest.labels)}
            return {**facts, **head, "heads": []}
        heads = [
            {
                "name": classifier.head,
                "model": classifier.name,
                "corpus": classifier.corpus,
                "labels": list(classifier.labels),
            }
            for classifier in self.classifiers
        ]
        return {**facts, "heads": heads}


def classifiers_of(name: str, predictor: Predictor) -> tuple[Classifier, ...]:
    """The classifiers of a model: itself, or each of its heads."""
    manifest = predictor.manifest
    if not predictor.decoder.parts:
        head = predictor.head or name
        everything = slice(0, len(manifest.labels))
        threshold = predictor.threshold
        return (Classifier(name, head, manifest.task, manifest.labels, everything, 1.0, threshold, manifest.corpus),)
    return tuple(
        Classifier(
            f"{name}/{head.name}", head.name, "classification", head.labels, head.columns, head.temperature,
            corpus=head.corpus,
        )
        for head in read_heads(manifest, predictor.folder or name)
    )  # fmt: skip


class LoadedParser:
    """An opened parser. Its queue uses it like a LoadedModel; its `logits` are trees."""

    classifiers = ()
    many_heads = False

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.predictor = name, predictor
        self.manifest, self.runner = predictor.manifest, predictor.runner

    def run(self, texts: Sequence[str]) -> ModelOutputs:
        """The parses of a few texts, an array of objects."""
        parses = np.empty(len(texts), dtype=object)
        parses[:] = self.predictor.predict_many(texts)
        notes = [parse.note for parse in parses]
        cut, empty = ([note not in ("", EMPTY) for note in notes], [note == EMPTY for note in notes])
        return ModelOutputs(parses, np.array(cut), np.array(empty))

    def cost(self, text: str) -> int:
        """About how much work a text is, in characters; the part that is cut costs little."""
        return min(len(text) + 2, 4 * self.runner.max_length)

    def describe(self) -> dict[str, Any]:
        """What /models says about it, as JSON values."""
        manifest = self.manifest
        return {
            "name": self.name, "task": manifest.task, "format": manifest.format, "max_length": self.runner.max_length,
            "unit": self.runner.unit, "corpus": manifest.corpus, "labels": list(manifest.labels), "heads": [],
        }  # fmt: skip
