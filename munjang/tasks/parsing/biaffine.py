"""Parsing with a biaffine network: a score for every pair of words, and the best legal tree over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.config.checks import one_of
from munjang.data.trees.shapes import ANY, HEAD_FINAL, SCHEMES
from munjang.errors import ConfigError
from munjang.records import Example, LabelSet, Parse
from munjang.tasks.base import (
    Batch,
    Encodings,
    Outputs,
    Signature,
    TextEncoder,
    TrainingDefaults,
    encode_texts,
    pad_batch,
)
from munjang.tasks.parsing.decoding import DECODERS, LOWEST
from munjang.tasks.parsing.parts import tag_column, untagged, words_and_tags
from munjang.tasks.parsing.rows import label_column, object_array, only_seen, to_parse
from munjang.tasks.parsing.words import CUTS, SPACES, encode_words, spaced, word_batch
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.tasks.parsing.network import ArcScores

SIGNATURE = Signature(
    {"input_ids": 2, "attention_mask": 2, "positions": 1, "nodes": 2}, {"arcs": 3, "relations": 4}, ("words",)
)

ROOT = "root"
"""The relation that Universal Dependencies keeps for the root, and the root for it."""


@dataclass(frozen=True)
class BiaffineParsing:
    """A tree a sentence. Columns: `labels` (n, W, 2) int16, head and relation of each word, -1 beyond its words.

    In a batch `labels` are those of its words one after another, (N, 2). labels: the relations. scheme: what trees can
    come out (munjang.data.trees.shapes.SCHEMES). cut: where words of raw text end. tags: parts of speech, for a parser
    that is given them.
    """

    labels: LabelSet
    scheme: str = ANY
    cut: str = SPACES
    tags: tuple[str, ...] = ()
    dropout: float = 0.33
    name: str = "parsing"
    monitor: str = "las"
    speed = "sentences_s"
    parser = "biaffine"
    output_kind = "trees"
    training_defaults = TrainingDefaults(
        batch_size=16, epochs=10, least_steps=600, most_epochs=40.0, rate=5 / 3
    )  # EXPERIMENTS, 2026-11-22
    cuts_texts = False

    def __post_init__(self) -> None:
        one_of("scheme", self.scheme, SCHEMES)
        one_of("cut", self.cut, CUTS)

    @property
    def exported(self) -> Signature | None:
        """A graph is given no parts of speech."""
        return None if self.tags else SIGNATURE

    @property
    def options(self) -> dict[str, Any]:
        """What `munjang.tasks.make_task` needs beside the labels to make this task again."""
        tags = {"tags": list(self.tags)} if self.tags else {}
        return {"parser": self.parser, "scheme": self.scheme, "cut": self.cut, **tags}

    def build(self, source: str | None = None, *, config: Any = None, **options: Any) -> PreTrainedModel:
        """An encoder with a fresh head, from a folder, a hub id, or `config=`."""
        from munjang.tasks.parsing.network import build_parser

        head = {"kind": self.parser, "relations": len(self.labels), "dropout": self.dropout}
        if self.tags:
            head["tags"] = len(self.tags)
        return build_parser(head, source, config=config, **options)

    def open(self, folder: Path) -> PreTrainedModel:
        from munjang.tasks.parsing.network import open_network

        return open_network(folder)

    def preprocess(self, text: str) -> str:
        """The words of a cleaned text between single spaces."""
        return " ".join(text.split()) if self.tags else spaced(text, self.cut)

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: tokenizers.Tokenizer,
        max_length: int,
        *,
        encode: TextEncoder = encode_texts,
    ) -> Encodings:
        """As `encode_words`; a cache of token ids does not help here, for places are wanted too.

        DataError: a parser with parts of speech is given a word without.
        """
        texts, tags = [example.text for example in examples], []
        if self.tags and examples:
            texts, tags = zip(*map(words_and_tags, examples), strict=True)
        encodings = encode_words(texts, tokenizer, max_length)
        if self.tags:
            column = tag_column(tags, self.tags, encodings.columns["places"].shape[1])
            encodings = replace(encodings, columns={**encodings.columns, "tags": column})
        if examples and all(example.label is not None for example in examples):
            labels = label_column([example.label for example in examples], self.labels)
            return replace(encodings, columns={**encodings.columns, "labels": labels})
        return only_seen(encodings)

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        batch = pad_batch(encodings, indices, pad_id)
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
        names = ("input_ids", "attention_mask", "positions", "words", "tags")
        return network(**{name: batch[name] for name in names if name in batch}).logits

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
        return may_hang(self.scheme, child, head, logits.words[:, None, None])

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`arcs (B, W, W + 1)`, `relations (B, W, W + 1, R)` float32, unmasked scores as in ArcScores; `words (B,)`."""
        return as_arrays(self.forward(network, batch))

    def empty_output(self, count: int) -> np.ndarray:
        """(count,) answers for texts that have none yet: trees without words."""
        return object_array([np.zeros((0, 3))] * count)

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 3): heads, relation numbers and the heads' probabilities in the best trees.

        Where the relations have a `root`, the root has it and no one else.
        """
        words = outputs["words"]
        width = outputs["arcs"].shape[1]
        child, head = np.arange(1, width + 1)[:, None], np.arange(width + 1)
        arcs = log_shares(outputs["arcs"], may_hang(self.scheme, child, head, words[:, None, None]))
        heads = DECODERS[self.scheme](arcs, words)
        confidence = np.exp(np.take_along_axis(arcs, heads[:, :, None], 2)[:, :, 0])
        relations = np.take_along_axis(outputs["relations"], heads[:, :, None, None], 2)[:, :, 0]  # (B, W, R)
        if ROOT in self.labels.names:
            own = np.arange(len(self.labels)) == self.labels.index(ROOT)
            relations = np.where(own == (heads == 0)[:, :, None], relations, -np.inf)
        table = np.stack([heads, relations.argmax(axis=2), confidence], axis=2)
        return object_array([table[row, :count] for row, count in enumerate(words)])

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: float) -> Parse:
        """The tree of one text, whose words are those of `ready`."""
        words = untagged(cleaned)[0] if self.tags else cleaned
        return to_parse(text, words.split(), row, note, self.labels, self.scheme)

    def predictions(self, logits: ArcScores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""
        return np.concatenate(list(self.decode(as_arrays(logits))))[:, :2].astype(np.int64)

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """uas, las: shares of the words with the right head, and with the right head and relation."""
        right = references == predictions
        return {"uas": float(right[:, 0].mean()), "las": float(right.all(axis=1).mean())}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        raise ConfigError(_("class_weights is for classifiers; leave it out for a parser."))


def may_hang(scheme: str, child: Any, head: Any, count: Any) -> Any:
    """(…) bool: whether a word can have that head by a scheme; arrays of NumPy or torch that broadcast.

    child: the words' places from 1; head: from 0, the root; count: how many words the sentence has.
    """
    if scheme == HEAD_FINAL:
        return ((head > child) & (head <= count)) | ((head == 0) & (child == count))
    return (head != child) & (head <= count)


def log_shares(scores: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The logarithm of the softmax over the last axis, among what is allowed; minus infinity for the rest."""
    kept = np.where(allowed, scores, -np.inf)
    top = np.maximum(kept.max(axis=-1, keepdims=True), np.float32(LOWEST))  # rows where nothing is allowed stay so
    total = np.exp(kept - top).sum(axis=-1, keepdims=True)
    return kept - top - np.log(np.maximum(total, np.finfo(np.float32).tiny))


def as_arrays(logits: ArcScores) -> Outputs:
    """The same as NumPy arrays, float32."""
    return {name: (t if name == "words" else t.float()).cpu().numpy() for name, t in logits._asdict().items()}


def real_words(logits: ArcScores) -> torch.Tensor:
    """(B, W) bool: which words of the padded table there are."""
    import torch

    return torch.arange(logits.arcs.shape[1], device=logits.words.device) < logits.words[:, None]
