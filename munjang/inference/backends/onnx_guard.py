"""A look into an ONNX file before a runtime gets it: only plain graphs of known operators, all in the file itself.

The file is read as protocol buffers, field by field, without the onnx package. Field numbers after onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from munjang.errors import BundleError
from munjang.translation import _

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
Field = tuple[int, int | memoryview]


def check_onnx(data: bytes, name: str) -> None:
    """Refuse a model that is damaged, that keeps weights in other files, or that holds operators not in OPERATORS.

    data: the file's content; name: the file as messages name it. BundleError.
    """
    try:
        problem = model_problem(memoryview(data))
    except (IndexError, ValueError) as error:
        raise BundleError(_("{name} is no whole ONNX file: {reason}.", name=name, reason=error)) from error
    if problem:
        raise BundleError(
            _("{name} is refused: {problem}. Export the model again with munjang.", name=name, problem=problem)
        )


def model_problem(model: memoryview) -> str:
    """Why a ModelProto is refused, or ""."""
    graphs = 0
    for number, value in fields(model):
        if number in (20, 25):
            return "it brings functions or training graphs of its own"
        if number == 8:
            domain = next((bytes(part).decode("utf-8") for key, part in fields(value) if key == 1), "")
            if domain not in OPERATORS:
                return f"it asks for operators of '{domain}'"
        if number == 7:
            graphs += 1
            if problem := graph_problem(value):
                return problem
    return "" if graphs == 1 else f"it has {graphs} graphs"


def graph_problem(graph: memoryview) -> str:
    """Why a GraphProto is refused, or ""."""
    for number, value in fields(graph):
        if number == 1 and (problem := node_problem(value)):
            return problem
        if number == 5 and any(key == 13 or (key == 14 and part) for key, part in fields(value)):
            return "it keeps weights outside the file"
        if number == 15:
            return "it has sparse weights"
    return ""


def node_problem(node: memoryview) -> str:
    """Why a NodeProto is refused, or "": its operator, or an attribute that is itself a tensor or a graph."""
    kind, domain = "", ""
    for number, value in fields(node):
        if number == 4:
            kind = bytes(value).decode("utf-8")
        elif number == 7:
            domain = bytes(value).decode("utf-8")
        elif number == 5 and any(key in (5, 6, 10, 11, 22, 23) for key, __ in fields(value)):
            return "an attribute holds a tensor or a graph"
    if kind not in OPERATORS.get(domain, ()):
        return f"it holds the operator {domain + '.' if domain else ''}{kind}"
    return ""


def fields(message: int | memoryview) -> Iterator[Field]:
    """The fields of a message, (number, value), in file order. ValueError, IndexError: damaged."""
    if isinstance(message, int):
        raise ValueError("a number stands where a part is expected")
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = varint(message, place)
            yield number, value
            continue
        if kind == LENGTH:
            length, place = varint(message, place)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field of unknown kind {kind}")
        if place + length > len(message):
            raise ValueError("it ends too early")
        yield number, message[place : place + length]
        place += length


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number and the place after it."""
    value, shift = 0, 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
