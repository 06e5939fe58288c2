"""The linear format: TF-IDF of character n-grams and a weight for each, as safetensors and a list of n-grams.

A folder holds `vocabulary.txt` (one n-gram a line; spaces in them count) and `model.safetensors` (idf, weights, bias).
Nothing is pickled, and prediction needs NumPy only. Plain transformers cannot open such a folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from munjang.errors import BundleError
from munjang.files import fault_in_file, read_regular
from munjang.models.folder import Manifest, detail_number
from munjang.models.weights import check_header
from munjang.records import LabelSet
from munjang.text.ngrams import LONGEST, Alphabet, Lookup, chunks, count_features, keys_from_ngrams, text_code_points
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.tasks.base import Task

LONGEST_TEXT = 100_000  # characters; a longer text is cut, so that one huge line cannot fill the memory


class LinearFiles(NamedTuple):
    """The names of the files of a linear model."""

    weights: str = "model.safetensors"
    ngrams: str = "vocabulary.txt"


LINEAR_FILES = LinearFiles()


@dataclass(frozen=True)
class LinearParts:
    """A trained linear model.

    ngrams: (V,) strings of 1 to 4 characters; idf: (V,) float32; weights: (V, K) float32; bias: (K,) float32, where
    K is the number of labels. K is 1 if a text has one of two labels: the column then belongs to the second label.
    The temperature is already in weights and bias: softmax (sigmoid for multi-label) of the logits gives probabilities.
    labels: names in the order of the logits. settings: how the model was trained, as JSON values.
    """

    ngrams: Sequence[str]
    idf: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    labels: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LinearInputs:
    """Texts ready to run. lengths: in characters, to sort batches by."""

    texts: Sequence[str]
    lengths: np.ndarray
    truncated: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


class LinearRunner:
    """Runs a linear model."""

    max_length = LONGEST_TEXT
    unit = "characters"

    def __init__(self, parts: LinearParts):
        self.parts = parts
        self.alphabet = Alphabet(np.unique(text_code_points(parts.ngrams)))
        self.lookup = Lookup(keys_from_ngrams(parts.ngrams, self.alphabet))

    def encode(self, texts: Sequence[str]) -> LinearInputs:
        """Texts cut to LONGEST_TEXT characters; everything else happens in `run`."""
        lengths = np.array([len(text) for text in texts], np.int64)
        cut = [text[:LONGEST_TEXT] for text in texts]
        return LinearInputs(cut, np.minimum(lengths, LONGEST_TEXT), lengths > LONGEST_TEXT)

    def batch(self, encodings: LinearInputs, indices: Sequence[int]) -> dict[str, list[str]]:
        """The texts at `indices`."""
        return {"texts": [encodings.texts[index] for index in indices]}

    def run(self, batch: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
        """{"texts"} -> {"logits": (B, L) float32}."""
        with np.errstate(over="ignore", invalid="ignore"):  # prediction refuses what is not finite
            parts = [self.logits(chunk) for chunk in chunks(batch["texts"])]
        return {"logits": np.concatenate(parts) if parts else np.zeros((0, len(self.parts.labels)), np.float32)}

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, labels) float32."""
        rows, features, values = tfidf(texts, self.alphabet, self.lookup, self.parts.idf)
        weights, bias = self.parts.weights, self.parts.bias
        sums: np.ndarray
        if len(bias) == 1:
            sums = np.bincount(rows, values * weights[features, 0], minlength=len(texts))[:, None]
        else:
            ends = np.cumsum(np.bincount(rows, minlength=len(texts)))
            sums = np.empty((len(texts), len(bias)))
            for row, (start, end) in enumerate(zip(ends - np.diff(ends, prepend=0), ends, strict=True)):
                sums[row] = values[start:end] @ weights[features[start:end]]  # all rows at once is 3 times slower
        sums = sums + bias
        return (sums if len(bias) > 1 else two_columns(sums)).astype(np.float32)


def two_columns(margin: np.ndarray) -> np.ndarray:
    """Logits of two labels, (B, 2). Their softmax gives the second label sigmoid(margin). margin: (B, 1)."""
    return np.concatenate([-margin / 2, margin / 2], axis=1)


