"""Many classifiers on one encoder: what their folder says about each head, and each head's part of the network.

The logits of all heads are side by side. `munjang.json` names them "HEAD/LABEL" and keeps the rest of each head under
`details["heads"]`: its labels, its corpus, the temperature that divides its logits, and its scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from munjang.config.checks import HEAD_NAME
from munjang.errors import BundleError, ConfigError, DataError, unknown_name
from munjang.files import ASSETS
from munjang.models.folder import MANIFEST, Manifest, read_manifest
from munjang.records import LabelSet
from munjang.tasks import make_task
from munjang.tasks.base import Task
from munjang.tasks.classification import COLDEST, HOTTEST, Classification, is_temperature
from munjang.translation import _, ngettext

HEADS = "heads"
"""The key of a manifest's details that describes the heads of a network."""
MINI = "mini"
"""The name of the packaged model; MINI/HEAD is one head of it."""
PACKAGED_HEADS = ASSETS / MINI / "heads"
PARSER = "parser"
"""MINI/PARSER is the packaged parser, if there is one."""
PACKAGED_PARSER = PACKAGED_HEADS.with_name(PARSER)


@dataclass(frozen=True)
class Head:
    """One classifier of several. columns: the position of its logits. temperature: divides them before the softmax.

    corpus: its training corpus. validation, test, calibration: its scores, as training recorded them.
    """

    name: str
    labels: LabelSet
    columns: slice
    temperature: float = 1.0
    corpus: str = ""
    validation: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decoder(self) -> Classification:
        """Reads its part of the network's logits."""
        return Classification(self.labels, self.columns, self.temperature)


def open_task(manifest: Manifest, folder: str | Path) -> Task:
    """The task of a model. BundleError: its description of heads is wrong. folder: its name in messages."""
    if HEADS not in manifest.details:
        return make_task(manifest.task, manifest.labels, **manifest.task_options)
    temperatures = {head.name: head.temperature for head in read_heads(manifest, folder)}
    return make_task(manifest.task, manifest.labels, temperatures=temperatures)


def read_heads(manifest: Manifest, folder: str | Path) -> tuple[Head, ...]:
    """The heads of a folder in the order of their logits. BundleError: their description is wrong or inconsistent.

    folder: its name in messages.
    """
    described = manifest.details.get(HEADS)
    try:
        if HEADS not in manifest.details:
            raise ValueError(_("its task is {task}, so it has no heads", task=manifest.task))
        if not isinstance(described, dict) or not described:
            raise ValueError(_("details.heads is {value!r}, expected heads by name", value=str(described)[:80]))
        heads, start = [], 0
        for name, facts in described.items():
            heads.append(read_head(name, facts, start))
            start = heads[-1].columns.stop
        head_labels = [f"{head.name}/{label}" for head in heads for label in head.labels]
        if head_labels != list(manifest.labels.names):
            raise ValueError(label_mismatch(head_labels, manifest.labels.names))
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


def label_mismatch(head_labels: Sequence[str], names: Sequence[str]) -> str:
    """The first difference between the labels of the heads and those of the network, `names`, as a clause."""
    if len(head_labels) != len(names):
        return _("it has {count} labels, but its heads have {expected}", count=len(names), expected=len(head_labels))
    index = next(i for i, (label, name) in enumerate(zip(head_labels, names, strict=True)) if label != name)
    return _(
        "label {number} is '{name}', but by its heads it should be '{expected}'",
        number=index + 1,
        name=names[index],
        expected=head_labels[index],
    )


def read_head(name: str, facts: Any, start: int) -> Head:
    """One head, checked; its logits begin at `start`. ValueError or DataError: which value is wrong."""
    if not HEAD_NAME.fullmatch(name):
        raise ValueError(
            _(
                "a head is called {name!r}; names consist of a-z, 0-9, _ and -, and begin with a letter",
                name=name[:80],
            )
        )
    if not isinstance(facts, dict):
        raise wrong_value(name, facts)
    temperature, corpus = facts.get("temperature", 1.0), facts.get("corpus", "")
    if not is_temperature(temperature):
        raise ValueError(
            _(
                "{name}.temperature is {value!r}, expected {coldest} to {hottest:g}",
                name=name,
                value=str(temperature)[:80],
                coldest=COLDEST,
                hottest=HOTTEST,
            )
        )
    if not isinstance(corpus, str):
        raise wrong_value(f"{name}.corpus", corpus)
    scores = {key: facts.get(key, {}) for key in ("validation", "test", "calibration")}
    for key, value in scores.items():
        if not isinstance(value, dict):
            raise wrong_value(f"{name}.{key}", value)
    labels = read_labels(name, facts.get("labels"))
    return Head(name, labels, slice(start, start + len(labels)), float(temperature), corpus, **scores)


