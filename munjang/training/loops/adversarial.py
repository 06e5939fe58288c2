"""Adversarial training: each batch is learnt a second time, with word embeddings moved to increase the loss.

Miyato, Dai and Goodfellow (2017), "Adversarial Training Methods for Semi-Supervised Text Classification"; here the
whole table of word embeddings takes one step per batch, as is common in text competitions (FGM).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def fgm_perturbation(model: PreTrainedModel, size: float) -> Iterator[None]:
    """Within the block the word embeddings (V, width) are moved by `size` along the gradient from backward().

    size: Euclidean length of the step of the whole table. After the block the weights are the same as before, bit for
    bit. Processes that share their gradients take the same step.
    """
    weight = model.get_input_embeddings().weight
    rows = weight.grad.any(dim=1).nonzero()[:, 0]  # (R,) words of the batch
    gradient, before = weight.grad[rows], weight.detach()[rows]
    with torch.no_grad():
        weight[rows] = before + gradient * (size / gradient.norm().clamp(min=1e-12))
    try:
        yield
    finally:
        with torch.no_grad():
            weight[rows] = before
