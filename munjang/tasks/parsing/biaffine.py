"""Parsing with a biaffine network: a score for every pair of words, and the best legal tree over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.checks import one_of
from munjang.data.trees import ANY, HEAD_FINAL, SCHEMES
from munjang.errors import ConfigError
from munjang.records import Example, LabelSet, Parse, Tree
from munjang.tasks.base import Batch, Encodings, Outputs, TextEncoder, encode_texts, pad
from munjang.tasks.parsing.decoding import DECODERS
from munjang.tasks.parsing.words import CUTS, SPACES, encode_words, spaced, word_batch

if TYPE_CHECKING:
    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.tasks.parsing.network import ArcScores

ROOT = "root"
"""The relation that Universal Dependencies keeps for the root, and the root for it."""


@dataclass(frozen=True)
class Biaffine:
    """A tree a sentence. Columns: `labels` (n, W, 2) int16, head and relation of each word, -1 beyond its words.

    In a batch `labels` are those of its words one after another, (N, 2). labels: the relations. scheme: what trees can
    come out (munjang.data.trees.SCHEMES). cut: where words of raw text end.
    """

    labels: LabelSet
    scheme: str = ANY
    cut: str = SPACES
    dropout: float = 0.33
    name: str = "parsing"
    monitor: str = "las"
    speed = "sentences_s"
    parser = "biaffine"
    cuts_texts = False
    least_steps = 1000

    def __post_init__(self) -> None:
        one_of("scheme", self.scheme, SCHEMES)
        one_of("cut", self.cut, CUTS)

    @property
    def options(self) -> dict[str, Any]:
        """What `munjang.tasks.make_task` needs beside the labels to make this task again."""
        return {"parser": self.parser, "scheme": self.scheme, "cut": self.cut}

    def build(self, source: str | None = None, *, config: Any = None, **options: Any) -> PreTrainedModel:
        """An encoder with a fresh head, from a folder, a hub id, or `config=`."""
        from munjang.tasks.parsing.network import build

        head = {"kind": self.parser, "relations": len(self.labels), "dropout": self.dropout}
        return build(head, source, config=config, **options)

    def open(self, folder: Path) -> PreTrainedModel:
        from munjang.tasks.parsing.network import open_network

        return open_network(folder)

    def ready(self, text: str) -> str:
        """The words of a cleaned text between single spaces."""
        return spaced(text, self.cut)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: tokenizers.Tokenizer,
        max_length: int,
        *,
        encode: TextEncoder = encode_texts,
    ) -> Encodings:
        """As `encode_words`; a cache of token ids does not help here, for places are wanted too."""
        encodings = encode_words([example.text for example in examples], tokenizer, max_length)
        if examples and all(example.label is not None for example in examples):
            labels = label_column([example.label for example in examples], self.labels)
            return replace(encodings, columns={**encodings.columns, "labels": labels})
        return encodings

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        batch = pad(encodings, indices, pad_id)
        batch |= word_batch(encodings, indices, batch["input_ids"].shape[1])
        if "labels" in encodings.columns:
            labels = encodings.columns["labels"][indices].astype(np.int64)
            batch["labels"] = labels[labels[:, :, 0] >= 0]
        return batch

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, own: slice
    ) -> tuple[Batch, int]:
        """The batch of indices[own]; losses are divided by the number of words."""
        return self.collate(encodings, indices[own], pad_id), int(encodings.columns["words"][indices].sum())

    def forward(self, network: torch.nn.Module, batch: Batch) -> ArcScores:
        names = ("input_ids", "attention_mask", "positions", "words")
        return network(**{name: batch[name] for name in names}).logits

    def loss(self, logits: ArcScores, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy of every word's head among those it may have, and of its relation given the head; summed."""
        import torch
        from torch.nn.functional import cross_entropy

        allowed = self.allowed(logits)
        is_word = real_words(logits)
        heads, relations = batch["labels"].unbind(1)
        arcs = logits.arcs.masked_fill(~allowed, -torch.inf)[is_word]  # (N, W + 1)
        chosen = logits.relations[is_word][torch.arange(len(heads), device=heads.device), heads]  # (N, R)
        return cross_entropy(arcs, heads, reduction="sum") + cross_entropy(chosen, relations, reduction="sum")

    def allowed(self, logits: ArcScores) -> torch.Tensor:
        """(B, W, W + 1) bool: which heads a word can have by the scheme. Every row of a word has one at least."""
        import torch

        width = logits.arcs.shape[1]
        child = torch.arange(1, width + 1, device=logits.arcs.device)[:, None]
        head = torch.arange(width + 1, device=logits.arcs.device)
        count = logits.words[:, None, None]
        if self.scheme == HEAD_FINAL:
            return ((head > child) & (head <= count)) | ((head == 0) & (child == count))
        return (head != child) & (head <= count)

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`arcs (B, W, W + 1)` float32, log-probabilities of heads; `relations`, likewise the best for each; `words`.

        Where the relations have a `root`, the root has it and no one else.
        """
        return self.tables(self.forward(network, batch))

    def tables(self, logits: ArcScores) -> Outputs:
        import torch

        arcs = logits.arcs.float().masked_fill(~self.allowed(logits), -torch.inf).log_softmax(dim=2)
        relations = logits.relations
        if ROOT in self.labels.names:
            own = torch.arange(len(self.labels), device=arcs.device) == self.labels.index(ROOT)
            relations = relations.clone()
            relations[:, :, 0] = relations[:, :, 0].masked_fill(~own, -torch.inf)
            relations[:, :, 1:] = relations[:, :, 1:].masked_fill(own, -torch.inf)
        found = {"arcs": arcs, "relations": relations.argmax(dim=3), "words": logits.words}
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}

    def blank(self, count: int) -> np.ndarray:
        """(count,) answers for texts that have none yet: trees without words."""
        return as_rows([np.zeros((0, 2), np.int64)] * count)

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 2): heads and relation numbers of the best trees."""
        heads = DECODERS[self.scheme](outputs["arcs"], outputs["words"])
        relations = np.take_along_axis(outputs["relations"], heads[:, :, None], 2)[:, :, 0]
        table = np.stack([heads, relations], axis=2)
        return as_rows([table[row, :count] for row, count in enumerate(outputs["words"])])

    def answer(self, text: str, ready: str, row: np.ndarray, note: str, threshold: float) -> Parse:
        """The tree of one text, whose words are those of `ready`."""
        names = self.labels.names
        words = tuple(ready.split()) if len(row) else ()
        return Parse(text, Tree(words, tuple(row[:, 0].tolist()), tuple(names[i] for i in row[:, 1])), note)

    def answers(self, logits: ArcScores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""
        return np.concatenate(list(self.decode(self.tables(logits))))

    def score(self, gold: np.ndarray, answers: np.ndarray) -> dict[str, float]:
        """uas, las: shares of the words with the right head, and with the right head and relation."""
        right = gold == answers
        return {"uas": float(right[:, 0].mean()), "las": float(right.all(axis=1).mean())}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        raise ConfigError("class_weights is for classifiers; leave it out for a parser.")


def label_column(trees: Sequence[Tree], labels: LabelSet) -> np.ndarray:
    """(n, W, 2) int16: head and relation number of each word, -1 beyond a tree's words."""
    places = {name: labels.index(name) for name in {name for tree in trees for name in tree.relations}}
    column = np.full((len(trees), max(map(len, trees)), 2), -1, np.int16)
    for row, tree in enumerate(trees):
        column[row, : len(tree), 0] = tree.heads
        column[row, : len(tree), 1] = [places[name] for name in tree.relations]
    return column


def real_words(logits: ArcScores) -> torch.Tensor:
    """(B, W) bool: which words of the padded table there are."""
    import torch

    return torch.arange(logits.arcs.shape[1], device=logits.words.device) < logits.words[:, None]


def as_rows(items: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) an array of arrays of any length."""
    rows = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        rows[place] = item
    return rows
