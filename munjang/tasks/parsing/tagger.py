"""The head of a parser that works in rounds: a tagger over the remaining words, and the rounds themselves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot, pad

from munjang.encoder.dropout import drop

BEFORE, AFTER = 1, 2  # remaining neighbours that the tagger sees beside each word


class FinishedTrees(NamedTuple):
    """Finished trees: heads from 1, relation numbers, confidence of each head, all (B, W); words (B,)."""

    heads: Tensor
    relations: Tensor
    confidence: Tensor
    words: Tensor


class RoundScores(NamedTuple):
    """The scores of the rounds in a batch, and the trees.

    tags: (P, M, R + 1), None for a batch without rounds. trees: None in training mode.
    """

    tags: Tensor | None
    trees: FinishedTrees | None


class Tagger(nn.Module):
    """A word's tag depends on the word, on its deleted dependents, and on its remaining neighbours."""

    def __init__(self, width: int, relations: int, size: int = 256, dropout: float = 0.33) -> None:
        super().__init__()
        self.inner = nn.Linear(2 * width, size)
        self.below = nn.Linear(size, size)
        self.window = nn.Linear((BEFORE + 1 + AFTER) * size, size)
        self.tag = nn.Linear(size, relations + 1)
        self.dropout = dropout

    def forward(
        self,
        pieces: Tensor,
        words: Tensor,
        round_sentence: Tensor | None = None,
        round_words: Tensor | None = None,
        round_heads: Tensor | None = None,
    ) -> RoundScores:
        """pieces, words: as in the biaffine head; rounds: as `rounds.round_arrays` makes them."""
        rate = self.dropout if self.training else 0.0
        inner = leaky_relu(self.inner(drop(pieces.flatten(1), rate)), 0.1)
        nodes = nn.utils.rnn.pad_sequence(drop(inner, rate).split((words + 1).tolist()), batch_first=True)[:, 1:]
        scores = None
        if round_sentence is not None and round_words is not None and round_heads is not None:
            scores = self.scores(nodes[round_sentence], round_heads, round_words)
        return RoundScores(scores, None if self.training else self.parse(nodes, words))

    def scores(self, nodes: Tensor, heads: Tensor, left: Tensor) -> Tensor:
        """The scores (P, M, R + 1) of the tags in one round for each of P sentences.

        nodes: (P, W, size). heads: (P, W), from 0, -1 for words that are not deleted. left: (P, M) remaining words, -1
        beyond.
        """
        width = nodes.shape[1]
        hangs = one_hot(heads.where(heads >= 0, width), width + 1)[:, :, :width].transpose(1, 2).to(nodes)
        whole = nodes + leaky_relu(self.below(hangs @ nodes), 0.1)
        remaining = whole.gather(1, left.clamp(min=0)[:, :, None].expand(-1, -1, whole.shape[2]))
        remaining = remaining.where((left >= 0)[:, :, None], 0.0)
        around = pad(remaining, (0, 0, BEFORE, AFTER))
        views = [around[:, shift : shift + left.shape[1]] for shift in range(BEFORE + 1 + AFTER)]
        rate = self.dropout if self.training else 0.0
        return self.tag(drop(leaky_relu(self.window(torch.cat(views, dim=2)), 0.1), rate))

    def parse(self, nodes: Tensor, words: Tensor) -> FinishedTrees:
        """The trees of a batch, round by round over all its unfinished sentences."""
        batch, width, _ = nodes.shape
        heads, relations = (words.new_full((batch, width), -1) for _ in range(2))
        confidence = nodes.new_zeros(batch, width)
        positions = torch.arange(width, device=words.device)
        left = torch.where(positions < words[:, None], positions, -1)  # (B, M)
        rows = torch.arange(batch, device=words.device)
        while len(rows):
            shares = self.scores(nodes[rows], heads[rows], left).softmax(dim=2)
            goes = 1 - shares[:, :, 0]  # the probability of deletion
            relation = shares[:, :, 1:].argmax(dim=2)
            counts = (left >= 0).sum(dim=1)
            taken = chosen_words(goes, counts)  # (B, M)
            after = torch.cat([left[:, 1:], torch.full_like(left[:, :1], -1)], dim=1)
            sentence, column = taken.nonzero(as_tuple=True)
            word = left[sentence, column]
            heads[rows[sentence], word] = after[sentence, column]
            relations[rows[sentence], word] = relation[sentence, column]
            confidence[rows[sentence], word] = goes[sentence, column].where(counts[sentence] > 1, 1.0)
            open_rows = counts > 1
            rows, left = rows[open_rows], packed(left.where(~taken, -1)[open_rows])
        return FinishedTrees(heads + 1, relations, confidence, words)


def chosen_words(goes: Tensor, counts: Tensor) -> Tensor:
    """(B, M) bool: which words this round deletes. goes: the probability of each; counts: how many words remain.

    Words above one half, except the last word and a word that its left neighbour attaches to in this round. If there is
    none, the likeliest word. A word that remains alone is always deleted.
    """
    may = torch.arange(goes.shape[1], device=goes.device) < (counts - 1)[:, None]
    wants = (goes > 0.5) & may
    taken = torch.zeros_like(wants)
    before = torch.zeros_like(wants[:, 0])
    for column in range(goes.shape[1]):
        before = wants[:, column] & ~before
        taken[:, column] = before
    best = one_hot(goes.masked_fill(~may, -1.0).argmax(dim=1), goes.shape[1]).bool()
    return torch.where(taken.any(dim=1)[:, None], taken, best & (may | (counts == 1)[:, None]))


def packed(left: Tensor) -> Tensor:
    """The remaining words without gaps, in their order; -1 beyond."""
    if not len(left):
        return left
    order = (left < 0).to(torch.int8).argsort(dim=1, stable=True)
    return left.gather(1, order)[:, : int((left >= 0).sum(dim=1).max())]
