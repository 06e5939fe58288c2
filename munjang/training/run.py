"""Training from a corpus to a model folder: clean, split, train, score."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from munjang.config.arguments import checked
from munjang.config.checks import one_of
from munjang.config.settings import MOST_FOLDS, TrainConfig
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import is_first_process
from munjang.inference.predictor import Predictor, load
from munjang.records import Corpus
from munjang.tasks import task_for
from munjang.training.fit import begin_run, check_packages, fit_model, save_linear_model
from munjang.training.fold_scores import FoldScores, answer_folds
from munjang.training.folders import run_folder, temporary_run
from munjang.training.scoring import TrainedRun, score_run, write_card

log = logging.getLogger("munjang")


@checked("corpus")
def train(
    corpus: Corpus,
    config: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    baseline: bool = False,
    sentences: Sequence[str] = (),
    report: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Predictor:
    """Fine-tune on the corpus's train split and return the Predictor of the best weights on its validation split.

    out: the model folder; None: a temporary one that lives as long as the Predictor. A folder that is not empty is
    refused without `overwrite` (deletes it) or `resume` (goes on after its newest checkpoint, with the same settings).
    A corpus without a test or validation split gets one from train first (config.test_share, config.validation_share).
    The test split is used only to remove its texts from train, and once to score the model: the scores are the
    Predictor's `report`, and stand in run/test.json and on the card.
    baseline: whether to train the linear baseline too, into run/baseline, and to compare with it.
    report: whether to draw run/report.html, which needs `out` and matplotlib. sentences: to be answered there.
    cache: whether to keep token ids and fresh vocabularies for the next run (see `munjang.training.token_cache`).
    Raises DataError for a corpus that cannot be learnt from, Interrupted after Ctrl-C once the state is saved.
    """
    config = config or TrainConfig()
    check_packages(config)
    options: dict[str, Any] = {"baseline": baseline, "sentences": sentences, "progress": progress, "cache": cache}
    return run_training(corpus, config, out, overwrite=overwrite, resume=resume, report=report, **options).model


@checked("corpus")
def cross_validate(
    corpus: Corpus,
    config: TrainConfig | None = None,
    *,
    folds: int = 5,
    out: str | Path | None = None,
    baseline: bool = False,
    report: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> FoldScores:
    """Have every row answered by a model that has not seen it, train a final model, and return the scores of the folds.

    The same as `train` with config.folds, which has the model that is `model` here; its arguments are those of `train`.
    Rows of train and validation are dealt into `folds`, near copies into one. Each fold is answered by a model that
    learnt from the others. A test split stays what it is; of a corpus without one, no test split is made. Answers stand
    in run/folds.parquet and run/folds.json. Raises what `train` does, and ConfigError for trees and under torchrun.
    """
    one_of("folds", folds, tuple(range(2, MOST_FOLDS + 1)))
    config = replace(config or TrainConfig(), folds=folds)
    check_packages(config)
    options: dict[str, Any] = {"baseline": baseline, "report": report, "progress": progress}
    run = run_training(corpus, config, out, overwrite=overwrite, resume=resume, **options)
    assert run.folds is not None
    return run.folds


def run_training(
    corpus: Corpus, config: TrainConfig, out: str | Path | None, *, overwrite: bool, resume: bool, **options: Any
) -> TrainedRun:
    """Train in the folder `out`, or in a temporary one that lives as long as the Predictor. The rest: as in `train`."""
    if out is None:
        prepared, runs = prepare_corpus(corpus, config), list[TrainedRun]()

        def scored(folder: Path) -> Predictor:
            runs.append(train_and_score(prepared, config, folder, **(options | {"report": False})))
            return runs[0].model

        temporary_run(scored)
        return runs[0]
    run = train_into(Path(out), corpus, config, inputs=[config.backbone], overwrite=overwrite, resume=resume, **options)
    if run.why_no_page:
        log.warning("There is no HTML report: %s", run.why_no_page)
    return run


def train_into(
    out: Path,
    corpus: Corpus,
    config: TrainConfig,
    *,
    inputs: Sequence[str | Path | None],
    overwrite: bool = False,
    resume: bool = False,
    announce: Callable[[Prepared], None] = lambda prepared: None,
    **options: Any,
) -> TrainedRun:
    """Clean, split, train and score in the folder `out`.

    inputs: files and folders that the run reads. announce: called before training, with what is trained on. options: of
    `train_and_score`.
    """
    with run_folder(out, overwrite=overwrite, resume=resume, inputs=inputs) as folder:
        prepared = prepare_corpus(corpus, config)
        announce(prepared)
        run = train_and_score(prepared, config, folder, resume=resume, **options)
    return run if folder == out else run.moved_to(out)


def train_and_score(
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    baseline: bool = False,
    sentences: Sequence[str] = (),
    report: bool = True,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> TrainedRun:
    """Train on a prepared corpus into a folder that `run_folder` has opened, and score the model on the test split.

    With `resume` a model that is trained already is scored again. Under torchrun only the first process scores.
    """
    is_trained = begin_run(prepared, config, folder, resume=resume)
    place = folder / "run" / "folds"
    folds = answer_folds(prepared, config, place, progress=progress) if config.folds else None
    baseline_model = baseline_folds = None
    if baseline and config.backbone != "linear" and is_first_process():
        baseline_model = train_baseline(prepared, config, folder / "run" / "baseline", resume=resume)
        if folds and not prepared.corpus.test:
            baseline_folds = answer_folds(prepared, as_baseline(config), place / "baseline", progress=progress)
    if not is_trained:
        ngrams = baseline_model and baseline_model.runner.parts
        fit_model(prepared, config, folder, ngrams=ngrams, resume=resume, progress=progress, cache=cache)
    model = load(folder)
    if not is_first_process():
        return TrainedRun(model)
    return score_run(
        model, prepared, baseline=baseline_model, sentences=sentences, has_page=report, folds=folds,
        baseline_folds=baseline_folds,
    )  # fmt: skip


def as_baseline(config: TrainConfig) -> TrainConfig:
    """The settings of the linear baseline of a run."""
    return replace(config, backbone="linear", hybrid=False, augment=())


def train_baseline(prepared: Prepared, config: TrainConfig, folder: Path, *, resume: bool) -> Predictor:
    """Train the linear baseline on a prepared corpus in this process, and give it a card."""
    config = as_baseline(config)
    task_for(prepared.corpus, parser=config.parser).check_config(config, prepared.corpus.name)
    if not begin_run(prepared, config, folder, resume=resume):
        save_linear_model(prepared, config, folder)
    model = load(folder)
    write_card(model, prepared)
    return model
