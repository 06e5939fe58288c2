"""The model folder: weights, tokenizer, labels, cleaning and origin together, checked when it is opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from munjang import __version__
from munjang.encoder.families import family_of
from munjang.errors import BundleError, DataError, UnknownName, unknown_name
from munjang.files import disk_errors, file_facts, read_regular, write_json, write_text
from munjang.files.outputs import WORK, replaced_together, settle, work_of_folder
from munjang.records import LabelSet
from munjang.tasks import make_task
from munjang.text.cleaning import STEPS
from munjang.translation import N_, _

MANIFEST = "munjang.json"
MANIFEST_VERSION = 1
LARGEST = 2**31 - 1  # of the numbers in munjang.json
PLAIN_FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "vocab.txt",
)  # fmt: skip
"""What transformers writes for a model; a pre-trained one has no manifest that lists its files."""
SHORTEST, MOST_LABELS = 3, 100_000  # tokens of a text, special tokens included; labels of a classifier
MOST_JSON = 20_000_000  # bytes; 100,000 labels have 5 MB
RESUME_REMEDY = N_("Free some space and go on with {option:resume=True}.")
"""What to do when the disk is full during a run that can be resumed."""


@dataclass(frozen=True)
class Manifest:
    """What munjang.json holds: everything about the pipeline that is not in the weights.

    steps: the text steps of cleaning. max_length: tokens; longer texts are cut. threshold: the least probability at
    which a multi-label model gives a label. details: what the format needs. files: name -> bytes and sha256.
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
    version: int = MANIFEST_VERSION

    @property
    def task_options(self) -> dict[str, Any]:
        """What `munjang.tasks.make_task` needs besides the labels."""
        options = self.details.get("task", {})
        if not isinstance(options, dict):
            raise BundleError(
                _("{manifest} is damaged: details.task is {options!r}.", manifest=MANIFEST, options=str(options)[:80])
            )
        return options

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        return {**asdict(replace(self, labels=LabelSet(()))), "labels": self.labels.to_dict()}


def save_bundle(
    folder: Path,
    manifest: Manifest,
    fill: Callable[[Path], None],
    card: str | None,
    *,
    remedy: str = RESUME_REMEDY,
    outdated: Sequence[str] = (),
) -> Manifest:
    """Write a model folder. All files appear together, munjang.json last: half a model is no model.

    fill: writes the format's files into the folder it is given; a subfolder there is not listed in the manifest. card:
    the text of README.md; None leaves it out, for a card that is written later. remedy: what to do if the disk is full,
    which is a BundleError. outdated: names of an earlier model that go, see `model_entries`.
    """
    work, last = work_of_folder(folder), ("config.json", MANIFEST)
    with disk_errors(folder, _(remedy)), replaced_together(work, last=last, outdated=outdated) as temporary:
        fill(temporary)
        files = {path.name: file_facts(path) for path in sorted(temporary.iterdir()) if path.is_file()}
        if card is not None:
            write_text(temporary / "README.md", card)
        manifest = replace(manifest, files=files)
        write_json(temporary / MANIFEST, manifest.to_dict())
    return manifest


def update_bundle(folder: Path, fill: Callable[[Path], None], change: Callable[[dict[str, Any]], None]) -> None:
    """Add or replace files of a model folder and change its manifest, all together.

    fill: writes files into the folder that it is given. change: edits the values of munjang.json. BundleError.
    """
    remedy = _("Free some space and give the same command again.")
    work = work_of_folder(folder)
    with disk_errors(folder, remedy), replaced_together(work, last=(MANIFEST,)) as temporary:
        fill(temporary)
        values = read_json_object(folder / MANIFEST)
        values["files"] |= {path.name: file_facts(path) for path in sorted(temporary.iterdir())}
        change(values)
        write_json(temporary / MANIFEST, values)


def check_model_target(source: Path, target: Path) -> None:
    """Refuse a target that is a file, lies inside the model `source`, or holds something other than a model."""
    if source.resolve() in target.resolve().parents:
        raise BundleError(_("{target} lies in the model's own folder; choose another folder.", target=target))
    if target.exists() and not target.is_dir():
        raise BundleError(_("{target} is a file; a model needs a folder.", target=target))
    settle(work_of_folder(target))
    if target.exists() and not (target / MANIFEST).exists() and any(path.name != WORK for path in target.iterdir()):
        raise BundleError(_("{target} is not empty and holds no model; choose another folder.", target=target))


