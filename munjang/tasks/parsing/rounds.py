"""Parsing as sequence labelling: in each round a tagger says which words attach to the next word and are deleted.

A word can be deleted once all its own dependents are deleted and its head is the next remaining word. Each round
deletes one word at least, and the last remaining word is the root. So heads always stand to the right and arcs never
cross, whatever the tagger says. An error of one round stays: a word that is deleted too early has the wrong head, and
a word that remains too long keeps the words before it from their heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from munjang.data.trees.shapes import HEAD_FINAL
from munjang.errors import ConfigError
from munjang.tasks.base import Batch, Encodings, Outputs
from munjang.tasks.parsing.rows import object_array
from munjang.tasks.parsing.task import WORD_INPUTS, ParsingTask
from munjang.translation import _

if TYPE_CHECKING:
    import torch

    from munjang.tasks.parsing.tagger import RoundScores

STAYS = 0
"""The tag of a word that remains for a later round; relation r has the tag r + 1."""

ROUND_INPUTS = ("round_sentence", "round_words", "round_heads")


@dataclass(frozen=True)
class RoundsParsing(ParsingTask["RoundScores"]):
    """Parsing round by round, for head-final trees. Training batches hold the rounds of their reference trees."""

    parser = "labeling"
    exported = None  # a graph has no rounds

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheme != HEAD_FINAL:
            raise ConfigError(
                _(
                    "{option:parser=labeling} attaches each word to one on its right; in this treebank some "
                    "heads stand on the left, or arcs cross. Take {option:parser=biaffine}."
                )
            )

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, part: slice
    ) -> tuple[Batch, int]:
        """The batch of indices[part] with its rounds; losses are divided by the number of words."""
        batch, words = super().step_batch(encodings, indices, pad_id, rng, part)
        labels = encodings.columns["labels"][indices[part]].astype(np.int64)
        return {**batch, **round_arrays(labels, batch["words"])}, words

    def forward(self, network: torch.nn.Module, batch: Batch) -> RoundScores:
        """The tags of the rounds of a batch, or in prediction its finished trees."""
        return network(**{name: batch[name] for name in (*WORD_INPUTS, *ROUND_INPUTS) if name in batch}).logits

    def loss(self, logits: RoundScores, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy of the tags of all words in all rounds, summed."""
        from torch.nn.functional import cross_entropy

        assert logits.tags is not None  # a batch of `step_batch` has rounds
        return cross_entropy(logits.tags.flatten(0, 1), batch["round_tags"].flatten(), reduction="sum", ignore_index=-1)

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`heads`, `relations`, `confidence` (B, W) of the finished trees, and `words (B,)`."""
        return tree_arrays(self.forward(network, batch))

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B,) of (words, 3), as for a biaffine parser; a head's probability is that of deletion in its round."""
        table = np.stack([outputs[name].astype(np.float64) for name in ("heads", "relations", "confidence")], axis=2)
        return object_array([table[row, :count] for row, count in enumerate(outputs["words"])])

    def predictions(self, logits: RoundScores) -> np.ndarray:
        """(N, 2) heads and relations of the words of a batch, one after another."""
        return np.concatenate(list(self.decode(tree_arrays(logits))))[:, :2].astype(np.int64)


def tree_arrays(logits: RoundScores) -> Outputs:
    """The finished trees as NumPy arrays."""
    assert logits.trees is not None  # a network has them unless it is in training mode
    return {name: tensor.cpu().numpy() for name, tensor in logits.trees._asdict().items()}


def tree_rounds(heads: Sequence[int]) -> list[tuple[list[int], list[bool]]]:
    """The rounds of a head-final tree without crossing arcs: the remaining words, from 0, and which are deleted.

    heads: from 1; the root has 0. In the last round the root remains and is deleted.
    """
    waiting = np.bincount(heads, minlength=len(heads) + 1)[1:]  # how many dependents of each word remain
    left, rounds = list(range(len(heads))), []
    while len(left) > 1:
        deleted = [heads[word] == after + 1 and not waiting[word] for word, after in pairwise(left)]
        if not any(deleted):
            raise ValueError("no head-final tree")
        deleted.append(False)
        rounds.append((left, deleted))
        for word, goes in zip(left, deleted, strict=True):
            if goes:
                waiting[heads[word] - 1] -= 1
        left = [word for word, goes in zip(left, deleted, strict=True) if not goes]
    return [*rounds, (left, [True])]


def round_arrays(labels: np.ndarray, words: np.ndarray) -> dict[str, np.ndarray]:
    """The rounds of a batch. labels: (B, W, 2), head and relation of each word; words: (B,).

    round_sentence (P,): the sentence of each round. round_words (P, M): the remaining words, -1 beyond.
    round_heads (P, W): the head, from 0, of each deleted word; -1 for the others. round_tags (P, M): the reference tag
    of each remaining word, -1 beyond.
    """
    width = int(words.max())
    rounds: list[tuple[int, list[int], list[bool]]] = []
    for sentence, count in enumerate(words):
        rounds += [(sentence, left, deleted) for left, deleted in tree_rounds(labels[sentence, :count, 0].tolist())]
    size = max(len(left) for sentence, left, deleted in rounds)
    arrays = {
        "round_sentence": np.array([sentence for sentence, left, deleted in rounds]),
        "round_words": np.full((len(rounds), size), -1, np.int64),
        "round_heads": np.full((len(rounds), width), -1, np.int64),
        "round_tags": np.full((len(rounds), size), -1, np.int64),
    }
    for row, (sentence, left, deleted) in enumerate(rounds):
        before = np.setdiff1d(np.arange(words[sentence]), left)  # words that earlier rounds deleted
        arrays["round_heads"][row, before] = labels[sentence, before, 0] - 1
        arrays["round_words"][row, : len(left)] = left
        arrays["round_tags"][row, : len(left)] = np.where(deleted, labels[sentence, left, 1] + 1, STAYS)
    return arrays
