"""Exports a model folder: read it, build the graph, check it on sentences, and only then write it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import numpy as np

from munjang import __version__
from munjang.errors import BundleError, ConfigError, require, unknown_name
from munjang.export.card import exported_card
from munjang.export.sample import AnswerDifference, answer_difference, sentences
from munjang.files import write_json
from munjang.files.outputs import sole_writer, work_of_folder
from munjang.inference.backends.hybrid import (
    HybridRunner,
    beside_ngrams,
    hybrid_manifest,
    network_format,
    network_runner,
)
from munjang.inference.backends.hybrid import save as save_ngrams
from munjang.inference.backends.onnx import OnnxRunner, check_runtime, open_session, save
from munjang.inference.confidence import CONFIDENCE
from munjang.inference.predictor import Predictor, load
from munjang.inference.scope import copy_scopes
from munjang.models.folder import MANIFEST, check_model_target, model_entries, save_bundle
from munjang.models.saved_reports import TEST_REPORT
from munjang.models.shared_embeddings import delta_details, own_rows, save_shared_embeddings
from munjang.models.tokenizer import TOKENIZER, open_tokenizer
from munjang.translation import N_, _

if TYPE_CHECKING:
    import tokenizers

    from munjang.export.builder import Range
    from munjang.export.network import NetworkArrays
    from munjang.tasks.base import Task

log = logging.getLogger("munjang")

FORMAT_PRECISIONS = {"onnx": "fp32", "onnx-int8": "int8"}
"""Formats that a model can be exported to -> their precision."""
EXPORT_REMEDY = N_("Free some space and export again.")
FIXED_RANGES, TOKEN_RANGES = N_("fixed ranges"), N_("a range for each token")
"""What the manifest stores as `activations`; the card translates it."""


@dataclass(frozen=True)
class Tolerances:
    """How far an exported model's predictions on the sample may be from its source's.

    fp32: the largest difference of a probability. fixed_mean: in 8 bits, ranges are fixed before if the mean difference
    is at most this, else measured for every token. agreement: the least share of equal answers, for each head of
    several heads; None: what the task's signature says.
    """

    fp32: float = 1e-3
    fixed_mean: float = 5e-3
    agreement: float | None = None

    def least(self, task: Task, precision: str) -> float:
        """The least agreement that is allowed for a task."""
        assert task.exported is not None  # `exportable_folder` refuses other tasks
        return task.exported.least[precision] if self.agreement is None else self.agreement


def export_model(
    model: str | Path | Predictor,
    format: str,
    out: str | Path,
    *,
    overwrite: bool = False,
    limits: Tolerances = Tolerances(),
    share_words: bool = False,
) -> Predictor:
    """Write a model for ONNX Runtime, which predicts without torch; returns it, loaded from `out`.

    format: "onnx" (fp32, the same predictions) or "onnx-int8" (a third of the size, several times faster, almost the
    same predictions). share_words: leave out word embeddings that equal the packaged encoder's, for a model that is
    packaged beside it in 8 bits. The exported model is checked on sentences first, and keeps its source's test report.
    BundleError, and nothing is written: the model is not in the native format, is one head of a network, or has an
    unknown family; its report is damaged; `out` holds something else; fp32 probabilities differ by more than 1e-3; in 8
    bits less than 97% of the labels (of each head; for a parser 95% of the words) agree.
    """
    if format not in FORMAT_PRECISIONS:
        raise unknown_name(_("export format"), format, FORMAT_PRECISIONS)
    if share_words and FORMAT_PRECISIONS[format] != "int8":
        raise ConfigError(_("Words are shared in 8 bits only: export to onnx-int8."))
    require(_("an export to ONNX"), "export", "torch", "transformers", "onnx")
    check_runtime()
    source, target = model if isinstance(model, Predictor) else load(model), Path(out)
    folder = exportable_folder(source)
    check_export_target(folder, target, overwrite)
    with sole_writer(work_of_folder(target)):
        check_export_target(folder, target, overwrite)  # again: another process may have written it meanwhile
        write_export(source, folder, target, format, limits, share_words)
    return load(target)


def write_export(
    source: Predictor, folder: Path, target: Path, format: str, limits: Tolerances, share_words: bool
) -> None:
    """Build the graph, check it, and write the model folder. folder: of the source."""
    from munjang.export.network import read_network

    report = source.report
    network = read_network(folder, network_runner(source.runner).task)
    delta = own_rows(network.words) if share_words else None
    network = replace(network, words=None) if delta else network
    tokenizer = open_tokenizer(folder / TOKENIZER)
    context = ExportContext(source, network, tokenizer, delta and delta.table())
    graph, activations, difference = choose_graph(context, sentences(), FORMAT_PRECISIONS[format], limits)
    log.info("%s: %s.", format, difference)
    details = {
        **source.manifest.details, "precision": FORMAT_PRECISIONS[format], "activations": activations,
        "pad_id": network.pad_id, "reach": network.reach, "family": source.manifest.origin or source.manifest.backbone,
        "sample": difference.to_dict(),
    }  # fmt: skip
    if delta:
        details["words"] = delta_details()
    manifest = replace(
        source.manifest, format="onnx", details=details, max_length=min(source.manifest.max_length, network.reach),
        munjang=__version__,
    )  # fmt: skip
    if isinstance(source.runner, HybridRunner):
        manifest = hybrid_manifest(manifest, "onnx", source.runner.parts)
    card = exported_card(source, manifest, difference)

    def fill(beside: Path) -> None:
        save(beside, graph, tokenizer)
        if delta:
            save_shared_embeddings(beside, delta)
        if isinstance(source.runner, HybridRunner):
            save_ngrams(beside, source.runner.parts)
        if (folder / CONFIDENCE).is_file():
            copyfile(folder / CONFIDENCE, beside / CONFIDENCE)
        copy_scopes(folder, beside, source.manifest)
        if report:
            (beside / TEST_REPORT).parent.mkdir()
            write_json(beside / TEST_REPORT, report.to_dict())

    save_bundle(target, manifest, fill, card, remedy=EXPORT_REMEDY, outdated=model_entries(target))


def exportable_folder(source: Predictor) -> Path:
    """The folder of a model. BundleError: it has another format, no exported form, or is one head of several."""
    if network_format(source.manifest) != "native" or source.folder is None:
        raise BundleError(
            _(
                "Only models in the native format can be exported; this one is '{format}'.",
                format=source.manifest.format,
            )
        )
    if source.head is not None:
        raise BundleError(
            _(
                "{source} is one head of a network; export the whole network: {folder}.",
                source=source.name,
                folder=source.folder,
            )
        )
    task = network_runner(source.runner).task
    if task.exported is None:
        raise BundleError(
            _(
                "{source}: models of this kind, task {task}, have no exported form. {remedy}",
                source=source.name,
                task=task.name,
                remedy=_(task.export_remedy),
            )
        )
    return source.folder


def check_export_target(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse the source's own folder, another model without `overwrite`, and what `check_model_target` refuses."""
    if target.resolve() == source.resolve():
        raise BundleError(_("{target} is the model's own folder; choose another folder.", target=target))
    check_model_target(source, target)
    if (target / MANIFEST).exists() and not overwrite:
        raise BundleError(
            _("{target} holds a model already. Say {option:overwrite=True} to replace it.", target=target)
        )


