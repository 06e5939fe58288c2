"""Builds an ONNX graph from operators and weights, in fp32 or with 8-bit arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from munjang.export.network import Linear, Norm

FUSED = "com.microsoft"  # ONNX Runtime's own operators

Shapes = dict[str, list[str | int]]
"""Name of an input or output -> its dimensions, each a number or a name."""
Range = tuple[float, float]
"""The least and the greatest value of a linear map's input."""


@dataclass
class Builder:
    """An unfinished graph. Every method adds operators and gives the name of the result.

    ranges: None for fp32. For 8-bit arithmetic: the fixed range of each linear map's input by the map's name; a map
    without a range measures each token at run time. inputs: the input tensor of each linear map by its name.
    """

    ranges: Mapping[str, Range] | None = None
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    bytes_of: dict[Any, Any] = field(default_factory=dict)

    def constant(self, value: Any, dtype: Any = None) -> str:
        """An array that is stored in the file."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype, order="C"), name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", result: str = "", **attributes: Any) -> str:
        """An operator with one result."""
        name = result or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def norm(self, x: str, parts: Norm, epsilon: float) -> str:
        """Layer normalisation over the last axis."""
        return self.op("LayerNormalization", x, *map(self.constant, parts), axis=-1, epsilon=epsilon)

    def activation(self, x: str, kind: str) -> str:
        """One of the activations in munjang.export.network.ACTIVATIONS."""
        if kind == "gelu":
            return self.op("Gelu", x, domain=FUSED)  # half the time of BiasGelu with the bias before it
        if kind == "gelu_tanh":
            return self.op("Gelu", x, approximate="tanh")
        return self.op({"relu": "Relu", "tanh": "Tanh"}[kind], x)

    def exact(self, x: str, parts: Linear, result: str = "") -> str:
        """x @ weight + bias in fp32."""
        return self.op("Gemm", x, *map(self.constant, parts), result=result)

    def linear(self, x: str, parts: Linear, name: str) -> str:
        """x @ weight + bias, in 8 bits if the graph is an 8-bit one; each column of the weight has its own scale."""
        self.inputs[name] = x
        if self.ranges is None:
            return self.exact(x, parts)
        weight, bias = parts
        small, scales = eight_bits(weight, axis=0)
        codes, scale, zero, rows = self.codes(x, self.ranges.get(name))
        columns = [self.constant(scales), zero, self.constant(np.zeros_like(small[0]))]
        operands = [codes, self.constant(small), scale, *columns]
        if rows is None:
            return self.op("MatMulIntegerToFloat", *operands, self.constant(bias), domain=FUSED)
        product = self.op("MatMulIntegerToFloat", *operands, domain=FUSED)
        return self.op("Add", self.op("Mul", product, rows), self.constant(bias))

    def codes(self, x: str, limits: Range | None) -> tuple[str, str, str, str | None]:
        """x as unsigned bytes, with scale, zero point, and a scale for each row if there are no limits."""
        key = (x, limits)
        if key not in self.bytes_of:
            self.bytes_of[key] = self.by_range(x, limits) if limits else self.by_row(x)
        return self.bytes_of[key]

    def by_range(self, x: str, limits: Range) -> tuple[str, str, str, None]:
        """x as unsigned bytes with one fixed scale."""
        low, high = min(limits[0], 0.0), max(limits[1], 0.0)
        size = max(high - low, 1e-6) / 255
        scale, zero = self.constant(size, np.float32), self.constant(round(-low / size), np.uint8)
        return self.op("QuantizeLinear", x, scale, zero), scale, zero, None

    def by_row(self, x: str) -> tuple[str, str, str, str]:
        """x as unsigned bytes with a scale for each row, measured at run time."""
        largest = self.op("ReduceMax", self.op("Abs", x), self.constant([-1], np.int64), keepdims=1)
        rows = self.op("Div", self.op("Max", largest, self.constant(1e-9, np.float32)), self.constant(127, np.float32))
        scale, zero = self.constant(1, np.float32), self.constant(128, np.uint8)
        return self.op("QuantizeLinear", self.op("Div", x, rows), scale, zero), scale, zero, rows


def eight_bits(weight: np.ndarray, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Signed bytes and float32 scales; bytes · scales is the weight. Values along `axis` share one scale."""
    scales = np.maximum(np.abs(weight).max(axis=axis, keepdims=True), 1e-12) / 127
    codes = np.clip(np.round(weight / scales), -127, 127).astype(np.int8)
    return codes, scales.squeeze(axis).astype(np.float32)
