"""How far a classifier's answers can be trusted: what it gave on labelled texts that it had not learnt from.

A model folder keeps that in CONFIDENCE: for each text the probabilities, the prediction and the label, no text. From it
come the thresholds that keep a promise of precision, and the confusions by which shares are corrected. The folder's
temperature is a part of its task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.config.checks import between
from munjang.errors import BundleError, ConfigError
from munjang.files import file_facts
from munjang.metrics.calibration import fit_label_temperatures, fit_temperature
from munjang.metrics.scores import confusion_matrix
from munjang.metrics.selective import PROMISED, Acceptance, choose_threshold, rows_needed
from munjang.models.weights import check_header
from munjang.records import BELOW, OUTSIDE, WITHHELD, LabelSet, Prediction, names_of, quote_name
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.models.folder import Manifest
    from munjang.tasks.classification import Classification

CONFIDENCE = "confidence.safetensors"
"""The file in a model folder."""
MOST_ROWS, MOST_VALUES = 20_000, 500_000  # texts, and probabilities, that are kept for one classifier
CANDIDATES = tuple(round(0.1 + 0.02 * step, 2) for step in range(41))  # thresholds
RARE = 30  # texts with a label
LEAST_TARGET = 0.01
HARDLY_GIVEN = 0.1  # share of a label's predictions
EVEN = 0.5  # probability from which on a label is likelier than not
MinPrecision = float | Mapping[str, float]
"""The share of the given labels that shall be right: of all together, or label -> of that label."""
RECORD = {"confidence": "float32", "predicted": "int32", "references": "int32"}
"""The arrays of the file, for each head under HEAD/NAME -> their type."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a classifier gave on labelled texts that it had not learnt from, and their labels.

    confidence: (n,) float32, the probability of the prediction; where a text may have several labels (n, L), of each
    label. predicted, references: (n,) int32, label numbers; for several labels (n, L) of 0 and 1.
    """

    confidence: np.ndarray
    predicted: np.ndarray
    references: np.ndarray
    chosen: dict[tuple[float, int | None], Acceptance | None] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def several(self) -> bool:
        """Whether a text may have several labels."""
        return self.confidence.ndim == 2

    def decisions(self, label: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The confidence of every label that is given without doubt, and whether it is right. label: only this one."""
        if self.several:
            columns = slice(None) if label is None else slice(label, label + 1)
            given = self.predicted[:, columns] > 0
            return self.confidence[:, columns][given], self.references[:, columns][given] > 0
        rows = slice(None) if label is None else self.predicted == label
        return self.confidence[rows], (self.predicted == self.references)[rows]

    def selection(self, target: float, label: int | None = None) -> Acceptance | None:
        """What accepting only the surest decisions promises; None if nothing can be promised. label: of them only."""
        key = (target, label)
        if key not in self.chosen:
            self.chosen[key] = choose_threshold(*self.decisions(label), target)
        return self.chosen[key]

    def hardly_given(self, threshold: float, labels: int) -> list[int]:
        """The labels of which less than HARDLY_GIVEN of the predictions reach a threshold."""
        given = np.asarray(self.confidence >= threshold)
        if self.several:
            kept, of = (given & (self.predicted > 0)).sum(axis=0), self.predicted.sum(axis=0)
        else:
            kept, of = (np.bincount(self.predicted[rows], minlength=labels) for rows in (given, slice(None)))
        return [int(label) for label in np.flatnonzero((of > 0) & (kept < HARDLY_GIVEN * of))]

    def f1_thresholds(self, labels: LabelSet) -> dict[str, float]:
        """Label -> its threshold with the highest F1 of those in CANDIDATES; a rare label has that of all together."""
        has, counts = self.references > 0, self.references.sum(axis=0)
        given = self.confidence[None] >= np.array(CANDIDATES, np.float32)[:, None, None]  # (C, n, L)
        hits, sizes = (given & has).sum(axis=1), given.sum(axis=1) + counts  # (C, L)
        together = hits.sum(axis=1) / np.maximum(1, sizes.sum(axis=1))
        of_all = int(np.argmax(together)) if together.any() else CANDIDATES.index(EVEN)
        best = np.argmax(hits / np.maximum(1, sizes), axis=0)
        chosen = np.where(counts >= RARE, best, of_all)
        return {name: CANDIDATES[index] for name, index in zip(labels.names, chosen, strict=True)}

    def confusion(self, labels: int) -> np.ndarray:
        """(L, L) int64, by reference and prediction; for several labels (L, 4): tp, fp, fn and tn of each."""
        if not self.several:
            return confusion_matrix(self.references, self.predicted, labels)
        has, given = self.references > 0, self.predicted > 0
        return np.stack(
            [(a & b).sum(axis=0) for a, b in ((has, given), (~has, given), (has, ~given), (~has, ~given))], 1
        )


