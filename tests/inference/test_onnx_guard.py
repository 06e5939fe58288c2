"""An ONNX graph of a stranger is refused before the runtime gets it, if it is not one that munjang writes."""

import re
import shutil
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from hostile_models import KINDS, forge

import munjang as mj
from munjang.errors import BundleError
from munjang.inference.backends.onnx import check_sizes
from munjang.inference.backends.onnx_guard import Node, check_onnx
from munjang.inference.backends.onnx_sizes import measured, vocabulary_rows

EXPORTED = [kind for kind in KINDS if "onnx" in kind or "int8" in kind or kind.startswith("mini")]


def graph_of(kind):
    return check_onnx((KINDS[kind] / "model.onnx").read_bytes(), "model.onnx")


@pytest.mark.parametrize("kind", EXPORTED)
def test_sizes_are_those_that_the_runtime_gives(kind):
    from munjang.inference.backends.onnx_sizes import Sizes

    model = onnx.load(KINDS[kind] / "model.onnx")
    graph = graph_of(kind)
    sides = {"B": 3, "T": 7, "N": 5, "K": 30}
    sizes = Sizes(graph, sides)
    for node in graph.nodes:
        sizes.add(node)
    rng = np.random.default_rng(1)
    inputs = {}
    for name in graph.inputs:
        shape = sizes.shapes[name]
        inputs[name] = np.ones(shape, np.int64) if name != "embedded" else rng.random(shape, np.float32)
    float_results = [node.result for node in graph.nodes if sizes.types[node.result] == 1]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in float_results)
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = session.run(float_results, inputs)
    assert {name: array.shape for name, array in zip(float_results, results, strict=True)} == {
        name: sizes.shapes[name] for name in float_results
    }


def test_only_a_model_outside_the_package_is_looked_through(tmp_path, monkeypatch):
    def refuse(*given):
        raise BundleError("looked through")

    monkeypatch.setattr("munjang.inference.backends.onnx.check_onnx", refuse)
    monkeypatch.setattr("munjang.models.tokenizer.check_tokenizer", refuse)
    assert mj.load("mini/sentiment").predict("정말 재밌어요").label == "긍정"
    folder = shutil.copytree(KINDS["mini"], tmp_path / "mini")
    with pytest.raises(BundleError, match="looked through"):
        mj.load(folder)


def test_multiplications_of_a_batch_are_counted():
    graph = graph_of("bert-onnx")
    tokens, width, layers = 3 * 7, 16, 2
    full = layers * (6 * width * width) - 4 * width * width  # the last layer's query, attended, widen, narrow
    first = 4 * width * width + width * width + width * 3  # of the first tokens alone, and the head
    attention = 3 * 7 * 7 * 2 * width + 3 * 1 * 7 * 2 * width
    assert measured(graph, {"B": 3, "T": 7}).work == tokens * full + 3 * first + attention


@pytest.mark.parametrize("kind", ["bert-onnx", "bert-int8", "heads-onnx", "parser-onnx"])
def test_the_rows_of_the_vocabulary_are_known(kind):
    tokens = len(mj.load(KINDS[kind]).runner.tokenizer.get_vocab()) if "heads" not in kind else None
    rows = vocabulary_rows(graph_of(kind), "input_ids")
    assert rows >= (tokens or 1)


def node(kind, inputs, result, domain="", **attributes):
    return onnx.helper.make_node(kind, inputs, [result], domain=domain, **attributes)


def chain(kind, times, last="logits", **attributes):
    """`times` operators on a tensor and itself, put before the end of the graph."""

    def change(model):
        name = model.graph.node[-2].output[0]
        for number in range(times):
            model.graph.node.insert(len(model.graph.node) - 1, node(kind, [name, name], f"c{number}", **attributes))
            name = f"c{number}"

    return change


def constant(value, name="big", dtype=np.int64):
    return onnx.numpy_helper.from_array(np.array(value, dtype), name)


def ranges(model):
    model.graph.initializer.extend([constant(0, "zero"), constant(10**12, "many"), constant(1, "one")])
    model.graph.node.append(node("Range", ["zero", "many", "one"], "range"))


def shape_of_ids(model):
    model.graph.node.append(node("Reshape", ["input_ids", "attention_mask"], "shaped"))


def outer(model):
    """(B·T,) against itself, again and again."""
    model.graph.initializer.extend([constant([-1, 1], "down"), constant([1, -1], "across")])
    name = "attention_mask"
    for number in range(4):
        model.graph.node.extend([
            node("Reshape", [name, "down"], f"down{number}"), node("Reshape", [name, "across"], f"across{number}"),
            node("Add", [f"down{number}", f"across{number}"], f"outer{number}"),
        ])  # fmt: skip
        name = f"outer{number}"


def foreign(kind):
    def change(model):
        model.graph.node[0].op_type = kind

    return change


