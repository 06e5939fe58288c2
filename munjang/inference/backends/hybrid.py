"""The hybrid format: a network with linear models of n-grams beside it, whose logits are added with two weights.

A folder holds the files of the network's own format, as if it were alone, and for each linear model `ngrams.txt` and
`ngrams.safetensors` (`ngrams-HEAD.…` for a head of several). Plain transformers opens the network, not the rest.
`munjang.json` keeps under `details["hybrid"]` the format of the network, and of each linear model what its own format
keeps and its `Mix`. Prediction with the n-grams needs NumPy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.errors import BundleError
from munjang.inference.backends import Runner, linear, load_runner
from munjang.inference.backends.linear import LinearFiles, LinearParts, LinearRunner
from munjang.models.folder import MANIFEST, is_json_number
from munjang.records import LabelSet
from munjang.tasks.base import Batch, Decoder, Outputs
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.models.folder import Manifest
    from munjang.tasks.base import Task

FORMAT = "hybrid"
"""The name of the format, and the key of a manifest's details that describes it."""
NGRAMS = "ngram_logits"
"""The array of a batch that is added to the network's logits, (B, L) float32."""
HEAVIEST = 1000.0  # weight of logits; those that are fitted are near 1


@dataclass(frozen=True)
class Mix:
    """How the logits of a classifier come about: network · the network's + ngrams · the linear model's."""

    network: float
    ngrams: float

    def logits(self, of_network: np.ndarray, of_ngrams: np.ndarray) -> np.ndarray:
        """(n, L) from (n, L) each."""
        return self.network * of_network + self.ngrams * of_ngrams


@dataclass(frozen=True)
class NgramPart:
    """The linear model of one classifier on a network.

    columns: the position of its logits. validation: what training measured, with and without it.
    """

    mix: Mix
    model: LinearParts
    columns: slice
    validation: Mapping[str, Any] = field(default_factory=dict)


NgramParts = Mapping[str, NgramPart]
"""Head -> its linear model; "" for a network that answers one question."""


@dataclass(frozen=True)
class HybridInputs:
    """What the network reads, and (n, L) float32: what the n-grams add to its logits."""

    network: Any
    ngrams: np.ndarray

    def __len__(self) -> int:
        return len(self.network)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) as the network counts them."""
        return np.asarray(self.network.lengths)

    @property
    def truncated(self) -> np.ndarray:
        """(n,) bool: whether the network reads only the beginning. The n-grams count in the whole text."""
        return np.asarray(self.network.truncated)


class HybridRunner:
    """Runs a network and its linear models. labels: of the network, all heads together."""

    def __init__(self, network: Runner, parts: NgramParts, labels: int) -> None:
        self.network, self.parts = network, parts
        self.max_length, self.unit = network.max_length, network.unit
        self.models = [(part, LinearRunner(part.model)) for part in parts.values()]
        self.scale = np.ones(labels, np.float32)
        for part in parts.values():
            self.scale[part.columns] = part.mix.network

    def encode(self, texts: Sequence[str]) -> HybridInputs:
        """Encodings of the network. The linear models run here, over many texts at once."""
        sums = np.zeros((len(texts), len(self.scale)), np.float32)
        for part, model in self.models:
            sums[:, part.columns] = part.mix.ngrams * model.run({"texts": model.encode(texts).texts})["logits"]
        return HybridInputs(self.network.encode(texts), sums)

    def batch(self, encodings: HybridInputs, indices: np.ndarray) -> Batch:
        """The network's batch, and the part of the n-grams."""
        return self.network.batch(encodings.network, indices) | {NGRAMS: encodings.ngrams[indices]}

    def run(self, batch: Batch) -> Outputs:
        """{…, NGRAMS} -> {"logits": (B, L) float32}."""
        outputs = self.network.run({name: array for name, array in batch.items() if name != NGRAMS})
        return outputs | {"logits": outputs["logits"] * self.scale + batch[NGRAMS]}