def kept_answers(
    probabilities: np.ndarray, references: np.ndarray, *, several: bool, most: int = MOST_ROWS, seed: int = 13
) -> HeldOut:
    """What is kept of probabilities (n, L) and references (n, L) bool: `most` texts, drawn by lot from more."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(probabilities))[:most])
    probabilities, references = probabilities[rows], references[rows]
    if several:
        given = (probabilities >= EVEN).astype(np.int32)
        return HeldOut(probabilities.astype(np.float32), given, references.astype(np.int32))
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(best)), best].astype(np.float32)
    return HeldOut(confidence, best.astype(np.int32), references.argmax(axis=1).astype(np.int32))


def calibrated(task: Classification, logits: np.ndarray, references: np.ndarray) -> tuple[Classification, HeldOut]:
    """The task with the temperature that fits these texts, and what is kept of them.

    logits: (n, L), before any temperature; references: (n, L) bool.
    """
    if task.several:
        temperature: Any = [round(value, 4) for value in fit_label_temperatures(logits, references)]
    else:
        temperature = round(fit_temperature(logits, references.argmax(axis=1)), 4)
    task = replace(task, temperature=temperature)
    return task, observed(task, logits, references)


def observed(task: Classification, logits: np.ndarray, references: np.ndarray) -> HeldOut:
    """What is kept of some texts under the task's temperature; arguments as of `calibrated`."""
    probabilities = replace(task, columns=None).decode({"logits": np.asarray(logits, np.float32)})
    most = MOST_VALUES // len(task.labels) if task.several else MOST_ROWS
    return kept_answers(probabilities, references, several=task.several, most=min(most, MOST_ROWS))


def save(folder: Path, parts: Mapping[str, HeldOut], *, others: Path | None = None) -> None:
    """Write the file. parts: by head, "" for a model that answers one question. others: a folder whose file has more
    heads, which are kept."""
    from safetensors.numpy import load_file, save_file

    known = {} if others is None or not (others / CONFIDENCE).is_file() else load_file(others / CONFIDENCE)
    arrays = known | {
        key(head, name): np.ascontiguousarray(getattr(part, name), kind)
        for head, part in parts.items()
        for name, kind in RECORD.items()
    }
    save_file(arrays, folder / CONFIDENCE)


def with_held_out(fill: Callable[[Path], None], parts: Mapping[str, HeldOut]) -> Callable[[Path], None]:
    """What writes the files of a model, and CONFIDENCE beside them."""

    def fill_both(folder: Path) -> None:
        fill(folder)
        save(folder, parts)

    return fill_both


def key(head: str, name: str) -> str:
    """The name of an array in the file."""
    return f"{head}/{name}" if head else name


