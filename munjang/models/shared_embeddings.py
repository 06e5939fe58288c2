"""Word embeddings that an exported model has in common with the packaged encoder: it keeps only the rows of its own.

Fine-tuning changes the rows of the pieces that it has seen and leaves the others as they were, so a second packaged
model needs no second table. `words.safetensors` holds `ids` (n,), `codes` (n, width) int8 and `scales` (n,).
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
from munjang.models.backbones import PACKAGED_ENCODER
from munjang.translation import _

FILE = "words.safetensors"
INPUT = "embedded"
"""The input of a graph that takes rows in the place of token ids, (B, T, width) float32."""
SAME = 1e-3  # of a weight: 16 bits keep it to half of that


@dataclass(frozen=True)
class EmbeddingDelta:
    """The rows that differ from the packaged encoder's, in 8 bits."""

    ids: np.ndarray
    codes: np.ndarray
    scales: np.ndarray

    def table(self) -> np.ndarray:
        """(V, width) float16: the packaged encoder's rows, and these in their places."""
        table = packaged_words()[0].copy()
        table[self.ids] = self.codes * self.scales[:, None]
        return table


def own_rows(words: np.ndarray) -> EmbeddingDelta:
    """What of words (V, width) float32 is not as in the packaged encoder. BundleError: of another size."""
    packaged = packaged_words()[0].astype(np.float32)
    if words.shape != packaged.shape:
        raise BundleError(
            _(
                "Its word embeddings are {shape}, the packaged encoder's {shape2}.",
                shape=words.shape,
                shape2=packaged.shape,
            )
        )
    ids = np.flatnonzero((np.abs(words - packaged) > SAME * np.abs(packaged) + 1e-6).any(axis=1)).astype(np.int32)
    scales = np.maximum(np.abs(words[ids]).max(axis=1), 1e-12) / 127
    codes = np.clip(np.round(words[ids] / scales[:, None]), -127, 127).astype(np.int8)
    return EmbeddingDelta(ids, codes, scales.astype(np.float32))


def save_shared_embeddings(folder: Path, own: EmbeddingDelta) -> None:
    """Write the rows."""
    from safetensors.numpy import save_file

    save_file({"ids": own.ids, "codes": own.codes, "scales": own.scales}, folder / FILE)


def delta_details() -> dict[str, str]:
    """What munjang.json keeps of the table that the rest comes from."""
    return {"encoder": "mini", "sha256": packaged_words()[1]}


def load_shared_embeddings(folder: Path, details: Mapping[str, Any]) -> np.ndarray | None:
    """The table of a model, (V, width) float16; None of one that has its words in its graph.

    BundleError: the packaged encoder is another one by now, or the rows are damaged.
    """
    wanted = details.get("words")
    if wanted is None:
        return None
    table, digest = packaged_words()
    if not isinstance(wanted, dict) or wanted.get("sha256") != digest:
        raise BundleError(
            _(
                "{folder} belongs to another packaged encoder than this installation's; install munjang again.",
                folder=folder,
            )
        )
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        own = EmbeddingDelta(**load_file(folder / FILE))
    except (OSError, SafetensorError, TypeError) as error:
        raise BundleError(_("{folder} cannot be read: {reason}.", folder=folder / FILE, reason=error)) from error
    rows, width = own.codes.shape if own.codes.ndim == 2 else (-1, 0)
    if own.ids.shape != (rows,) or own.scales.shape != (rows,) or width != table.shape[1]:
        raise BundleError(_("{folder} is damaged: its parts do not fit each other.", folder=folder / FILE))
    if rows and not 0 <= own.ids.min() <= own.ids.max() < len(table):
        raise BundleError(
            _("{folder} is damaged: it has rows that the packaged encoder has not.", folder=folder / FILE)
        )
    return own.table()


@cache
def packaged_words() -> tuple[np.ndarray, str]:
    """The word embeddings of the packaged encoder, (V, width) float16, and their sha256."""
    from safetensors import safe_open

    with safe_open(PACKAGED_ENCODER / "model.safetensors", framework="numpy") as file:
        name = next(name for name in file.keys() if name.endswith("word_embeddings.weight"))  # noqa: SIM118
        table = file.get_tensor(name)
    return table, sha256(table.tobytes()).hexdigest()
