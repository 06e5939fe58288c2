"""How large the tensors of an ONNX graph become and how much work it is, worked out before a runtime gets the graph.

A small graph can ask for any amount of memory: it needs only to join a tensor with itself again and again. Shapes of
graphs that munjang writes follow from those of their inputs; one whose shapes do not is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from munjang.inference.backends.onnx_guard import FLOAT, INT64, Graph, Node
from munjang.translation import _

Sides = tuple[int, ...]

MOST_NUMBERS = 1 << 27  # in all tensors that are needed at the same time: half a GB
FREE_WORK, MOST_USES = 10**10, 64  # multiplications of a batch that are always allowed; more for each token and weight
NUMBER_WORK = 4  # multiplications that making one number counts as, at least
FEW = 64  # numbers of a tensor whose values are followed, because it may be a shape
INT32, BOOL, UINT8 = 6, 9, 2


class Sizes:
    """The shapes, types and known values of a graph's tensors, filled in node by node.

    values: of small tensors of whole numbers that do not depend on the texts. work: multiplications of matrices. made:
    numbers. extra: numbers that the last operator needs beside its result.
    """

    def __init__(self, graph: Graph, sides: Mapping[str, int]) -> None:
        self.shapes: dict[str, Sides] = {name: weight.shape for name, weight in graph.weights.items()}
        self.types = {name: weight.type for name, weight in graph.weights.items()}
        self.values: dict[str, list[int]] = {
            name: weight.array().reshape(-1).tolist()
            for name, weight in graph.weights.items()
            if weight.type == INT64 and math.prod(weight.shape) <= FEW
        }
        for name, (kind, shape) in graph.inputs.items():
            self.shapes[name] = tuple(side if isinstance(side, int) else sides[side] for side in shape)
            self.types[name] = kind
        self.work = self.made = self.extra = 0

    def numbers(self, name: str) -> list[int]:
        """The values of a tensor of whole numbers. ValueError: they depend on the texts."""
        if name not in self.values:
            raise ValueError(_("a shape depends on the texts"))
        return self.values[name]

    def number(self, name: str) -> int:
        """The value of a tensor of one whole number. ValueError: it depends on the texts, or there are more."""
        if len(self.numbers(name)) != 1:
            raise ValueError(_("a shape is no number"))
        return self.values[name][0]

    def add(self, node: Node) -> None:
        """The result of an operator. ValueError: its inputs do not fit it; IndexError: there are too few."""
        given = [self.shapes[name] if name else () for name in node.inputs]
        kind = self.types[node.inputs[0]]
        self.extra = 0
        if node.kind == "Div" and kind != FLOAT:  # dividing whole numbers by zero ends the process
            raise ValueError(_("it divides whole numbers"))
        self.shapes[node.result] = RULES[node.kind](self, node, given)
        self.types[node.result] = RESULTS.get(node.kind, kind)
        if node.kind == "Cast":
            self.types[node.result] = int(node.attributes.get("to", 0))  # type: ignore[arg-type]
            if self.types[node.result] not in (FLOAT, INT32, INT64):
                raise ValueError(_("it makes numbers of a type that is not known"))


def graph_problem(graph: Graph, sides: Mapping[str, int], tokens: int) -> str:
    """Why a graph is refused for inputs of this size, or "". sides: the names of dimensions -> their sizes.

    tokens: of a batch, padding included.
    """
    try:
        check_names(graph, sides)
        sizes = measured(graph, sides)
    except (IndexError, KeyError):
        return _("an operator has too few inputs, or they are not there yet")
    except ValueError as problem:
        return str(problem)
    weights = sum(math.prod(weight.shape) for weight in graph.weights.values())
    work = sizes.work + NUMBER_WORK * sizes.made
    return _("it calculates too much for its size") if work > FREE_WORK + MOST_USES * tokens * weights else ""


def check_names(graph: Graph, sides: Mapping[str, int]) -> None:
    """Every tensor has one name, and every result depends on an input: others would be computed at loading."""
    names = [*graph.weights, *graph.inputs, *(node.result for node in graph.nodes)]
    if len(set(names)) != len(names):
        raise ValueError(_("two of its tensors have one name"))
    if any(side not in sides for __, shape in graph.inputs.values() for side in shape[:2]):
        raise ValueError(_("an input has a shape of another kind"))
    for node in graph.nodes:
        if all(name in graph.weights for name in node.inputs if name):
            raise ValueError(_("it has an operator without inputs"))


def measured(graph: Graph, sides: Mapping[str, int]) -> Sizes:
    """The shapes and the work of a graph. ValueError: its tensors need too much memory, or do not fit each other."""
    sizes = Sizes(graph, sides)
    last = {name: number for number, node in enumerate(graph.nodes) for name in node.inputs}
    kept = {*graph.outputs, *graph.weights, *graph.inputs}
    held = 0
    for number, node in enumerate(graph.nodes):
        sizes.add(node)
        size = math.prod(sizes.shapes[node.result])
        held += size
        sizes.made += size
        if held + sizes.extra > MOST_NUMBERS:
            raise ValueError(_("its tensors need too much memory"))
        for name in {*node.inputs, node.result} - kept:
            if name and last.get(name, number) == number:
                held -= math.prod(sizes.shapes[name])
    return sizes


def same(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    """As the first input; other inputs must not enlarge it."""
    if any(broadcast([given[0], shape]) != given[0] for shape in given[1:]):
        raise misfit(node)
    return given[0]


def elementwise(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    """The shapes broadcast to each other."""
    return broadcast(given)


def broadcast(shapes: Sequence[Sides]) -> Sides:
    """The shape that all of these are stretched to. ValueError: they do not fit each other."""
    sides = []
    for column in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        long = {side for side in column if side != 1}
        if len(long) > 1:
            raise ValueError(_("two tensors do not fit each other"))
        sides.append(long.pop() if long else 1)
    return tuple(reversed(sides))


def misfit(node: Node) -> ValueError:
    """The inputs of an operator do not fit it."""
    return ValueError(_("the inputs of its operator {operator} do not fit it", operator=node.kind))


def axis_of(node: Node, rank: int, default: int | None = None) -> int:
    """Its attribute `axis`, counted from 0."""
    axis = node.attributes.get("axis", default)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise misfit(node)
    return axis % rank


def concat(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    axis = axis_of(node, len(given[0]))
    if any(shape[:axis] + shape[axis + 1 :] != given[0][:axis] + given[0][axis + 1 :] for shape in given):
        raise misfit(node)
    if all(name in sizes.values for name in node.inputs):
        joined = [number for name in node.inputs for number in sizes.values[name]]
        sizes.values.update({node.result: joined} if len(joined) <= FEW else {})
    return (*given[0][:axis], sum(shape[axis] for shape in given), *given[0][axis + 1 :])


def gather(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    axis = axis_of(node, len(given[0]), 0)
    return given[0][:axis] + given[1] + given[0][axis + 1 :]


def matrix_product(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    left, right = given[:2]
    if min(len(left), len(right)) < 2 or left[-1] != right[-2]:
        raise misfit(node)
    shape = (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1])
    sizes.work += math.prod(shape) * left[-1]
    if node.kind == "Gemm" and (len(shape) != 2 or broadcast([shape, *given[2:]]) != shape):
        raise misfit(node)
    return shape


def attention(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    query, key, value = given[:3]
    heads = node.attributes.get("num_heads", 0)
    if {len(query), len(key), len(value)} != {3} or not isinstance(heads, int) or not 0 < heads <= max(1, query[2]):
        raise misfit(node)
    if query[0] != key[0] or key[:2] != value[:2] or query[2] != key[2]:
        raise misfit(node)
    sizes.work += query[0] * query[1] * key[1] * (query[2] + value[2])
    sizes.extra = query[0] * heads * query[1] * key[1]
    return (*query[:2], value[2])


def number_range(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    if len(node.inputs) != 3:
        raise misfit(node)
    start, stop, step = map(sizes.number, node.inputs)
    if step < 1:
        raise misfit(node)
    return (len(range(start, stop, step)),)


def reduce_last(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    if sizes.numbers(node.inputs[1]) != [-1] or node.attributes.get("keepdims") != 1 or not given[0]:
        raise misfit(node)
    return (*given[0][:-1], 1)


def reshape(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    wanted, size = list(sizes.numbers(node.inputs[1])), math.prod(given[0])
    if wanted.count(-1) == 1:
        rest = -math.prod(wanted)
        wanted[wanted.index(-1)] = size // rest if rest > 0 else -1
    if min(wanted, default=0) < 0 or math.prod(wanted) != size:
        raise misfit(node)
    if node.inputs[0] in sizes.values:
        sizes.values[node.result] = sizes.values[node.inputs[0]]
    return tuple(wanted)


def sides_of(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    sizes.values[node.result] = list(given[0])
    return (len(given[0]),)


def part(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    if len(node.inputs) not in (3, 4):
        raise misfit(node)
    start, stop, axis = *map(sizes.number, node.inputs[1:]), *[0] * (4 - len(node.inputs))
    shape = list(given[0])
    if not 0 <= axis < len(shape):
        raise misfit(node)
    bounds = slice(start, stop)
    shape[axis] = len(range(shape[axis])[bounds])
    if node.inputs[0] in sizes.values and len(shape) == 1:
        sizes.values[node.result] = sizes.values[node.inputs[0]][bounds]
    return tuple(shape)


def transpose(sizes: Sizes, node: Node, given: list[Sides]) -> Sides:
    order = node.attributes.get("perm")
    if not isinstance(order, list) or sorted(order) != list(range(len(given[0]))):
        raise misfit(node)
    return tuple(given[0][axis] for axis in order)


Rule = Callable[[Sizes, Node, list[Sides]], Sides]

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("Abs", "Cast", "Clip", "CumSum", "Gelu", "LayerNormalization", "LeakyRelu", "Not", "QuantizeLinear", "Relu",
         "Tanh", "com.microsoft.Gelu"), same),
    **dict.fromkeys(("Add", "Div", "Equal", "Max", "Mul", "Sub"), elementwise),
    **dict.fromkeys(("Gemm", "MatMul", "com.microsoft.MatMulIntegerToFloat"), matrix_product),
    "Concat": concat, "Gather": gather, "Range": number_range, "ReduceMax": reduce_last, "Reshape": reshape,
    "Shape": sides_of, "Slice": part, "Transpose": transpose, "com.microsoft.MultiHeadAttention": attention,
}  # fmt: skip
"""An operator -> how the shape of its result follows from those of its inputs."""

RESULTS = {
    "Shape": INT64, "Range": INT64, "Equal": BOOL, "Not": BOOL, "QuantizeLinear": UINT8,
    "com.microsoft.MatMulIntegerToFloat": FLOAT,
}  # fmt: skip
"""An operator -> the type of its result, where that is not the type of its first input."""


def vocabulary_rows(graph: Graph, name: str) -> int | None:
    """The rows of the smallest table of the graph that an input of token ids looks rows up in; None without a table."""
    tables = [node.inputs[0] for node in graph.nodes if node.kind == "Gather" and node.inputs[1:] == (name,)]
    return min((graph.weights[table].shape[0] for table in tables if table in graph.weights), default=None)
