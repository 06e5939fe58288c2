"""The ONNX format: one graph file, run by ONNX Runtime on the CPU. Needs neither torch nor transformers.

A folder holds `model.onnx`, whose inputs (int64) and outputs (float32) are those of the task's `exported`, and
`tokenizer.json`. `munjang export` writes it. Nothing in it is executed besides the operators of `onnx_file.OPERATORS`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.errors import BundleError, MissingExtra
from munjang.files import first_line
from munjang.inference.backends.onnx_guard import check_onnx
from munjang.models import shared_embeddings as shared_words
from munjang.records import Example
from munjang.tasks import make_task
from munjang.tasks.base import Batch, Encodings, Outputs, Task
from munjang.translation import _

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

    from munjang.models.folder import Manifest

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"


def save(folder: Path, graph: bytes, tokenizer: tokenizers.Tokenizer) -> None:
    """Write the graph and the tokenizer."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (folder / GRAPH).write_bytes(graph)
    tokenizer.save(str(folder / TOKENIZER))


class OnnxRunner:
    """Runs an exported network on the CPU. words: the embeddings, where they are not in the graph."""

    unit = "tokens"

    def __init__(
        self, session: onnxruntime.InferenceSession, tokenizer: tokenizers.Tokenizer, task: Task, max_length: int,
        pad_id: int, words: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.session, self.tokenizer, self.task = session, tokenizer, task
        self.max_length, self.pad_id, self.words = max_length, pad_id, words

    def encode(self, texts: Sequence[str]) -> Encodings:
        return self.task.encode([Example(text) for text in texts], self.tokenizer, self.max_length)

    def batch(self, encodings: Encodings, indices: np.ndarray) -> Batch:
        return self.task.collate(encodings, indices, self.pad_id)

    def run(self, batch: Batch) -> Outputs:
        form = self.task.exported
        found = self.session.run(list(form.outputs), self.given(batch))
        return dict(zip(form.outputs, found, strict=True)) | {name: batch[name] for name in form.kept}

    def given(self, batch: Batch) -> dict[str, np.ndarray]:
        """What the graph takes of a batch."""
        arrays = {name: batch[name] for name in self.task.exported.inputs}
        if self.words is None:
            return arrays
        return {**arrays, shared_words.INPUT: self.words[batch["input_ids"]].astype(np.float32)}


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """A session for a graph as munjang writes it, on every core that this process may use.

    Only basic rewriting: the fused SkipLayerNormalization is seven times slower than what it replaces (EXPERIMENTS,
    2026-11-22).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = False  # every batch has another shape
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def cores() -> int:
    """How many processors this process may use: those of the system, or fewer by OMP_NUM_THREADS, as torch takes it."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(found, int(asked)) if asked.isdecimal() and int(asked) else found


def check_runtime() -> None:
    """Refuse to go on without ONNX Runtime, which comes with munjang but can be missing where it has no build."""
    if find_spec("onnxruntime") is None:
        raise MissingExtra(_("ONNX Runtime is not installed. Run: pip install onnxruntime"))


def load(folder: Path, manifest: Manifest) -> OnnxRunner:
    """The runner of a folder that `munjang export` wrote.

    BundleError: a file is missing or damaged, keeps weights in other files, holds operators that munjang does not
    write, or its inputs, outputs or number of labels do not fit.
    """
    check_runtime()
    from tokenizers import Tokenizer

    path = Path(folder) / GRAPH
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)) from error
    check_onnx(graph, str(path))
    try:
        session = open_session(graph)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        task = make_task(manifest.task, manifest.labels, **manifest.task_options)
        pad_id, reach = (int(manifest.details[name]) for name in ("pad_id", "reach"))
        words = shared_words.load_shared_embeddings(folder, manifest.details)
    except BundleError:
        raise
    except Exception as error:  # the runtime and tokenizers each raise kinds of their own
        raise BundleError(_("{folder} cannot be loaded: {reason}", folder=folder, reason=first_line(error))) from error
    check_signature(session, folder, task, words is not None)
    if manifest.max_length > reach:
        raise BundleError(
            _(
                "{folder}: max_length is {max_length}, but the network takes at most {reach} tokens.",
                folder=folder,
                max_length=manifest.max_length,
                reach=reach,
            )
        )
    return OnnxRunner(session, tokenizer, task, manifest.max_length, pad_id, words)


def check_signature(session: Any, folder: Path, task: Task, shares_words: bool = False) -> None:
    """Refuse a graph whose inputs and outputs are not those that the task wants, for its number of labels.

    shares_words: whether it takes rows of a table of words beside the token ids.
    """
    form = task.exported
    if form is None:
        raise BundleError(
            _("{folder}: a {task} model of this kind has no exported form.", folder=folder, task=task.name)
        )
    found = sorted((item.name, item.type, len(item.shape)) for item in session.get_inputs())
    wanted = [(name, "tensor(int64)", rank) for name, rank in form.inputs.items()]
    wanted += [(shared_words.INPUT, "tensor(float)", 3)] if shares_words else []
    if found != sorted(wanted):
        names = ", ".join(name for name, *__ in found)
        raise BundleError(
            _(
                "{folder}: {graph} takes {names}, expected {wanted}.",
                folder=folder,
                graph=GRAPH,
                names=names,
                wanted=[name for name, *__ in wanted],
            )
        )
    outputs = session.get_outputs()
    given = [(item.name, item.type, len(item.shape)) for item in outputs]
    if given != [(name, "tensor(float)", rank) for name, rank in form.outputs.items()]:
        names = ", ".join(name for name, *__ in given)
        raise BundleError(
            _(
                "{folder}: {graph} gives {names}, expected {outputs}.",
                folder=folder,
                graph=GRAPH,
                names=names,
                outputs=list(form.outputs),
            )
        )
    if outputs[-1].shape[-1] != len(task.labels):
        raise BundleError(
            _(
                "{folder}: the network gives {shape} labels, munjang.json names {labels}.",
                folder=folder,
                shape=outputs[-1].shape[-1],
                labels=len(task.labels),
            )
        )
