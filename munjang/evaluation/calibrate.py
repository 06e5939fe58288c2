"""Calibrates a model that is trained already: from labelled texts into its folder, what its answers are worth."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from munjang.config.arguments import checked
from munjang.errors import BundleError, ConfigError
from munjang.evaluation.references import read_references
from munjang.inference import confidence
from munjang.inference.confidence import HeldOut, calibrated
from munjang.inference.heads import HEADS, is_packaged_folder
from munjang.inference.predictor import Predictor, load
from munjang.inference.scope import Scope, fit_scope, save_scopes
from munjang.models.folder import MANIFEST, update_bundle
from munjang.records import Corpus, Example, examples_of
from munjang.tasks.classification import Classification, RawLogits
from munjang.translation import _

log = logging.getLogger("munjang")
FEWEST_TEXTS = 20  # texts


@checked("data", "split")
def calibrate(
    model: Predictor,
    data: Corpus | Sequence[Example],
    *,
    split: str = "test",
    label_map: Mapping[str, str] | None = None,
    progress: bool = False,
) -> Predictor:
    """Fit a model's temperature and thresholds to labelled texts, write them into its folder, and return it anew.

    The texts should be new to the model, and like those that it will answer. What the folder knew from its validation
    sentences is replaced; a model without a scope gets one. Its labels stay; its probabilities change. Arguments as of
    `munjang.evaluate`. DataError: too few texts, or labels that the model does not have. BundleError: a packaged model,
    a folder without munjang.json, or a full disk. ConfigError: a parser; a model with many heads: name one of them.
    """
    model.check_single()
    model.decoder.check_classifier(model.name)
    folder = writable_folder(model)
    corpus = data if isinstance(data, Corpus) else None
    examples = data.split(split) if isinstance(data, Corpus) else examples_of(data)
    references = read_references(examples, model, corpus.labels if corpus is not None else None, label_map)
    task = cast(Classification, model.decoder)
    texts = [example.text for example in references.examples]
    runs = list(model.run(texts, progress=progress, decoder=RawLogits(model.labels, task.columns)))
    logits, full = np.concatenate([run[2] for run in runs]), ~np.concatenate([run[4] for run in runs])
    if full.sum() < FEWEST_TEXTS:
        raise ConfigError(
            _(
                "{n:,} usable texts are too few to calibrate a model with; give at least {fewest}.",
                n=int(full.sum()),
                fewest=FEWEST_TEXTS,
            )
        )
    if model.held_out and full.sum() < len(model.held_out):
        log.warning("%s knew %d sentences; these %d replace them.", model.name, len(model.held_out), int(full.sum()))
    task, held = calibrated(task, logits[full], references.table[full])
    scopes = {} if model.scope else {model.head or "": scope_of([text for run in runs for text in run[1]])}
    write_confidence(folder, task, held, scopes, head=model.head)
    log.info("%s: calibrated with %d texts; temperature %s.", model.name, len(held), task.temperature)
    return load(folder if model.head is None else folder / model.head)


def writable_folder(model: Predictor) -> Path:
    """The folder of a model that may be changed. BundleError."""
    folder = model.folder
    if folder is None or not (folder / MANIFEST).is_file():
        raise BundleError(
            _("{model} has no {manifest}. Save it with Predictor.save, and calibrate that folder.", model=model.name,
              manifest=MANIFEST)
        )  # fmt: skip
    if is_packaged_folder(folder):
        raise BundleError(
            _(
                "{model} is a part of munjang itself, which stays as it is. Save it elsewhere with Predictor.save, and "
                "calibrate that folder.",
                model=model.name,
            )
        )
    return folder


def scope_of(cleaned: Sequence[str]) -> Scope:
    """The scope of texts like these: what n-grams are in half of them, with the threshold of the others."""
    return fit_scope(cleaned[::2], cleaned[1::2])


def write_confidence(
    folder: Path, task: Classification, held: HeldOut, scopes: Mapping[str, Scope], *, head: str | None
) -> None:
    """Replace the temperature and what is kept of labelled texts, of a whole model or one head, and add scopes."""

    def change(values: dict[str, Any]) -> None:
        details = values.setdefault("details", {})
        if head is None:
            details["task"] = task.options
        else:
            details[HEADS][head]["temperature"] = task.temperature

    def fill(beside: Path) -> None:
        confidence.save(beside, {head or "": held}, others=folder)
        save_scopes(beside, scopes)

    update_bundle(folder, fill, change)
