"""The model folder: weights, tokenizer, labels, cleaning and origin together, checked when it is opened."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from munjang import __version__
from munjang.errors import BundleError
from munjang.files import file_hash, sync, write_json
from munjang.records import LabelSet

MANIFEST = "munjang.json"
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What munjang.json holds: everything about the pipeline that is not in the weights.

    steps: the text steps of cleaning. max_length: tokens; longer texts are cut. threshold: for multi-label, the
    probability from which a label counts. details: what the format keeps. files: name -> bytes and sha256.
    """

    format: str
    task: str
    labels: LabelSet
    steps: tuple[str, ...] = ()
    max_length: int = 512
    backbone: str = ""
    origin: str = ""
    corpus: str = ""
    threshold: float = 0.5
    settings: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    munjang: str = __version__
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(replace(self, labels=LabelSet(()))), "labels": self.labels.to_dict()}


def save_bundle(folder: Path, manifest: Manifest, fill: Callable[[Path], None], card: str) -> Manifest:
    """Write a model folder; munjang.json comes last, so that a cut-off write is no model.

    fill: writes the format's files into the folder it is given. card: the text of README.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        fill(beside)
        files = {}
        for path in sorted(beside.iterdir()):
            sync(path)
            files[path.name] = {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        (beside / "README.md").write_text(card, encoding="utf-8")
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in sorted(beside.iterdir()):
            path.chmod(0o644)  # safetensors writes through a private temporary file
            path.replace(folder / path.name)
        manifest = replace(manifest, files=files)
        write_json(folder / MANIFEST, manifest.to_dict())
        sync(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BundleError(f"The disk is full: the model could not be written to {folder}.") from error
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder, its files checked by size and hash.

    A plain transformers folder with a sequence classifier is taken too, with the label names of its config.json.
    BundleError: no folder, no model in it, a file missing, cut or changed, or written by a later version.
    """
    if not folder.is_dir():
        raise BundleError(f"No model folder {folder}.")
    path = folder / MANIFEST
    if not path.exists():
        return plain_manifest(folder)
    data = read_json(path)
    if data.get("version", 0) > VERSION:
        raise BundleError(f"{folder} was written by munjang {data.get('munjang')}, which is newer than this one.")
    try:
        labels = LabelSet.from_dict(data["labels"])
        known = {key: value for key, value in data.items() if key in Manifest.__dataclass_fields__}
        manifest = Manifest(**{**known, "labels": labels, "steps": tuple(data.get("steps", ()))})
        check_files(folder, manifest)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BundleError(f"{path} is damaged: {error}.") from error
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder whose files are missing, cut short or changed."""
    for name, facts in manifest.files.items():
        if Path(name).name != name or name.startswith("."):
            raise BundleError(f"{folder / MANIFEST} names a file outside its folder: {name!r}.")
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path} is missing; the folder is no whole model.")
        if path.stat().st_size != facts["bytes"] or file_hash(path) != facts["sha256"]:
            raise BundleError(f"{path} was cut short or changed since it was saved.")


def plain_manifest(folder: Path) -> Manifest:
    """A manifest for a transformers folder without munjang.json."""
    if not (folder / "config.json").exists():
        hint = " Training has not finished there: go on with --resume." if (folder / "checkpoints").is_dir() else ""
        raise BundleError(f"{folder} holds no model: neither {MANIFEST} nor config.json.{hint}")
    config = read_json(folder / "config.json")
    kinds = config.get("architectures") or []
    if not any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        found = ", ".join(map(str, kinds)) or "nothing"
        raise BundleError(f"{folder} holds {found}, no sentence classifier. Train one with --backbone {folder}.")
    names = config.get("id2label") or {}
    labels = LabelSet(tuple(str(names[key]) for key in sorted(names, key=int)))
    several = config.get("problem_type") == "multi_label_classification"
    reach = int(config.get("max_position_embeddings", 512)) - (2 if "roberta" in config.get("model_type", "") else 0)
    return Manifest("native", "multi-label" if several else "classification", labels, ("nfc",), reach, str(folder))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; anything else is a BundleError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} holds no JSON object.")
    return data
