"""Prediction with a trained model: clean, encode, batch by length, run, decode."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

import numpy as np

from munjang.config.arguments import checked
from munjang.config.checks import probability
from munjang.errors import BundleError, ConfigError, DataError, shortened
from munjang.inference.backends import TOKENS, Runner, load_runner
from munjang.inference.confidence import NO_DOUBT, HeldOut, MinPrecision, kept_record, promised
from munjang.inference.confidence import load as load_held_out
from munjang.inference.heads import (
    find_model,
    head_manifest,
    is_packaged_folder,
    model_name,
    open_task,
    pick_head,
    read_heads,
    too_many_heads,
)
from munjang.inference.scope import load_scope, unlike
from munjang.models.folder import Manifest, check_model_target, model_entries, save_bundle
from munjang.records import EMPTY, OUTSIDE, REPR_LENGTH, TRUNCATED, WITHHELD, LabelSet, Parse, Prediction, Results
from munjang.tasks.base import Decoder, Task, Threshold
from munjang.text.cleaning import clean_text
from munjang.translation import N_, _

if TYPE_CHECKING:
    from munjang.metrics.report import Report

BEST_F1 = "f1"
"""In place of a threshold: of each label the one that is best on validation."""
SORT_WINDOW = 16_384  # texts that are sorted by length together
SAVE_REMEDY = N_("Free some space and save it again.")

RUNNING: WeakValueDictionary[tuple, Runner] = WeakValueDictionary()
"""Networks with many heads that are in use: the heads of one folder share its network."""


class Predictor:
    """A loaded model folder, or one head of it. Its manifest says what it needs to know about its input.

    scope: says of cleaned texts how unlike the training texts they are; None for a parser, for many heads as a whole,
    and for what an earlier munjang trained.
    A folder with many heads has `probabilities` as a whole; those of each head sum to 1. For predictions, open one of
    its heads, or all of them with `munjang.inference.analyzer.Analyzer`.
    """

    def __init__(
        self, manifest: Manifest, runner: Runner, folder: Path | None = None, decoder: Decoder | None = None
    ) -> None:
        self.manifest, self.runner, self.folder = manifest, runner, folder
        self.decoder: Decoder = decoder or open_task(manifest, folder or _("The model"))
        self.threshold: Threshold = manifest.threshold
        self.doubt = NO_DOUBT
        self.scope = load_scope(folder, manifest, self.head or "") if folder else None

    def __repr__(self) -> str:
        names = shortened(self.labels.listing, 150)
        return shortened(f"Predictor({self.name!r}, {self.task!r}, labels={names!r})", REPR_LENGTH)

    @property
    def labels(self) -> LabelSet:
        return self.manifest.labels

    @property
    def task(self) -> str:
        return self.manifest.task

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(self.manifest.steps)

    @property
    def name(self) -> str:
        return model_name(self.folder, self.head) if self.folder else self.manifest.backbone

    @property
    def address(self) -> str:
        """What a command takes for the model: its folder, or FOLDER/HEAD."""
        if self.folder is None or is_packaged_folder(self.folder):
            return self.name
        return str(self.folder / self.head if self.head else self.folder)

    @property
    def head(self) -> str | None:
        """The name of the head; None for a whole folder."""
        return self.manifest.details.get("head")

    @cached_property
    def report(self) -> Report | None:
        """The scores when the model was trained, read from its folder: on the test split, or of the folds of a model
        without one; None without either. BundleError: the file in the folder is damaged."""
        from munjang.models.saved_reports import saved_report

        return None if self.folder is None or self.head else saved_report(self.folder)

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What the model gave on validation, from its folder; None if it keeps nothing. BundleError: it is damaged."""
        if self.folder is None:
            return None
        return load_held_out(self.folder, self.manifest, several=self.decoder.several, head=self.head or "")

    def predict(self, text: str, *, min_precision: MinPrecision | None = None) -> Prediction | Parse:
        """The prediction for one text; a parser gives a Parse. DataError: not a text. For a list use `predict_many`.

        min_precision: see `with_doubt`.
        """
        if isinstance(text, (list, tuple)):
            raise DataError(
                _(
                    "predict takes one text, found a {type} of {count}: use predict_many.",
                    type=type(text).__name__,
                    count=len(text),
                )
            )
        return self.predict_many([text], min_precision=min_precision)[0]

    def predict_many(
        self, texts: Sequence[str], *, min_precision: MinPrecision | None = None, progress: bool = False
    ) -> list[Prediction] | list[Parse]:
        """The predictions for many texts, in their order; a parser gives Parses. min_precision: see `with_doubt`.

        A text that is empty after cleaning, or leaves no tokens, has label None and the note "empty". A text that was
        cut to the model's length has a note that says so. ConfigError: the model has many heads; name one of them.
        DataError: one of the values is not a text, such as the NaN of an empty cell.
        """
        self.check_single()
        model = self if min_precision is None else self.with_doubt(min_precision=min_precision)
        records: list[Prediction | Parse] = Results()
        for parts in model.run(texts, progress=progress):
            records += [model.decode(*part) for part in zip(*parts, *unlike([self.scope], parts[1]), strict=True)]
        return cast("list[Prediction] | list[Parse]", records)

    def probabilities(self, texts: Sequence[str], *, progress: bool = False) -> np.ndarray:
        """(n, labels) float32. Each row sums to 1; for multi-label, each value is an independent probability.

        An empty text has equal shares, or zeros for multi-label. ConfigError: the model is a parser.
        """
        self.decoder.check_classifier(self.name)
        rows = [probabilities for __, __, probabilities, __, __ in self.run(texts, progress=progress)]
        return np.concatenate(rows) if rows else np.empty((0, len(self.labels)), np.float32)

    @checked()
    def with_threshold(self, threshold: float | str | None) -> Predictor:
        """The same model, which gives the labels from another probability on; itself if that is None.

        "f1": from each label's own, the one with the highest F1 on validation. ConfigError: no number from 0 to 1; one
        label a text; or the folder keeps nothing of its validation.
        """
        if threshold is None:
            return self
        other = copy(self)
        other.threshold = self.best_thresholds() if threshold == BEST_F1 else usable_threshold(threshold)
        return other

    def best_thresholds(self) -> Mapping[str, float]:
        """Label -> the threshold with the highest F1 on validation. ConfigError: one label a text, or no record."""
        if not self.decoder.several:
            raise ConfigError(_("{model} gives one label to a text, so it has no thresholds.", model=self.name))
        return kept_record(self.held_out, self.address).f1_thresholds(self.labels)

    @checked()
    def with_doubt(
        self, *, min_score: float | None = None, min_precision: float | Mapping[str, float] | None = None
    ) -> Predictor:
        """The same model, which withholds labels that are not sure enough: the label is then "보류".

        min_score: the lowest probability of a prediction. min_precision: the share of the given labels that shall be
        right, of all together or by label, such as {"불만": 0.99}; its thresholds come from the validation sentences
        (`munjang.metrics.selective`), and texts unlike the training texts get no label either. ConfigError: the model
        is a parser, keeps nothing of its validation, or cannot promise that. DataError: no such label.
        """
        self.check_single()
        self.decoder.check_classifier(self.name)
        if WITHHELD in self.labels.names:
            raise ConfigError(
                _(
                    "{model} has a label '{label}', which is what a withheld label is called too. Train with another "
                    "name, such as {option:map={label}=보류함}.",
                    model=self.name,
                    label=WITHHELD,
                )
            )
        if min_score is not None:
            probability("min_score", min_score)
        promise = (
            NO_DOUBT if min_precision is None else promised(self.held_out, self.labels, min_precision, self.address)
        )
        other = copy(self)
        other.doubt = replace(promise, min_score=min_score)
        return other

    def check_single(self) -> None:
        """A ConfigError if the model has many heads: one of them must be named."""
        if self.decoder.parts:
            raise too_many_heads(self.folder, self.manifest)

    def run(self, texts: Sequence[str], *, progress: bool = False, decoder: Decoder | None = None) -> Iterator[tuple]:
        """For each chunk of texts: the texts, the cleaned texts, the decoded outputs (probabilities (n, L), or n
        trees), which texts were cut, and which were empty (both (n,) bool). decoder: another than the model's own."""
        texts, decoder = list_of_texts(texts), decoder or self.decoder
        bar = progress_bar(len(texts)) if progress else None
        for start in range(0, len(texts), SORT_WINDOW):
            chunk = texts[start : start + SORT_WINDOW]
            cleaned = [decoder.preprocess(clean_text(text, self.steps)) for text in chunk]
            empty = np.array([not text.strip() for text in cleaned])
            result = decoder.empty_output(len(chunk))
            truncated = np.zeros(len(chunk), dtype=bool)
            full = np.flatnonzero(~empty)
            if len(full):
                encodings = self.runner.encode([cleaned[i] for i in full])
                lengths = np.asarray(encodings.lengths)
                truncated[full], empty[full] = encodings.truncated, lengths == 0
                order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
                for indices in batches(order, lengths):
                    outputs = self.runner.run(self.runner.batch(encodings, indices))
                    if not all(np.isfinite(array).all() for array in outputs.values()):
                        raise BundleError(
                            _("{model} gives numbers that are not finite. Its weights are damaged.", model=self.name)
                        )
                    result[full[indices]] = decoder.decode(outputs)
                    if bar is not None:
                        bar.update(len(indices))
            yield chunk, cleaned, result, truncated, empty
        if bar is not None:
            bar.close()

    def outside(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) bool: which texts are unlike those that the model learnt from; none if it has no scope."""
        return unlike([self.scope], [self.decoder.preprocess(clean_text(text, self.steps)) for text in texts])[0]

    def decode(
        self, text: str, cleaned: str, row: np.ndarray, is_cut: bool, is_empty: bool, is_outside: bool = False
    ) -> Prediction | Parse:
        """One row of the decoded outputs as a record. cleaned: the text as the model read it.

        ConfigError: the model has many heads; open one of them.
        """
        self.check_single()
        note = self.note(is_cut, is_empty, is_outside)
        record = self.decoder.to_record(text, cleaned, row, note, self.threshold)
        return self.doubt.applied(record) if isinstance(record, Prediction) else record

    def note(self, is_cut: bool, is_empty: bool, is_outside: bool = False) -> str:
        """What is special about a text: empty, unlike the training texts, cut to the model's length. "" if nothing."""
        if is_empty:
            return EMPTY
        cut = f"{TRUNCATED} to {self.runner.max_length:,} {self.runner.unit}" if is_cut else ""
        return "; ".join(filter(None, [OUTSIDE if is_outside else "", cut]))

    @checked()
    def save(self, folder: str | Path) -> Path:
        """Copy the model folder to `folder`, and return its path. A plain transformers model gets a manifest.

        BundleError: the target is a file, holds something other than a model, or is inside the model's own folder.
        """
        target = Path(folder)
        if self.folder is None:
            raise BundleError(_("This model was not loaded from a folder, so there is nothing to copy."))
        source = self.folder
        if self.head:
            raise BundleError(
                _(
                    "{name} is one head of {source} and cannot be saved alone. Save the whole folder.",
                    name=self.name,
                    source=source,
                )
            )
        if target.resolve() == source.resolve():
            return source
        check_model_target(source, target)
        names = sorted(self.manifest.files) or plain_files(source)
        card = source / "README.md"
        text = (
            card.read_text(encoding="utf-8")
            if card.exists()
            else _("# {name}\n\nLabels: {labels}.\n", name=source.name, labels=self.labels.listing)
        )
        save_bundle(
            target,
            self.manifest,
            lambda folder: copy_files(source, folder, names),
            text,
            remedy=SAVE_REMEDY,
            outdated=model_entries(target),
        )
        return target


