"""Word embeddings that an exported model shares with the packaged encoder: it stores only the rows that differ.

Fine-tuning changes only the rows of the pieces that it has seen, so a second packaged model needs no second table.
`words.safetensors` holds `ids` (n,), `codes` (n, width) int8 and `scales` (n,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from munjang.errors import BundleError
from munjang.files import PACKAGED_ENCODER
from munjang.translation import _

FILE = "words.safetensors"
INPUT = "embedded"
"""The input of a graph that takes embeddings instead of token ids, (B, T, width) float32."""
SAME = 1e-3  # relative difference of a weight; 16 bits are exact to half of that


@dataclass(frozen=True)
class EmbeddingDelta:
    """The rows that differ from the packaged encoder's, in 8 bits."""

    ids: np.ndarray
    codes: np.ndarray
    scales: np.ndarray

    def table(self) -> np.ndarray:
        """(V, width) float16: the packaged encoder's table with these rows put in."""
        table = packaged_words()[0].copy()
        table[self.ids] = self.codes * self.scales[:, None]
        return table


def own_rows(words: np.ndarray) -> EmbeddingDelta:
    """The rows of words (V, width) float32 that differ from the packaged encoder's. BundleError: another shape."""
    packaged = packaged_words()[0].astype(np.float32)
    if words.shape != packaged.shape:
        raise BundleError(
            _(
                "The word embeddings have the shape {shape}; the packaged encoder's have {expected}.",
                shape=words.shape,
                expected=packaged.shape,
            )
        )
    ids = np.flatnonzero((np.abs(words - packaged) > SAME * np.abs(packaged) + 1e-6).any(axis=1)).astype(np.int32)
    scales = np.maximum(np.abs(words[ids]).max(axis=1), 1e-12) / 127
    codes = np.clip(np.round(words[ids] / scales[:, None]), -127, 127).astype(np.int8)
    return EmbeddingDelta(ids, codes, scales.astype(np.float32))


def save_shared_embeddings(folder: Path, delta: EmbeddingDelta) -> None:
    """Write the rows."""
    from safetensors.numpy import save_file

    save_file({"ids": delta.ids, "codes": delta.codes, "scales": delta.scales}, folder / FILE)


def delta_details() -> dict[str, str]:
    """What munjang.json stores about the packaged table that the other rows come from."""
    return {"encoder": "mini", "sha256": packaged_words()[1]}


def load_shared_embeddings(folder: Path, details: Mapping[str, Any]) -> np.ndarray | None:
    """The table of a model, (V, width) float16; None if the model has its words in its graph.

    BundleError: the packaged encoder has changed since, or the rows are damaged.
    """
    wanted = details.get("words")
    if wanted is None:
        return None
    table, digest = packaged_words()
    if not isinstance(wanted, dict) or wanted.get("sha256") != digest:
        raise BundleError(
            _(
                "{folder} belongs to another packaged encoder than this installation has; install munjang again.",
                folder=folder,
            )
        )
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        delta = EmbeddingDelta(**load_file(folder / FILE))
    except (OSError, SafetensorError, TypeError) as error:
        raise BundleError(_("{file} cannot be read: {reason}.", file=folder / FILE, reason=error)) from error
    rows, width = delta.codes.shape if delta.codes.ndim == 2 else (-1, 0)
    if delta.ids.shape != (rows,) or delta.scales.shape != (rows,) or width != table.shape[1]:
        raise BundleError(_("{file} is damaged: its parts do not fit each other.", file=folder / FILE))
    if delta.codes.dtype != np.int8 or delta.ids.dtype.kind != "i" or not np.isfinite(delta.scales).all():
        raise BundleError(_("{file} is damaged: it has numbers of another kind.", file=folder / FILE))
    if rows and not 0 <= delta.ids.min() <= delta.ids.max() < len(table):
        raise BundleError(
            _("{file} is damaged: it has rows that the packaged encoder does not have.", file=folder / FILE)
        )
    return delta.table()


@cache
def packaged_words() -> tuple[np.ndarray, str]:
    """The word embeddings of the packaged encoder, (V, width) float16, and their sha256."""
    from safetensors import safe_open

    with safe_open(PACKAGED_ENCODER / "model.safetensors", framework="numpy") as file:
        name = next(name for name in file.keys() if name.endswith("word_embeddings.weight"))  # noqa: SIM118
        table = file.get_tensor(name)
    return table, sha256(table.tobytes()).hexdigest()
