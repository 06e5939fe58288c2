"""The ONNX format: one graph file, run by ONNX Runtime on the CPU. Needs neither torch nor transformers.

A folder holds `model.onnx` and `tokenizer.json`; `munjang export` writes it. The task's `exported` names the inputs
(int64) and outputs (float32) of the graph. Only the operators in `onnx_guard.OPERATORS` are executed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.errors import BundleError, MissingExtra
from munjang.files import comes_with_munjang, first_line, read_regular
from munjang.inference.backends import TOKENS
from munjang.inference.backends.onnx_guard import Graph, check_onnx, refused_graph
from munjang.inference.backends.onnx_sizes import graph_problem, vocabulary_rows
from munjang.models import shared_embeddings
from munjang.models.folder import SHORTEST, Manifest, detail_number
from munjang.models.tokenizer import TOKENIZER, open_tokenizer
from munjang.records import Example
from munjang.tasks.base import Batch, Encodings, Outputs, Signature, Task, encode_texts
from munjang.translation import _

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers


GRAPH = "model.onnx"


def save(folder: Path, graph: bytes, tokenizer: tokenizers.Tokenizer) -> None:
    """Write the graph and the tokenizer."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (folder / GRAPH).write_bytes(graph)
    tokenizer.save(str(folder / TOKENIZER))


class OnnxRunner:
    """Runs an exported network on the CPU. words: the embeddings, if they are not in the graph."""

    unit = "tokens"

    def __init__(
        self, session: onnxruntime.InferenceSession, tokenizer: tokenizers.Tokenizer, task: Task, max_length: int,
        pad_id: int, words: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.session, self.tokenizer, self.task = session, tokenizer, task
        assert task.exported is not None  # `load` and the exporter refuse other tasks
        self.signature: Signature = task.exported
        self.max_length, self.pad_id, self.words = max_length, pad_id, words

    def encode(self, texts: Sequence[str]) -> Encodings:
        examples = [Example(text) for text in texts]
        return self.task.encode(examples, self.tokenizer, self.max_length, encode=encode_texts)

    def batch(self, encodings: Encodings, indices: np.ndarray) -> Batch:
        return self.task.collate(encodings, indices, self.pad_id)

    def run(self, batch: Batch) -> Outputs:
        try:
            outputs = self.session.run(list(self.signature.outputs), self.inputs(batch))
        except Exception as error:  # the runtime has its own errors for tensors that do not fit each other
            raise BundleError(_("The model cannot be run: {reason}", reason=first_line(error))) from error
        arrays = dict(zip(self.signature.outputs, outputs, strict=True))
        self.check_shapes(batch, arrays)
        return arrays | {name: batch[name] for name in self.signature.kept}

    def check_shapes(self, batch: Batch, outputs: Outputs) -> None:
        """Refuse outputs of other sizes than the batch asks for: what a graph declares need not be so. BundleError."""
        sides = {"L": len(self.task.labels)}
        for name, letters in self.signature.inputs.items():
            sides |= zip(letters, batch[name].shape, strict=True)
        sides["W"] = sides.get("N", 1) - 1
        for name, letters in self.signature.outputs.items():
            expected = tuple(sides[letter] for letter in letters)
            if outputs[name].shape != expected:
                raise BundleError(
                    _(
                        "The model is damaged: {output} has the shape {shape}, expected {expected}.",
                        output=name,
                        shape=outputs[name].shape,
                        expected=expected,
                    )
                )

    def inputs(self, batch: Batch) -> dict[str, np.ndarray]:
        """The arrays of a batch that the graph takes."""
        arrays = {name: batch[name] for name in self.signature.inputs}
        if self.words is None:
            return arrays
        return {**arrays, shared_embeddings.INPUT: self.words[batch["input_ids"]].astype(np.float32)}


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """A session for a graph that munjang wrote, on every core that this process may use.

    Only basic optimizations: the fused SkipLayerNormalization is seven times slower than what it replaces (EXPERIMENTS,
    2026-11-22).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = False  # every batch has a different shape
    options.log_severity_level = 4  # errors are raised
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def cores() -> int:
    """How many processors this process may use; OMP_NUM_THREADS can lower the number, as with torch."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(limit)) if limit.isdecimal() and int(limit) else available


def check_runtime() -> None:
    """Refuse to go on without ONNX Runtime. It comes with munjang, but not every platform has a build of it."""
    if find_spec("onnxruntime") is None:
        raise MissingExtra(_("ONNX Runtime is not installed. Run: pip install onnxruntime"))


def load(folder: Path, manifest: Manifest, task: Task) -> OnnxRunner:
    """The runner of a folder that `munjang export` wrote.

    BundleError: a file is missing or damaged, the graph keeps weights in other files or holds operators that munjang
    does not write, or its inputs, outputs or number of labels do not fit.
    """
    check_runtime()
    path = Path(folder) / GRAPH
    try:
        graph = read_regular(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=reason)) from error
    checked = None if comes_with_munjang(path) else check_onnx(graph, str(path))
    try:
        pad_id, reach = (detail_number(manifest.details, name, 0) for name in ("pad_id", "reach"))
        check_reach(manifest, reach, folder)
        words = shared_embeddings.load_shared_embeddings(folder, manifest.details)
        rows = None if words is None else len(words)
        if checked is not None:
            check_sizes(checked, manifest.max_length, str(path))
            rows = vocabulary_rows(checked, "input_ids") if rows is None else rows
        if rows is not None and pad_id >= rows:
            raise ValueError(_("{name} is {value!r}", name="pad_id", value=pad_id))
        tokenizer = open_tokenizer(folder / TOKENIZER, rows)
        session = open_session(graph)
    except BundleError:
        raise
    except Exception as error:  # the runtime and tokenizers raise errors of many kinds
        raise BundleError(_("{folder} cannot be loaded: {reason}", folder=folder, reason=first_line(error))) from error
    check_signature(session, folder, task, words is not None)
    return OnnxRunner(session, tokenizer, task, manifest.max_length, pad_id, words)


