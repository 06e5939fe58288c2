"""Model folders as damage and attackers leave them: real ones with values, bytes, tensors or operators changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from munjang.files import ASSETS, file_facts

OLD = Path(__file__).parents[1] / "old_models"
KINDS = {
    **{name: OLD / name for name in (
        "bert", "several", "linear", "linear-several", "heads", "bert-onnx", "several-onnx", "bert-int8", "heads-onnx",
        "heads-int8", "parser", "parser-onnx", "parser-int8", "parser-labeling", "encoder")},
    "mini": ASSETS / "mini" / "heads", "mini-parser": ASSETS / "mini" / "parser",
}  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 1, 2, 7, 10**5, 10**9, 10**30, 0.5, 1e308, float("nan"), float("inf"), "", "가", "x\ny",
    "\ud800", "a" * 5000, [], {}, [1, 2], [[]], {"type": "Sequence"}, {"0": "x"},
]  # fmt: skip
BOMB = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "가" * 20}] * 8}
EXTREME = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45)


def make_hostile(rng: Random, kind: str, folder: Path) -> str:
    """A changed copy of a model in `folder`; what was changed. The manifest fits it mostly, as an attacker's would."""
    shutil.copytree(KINDS[kind], folder, ignore=shutil.ignore_patterns("run", "README.md", "*.png"))
    changed = []
    for __ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice(sorted(path for path in folder.iterdir() if path.is_file()))
        changes = [change_bytes]
        changes += {".json": [change_json] * 6, ".safetensors": [change_tensors] * 4, ".onnx": [change_graph] * 6}.get(
            path.suffix, []
        )
        try:
            changed.append(f"{path.name}: {rng.choice(changes)(rng, path)}")
        except Exception:  # an earlier change has made it unreadable
            continue
    manifest = folder / "munjang.json"
    if rng.random() < 0.2 and (folder / "config.json").exists():
        manifest.unlink(missing_ok=True)  # as plain transformers would have written it
    elif rng.random() < 0.95:
        forge(manifest)
    return "; ".join(changed)


def forge(manifest: Path) -> None:
    """Put the sizes and hashes of the changed files into the manifest, if it can still be read."""
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
        data["files"] = {name: file_facts(manifest.parent / name) for name in data["files"]}
        manifest.write_text(json.dumps(data), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass


def change_bytes(rng: Random, path: Path) -> str:
    """Flip, cut, double or overwrite bytes."""
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data) + 1)
    way = rng.randrange(4)
    if way == 0:
        for __ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == 1:
        del data[at:]
    elif way == 2:
        data[at:at] = data[at : at + rng.randint(1, 200)]
    else:
        data[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), b"\xff\xff\xff\xff\xff\xff\xff\x7f"])
    path.write_bytes(data)
    return f"bytes {('flipped', 'cut', 'doubled', 'overwritten')[way]} at {at}"