def network_runner(runner: Runner) -> Any:
    """The runner of a model's network: its own, or that of a hybrid."""
    return runner.network if isinstance(runner, HybridRunner) else runner


def beside_ngrams(network: Runner, source: Runner) -> Runner:
    """A network with the linear models of `source`, if that has any."""
    return HybridRunner(network, source.parts, len(source.scale)) if isinstance(source, HybridRunner) else network


def network_format(manifest: Manifest) -> str:
    """The format of a model's network. BundleError: munjang.json describes no usable hybrid."""
    if manifest.format != FORMAT:
        return manifest.format
    inner = hybrid_facts(manifest).get("network")
    if inner not in ("native", "onnx"):
        raise unusable(_("{name} is {value!r}", name="network", value=str(inner)[:80]))
    return str(inner)


def hybrid_facts(manifest: Manifest) -> dict[str, Any]:
    """What munjang.json says about a hybrid. BundleError: nothing of use."""
    facts = manifest.details.get(FORMAT)
    if not isinstance(facts, dict) or not isinstance(facts.get("models"), dict):
        raise unusable(_("{name} is {value!r}", name=f"details.{FORMAT}", value=str(facts)[:80]))
    return facts


def unusable(reason: str) -> BundleError:
    """The error for a wrong description."""
    return BundleError(_("{manifest} describes no usable hybrid: {reason}.", manifest=MANIFEST, reason=reason))


def hybrid_manifest(manifest: Manifest, network: str, parts: NgramParts) -> Manifest:
    """The manifest of a network whose own format is `network`, with linear models beside it."""
    models = {
        head: {"mix": asdict(part.mix), "validation": dict(part.validation), **linear.details(part.model)}
        for head, part in parts.items()
    }
    details = {**manifest.details, FORMAT: {"network": network, "models": models}}
    return replace(manifest, format=FORMAT, details=details)


def save(folder: Path, parts: NgramParts) -> None:
    """Write the linear models beside the files of the network."""
    for head, part in parts.items():
        linear.save(folder, part.model, ngram_files(head))


def ngram_files(head: str) -> LinearFiles:
    """The files of a head's linear model."""
    stem = f"ngrams-{head}" if head else "ngrams"
    return LinearFiles(f"{stem}.safetensors", f"{stem}.txt")


def load(folder: Path, manifest: Manifest, task: Task, precision: str = "fp32") -> HybridRunner:
    """The runner of a hybrid folder. BundleError: a part is missing, damaged, or for other labels."""
    network = load_runner(folder, replace(manifest, format=network_format(manifest)), task, precision)
    known = task.parts or {"": task}
    models = hybrid_facts(manifest)["models"]
    if strange := sorted(set(models) - set(known)):
        raise unusable(_("it has no head {head}", head=strange[0][:80]))
    parts = {head: read_part(folder, head, facts, known[head]) for head, facts in models.items()}
    return HybridRunner(network, parts, len(task.labels))


def read_part(folder: Path, head: str, facts: Any, decoder: Decoder) -> NgramPart:
    """The linear model of one classifier, checked. BundleError."""
    mix, validation = (facts.get("mix"), facts.get("validation", {})) if isinstance(facts, dict) else (None, None)
    weights: list[Any] = [mix.get(item.name) if isinstance(mix, dict) else None for item in fields(Mix)]
    if not all(is_json_number(weight) and 0 <= weight <= HEAVIEST for weight in weights):  # NaN is not between them
        raise unusable(_("{name} is {value!r}", name="mix", value=str(mix)[:80]))
    if not isinstance(validation, dict):
        raise unusable(_("{name} is {value!r}", name="validation", value=str(validation)[:80]))
    columns = getattr(decoder, "columns", None) or slice(0, len(decoder.labels))
    labels = LabelSet(tuple(label.removeprefix(f"{head}/") for label in decoder.labels)) if head else decoder.labels
    model = linear.read_parts(folder, facts, labels, ngram_files(head))
    return NgramPart(Mix(*map(float, weights)), model, columns, validation)