def usable_threshold(threshold: float | str) -> float:
    """A threshold that is a number. ConfigError: it is none, or not between 0 and 1."""
    if isinstance(threshold, str):
        raise ConfigError(
            _("{option:threshold={threshold}} is neither a number nor {f1}.", threshold=threshold, f1=BEST_F1)
        )
    probability("threshold", threshold)
    return threshold


def list_of_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list. DataError: a single text, a table, or a value that is not a text, with its index from 0."""
    if isinstance(texts, str):
        raise DataError(_("Expected a list of texts, found a single text. Put it in a list, or use predict."))
    if hasattr(texts, "columns"):
        raise DataError(
            _(
                "Expected a list of texts, found a {type}. Give its column of texts, such as frame[{column!r}].",
                type=type(texts).__name__,
                column=next(iter(texts.columns), ""),
            )
        )
    no_list = isinstance(texts, (bytes, bytearray, Mapping, Set)) or getattr(texts, "ndim", 1) != 1
    if no_list or not isinstance(texts, Iterable):
        raise DataError(_("Expected a list of texts, found a {type}.", type=type(texts).__name__))
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                _(
                    "Text {index} (counted from 0) is {value!r:.60} ({type}); every text is a str, an empty cell ''.",
                    index=index,
                    value=text,
                    type=type(text).__name__,
                )
            )
    return texts


def progress_bar(total: int) -> Any:
    """A progress bar on stderr that counts sentences."""
    from tqdm import tqdm

    return tqdm(total=total, unit=_("sentence"), ncols=100)


def batches(order: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """`order` (from long to short) in batches of at most TOKENS with padding, and of at least one sentence."""
    first = 0
    while first < len(order):
        size = max(1, TOKENS // max(1, int(lengths[order[first]])))
        yield order[first : first + size]
        first += size


def plain_files(folder: Path) -> list[str]:
    """The files that a model needs from a plain transformers folder: settings, weights, tokenizer; nothing pickled."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".txt"))


