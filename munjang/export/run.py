"""From a model folder to an exported one: read, build, try on sentences, and only then write."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from munjang import __version__
from munjang.errors import BundleError, ConfigError, require, unknown_name
from munjang.export.card import exported_card
from munjang.export.sample import AnswerDifference, answer_difference, sentences
from munjang.inference.backends.onnx import OnnxRunner, check_runtime, open_session, save
from munjang.inference.predictor import Predictor, load
from munjang.models import shared_embeddings as shared_words
from munjang.models.folder import MANIFEST, check_model_target, save_bundle
from munjang.models.shared_embeddings import own_rows
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers

    from munjang.export.builder import Range
    from munjang.export.network import NetworkArrays
    from munjang.tasks.base import Task

log = logging.getLogger("munjang")

FORMAT_PRECISIONS = {"onnx": "fp32", "onnx-int8": "int8"}
"""Formats that a model can be exported to -> how they calculate."""
EXPORT_REMEDY = "Free some space and export again."


@dataclass(frozen=True)
class Tolerances:
    """How far an exported model's answers on the sample may be from its source's.

    fp32: the largest difference of a probability. fixed_mean: in 8 bits, the mean difference up to which ranges are
    fixed beforehand; beyond it every token's own is measured. agreement: in 8 bits, the least share of equal labels, of
    many heads that of each. words: likewise of a parser's words, by head and relation; in fp32 `exact_words`.
    """

    fp32: float = 1e-3
    fixed_mean: float = 5e-3
    agreement: float = 0.97
    words: float = 0.95  # one in six heads of a parser is wrong as it is: many choices are close
    exact_words: float = 0.995

    def least(self, task: Task, precision: str) -> float:
        """The least agreement of a task's answers."""
        if task.output_kind == "trees":
            return self.exact_words if precision == "fp32" else self.words
        return 0.0 if precision == "fp32" else self.agreement


def export_model(
    model: str | Path | Predictor,
    format: str,
    out: str | Path,
    *,
    overwrite: bool = False,
    limits: Tolerances = Tolerances(),
    share_words: bool = False,
) -> Predictor:
    """Write a model as one that ONNX Runtime answers with, without torch; returns it, loaded from `out`.

    format: "onnx" (fp32, the same answers) or "onnx-int8" (a third of the size, several times faster, answers almost
    the same). share_words: leave out the word embeddings that are the packaged encoder's, for a model that is packaged
    beside it in 8 bits. The exported model is tried on sentences first. BundleError, with nothing written: the model is
    not in the native format, is one head of many or of an unknown family, `out` holds something else, fp32
    probabilities differ by over 1e-3, or in 8 bits less than 97% of the labels (of any head; of a parser 95% of the
    words) agree.
    """
    if format not in FORMAT_PRECISIONS:
        raise unknown_name("export format", format, FORMAT_PRECISIONS)
    if share_words and FORMAT_PRECISIONS[format] != "int8":
        raise ConfigError(_("Words are shared in 8 bits only: export to onnx-int8."))
    require("an export to ONNX", "export", "torch", "transformers", "onnx")
    check_runtime()
    from munjang.export.network import read_network

    source, target = model if isinstance(model, Predictor) else load(model), Path(out)
    if source.manifest.format != "native" or source.folder is None:
        raise BundleError(
            _(
                "Only models in the native format can be exported; this one is '{format}'.",
                format=source.manifest.format,
            )
        )
    if source.head is not None:
        raise BundleError(
            _(
                "{source} is one head of a network; export the whole of it: {folder}.",
                source=source.name,
                folder=source.folder,
            )
        )
    if source.runner.task.exported is None:
        raise BundleError(
            _(
                "{source} works in rounds or with given parts of speech, which has no exported form. "
                "Train --parser biaffine without --pos.",
                source=source.name,
            )
        )
    check_export_target(source.folder, target, overwrite)
    network = read_network(source.folder, source.runner.task)
    own = own_rows(network.words) if share_words else None
    network = replace(network, words=None) if own else network
    tokenizer = open_tokenizer(source.folder)
    texts = sentences()
    graph, how, found = choose_graph(
        ExportContext(source, network, tokenizer, own and own.table()), texts, FORMAT_PRECISIONS[format], limits
    )
    log.info("%s: %s.", format, found)
    details = {
        **source.manifest.details, "precision": FORMAT_PRECISIONS[format], "activations": how, "pad_id": network.pad_id,
        "reach": network.reach, "family": source.manifest.origin or source.manifest.backbone, "sample": found.to_dict(),
    }  # fmt: skip
    if own:
        details["words"] = shared_words.delta_details()
    manifest = replace(
        source.manifest, format="onnx", details=details, max_length=min(source.manifest.max_length, network.reach),
        munjang=__version__,
    )  # fmt: skip
    card = exported_card(source, manifest, found)

    def fill(folder: Path) -> None:
        save(folder, graph, tokenizer)
        if own:
            shared_words.save_shared_embeddings(folder, own)

    save_bundle(target, manifest, fill, card, remedy=EXPORT_REMEDY)
    return load(target)


