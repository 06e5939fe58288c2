"""Reviews the labels of a corpus: models that have not seen a row say whether its label looks wrong."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from munjang.config.arguments import checked
from munjang.config.settings import CleanConfig, TrainConfig, to_dict
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.cleaning.report import location
from munjang.data.duplicates import rows_hash
from munjang.data.splits import folds_of, grouped
from munjang.errors import ConfigError, DataError
from munjang.files import make_temporary_folder, write_json
from munjang.files.outputs import sole_writer, work_of_folder
from munjang.metrics.scores import sigmoid, softmax
from munjang.models.folder import read_json_object
from munjang.records import SPLITS, Corpus, Example, Tree, check_corpus, count_labels, label_text
from munjang.reviewing.doubts import LEAST_PROBABILITY
from munjang.reviewing.result import LabelledRow, Review, review_labels
from munjang.reviewing.words import words_against
from munjang.tasks import task_for
from munjang.training.fine_tune import choose_epochs
from munjang.training.fit import check_packages
from munjang.training.folds import Ask, Keep, answers_by_fold
from munjang.training.linear import targets, temperature
from munjang.translation import _

log = logging.getLogger("munjang")

MINI_RATE = 300  # sentences a second that two cores train mini on (bench/results/quality-mini.json)


@checked("corpus")
def review(
    corpus: Corpus,
    config: TrainConfig | None = None,
    *,
    folds: int = 5,
    splits: Sequence[str] = ("train",),
    top: int | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
) -> Review:
    """The rows of a corpus whose labels look wrong, the most suspicious first; the corpus stays as it is.

    The rows of `splits` are dealt into folds; each fold is answered by a model that learnt from the others. Labels that
    contradict the answers are suspicious, and so are equal texts with different labels. config: of the models; None:
    linear ones, which take seconds. top: how many rows to list; None: all contradictions. folder: where finished
    folds and the checkpoints of networks are kept; the same call goes on there, and empties it at the end.
    DataError: trees, no such split, or too few rows.
    """
    check_corpus(corpus)
    config = config or TrainConfig(backbone="linear")
    check_packages(config)
    if corpus.label_type is Tree:
        raise DataError(_("{corpus} has trees; a review is for labels.", corpus=corpus.name))
    cleaned, rows = rows_to_review(corpus, splits, config)
    __, copies = grouped(cleaned.train)
    fold = folds_of(cleaned.train, folds, config.seed)
    with place_for(folder) as place:
        begin(place, cleaned, config, folds)
        say_how_long(cleaned, config, folds)
        answers = answers_by_fold(cleaned, config, fold, place, answer=held_answers(cleaned), progress=progress)
        shutil.rmtree(place)
    return review_labels(cleaned, rows, answers["probabilities"], answers["words"].tolist(), list(copies.values()), top)


@contextmanager
def place_for(folder: str | Path | None) -> Iterator[Path]:
    """The folder for finished folds; a temporary one goes with the block. InUse: another process uses it."""
    place = make_temporary_folder() if folder is None else Path(folder)
    try:
        with sole_writer(work_of_folder(place)):
            yield place / "folds"
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # an unfinished review stays
            place.rmdir()


def as_it_is(config: TrainConfig) -> CleanConfig:
    """The text steps only: a repeated row may be wrong in one place, and equal texts with other labels are evidence."""
    return CleanConfig(config.clean.steps, duplicates=False, conflicts="keep", leaks=False)


def rows_to_review(corpus: Corpus, splits: Sequence[str], config: TrainConfig) -> tuple[Corpus, list[LabelledRow]]:
    """The rows to review, and a cleaned corpus of them as its train split. Rows without text or label are left out."""
    for name in splits:
        corpus.split(name)
    chosen = corpus.with_splits(**{name: () for name in SPLITS if name not in splits})
    cleaned, report = clean_corpus(chosen, as_it_is(config))
    rows = [
        LabelledRow(split, *location(source := getattr(chosen, split)[position], position, f"{corpus.name}/{split}"),
                    source.text, example)
        for split in SPLITS
        for position, example in zip(report.kept.get(split, ()), getattr(cleaned, split), strict=True)
    ]  # fmt: skip
    examples = [row.example for row in rows]
    if len(count_labels(examples)) < 2:
        raise DataError(_("{corpus}: a review needs rows with at least two labels.", corpus=corpus.name))
    return cleaned.with_splits(train=examples, validation=(), test=()), rows


def begin(place: Path, corpus: Corpus, config: TrainConfig, folds: int) -> None:
    """Note in `place` what is reviewed. ConfigError: another review was begun there."""
    rows = ((example.text, label_text(example.label)) for example in corpus.train)
    settings = json.loads(json.dumps({"config": to_dict(config), "folds": folds, "sha256": rows_hash(rows)}))
    kept = place / "review.json"
    if kept.exists() and read_json_object(kept) != settings:
        raise ConfigError(
            _("{folder} holds another review that was not finished. Delete it, or name another folder.", folder=place)
        )
    place.mkdir(parents=True, exist_ok=True)
    write_json(kept, settings)


def held_answers(corpus: Corpus) -> Keep:
    """What is kept of each fold: the probabilities, and the words against each label that the model doubts."""

    def answer(ask: Ask, held: Sequence[Example]) -> dict[str, np.ndarray]:
        texts, given = [example.text for example in held], targets(held, corpus)
        probabilities = ask(texts)
        words = words_against(ask, texts, given, probabilities)
        calm = calmed(probabilities, given, several=corpus.label_type is tuple)
        return {"probabilities": calm, "words": np.array(words, np.str_)}

    return answer


def calmed(probabilities: np.ndarray, given: np.ndarray, *, several: bool) -> np.ndarray:
    """(n, L) probabilities after the temperature that suits the labels of the fold, given (n, L) bool.

    The validation split of a fold is small: in one of sample:sentiment, 51 rows made a model four times too sure.
    """
    likely = np.clip(probabilities.astype(np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    logits = np.log(likely) - (np.log1p(-likely) if several else 0)
    scale, __ = temperature(logits, given, single=not several)
    return sigmoid(scale * logits) if several else softmax(scale * logits)


def say_how_long(corpus: Corpus, config: TrainConfig, folds: int) -> None:
    """Say how long networks will take; of linear models nothing, since they take seconds."""
    if config.backbone == "linear":
        return
    rows, defaults = len(corpus.train) * (folds - 1) // folds, task_for(corpus).training_defaults
    epochs = config.epochs or choose_epochs(defaults, math.ceil(rows / (config.batch_size or defaults.batch_size)))
    log.info(
        "%d trainings on %s rows each, %g epochs: with mini about %s on two cores.",
        folds, f"{rows:,}", epochs, in_minutes(folds * rows * epochs / MINI_RATE),
    )  # fmt: skip


def in_minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60):,} min"
