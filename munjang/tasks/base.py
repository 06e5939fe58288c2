"""What a task is: the few things that differ between classification, masked-word prediction and parsing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from munjang.errors import BundleError, is_panic
from munjang.files import first_line
from munjang.records import Example, LabelSet
from munjang.text.ngrams import chunks
from munjang.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.config.settings import TrainConfig
    from munjang.records import Parse, Prediction

Batch = dict[str, Any]
"""Named arrays of one batch: `input_ids (B, T)`, `attention_mask (B, T)`, `labels (B,)` or `(B, L)`."""

Outputs = dict[str, np.ndarray]
"""Named arrays that a model gives for a batch: `logits (B, L)` float32; a parser gives `arcs (B, W, W + 1)`, …"""


@dataclass(frozen=True)
class Encodings:
    """Token ids of many sentences, kept flat.

    ids: (all tokens,) uint16 where the vocabulary allows it, else int32; read-only if it is in a file.
    starts: (n + 1,) int64; sentence i is ids[starts[i]:starts[i + 1]].
    truncated: (n,) bool, whether the text was longer than the model takes.
    columns: arrays with one row for each sentence, such as labels (n,) int64 or (n, L) float32.
    """

    ids: np.ndarray
    starts: np.ndarray
    truncated: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(n,) how many tokens each sentence has, special tokens included."""
        return np.diff(self.starts)

    def sentence(self, index: int) -> np.ndarray:
        """The token ids of one sentence, (tokens,)."""
        return self.ids[self.starts[index] : self.starts[index + 1]]


@dataclass(frozen=True)
class Signature:
    """What an exported network of a task takes and gives: name -> a letter for each dimension.

    B sentences, T tokens, K pieces of words, W words, N words and the root, L labels. kept: arrays of the batch that
    `decode` needs beside the outputs. least: precision of an export -> the least agreement with its source.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    kept: tuple[str, ...] = ()
    least: Mapping[str, float] = field(default_factory=lambda: {"fp32": 0.0, "int8": 0.97})


@dataclass(frozen=True)
class Agreement:
    """How far two models agree on some texts.

    shares: the share of equal answers, by head ("" if there is one question). apart: the differences of probabilities,
    an array of any shape. of: what is counted, a key of `munjang.export.sample.AGREEMENTS`.
    """

    shares: Mapping[str, float]
    apart: np.ndarray
    of: str = "labels"


@dataclass(frozen=True)
class TrainingDefaults:
    """What a training run of a task uses for settings that are left out.

    batch_size: sentences a step. epochs: over train; more if they are fewer than least_steps optimizer steps, up to
    most_epochs. rate: the backbone's learning rate is multiplied by it. dropout: None keeps the backbone's own.
    """

    batch_size: int = 32
    epochs: float = 3.0
    least_steps: int = 300  # EXPERIMENTS, 2026-11-23
    most_epochs: float = 20.0
    rate: float = 1.0
    dropout: float | None = None


Threshold = float | Mapping[str, float]
"""With several labels a text, the least probability at which a label is given: of all labels, or label -> its own."""

CLASSIFIER = Signature({"input_ids": "BT", "attention_mask": "BT"}, {"logits": "BL"})

TextEncoder = Callable[[Sequence[str], "tokenizers.Tokenizer", int], Encodings]
"""Token ids of texts, as `encode_texts` makes them or a cache has them."""

TOKENIZER_CHUNK, TOKENIZER_CHARACTERS = 8192, 4_000_000
"""Texts, and their characters, that are tokenised at once: the tokenizer's own records of a token take 100 bytes."""


class Decoder(Protocol):
    """What prediction needs to know of a task: texts in, what the network gave for them, records out."""

    @property
    def labels(self) -> LabelSet:
        """The labels that it chooses from."""

    @property
    def parts(self) -> Mapping[str, Decoder]:
        """Name -> decoder of each classifier on one network; empty for a model that answers one question."""

    @property
    def record(self) -> type[Prediction] | type[Parse]:
        """The class of the records that `to_record` makes. Files, routes and verbs are listed under it."""

    @property
    def several(self) -> bool:
        """Whether a text may have any number of labels, those from a threshold on."""

    def check_classifier(self, model: str) -> None:
        """A ConfigError if the answers are not labels with probabilities. model: its name in the message."""

    def preprocess(self, text: str) -> str:
        """A cleaned text as `encode` takes it."""

    def empty_output(self, count: int) -> np.ndarray:
        """(count, …): what `decode` would give for texts without content."""

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B, …): the predictions in a batch's outputs, one row a sentence: probabilities, or trees."""

    def to_record(
        self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: Threshold
    ) -> Prediction | Parse:
        """One row of `decode` as a record. text: as it was given; cleaned: as it was encoded."""


