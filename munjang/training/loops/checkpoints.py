"""Checkpoints that are whole or absent: written beside, checked by hash, renamed; broken ones are skipped."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.files import disk_errors, file_facts, whole_folder, write_json
from munjang.models.folder import RESUME_REMEDY
from munjang.translation import _

log = logging.getLogger("munjang")


def write_folder(folder: Path, fill: Callable[[Path], None], state: dict[str, Any]) -> None:
    """Make a `whole_folder`: `fill` writes its files, `state` becomes its state.json.

    state.json also lists the size and sha256 of every file. If the disk is full, nothing of it stays (BundleError).
    """
    with disk_errors(folder, _(RESUME_REMEDY)), whole_folder(folder) as temporary:
        fill(temporary)
        files = {path.name: file_facts(path) for path in sorted(temporary.iterdir())}
        write_json(temporary / "state.json", {**state, "files": files})


def read_state(folder: Path, seal: str = "state.json") -> dict[str, Any]:
    """The state of a checkpoint folder, from its file `seal`; a BundleError if a file is missing, cut or changed."""
    try:
        state = json.loads((folder / seal).read_text(encoding="utf-8"))
        files = state["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            _("{folder} is an incomplete checkpoint: its {seal} cannot be read.", folder=folder, seal=seal)
        ) from error
    for name, known in files.items():
        path = folder / name
        if not path.is_file() or file_facts(path) != known:
            raise BundleError(_("{path} is missing, cut short or changed since it was written.", path=path))
    return state


def steps_in(folder: Path, kind: str) -> list[tuple[int, Path]]:
    """The checkpoints `kind-STEP` in a folder, oldest first, broken ones included."""
    checkpoints = []
    for path in folder.glob(f"{kind}-*"):
        step = path.name.removeprefix(f"{kind}-")
        if path.is_dir() and step.isdigit():
            checkpoints.append((int(step), path))
    return sorted(checkpoints)


def newest_whole(folder: Path, kind: str = "step", seal: str = "state.json") -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, with its state; broken ones are logged and skipped.

    A checkpoint whose best weights are missing or broken counts as broken too.
    """
    for __, path in reversed(steps_in(folder, kind)):
        try:
            state = read_state(path, seal)
            if state.get("best_step", -1) >= 0 and state.get("keeps_best", False):
                read_state(best_folder(folder, state["best_step"]))
        except BundleError as error:
            log.warning("Skipping a broken checkpoint: %s", error)
        else:
            return path, state
    return None


def best_folder(folder: Path, step: int) -> Path:
    """The folder of the best weights of a run, if `step` was the best step."""
    return folder / f"best-{step:08d}"


def prune(folder: Path, step: int, keep: int, *, kind: str = "step", seal: str = "state.json") -> None:
    """After a save at `step`: keep only the newest `keep` checkpoints up to it, and delete what `prune_best` deletes.

    Checkpoints after `step` are left from before a resume at an earlier step.
    """
    steps = steps_in(folder, kind)
    kept = [path for number, path in steps if number <= step][-keep:]
    for __, path in steps:
        if path not in kept:
            shutil.rmtree(path)
    prune_best(folder, [path / seal for path in kept])


def prune_best(folder: Path, states: list[Path]) -> None:
    """Delete unfinished folders, and best weights that no state file names unless they are newer than all states."""
    used, newest = set(), -1
    for path in states:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            log.warning("%s cannot be read.", path)
            continue
        used.add(state.get("best_step"))
        newest = max(newest, state.get("step", -1))
    for step, path in steps_in(folder, "best"):
        if step not in used and step <= newest:
            shutil.rmtree(path)
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