def wrong_value(key: str, value: Any) -> ValueError:
    """The error for a value of the wrong kind."""
    return ValueError(_("{key} is {value!r}", key=key, value=str(value)[:80]))


def read_labels(name: str, labels: Any) -> LabelSet:
    """The label set of a head, checked. ValueError, DataError."""
    names, aliases = (labels.get("names"), labels.get("aliases", {})) if isinstance(labels, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(aliases, dict):
        raise wrong_value(f"{name}.labels", labels)
    if not all(isinstance(text, str) and text for text in (*names, *aliases.values())):
        raise ValueError(_("{name}.labels has a label that is not a text", name=name))
    if len(names) < 2:
        raise ValueError(
            ngettext(
                "{name} has {count} label, expected at least two",
                "{name} has {count} labels, expected at least two",
                len(names),
                name=name,
            )
        )
    return LabelSet(tuple(names), aliases)


def pick_head(heads: Sequence[Head], name: str, model: str) -> Head:
    """The head with this name. UnknownName lists the known heads. model: its name in the message."""
    by_name = {head.name: head for head in heads}
    if name not in by_name:
        raise unknown_name(_("head of {model}", model=model), name, by_name)
    return by_name[name]


def head_manifest(manifest: Manifest, head: Head) -> Manifest:
    """The manifest of one head as a separate classifier."""
    details = {
        "head": head.name, "temperature": head.temperature, "test": dict(head.test),
        "calibration": dict(head.calibration),
    }  # fmt: skip
    return replace(
        manifest, task="classification", labels=head.labels, corpus=head.corpus, validation=dict(head.validation),
        details=details,
    )  # fmt: skip


def find_model(name: str | Path) -> tuple[Path, Manifest, str | None]:
    """The folder of a model by its name, its checked manifest, and the head: None for the whole model.

    In this order: a folder on disk; FOLDER/HEAD of a folder with many heads; "mini" or "mini/HEAD", the packaged model;
    "mini/parser", the packaged parser. So your own folder with the name mini/sentiment comes before the packaged head.
    BundleError: the packaged model is missing, or `read_manifest` refuses the folder.
    """
    path, head = Path(name), None
    if not path.is_dir():
        if (path.parent / MANIFEST).is_file() and HEADS in (manifest := read_manifest(path.parent)).details:
            return path.parent, manifest, path.name
        if path.parts == (MINI, PARSER):
            path = packaged_parser()
        elif path.parts and path.parts[0] == MINI and len(path.parts) <= 2:
            path, head = packaged(), path.name if len(path.parts) == 2 else None
    return path, read_manifest(path), head


def packaged() -> Path:
    """The folder of the packaged model. BundleError: this installation does not have it."""
    if not (PACKAGED_HEADS / MANIFEST).is_file():
        raise BundleError(
            _(
                "This installation of munjang lacks its packaged model '{mini}' ({packaged_heads}). "
                "Install munjang again, or name your own model folder.",
                mini=MINI,
                packaged_heads=PACKAGED_HEADS,
            )
        )
    return PACKAGED_HEADS


def has_parser() -> bool:
    """Whether this installation has a parser."""
    return (PACKAGED_PARSER / MANIFEST).is_file()


def packaged_parser() -> Path:
    """The folder of the packaged parser. BundleError: this installation does not have it."""
    if not has_parser():
        raise BundleError(
            _(
                "This installation of munjang has no packaged parser ({packaged_parser}). Train one: "
                "munjang train klue-dp {option:out=FOLDER}.",
                packaged_parser=PACKAGED_PARSER,
            )
        )
    return PACKAGED_PARSER


def is_packaged_folder(folder: Path) -> bool:
    """Whether a folder is a packaged model. Nothing is ever written there."""
    return folder.resolve() in (PACKAGED_HEADS.resolve(), PACKAGED_PARSER.resolve())


def model_name(folder: Path, head: str | None = None) -> str:
    """The name of a model, or of one head, in messages and reports: `nsmc`, `multi/sentiment`, `mini/sentiment`."""
    if folder.resolve() == PACKAGED_PARSER.resolve():
        return f"{MINI}/{PARSER}"
    name = MINI if is_packaged_folder(folder) else folder.name
    return name if head is None else f"{name}/{head}"


def too_many_heads(folder: str | Path | None, manifest: Manifest) -> ConfigError:
    """The error for a model with many heads where a single classifier is needed."""
    names = list(manifest.details.get(HEADS, {}))
    model = MINI if folder is not None and is_packaged_folder(Path(folder)) else folder or _("FOLDER")
    return ConfigError(
        _(
            "{model} has several tasks: {heads}. Name one of its heads, such as {model}/{example}, or use all of them: "
            "munjang analyze {option:model={model}}.",
            model=model,
            heads=", ".join(names),
            example=names[0] if names else _("HEAD"),
        )
    )