@dataclass(frozen=True)
class ExportContext:
    """The source of an export. words: the word embeddings, if they are not in the network."""

    source: Predictor
    network: NetworkArrays
    tokenizer: tokenizers.Tokenizer
    words: np.ndarray | None

    @property
    def task(self) -> Task:
        """The task of the network."""
        return network_runner(self.source.runner).task

    def predictor(self, graph: bytes) -> Predictor:
        """A predictor for a graph in memory, with the source's text steps."""
        source = self.source
        length, pad_id = source.manifest.max_length, self.network.pad_id
        runner = OnnxRunner(open_session(graph), self.tokenizer, self.task, length, pad_id, self.words)
        return Predictor(source.manifest, beside_ngrams(runner, source.runner), source.folder, source.decoder)


def choose_graph(
    context: ExportContext, texts: Sequence[str], precision: str, limits: Tolerances
) -> tuple[bytes, str, AnswerDifference]:
    """The graph with predictions within the limits, its treatment of activations, and its difference from the source.

    In 8 bits the ranges of activations are fixed before if that keeps the predictions. Else they are measured for every
    token at run time, which is more exact and a quarter slower. BundleError: no graph is within the limits.
    """
    from munjang.export.graph import build_graph

    least = limits.least(context.task, precision)

    def tried(ranges: Mapping[str, Range] | None) -> tuple[bytes, AnswerDifference]:
        graph, __ = build_graph(context.network, ranges)
        return graph, answer_difference(context.source, context.predictor(graph), texts)

    if precision == "fp32":
        graph, difference = tried(None)
        if not (difference.largest <= limits.fp32 and difference.agreement >= least):
            raise BundleError(
                _(
                    "The exported model gives other predictions, so it is not written: {difference}.",
                    difference=difference,
                )
            )
        return graph, "fp32", difference
    graph, difference = tried(measured_ranges(context, sentences(start=100)))
    if difference.mean <= limits.fixed_mean and difference.agreement >= least:
        return graph, FIXED_RANGES, difference
    log.info("Fixed ranges do not fit this network (%s); ranges are measured for every token instead.", difference)
    graph, difference = tried({})
    if not difference.agreement >= least:
        raise BundleError(
            _(
                "In 8 bits the model gives other predictions, so it is not written: {difference}. Export to onnx.",
                difference=difference,
            )
        )
    return graph, TOKEN_RANGES, difference


def measured_ranges(context: ExportContext, texts: Sequence[str]) -> dict[str, Range]:
    """The range of each linear map's input over some texts, which are cleaned as the model cleans."""
    from munjang.export.graph import build_graph
    from munjang.text.cleaning import clean_text

    graph, inputs = build_graph(context.network, watched=True)
    runner, source = network_runner(context.predictor(graph).runner), context.source
    names = list(dict.fromkeys(inputs.values()))
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    encodings = runner.encode([source.decoder.preprocess(clean_text(text, source.steps)) for text in texts])
    for index in range(len(encodings)):  # one by one, so that there is no padding
        arrays = runner.inputs(runner.batch(encodings, np.array([index])))
        for name, values in zip(names, runner.session.run(names, arrays), strict=True):
            low[name], high[name] = min(low[name], values.min()), max(high[name], values.max())
    return {name: (float(low[tensor]), float(high[tensor])) for name, tensor in inputs.items()}
