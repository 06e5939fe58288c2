"""The head of a parser that works in rounds: a tagger over the words that are left, and the rounds themselves."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot, pad

from munjang.encoder.dropout import drop
from munjang.tasks.parsing.pieces import WordPieces

BEFORE, AFTER = 1, 2  # words that are left and that the tagger sees beside each


class FinishedTrees(NamedTuple):
    """Finished trees: heads from 1, relation numbers, how sure each head is, all (B, W); words (B,)."""

    heads: Tensor
    relations: Tensor
    confidence: Tensor
    words: Tensor


class RoundScores(NamedTuple):
    """tags (P, M, R + 1): of the rounds that a batch came with. found: the trees; None while the network learns."""

    tags: Tensor | None
    found: FinishedTrees | None


class Tagger(nn.Module):
    """What a word is told depends on itself, on what hung from it and is gone, and on its neighbours of those left."""

    def __init__(self, width: int, relations: int, size: int = 256, dropout: float = 0.33, tags: int = 0) -> None:
        super().__init__()
        self.pieces = WordPieces(width, tags)
        self.inner = nn.Linear(self.pieces.size, size)
        self.below = nn.Linear(size, size)
        self.window = nn.Linear((BEFORE + 1 + AFTER) * size, size)
        self.tag = nn.Linear(size, relations + 1)
        self.dropout = dropout

    def forward(
        self,
        pieces: Tensor,
        words: Tensor,
        tags: Tensor | None = None,
        round_sentence: Tensor | None = None,
        round_words: Tensor | None = None,
        round_heads: Tensor | None = None,
    ) -> RoundScores:
        """pieces, words, tags: as the biaffine head has them; rounds: as `labeling.round_arrays` has them."""
        rate = self.dropout if self.training else 0.0
        inner = leaky_relu(self.inner(drop(self.pieces(pieces, tags), rate)), 0.1)
        nodes = nn.utils.rnn.pad_sequence(drop(inner, rate).split((words + 1).tolist()), batch_first=True)[:, 1:]
        given = None
        if round_words is not None:
            given = self.scores(nodes[round_sentence], round_heads, round_words)
        return RoundScores(given, None if self.training else self.parse(nodes, words))

    def scores(self, nodes: Tensor, heads: Tensor, left: Tensor) -> Tensor:
        """The tags (P, M, R + 1) of one round each of P sentences.

        nodes: (P, W, size). heads: (P, W), from 0, -1 of words that are not gone. left: (P, M) words, -1 beyond.
        """
        width = nodes.shape[1]
        hangs = one_hot(heads.where(heads >= 0, width), width + 1)[:, :, :width].transpose(1, 2).to(nodes)
        whole = nodes + leaky_relu(self.below(hangs @ nodes), 0.1)
        own = whole.gather(1, left.clamp(min=0)[:, :, None].expand(-1, -1, whole.shape[2]))
        own = own.where((left >= 0)[:, :, None], 0.0)
        around = pad(own, (0, 0, BEFORE, AFTER))
        views = [around[:, shift : shift + left.shape[1]] for shift in range(BEFORE + 1 + AFTER)]
        rate = self.dropout if self.training else 0.0
        return self.tag(drop(leaky_relu(self.window(torch.cat(views, dim=2)), 0.1), rate))

    def parse(self, nodes: Tensor, words: Tensor) -> FinishedTrees:
        """The trees of a batch, round by round over all its sentences that are not finished."""
        batch, width, _ = nodes.shape
        heads, relations = (words.new_full((batch, width), -1) for _ in range(2))
        confidence = nodes.new_zeros(batch, width)
        places = torch.arange(width, device=words.device)
        left = torch.where(places < words[:, None], places, -1)  # (B, M)
        rows = torch.arange(batch, device=words.device)
        while len(rows):
            shares = self.scores(nodes[rows], heads[rows], left).softmax(dim=2)
            goes = 1 - shares[:, :, 0]
            relation = shares[:, :, 1:].argmax(dim=2)
            counts = (left >= 0).sum(dim=1)
            taken = chosen_words(goes, counts)  # (B, M)
            after = torch.cat([left[:, 1:], torch.full_like(left[:, :1], -1)], dim=1)
            sentence, place = taken.nonzero(as_tuple=True)
            word = left[sentence, place]
            heads[rows[sentence], word] = after[sentence, place]
            relations[rows[sentence], word] = relation[sentence, place]
            confidence[rows[sentence], word] = goes[sentence, place].where(counts[sentence] > 1, 1.0)
            open_rows = counts > 1
            rows, left = rows[open_rows], packed(left.where(~taken, -1)[open_rows])
        return FinishedTrees(heads + 1, relations, confidence, words)


def chosen_words(goes: Tensor, counts: Tensor) -> Tensor:
    """(B, M) bool: which words go. goes: how likely each is to; counts: how many are left.

    Those above one half, but none whose left neighbour goes to it in this round, nor the last; where that is none, the
    likeliest. Of one word that is left alone, that one.
    """
    places = torch.arange(goes.shape[1], device=goes.device)
    may = places < (counts - 1)[:, None]
    wants = (goes > 0.5) & may
    taken = torch.zeros_like(wants)
    before = torch.zeros_like(wants[:, 0])
    for place in range(goes.shape[1]):
        before = wants[:, place] & ~before
        taken[:, place] = before
    best = one_hot(goes.masked_fill(~may, -1.0).argmax(dim=1), goes.shape[1]).bool()
    return torch.where(taken.any(dim=1)[:, None], taken, best & (may | (counts == 1)[:, None]))


def packed(left: Tensor) -> Tensor:
    """The words that are left, without gaps, in their order; -1 beyond."""
    if not len(left):
        return left
    order = (left < 0).to(torch.int8).argsort(dim=1, stable=True)
    return left.gather(1, order)[:, : int((left >= 0).sum(dim=1).max())]
