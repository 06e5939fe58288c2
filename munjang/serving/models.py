"""The models of a server: networks by folder, and the classifiers on them by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.errors import ConfigError, MunjangError, unknown_name
from munjang.heads import TASK, has_parser, model_name, packaged, packaged_parser, read_heads
from munjang.prediction import Predictor, load
from munjang.records import LabelSet
from munjang.tasks import make_task
from munjang.tasks.base import Outputs

if TYPE_CHECKING:
    from munjang.serving.parsing import Parser


class Unserved(MunjangError):
    """Nothing that is served answers this."""

    http_status = 404


@dataclass(frozen=True)
class Rows:
    """What a network says of n texts: logits (n, L) of all its heads (of a parser n trees), which were cut, which had
    nothing to read."""

    logits: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray


@dataclass(frozen=True)
class View:
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

    def logits(self, rows: Rows) -> np.ndarray:
        """(n, own labels) float32, of which `probabilities` are the softmax or the logistic function."""
        return rows.logits[:, self.columns] / np.float32(self.temperature)

    def probabilities(self, logits: np.ndarray, task: str | None = None) -> np.ndarray:
        """(n, own labels) float32 of this view's own logits. task: whose function, where not the model's own."""
        return make_task(task or self.task, self.labels).probabilities({"logits": logits})


@dataclass(frozen=True)
class Logits:
    """In the place of a Predictor's decoder: the logits as they are. labels: how many there are of a text."""

    labels: int

    def ready(self, text: str) -> str:
        return text

    def blank(self, count: int) -> np.ndarray:
        """(count, labels) zeros."""
        return np.zeros((count, self.labels), np.float32)

    def decode(self, outputs: Outputs) -> np.ndarray:
        return outputs["logits"].astype(np.float32)


class Network:
    """One folder, opened: what runs, and the views on it, in the order of its heads."""

    def __init__(self, name: str, predictor: Predictor) -> None:
        self.name, self.manifest, self.runner = name, predictor.manifest, predictor.runner
        self.folder = predictor.folder
        self.plain = copy(predictor)
        self.plain.decoder = Logits(len(predictor.labels))
        self.views = views_of(name, predictor)
        self.many = predictor.task == TASK

    def run(self, texts: Sequence[str]) -> Rows:
        """The logits of a few texts: cleaned, tokenised, run in batches by length."""
        parts = list(self.plain.run(texts))
        return Rows(*(np.concatenate([part[place] for part in parts]) for place in (2, 3, 4)))

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
            own = {"head": self.views[0].head, "corpus": manifest.corpus, "labels": list(manifest.labels)}
            return {**facts, **own, "heads": []}
        heads = [
            {"name": view.head, "model": view.name, "corpus": view.corpus, "labels": list(view.labels)}
            for view in self.views
        ]
        return {**facts, "heads": heads}


def views_of(name: str, predictor: Predictor) -> tuple[View, ...]:
    """The classifiers of a model: itself, or each of its heads."""
    manifest = predictor.manifest
    if manifest.task != TASK:
        head = predictor.head or name
        everything = slice(0, len(manifest.labels))
        threshold = predictor.threshold
        return (View(name, head, manifest.task, manifest.labels, everything, 1.0, threshold, manifest.corpus),)
    return tuple(
        View(
            f"{name}/{head.name}", head.name, "classification", head.labels, head.columns, head.temperature,
            corpus=head.corpus,
        )
        for head in read_heads(manifest, predictor.folder or name)
    )  # fmt: skip


