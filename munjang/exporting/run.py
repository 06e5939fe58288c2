"""From a model folder to an exported one: read, build, try on sentences, and only then write."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from munjang import __version__
from munjang.bundle import MANIFEST, check_model_target, save_bundle
from munjang.errors import BundleError, require, unknown_name
from munjang.exporting.card import exported_card
from munjang.exporting.sample import Difference, difference, sentences
from munjang.formats.onnx import OnnxRunner, check_runtime, open_session, save
from munjang.prediction import Predictor, load

if TYPE_CHECKING:
    import tokenizers

    from munjang.exporting.graph import Range
    from munjang.exporting.network import Network

log = logging.getLogger("munjang")

PRECISIONS = {"onnx": "fp32", "onnx-int8": "int8"}
"""Formats that a model can be exported to -> how they calculate."""
REMEDY = "Free some space and export again."


@dataclass(frozen=True)
class Limits:
    """How far an exported model's answers on the sample may be from its source's.

    fp32: the largest difference of a probability. fixed_mean: in 8 bits, the mean difference up to which ranges are
    fixed beforehand; beyond it every token's own is measured. agreement: in 8 bits, the least share of equal labels, of
    many heads that of each.
    """

    fp32: float = 1e-3
    fixed_mean: float = 5e-3
    agreement: float = 0.97


def export(
    model: str | Path | Predictor,
    format: str,
    out: str | Path,
    *,
    overwrite: bool = False,
    limits: Limits = Limits(),
) -> Predictor:
    """Write a model as one that ONNX Runtime answers with, without torch; returns it, loaded from `out`.

    format: "onnx" (fp32, the same answers) or "onnx-int8" (a third of the size, several times faster, answers almost
    the same). The exported model is tried on sentences first. BundleError, with nothing written: the model is not in
    the native format, is one head of many or of an unknown family, `out` holds something else, fp32 probabilities
    differ by over 1e-3, or in 8 bits less than 97% of the labels (of any head) agree.
    """
    if format not in PRECISIONS:
        raise unknown_name("export format", format, PRECISIONS)
    require("an export to ONNX", "export", "torch", "transformers", "onnx")
    check_runtime()
    from munjang.exporting.network import read_network

    source, target = model if isinstance(model, Predictor) else load(model), Path(out)
    if source.manifest.format != "native" or source.folder is None:
        raise BundleError(f"Only models in the native format can be exported; this one is '{source.manifest.format}'.")
    if source.task == "parsing":
        raise BundleError(f"{source.name} is a parser; only classifiers can be exported so far.")
    if source.head is not None:
        raise BundleError(f"{source.name} is one head of a network; export the whole of it: {source.folder}.")
    check_out(source.folder, target, overwrite)
    network = read_network(source.folder)
    tokenizer = open_tokenizer(source.folder)
    texts = sentences()
    graph, how, found = choose(source, network, tokenizer, texts, PRECISIONS[format], limits)
    log.info("%s: %s.", format, found)
    details = {
        **source.manifest.details, "precision": PRECISIONS[format], "activations": how, "pad_id": network.pad_id,
        "reach": network.reach, "family": source.manifest.origin or source.manifest.backbone, "sample": found.to_dict(),
    }  # fmt: skip
    manifest = replace(
        source.manifest, format="onnx", details=details, max_length=min(source.manifest.max_length, network.reach),
        munjang=__version__,
    )  # fmt: skip
    card = exported_card(source, manifest, found)
    save_bundle(target, manifest, lambda folder: save(folder, graph, tokenizer), card, remedy=REMEDY)
    return load(target)


def check_out(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse the model itself, another one without `overwrite`, and what `check_model_target` refuses."""
    if target.resolve() == source.resolve():
        raise BundleError(f"{target} is the model's own folder; choose another folder.")
    check_model_target(source, target)
    if (target / MANIFEST).exists() and not overwrite:
        raise BundleError(f"{target} holds a model already. Say --overwrite to replace it.")


def open_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a model folder; a plain transformers folder without tokenizer.json is a BundleError."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise BundleError(f"{path} is missing; save the model with its fast tokenizer.")
    return Tokenizer.from_file(str(path))


def choose(
    source: Predictor,
    network: Network,
    tokenizer: tokenizers.Tokenizer,
    texts: Sequence[str],
    precision: str,
    limits: Limits,
) -> tuple[bytes, str, Difference]:
    """The graph whose answers are near enough, how it treats what flows through it, and how near.

    In 8 bits the ranges of what flows are fixed beforehand where that keeps the answers; else every token's is measured
    as it runs, which is more exact and a quarter slower. A BundleError where nothing is near enough.
    """
    from munjang.exporting.graph import build

    def tried(ranges: Mapping[str, Range] | None) -> tuple[bytes, Difference]:
        graph, _ = build(network, ranges)
        return graph, difference(source, predictor_of(source, network, tokenizer, graph), texts)

    if precision == "fp32":
        graph, found = tried(None)
        if not found.largest <= limits.fp32:
            raise BundleError(f"The exported model gives other answers, so it is not written: {found}.")
        return graph, "fp32", found
    graph, found = tried(measured(source, network, tokenizer, sentences(start=100)))
    if found.mean <= limits.fixed_mean and found.agreement >= limits.agreement:
        return graph, "fixed ranges", found
    log.info("Fixed ranges do not fit this network (%s); every token's own is measured instead.", found)
    graph, found = tried({})
    if not found.agreement >= limits.agreement:
        raise BundleError(f"In 8 bits the model gives other answers, so it is not written: {found}. Export to onnx.")
    return graph, "a range for each token", found


def predictor_of(source: Predictor, network: Network, tokenizer: tokenizers.Tokenizer, graph: bytes) -> Predictor:
    """A predictor with the source's text steps and a graph in memory."""
    runner = OnnxRunner(open_session(graph), tokenizer, source.runner.task, source.manifest.max_length, network.pad_id)
    return Predictor(source.manifest, runner, source.folder)


def measured(
    source: Predictor, network: Network, tokenizer: tokenizers.Tokenizer, texts: Sequence[str]
) -> dict[str, Range]:
    """The range of the input of each linear map over some texts, cleaned as the model cleans."""
    from munjang.cleaning import clean_text
    from munjang.exporting.graph import build

    graph, inputs = build(network, watched=True)
    runner = predictor_of(source, network, tokenizer, graph).runner
    names = list(dict.fromkeys(inputs.values()))
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    encodings = runner.encode([clean_text(text, source.steps) for text in texts])
    for index in range(len(encodings)):  # one by one, so that there is no padding
        batch = runner.batch(encodings, np.array([index]))
        for name, values in zip(names, runner.session.run(names, dict(batch)), strict=True):
            low[name], high[name] = min(low[name], values.min()), max(high[name], values.max())
    return {name: (float(low[tensor]), float(high[tensor])) for name, tensor in inputs.items()}