def fixed_size(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 10**9


def folded(model):
    model.graph.initializer.extend([constant(np.zeros((1_000, 1)), "tall", np.float32)])
    model.graph.node.append(node("Add", ["tall", "tall"], "folded"))


def not_finite(model):
    for item in model.graph.initializer:
        if item.data_type == 1:
            array = onnx.numpy_helper.to_array(item).copy()
            array.reshape(-1)[0] = np.nan
            item.CopyFrom(onnx.numpy_helper.from_array(array, item.name))


def too_large(model):
    model.graph.initializer[0].dims[0] = 10**9


def whole_division(model):
    model.graph.initializer.append(constant(0, "zero"))
    model.graph.node.append(node("Div", ["input_ids", "zero"], "divided"))


def attribute(model):
    next(each for each in model.graph.node if each.op_type == "Gemm").attribute.add(name="transB", type=2, i=1)


def second_name(model):
    model.graph.node.append(node("Relu", ["logits"], model.graph.node[0].output[0]))


def undefined(model):
    model.graph.node.append(node("Relu", ["nothing"], "x"))


CHANGES = [
    (chain("Concat", 40, axis=0), "its tensors need too much memory"),
    (chain("Gather", 3, axis=0), "its tensors need too much memory"),
    (outer, "its tensors need too much memory"),
    (ranges, "it has an operator without inputs"),
    (shape_of_ids, "a shape depends on the texts"),
    (foreign("Expand"), "it holds the operator Expand"),
    (foreign("ConstantOfShape"), "it holds the operator ConstantOfShape"),
    (foreign("Loop"), "it holds the operator Loop"),
    (fixed_size, "an input has a shape of another kind"),
    (folded, "it has an operator without inputs"),
    (not_finite, "weights that are not finite numbers"),
    (too_large, "a tensor of it does not have the size that it states"),
    (whole_division, "it divides whole numbers"),
    (attribute, "its operator Gemm has the attribute transB"),
    (second_name, "two of its tensors have one name"),
    (undefined, "has too few inputs, or they are not there yet"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_graph_that_munjang_does_not_write_is_refused(tmp_path, change, message):
    folder = shutil.copytree(KINDS["bert-onnx"], tmp_path / "m")
    model = onnx.load(folder / "model.onnx")
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    forge(folder / "munjang.json")
    with pytest.raises(BundleError, match=rf"model\.onnx is refused: .*{message}.*Export the model again"):
        mj.load(folder)


@pytest.mark.parametrize(
    "data",
    [
        bytes([0x3A, 0x0C, 0x0A, 0x0A, 0x20, *[0xFF] * 8, 0x7F]),  # a graph with a node whose operator is a number
        bytes([0x3A, 0x0B, 0x2A, 0x09, 0x08, *[0xFF] * 7, 0x7F]),  # a tensor of 2^56 numbers
        bytes([0x42, 0x0A, 0x08, *[0xFF] * 8, 0x7F]),  # a domain that is a number
        bytes([0x3A, *[0xFF] * 9, 0x01]),
    ],
)
def test_a_few_bytes_take_no_memory(data):
    tracemalloc.start()
    try:
        with pytest.raises(BundleError, match=r"^x\.onnx is"):
            check_onnx(data, "x.onnx")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_long_text_is_not_longer_than_the_table_of_positions():
    graph = graph_of("bert-onnx")
    check_sizes(graph, 48, "x")
    with pytest.raises(BundleError, match="two tensors do not fit each other"):
        check_sizes(graph, 49, "x")


def test_a_graph_that_calculates_without_end_is_refused(monkeypatch):
    from munjang.inference.backends import onnx_sizes

    graph = graph_of("bert-onnx")
    monkeypatch.setattr(onnx_sizes, "FREE_WORK", 1_000_000)
    check_sizes(graph, 48, "x")
    weight = next(name for name, weight in graph.weights.items() if weight.shape == (16, 16))
    name = graph.nodes[-2].result
    for number in range(10_000):
        graph.nodes.append(Node("MatMul", (name, weight), f"p{number}", {}))
        name = f"p{number}"
    with pytest.raises(BundleError, match="it calculates too much for its size"):
        check_sizes(graph, 48, "x")


@pytest.mark.parametrize(
    ("kind", "output", "shape"), [("bert-onnx", "logits", "(4, 3)"), ("parser-onnx", "arcs", "(4, ")]
)
def test_outputs_of_other_sizes_than_the_graph_declares_are_refused(tmp_path, kind, output, shape):
    folder = shutil.copytree(KINDS[kind], tmp_path / "model")
    model = onnx.load(folder / "model.onnx")
    (node,) = (node for node in model.graph.node if output in node.output)
    node.output[0] = "half"
    model.graph.node.append(onnx.helper.make_node("Concat", ["half", "half"], [output], axis=0))
    onnx.save(model, folder / "model.onnx")
    forge(folder / "munjang.json")
    with pytest.raises(BundleError, match=rf"The model is damaged: {output} has the shape {re.escape(shape)}"):
        mj.load(folder).predict_many(["정말 재밌어요", "별로예요"])
