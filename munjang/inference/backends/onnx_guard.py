"""A check of an ONNX file before a runtime gets it: only plain graphs of known operators, with all weights in the file.

The file is read as protocol buffers, field by field, without the onnx package. Field numbers are from onnx.proto.
How large its tensors become is computed in `onnx_sizes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import unpack

import numpy as np

from munjang.errors import BundleError
from munjang.translation import _, ngettext

OPERATORS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {
        "Abs": (), "Add": (), "Cast": ("to",), "Clip": (), "Concat": ("axis",), "CumSum": (), "Div": (), "Equal": (),
        "Gather": ("axis",), "Gelu": ("approximate",), "Gemm": (), "LayerNormalization": ("axis", "epsilon"),
        "LeakyRelu": ("alpha",), "MatMul": (), "Max": (), "Mul": (), "Not": (), "QuantizeLinear": (), "Range": (),
        "ReduceMax": ("keepdims",), "Relu": (), "Reshape": (), "Shape": (), "Slice": (), "Sub": (), "Tanh": (),
        "Transpose": ("perm",),
    },
    "com.microsoft": {"Gelu": (), "MatMulIntegerToFloat": (), "MultiHeadAttention": ("num_heads",)},
}  # fmt: skip
"""What munjang's exporter writes, by domain, with the attributes. Nothing here reads files, loops, or calls code."""

TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
"""The numbers that ONNX gives to the types of weights -> the types."""
FLOAT, INT64 = 1, 7
MOST_SIDES = 8  # dimensions of a tensor
MOST_NODES = 20_000  # a network of 48 layers in 8 bits has 3,000
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
Value = int | memoryview
"""The value of a field: a number, or bytes that may be a message of their own."""


@dataclass(frozen=True)
class Node:
    """An operator with one result. kind: its name, after its domain and a point if it has one."""

    kind: str
    inputs: tuple[str, ...]
    result: str
    attributes: Mapping[str, int | float | list[int]]


@dataclass(frozen=True)
class Weight:
    """A tensor of the file. type: a key of TYPES."""

    shape: tuple[int, ...]
    type: int
    data: memoryview

    def array(self) -> np.ndarray:
        """Its numbers."""
        return np.frombuffer(self.data, TYPES[self.type]).reshape(self.shape)