def tfidf(
    texts: Sequence[str], alphabet: Alphabet, lookup: Lookup, idf: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-zero cells of the TF-IDF matrix as (rows, features, values): (1 + log count) · idf, each row of length 1."""
    rows, features, counts = count_features(texts, alphabet, lookup)
    values = (1 + np.log(counts)) * idf[features]
    norms = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
    return rows, features, (values / norms[rows]).astype(np.float32)


def save(folder: Path, parts: LinearParts, files: LinearFiles = LINEAR_FILES) -> None:
    """Write weights and n-grams into `folder`."""
    from safetensors.numpy import save_file

    (folder / files.ngrams).write_bytes("\n".join(parts.ngrams).encode())
    arrays = {"idf": parts.idf, "weights": parts.weights, "bias": parts.bias}
    save_file({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, folder / files.weights)


def details(parts: LinearParts) -> dict[str, Any]:
    """What munjang.json keeps about a linear model."""
    return {"labels": list(parts.labels), "features": len(parts.ngrams), "settings": dict(parts.settings)}


def load(folder: Path, manifest: Manifest, task: Task) -> LinearRunner:
    """The runner of a folder in the linear format. task: not used; its labels are the manifest's.

    BundleError: a file is missing or cut, or the parts do not fit each other.
    """
    return LinearRunner(read_parts(Path(folder), manifest.details, manifest.labels))


def read_parts(
    folder: Path, details: Mapping[str, Any], labels: LabelSet, files: LinearFiles = LINEAR_FILES
) -> LinearParts:
    """A linear model that `save` wrote. details: what `details` gave. labels: those that it must have.

    BundleError: a file is missing or cut, or the parts do not fit each other.
    """
    from safetensors import SafetensorError, safe_open

    try:
        check_header(folder / files.weights)
        with safe_open(folder / files.weights, framework="numpy") as weights:
            ngrams = read_ngrams(folder / files.ngrams, math.prod(weights.get_slice("idf").get_shape()))
            arrays = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise BundleError(
            _("{folder} is not a complete linear model: {reason}. Train it again.", folder=folder, reason=error)
        ) from error
    try:
        parts = LinearParts(ngrams, labels=tuple(details["labels"]), settings=details.get("settings", {}), **arrays)
        check_parts(parts, detail_number(details, "features", 1), files)
        if parts.labels != labels.names:
            raise ValueError(
                _(
                    "its weights are for the labels {labels}, but munjang.json names {named}",
                    labels=", ".join(map(str, parts.labels)),
                    named=labels.listing,
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            _(
                "{folder} is not a complete linear model: {reason}. Train it again.",
                folder=folder,
                reason=fault_in_file(error),
            )
        ) from error
    return parts


def read_ngrams(path: Path, count: int) -> list[str]:
    """The n-grams in a file. ValueError: there are not as many as the weights have; a list of them takes much memory.

    OSError.
    """
    try:
        content = read_regular(path, count * (LONGEST * 4 + 1))  # bytes in utf-8, with the end of the line
    except ValueError as error:
        raise ValueError(_("{file}: {reason}", file=path.name, reason=error)) from error
    if (found := content.count(b"\n") + 1) != count:
        raise ValueError(
            _("{file} has {count:,} n-grams, expected {expected:,}", file=path.name, count=found, expected=count)
        )
    return content.decode().split("\n")


def check_parts(parts: LinearParts, features: int, files: LinearFiles) -> None:
    """Refuse parts that do not fit each other. ValueError: what was found and what was expected."""
    columns = (
        1 if parts.weights.ndim == 2 and parts.weights.shape[1] == 1 and len(parts.labels) == 2 else len(parts.labels)
    )
    expected = {"idf": (features,), "weights": (features, columns), "bias": (columns,)}
    for name, shape in expected.items():
        array = getattr(parts, name)
        if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
            raise ValueError(
                _(
                    "{file} has {name} as {type} {shape}, expected float32 {expected}",
                    file=files.weights,
                    name=name,
                    type=array.dtype,
                    shape=array.shape,
                    expected=shape,
                )
            )
        if not np.isfinite(array).all():
            raise ValueError(_("{file} has numbers in {name} that are not finite", file=files.weights, name=name))
    count = len(set(parts.ngrams))
    if len(parts.ngrams) != features or count != features:
        raise ValueError(
            _("{file} has {count:,} n-grams, expected {expected:,}", file=files.ngrams, count=count, expected=features)
        )
    if not all(0 < len(ngram) <= LONGEST for ngram in parts.ngrams):
        raise ValueError(
            _("{file} has an n-gram that is empty or has more than {most} characters", file=files.ngrams, most=LONGEST)
        )
