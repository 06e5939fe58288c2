"""What a task is: the few things that differ between classifying, guessing masked words and parsing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from munjang.records import Example, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.records import Parse, Prediction

Batch = dict[str, Any]
"""Named arrays of one batch: `input_ids (B, T)`, `attention_mask (B, T)`, `labels (B,)` or `(B, L)`."""

Outputs = dict[str, np.ndarray]
"""Named arrays that a model gives for a batch: `logits (B, L)` float32; of a parser `arcs (B, W, W + 1)` and so on."""


@dataclass(frozen=True)
class Encodings:
    """Token ids of many sentences, kept flat.

    ids: (all tokens,) uint16 where the vocabulary allows, else int32; read-only where it lies in a file.
    starts: (n + 1,) int64; sentence i is ids[starts[i]:starts[i + 1]].
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
        """The token ids of one sentence, (tokens,)."""
        return self.ids[self.starts[index] : self.starts[index + 1]]


@dataclass(frozen=True)
class Signature:
    """What an exported network of a task takes and gives: name -> number of dimensions.

    The last dimension of the last output is as long as there are labels. kept: arrays of the batch that `decode` needs
    beside the outputs.
    """

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingDefaults:
    """What a training run of a task takes where its settings leave it open.

    batch_size: sentences a step. epochs: over train; more where they are not least_steps optimizer steps, up to
    most_epochs. rate: the backbone's learning rate times this. dropout: None: as the backbone has it.
    """

    batch_size: int = 32
    epochs: float = 3.0
    least_steps: int = 300  # EXPERIMENTS, 2026-11-23
    most_epochs: float = 20.0
    rate: float = 1.0
    dropout: float | None = None


CLASSIFIER = Signature({"input_ids": 2, "attention_mask": 2}, {"logits": 2})

TextEncoder = Callable[[Sequence[str], "tokenizers.Tokenizer", int], Encodings]
"""Token ids of texts, as `encode_texts` makes them or a cache remembers them."""

TOKENIZER_CHUNK = 8192  # texts tokenised at once: the tokenizer's own records of a token are large


class Task(Protocol):
    """One kind of problem. `name` is its key in TASKS, `labels` what it decides between."""

    name: str
    labels: LabelSet
    monitor: str  # the key of score() that chooses checkpoints; higher is better
    output_kind: str  # "probabilities", or "trees"
    exported: Signature | None  # None: it cannot be exported
    speed: str  # what the progress bar counts: "sentences_s" or "tokens_s"
    cuts_texts: bool  # whether the few longest texts may lose their ends
    training_defaults: TrainingDefaults  # of a training run
    options: dict[str, Any]  # what make_task needs beside the labels to make it again, as JSON values

    def build(self, source: str | None = None, **options: Any) -> PreTrainedModel:
        """The network for a backbone (folder or hub id), or for a transformers config given as `config`."""

    def open(self, folder: Path) -> PreTrainedModel:
        """The network of a model folder, in fp32; from safetensors only, no code from the folder."""

    def preprocess(self, text: str) -> str:
        """A cleaned text as `encode` takes it."""

    def encode(
        self, examples: Sequence[Example], tokenizer: tokenizers.Tokenizer, max_length: int, *, encode: TextEncoder
    ) -> Encodings:
        """Token ids, and the label columns where the examples are labelled. encode: `encode_texts` unless given."""

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

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """What a network says of a batch, as named arrays."""

    def empty_output(self, count: int) -> np.ndarray:
        """(count, …): what `decode` would give for texts of which nothing can be said."""

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B, …): the answers in a batch's outputs, one row a sentence: probabilities, or trees."""

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: float) -> Prediction | Parse:
        """One row of `decode` as a record. text: as it was given; ready: as it was encoded."""

    def predictions(self, logits: torch.Tensor) -> np.ndarray:
        """What `score` needs of the logits of a batch, one row for each of its labels."""

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """Metrics of the answers against the labels, in the same order."""


def encode_texts(texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int) -> Encodings:
    """Token ids of texts, special tokens added, cut to `max_length` tokens."""
    set_length(tokenizer, max_length)
    found = Collected(id_type(tokenizer), len(texts), max_length)
    chunks = [slice(start, start + TOKENIZER_CHUNK) for start in range(0, len(texts), TOKENIZER_CHUNK)]

    def tokenise(chunk: slice) -> list[tokenizers.Encoding]:
        # Copies: the library leaves each text it has seen with a second form of itself, kept as long as the text is.
        return tokenizer.encode_batch_fast([f"{text} "[:-1] for text in texts[chunk]])

    if len(chunks) < 2:
        found.take(*map(tokenise, chunks))
        return found.encodings()
    with ThreadPoolExecutor(1) as ahead:  # the next chunk is tokenised, by all cores, while this one is taken over
        coming = ahead.submit(tokenise, chunks[0])
        for chunk in [*chunks[1:], None]:
            ready = coming.result()
            if chunk:
                coming = ahead.submit(tokenise, chunk)
            found.take(ready)
    return found.encodings()


def set_length(tokenizer: tokenizers.Tokenizer, max_length: int) -> None:
    """Have a tokenizer cut texts to `max_length` tokens and pad none.

    One that does so already is left alone: another thread may be at work with it, which older versions do not bear.
    """
    if tokenizer.padding is not None:
        tokenizer.no_padding()
    plain = {"max_length": max_length, "stride": 0, "strategy": "longest_first", "direction": "right"}
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
        here = slice(self.done + 1, self.done + 1 + len(sentences))
        self.starts[here] = self.starts[self.done] + np.cumsum(lengths)
        for place in np.flatnonzero(lengths >= self.max_length):
            self.truncated[self.done + place] = bool(records[place].overflowing)
        self.done += len(sentences)

    def encodings(self) -> Encodings:
        return Encodings(np.frombuffer(self.ids, dtype=self.kind), self.starts, self.truncated)


def id_type(tokenizer: tokenizers.Tokenizer) -> type[np.integer]:
    """The integers that hold the ids of a vocabulary: uint16 up to 65,536 pieces, else int32."""
    return np.uint16 if tokenizer.get_vocab_size(with_added_tokens=True) <= 2**16 else np.int32


def shorten_encodings(
    encodings: Encodings, texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int
) -> Encodings:
    """The encodings of `texts` cut to fewer tokens: what `encode_texts` gives for `max_length`, columns kept."""
    lengths = encodings.lengths
    cut = np.flatnonzero(lengths > max_length)
    if not len(cut):
        return encodings
    again = encode_texts([texts[place] for place in cut], tokenizer, max_length)
    kept = np.ones(len(encodings.ids), dtype=bool)
    for place in cut:
        kept[encodings.starts[place] + max_length : encodings.starts[place + 1]] = False
    starts = np.zeros_like(encodings.starts)
    np.cumsum(np.minimum(lengths, max_length), out=starts[1:])
    shorter = Encodings(encodings.ids[kept], starts, encodings.truncated.copy(), encodings.columns)
    for number, place in enumerate(cut):
        shorter.sentence(place)[:] = again.sentence(number)
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