def model_entries(folder: Path) -> list[str]:
    """The names of what a model and its training have put into a folder; other files there are the user's."""
    files: Any = {}
    with suppress(BundleError):
        files = read_json_object(folder / MANIFEST).get("files", {})
    listed = files.items() if isinstance(files, dict) else ()
    names = [MANIFEST, *PLAIN_FILES, *(name for name, known in listed if is_listed(folder, name, known)), "README.md"]
    return list(dict.fromkeys([*names, "run", "checkpoints", "texts", "loss.png"]))


def is_listed(folder: Path, name: str, known: Any) -> bool:
    """Whether a name in munjang.json is that of a model's file: a stranger may have written it to delete others."""
    if not is_plain_name(name) or not isinstance(known, dict) or not (folder / name).is_file():
        return False
    return known.get("bytes") == (folder / name).stat().st_size


def is_plain_name(name: str) -> bool:
    """Whether a name is that of a file in a folder, neither hidden nor a path."""
    return bool(name) and Path(name).name == name and not name.startswith(".")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder; its files are checked by size and hash.

    A plain transformers folder with a sequence classifier is accepted too, with the label names of its config.json.
    BundleError: no folder, no model in it, a file is missing, cut or changed, or a later version wrote it.
    """
    if not folder.is_dir():
        raise BundleError(_("No model folder {folder}.", folder=folder))
    settle(work_of_folder(folder))
    path = folder / MANIFEST
    if not path.exists():
        return plain_manifest(folder)
    data = read_json_object(path)
    version = data.get("version", 0)
    if not is_json_number(version, int):
        raise BundleError(
            _("{path} is damaged: version is {version!r}, expected a whole number.", path=path, version=version)
        )
    if version > MANIFEST_VERSION:
        raise BundleError(
            _(
                "{folder} was written by munjang {version}, which is newer than this one. Update munjang.",
                folder=folder,
                version=data.get("munjang"),
            )
        )
    try:
        check_values(data)
        labels = LabelSet.from_dict(data["labels"])
        known = {key: value for key, value in data.items() if key in Manifest.__dataclass_fields__}
        manifest = Manifest(**{**known, "labels": labels, "steps": tuple(data.get("steps", ()))})
        if unknown := next((step for step in manifest.steps if step not in STEPS), None):
            raise unknown_name(_("text step"), unknown, STEPS)
        make_task(manifest.task, manifest.labels, **manifest.task_options)  # refuses what it cannot make
        check_files(folder, manifest)
    except (UnknownName, DataError) as error:
        raise BundleError(_("{folder}: {reason}", folder=folder, reason=error)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BundleError(_("{path} is damaged: {reason}.", path=path, reason=error)) from error
    return manifest


def check_values(data: Mapping[str, Any]) -> None:
    """A ValueError that names the first value of a manifest with the wrong type or range."""
    kinds = {"format": str, "task": str, "backbone": str, "origin": str, "corpus": str, "munjang": str, "steps": list,
             "labels": dict, "settings": dict, "validation": dict, "details": dict, "files": dict}  # fmt: skip
    names, aliases = (data["labels"].get(key, {}) for key in ("names", "aliases"))
    wrong = [key for key, kind in kinds.items() if key in data and not isinstance(data[key], kind)]
    wrong += ["steps"] * (not wrong and not all(isinstance(step, str) for step in data.get("steps", ())))
    wrong += ["max_length"] * (
        not is_json_number(data.get("max_length", 512), int) or not SHORTEST <= data.get("max_length", 512) <= LARGEST
    )
    wrong += ["threshold"] * (
        not is_json_number(data.get("threshold", 0.5)) or not 0 <= data.get("threshold", 0.5) <= 1
    )
    wrong += ["labels"] * (not isinstance(names, list) or not names or not isinstance(aliases, dict))
    if wrong:
        raise ValueError(_("{name} is {value!r}", name=wrong[0], value=str(data[wrong[0]])[:80]))
    if not all(isinstance(name, str) for name in (*names, *aliases.values())):
        raise ValueError(_("a label is not a text"))


def is_json_number(value: Any, kinds: type | tuple[type, ...] = (int, float)) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def detail_number(details: Mapping[str, Any], name: str, least: int) -> int:
    """A whole number that a format needs. ValueError: it is missing, something else, or out of range."""
    value: Any = details.get(name)
    if not is_json_number(value, int) or not least <= value <= LARGEST:
        raise ValueError(
            _(
                "{name} is {value!r}, expected a whole number from {least} to {most}",
                name=f"details.{name}",
                value=str(value)[:80],
                least=least,
                most=LARGEST,
            )
        )
    return value


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder whose files are missing, cut short or changed."""
    for name, known in manifest.files.items():
        if not is_plain_name(name):
            raise BundleError(
                _("{manifest} names a file outside its folder: {name!r}.", manifest=folder / MANIFEST, name=name)
            )
        path = folder / name
        if not path.is_file():
            raise BundleError(_("{path} is missing; the model folder is incomplete.", path=path))
        if file_facts(path) != known:
            raise BundleError(_("{path} was cut short or changed since it was saved.", path=path))