def change_json(rng: Random, path: Path) -> str:
    """Put another value somewhere into the JSON, take one out, or put a known trap in."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if path.name == "tokenizer.json" and rng.random() < 0.3:
        told = trap_tokenizer(rng, data)
    else:
        told = change_value(rng, data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return told


def change_value(rng: Random, data: Any) -> str:
    """Another value at a random place of JSON values."""
    place, steps = data, []
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return "nothing"
        key = rng.choice(keys)
        steps.append(key)
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.85:
            place = place[key]
            continue
        if rng.random() < 0.2:
            del place[key]
            return f"{steps} deleted"
        value = rng.choice(VALUES)
        if isinstance(place[key], int) and rng.random() < 0.5:
            value = rng.choice([place[key] * 2, place[key] + 1, place[key] - 1, place[key] * 1000, -place[key]])
        place[key] = value
        return f"{steps} = {str(value)[:40]!r}"


def trap_tokenizer(rng: Random, data: dict[str, Any]) -> str:
    """One of the ways in which a tokenizer hurts."""
    traps: list[dict[str, Any]] = [
        {"normalizer": BOMB},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAAEAAAABAAAAYWJjAA=="}},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}},
        {"model": data["model"] | {"vocab": {}}},
        {"model": data["model"] | {"max_input_chars_per_word": 10**9}},
        {"model": data["model"] | {"vocab": data["model"]["vocab"] | {"정말": 10**6}}},
        {"padding": {"strategy": {"Fixed": 10**6}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "[PAD]"}},
        {"truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}},
        {"post_processor": None}, {"pre_tokenizer": None}, {"added_tokens": []},
    ]  # fmt: skip
    trap = rng.choice(traps)
    data |= trap
    return f"trap {str(trap)[:80]}"


def change_tensors(rng: Random, path: Path) -> str:
    """Take a tensor out, rename, double, reshape it, or put numbers in that are none."""
    tensors = load_file(path)
    name = rng.choice(sorted(tensors))
    array = tensors[name]
    way = rng.choice(["gone", "renamed", "extra", "shape", "kind", "numbers", "numbers", "empty"])
    if way == "gone":
        del tensors[name]
    elif way == "renamed":
        tensors[f"{name}x"] = tensors.pop(name)
    elif way == "extra":
        tensors[rng.choice([f"{name}x", "extra", "bert.encoder.layer.7.output.dense.weight"])] = array
    elif way == "shape":
        tensors[name] = rng.choice([array.reshape(-1), array[:1], np.concatenate([array, array]), array[None]])
    elif way == "kind":
        tensors[name] = array.astype(rng.choice([np.float16, np.float64, np.int64, np.uint8]))
    elif way == "empty":
        tensors[name] = array[:0]
    elif array.dtype.kind == "f":
        flat = array.reshape(-1).copy()
        flat[rng.randrange(len(flat)) :: rng.choice([1, 100, 10**9])] = rng.choice(EXTREME)
        tensors[name] = flat.reshape(array.shape)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)
    return f"{name} {way}"


def change_graph(rng: Random, path: Path) -> str:
    """Another operator, input, attribute or constant in an ONNX graph, or a chain that doubles a tensor."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    node, weight = rng.choice(graph.node), rng.choice(graph.initializer)
    names = [item.name for item in graph.initializer] + [each.output[0] for each in graph.node] + ["input_ids"]
    way = rng.choice(
        ["operator", "input", "input", "attribute", "constant", "constant", "size", "gone", "chain", "shape"]
    )
    if way == "operator":
        node.op_type = rng.choice(
            [each.op_type for each in graph.node] + ["Range", "Expand", "Loop", "ConstantOfShape"]
        )
    elif way == "input":
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif way == "attribute" and node.attribute:
        chosen = rng.choice(node.attribute)
        chosen.i, chosen.f = rng.choice([-5, -1, 0, 1, 3, 10**9]), rng.choice(EXTREME)
    elif way == "constant":
        array = onnx.numpy_helper.to_array(weight).copy()
        if array.size:
            flat = array.reshape(-1)
            extreme = (
                EXTREME if array.dtype.kind == "f" else (0, 1, 2, 100, *([10**7, -1] if array.itemsize > 1 else []))
            )
            flat[rng.randrange(len(flat)) :: rng.choice([1, 10**9])] = rng.choice(extreme)
            weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    elif way == "size" and weight.dims:
        weight.dims[0] = rng.choice([0, 1, weight.dims[0] * 2, 10**9, -1])
    elif way == "gone":
        graph.node.remove(node)
    elif way == "chain":
        last = node.output[0]
        for number in range(rng.choice([3, 30])):
            kind, axis = rng.choice([("Concat", {"axis": 0}), ("MatMul", {}), ("Gather", {"axis": 0}), ("Add", {})])
            graph.node.append(onnx.helper.make_node(kind, [last, last], [f"c{number}"], **axis))
            last = f"c{number}"
        graph.node[-1].output[0] = "chained"
    elif way == "shape":
        side = rng.choice(graph.input).type.tensor_type.shape.dim[0]
        side.dim_value = rng.choice([1, 10**9])
    path.write_bytes(model.SerializeToString())
    return f"{node.op_type} {weight.name} {way}"
