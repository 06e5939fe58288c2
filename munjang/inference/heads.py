"""Many classifiers on one encoder: what their folder says of each head, and one head's share of the network.

The logits of all heads stand side by side. `munjang.json` names them "HEAD/LABEL" and keeps the rest of each head under
`details["heads"]`: its labels, its corpus, the temperature that divides its logits, and its scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.data.multi_corpus import HEAD_NAME
from munjang.errors import BundleError, ConfigError, DataError, unknown_name
from munjang.files import ASSETS
from munjang.models.folder import MANIFEST, Manifest, is_json_number, read_json_object
from munjang.records import LabelSet
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.backends import Runner
    from munjang.tasks.base import Batch, Outputs

TASK = "heads"
"""The task of a folder with many heads."""
MINI = "mini"
"""The name of the packaged model; MINI/HEAD is one head of it."""
PACKAGED_HEADS = ASSETS / MINI / "heads"
PARSER = "parser"
"""MINI/PARSER is the packaged parser, where there is one."""
PACKAGED_PARSER = PACKAGED_HEADS.with_name(PARSER)
COLDEST, HOTTEST = 0.01, 100.0  # temperatures; what calibration finds lies near 1


@dataclass(frozen=True)
class Head:
    """One classifier of several. columns: where its logits stand. temperature: what divides them before the softmax.

    corpus: what it learnt from. validation, test, calibration: its scores, as its training noted them.
    """

    name: str
    labels: LabelSet
    columns: slice
    temperature: float = 1.0
    corpus: str = ""
    validation: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax over this head's labels, (B, own labels) float32, of the logits of all heads (B, all labels)."""
        own = logits[:, self.columns].astype(np.float32)
        shares = np.exp((own - own.max(axis=1, keepdims=True)) / np.float32(self.temperature))
        return shares / shares.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class HeadsDecoder:
    """Outputs of a network with many heads to probabilities."""

    heads: tuple[Head, ...]
    output_kind = "probabilities"

    def preprocess(self, text: str) -> str:
        return text

    def empty_output(self, count: int) -> np.ndarray:
        """(count, all labels): equal shares within each head."""
        return self.decode({"logits": np.zeros((count, sum(len(head.labels) for head in self.heads)), np.float32)})

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B, all labels) float32; the labels of each head sum to 1."""
        return np.concatenate([head.probabilities(outputs["logits"]) for head in self.heads], axis=1)


class HeadRunner:
    """One head of a network that runs for several: its own logits, divided by its temperature."""

    def __init__(self, runner: Runner, head: Head) -> None:
        self.whole, self.head = runner, head
        self.max_length, self.unit = runner.max_length, runner.unit

    def encode(self, texts: Sequence[str]) -> Any:
        return self.whole.encode(texts)

    def batch(self, encodings: Any, indices: np.ndarray) -> Batch:
        return self.whole.batch(encodings, indices)

    def run(self, batch: Batch) -> Outputs:
        """`logits (B, own labels)`."""
        own = self.whole.run(batch)["logits"][:, self.head.columns]
        return {"logits": own / np.float32(self.head.temperature)}


def read_heads(manifest: Manifest, folder: str | Path) -> tuple[Head, ...]:
    """The heads of a folder in the order of their logits. BundleError: what is said of them does not fit together.

    folder: as messages name it.
    """
    noted = manifest.details.get("heads")
    try:
        if manifest.task != TASK:
            raise ValueError(f"its task is {manifest.task}, so it has no heads")
        if not isinstance(noted, dict) or not noted:
            raise ValueError(f"details.heads is {str(noted)[:80]!r}, expected its heads by name")
        heads, start = [], 0
        for name, facts in noted.items():
            heads.append(read_head(name, facts, start))
            start = heads[-1].columns.stop
        flat = [f"{head.name}/{label}" for head in heads for label in head.labels]
        if flat != list(manifest.labels.names):
            raise ValueError(misfit(flat, manifest.labels.names))
    except (ValueError, DataError) as error:
        raise BundleError(
            _(
                "{folder}: {manifest} describes no usable heads: {reason}.",
                folder=folder,
                manifest=MANIFEST,
                reason=error,
            )
        ) from error
    return tuple(heads)


def misfit(flat: Sequence[str], names: Sequence[str]) -> str:
    """Where the labels of the heads, `flat`, are not those of the network."""
    if len(flat) != len(names):
        return f"it has {len(names)} labels, its heads have {len(flat)}"
    place = next(i for i, (own, name) in enumerate(zip(flat, names, strict=True)) if own != name)
    return f"label {place + 1} is '{names[place]}', by the heads it should be '{flat[place]}'"


def read_head(name: str, facts: Any, start: int) -> Head:
    """One head, checked; its logits begin at `start`. ValueError or DataError: which value is not as it should be."""
    if not HEAD_NAME.fullmatch(name):
        raise ValueError(f"a head is called {name[:80]!r}; names are made of a-z, 0-9, _ and -, a letter first")
    if not isinstance(facts, dict):
        raise ValueError(f"{name} is {str(facts)[:80]!r}")
    temperature, corpus = facts.get("temperature", 1.0), facts.get("corpus", "")
    if not is_json_number(temperature) or not COLDEST <= temperature <= HOTTEST:  # NaN is not between them either
        raise ValueError(f"{name}.temperature is {str(temperature)[:80]!r}, expected {COLDEST} to {HOTTEST:g}")
    if not isinstance(corpus, str):
        raise ValueError(f"{name}.corpus is {str(corpus)[:80]!r}")
    scores = {key: facts.get(key, {}) for key in ("validation", "test", "calibration")}
    if wrong := next((key for key, value in scores.items() if not isinstance(value, dict)), None):
        raise ValueError(f"{name}.{wrong} is {str(scores[wrong])[:80]!r}")
    labels = read_labels(name, facts.get("labels"))
    return Head(name, labels, slice(start, start + len(labels)), float(temperature), corpus, **scores)


def read_labels(name: str, labels: Any) -> LabelSet:
    """The label set of a head, checked. ValueError, DataError."""
    names, aliases = (labels.get("names"), labels.get("aliases", {})) if isinstance(labels, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(aliases, dict):
        raise ValueError(f"{name}.labels is {str(labels)[:80]!r}")
    if not all(isinstance(text, str) and text for text in (*names, *aliases.values())):
        raise ValueError(f"{name}.labels has a label that is no text")
    if len(names) < 2:
        raise ValueError(f"{name} has {len(names)} labels, expected two at least")
    return LabelSet(tuple(names), aliases)


def pick_head(heads: Sequence[Head], name: str, model: str) -> Head:
    """The head of that name; an unknown one lists the known. model: as the message names it."""
    by_name = {head.name: head for head in heads}
    if name not in by_name:
        raise unknown_name(f"head of {model}", name, by_name)
    return by_name[name]


def head_manifest(manifest: Manifest, head: Head) -> Manifest:
    """The manifest of one head as a classifier of its own."""
    details = {
        "head": head.name, "temperature": head.temperature, "test": dict(head.test),
        "calibration": dict(head.calibration),
    }  # fmt: skip
    return replace(
        manifest, task="classification", labels=head.labels, corpus=head.corpus, validation=dict(head.validation),
        details=details,
    )  # fmt: skip


def find_model(name: str | Path) -> tuple[Path, str | None]:
    """The folder that a model's name means, and which head of it: None for the whole.

    In this order: a folder on disk; FOLDER/HEAD of a folder with many heads; "mini" or "mini/HEAD", the packaged model,
    "mini/parser", the packaged parser. So a folder of one's own that is called mini/sentiment comes before the packaged
    head. BundleError: the packaged model is not there.
    """
    path = Path(name)
    if path.is_dir():
        return path, None
    if has_heads(path.parent):
        return path.parent, path.name
    if path.parts == (MINI, PARSER):
        return packaged_parser(), None
    if path.parts and path.parts[0] == MINI and len(path.parts) <= 2:
        return packaged(), path.name if len(path.parts) == 2 else None
    return path, None


def has_heads(folder: Path) -> bool:
    """Whether a folder says that it has many heads."""
    return (folder / MANIFEST).is_file() and read_json_object(folder / MANIFEST).get("task") == TASK


def packaged() -> Path:
    """The folder of the packaged model. BundleError: this installation came without it."""
    if not (PACKAGED_HEADS / MANIFEST).is_file():
        raise BundleError(
            _(
                "This installation of munjang lacks its packaged model '{mini}' ({packaged_heads}). "
                "Install munjang again, or name a model folder of your own.",
                mini=MINI,
                packaged_heads=PACKAGED_HEADS,
            )
        )
    return PACKAGED_HEADS


def has_parser() -> bool:
    """Whether this installation came with a parser."""
    return (PACKAGED_PARSER / MANIFEST).is_file()


def packaged_parser() -> Path:
    """The folder of the packaged parser. BundleError: this installation came without it."""
    if not has_parser():
        raise BundleError(
            _(
                "This installation of munjang has no packaged parser ({packaged_parser}). Train one: "
                "munjang train klue-dp --out FOLDER.",
                packaged_parser=PACKAGED_PARSER,
            )
        )
    return PACKAGED_PARSER


def is_packaged_folder(folder: Path) -> bool:
    """Whether a folder is a packaged model, in which nothing is written."""
    return folder.resolve() in (PACKAGED_HEADS.resolve(), PACKAGED_PARSER.resolve())


def model_name(folder: Path, head: str | None = None) -> str:
    """How messages and reports call a model, or one head of it: `nsmc`, `multi/sentiment`, `mini/sentiment`."""
    if folder.resolve() == PACKAGED_PARSER.resolve():
        return f"{MINI}/{PARSER}"
    own = MINI if is_packaged_folder(folder) else folder.name
    return own if head is None else f"{own}/{head}"


def too_many_heads(folder: str | Path | None, manifest: Manifest) -> ConfigError:
    """The error for asking a model with many heads for one answer."""
    names = list(manifest.details.get("heads", {}))
    own = MINI if folder is not None and is_packaged_folder(Path(folder)) else folder or "FOLDER"
    return ConfigError(
        _(
            "{own} answers several questions at once: {names}. Name one of its heads, such as "
            "{own}/{names2}, or ask them all: munjang analyze --model {own}.",
            own=own,
            names=", ".join(names),
            names2=names[0] if names else "HEAD",
        )
    )
