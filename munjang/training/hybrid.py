"""Linear models beside a trained network: trained on the same sentences, mixed by weights that validation chooses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.config.settings import TrainConfig
from munjang.inference.backends import hybrid
from munjang.inference.backends.hybrid import Mix, NgramPart, NgramParts
from munjang.inference.backends.linear import LinearParts, LinearRunner
from munjang.metrics.scores import log_loss, sigmoid, softmax
from munjang.metrics.tables import title
from munjang.models.folder import Manifest
from munjang.records import Corpus, Example
from munjang.tasks import task_for
from munjang.training.linear import targets, train_linear
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.tasks.base import Task
    from munjang.tasks.classification import Classification

log = logging.getLogger("munjang")

Fill = Callable[[Path], None]
"""Writes the files of a model into a folder."""
NGRAM_BYTES = 10_000_000  # of the files of all linear models together
MOST_WEIGHT = 10.0  # weight; validation sentences that are all answered rightly would want an infinite one
LEAST = 0.01  # weight of the n-grams; below, they change no answer worth their files


@dataclass(frozen=True)
class Mixture:
    """A network and a linear model on validation.

    network: log loss in nats and the task's scores of the network alone, with its best weight; mixed: those of both.
    metric: which of the scores the task is judged by.
    """

    mix: Mix
    metric: str
    network: Mapping[str, float]
    mixed: Mapping[str, float]

    @property
    def helps(self) -> bool:
        """Whether the n-grams have any weight."""
        return self.mix.ngrams >= LEAST

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.helps:
            return _("N-grams beside the network would not help: on the validation split their best weight is 0.")
        return _(
            "With n-grams beside the network ({option:hybrid=True}), the {metric} on the validation split would be "
            "{mixed:.4f} in place of {network:.4f}, the log loss {mixed_loss:.4f} in place of {network_loss:.4f}.",
            metric=title(self.metric),
            mixed=self.mixed[self.metric],
            network=self.network[self.metric],
            mixed_loss=self.mixed["log_loss"],
            network_loss=self.network["log_loss"],
        )


def ngrams_beside(
    task: Classification, logits: np.ndarray, corpus: Corpus, config: TrainConfig, *, share: float = 1.0,
    model: LinearParts | None = None,
) -> NgramPart | None:  # fmt: skip
    """The linear model of a classifier, with its weights; None if it does not help on validation.

    logits: (n, L) of the network for `corpus.validation`. share: of NGRAM_BYTES. model: the linear model, if it has
    been trained on this corpus already.
    """
    model = pruned(model or train_linear(corpus, config), int(share * NGRAM_BYTES))
    mixture = mixture_of(logits, model, corpus)
    if not mixture.helps:
        log.warning("%s: the n-grams do not help on the validation split, so the network stays alone.", corpus.name)
        return None
    log.info(
        "%s: %.3g · network + %.3g · n-grams; log loss on validation %.4f, of the network alone %.4f.",
        corpus.name, mixture.mix.network, mixture.mix.ngrams, mixture.mixed["log_loss"], mixture.network["log_loss"],
    )  # fmt: skip
    columns = task.columns or slice(0, len(task.labels))
    scores = {"metric": mixture.metric, "network": mixture.network, "mixed": mixture.mixed}
    return NgramPart(mixture.mix, model, columns, scores)


def with_ngrams(manifest: Manifest, fill: Fill, parts: NgramParts) -> tuple[Manifest, Fill]:
    """The manifest of a network with linear models beside it, and what writes its files; both unchanged without any."""
    if not parts:
        return manifest, fill

    def fill_both(folder: Path) -> None:
        fill(folder)
        hybrid.save(folder, parts)

    return hybrid.hybrid_manifest(manifest, manifest.format, parts), fill_both


def mixture_of(logits: np.ndarray, model: LinearParts, corpus: Corpus) -> Mixture:
    """The best mixture of a network's logits for `corpus.validation`, (n, L), with a linear model."""
    task, references = task_for(corpus), targets(corpus.validation, corpus)
    of_ngrams = ngram_logits(model, corpus.validation)
    alone, (network, ngrams) = (
        best_weights(parts, references, single=not task.several) for parts in ([logits], [logits, of_ngrams])
    )
    mix = Mix(round(network, 4), round(ngrams, 4))
    scores = [scores_on(task, mixed, references) for mixed in (alone[0] * logits, mix.logits(logits, of_ngrams))]
    return Mixture(mix, task.monitor, *scores)


def ngram_logits(model: LinearParts, examples: Sequence[Example]) -> np.ndarray:
    """(n, L) float32: the logits of a linear model."""
    return LinearRunner(model).run({"texts": [example.text for example in examples]})["logits"]


def mixed_logits(part: NgramPart, logits: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
    """(n, L): a network's logits for some examples, with those of the linear model beside it."""
    return part.mix.logits(logits, ngram_logits(part.model, examples))


def scores_on(task: Task, logits: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """Log loss and the task's scores of logits (n, L). references: (n, L) bool."""
    single = not task.several
    probabilities = softmax(logits) if single else sigmoid(logits)
    scores = task.score(references.argmax(axis=1) if single else references, probabilities)
    return {"log_loss": log_loss(logits, references, single=single), **scores}


def best_weights(logits: list[np.ndarray], references: np.ndarray, *, single: bool) -> list[float]:
    """The weights from 0 to MOST_WEIGHT for which the log loss of the weighted sum of some logits is lowest.

    logits: (n, L) each; references: (n, L) bool, of texts that nothing was trained on. The loss is convex. Half the
    squares of the weights count as the loss of one more text: a few texts that are all right ask for no bounds.
    """
    from scipy.optimize import minimize

    stacked = np.stack(logits).astype(np.float64)  # (K, n, L)
    size = references.shape[0] * (1 if single else references.shape[1])

    def loss_and_slopes(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = np.tensordot(weights, stacked, axes=1)
        errors = (softmax(mixed) if single else sigmoid(mixed)) - references
        slopes = (stacked * errors).sum(axis=(1, 2)) + weights
        return log_loss(mixed, references, single=single) + float(weights @ weights) / (2 * size), slopes / size

    start = np.full(len(logits), 1 / len(logits))
    best = minimize(loss_and_slopes, start, jac=True, method="L-BFGS-B", bounds=[(0, MOST_WEIGHT)] * len(logits))
    return [float(weight) for weight in best.x]


def pruned(model: LinearParts, most_bytes: int) -> LinearParts:
    """A linear model whose files have at most about `most_bytes`: of its n-grams those that can move a logit most."""
    sizes = np.fromiter((len(ngram.encode()) + 1 for ngram in model.ngrams), np.int64, len(model.ngrams))
    sizes += 4 * (1 + model.weights.shape[1])  # idf and weights, float32
    if sizes.sum() <= most_bytes:
        return model
    order = np.argsort(-np.abs(model.weights).max(axis=1) * model.idf, kind="stable")
    kept = np.sort(order[: np.searchsorted(np.cumsum(sizes[order]), most_bytes, side="right")])
    ngrams = [model.ngrams[index] for index in kept]
    return replace(model, ngrams=ngrams, idf=model.idf[kept], weights=model.weights[kept])
