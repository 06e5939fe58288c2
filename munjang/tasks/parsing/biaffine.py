"""Parsing with a biaffine network: a score for every pair of words, and the best legal tree over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.data.trees.shapes import HEAD_FINAL
from munjang.tasks.base import Batch, Outputs, Signature
from munjang.tasks.parsing.decoding import DECODERS, LOWEST
from munjang.tasks.parsing.rows import object_array
from munjang.tasks.parsing.task import WORD_INPUTS, ParsingTask

if TYPE_CHECKING:
    import torch

    from munjang.tasks.parsing.network import ArcScores

SIGNATURE = Signature(
    {"input_ids": "BT", "attention_mask": "BT", "positions": "K", "nodes": "BN"},
    {"arcs": "BWN", "relations": "BWNL"},
    ("words",),
    {"fp32": 0.995, "int8": 0.95},  # one in six heads of a parser is wrong anyway: many choices are close
)

ROOT = "root"
"""The relation that Universal Dependencies uses for the root only. A root always has it."""


@dataclass(frozen=True)
class BiaffineParsing(ParsingTask["ArcScores"]):
    """Parsing by the scores of all pairs of words: any of SCHEMES."""

    parser = "biaffine"
    exported = SIGNATURE

    def forward(self, network: torch.nn.Module, batch: Batch) -> ArcScores:
        """The scores of all arcs and relations of a batch."""
        return network(**{name: batch[name] for name in WORD_INPUTS if name in batch}).logits

    def loss(self, logits: ArcScores, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy of each word's head among its allowed heads, and of its relation given the head; summed."""
        import torch
        from torch.nn.functional import cross_entropy

        allowed = self.allowed(logits)
        is_word = real_words(logits)
        heads, relations = batch["labels"].unbind(1)
        arcs = logits.arcs.masked_fill(~allowed, -torch.inf)[is_word]  # (N, W + 1)
        chosen = logits.relations[is_word][torch.arange(len(heads), device=heads.device), heads]  # (N, R)
        return cross_entropy(arcs, heads, reduction="sum") + cross_entropy(chosen, relations, reduction="sum")

    def allowed(self, logits: ArcScores) -> torch.Tensor:
        """(B, W, W + 1) bool: which heads the scheme allows a word. Every row of a word has one at least."""
        import torch

        width = logits.arcs.shape[1]
        child = torch.arange(1, width + 1, device=logits.arcs.device)[:, None]
        head = torch.arange(width + 1, device=logits.arcs.device)
        return may_hang(self.scheme, child, head, logits.words[:, None, None])

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`arcs (B, W, W + 1)`, `relations (B, W, W + 1, R)` float32, unmasked scores as in ArcScores; `words (B,)`."""
        return as_arrays(self.forward(network, batch))

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 3): heads, relation numbers and the heads' probabilities in the best trees.

        Where `root` is among the relations, the root has it and no other word.
        """
        words = outputs["words"]
        width = outputs["arcs"].shape[1]
        child, head = np.arange(1, width + 1)[:, None], np.arange(width + 1)
        arcs = log_shares(outputs["arcs"], may_hang(self.scheme, child, head, words[:, None, None]))
        heads = DECODERS[self.scheme](arcs, words)
        confidence = np.exp(np.take_along_axis(arcs, heads[:, :, None], 2)[:, :, 0])
        relations = np.take_along_axis(outputs["relations"], heads[:, :, None, None], 2)[:, :, 0]  # (B, W, R)
        if ROOT in self.labels.names:
            is_root_relation = np.arange(len(self.labels)) == self.labels.index(ROOT)
            relations = np.where(is_root_relation == (heads == 0)[:, :, None], relations, -np.inf)
        table = np.stack([heads, relations.argmax(axis=2), confidence], axis=2)
        return object_array([table[row, :count] for row, count in enumerate(words)])

    def predictions(self, logits: ArcScores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""
        return np.concatenate(list(self.decode(as_arrays(logits))))[:, :2].astype(np.int64)


def may_hang(scheme: str, child: Any, head: Any, count: Any) -> Any:
    """(…) bool: whether a scheme allows a word to hang from that head; arrays of NumPy or torch that broadcast.

    child: the words' positions from 1; head: from 0, the root; count: how many words the sentence has.
    """
    if scheme == HEAD_FINAL:
        return ((head > child) & (head <= count)) | ((head == 0) & (child == count))
    return (head != child) & (head <= count)


def log_shares(scores: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The logarithm of the softmax over the last axis, among the allowed entries; minus infinity for the others."""
    kept = np.where(allowed, scores, -np.inf)
    top = np.maximum(kept.max(axis=-1, keepdims=True), np.float32(LOWEST))  # rows where nothing is allowed stay so
    total = np.exp(kept - top).sum(axis=-1, keepdims=True)
    return kept - top - np.log(np.maximum(total, np.finfo(np.float32).tiny))


def as_arrays(logits: ArcScores) -> Outputs:
    """The same as NumPy arrays, float32."""
    return {name: (t if name == "words" else t.float()).cpu().numpy() for name, t in logits._asdict().items()}


def real_words(logits: ArcScores) -> torch.Tensor:
    """(B, W) bool: which entries of the padded table are words."""
    import torch

    return torch.arange(logits.arcs.shape[1], device=logits.words.device) < logits.words[:, None]
