"""Linear layers over many tokens, in the form that is fastest on this processor."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

TYPICAL = 640  # tokens of a batch; oneDNN chooses its layout for this number


@cache
def uses_onednn() -> bool:
    """Whether fp32 matrix products go through oneDNN: True on AMD processors with AVX-512.

    By default torch uses MKL, and its AVX-512 kernels are made for Intel's own processors: on Zen 5, oneDNN was 1.9
    times as fast (EXPERIMENTS, 2026-11-22).
    """
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left (m, k) times right (n, k) transposed, plus bias (n,): (m, n), in their common dtype."""
    if left.dtype == torch.float32 and left.device.type == "cpu" and uses_onednn():
        return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return torch.nn.functional.linear(left, right, bias)


class Dense(torch.autograd.Function):
    """x (tokens, in) through several linear layers with the same input at once.

    Takes weights (out, in) and biases (out,) of each; their outputs are joined to (tokens, all outs) in `dtype`. The
    weights stay fp32; for dtype bf16 they are cast once, for the forward and the backward pass.
    """

    @staticmethod
    def forward(ctx, x: Tensor, dtype: torch.dtype, *parameters: Tensor) -> Tensor:
        weights, biases = parameters[::2], parameters[1::2]
        weight = joined_linear(weights, dtype)
        x = x.to(dtype)
        ctx.save_for_backward(x, weight)
        ctx.sizes = [len(part) for part in weights]
        return product(x, weight, joined_linear(biases, dtype))

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        down = product(grad, weight.t()) if ctx.needs_input_grad[0] else None
        grads = [down, None]
        parts = zip(product(grad.t(), x.t()).split(ctx.sizes), grad.sum(0).split(ctx.sizes), strict=True)
        for weight_grad, bias_grad in parts:
            grads += [weight_grad, bias_grad]
        return tuple(grads)


def joined_linear(parts: tuple[Tensor, ...], dtype: torch.dtype) -> Tensor:
    """Tensors joined along their first axis and cast."""
    if len(parts) == 1:
        return parts[0].to(dtype)
    whole = torch.empty(sum(map(len, parts)), *parts[0].shape[1:], dtype=dtype, device=parts[0].device)
    for part, rows in zip(parts, whole.split([len(part) for part in parts]), strict=True):
        rows.copy_(part)
    return whole


def dense(x: Tensor, dtype: torch.dtype, *layers: torch.nn.Linear) -> Tensor:
    """x (tokens, in) through `layers`; their outputs are joined to (tokens, all outs), computed in `dtype`."""
    parameters = [tensor for layer in layers for tensor in (layer.weight, layer.bias)]
    return Dense.apply(x, dtype, *parameters)


def onednn_multiplies(dtype: torch.dtype) -> bool:
    """Whether torch has oneDNN and it multiplies in `dtype` on this processor: bf16 needs its own instructions."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


class PrepackedLinear:
    """Linear layers with the same input, joined, for prediction only: weights are cast and packed for oneDNN once.

    For a single sentence, packing them at every call takes longer than the products themselves (EXPERIMENTS).
    """

    def __init__(self, dtype: torch.dtype, *layers: torch.nn.Linear) -> None:
        weight = joined_linear(tuple(layer.weight.detach() for layer in layers), dtype)
        self.bias = joined_linear(tuple(layer.bias.detach() for layer in layers), dtype)
        self.dtype = dtype
        self.prepacked = weight.device.type == "cpu" and onednn_multiplies(dtype)
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL) if self.prepacked else weight

    def __call__(self, x: Tensor, *, gelu: bool = False) -> Tensor:
        """x (tokens, in) to (tokens, all outs) in `dtype`, with GELU if `gelu`."""
        x = x.to(self.dtype)
        if self.prepacked:
            after = ("gelu", [], "none") if gelu else ("none", [], "")  # "none": by the error function, as in BERT
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *after)
        out = product(x, self.weight, self.bias)
        return torch.nn.functional.gelu(out) if gelu else out
