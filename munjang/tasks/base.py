"""What a task is: the few things that differ between classifying, guessing masked words and parsing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from munjang.records import Example, LabelSet

if TYPE_CHECKING:
    import tokenizers
    import torch
    from transformers import PreTrainedModel

Batch = dict[str, Any]
"""Named arrays of one batch: `input_ids (B, T)`, `attention_mask (B, T)`, `labels (B,)` or `(B, L)`."""

Outputs = dict[str, np.ndarray]
"""Named arrays that a model gives for a batch: `logits (B, L)` float32."""


@dataclass(frozen=True)
class Encodings:
    """Token ids of many sentences, kept flat.

    ids: (all tokens,) int32. starts: (n + 1,) int64; sentence i is ids[starts[i]:starts[i + 1]].
    truncated: (n,) bool, whether the text was longer than the model takes.
    columns: arrays with one row a sentence, such as labels (n,) int64 or (n, L) float32.
    """

    ids: np.ndarray
    starts: np.ndarray
    truncated: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(n,) tokens a sentence, special tokens included."""
        return np.diff(self.starts)

    def sentence(self, index: int) -> np.ndarray:
        """The token ids of one sentence, (tokens,) int32."""
        return self.ids[self.starts[index] : self.starts[index + 1]]


class Task(Protocol):
    """One kind of problem. `name` is its key in TASKS, `labels` what it decides between."""

    name: str
    labels: LabelSet
    monitor: str  # the key of score() that chooses checkpoints; higher is better
    speed: str  # what the progress bar counts: "sentences_s" or "tokens_s"

    def build(self, source: str, **options: Any) -> PreTrainedModel:
        """The network for a backbone (folder or hub id), or for a transformers config given as `config`."""

    def encode(self, examples: Sequence[Example], tokenizer: tokenizers.Tokenizer, max_length: int) -> Encodings:
        """Token ids, and the label columns where the examples are labelled."""

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        """One batch, padded to its longest sentence."""

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, own: slice
    ) -> tuple[Batch, int]:
        """The sentences indices[own] as a batch to learn from, and what the losses of the whole step are divided by.

        indices: the sentences of the step, over all processes. rng: the same in every process, made from seed and step.
        """

    def forward(self, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """The logits of a batch on the network's device."""

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """The sum of the batch's losses, a scalar; the loop divides it by the number that `step_batch` gave."""

    def answers(self, logits: torch.Tensor) -> np.ndarray:
        """What `score` needs of the logits of a batch, one row for each of its labels."""

    def score(self, gold: np.ndarray, answers: np.ndarray) -> dict[str, float]:
        """Metrics of the answers against the labels, in the same order."""


def encode_texts(texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int) -> Encodings:
    """Token ids of texts, special tokens added, cut to `max_length` tokens."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    pieces: list[np.ndarray] = []
    lengths = np.empty(len(texts), dtype=np.int64)
    truncated = np.zeros(len(texts), dtype=bool)
    for start in range(0, len(texts), 8192):  # in chunks: the tokenizer's own records are large
        for i, encoding in enumerate(tokenizer.encode_batch_fast(list(texts[start : start + 8192])), start):
            pieces.append(np.asarray(encoding.ids, dtype=np.int32))
            lengths[i] = len(pieces[-1])
            truncated[i] = bool(encoding.overflowing)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    ids = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)
    return Encodings(ids, starts, truncated)


def pad(encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
    """input_ids (B, T) and attention_mask (B, T), int64, T the longest sentence among `indices`."""
    lengths = encodings.starts[indices + 1] - encodings.starts[indices]
    width = int(lengths.max())
    inside = np.arange(width) < lengths[:, None]  # (B, T)
    input_ids = np.full((len(indices), width), pad_id, dtype=np.int64)
    input_ids[inside] = np.concatenate([encodings.sentence(i) for i in indices])
    return {"input_ids": input_ids, "attention_mask": inside.astype(np.int64)}
