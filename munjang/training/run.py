"""Training from a corpus to a model folder: clean, split, train, score."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from munjang.config.arguments import checked
from munjang.config.settings import TrainConfig
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import is_first_process
from munjang.inference.predictor import Predictor, load
from munjang.records import Corpus
from munjang.tasks import task_for
from munjang.training.fit import begin_run, check_packages, fit_model, save_linear_model
from munjang.training.folders import run_folder, temporary_run
from munjang.training.scoring import TrainedRun, score_run, write_card

if TYPE_CHECKING:
    pass

log = logging.getLogger("munjang")

Result = TypeVar("Result")


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
    if out is None:
        prepared = prepare_corpus(corpus, config)
        return temporary_run(lambda folder: train_and_score(prepared, config, folder, report=False, **options).model)
    inputs = [config.backbone]
    run = train_into(
        Path(out), corpus, config, inputs=inputs, overwrite=overwrite, resume=resume, report=report, **options
    )
    if run.why_no_page:
        log.warning("There is no HTML report: %s", run.why_no_page)
    return run.model


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
    baseline_model = None
    if baseline and config.backbone != "linear" and is_first_process():
        baseline_model = train_baseline(prepared, config, folder / "run" / "baseline", resume=resume)
    if not is_trained:
        ngrams = baseline_model and baseline_model.runner.parts
        fit_model(prepared, config, folder, ngrams=ngrams, resume=resume, progress=progress, cache=cache)
    model = load(folder)
    if not is_first_process():
        return TrainedRun(model)
    return score_run(model, prepared, baseline=baseline_model, sentences=sentences, has_page=report)


def train_baseline(prepared: Prepared, config: TrainConfig, folder: Path, *, resume: bool) -> Predictor:
    """Train the linear baseline on a prepared corpus in this process, and give it a card."""
    config = replace(config, backbone="linear", hybrid=False, augment=())
    task_for(prepared.corpus, parser=config.parser).check_config(config, prepared.corpus.name)
    if not begin_run(prepared, config, folder, resume=resume):
        save_linear_model(prepared, config, folder)
    model = load(folder)
    write_card(model, prepared)
    return model