def copy_files(source: Path, target: Path, names: Sequence[str]) -> None:
    """Copy files of a model, and the folder of its run, from one folder to another."""
    for name in names:
        shutil.copyfile(source / name, target / name)
    if (source / "run").is_dir():
        shutil.copytree(source / "run", target / "run")


@checked()
def load(folder: str | Path, *, precision: str = "fp32") -> Predictor:
    """A Predictor from a model folder of munjang or of plain transformers; FOLDER/HEAD is one of many heads.

    "mini/HEAD" is a head of the packaged model, unless there is a folder with that name. Heads of one folder that are
    open at the same time share its network.
    precision: fp32, or bf16 for matrix products of the native format, which is faster if the processor supports it;
    scores then change in their third digit.
    BundleError: the folder is not a model, is incomplete or was changed. Nothing in it is ever unpickled or executed.
    UnknownName: no such head.
    """
    path, manifest, name = find_model(folder)
    task = open_task(manifest, path)
    if not task.parts:
        return Predictor(manifest, load_runner(path, manifest, task, precision), path, task)
    head = None if name is None else pick_head(read_heads(manifest, path), name, model_name(path))
    runner = shared_runner(path, manifest, task, precision)
    if head is None:
        return Predictor(manifest, runner, path, task)
    return Predictor(head_manifest(manifest, head), runner, path, head.decoder)


def shared_runner(folder: Path, manifest: Manifest, task: Task, precision: str) -> Runner:
    """The runner of a folder with many heads; the same one as long as it is in use and the files are unchanged."""
    files = tuple((name, known["sha256"]) for name, known in sorted(manifest.files.items()))
    key = (folder.resolve(), precision, manifest.max_length, files)
    runner = RUNNING.get(key)
    if runner is None:
        runner = RUNNING[key] = load_runner(folder, manifest, task, precision)
    return runner