def check_export_target(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse the model itself, another one without `overwrite`, and what `check_model_target` refuses."""
    if target.resolve() == source.resolve():
        raise BundleError(_("{target} is the model's own folder; choose another folder.", target=target))
    check_model_target(source, target)
    if (target / MANIFEST).exists() and not overwrite:
        raise BundleError(_("{target} holds a model already. Say --overwrite to replace it.", target=target))


def open_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a model folder; a plain transformers folder without tokenizer.json is a BundleError."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise BundleError(_("{path} is missing; save the model with its fast tokenizer.", path=path))
    return Tokenizer.from_file(str(path))


@dataclass(frozen=True)
class ExportContext:
    """What an export is made of. words: the embeddings, where they are not in the network."""

    source: Predictor
    network: NetworkArrays
    tokenizer: tokenizers.Tokenizer
    words: np.ndarray | None

    def predictor(self, graph: bytes) -> Predictor:
        """A predictor with the source's text steps and a graph in memory."""
        source = self.source
        length, pad_id = source.manifest.max_length, self.network.pad_id
        runner = OnnxRunner(open_session(graph), self.tokenizer, source.runner.task, length, pad_id, self.words)
        return Predictor(source.manifest, runner, source.folder)


def choose_graph(
    made: ExportContext, texts: Sequence[str], precision: str, limits: Tolerances
) -> tuple[bytes, str, AnswerDifference]:
    """The graph whose answers are near enough, how it treats what flows through it, and how near.

    In 8 bits the ranges of what flows are fixed beforehand where that keeps the answers; else every token's is measured
    as it runs, which is more exact and a quarter slower. A BundleError where nothing is near enough.
    """
    from munjang.export.graph import build_graph

    least = limits.least(made.source.runner.task, precision)

    def tried(ranges: Mapping[str, Range] | None) -> tuple[bytes, AnswerDifference]:
        graph, __ = build_graph(made.network, ranges)
        return graph, answer_difference(made.source, made.predictor(graph), texts)

    if precision == "fp32":
        graph, found = tried(None)
        if not (found.largest <= limits.fp32 and found.agreement >= least):
            raise BundleError(_("The exported model gives other answers, so it is not written: {found}.", found=found))
        return graph, "fp32", found
    graph, found = tried(measured(made, sentences(start=100)))
    if found.mean <= limits.fixed_mean and found.agreement >= least:
        return graph, "fixed ranges", found
    log.info("Fixed ranges do not fit this network (%s); every token's own is measured instead.", found)
    graph, found = tried({})
    if not found.agreement >= least:
        raise BundleError(
            _("In 8 bits the model gives other answers, so it is not written: {found}. Export to onnx.", found=found)
        )
    return graph, "a range for each token", found


def measured(made: ExportContext, texts: Sequence[str]) -> dict[str, Range]:
    """The range of the input of each linear map over some texts, cleaned as the model cleans."""
    from munjang.export.graph import build_graph
    from munjang.text.cleaning import clean_text

    graph, inputs = build_graph(made.network, watched=True)
    runner, source = made.predictor(graph).runner, made.source
    names = list(dict.fromkeys(inputs.values()))
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    encodings = runner.encode([source.decoder.preprocess(clean_text(text, source.steps)) for text in texts])
    for index in range(len(encodings)):  # one by one, so that there is no padding
        given = runner.inputs(runner.batch(encodings, np.array([index])))
        for name, values in zip(names, runner.session.run(names, given), strict=True):
            low[name], high[name] = min(low[name], values.min()), max(high[name], values.max())
    return {name: (float(low[tensor]), float(high[tensor])) for name, tensor in inputs.items()}
