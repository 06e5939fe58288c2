"""Training only those rows of the word embedding that the corpus has words for.

A multilingual vocabulary has 119,547 rows, of which a Korean corpus touches a few thousand. Trained whole, AdamW goes
over all of them at every step, and their gradient is a table of zeros of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

COMPACTABLE = ("bert", "roberta", "xlm-roberta", "electra", "distilbert")
"""Model types that ask of a token id no more than its row; BART looks for its end of text, GPT-2 for its padding."""
MIN_IDLE_SHARE = 0.25  # of the rows must lie idle, else the table stays whole
LAST_PAD = 1_000  # rows below the padding row are all kept, so that its number stays (RoBERTa counts by it)


@dataclass(frozen=True)
class Compaction:
    """Which rows (kept,) of the whole table (V, width) a network is trained with."""

    rows: np.ndarray
    whole: torch.Tensor

    def ids(self, ids: np.ndarray) -> np.ndarray:
        """Token ids of the vocabulary as rows of the small table, int32."""
        places = np.zeros(len(self.whole), dtype=np.int32)
        places[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        return places[ids]

    def expand(self, model: PreTrainedModel) -> None:
        """Give the model its whole table back, the trained rows in their places and the others as they were."""
        table = model.get_input_embeddings()
        with torch.no_grad():
            self.whole[torch.from_numpy(self.rows)] = table.weight.detach().to(self.whole)
        set_table(table, self.whole)


def compact_embeddings(model: PreTrainedModel, *used: np.ndarray) -> Compaction | None:
    """Leave the model only the embedding rows of the token ids in `used`; None where it would not pay or not be safe.

    The model must be trained with ids as `Compaction.ids` gives them, and made whole again afterwards.
    """
    if model.config.model_type not in COMPACTABLE:
        return None
    table = model.get_input_embeddings()
    padding = table.padding_idx or 0
    if padding > LAST_PAD or getattr(model, "_tied_weights_keys", None):
        return None
    found = np.zeros(table.num_embeddings, dtype=bool)
    found[: padding + 1] = True
    for ids in used:
        found |= np.bincount(ids, minlength=len(found)) > 0
    rows = np.flatnonzero(found)
    if len(rows) > (1 - MIN_IDLE_SHARE) * table.num_embeddings:
        return None
    whole = table.weight.detach()
    set_table(table, whole[torch.from_numpy(rows)])
    return Compaction(rows, whole)


def set_table(table: torch.nn.Embedding, weight: torch.Tensor) -> None:
    """Put another number of rows into an embedding."""
    table.weight = torch.nn.Parameter(weight, requires_grad=table.weight.requires_grad)
    table.num_embeddings = len(weight)
