"""A loaded model: it runs a batch of texts, and has classifiers. Here alone serving decodes the outputs of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from munjang.errors import ConfigError, DataError
from munjang.inference.confidence import NO_DOUBT, Doubt, HeldOut, MinPrecision, promised
from munjang.inference.confidence import load as load_held_out
from munjang.inference.heads import read_heads
from munjang.inference.predictor import Predictor
from munjang.inference.scope import Scope, load_scope
from munjang.metrics.selective import PROMISED
from munjang.records import LabelSet, Parse
from munjang.tasks.classification import Classification, MultiLabel, RawLogits

FUNCTIONS = {"softmax": Classification, "sigmoid": MultiLabel}
"""A function that a client may choose -> the task that uses it."""
PROMISES = Field([], description="Each min_precision of 0.9, 0.95 and 0.99 that it can keep")


class HeadFacts(BaseModel):
    """One head of a model."""

    name: str
    model: str = Field(description="Its name as a model of its own")
    corpus: str
    labels: list[str]
    promises: list[float] = PROMISES


class ModelFacts(BaseModel):
    """What /models says about a model, or about one head of it. A model with many heads has its labels there."""

    name: str
    task: str
    format: str
    max_length: int = Field(description="Longer texts are cut")
    unit: str = Field(description="What max_length counts: tokens or characters")
    head: str = Field("", description="The name of its answer at /analyze")
    corpus: str = Field("", description="The training corpus")
    labels: list[str] = []
    promises: list[float] = PROMISES
    heads: list[HeadFacts]


@dataclass(frozen=True)
class ModelOutputs:
    """What a model gives for n texts.

    logits: (n, L) of all heads; for a parser n Parses. truncated, empty: (n,) bool, which texts were cut or empty.
    cleaned: the texts as the model reads them.
    """

    logits: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray
    cleaned: Sequence[str]

    def part(self, start: int, stop: int) -> ModelOutputs:
        """The outputs for some of the texts."""
        arrays = (array[start:stop] for array in (self.logits, self.truncated, self.empty))
        return ModelOutputs(*arrays, self.cleaned[start:stop])


class LoadedModel:
    """An opened folder: a parser, or a network with one classifier or more, in the order of its heads.

    promises: by the name of a classifier. BundleError: what the folder keeps of validation is damaged.
    """

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.manifest, self.runner = name, predictor.manifest, predictor.runner
        self.folder = predictor.folder
        self.predictor, decoder = predictor, predictor.decoder
        self.is_parser, self.many_heads = decoder.record is Parse, bool(decoder.parts)
        # Of a head that is served alone, the logits are its own part.
        self.decoder = decoder if self.is_parser else RawLogits(predictor.labels, decoder.columns)
        self.classifiers = classifiers_of(self, predictor)
        self.promises = {one.name: one.promises() for one in self.classifiers}

    def run(self, texts: Sequence[str]) -> ModelOutputs:
        """The outputs for the few texts of a batch: cleaned, tokenised, run in batches by length."""
        (parts,) = self.predictor.run(texts, decoder=self.decoder)
        __, cleaned, rows, truncated, empty = parts
        if self.is_parser:
            rows = np.empty(len(texts), dtype=object)
            rows[:] = [self.predictor.decode(*part) for part in zip(*parts, strict=True)]
        return ModelOutputs(rows, truncated, empty, cleaned)

    def cost(self, text: str) -> int:
        """About how much work a text is, in characters; the part that is cut costs little."""
        return min(len(text) + 2, 4 * self.runner.max_length)

    def note(self, outputs: ModelOutputs, index: int, is_outside: bool = False) -> str:
        """What is special about the answer for a text, as in a Prediction."""
        return self.predictor.note(outputs.truncated[index], outputs.empty[index], is_outside)

    def facts(self) -> dict[str, Any]:
        """The values of its ModelFacts."""
        manifest = self.manifest
        facts = {
            "name": self.name, "task": manifest.task, "format": manifest.format,
            "max_length": self.runner.max_length, "unit": self.runner.unit, "heads": [],
        }  # fmt: skip
        if self.many_heads:
            heads = [HeadFacts(name=one.head, model=one.name, **one.own_facts()) for one in self.classifiers]
            return {**facts, "heads": heads}
        if self.is_parser:
            return {**facts, "corpus": manifest.corpus, "labels": list(manifest.labels)}
        return {**facts, "head": self.classifiers[0].head, **self.classifiers[0].own_facts()}


@dataclass(frozen=True)
class Classifier:
    """One classifier: a whole model, or one head of many. name: what a client calls it. head: its key in an analysis.

    decoder: reads its part of the logits. threshold: for several labels a text. notes: split -> what munjang.json says
    about it. part: the head's name in its folder, "" for a whole model.
    """

    name: str
    model: LoadedModel
    head: str
    decoder: Classification
    corpus: str
    notes: Mapping[str, Mapping[str, Any]]
    threshold: float = 0.5
    part: str = ""

    @property
    def labels(self) -> LabelSet:
        return self.decoder.labels

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What it gave on validation, from its folder. BundleError: the file is damaged."""
        folder, manifest = self.model.folder, replace(self.model.manifest, labels=self.labels)
        return folder and load_held_out(folder, manifest, several=self.decoder.several, head=self.part)

    @cached_property
    def scope(self) -> Scope | None:
        """What it has learnt from, from its folder. BundleError: the file is damaged."""
        folder = self.model.folder
        return folder and load_scope(folder, self.model.manifest, self.part)

    def promises(self) -> list[float]:
        """The precisions of PROMISED that it can keep."""
        return [target for target in PROMISED if self.held_out and self.held_out.selection(target)]

    def doubt(self, min_precision: MinPrecision | None) -> Doubt:
        """When it withholds a label. ConfigError, UnknownName: as of `promised`."""
        if min_precision is None:
            return NO_DOUBT
        try:
            return promised(self.held_out, self.labels, min_precision, self.name)
        except (ConfigError, DataError) as error:
            raise type(error)(f"{self.name}: {error}") from error

    def scores(self, outputs: ModelOutputs, function: str | None = None) -> np.ndarray:
        """(n, labels) float32: probabilities; for an empty text, those without any evidence.

        function: a key of FUNCTIONS or "none" (the logits), in place of the function of the model.
        """
        given = {"logits": outputs.logits}
        if function is None:
            scores = self.decoder.decode(given)
            scores[outputs.empty] = self.decoder.empty_output(1)
            return scores
        logits = self.decoder.logits(given) / self.decoder.scale
        return logits if function == "none" else FUNCTIONS[function](self.labels).decode({"logits": logits})

    def facts(self) -> dict[str, Any]:
        """The values of its ModelFacts, with those of its model."""
        return {**self.model.facts(), "name": self.name, "task": self.decoder.name, **self.own_facts(), "heads": []}

    def own_facts(self) -> dict[str, Any]:
        """What ModelFacts and HeadFacts both say about it."""
        return {"corpus": self.corpus, "labels": list(self.labels), "promises": self.model.promises[self.name]}


def classifiers_of(model: LoadedModel, predictor: Predictor) -> tuple[Classifier, ...]:
    """The classifiers of a model: none for a parser, itself, or each of its heads."""
    name, manifest = model.name, predictor.manifest
    if model.is_parser:
        return ()
    if model.many_heads:
        return tuple(
            Classifier(f"{name}/{head.name}", model, head.name, head.decoder, head.corpus,
                       {"test": head.test, "validation": head.validation}, part=head.name)
            for head in read_heads(manifest, predictor.folder or name)
        )  # fmt: skip
    test, decoder = manifest.details.get("test"), replace(predictor.decoder, columns=None)
    notes = {"test": test if isinstance(test, dict) else {}, "validation": manifest.validation}
    head, part = predictor.head or name, predictor.head or ""
    return (Classifier(name, model, head, decoder, manifest.corpus, notes, predictor.threshold, part),)
