"""Adversarial training: each sentence is learnt a second time, with its words moved to where the network errs most.

Miyato, Dai and Goodfellow (2017), "Adversarial Training Methods for Semi-Supervised Text Classification"; here the
whole table of word embeddings takes one step a batch, as many entries to text competitions do (FGM).
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
    """Within it the word embeddings (V, width) stand `size` further along the gradient that backward() has left.

    size: Euclidean length of the step of the whole table. Afterwards the weights are, bit for bit, what they were.
    Processes that share their gradients take the same step.
    """
    weight = model.get_input_embeddings().weight
    rows = weight.grad.any(dim=1).nonzero()[:, 0]  # (R,) of the words that the batch holds
    gradient, before = weight.grad[rows], weight.detach()[rows]
    with torch.no_grad():
        weight[rows] = before + gradient * (size / gradient.norm().clamp(min=1e-12))
    try:
        yield
    finally:
        with torch.no_grad():
            weight[rows] = before