@dataclass
class Graph:
    """A graph. inputs: name -> the number of its type, and its dimensions, each a name or a number. outputs: names."""

    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Weight] = field(default_factory=dict)
    inputs: dict[str, tuple[int, list[int | str]]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


def check_onnx(data: bytes, name: str) -> Graph:
    """The graph of a model. BundleError: it is damaged, keeps weights in other files, has weights that are not finite,
    or holds operators or attributes that are not in OPERATORS.

    data: the content of the file. name: the file's name in messages.
    """
    try:
        return graph_of_model(memoryview(data))
    except (IndexError, EOFError) as error:
        raise BundleError(_("{name} is not a complete ONNX file: {reason}.", name=name, reason=error)) from error
    except ValueError as problem:
        raise refused_graph(name, str(problem)) from problem


def refused_graph(name: str, problem: str) -> BundleError:
    """The error for a graph that munjang did not write."""
    return BundleError(
        _("{name} is refused: {problem}. Export the model again with munjang.", name=name, problem=problem)
    )


def graph_of_model(model: Value) -> Graph:
    """The graph of a ModelProto. ValueError: why it is refused; EOFError, IndexError: damaged."""
    graphs = []
    for number, value in protobuf_fields(model):
        if number in (20, 25):
            raise ValueError(_("it contains functions or training graphs of its own"))
        if number == 8:
            domain = next((text(part) for key, part in protobuf_fields(value) if key == 1), "")
            if domain not in OPERATORS:
                raise ValueError(_("it needs operators of '{domain}'", domain=domain[:80]))
        if number == 7:
            graphs.append(value)
    if len(graphs) != 1:
        raise ValueError(ngettext("it has {count} graph", "it has {count} graphs", len(graphs)))
    return read_graph(graphs[0])


def read_graph(message: Value) -> Graph:
    """A GraphProto. ValueError: why it is refused."""
    graph = Graph()
    for number, value in protobuf_fields(message):
        if number == 1:
            graph.nodes.append(read_node(value))
            if len(graph.nodes) > MOST_NODES:
                raise ValueError(_("it has more than {most:,} operators", most=MOST_NODES))
        elif number == 5:
            name, weight = read_weight(value)
            graph.weights[name] = weight
        elif number == 11:
            name, kind = read_input(value)
            graph.inputs[name] = kind
        elif number == 12:
            graph.outputs.append(next((text(part) for key, part in protobuf_fields(value) if key == 1), ""))
        elif number not in (2, 10):  # its name and description
            raise ValueError(_("it has sparse weights or shapes of its own"))
    return graph


def read_node(message: Value) -> Node:
    """A NodeProto. ValueError: an operator or attribute that munjang does not write, such as one that is a graph."""
    kind = domain = ""
    inputs, results, attributes = [], [], {}
    for number, value in protobuf_fields(message):
        if number == 1:
            inputs.append(text(value))
        elif number == 2:
            results.append(text(value))
        elif number == 4:
            kind = text(value)
        elif number == 5:
            name, content = read_attribute(value)
            attributes[name] = content
        elif number == 7:
            domain = text(value)
    full = f"{domain}.{kind}" if domain else kind
    known = OPERATORS.get(domain, {}).get(kind)
    if known is None:
        raise ValueError(_("it holds the operator {operator}", operator=full[:80]))
    if other := next((name for name in attributes if name not in known), None):
        raise ValueError(_("its operator {operator} has the attribute {name}", operator=full, name=other[:80]))
    if len(results) != 1:
        raise ValueError(_("its operator {operator} has several results", operator=full))
    return Node(full, tuple(inputs), results[0], attributes)


def read_attribute(message: Value) -> tuple[str, int | float | list[int]]:
    """The name and the value of an AttributeProto. ValueError: it holds a tensor or a graph."""
    name, numbers = "", []
    value: int | float = 0
    for key, part in protobuf_fields(message):
        if key in (5, 6, 10, 11, 22, 23):
            raise ValueError(_("an attribute holds a tensor or a graph"))
        if key == 1:
            name = text(part)
        elif key == 2 and isinstance(part, memoryview) and len(part) == 4:
            (value,) = unpack("<f", part)
        elif key == 3 and isinstance(part, int):
            value = signed(part)
        elif key == 8:
            numbers += integers(part)
    return name, numbers or value


def read_weight(message: Value) -> tuple[str, Weight]:
    """The name and the content of a TensorProto. ValueError: it lies elsewhere, or does not fit its own shape."""
    name, shape, kind, data = "", [], 0, memoryview(b"")
    for key, part in protobuf_fields(message):
        if key == 13 or (key == 14 and part):
            raise ValueError(_("it keeps weights outside the file"))
        if key == 1:
            shape += integers(part)
        elif key == 2 and isinstance(part, int):
            kind = part
        elif key == 8:
            name = text(part)
        elif key == 9 and isinstance(part, memoryview):
            data = part
    if len(shape) > MOST_SIDES:
        raise ValueError(_("a tensor of it has too many dimensions"))
    size = math.prod(shape) * np.dtype(TYPES[kind]).itemsize if kind in TYPES and min(shape, default=0) >= 0 else -1
    if size != len(data):
        raise ValueError(_("a tensor of it does not have the size that it states"))
    weight = Weight(tuple(shape), kind, data)
    if kind == FLOAT and not np.isfinite(weight.array()).all():
        raise ValueError(_("it has weights that are not finite numbers"))
    return name, weight


def read_input(message: Value) -> tuple[str, tuple[int, list[int | str]]]:
    """The name, the type and the dimensions of a ValueInfoProto."""
    name, kind, sides = "", 0, []
    for number, value in protobuf_fields(message):
        if number == 1:
            name = text(value)
        elif number == 2:
            tensor = next((part for key, part in protobuf_fields(value) if key == 1), memoryview(b""))
            for key, part in protobuf_fields(tensor):
                if key == 1 and isinstance(part, int):
                    kind = part
                elif key == 2:
                    sides = [read_dimension(side) for which, side in protobuf_fields(part) if which == 1]
    return name, (kind, sides)


def read_dimension(message: Value) -> int | str:
    """A dimension of an input: its name, or its size."""
    side = next((value for key, value in protobuf_fields(message) if key in (1, 2)), 0)
    return side if isinstance(side, int) else text(side)


def text(value: Value) -> str:
    """A field of letters. ValueError: it is none."""
    if isinstance(value, int):
        raise ValueError(_("there is a number instead of a text"))
    return bytes(value).decode("utf-8")


def integers(value: Value) -> list[int]:
    """A field of repeated whole numbers: one of them, or all of them packed."""
    if isinstance(value, int):
        return [signed(value)]
    numbers, position = [], 0
    while position < len(value):
        number, position = varint(value, position)
        numbers.append(signed(number))
    return numbers


def signed(number: int) -> int:
    """A 64-bit number, which is stored without its sign."""
    return number - (1 << 64) if number >= 1 << 63 else number


def protobuf_fields(message: Value) -> Iterator[tuple[int, Value]]:
    """The fields of a message, (number, value), in file order. ValueError, EOFError, IndexError: damaged."""
    if isinstance(message, int):
        raise ValueError(_("there is a number instead of a message"))
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = varint(message, position)
            yield number, value
            continue
        if kind == LENGTH:
            length, position = varint(message, position)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise EOFError(_("a field has the unknown type {type}", type=kind))
        if position + length > len(message):
            raise EOFError(_("it ends too early"))
        yield number, message[position : position + length]
        position += length


def varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number, and the position after it."""
    value, shift = 0, 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise EOFError(_("a number is too long"))
