"""A check of an ONNX file before a runtime gets it: only plain graphs of known operators, with all weights in the file.

The file is read as protocol buffers, field by field, without the onnx package. Field numbers are from onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from munjang.errors import BundleError
from munjang.translation import _, ngettext

OPERATORS = {
    "": {
        "Abs", "Add", "Cast", "Clip", "Concat", "CumSum", "Div", "Equal", "Gather", "Gelu", "Gemm",
        "LayerNormalization", "LeakyRelu", "MatMul", "Max", "Mul", "Not", "QuantizeLinear", "Range", "ReduceMax",
        "Relu", "Reshape", "Shape", "Slice", "Sub", "Tanh", "Transpose",
    },
    "com.microsoft": {"Gelu", "MatMulIntegerToFloat", "MultiHeadAttention"},
}  # fmt: skip
"""What munjang's exporter writes, by domain. Nothing here reads files, loops, or calls other code."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
Value = int | memoryview
"""The value of a field: a number, or bytes that may be a message of their own."""


def check_onnx(data: bytes, name: str) -> None:
    """Refuse a model that is damaged, keeps weights in other files, or holds operators not in OPERATORS. BundleError.

    data: the content of the file. name: the file's name in messages.
    """
    try:
        problem = model_problem(memoryview(data))
    except (IndexError, ValueError) as error:
        raise BundleError(_("{name} is not a complete ONNX file: {reason}.", name=name, reason=error)) from error
    if problem:
        raise BundleError(
            _("{name} is refused: {problem}. Export the model again with munjang.", name=name, problem=problem)
        )


def model_problem(model: Value) -> str:
    """Why a ModelProto is refused, or ""."""
    graphs = 0
    for number, value in protobuf_fields(model):
        if number in (20, 25):
            return _("it contains functions or training graphs of its own")
        if number == 8:
            domain = next((bytes(part).decode("utf-8") for key, part in protobuf_fields(value) if key == 1), "")
            if domain not in OPERATORS:
                return _("it needs operators of '{domain}'", domain=domain)
        if number == 7:
            graphs += 1
            if problem := graph_problem(value):
                return problem
    return "" if graphs == 1 else ngettext("it has {count} graph", "it has {count} graphs", graphs)


def graph_problem(graph: Value) -> str:
    """Why a GraphProto is refused, or ""."""
    for number, value in protobuf_fields(graph):
        if number == 1 and (problem := node_problem(value)):
            return problem
        if number == 5 and any(key == 13 or (key == 14 and part) for key, part in protobuf_fields(value)):
            return _("it keeps weights outside the file")
        if number == 15:
            return _("it has sparse weights")
    return ""


def node_problem(node: Value) -> str:
    """Why a NodeProto is refused, or "": its operator, or an attribute that is itself a tensor or a graph."""
    kind, domain = "", ""
    for number, value in protobuf_fields(node):
        if number == 4:
            kind = bytes(value).decode("utf-8")
        elif number == 7:
            domain = bytes(value).decode("utf-8")
        elif number == 5 and any(key in (5, 6, 10, 11, 22, 23) for key, __ in protobuf_fields(value)):
            return _("an attribute holds a tensor or a graph")
    if kind not in OPERATORS.get(domain, ()):
        return _("it holds the operator {operator}", operator=f"{domain}.{kind}" if domain else kind)
    return ""


def protobuf_fields(message: Value) -> Iterator[tuple[int, Value]]:
    """The fields of a message, (number, value), in file order. ValueError, IndexError: damaged."""
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
            raise ValueError(_("a field has the unknown type {type}", type=kind))
        if position + length > len(message):
            raise ValueError(_("it ends too early"))
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
            raise ValueError(_("a number is too long"))
