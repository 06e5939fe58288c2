"""Training from a corpus to a model folder: clean, split, encode, run a loop, keep the best, save."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang import __version__
from munjang.bundle import MANIFEST, Manifest, read_json, save_bundle
from munjang.card import model_card
from munjang.config import TrainConfig, to_dict
from munjang.data.account import Account
from munjang.data.account_files import write_removed
from munjang.data.audit import clean_corpus
from munjang.data.garbage import uncollected
from munjang.data.splits import with_test, with_validation
from munjang.errors import BundleError, ConfigError, DataError, require
from munjang.files import disk_errors, is_first_process, write_json
from munjang.prediction import Predictor, load
from munjang.records import Corpus, count_labels, label_text
from munjang.tasks import make_task
from munjang.tasks.base import shorten

if TYPE_CHECKING:
    from munjang.backbones import Start, Vocabulary
    from munjang.tasks.base import Encodings

log = logging.getLogger("munjang")


@dataclass(frozen=True)
class Prepared:
    """A corpus ready to be learnt from: cleaned, with train, validation and test.

    source: the corpus as it was read. account: what the cleaning did.
    """

    source: Corpus
    corpus: Corpus
    account: Account

    @property
    def published(self) -> Corpus:
        """The corpus to evaluate on: its own test split beside its own train split (whose leaks are then known)."""
        return self.corpus.with_splits(train=self.source.train) if self.source.test else self.corpus

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What a resumed run must find again."""
        return fingerprint(self.corpus)


