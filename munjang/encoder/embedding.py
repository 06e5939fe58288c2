"""Training only the rows of the word embedding that the corpus uses.

A multilingual vocabulary has 119,547 rows, and a Korean corpus uses a few thousand of them. When the whole table is
trained, AdamW updates all rows at every step, and the gradient is a table of the same size that is mostly zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from munjang.encoder.families import family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MIN_IDLE_SHARE = 0.25  # this share of the rows must be unused, else the table stays whole
LAST_PAD = 1_000  # all rows below the padding row are kept, so its number stays the same (RoBERTa counts from it)


@dataclass(frozen=True)
class Compaction:
    """The rows (kept,) of the whole table (V, width) that a network is trained with."""

    rows: np.ndarray
    whole: torch.Tensor

    def ids(self, ids: np.ndarray) -> np.ndarray:
        """Token ids of the vocabulary as rows of the small table, int32."""
        new_rows = np.zeros(len(self.whole), dtype=np.int32)
        new_rows[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        return new_rows[ids]

    def expand(self, model: PreTrainedModel) -> None:
        """Give the model its whole table back: the trained rows where they were, the others unchanged."""
        table = model.get_input_embeddings()
        with torch.no_grad():
            self.whole[torch.from_numpy(self.rows)] = table.weight.detach().to(self.whole)
        set_table(table, self.whole)


def compact_embeddings(model: PreTrainedModel, *used: np.ndarray) -> Compaction | None:
    """Leave the model only the embedding rows for the token ids in `used`; None if that does not pay or is not safe.

    The model must be trained with the ids from `Compaction.ids`, and `Compaction.expand` must be called afterwards.
    """
    if not family_of(model.config.model_type).compactable:
        return None
    table = model.get_input_embeddings()
    padding = table.padding_idx or 0
    if padding > LAST_PAD or getattr(model, "_tied_weights_keys", None):
        return None
    is_used = np.zeros(table.num_embeddings, dtype=bool)
    is_used[: padding + 1] = True
    for ids in used:
        is_used |= np.bincount(ids, minlength=len(is_used)) > 0
    rows = np.flatnonzero(is_used)
    if len(rows) > (1 - MIN_IDLE_SHARE) * table.num_embeddings:
        return None
    whole = table.weight.detach()
    set_table(table, whole[torch.from_numpy(rows)])
    return Compaction(rows, whole)


def set_table(table: torch.nn.Embedding, weight: torch.Tensor) -> None:
    """Put another number of rows into an embedding."""
    table.weight = torch.nn.Parameter(weight, requires_grad=table.weight.requires_grad)
    table.num_embeddings = len(weight)