@dataclass(frozen=True)
class Models:
    """All models of a server. networks, views, parsers: by the name that a client uses.

    first: the classifier that answers at / and /predict; None where there are parsers only.
    """

    networks: Mapping[str, Network]
    views: Mapping[str, View]
    first: View | None
    parsers: Mapping[str, Parser] = field(default_factory=dict)

    @property
    def default(self) -> View:
        """The classifier that answers at / and /predict. Unserved: there is none."""
        if self.first is None:
            raise Unserved("Only parsers are served here, at /parse; start munjang serve with a classifier too.")
        return self.first

    def parser(self, name: str | None) -> Parser:
        """The parser of that name, or the first one. Unserved, UnknownName: there is none."""
        if not self.parsers:
            raise Unserved("No parser is served here; start munjang serve with a parser's folder too.")
        if name is None:
            return next(iter(self.parsers.values()))
        if name not in self.parsers:
            raise unknown_name("parser", name, self.parsers)
        return self.parsers[name]

    def network_of(self, view: View) -> Network:
        """The network that answers for a view."""
        return self.networks[view.name] if view.name in self.networks else self.networks[view.name.rpartition("/")[0]]

    def whole(self, view: View) -> tuple[Network, Sequence[View]]:
        """The network that answers for a view, and all views on it."""
        network = self.network_of(view)
        return network, network.views

    def view(self, name: str) -> View:
        """The classifier of that name. UnknownName lists the known; ConfigError: a network with many heads."""
        if name in self.networks and self.networks[name].many:
            heads = ", ".join(view.name for view in self.networks[name].views)
            raise ConfigError(
                f"{name} answers several questions. Name one of its heads: {heads}; or post to /models/{name}/analyze."
            )
        if name in self.parsers:
            raise ConfigError(f"{name} is a parser; post to /models/{name}/parse.")
        if name not in self.views:
            raise unknown_name("model", name, self.known)
        return self.views[name]

    def network(self, name: str) -> tuple[Network, Sequence[View]]:
        """The network of that name and all its views, or a head's network and that view alone."""
        if name in self.networks:
            return self.networks[name], self.networks[name].views
        view = self.view(name)
        return self.network_of(view), (view,)

    @property
    def known(self) -> list[str]:
        """Every name that a client may use."""
        return [*self.networks, *(name for name in self.views if name not in self.networks), *self.parsers]


def open_models(names: Sequence[str], *, default: str | None = None, precision: str = "fp32") -> Models:
    """Open the models that a command line names: FOLDER, FOLDER/HEAD, mini/HEAD, or NAME=one of these; none: mini.

    Nothing is ever unpickled. ConfigError: two of one name, a name with a slash. Errors as munjang.load has them.
    """
    from munjang.serving.parsing import Parser

    networks: dict[str, Network] = {}
    views: dict[str, View] = {}
    parsers: dict[str, Parser] = {}
    for word in names or packaged_models():
        own, source = split_name(word)
        predictor = load(source, precision=precision)
        is_parser = predictor.decoder.answers_are == "trees"
        network = (Parser if is_parser else Network)(own or served_name(predictor), predictor)
        for name in dict.fromkeys((network.name, *(view.name for view in network.views))):
            if name in networks or name in views or name in parsers:
                raise ConfigError(f"Two models would be called {name}. Give one another name: other={source}.")
        (parsers if is_parser else networks)[network.name] = network
        views |= {view.name: view for view in network.views}
    models = Models(networks, views, next(iter(views.values()), None), parsers)
    return models if default is None else replace(models, first=models.view(default))


def packaged_models() -> list[str]:
    """What is served where nothing is named: the packaged model, and the packaged parser where there is one."""
    return [str(packaged()), *([str(packaged_parser())] if has_parser() else [])]


def served_name(predictor: Predictor) -> str:
    """What a model is called after its folder: `nsmc`, `multi/sentiment` for one head opened alone, `mini`."""
    return model_name((predictor.folder or Path()).resolve(), predictor.head)


def split_name(word: str) -> tuple[str, str]:
    """NAME=FOLDER as (name, folder); a plain folder has the name "". ConfigError: a name that cannot stand in a URL."""
    name, sign, source = word.partition("=")
    if not sign or Path(word).exists():
        return "", word
    if not name or not source or "/" in name or name in (".", ".."):
        raise ConfigError(f"'{word}' should be NAME=FOLDER, the name without a slash.")
    return name, source