def load(folder: Path, manifest: Manifest, *, several: bool, head: str = "") -> HeldOut | None:
    """What a folder keeps for a classifier with this manifest; None if it keeps nothing.

    BundleError: the file is damaged, or has been replaced since the manifest was read.
    """
    path, labels = folder / CONFIDENCE, manifest.labels
    if CONFIDENCE not in manifest.files:
        return None
    if not path.is_file() or file_facts(path) != manifest.files[CONFIDENCE]:
        raise BundleError(_("{path} has changed since the model was opened. Open the model again.", path=path))
    from safetensors import SafetensorError, safe_open

    try:
        check_header(path)
        with safe_open(path, framework="numpy") as file:
            if key(head, "confidence") not in set(file.keys()):
                return None
            arrays = {name: file.get_tensor(key(head, name)) for name in RECORD}
        check_arrays(arrays, len(labels), several=several)
    except (OSError, ValueError, TypeError, AttributeError, SafetensorError) as error:  # types that NumPy lacks
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=error)) from error
    return HeldOut(**arrays)


def check_arrays(arrays: Mapping[str, np.ndarray], labels: int, *, several: bool) -> None:
    """A ValueError if the arrays of a classifier are not what `save` writes."""
    confidence = arrays["confidence"]
    if not confidence.size:
        raise ValueError(_("{name} is empty", name="confidence"))
    if not confidence.ndim:
        raise ValueError(_("{name} is {value!r}", name="confidence", value="()"))
    shape = (len(confidence), labels) if several else (len(confidence),)
    highest = 1 if several else labels - 1
    for name, kind in RECORD.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != kind:
            raise ValueError(
                _("{name} is {type} {shape}, expected {expected}", name=name, type=array.dtype, shape=array.shape,
                  expected=f"{kind} {shape}")
            )  # fmt: skip
        low, high = (0, 1) if name == "confidence" else (0, highest)
        if not ((array >= low) & (array <= high)).all():  # NaN is not between them either
            raise ValueError(_("{name} has values that are not from {low} to {high}", name=name, low=low, high=high))


@dataclass(frozen=True)
class Doubt:
    """When a label is withheld. min_score: the lowest score of a prediction. least: label -> the lowest probability at
    which it is given, and targets: the precision that this promises."""

    min_score: float | None = None
    least: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)

    @property
    def target_text(self) -> str:
        """The precision that the thresholds promise: `0.95`, or `불만=0.99,칭찬=0.9`."""
        if len(self.least) > 1 and len(set(self.targets.values())) == 1 and len(set(self.least.values())) == 1:
            return f"{next(iter(self.targets.values())):g}"
        return ",".join(f"{quote_name(name)}={target:g}" for name, target in self.targets.items())

    def applied(self, prediction: Prediction) -> Prediction:
        """The prediction without labels that are not sure enough; WITHHELD if none is left."""
        if prediction.label is None:
            return prediction
        suggested, is_outside = names_of(prediction.label), OUTSIDE in prediction.note
        sure = tuple(
            name
            for name in suggested
            if name not in self.least or (prediction.scores[name] >= self.least[name] and not is_outside)
        )
        reason = ""
        if self.min_score is not None and prediction.score < self.min_score:
            reason, sure = f"{BELOW} the minimum score {self.min_score:g}", ()
        elif len(sure) == len(suggested):
            return prediction
        elif not is_outside:
            first = next(name for name in suggested if name not in sure)
            which = f"{first} " if isinstance(prediction.label, tuple) else ""
            reason = f"{which}{BELOW} {self.least[first]:.4g}, the threshold for a precision of {self.targets[first]:g}"
        note = "; ".join(filter(None, [prediction.note, reason]))
        return replace(prediction, label=sure or WITHHELD, withheld=prediction.label, note=note)


NO_DOUBT = Doubt()


def promises(held: HeldOut, labels: Sequence[str]) -> list[str]:
    """What the model promises for each of PROMISED, in words. labels: the names, in the order of their numbers."""
    return [promise(held, labels, target) for target in PROMISED]