def check_reach(manifest: Manifest, reach: int, folder: Path) -> None:
    """Refuse a model whose texts may be longer than its network takes, `reach` tokens. BundleError."""
    if manifest.max_length > reach:
        raise BundleError(
            _(
                "{folder}: max_length is {max_length}, but the network takes at most {reach} tokens.",
                folder=folder,
                max_length=manifest.max_length,
                reach=reach,
            )
        )


def check_sizes(graph: Graph, max_length: int, name: str) -> None:
    """Refuse a graph that needs too much memory or time for the batches that prediction makes. BundleError.

    name: the file's name in messages.
    """
    for length in (SHORTEST, max_length):
        sentences = max(1, TOKENS // length)
        sides = {"B": sentences, "T": length, "N": length, "K": 2 * sentences * length}  # as the exporter names them
        if problem := graph_problem(graph, sides, sentences * length):
            raise refused_graph(name, problem)


def check_signature(session: Any, folder: Path, task: Task, shares_words: bool = False) -> None:
    """Refuse a graph that does not have the inputs and outputs of the task, or not its number of labels. BundleError.

    shares_words: whether it takes rows of a table of word embeddings beside the token ids.
    """
    signature = task.exported
    if signature is None:
        raise BundleError(
            _("{folder}: models of this kind, task {task}, have no exported form.", folder=folder, task=task.name)
        )
    inputs = sorted((item.name, item.type, len(item.shape)) for item in session.get_inputs())
    expected = [(name, "tensor(int64)", len(letters)) for name, letters in signature.inputs.items()]
    expected += [(shared_embeddings.INPUT, "tensor(float)", 3)] if shares_words else []
    if inputs != sorted(expected):
        raise BundleError(
            _(
                "{folder}: {graph} takes {inputs}, expected {expected}.",
                folder=folder,
                graph=GRAPH,
                inputs=", ".join(name for name, *__ in inputs),
                expected=", ".join(name for name, *__ in expected),
            )
        )
    last_shape = session.get_outputs()[-1].shape
    outputs = [(item.name, item.type, len(item.shape)) for item in session.get_outputs()]
    if outputs != [(name, "tensor(float)", len(letters)) for name, letters in signature.outputs.items()]:
        raise BundleError(
            _(
                "{folder}: {graph} gives {outputs}, expected {expected}.",
                folder=folder,
                graph=GRAPH,
                outputs=", ".join(name for name, *__ in outputs),
                expected=", ".join(signature.outputs),
            )
        )
    if last_shape[-1] != len(task.labels):
        raise BundleError(
            _(
                "{folder}: the network gives {count} labels, but munjang.json names {expected}.",
                folder=folder,
                count=last_shape[-1],
                expected=len(task.labels),
            )
        )
