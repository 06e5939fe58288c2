"""One loaded model: its network, and the classifiers on it; or a parser."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from munjang.inference.heads import TASK, read_heads
from munjang.inference.predictor import Predictor
from munjang.records import EMPTY, LabelSet
from munjang.tasks import make_task
from munjang.tasks.base import Outputs


@dataclass(frozen=True)
class ModelOutputs:
    """What a network says of n texts: logits (n, L) of all its heads (of a parser n trees), which were cut, which had
    nothing to read."""

    logits: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray


@dataclass(frozen=True)
class Classifier:
    """One classifier: a network of its own, or one head of many. name: what a client calls it.

    columns: where its logits stand among the network's. threshold: for multi-label.
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
        """What /models/NAME says of one head, as JSON values."""
        return {
            "name": self.name, "task": self.task, "corpus": self.corpus, "labels": list(self.labels), "heads": [],
        }  # fmt: skip

    def logits(self, rows: ModelOutputs) -> np.ndarray:
        """(n, own labels) float32, of which `probabilities` are the softmax or the logistic function."""
        return rows.logits[:, self.columns] / np.float32(self.temperature)

    def probabilities(self, logits: np.ndarray, task: str | None = None) -> np.ndarray:
        """(n, own labels) float32 of this view's own logits. task: whose function, where not the model's own."""
        return make_task(task or self.task, self.labels).probabilities({"logits": logits})


@dataclass(frozen=True)
class RawLogits:
    """In the place of a Predictor's decoder: the logits as they are. labels: how many there are of a text."""

    labels: int

    def preprocess(self, text: str) -> str:
        return text

    def empty_output(self, count: int) -> np.ndarray:
        """(count, labels) zeros."""
        return np.zeros((count, self.labels), np.float32)

    def decode(self, outputs: Outputs) -> np.ndarray:
        return outputs["logits"].astype(np.float32)


class LoadedModel:
    """One folder, opened: what runs, and the views on it, in the order of its heads."""

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.manifest, self.runner = name, predictor.manifest, predictor.runner
        self.folder = predictor.folder
        self.plain = copy(predictor)
        self.plain.decoder = RawLogits(len(predictor.labels))
        self.classifiers = classifiers_of(name, predictor)
        self.many = predictor.task == TASK

    def run(self, texts: Sequence[str]) -> ModelOutputs:
        """The logits of a few texts: cleaned, tokenised, run in batches by length."""
        parts = list(self.plain.run(texts))
        return ModelOutputs(*(np.concatenate([part[place] for part in parts]) for place in (2, 3, 4)))

    def cost(self, text: str) -> int:
        """About how much work a text is, in characters; what is cut off costs little."""
        return min(len(text) + 2, 4 * self.runner.max_length)

    def describe(self) -> dict[str, Any]:
        """What /models says of it, as JSON values."""
        manifest = self.manifest
        facts = {
            "name": self.name, "task": manifest.task, "format": manifest.format,
            "max_length": self.runner.max_length, "unit": self.runner.unit,
        }  # fmt: skip
        if not self.many:
            own = {"head": self.classifiers[0].head, "corpus": manifest.corpus, "labels": list(manifest.labels)}
            return {**facts, **own, "heads": []}
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
    if manifest.task != TASK:
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
    """A parser on a server: for its lane a network, whose `logits` are trees."""

    classifiers = ()
    many = False

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.predictor = name, predictor
        self.manifest, self.runner = predictor.manifest, predictor.runner

    def run(self, texts: Sequence[str]) -> ModelOutputs:
        """The parses of a few texts, an array of objects."""
        found = np.empty(len(texts), dtype=object)
        found[:] = self.predictor.predict_many(texts)
        notes = [parse.note for parse in found]
        cut, empty = ([note not in ("", EMPTY) for note in notes], [note == EMPTY for note in notes])
        return ModelOutputs(found, np.array(cut), np.array(empty))

    def cost(self, text: str) -> int:
        """About how much work a text is, in characters; what is cut off costs little."""
        return min(len(text) + 2, 4 * self.runner.max_length)

    def describe(self) -> dict[str, Any]:
        """What /models says of it, as JSON values."""
        manifest = self.manifest
        return {
            "name": self.name, "task": manifest.task, "format": manifest.format, "max_length": self.runner.max_length,
            "unit": self.runner.unit, "corpus": manifest.corpus, "labels": list(manifest.labels), "heads": [],
        }  # fmt: skip