def promise(held: HeldOut, labels: Sequence[str], target: float) -> str:
    """What a model does with a minimum precision, or why it cannot keep one."""
    selection, (confidence, right) = held.selection(target), held.decisions()
    hundred = f"{100 * target:g}"
    if not selection:
        needed = rows_needed(confidence, right, target)
        if needed is None:
            return _(
                "{right} of 100 right: cannot be promised; of the {n:,} validation sentences too many are wrong among "
                "its surest.",
                right=hundred,
                n=len(held),
            )
        return _(
            "{right} of 100 right: cannot be promised from {n:,} validation sentences; about {needed:,} would do.",
            right=hundred,
            n=len(held),
            needed=two_digits(needed * len(held) / max(1, len(confidence))),
        )
    rare = ", ".join(quote_name(labels[label]) for label in held.hardly_given(selection.threshold, len(labels)))
    left_out = " " + _("Hardly ever given then: {labels}.", labels=rare) if rare else ""
    if held.several:
        found = float(right[confidence >= selection.threshold].sum() / max(1, held.references.sum()))
        return _(
            "{right} of 100 right: finds {found:.0%} of the labels ({option:min_precision={target:g}}).{left_out}",
            right=hundred,
            found=found,
            target=target,
            left_out=left_out,
        )
    return _(
        "{right} of 100 right: answers {answered:.0%} of the texts, leaves {rest:.0%} to a person "
        "({option:min_precision={target:g}}).{left_out}",
        right=hundred,
        answered=selection.answered,
        rest=1 - selection.answered,
        target=target,
        left_out=left_out,
    )


def two_digits(number: float) -> int:
    """A number that is an estimate, with two digits that count."""
    return int(float(f"{number:.2g}"))


def promised(held: HeldOut | None, labels: LabelSet, min_precision: MinPrecision, model: str) -> Doubt:
    """The thresholds that promise a precision. min_precision: of all predictions, or of some labels, by name.

    ConfigError: no such number, the model keeps nothing to choose thresholds from, or no threshold keeps the promise.
    DataError: no such label.
    """
    wanted = min_precision if isinstance(min_precision, Mapping) else dict.fromkeys(labels.names, min_precision)
    targets: dict[str, float] = {}
    for name, target in wanted.items():
        between("min_precision", target, LEAST_TARGET, 1, low_too=True)
        if targets.setdefault(label := labels.resolve(name), target) != target:
            raise ConfigError(
                _("{option:min_precision}: the label '{label}' has two numbers, {first:g} and {second:g}.", label=label,
                  first=targets[label], second=target)
            )  # fmt: skip
    held = kept_record(held, model)
    if isinstance(min_precision, Mapping):
        least = {name: threshold(held, labels, target, model, name) for name, target in targets.items()}
    else:
        least = dict.fromkeys(labels.names, threshold(held, labels, min_precision, model))
    return Doubt(least=least, targets=targets)


def kept_record(held: HeldOut | None, model: str) -> HeldOut:
    """What is kept of validation. ConfigError: nothing, and how to give it to the model."""
    if held is None:
        raise ConfigError(
            _(
                "{model} keeps no record of its validation sentences, so it knows no thresholds. Give it one from a "
                "file with labels: munjang evaluate {model} FILE {option:calibrate=True}.",
                model=model,
            )
        )
    return held


def threshold(held: HeldOut, labels: LabelSet, target: float, model: str, name: str | None = None) -> float:
    """The lowest confidence at which a label, or any label, keeps the promise. ConfigError: there is none."""
    label = None if name is None else labels.index(name)
    selection, decisions = held.selection(target, label), held.decisions(label)
    if selection:
        return selection.threshold
    needed = rows_needed(*decisions, target)
    about = _("all labels") if name is None else quote_name(name)
    if needed is None:
        raise ConfigError(
            _(
                "A precision of {target:g} cannot be promised for {about}: of {n:,} predictions for validation "
                "sentences too many are wrong among the surest. Choose a lower {option:min_precision}.",
                target=target,
                about=about,
                n=len(decisions[0]),
            )
        )
    raise ConfigError(
        _(
            "A precision of {target:g} cannot be promised for {about} from {n:,} predictions for validation sentences: "
            "it would need about {needed:,}. Choose a lower {option:min_precision}, or calibrate with more sentences: "
            "munjang evaluate {model} FILE {option:calibrate=True}.",
            target=target,
            about=about,
            n=len(decisions[0]),
            needed=two_digits(needed),
            model=model,
        )
    )
