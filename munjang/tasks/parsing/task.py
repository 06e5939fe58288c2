"""What every parser shares, whatever its network: words and their pieces, columns of labels, trees as answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from munjang.config.checks import one_of
from munjang.data.trees.shapes import ANY, SCHEMES
from munjang.errors import ConfigError
from munjang.records import Example, LabelSet, Parse, Tree
from munjang.tasks.base import (
    Agreement,
    Batch,
    Decoder,
    Encodings,
    Outputs,
    Signature,
    TextEncoder,
    Threshold,
    TrainingDefaults,
    encode_texts,
    pad_batch,
)
from munjang.tasks.parsing.rows import label_column, object_array, only_seen, to_parse
from munjang.tasks.parsing.words import CUTS, SPACES, encode_words, spaced, word_batch
from munjang.translation import N_, _

if TYPE_CHECKING:
    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.config.settings import TrainConfig

WORD_INPUTS = ("input_ids", "attention_mask", "positions", "words")
"""The arrays of a batch that every parser's network takes."""

Scores = TypeVar("Scores")
"""What a parser's network gives for a batch."""


@dataclass(frozen=True)
class ParsingTask(ABC, Generic[Scores]):
    """A tree a sentence. Columns: `labels` (n, W, 2) int16, head and relation of each word, -1 beyond its words.

    In a batch `labels` are those of its words one after another, (N, 2). labels: the relations. scheme: the shape of
    the trees (munjang.data.trees.shapes.SCHEMES). cut: where words of raw text end.
    """

    labels: LabelSet
    scheme: str = ANY
    cut: str = SPACES
    dropout: float = 0.33
    name: ClassVar[str] = "parsing"
    monitor: ClassVar[str] = "las"
    speed = "sentences_s"
    record = Parse
    several = False
    parser: ClassVar[str]  # its key in PARSERS, which model folders store
    exported: ClassVar[Signature | None]  # what an exported network takes and gives; None: it cannot be exported
    export_remedy = N_("Train {option:parser=biaffine}.")
    training_defaults = TrainingDefaults(
        batch_size=16, epochs=10, least_steps=600, most_epochs=40.0, rate=5 / 3
    )  # EXPERIMENTS, 2026-11-22
    cuts_texts = False

    def __post_init__(self) -> None:
        one_of("scheme", self.scheme, SCHEMES)
        one_of("cut", self.cut, CUTS)

    @abstractmethod
    def forward(self, network: torch.nn.Module, batch: Batch) -> Scores:
        """What the network gives for a batch on its device."""

    @abstractmethod
    def loss(self, logits: Scores, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """The sum of the losses of a batch."""

    @abstractmethod
    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """What the network gives for a batch, as named arrays."""

    @abstractmethod
    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 3): heads, relation numbers and the heads' probabilities."""

    @abstractmethod
    def predictions(self, logits: Scores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""

    @property
    def parts(self) -> Mapping[str, Decoder]:
        """Empty: it answers one question."""
        return {}

    def check_config(self, config: TrainConfig, corpus: str) -> None:
        """A ConfigError if the settings are those of a classifier."""
        if config.backbone == "linear":
            raise ConfigError(
                _(
                    "{option:backbone=linear} only classifies sentences; a parser needs a network, such as "
                    "{option:backbone=mini}."
                )
            )
        if config.hybrid:
            raise ConfigError(_("{option:hybrid} mixes labels of sentences; a parser has none. Leave it out."))
        if config.augment:
            raise ConfigError(_("{option:augment} changes texts; the words of a tree must stay. Leave it out."))
        if config.folds:
            raise ConfigError(_("{option:folds} is for labels of sentences; a parser has none. Leave it out."))
        if config.loop == "trainer":
            raise ConfigError(
                _(
                    "{option:loop=trainer} trains only classifiers; a parser needs the native loop. Leave "
                    "{option:loop} out."
                )
            )

    def check_classifier(self, model: str) -> None:
        """Always a ConfigError."""
        raise ConfigError(_("{name} is a parser: it gives trees, not labels with probabilities.", name=model))

    @property
    def options(self) -> dict[str, Any]:
        """What `munjang.tasks.make_task` needs beside the labels to make this task again."""
        return {"parser": self.parser, "scheme": self.scheme, "cut": self.cut}

    def build(self, source: str | None = None, *, config: Any = None, **options: Any) -> PreTrainedModel:
        """An encoder with a fresh head, from a folder, a hub id, or `config=`."""
        from munjang.tasks.parsing.network import build_parser

        head = {"kind": self.parser, "relations": len(self.labels), "dropout": self.dropout}
        return build_parser(head, source, config=config, **options)

    def open(self, folder: Path) -> PreTrainedModel:
        """The network of a model folder, in fp32."""
        from munjang.tasks.parsing.network import open_network

        return open_network(folder)

    def preprocess(self, text: str) -> str:
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
        """As `encode_words`. `encode` is not used: a cache of token ids has no positions of pieces."""
        texts = [example.text for example in examples]
        trees = [example.label for example in examples if isinstance(example.label, Tree)]
        if trees and len(trees) == len(examples):
            encodings = encode_words(texts, tokenizer, max_length)
            labels = label_column(trees, self.labels)
            return replace(encodings, columns={**encodings.columns, "labels": labels})
        return only_seen(encode_words(texts, tokenizer, max_length, most_words=max_length))

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        """One batch, padded to its longest sentence."""
        batch = pad_batch(encodings, indices, pad_id)
        batch |= word_batch(encodings, indices, batch["input_ids"].shape[1])
        if "labels" in encodings.columns:
            labels = encodings.columns["labels"][indices].astype(np.int64)
            batch["labels"] = labels[labels[:, :, 0] >= 0]
        return batch

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, part: slice
    ) -> tuple[Batch, int]:
        """The batch of indices[part]; losses are divided by the number of words."""
        return self.collate(encodings, indices[part], pad_id), int(encodings.columns["words"][indices].sum())

    def empty_output(self, count: int) -> np.ndarray:
        """(count,) outputs for texts without content: trees without words."""
        return object_array([np.zeros((0, 3))] * count)

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: Threshold) -> Parse:
        """The tree of one text. Its words are those of `cleaned`."""
        return to_parse(text, cleaned.split(), row, note, self.labels, self.scheme)

    def agreement(self, ours: np.ndarray, theirs: np.ndarray, threshold: Threshold) -> Agreement:
        """The share of words with the same head and relation, and the differences of the probabilities of equal
        heads."""
        first, second = np.concatenate(list(ours)), np.concatenate(list(theirs))  # (words, 3)
        same = (first[:, :2] == second[:, :2]).all(axis=1).mean()
        apart = np.abs(first[:, 2] - second[:, 2])[first[:, 0] == second[:, 0]]
        return Agreement({"": float(same)}, apart, N_("words' heads and relations"))

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """uas, las: shares of the words with the right head, and with the right head and relation."""
        right = references == predictions
        return {"uas": float(right[:, 0].mean()), "las": float(right.all(axis=1).mean())}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """Refused with a ConfigError: a parser has no classes to weight."""
        raise ConfigError(_("class_weights is for classifiers; leave it out for a parser."))
