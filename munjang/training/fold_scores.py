"""The folds of a run: every row answered by a model that has not seen it, scored together and fold by fold."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from munjang.config.settings import TEXT_STEPS, TrainConfig
from munjang.data.prepare import Prepared
from munjang.data.readers.writers import open_writer
from munjang.data.splits import folds_of
from munjang.errors import ConfigError
from munjang.evaluation.labels import evaluate_labels
from munjang.files import write_json
from munjang.inference.predictor import Predictor
from munjang.metrics.report import Report
from munjang.metrics.tables import title
from munjang.models.saved_reports import FOLDS_REPORT
from munjang.records import Corpus, label_text, short_repr
from munjang.tasks import task_for
from munjang.text.cleaning import clean_text
from munjang.training.folds import answers_by_fold
from munjang.translation import _

log = logging.getLogger("munjang")

FOLDS_TABLE = Path("run", "folds.parquet")
"""Every row of the folds with its answer, in a model's folder."""


@dataclass(frozen=True, eq=False)
class FoldAnswers:
    """corpus: its train split has all rows of the folds. fold: (n,) int from 0. probabilities: (n, labels), by a model
    that has not seen the row."""

    corpus: Corpus
    fold: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What a run with folds found.

    report: on all rows together. folds: of each fold `n` and every metric. model: the final one, trained on all rows.
    """

    report: Report
    folds: tuple[dict[str, float], ...]
    model: Predictor

    __repr__ = short_repr

    @property
    def mean(self) -> dict[str, float]:
        """The mean of every metric over the folds."""
        return {name: float(np.mean([fold[name] for fold in self.folds])) for name in self.metrics}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of every metric over the folds."""
        return {name: float(np.std([fold[name] for fold in self.folds], ddof=1)) for name in self.metrics}

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics of a fold."""
        return [name for name in self.folds[0] if name != "n"]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"folds": self.folds, "mean": self.mean, "spread": self.spread, "report": self.report.to_dict()}

    def __str__(self) -> str:
        metric = self.report.main[0]
        (low, high), scores = self.report.intervals[metric], [fold[metric] for fold in self.folds]
        return _(
            "{folds} folds: each of {n:,} texts was answered by a model that had not seen it: {metric} {score:.3f} "
            "[{low:.3f}, {high:.3f}]; folds {lowest:.3f} to {highest:.3f} (mean {mean:.3f}, standard deviation "
            "{spread:.3f}).",
            n=self.report.n,
            folds=len(self.folds),
            metric=title(metric),
            score=self.report.metrics[metric],
            low=low,
            high=high,
            lowest=min(scores),
            highest=max(scores),
            mean=self.mean[metric],
            spread=self.spread[metric],
        )


def answer_folds(prepared: Prepared, config: TrainConfig, folder: Path, *, progress: bool) -> FoldAnswers:
    """Train a model for each fold of train and validation together, and have it answer its fold.

    folder: as in `answers_by_fold`. ConfigError: the task has no folds, or this is a process of torchrun.
    """
    task_for(prepared.corpus, parser=config.parser).check_config(config, prepared.corpus.name)
    if "RANK" in os.environ:
        raise ConfigError(_("Under torchrun there are no folds. Leave {option:folds} out, or start one process."))
    # A text that only its own steps keep cannot be scored, see `read_references`.
    rows = [row for row in (*prepared.corpus.train, *prepared.corpus.validation) if clean_text(row.text, TEXT_STEPS)]
    corpus = prepared.corpus.with_splits(train=rows, validation=(), test=())
    fold = folds_of(rows, config.folds, config.seed)
    log.info("%d folds, then the final model: up to %d times as long as one training.", config.folds, config.folds + 1)
    return FoldAnswers(corpus, fold, answers_by_fold(corpus, config, fold, folder, progress=progress)["probabilities"])


def fold_scores(model: Predictor, answers: FoldAnswers) -> FoldScores:
    """The scores of the answers. model: the final one, whose labels and thresholds count."""
    report = evaluate_labels(
        model, answers.corpus, split="train", label_map=None, by=None, without_spaces=False, robustness=False,
        progress=False, seed=13, answered=answers.probabilities,
    )  # fmt: skip
    counts = report.counts()
    folds = tuple(
        {"n": int(is_in.sum())}
        | {name: float(value) for name, value in report.scores(counts[is_in].sum(axis=0)).items()}
        for is_in in (answers.fold == number for number in range(int(answers.fold.max()) + 1))
    )
    return FoldScores(replace(report, split="folds"), folds, model)


def write_folds(scores: FoldScores, answers: FoldAnswers) -> None:
    """Write run/folds.json and run/folds.parquet of the model's folder."""
    import pyarrow

    folder, labels = scores.model.folder, answers.corpus.labels.names
    probabilities = [f"score_{label}" for label in labels]
    types = dict.fromkeys(("row", "line", "fold"), pyarrow.int64()) | dict.fromkeys(probabilities, pyarrow.float64())
    columns = ["row", "file", "line", "text", "label", "predicted", "fold", *probabilities]
    with open_writer(folder / FOLDS_TABLE, columns, overwrite=True, types=types) as writer:
        for row in table_rows(scores.model, answers):
            writer.write(row)
    write_json(folder / FOLDS_REPORT, scores.to_dict())


def table_rows(model: Predictor, answers: FoldAnswers) -> Iterator[list[Any]]:
    """The rows of the table: numbers of rows and folds from 1."""
    names = answers.corpus.labels.names
    chosen = model.decoder.chosen(answers.probabilities, model.threshold)
    for number, (row, fold) in enumerate(zip(answers.corpus.train, answers.fold, strict=True)):
        predicted = tuple(names[label] for label in np.flatnonzero(chosen[number]))
        yield [
            number + 1, row.file, row.line, row.text, label_text(row.label), label_text(predicted), int(fold) + 1,
            *answers.probabilities[number].astype(float),
        ]  # fmt: skip
