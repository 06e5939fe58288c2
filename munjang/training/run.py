"""Training from a corpus to a model folder: clean, split, encode, run a loop, keep the best, save."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from munjang import __version__
from munjang.config.arguments import checked
from munjang.config.settings import PretrainConfig, TrainConfig, to_dict, without_removed
from munjang.data.cleaning.files import write_removed
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.errors import BundleError, ConfigError, require
from munjang.files import disk_errors, is_first_process, whole_folder, write_json
from munjang.files.outputs import final_place
from munjang.inference.confidence import calibrated, observed, with_held_out
from munjang.inference.predictor import Predictor, load
from munjang.inference.scope import fit_scope, save_scopes
from munjang.models.folder import MANIFEST, Manifest, read_json_object, save_bundle
from munjang.records import Corpus, Prediction, Tree
from munjang.tasks import task_for
from munjang.training.folders import run_folder, temporary_run
from munjang.training.hybrid import Fill, mixed_logits, ngram_logits, ngrams_beside, with_ngrams
from munjang.training.linear import targets
from munjang.training.scoring import TrainedRun, score_run, write_card
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.inference.backends.linear import LinearParts
    from munjang.models.backbones import LoadedBackbone, Vocabulary
    from munjang.training.fine_tune import FineTuned
    from munjang.training.token_cache import NoCache, TokenCache

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


def train_prepared(
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Predictor:
    """Train on a prepared corpus into a folder that `run_folder` has opened; the folder gets no scores and no card."""
    if not begin_run(prepared, config, folder, resume=resume):
        fit_model(prepared, config, folder, resume=resume, progress=progress, cache=cache)
    return load(folder)


def train_baseline(prepared: Prepared, config: TrainConfig, folder: Path, *, resume: bool) -> Predictor:
    """Train the linear baseline on a prepared corpus in this process, and give it a card."""
    config = replace(config, backbone="linear", hybrid=False, augment=())
    task_for(prepared.corpus, parser=config.parser).check_config(config, prepared.corpus.name)
    if not begin_run(prepared, config, folder, resume=resume):
        save_linear_model(prepared, config, folder)
    model = load(folder)
    write_card(model, prepared)
    return model


def begin_run(prepared: Prepared | MultiCorpus, config: TrainConfig, folder: Path, *, resume: bool) -> bool:
    """Write what is known before training: the settings and the cleaning report.

    Returns whether `resume` found the run's model there; a run that is resumed must have the same settings and data.
    """
    settings = {"config": to_dict(config), "data": prepared.fingerprint, "versions": versions()}
    begun = resume and (folder / "run" / "settings.json").exists()
    if begun:
        check_settings(folder, settings)
    if is_first_process():
        with disk_errors(folder, _("Free some space and give the same command again.")):
            (folder / "run").mkdir(parents=True, exist_ok=True)
            if not begun:
                write_json(folder / "run" / "settings.json", settings)  # first, because it marks the folder as a run
            write_removed(folder / "run" / "removed.csv", prepared.cleaning_report.removed)
            write_json(folder / "run" / "cleaning.json", prepared.cleaning_report.to_dict())
    if not (begun and (folder / MANIFEST).exists()):
        return False
    log.info("%s is already finished.", folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the run was killed while deleting them
    return True


def fit_model(
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    ngrams: LinearParts | None = None,
    resume: bool,
    progress: bool,
    cache: bool,
) -> None:
    """Train the model that the settings name, and save it. ngrams: the linear model of a hybrid, if it is trained."""
    task_for(prepared.corpus, parser=config.parser).check_config(config, prepared.corpus.name)
    if config.backbone == "linear":
        train_linear_model(prepared, config, folder)
    else:
        train_network(prepared, config, folder, ngrams=ngrams, resume=resume, progress=progress, cache=cache)


def check_packages(config: TrainConfig) -> None:
    """A MissingExtra if the packages for training are missing, before anything is read or made."""
    if config.backbone == "linear":
        require(_("the linear baseline"), "train", "sklearn")
    else:
        require(_("training"), "train", "torch", "transformers", "accelerate", "tensorboard")


def train_network(
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    ngrams: LinearParts | None,
    resume: bool,
    progress: bool,
    cache: bool,
) -> None:
    """Fine-tune a backbone and save the best weights as a model folder."""
    from munjang.training.fine_tune import fine_tune
    from munjang.training.token_cache import NoCache, token_cache

    corpus = prepared.corpus
    tokens = token_cache() if cache else NoCache()
    backbone = first_process_first(config, lambda: prepare_backbone(config, corpus, folder, tokens.wordpiece))
    fine_tuned = fine_tune(corpus, backbone, config, folder, tokens=tokens, resume=resume, progress=progress)
    if is_first_process():
        manifest, fill = fine_tuned.manifest(corpus), fine_tuned.save
        if fine_tuned.task.record is Prediction:
            manifest, fill = with_measures(fine_tuned, corpus, tokens, ngrams)
        save_model(folder, manifest, fill, {"": corpus})
        shutil.rmtree(folder / "checkpoints")
    first_process_first(config, lambda: None)


def with_measures(
    fine_tuned: FineTuned, corpus: Corpus, tokens: TokenCache | NoCache, ngrams: LinearParts | None
) -> tuple[Manifest, Fill]:
    """The manifest of a classifier and what writes its files, after a look at its validation sentences: the n-grams of
    a hybrid, the temperature, and what the thresholds come from."""
    logits, __ = fine_tuned.answers(corpus.validation, tokens)
    parts = {}
    if fine_tuned.config.hybrid:
        part = ngrams_beside(fine_tuned.task, logits, corpus, fine_tuned.config, model=ngrams)
        if part:
            parts, logits = {"": part}, mixed_logits(part, logits, corpus.validation)
    task, held = calibrated(fine_tuned.task, logits, targets(corpus.validation, corpus))
    manifest, fill = with_ngrams(replace(fine_tuned, task=task).manifest(corpus), fine_tuned.save, parts)
    return manifest, with_held_out(fill, {"": held})


def train_linear_model(prepared: Prepared, config: TrainConfig, folder: Path) -> None:
    """Train the linear baseline and save it as a model folder; under torchrun only the first process does it."""
    if is_first_process():
        save_linear_model(prepared, config, folder)
    first_process_first(config, lambda: None)


def save_linear_model(prepared: Prepared, config: TrainConfig, folder: Path) -> None:
    """Train the linear baseline in this process and save it."""
    from munjang.inference.backends import linear
    from munjang.training.linear import train_linear

    corpus = prepared.corpus
    parts = train_linear(corpus, config)
    # Its weights have a temperature in them already, the same for all labels.
    task, logits, references = (
        task_for(corpus),
        ngram_logits(parts, corpus.validation),
        targets(corpus.validation, corpus),
    )
    task, held = calibrated(task, logits, references) if task.several else (task, observed(task, logits, references))
    manifest = Manifest(
        format="linear",
        task=corpus.task,
        labels=corpus.labels,
        steps=config.clean.steps,
        max_length=linear.LinearRunner.max_length,
        backbone="linear",
        origin="TF-IDF of character n-grams, linear classifier",
        corpus=corpus.name,
        settings={**to_dict(config), **parts.settings},
        details={**linear.details(parts), **({"task": task.options} if task.options else {})},
    )
    fill = with_held_out(lambda beside: linear.save(beside, parts), {"": held})
    save_model(folder, manifest, fill, {"": corpus})


def save_model(
    folder: Path,
    manifest: Manifest,
    fill: Callable[[Path], None],
    corpora: Mapping[str, Corpus],
    card: str | None = None,
) -> None:
    """Write a trained model, with the scope of each classifier in it.

    fill: writes the files of its format. corpora: head -> what it was trained on; "" if there is one question. card: as
    in `save_bundle`.
    """
    scopes = {
        head: fit_scope(*([example.text for example in split] for split in (corpus.train, corpus.validation)))
        for head, corpus in corpora.items()
        if corpus.label_type is not Tree
    }

    def fill_both(beside: Path) -> None:
        fill(beside)
        save_scopes(beside, scopes)

    save_bundle(folder, manifest, fill_both, card)
    log.info("Saved %s.", final_place(folder))


def prepare_backbone(config: TrainConfig, corpus: Corpus, folder: Path, wordpiece: Vocabulary) -> LoadedBackbone:
    """The backbone of a run; the vocabulary of a fresh one is made once and kept with the run in `folder`."""
    from munjang.models.backbones import load_backbone

    kept = folder / "run" / "tokenizer"
    if not config.backbone.startswith("scratch:"):
        return load_backbone(config.backbone)
    if (kept / "tokenizer.json").exists():
        return load_backbone(config.backbone, tokenizer_folder=kept)
    backbone = load_backbone(config.backbone, [example.text for example in corpus.train], wordpiece=wordpiece)
    with whole_folder(kept) as temporary:
        backbone.tokenizer.save_pretrained(temporary)
    return backbone


def check_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to resume a run with settings or data other than it was started with."""
    path = folder / "run" / "settings.json"
    before = read_json_object(path)
    without_removed(before["config"], where=str(path))
    now = json.loads(json.dumps(settings))
    plain = json.loads(json.dumps(to_dict(TrainConfig())))
    started = plain | before["config"]  # a setting that an earlier munjang lacked was at its default
    changed = [
        _("{key} was {before}, is {now}", key=key, before=started[key], now=value)
        for key, value in now["config"].items()
        if started[key] != value
    ]
    if changed:
        raise ConfigError(
            _(
                "{folder} was started with other settings: {changed}. Resume with the same settings.",
                folder=folder,
                changed="; ".join(changed),
            )
        )
    if before["data"] != now["data"]:
        raise BundleError(_("{folder} was started with other data; resume with the same sentences.", folder=folder))


def versions() -> dict[str, str]:
    """The versions of munjang, Python and the libraries that a run uses."""
    from importlib.metadata import PackageNotFoundError, version

    installed = {"munjang": __version__, "python": platform.python_version()}
    for name in ("torch", "transformers", "accelerate", "tokenizers", "scikit-learn", "numpy"):
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def first_process_first(config: TrainConfig | PretrainConfig, make: Callable[[], Result]) -> Result:
    """Call `make` in the first process of torchrun, then in the others; in a single process just call it."""
    if "RANK" not in os.environ:
        return make()
    from accelerate import PartialState

    from munjang.training.loops.job import pick_device

    with PartialState(cpu=pick_device(config).type == "cpu").main_process_first():
        return make()
