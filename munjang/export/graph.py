"""A network as an ONNX graph, operator by operator: only the operators in this module run.

Rows are tokens: (B·T, width), except in attention. The last layer of a classifier computes only the first token,
because its head needs nothing else. The head of a parser is in `graph_parser`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

import numpy as np
from onnx import TensorProto, helper

from munjang.errors import BundleError
from munjang.export.builder import FUSED, Builder, Range, Shapes, eight_bits
from munjang.export.graph_parser import score_pairs
from munjang.export.network import FirstToken, Layer, NetworkArrays, WordPairs
from munjang.models.shared_embeddings import INPUT
from munjang.translation import _

OPSET, IR = 20, 10
MAX_GRAPH_BYTES = 1_900_000_000  # bytes of weights


def build_graph(
    network: NetworkArrays, ranges: Mapping[str, Range] | None = None, *, watched: bool = False
) -> tuple[bytes, dict[str, str]]:
    """The content of the graph's file, and the input tensor of each linear map by the map's name.

    The task's `exported` names the inputs and outputs. ranges: see Builder. watched: whether the input tensors are
    outputs too. BundleError: the network is larger than one ONNX file can be.
    """
    words = [] if network.words is None else [network.words]
    weights = [*words, *(array for layer in network.layers for array in arrays(layer))]
    if sum(array.nbytes for array in weights) > MAX_GRAPH_BYTES:
        raise BundleError(_("The network is larger than the 2 GB that an ONNX file can hold."))
    graph = Builder(ranges)
    shape = graph.op("Shape", "input_ids")
    grid = graph.op("Concat", shape, graph.constant([network.width], np.int64), axis=0)  # B, T, width
    mask = graph.op("Cast", "attention_mask", to=TensorProto.INT32)
    x = embed(graph, network, shape)
    for number, layer in enumerate(network.layers):
        first_only = number == len(network.layers) - 1 and isinstance(network.head, FirstToken)
        x = encoder_layer(graph, network, layer, f"{number}", x, grid, mask, first_only=first_only)
    shapes = score_pairs(graph, network.head, x) if isinstance(network.head, WordPairs) else classify(graph, network, x)
    if network.words is None:
        shapes[0][INPUT] = ["B", "T", network.positions.shape[1]]
    return file_of(graph, *shapes, graph.inputs.values() if watched else ()), graph.inputs


def classify(graph: Builder, network: NetworkArrays, x: str) -> tuple[Shapes, Shapes]:
    """Adds the head from the first tokens (B, width) to the logits; gives the graph's inputs and outputs."""
    head = network.head
    graph.exact(graph.activation(graph.exact(x, head.first), head.between), head.second, result="logits")
    ids = {name: ["B", "T"] for name in ("input_ids", "attention_mask")}
    return ids, {"logits": ["B", len(head.second[1])]}


def arrays(layer: Layer) -> list[np.ndarray]:
    """The weights of a layer."""
    return [array for part in fields(layer) for array in getattr(layer, part.name)]


def embed(graph: Builder, network: NetworkArrays, shape: str) -> str:
    """Token ids to (B·T, width)."""
    words = INPUT if network.words is None else word_rows(graph, network.words)
    positions = graph.constant(network.positions)
    if network.skip_id is None:
        zero, one, two = (graph.constant([number], np.int64) for number in (0, 1, 2))
        rows = graph.op("Slice", positions, zero, graph.op("Slice", shape, one, two), zero)
    else:
        skip = graph.constant(network.skip_id, np.int64)
        counts = graph.op("Cast", graph.op("Not", graph.op("Equal", "input_ids", skip)), to=TensorProto.INT64)
        counted = graph.op("Mul", graph.op("CumSum", counts, graph.constant(1, np.int64)), counts)
        rows = graph.op("Gather", positions, graph.op("Add", counted, skip))
    x = graph.norm(graph.op("Add", words, rows), network.embedding_norm, network.epsilon)
    x = graph.op("Reshape", x, graph.constant([-1, network.positions.shape[1]], np.int64))
    return x if network.project is None else graph.linear(x, network.project, "project")


def word_rows(graph: Builder, words: np.ndarray) -> str:
    """The embeddings of the token ids, (B, T, embedding width); in an 8-bit graph from bytes with a scale per row."""
    if graph.ranges is None:
        return graph.op("Gather", graph.constant(words), "input_ids")
    codes, scales = eight_bits(words, axis=1)
    rows = graph.op("Cast", graph.op("Gather", graph.constant(codes), "input_ids"), to=TensorProto.FLOAT)
    return graph.op("Mul", rows, graph.op("Gather", graph.constant(scales[:, None]), "input_ids"))


def encoder_layer(
    graph: Builder, network: NetworkArrays, layer: Layer, name: str, x: str, grid: str, mask: str, *, first_only: bool
) -> str:
    """One layer: (B·T, width) to the same, or with first_only to (B, width), the first token of each sentence."""
    kept, kept_grid = x, grid
    if first_only:
        kept = graph.op("Gather", graph.op("Reshape", x, grid), graph.constant(0, np.int64), axis=1)
        kept_grid = graph.constant([-1, 1, network.width], np.int64)
    query = graph.op("Reshape", graph.linear(kept, layer.query, f"{name}.query"), kept_grid)
    key = graph.op("Reshape", graph.linear(x, layer.key, f"{name}.key"), grid)
    value = graph.op("Reshape", graph.linear(x, layer.value, f"{name}.value"), grid)
    seen = graph.op("MultiHeadAttention", query, key, value, "", mask, domain=FUSED, num_heads=network.heads)
    seen = graph.op("Reshape", seen, graph.constant([-1, network.width], np.int64))
    attended = graph.linear(seen, layer.attended, f"{name}.attended")
    x = graph.norm(graph.op("Add", kept, attended), layer.attention_norm, network.epsilon)
    wide = graph.activation(graph.linear(x, layer.widen, f"{name}.widen"), network.activation)
    return graph.norm(
        graph.op("Add", x, graph.linear(wide, layer.narrow, f"{name}.narrow")), layer.output_norm, network.epsilon
    )


def file_of(graph: Builder, inputs: Shapes, outputs: Shapes, watched: Iterable[str]) -> bytes:
    """The graph as the content of a file."""
    graph_inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT if name == INPUT else TensorProto.INT64, shape)
        for name, shape in inputs.items()
    ]
    graph_outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    graph_outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in dict.fromkeys(watched)]
    content = helper.make_graph(graph.nodes, "munjang", graph_inputs, graph_outputs, graph.weights)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(content, opset_imports=opsets, ir_version=IR, producer_name="munjang").SerializeToString()
