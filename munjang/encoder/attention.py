"""Attention within each sentence, for tokens of all sentences in one row without padding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from munjang.encoder.dropout import dropout_mask


@dataclass(frozen=True)
class TokenLayout:
    """How the tokens of B sentences in one row map to a grid of heads and positions.

    into: (3 * B * H * T,) for each cell of the grid of queries, keys and values, its row in (tokens * 3 * H); cells
    beyond a sentence's end take its first token. back: (tokens * H,) the cell in (B * H * T) of every token's head.
    ahead: (B * H * T,) as `into`, for one third. returned: (tokens * 3 * H,) as `back`, for all three.
    starts: (B,) the first token of each sentence. positions: (tokens,) each token's position in its sentence, from 0.
    inside: (B, 1, T, 1) False beyond a sentence's end, else True; None if all sentences have the same length.
    """

    shape: tuple[int, int, int]  # B, H, T
    into: Tensor
    back: Tensor
    ahead: Tensor
    returned: Tensor
    starts: Tensor
    positions: Tensor
    inside: Tensor | None

    @classmethod
    def of(cls, lengths: Tensor, heads: int) -> TokenLayout:
        """The layout of sentences of `lengths` (B,) int64 tokens."""
        device = lengths.device
        count, longest = len(lengths), int(lengths.max())
        starts = lengths.cumsum(0) - lengths
        position = torch.arange(longest, device=device)
        inside = position < lengths[:, None]  # (B, T)
        token = starts[:, None] + torch.where(inside, position, 0)  # (B, T)
        head = torch.arange(heads, device=device)
        third = torch.arange(3, device=device)
        ahead = token[:, None, :] * heads + head[:, None]  # (B, H, T)
        into = (token[None, :, None, :] * 3 + third[:, None, None, None]) * heads + head[:, None]  # (3, B, H, T)
        sentence = torch.repeat_interleave(torch.arange(count, device=device), lengths)
        positions = torch.arange(len(sentence), device=device) - starts[sentence]
        back = (sentence[:, None] * heads + head) * longest + positions[:, None]  # (tokens, H)
        returned = third[:, None] * (count * heads * longest) + back[:, None, :]  # (tokens, 3, H)
        full = bool((lengths == longest).all())
        return cls(
            (count, heads, longest), into.flatten(), back.flatten(), ahead.flatten(), returned.flatten(),
            starts, positions, None if full else inside[:, None, :, None],
        )  # fmt: skip


class Attention(torch.autograd.Function):
    """Queries, keys and values (tokens, 3 * width) to contexts (tokens, width).

    Plain matrix products: for sentence lengths they are faster than fused kernels, above all in the backward pass.
    """

    @staticmethod
    def forward(ctx, qkv: Tensor, layout: TokenLayout, dropout: float) -> Tensor:
        count, heads, longest = layout.shape
        width = qkv.shape[1] // 3
        size = width // heads
        q, k, v = qkv.view(-1, size).index_select(0, layout.into).view(3, count * heads, longest, size)
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(1 / math.sqrt(size))  # (B * H, T, T)
        if layout.inside is not None:
            masked = scores.view(count, heads, longest, longest)
            masked.masked_fill_(~layout.inside.transpose(2, 3), -math.inf)
        shares = torch.softmax(scores, dim=2)
        mask = dropout_mask(shares.shape, dropout, shares.dtype, shares.device) if dropout else None
        context = torch.bmm(shares if mask is None else shares * mask, v)
        ctx.save_for_backward(q, k, v, shares, *(() if mask is None else (mask,)))
        ctx.layout = layout
        return context.view(-1, size).index_select(0, layout.back).view(len(qkv), width)

    @staticmethod
    def backward(ctx, grad: Tensor):
        q, k, v, shares, *drawn = ctx.saved_tensors
        layout: TokenLayout = ctx.layout
        count, heads, longest = layout.shape
        size = q.shape[2]
        tokens = len(grad)
        grad = grad.reshape(-1, size).index_select(0, layout.ahead)
        if layout.inside is not None:
            grad.view(count, heads, longest, size).mul_(layout.inside)
        grad = grad.view(count * heads, longest, size)
        grads = torch.empty(3, *q.shape, dtype=q.dtype, device=q.device)
        torch.bmm((shares * drawn[0] if drawn else shares).transpose(1, 2), grad, out=grads[2])
        down = torch.bmm(grad, v.transpose(1, 2))
        if drawn:
            down.mul_(drawn[0])
        down = torch._softmax_backward_data(down, shares, 2, shares.dtype).mul_(1 / math.sqrt(size))
        torch.bmm(down, k, out=grads[0])
        torch.bmm(down.transpose(1, 2), q, out=grads[1])
        return grads.view(-1, size).index_select(0, layout.returned).view(tokens, -1), None, None
