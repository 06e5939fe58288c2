"""A prepared corpus in, a model folder out: encode, run a loop, keep the best, save."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from munjang import __version__
from munjang.config.settings import PretrainConfig, TrainConfig, to_dict, without_removed
from munjang.data.cleaning.files import write_removed
from munjang.data.prepare import Prepared
from munjang.errors import BundleError, ConfigError, require
from munjang.files import disk_errors, is_first_process, whole_folder, write_json
from munjang.files.outputs import final_place
from munjang.inference.confidence import HeldOut, calibrated, observed, with_held_out
from munjang.inference.predictor import Predictor, load
from munjang.inference.scope import fit_scope, save_scopes
from munjang.models.folder import MANIFEST, Manifest, read_json_object, save_bundle
from munjang.records import Corpus, Prediction, Tree
from munjang.tasks import task_for
from munjang.training.hybrid import Fill, mixed_logits, ngram_logits, ngrams_beside, with_ngrams
from munjang.training.linear import targets, train_linear
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.inference.backends.linear import LinearParts
    from munjang.models.backbones import LoadedBackbone, Vocabulary
    from munjang.tasks.classification import Classification
    from munjang.training.fine_tune import FineTuned
    from munjang.training.token_cache import NoCache, TokenCache

log = logging.getLogger("munjang")

Result = TypeVar("Result")


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

    corpus = prepared.corpus
    parts, task, held = linear_model(corpus, config)
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


def linear_model(corpus: Corpus, config: TrainConfig) -> tuple[LinearParts, Classification, HeldOut]:
    """The linear baseline, its task with the temperature of each label, and what it gave on validation."""
    parts = train_linear(corpus, config)
    # Its weights have a temperature in them already, the same for all labels.
    task = task_for(corpus)
    logits, references = ngram_logits(parts, corpus.validation), targets(corpus.validation, corpus)
    return parts, *(
        calibrated(task, logits, references) if task.several else (task, observed(task, logits, references))
    )


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
    started["clean"] = plain["clean"] | started["clean"]
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
