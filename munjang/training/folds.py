"""Folds: each row of a train split is answered by a model that learnt from the rows of the other folds."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from munjang.config.settings import TrainConfig
from munjang.data.cleaning.report import CleaningReport, StepCount
from munjang.data.prepare import Prepared
from munjang.data.splits import with_validation
from munjang.errors import BundleError
from munjang.files import disk_errors, whole_file
from munjang.inference.backends.linear import LinearRunner
from munjang.models.folder import RESUME_REMEDY
from munjang.records import Corpus, Example
from munjang.training.fit import linear_model, train_prepared
from munjang.training.folders import is_started
from munjang.translation import _

log = logging.getLogger("munjang")

Ask = Callable[[Sequence[str]], np.ndarray]
"""A model: cleaned texts -> probabilities (n, labels)."""
Keep = Callable[[Ask, Sequence[Example]], Mapping[str, np.ndarray]]
"""What is kept of a model's answers for the rows of its fold: name -> array (n, …)."""


def just_probabilities(ask: Ask, held: Sequence[Example]) -> dict[str, np.ndarray]:
    """What `answers_by_fold` keeps unless told otherwise."""
    return {"probabilities": ask([example.text for example in held])}


def answers_by_fold(
    corpus: Corpus,
    config: TrainConfig,
    fold: np.ndarray,
    folder: Path,
    *,
    answer: Keep = just_probabilities,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """For each row of train what `answer` keeps of a model that has not seen it: name -> array (n, …).

    corpus: cleaned; its other splits are not used. fold: (n,) int, from 0. The rows of the other folds are split into
    train and validation as in any training. folder: has the answers of finished folds, which are not trained again,
    and the runs of networks, which go on from their checkpoint; a finished fold leaves only its answers there. Whoever
    calls this sees to it that the folder is for this corpus and these settings.
    """
    sizes = np.bincount(fold)
    parts = []
    for number in range(len(sizes)):
        place = folder / str(number)
        if answers_file(place).exists():
            log.info("Fold %d of %d: answered before.", number + 1, len(sizes))
        else:
            log.info("Fold %d of %d: %s rows.", number + 1, len(sizes), f"{sizes[number]:,}")
        parts.append(fold_answers(corpus, config, fold == number, place, answer, progress))
    order = np.argsort(np.concatenate([np.flatnonzero(fold == number) for number in range(len(sizes))]))
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


def fold_answers(
    corpus: Corpus, config: TrainConfig, is_held: np.ndarray, folder: Path, answer: Keep, progress: bool
) -> dict[str, np.ndarray]:
    """The answers for one fold, (n,) bool of all rows; from the file beside `folder` if they are there."""
    kept = answers_file(folder)
    if not kept.exists():
        rest, held = ([corpus.train[row] for row in np.flatnonzero(mask)] for mask in (~is_held, is_held))
        ask = trained(corpus.with_splits(train=rest, validation=(), test=()), config, folder, progress)
        with disk_errors(kept, _(RESUME_REMEDY)), whole_file(kept) as file, file.open("wb") as stream:
            np.savez(stream, **answer(ask, held))
    shutil.rmtree(folder, ignore_errors=True)
    return read_answers(kept, int(is_held.sum()))


def answers_file(folder: Path) -> Path:
    """Where the answers of the fold that is trained in `folder` are kept."""
    return folder.with_suffix(".npz")


def read_answers(path: Path, rows: int) -> dict[str, np.ndarray]:
    """The answers of a finished fold. BundleError: the file is damaged, or has another number of rows."""
    try:
        with np.load(path, allow_pickle=False) as saved:
            answers = dict(saved)
        if {len(array) for array in answers.values()} != {rows}:
            raise ValueError(_("it does not have {rows:,} rows", rows=rows))
    except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise BundleError(
            _("{path} cannot be read: {reason}. Delete it, and its fold is trained again.", path=path, reason=error)
        ) from error
    return answers


def trained(corpus: Corpus, config: TrainConfig, folder: Path, progress: bool) -> Ask:
    """A model that learnt from the train split. folder: for the run of a network."""
    config = replace(config, folds=0)
    corpus = with_validation(corpus, config.validation_share, config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    if config.backbone == "linear":
        parts, task, __ = linear_model(corpus, config)
        runner = LinearRunner(parts)
        return lambda texts: task.decode(runner.run({"texts": texts}))
    read = StepCount("read", {"train": 0}, {"train": len(corpus.train)})
    prepared = Prepared(corpus, corpus, CleaningReport(corpus.name, config.clean, 0, (read,), {}, {}))  # cleaned before
    return train_prepared(
        prepared, config, folder, resume=is_started(folder), progress=progress, cache=False
    ).probabilities