def train(
    corpus: Corpus,
    config: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Predictor:
    """Fine-tune on the corpus's train split and return the Predictor of the best weights on its validation split.

    out: the model folder; left out, a temporary one that lives as long as the Predictor. A folder that is not empty is
    refused without `overwrite` (deletes it) or `resume` (goes on after its newest checkpoint, with the same settings).
    A corpus without a test or validation split gets one from train first (config.test_share, config.validation_share);
    the test split is never looked at here beyond taking its texts out of train.
    cache: whether to keep token ids and fresh vocabularies for the next run (see `munjang.training.token_cache`).
    Raises DataError for a corpus that cannot be learnt from, Interrupted after Ctrl-C once the state is saved.
    """
    config = config or TrainConfig()
    check_packages(config)
    if out is None and "RANK" in os.environ:
        raise ConfigError("Under torchrun a run needs a folder that all processes know: give out=.")
    if out is None:
        temporary = tempfile.TemporaryDirectory(prefix="munjang-")
        model = train_prepared(prepare(corpus, config), config, Path(temporary.name), progress=progress, cache=cache)
        model.keep = temporary
        return model
    with run_folder(Path(out), overwrite=overwrite, resume=resume, inputs=[config.backbone]) as folder:
        prepared = prepare(corpus, config)
        return train_prepared(prepared, config, folder, resume=resume, progress=progress, cache=cache)


def train_prepared(
    prepared: Prepared,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Predictor:
    """Train on a prepared corpus into a folder that `run_folder` has opened."""
    if begin(prepared, config, folder, resume=resume) and (folder / MANIFEST).exists():
        log.info("%s is finished already.", folder)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # of a run that was killed while tidying up
        return load(folder)
    learn = train_linear_model if config.backbone == "linear" else train_network
    learn(prepared, config, folder, resume=resume, progress=progress, cache=cache)
    return load(folder)


def begin(prepared: Prepared, config: TrainConfig, folder: Path, *, resume: bool) -> bool:
    """Write what a run knows before it learns: its settings, and the account of the cleaning.

    Returns whether `resume` found a run there, which must have had the same settings and data.
    """
    settings = {"config": to_dict(config), "data": prepared.fingerprint, "versions": versions()}
    begun = resume and (folder / "run" / "settings.json").exists()
    if begun:
        check_settings(folder, settings)
    if is_first_process():
        with disk_errors(folder, "Free some space and give the same command again."):
            (folder / "run").mkdir(parents=True, exist_ok=True)
            if not begun:
                write_json(folder / "run" / "settings.json", settings)  # first: it marks the folder as ours
            write_removed(folder / "run" / "removed.csv", prepared.account.removed)
            write_json(folder / "run" / "cleaning.json", prepared.account.to_dict())
    return begun


def check_packages(config: TrainConfig) -> None:
    """A MissingExtra, before anything is read or made, where training lacks its packages."""
    if config.backbone == "linear":
        require("the linear baseline", "train", "sklearn")
    else:
        require("training", "train", "torch", "transformers", "accelerate", "tensorboard")


def open_folder(folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()) -> None:
    """Make the run's folder, empty unless a run is resumed there; refuses what `check_folder` refuses."""
    check_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs)
    if folder.exists() and any(folder.iterdir()) and not resume and is_first_process():
        clear(folder)
    folder.mkdir(parents=True, exist_ok=True)


def check_folder(folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()) -> None:
    """Refuse a folder that holds something, unless told what to do with it.

    inputs: files and folders that the run reads; a folder that is one of them, holds one or lies in one is refused
    before anything is deleted. A run that broke off before its first checkpoint is begun anew.
    """
    if overwrite and resume:
        raise ConfigError("--overwrite and --resume exclude each other.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; --out needs a folder.")
    for name in inputs:
        source, target = Path(name or "").resolve(), folder.resolve()
        if name and Path(name).exists() and (target in (source, *source.parents) or source in target.parents):
            if source in target.parents and not is_model(source):
                continue  # a folder of data may hold the models made from it
            raise ConfigError(f"--out {folder} and {name}, which the run reads, overlap. Choose another --out.")
    if folder.exists() and any(folder.iterdir()) and not resume and is_first_process():
        ours = is_model(folder) or (folder / "run" / "settings.json").exists()
        begun = is_model(folder) or (folder / "checkpoints").exists()
        if not overwrite and (begun or not ours):
            remedy = "--overwrite to replace it, --resume to go on" if ours else "another folder"
            raise ConfigError(f"{folder} is not empty. Give {remedy}.")
        if not ours:
            raise ConfigError(f"{folder} holds something other than a munjang run; --overwrite will not delete it.")


def clear(folder: Path) -> None:
    """Delete a folder, or, where it is a link, what it holds."""
    if not folder.is_symlink():
        shutil.rmtree(folder)
        return
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def run_folder(
    folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()
) -> Iterator[Path]:
    """The folder of a run, opened as `open_folder` says; what it held comes back if the run fails before it learnt.

    A model that is to be overwritten is set aside (.NAME.replaced beside it) until the new run has a checkpoint or a
    model of its own.
    """
    aside = folder.with_name(f".{folder.name}.replaced")
    check_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs)
    moved = overwrite and folder.exists() and not folder.is_symlink() and is_first_process()
    if moved:
        shutil.rmtree(aside, ignore_errors=True)
        folder.replace(aside)
    open_folder(folder, overwrite=overwrite, resume=resume)
    try:
        yield folder
    except BaseException:
        if moved and not is_model(folder) and not (folder / "checkpoints").exists():
            shutil.rmtree(folder, ignore_errors=True)
            aside.replace(folder)
        raise
    finally:
        if moved:
            shutil.rmtree(aside, ignore_errors=True)


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model of munjang or of transformers."""
    return (folder / MANIFEST).exists() or (folder / "config.json").exists()


@uncollected()
def prepare(corpus: Corpus, config: TrainConfig) -> Prepared:
    """Clean the corpus, say what went, and give it the splits it lacks."""
    cleaned, account = clean_corpus(corpus, config.clean)
    for split in ("test", "validation"):
        if getattr(corpus, split) and not getattr(cleaned, split):
            reasons = sorted({f"{row.step}: {row.reason}" for row in account.removed})[:3]
            raise DataError(f"{corpus.name}: cleaning leaves nothing of the {split} split ({'; '.join(reasons)}).")
    if not cleaned.test and config.test_share:
        cleaned = with_test(cleaned, config.test_share, config.seed)
        log.info("No test split: %s sentences of train held out for it.", f"{len(cleaned.test):,}")
    if not cleaned.validation:
        cleaned = with_validation(cleaned, config.validation_share, config.seed)
        log.info("Validation split: %s sentences of train.", f"{len(cleaned.validation):,}")
    counts = count_labels(cleaned.train)
    if cleaned.task != "multi-label" and len(counts) < 2:
        found = ", ".join(counts) or "none"
        raise DataError(f"{corpus.name}: a classifier needs at least two labels in train, found {found}.")
    for name in cleaned.labels:
        if not counts[name]:
            log.warning("No sentence in train has the label %s.", name)
    return Prepared(corpus, cleaned, account)


def train_network(
    prepared: Prepared, config: TrainConfig, folder: Path, *, resume: bool, progress: bool, cache: bool
) -> None:
    """Fine-tune a backbone and save the best weights as a model folder."""
    from munjang.formats import native
    from munjang.networks.embedding import compact
    from munjang.training.batching import steps_per_epoch
    from munjang.training.checkpoints import best_folder, read_state
    from munjang.training.job import Job, load_weights
    from munjang.training.token_cache import Afresh, token_cache

    corpus = prepared.corpus
    kept = folder / "run" / "tokenizer"
    tokens = token_cache() if cache else Afresh()
    start = first_process_first(config, lambda: make_start(config, corpus, kept, tokens.wordpiece))
    task = make_task(corpus.task, corpus.labels)
    tokenizer = start.tokenizer.backend_tokenizer
    encoded = task.encode(corpus.train, tokenizer, check_length(config, start), encode=tokens.encode)
    length = config.max_length or choose_length(start, encoded)
    encoded = shorten(encoded, [example.text for example in corpus.train], tokenizer, length)
    config = replace(
        config,
        max_length=length,
        learning_rate=config.learning_rate or start.learning_rate,
        epochs=config.epochs or choose_epochs(start, steps_per_epoch(len(encoded), config.batch_size)),
    )
    log.info(
        "%s: learning rate %g, %d sentences a step, %g epochs.",
        start.origin, config.learning_rate, config.batch_size, config.epochs,
    )  # fmt: skip
    model = start.build(task, seed=config.seed, dropout=config.dropout)
    validation = task.encode(corpus.validation, tokenizer, length, encode=tokens.encode)
    if not (encoded.lengths.all() and validation.lengths.all()):
        raise ConfigError(
            f"The tokenizer of {start.origin} leaves no token of some texts: it does not add special ones. Give its "
            "tokenizer.json a post-processor, or take another --backbone."
        )
    compaction = compact(model, encoded.ids, validation.ids) if config.loop == "native" else None
    if compaction:
        encoded, validation = (replace(part, ids=compaction.ids(part.ids)) for part in (encoded, validation))
    job = Job(
        task=task,
        model=model,
        train=encoded,
        validation=validation,
        config=config,
        folder=folder,
        pad_id=int(start.tokenizer.pad_token_id),
        weights=balanced(config, encoded, corpus),
        resume=resume,
        progress=progress,
    )
    if config.loop == "native":
        from munjang.training.loop import run_native as run
    else:
        from munjang.training.trainer import run_trainer as run
    if job.warmup_steps >= job.total_steps:
        log.warning("The warm-up of %d steps outlasts the run of %d.", job.warmup_steps, job.total_steps)
    selection = run(job)
    if not is_first_process():
        first_process_first(config, lambda: None)
        return
    if config.keep_best:
        best = best_folder(job.checkpoints, selection.best_step)
        read_state(best)
        load_weights(best / "weights.safetensors", model)
        log.info("The best weights are those after step %d.", selection.best_step)
    if compaction:
        compaction.expand(model)
    manifest = Manifest(
        format="native",
        task=corpus.task,
        labels=corpus.labels,
        steps=config.clean.steps,
        max_length=length,
        backbone=config.backbone,
        origin=start.origin,
        corpus=corpus.name,
        settings=to_dict(config),
        validation=selection.saved(config, task.monitor),
    )
    model.to("cpu")
    finish(folder, manifest, prepared, lambda beside: native.save(beside, model, start.tokenizer))
    shutil.rmtree(folder / "checkpoints")
    first_process_first(config, lambda: None)


def train_linear_model(prepared: Prepared, config: TrainConfig, folder: Path, **_: Any) -> None:
    """Train the linear baseline and save it as a model folder; under torchrun the first process alone does it."""
    if is_first_process():
        save_linear_model(prepared, config, folder)
    first_process_first(config, lambda: None)


def save_linear_model(prepared: Prepared, config: TrainConfig, folder: Path) -> None:
    from munjang.formats import linear
    from munjang.training.linear import train_linear

    parts = train_linear(prepared.corpus, config)
    details: dict[str, Any] = {}
    manifest = Manifest(
        format="linear",
        task=prepared.corpus.task,
        labels=prepared.corpus.labels,
        steps=config.clean.steps,
        max_length=linear.LinearRunner.max_length,
        backbone="linear",
        origin="TF-IDF of character n-grams, linear classifier",
        corpus=prepared.corpus.name,
        settings={**to_dict(config), **parts.settings},
        details=details,
    )
    finish(folder, manifest, prepared, lambda beside: details.update(linear.save(beside, parts) or {}))


def finish(folder: Path, manifest: Manifest, prepared: Prepared, fill: Any) -> None:
    """Write the model folder with its card."""
    card = model_card(manifest, corpus=prepared.corpus, account=prepared.account)
    save_bundle(folder, manifest, fill, card)
    log.info("Saved %s.", folder)


def make_start(config: TrainConfig, corpus: Corpus, kept: Path, wordpiece: Vocabulary) -> Start:
    """The backbone; the vocabulary of a fresh one is made once and kept with the run."""
    from munjang.backbones import prepare as prepare_backbone

    if not config.backbone.startswith("scratch:"):
        return prepare_backbone(config.backbone)
    if (kept / "tokenizer.json").exists():
        return prepare_backbone(config.backbone, tokenizer_folder=kept)
    start = prepare_backbone(config.backbone, [example.text for example in corpus.train], wordpiece=wordpiece)
    beside = kept.with_name(".tokenizer")
    shutil.rmtree(beside, ignore_errors=True)
    start.tokenizer.save_pretrained(beside)
    beside.replace(kept)
    return start


def check_length(config: TrainConfig, start: Start) -> int:
    """The length that the settings give, or the backbone's; one beyond the backbone's is refused."""
    if config.max_length and config.max_length > start.max_length:
        raise ConfigError(f"max_length is {config.max_length}; {start.name} takes at most {start.max_length}.")
    return config.max_length or start.max_length


def choose_length(start: Start, encoded: Encodings) -> int:
    """Tokens a sentence may have: the 99.9th percentile of train, never more than the model takes."""
    length = min(start.max_length, max(8, int(np.ceil(np.percentile(encoded.lengths, 99.9)))))
    cut = float((encoded.lengths > length).mean())
    log.info(
        "Length %d tokens: the 99.9th percentile of train (mean %.1f, longest %d); %.2f%% of the sentences are cut.",
        length, encoded.lengths.mean(), encoded.lengths.max(), 100 * cut,
    )  # fmt: skip
    return length


def choose_epochs(start: Start, steps: int) -> float:
    """3; for a fresh network so many that it takes at least 200 steps, but no more than 20.

    steps: of one epoch. On 574 sentences, 3 epochs (54 steps) left a fresh network at chance, 8 brought it to 0.77.
    """
    return 3.0 if start.source else float(min(20, max(3, -(-200 // steps))))


def balanced(config: TrainConfig, encoded: Encodings, corpus: Corpus) -> np.ndarray | None:
    """The class weights that the settings ask for."""
    if config.class_weights is None:
        return None
    from munjang.tasks.classification import class_weights

    weights = class_weights(encoded, corpus.labels)
    shown = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(corpus.labels, weights, strict=True))
    log.info("Class weights: %s.", shown)
    return weights


def fingerprint(corpus: Corpus) -> dict[str, Any]:
    """Name, sizes, and a sha256 over every text and label of train and validation, in order."""
    digest = hashlib.sha256()
    for split in (corpus.train, corpus.validation):
        for example in split:
            digest.update(f"{example.text}\x00{label_text(example.label)}\x01".encode("utf-8", "surrogatepass"))
    sizes = {"train": len(corpus.train), "validation": len(corpus.validation), "test": len(corpus.test)}
    return {"corpus": corpus.name, **sizes, "sha256": digest.hexdigest()}


def check_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to resume with other settings or other data than the run began with."""
    before = read_json(folder / "run" / "settings.json")
    now = json.loads(json.dumps(settings))
    changed = [
        f"{key} was {before['config'].get(key)}, is {value}"
        for key, value in now["config"].items()
        if before["config"].get(key) != value
    ]
    if changed:
        raise ConfigError(f"{folder} was begun with other settings: {'; '.join(changed)}. Resume with the same ones.")
    if before["data"] != now["data"]:
        raise BundleError(f"{folder} was begun with other data; resume needs the same sentences.")


def versions() -> dict[str, str]:
    """The versions that made a run."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"munjang": __version__, "python": platform.python_version()}
    for name in ("torch", "transformers", "accelerate", "tokenizers", "scikit-learn", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def first_process_first(config: TrainConfig, make: Any) -> Any:
    """Call `make` in the first process of torchrun, then in the others; in a single process just call it."""
    if "RANK" not in os.environ:
        return make()
    from accelerate import PartialState

    from munjang.training.job import pick_device

    with PartialState(cpu=pick_device(config).type == "cpu").main_process_first():
        return make()