def plain_manifest(folder: Path) -> Manifest:
    """A manifest for a transformers folder without munjang.json; an unfinished run of munjang is refused."""
    traces = ("run/settings.json", "checkpoints", ".saving")  # .saving: of earlier versions
    is_unfinished = any((folder / path).exists() for path in traces)
    hint = [_("Training has not finished there: go on with {option:resume=True}.")] if is_unfinished else []
    path = folder / "config.json"
    if not path.exists():
        text = _("{folder} holds no model: neither {manifest} nor config.json.", folder=folder, manifest=MANIFEST)
        raise BundleError(" ".join([text, *hint]))
    config = read_json_object(path)
    kinds = config.get("architectures") or []
    if not isinstance(kinds, list):
        raise BundleError(_("{path} is damaged: architectures is {kinds!r}, expected a list.", path=path, kinds=kinds))
    if not any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        raise BundleError(
            _(
                "{folder} is not a sentence classifier: its config.json names {architectures}. Train one with "
                "{option:backbone={folder}}.",
                folder=folder,
                architectures=", ".join(map(str, kinds)) or _("no architecture"),
            )
        )
    if is_unfinished:
        text = _("{folder} holds an incomplete model: {manifest} is missing.", folder=folder, manifest=MANIFEST)
        raise BundleError(" ".join([text, *hint]))
    try:
        labels, max_length = config_labels(config), plain_reach(config)
    except ValueError as error:
        raise BundleError(_("{path} is damaged: {reason}.", path=path, reason=error)) from error
    several = config.get("problem_type") == "multi_label_classification"
    return Manifest("native", "multi-label" if several else "classification", labels, ("nfc",), max_length, str(folder))


def config_labels(config: Mapping[str, Any]) -> LabelSet:
    """The labels of a transformers config, which omits the default names LABEL_0 and LABEL_1; else a ValueError."""
    names = config.get("id2label")
    if names is None:
        count = config.get("num_labels", 2)
        if not is_json_number(count, int) or not 0 < count <= MOST_LABELS:
            raise ValueError(_("{name} is {value!r}", name="num_labels", value=count))
        return LabelSet(tuple(f"LABEL_{i}" for i in range(count)))
    if not isinstance(names, dict) or not names or set(names) != {str(i) for i in range(len(names))}:
        raise ValueError(_("id2label does not name every number from 0"))
    if not all(isinstance(name, str | int) for name in names.values()):
        raise ValueError(_("id2label has a name that is not a text"))
    return LabelSet(tuple(str(names[str(i)]) for i in range(len(names))))


def plain_reach(config: Mapping[str, Any]) -> int:
    """How many tokens a transformers model takes; a ValueError if its config is wrong."""
    positions, kind = config.get("max_position_embeddings"), config.get("model_type") or ""
    if positions is None:
        positions = 512
    if not isinstance(kind, str):
        raise ValueError(_("{name} is {value!r}", name="model_type", value=kind))
    if not is_json_number(positions, int) or positions < SHORTEST + 2:
        raise ValueError(_("{name} is {value!r}", name="max_position_embeddings", value=positions))
    return positions - family_of(kind).padding_positions


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file; anything else is a BundleError."""
    try:
        data = json.loads(read_regular(path, MOST_JSON).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=error)) from error
    if not isinstance(data, dict):
        raise BundleError(_("{path} holds no JSON object.", path=path))
    return data
