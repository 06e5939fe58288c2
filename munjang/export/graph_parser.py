"""The head of a biaffine parser as part of an ONNX graph: from hidden states of tokens to a score for every pair."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from munjang.tasks.parsing.network import REACH

if TYPE_CHECKING:
    from munjang.export.builder import Builder, Shapes
    from munjang.export.network import WordPairs

SLOPE = 0.1  # of the leaky ReLU


def score_pairs(graph: Builder, head: WordPairs, x: str) -> tuple[Shapes, Shapes]:
    """Adds the head from the tokens (B·T, width) to arcs (B, W, W + 1) and relations (B, W, W + 1, R).

    Gives the graph's inputs and outputs.
    """
    one, ends = graph.constant([1], np.int64), graph.constant([2**31], np.int64)
    pieces = graph.op("Gather", x, "positions", axis=0)
    pieces = graph.op("Reshape", pieces, graph.constant([-1, len(head.inner[0])], np.int64))
    inner = graph.op("LeakyRelu", graph.linear(pieces, head.inner, "inner"), alpha=SLOPE)
    nodes = graph.op("Gather", inner, "nodes", axis=0)  # (B, W + 1, all roles)
    arc, relation = head.arc.shape[1], len(head.relation)
    arc_child, arc_head, relation_child, relation_head = roles(graph, nodes, [arc + 1, arc, relation, relation])
    below = [graph.op("Slice", part, one, ends, one) for part in (arc_child, relation_child)]  # (B, W, …)

    sides = graph.op("Shape", "nodes")
    batch, width = (dimension(graph, sides, index) for index in (0, 1))
    child = graph.linear(flatten_words(graph, below[0], arc + 1), (head.arc, np.zeros(arc, np.float32)), "arc")
    child = graph.op("Reshape", child, graph.op("Concat", batch, graph.constant([-1, arc], np.int64), axis=0))
    scores = graph.op("MatMul", child, graph.op("Transpose", arc_head, perm=[0, 2, 1]))
    graph.op("Add", scores, by_distance(graph, head.distance, width), result="arcs")

    no_bias = np.zeros(head.relation.shape[1], np.float32)
    child = graph.linear(flatten_words(graph, below[1], relation), (head.relation, no_bias), "relation")
    child = graph.op("Reshape", child, graph.op("Concat", batch, graph.constant([-1, relation], np.int64), axis=0))
    scores = graph.op("MatMul", child, graph.op("Transpose", relation_head, perm=[0, 2, 1]))  # (B, W · R, W + 1)
    form = graph.op("Concat", batch, graph.constant([-1, head.relations], np.int64), width, axis=0)
    graph.op("Transpose", graph.op("Reshape", scores, form), perm=[0, 1, 3, 2], result="relations")
    inputs: Shapes = {"input_ids": ["B", "T"], "attention_mask": ["B", "T"], "positions": ["K"], "nodes": ["B", "N"]}
    return inputs, {"arcs": ["B", "W", "N"], "relations": ["B", "W", "N", head.relations]}


def roles(graph: Builder, nodes: str, sizes: list[int]) -> list[str]:
    """The parts of the last axis of nodes (B, W + 1, …), of these sizes."""
    axis, bounds = graph.constant([2], np.int64), np.cumsum([0, *sizes])
    pairs = pairwise(bounds)
    return [graph.op("Slice", nodes, *(graph.constant([end], np.int64) for end in pair), axis) for pair in pairs]


def flatten_words(graph: Builder, x: str, size: int) -> str:
    """(B, W, size) to (B·W, size)."""
    return graph.op("Reshape", x, graph.constant([-1, size], np.int64))


def dimension(graph: Builder, shape: str, index: int) -> str:
    """One number of a shape, (1,)."""
    bounds = (graph.constant([end], np.int64) for end in (index, index + 1))
    return graph.op("Slice", shape, *bounds, graph.constant([0], np.int64))


def by_distance(graph: Builder, table: np.ndarray, width: str) -> str:
    """(W, W + 1): the bias of each pair of words by their distance; width: (1,), W + 1."""
    zero, one = (graph.constant(number, np.int64) for number in (0, 1))
    positions = graph.op("Range", zero, graph.op("Reshape", width, graph.constant([], np.int64)), one)  # (W + 1,)
    child = graph.op("Slice", positions, *(graph.constant([number], np.int64) for number in (1, 2**31, 0)))
    apart = graph.op("Sub", positions, graph.op("Reshape", child, graph.constant([-1, 1], np.int64)))
    near = graph.op("Clip", apart, graph.constant(-REACH, np.int64), graph.constant(REACH, np.int64))
    entry = graph.op("Add", near, graph.constant(REACH, np.int64))
    is_root = graph.op("Cast", graph.op("Equal", positions, zero), to=TensorProto.INT64)
    to_root = graph.op("Sub", graph.constant(2 * REACH + 1, np.int64), entry)
    entry = graph.op("Add", entry, graph.op("Mul", is_root, to_root))
    return graph.op("Gather", graph.constant(table, np.float32), entry, axis=0)
