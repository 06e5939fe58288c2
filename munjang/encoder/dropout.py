"""Dropout with cheap masks: one random byte for each value."""

from __future__ import annotations

import torch
from torch import Tensor


def share(probability: float) -> int:
    """How many of 256 values are dropped; never all of them, because nothing would be left to scale."""
    return min(255, round(probability * 256))


def dropout_mask(shape: torch.Size | tuple[int, ...], probability: float, dtype: torch.dtype, device) -> Tensor:
    """The factors of dropout: 0 with `probability`, rounded to a multiple of 1/256, else 1 / (1 - that).

    One 64-bit random word gives the bytes for eight values; torch itself draws a number for every value.
    """
    count = 1
    for size in shape:
        count *= size
    dropped = share(probability)
    words = torch.empty(-(-count // 8), dtype=torch.int64, device=device)
    words.random_(-(2**63), None)
    kept = words.view(torch.uint8)[:count].view(shape) >= dropped
    return kept.to(dtype).mul_(256 / (256 - dropped))


def drop(x: Tensor, probability: float) -> Tensor:
    """x with dropout of `probability`, rounded as `dropout_mask` does."""
    if share(probability) == 0:
        return x
    return x * dropout_mask(x.shape, probability, x.dtype, x.device)
