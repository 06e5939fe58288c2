"""Parsing as sequence labelling: round by round a tagger says which words hang from the next one and go.

A word can go once nothing is open on its left, that is once all that hangs from it is gone, and its head is the next
word of those that are left. Each round takes one word at least, and the last that is left is the root; so whatever the
tagger says, heads stand to the right and arcs do not cross. What goes wrong in one round stays wrong: a word that is
taken too early has the wrong head, and one that is left too long keeps those before it from theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.data.trees.shapes import HEAD_FINAL
from munjang.errors import ConfigError
from munjang.tasks.base import Batch, Encodings, Outputs, Signature
from munjang.tasks.parsing.biaffine import BiaffineParsing
from munjang.tasks.parsing.rows import object_array
from munjang.translation import _

if TYPE_CHECKING:
    import torch

    from munjang.tasks.parsing.tagger import RoundScores

STAYS = 0
"""The tag of a word that is left for a later round; relation r has the tag r + 1."""


@dataclass(frozen=True)
class Labeling(BiaffineParsing):
    """A tree a sentence, in rounds.

    Batches to learn from have the rounds of all their sentences by the reference trees.
    """

    parser = "labeling"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheme != HEAD_FINAL:
            raise ConfigError(
                _(
                    "--parser labeling attaches each word to one on its right; in this treebank some "
                    "heads stand on the left, or arcs cross. Take --parser biaffine."
                )
            )

    @property
    def exported(self) -> Signature | None:
        """None: a graph has no rounds."""
        return None

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, own: slice
    ) -> tuple[Batch, int]:
        """The batch of indices[own] with its rounds; losses are divided by the number of words."""
        batch, words = super().step_batch(encodings, indices, pad_id, rng, own)
        labels = encodings.columns["labels"][indices[own]].astype(np.int64)
        return {**batch, **round_arrays(labels, batch["words"])}, words

    def forward(self, network: torch.nn.Module, batch: Batch) -> RoundScores:
        names = ("input_ids", "attention_mask", "positions", "words", "tags", *ROUND_INPUTS)
        return network(**{name: batch[name] for name in names if name in batch}).logits

    def loss(self, logits: RoundScores, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy of the tags of all words in all rounds, summed."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits.tags.flatten(0, 1), batch["round_tags"].flatten(), reduction="sum", ignore_index=-1)

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`heads`, `relations`, `confidence` (B, W) of the finished trees, and `words (B,)`."""
        return found_arrays(self.forward(network, batch))

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 3), as a biaffine parser's; a head's probability is that of going in its round."""
        table = np.stack([outputs[name].astype(np.float64) for name in ("heads", "relations", "confidence")], axis=2)
        return object_array([table[row, :count] for row, count in enumerate(outputs["words"])])

    def predictions(self, logits: RoundScores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""
        return np.concatenate(list(self.decode(found_arrays(logits))))[:, :2].astype(np.int64)


ROUND_INPUTS = ("round_sentence", "round_words", "round_heads")


def found_arrays(logits: RoundScores) -> Outputs:
    """The finished trees as NumPy arrays."""
    return {name: tensor.cpu().numpy() for name, tensor in logits.found._asdict().items()}


def rounds(heads: Sequence[int]) -> list[tuple[list[int], list[bool]]]:
    """The rounds of a head-final tree without crossing arcs: the words that are left, from 0, and which of them go.

    heads: from 1, 0 of the root. In the last round the root is left and goes.
    """
    waiting = np.bincount(heads, minlength=len(heads) + 1)[1:]  # how many words still hang on each
    left, found = list(range(len(heads))), []
    while len(left) > 1:
        go = [heads[word] == after + 1 and not waiting[word] for word, after in pairwise(left)]
        if not any(go):
            raise ValueError("no head-final tree without crossing arcs")
        found.append((left, [*go, False]))
        for word, goes in zip(left, go, strict=False):
            waiting[heads[word] - 1] -= goes
        left = [word for word, goes in zip(left, [*go, False], strict=True) if not goes]
    return [*found, (left, [True])]


def round_arrays(labels: np.ndarray, words: np.ndarray) -> dict[str, np.ndarray]:
    """The rounds of a batch. labels: (B, W, 2), head and relation of each word; words: (B,).

    round_sentence (P,): which sentence each round is of. round_words (P, M): the words that are left, -1 beyond.
    round_heads (P, W): the head, from 0, of each word that is gone; -1 for the others. round_tags (P, M): what each
    word that is left should be told, -1 beyond.
    """
    width = int(words.max())
    found: list[tuple[int, list[int], list[bool]]] = []
    for row, count in enumerate(words):
        found += [(row, left, go) for left, go in rounds(labels[row, :count, 0].tolist())]
    size = max(len(left) for __, left, __ in found)
    arrays: dict[str, Any] = {
        "round_sentence": np.array([row for row, __, __ in found]),
        "round_words": np.full((len(found), size), -1, np.int64),
        "round_heads": np.full((len(found), width), -1, np.int64),
        "round_tags": np.full((len(found), size), -1, np.int64),
    }
    for place, (row, left, go) in enumerate(found):
        gone = np.setdiff1d(np.arange(words[row]), left)
        arrays["round_heads"][place, gone] = labels[row, gone, 0] - 1
        arrays["round_words"][place, : len(left)] = left
        arrays["round_tags"][place, : len(left)] = np.where(go, labels[row, left, 1] + 1, STAYS)
    return arrays
