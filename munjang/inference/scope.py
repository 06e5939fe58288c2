"""How unlike its training texts a text is for a classifier, by the text's n-grams.

The score compares two sources of n-grams: Korean texts of many kinds, and the classifier's own training texts. A file
that comes with munjang has the first (`recipes/background.py`); training counts the second. So scores are the same in
every format of a model. After Ren et al. (2019), Likelihood Ratios for Out-of-Distribution Detection, arXiv:1906.02845.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from munjang.errors import BundleError
from munjang.files import ASSETS, first_line, read_regular
from munjang.models.folder import Manifest
from munjang.text.ngrams import chunks, hashed_ngrams
from munjang.translation import _

BACKGROUND = ASSETS / "background" / "ngrams.safetensors"
BITS = 17  # 131,072 buckets of n-grams; 16 lost 0.004 of the AUROC, 18 gained 0.001 (EXPERIMENTS, 2026-11-30)
PRIOR = 30_000  # n-grams of the background that count as trained on; from 10,000 to 100,000 the AUROC is the same
STRONGEST = 6.0  # a ratio in nats; at 3 the AUROC is 0.003 lower
WITHIN = 0.98  # share of the validation texts that are within scope
SCORED_CHARACTERS = 1_000  # characters; what follows is not looked at
SCORED_TOGETHER = 20_000  # characters, few enough for the processor's cache: half the time of 500,000
SCOPE_BYTES = 2_000_000
SCOPE_FILE = re.compile(r"scope(-.+)?\.safetensors")
StoredArrays = dict[str, tuple[np.dtype, tuple[int, ...]]]
"""Name -> type and shape of an array."""
ARRAYS: StoredArrays = {"ratios": (np.dtype(np.int8), (1 << BITS,)), "threshold": (np.dtype(np.float32), (1,))}


@dataclass(frozen=True, eq=False)
class Scope:
    """What a classifier has learnt from. threshold: a text with a higher score is out of scope.

    ratios: (2**BITS,) int8, for each bucket of n-grams how much likelier it is in the training texts than in others:
    the logarithm in units of STRONGEST / 127.
    """

    ratios: np.ndarray
    threshold: float

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) float32 for cleaned texts; higher is more unlike. A text without n-grams has 0.

        The mean over a text's n-grams of log(share in other texts / share in the training texts), in nats.
        """
        return scores_of([self], texts)[0]


def scores_of(scopes: Sequence[Scope], texts: Sequence[str]) -> np.ndarray:
    """(S, n) float32: the `Scope.score` of each scope; the n-grams of the texts are counted once for all."""
    return np.concatenate(
        [np.zeros((len(scopes), 0), np.float32), *(part_scores(scopes, part) for part in parts(texts))], axis=1
    )


def part_scores(scopes: Sequence[Scope], texts: Sequence[str]) -> np.ndarray:
    """(S, n) float32: the scores of texts that are looked at together."""
    rows, buckets = hashed_ngrams(texts, BITS)
    counts = np.maximum(np.bincount(rows, minlength=len(texts)), 1)
    sums = np.array([np.bincount(rows, scope.ratios[buckets], minlength=len(texts)) for scope in scopes])
    return (-STRONGEST / 127 * sums / counts).astype(np.float32)


def unlike(scopes: Sequence[Scope | None], texts: Sequence[str]) -> list[np.ndarray]:
    """For each scope, (n,) bool: which cleaned texts are out of it; none for a classifier without one."""
    known = [scope for scope in scopes if scope is not None]
    scores = iter(scores_of(known, texts) if known else ())
    none = np.zeros(len(texts), bool)
    return [none if scope is None else next(scores) > scope.threshold for scope in scopes]


def fit_scope(train: Iterable[str], validation: Iterable[str]) -> Scope:
    """The scope of a classifier from its cleaned training texts; its threshold from validation texts."""
    background, counts = read_background(), ngram_counts(train)
    logs = np.log((counts / background + PRIOR) / (counts.sum() + PRIOR))
    ratios = np.rint(np.clip(logs, -STRONGEST, STRONGEST) * (127 / STRONGEST)).astype(np.int8)
    scores = Scope(ratios, 0.0).score(list(validation))
    return Scope(ratios, float(np.float32(np.quantile(scores, WITHIN))))


def ngram_counts(texts: Iterable[str]) -> np.ndarray:
    """(2**BITS,) float64: how often the n-grams of each bucket occur."""
    counts = np.zeros(1 << BITS)
    for part in parts(texts):
        counts += np.bincount(hashed_ngrams(part, BITS)[1], minlength=1 << BITS)
    return counts


def parts(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    """The beginnings of the texts, as many together as are looked at together."""
    return chunks([text[:SCORED_CHARACTERS] for text in texts], SCORED_TOGETHER)


@cache
def read_background() -> np.ndarray:
    """(2**BITS,) float64: the share of each bucket among the n-grams of Korean texts of many kinds."""
    from safetensors.numpy import load_file

    return np.exp2(load_file(BACKGROUND)["log2_shares"].astype(np.float64))


def scope_file(head: str) -> str:
    """The name of the file of a head's scope; "" for a network that answers one question."""
    return f"scope-{head}.safetensors" if head else "scope.safetensors"


def save_scopes(folder: Path, scopes: Mapping[str, Scope]) -> None:
    """Write the scope of each head into a model folder that is being filled."""
    from safetensors.numpy import save_file

    for head, scope in scopes.items():
        arrays = {"ratios": scope.ratios, "threshold": np.array([scope.threshold], np.float32)}
        save_file(arrays, folder / scope_file(head))


def copy_scopes(source: Path, target: Path, manifest: Manifest) -> None:
    """Copy the scopes of a model folder. manifest: that of `source`."""
    for name in manifest.files:
        if SCOPE_FILE.fullmatch(name):
            shutil.copyfile(source / name, target / name)


def load_scope(folder: Path, manifest: Manifest, head: str) -> Scope | None:
    """The scope of a classifier; None if its folder has none, as those that an earlier munjang wrote.

    BundleError: the file is damaged.
    """
    name = scope_file(head)
    return read_scope(folder / name, manifest.files[name]["sha256"]) if name in manifest.files else None


@lru_cache(maxsize=64)
def read_scope(path: Path, sha256: str) -> Scope:
    """A scope from a file, read again only if its hash changes. BundleError: it is not what `save_scopes` wrote."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(read_regular(path, SCOPE_BYTES))
        found = {name: (array.dtype, array.shape) for name, array in arrays.items()}
        if found != ARRAYS:
            raise ValueError(_("it holds {found}, expected {expected}", found=listed(found), expected=listed(ARRAYS)))
        threshold = float(arrays["threshold"][0])
        if not -2 * STRONGEST <= threshold <= 2 * STRONGEST:  # false for NaN
            raise ValueError(_("{name} is {value!r}", name="threshold", value=threshold))
    except (OSError, ValueError, KeyError, SafetensorError) as error:  # KeyError: of a type that NumPy lacks
        raise BundleError(
            _("{path} is damaged: {reason}. Train the model again.", path=path, reason=first_line(error))
        ) from error
    return Scope(arrays["ratios"], threshold)


def listed(arrays: StoredArrays) -> str:
    """`ratios int8 (131072,), threshold float32 (1,)`."""
    return ", ".join(f"{name} {kind} {shape}" for name, (kind, shape) in sorted(arrays.items()))