class TrainingTask(Protocol):
    """What the training loops need to know of a task."""

    @property
    def name(self) -> str:
        """Its key in TASKS."""

    @property
    def labels(self) -> LabelSet:
        """The labels that it chooses from."""

    @property
    def monitor(self) -> str:
        """The key of score() that chooses checkpoints; higher is better."""

    @property
    def speed(self) -> str:
        """What the progress bar counts: "sentences_s" or "tokens_s"."""

    def build(self, source: str | None = None, **options: Any) -> PreTrainedModel:
        """The network for a backbone (folder or hub id), or for a transformers config given as `config`."""

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: tokenizers.Tokenizer,
        max_length: int,
        *,
        encode: TextEncoder = ...,
    ) -> Encodings:
        """Token ids, and the label columns if all examples have labels. encode: `encode_texts` unless given."""

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        """One batch, padded to its longest sentence."""

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, part: slice
    ) -> tuple[Batch, int]:
        """The sentences indices[part] as a training batch, and the divisor for the losses of the whole step.

        indices: the sentences of the step, over all processes. rng: the same in every process, made from seed and step.
        """

    def forward(self, network: torch.nn.Module, batch: Batch) -> Any:
        """The logits of a batch on the network's device: a tensor, or named tensors for a parser."""

    def loss(self, logits: Any, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """The sum of the batch's losses, a scalar; the loop divides it by the number from `step_batch`."""

    def predictions(self, logits: Any) -> np.ndarray:
        """The part of a batch's logits that `score` needs, one row for each of its labels."""

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """Metrics of the predictions against the references, in the same order."""


class Task(Decoder, TrainingTask, Protocol):
    """A task of the table TASKS: it is trained, saved, run by the backends, exported and decoded."""

    @property
    def exported(self) -> Signature | None:
        """What an exported network takes and gives; None: it cannot be exported."""

    @property
    def export_remedy(self) -> str:
        """What to do where it cannot be exported, marked with `N_`."""

    @property
    def cuts_texts(self) -> bool:
        """Whether the few longest texts may lose their ends."""

    @property
    def training_defaults(self) -> TrainingDefaults:
        """Settings of a training run that are left out."""

    @property
    def options(self) -> dict[str, Any]:
        """What make_task needs beside the labels to make the task again, as JSON values."""

    def check_config(self, config: TrainConfig, corpus: str) -> None:
        """A ConfigError if the settings are for another task. corpus: its name in the message."""

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """(L,) float32: the weight of each label in `loss`. ConfigError: the task has no classes to weight."""

    def open(self, folder: Path) -> PreTrainedModel:
        """The network of a model folder, in fp32; from safetensors only, no code from the folder."""

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """The outputs of a network for a batch, as named arrays."""

    def agreement(self, ours: np.ndarray, theirs: np.ndarray, threshold: Threshold) -> Agreement:
        """How far two models agree, from what `decode` gave for the same texts."""


def encode_texts(texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int) -> Encodings:
    """Token ids of texts, special tokens added, cut to `max_length` tokens."""
    set_length(tokenizer, max_length)
    collected = Collected(id_type(tokenizer), len(texts), max_length)
    parts = list(chunks(texts, TOKENIZER_CHARACTERS, TOKENIZER_CHUNK))

    def tokenise(part: Sequence[str]) -> list[tokenizers.Encoding]:
        # Copies: the library gives each text that it reads a second form, which is kept as long as the text.
        with tokenizer_errors():
            return tokenizer.encode_batch_fast([f"{text} "[:-1] for text in part])

    if len(parts) < 2:
        collected.take(*map(tokenise, parts))
        return collected.encodings()
    with ThreadPoolExecutor(1) as ahead:  # all cores tokenise the next chunk while this one is taken over
        coming = ahead.submit(tokenise, parts[0])
        for part in [*parts[1:], None]:
            ready = coming.result()
            if part:
                coming = ahead.submit(tokenise, part)
            collected.take(ready)
    return collected.encodings()


@contextmanager
def tokenizer_errors(source: object = "tokenizer.json") -> Iterator[None]:
    """Turn what the library of tokenizers raises into a BundleError. source: the file, for the message."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise BundleError(
            _("{source} is no usable tokenizer: {reason}.", source=source, reason=first_line(error).removesuffix("."))
        ) from error


def set_length(tokenizer: tokenizers.Tokenizer, max_length: int) -> None:
    """Make a tokenizer cut texts to `max_length` tokens and not pad them.

    A tokenizer that does so already is not touched: another thread may be using it, and older versions cannot
    stand that.
    """
    if tokenizer.padding is not None:
        tokenizer.no_padding()
    plain: dict[str, Any] = {"max_length": max_length, "stride": 0, "strategy": "longest_first", "direction": "right"}
    if tokenizer.truncation != plain:
        tokenizer.enable_truncation(**plain)


class Collected:
    """Token ids taken over from the tokenizer's records, chunk by chunk."""

    def __init__(self, kind: type[np.integer], sentences: int, max_length: int) -> None:
        self.kind, self.max_length, self.done = kind, max_length, 0
        self.ids = bytearray()
        self.starts = np.zeros(sentences + 1, dtype=np.int64)
        self.truncated = np.zeros(sentences, dtype=bool)

    def take(self, records: Sequence[tokenizers.Encoding] = ()) -> None:
        """Add the sentences of a chunk."""
        sentences = [record.ids for record in records]
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        self.ids += np.fromiter(chain.from_iterable(sentences), self.kind, int(lengths.sum())).data
        chunk = slice(self.done + 1, self.done + 1 + len(sentences))
        self.starts[chunk] = self.starts[self.done] + np.cumsum(lengths)
        for index in np.flatnonzero(lengths >= self.max_length).tolist():
            self.truncated[self.done + index] = bool(records[index].overflowing)
        self.done += len(sentences)

    def encodings(self) -> Encodings:
        """All sentences that were added."""
        return Encodings(np.frombuffer(self.ids, dtype=self.kind), self.starts, self.truncated)


def id_type(tokenizer: tokenizers.Tokenizer) -> type[np.integer]:
    """The integers that hold the ids of a vocabulary: uint16 up to 65,536 pieces, else int32."""
    return np.uint16 if tokenizer.get_vocab_size(with_added_tokens=True) <= 2**16 else np.int32


def shorten_encodings(
    encodings: Encodings, texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int
) -> Encodings:
    """The encodings of `texts` cut to `max_length` tokens, as `encode_texts` would give them; columns are kept."""
    lengths = encodings.lengths
    cut = np.flatnonzero(lengths > max_length).tolist()
    if not cut:
        return encodings
    again = encode_texts([texts[index] for index in cut], tokenizer, max_length)
    kept = np.ones(len(encodings.ids), dtype=bool)
    for index in cut:
        kept[encodings.starts[index] + max_length : encodings.starts[index + 1]] = False
    starts = np.zeros_like(encodings.starts)
    np.cumsum(np.minimum(lengths, max_length), out=starts[1:])
    shorter = Encodings(encodings.ids[kept], starts, encodings.truncated.copy(), encodings.columns)
    for number, index in enumerate(cut):
        shorter.sentence(index)[:] = again.sentence(number)
    shorter.truncated[cut] = True
    return shorter


def pad_batch(encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
    """input_ids (B, T) and attention_mask (B, T), int64, T the longest sentence among `indices`."""
    lengths = encodings.starts[indices + 1] - encodings.starts[indices]
    width = int(lengths.max())
    inside = np.arange(width) < lengths[:, None]  # (B, T)
    input_ids = np.full((len(indices), width), pad_id, dtype=np.int64)
    input_ids[inside] = np.concatenate([encodings.sentence(i) for i in indices])
    return {"input_ids": input_ids, "attention_mask": inside.astype(np.int64)}
