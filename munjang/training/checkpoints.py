"""Checkpoints that are whole or absent: written beside, checked by hash, renamed; broken ones are passed over."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.files import file_hash, sync, write_json

log = logging.getLogger("munjang")


def write_folder(folder: Path, fill: Callable[[Path], None], state: dict[str, Any]) -> None:
    """Make `folder` in one move: `fill` writes files into a folder beside it, `state` becomes its state.json.

    state.json also lists every file's size and sha256. On a full disk nothing of it stays and the error says so.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        fill(beside)
        files = {}
        for path in sorted(beside.iterdir()):
            sync(path)
            files[path.name] = {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        write_json(beside / "state.json", {**state, "files": files})
        if folder.exists():
            shutil.rmtree(folder)
        beside.replace(folder)
        sync(folder.parent)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BundleError(
                f"The disk is full: {folder} could not be written. Earlier checkpoints are whole; "
                "free some space and go on with --resume."
            ) from error
        raise
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def read_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint folder; a BundleError where a file is missing, cut or changed."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = state["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder} is no whole checkpoint: its state.json cannot be read.") from error
    for name, facts in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"] or file_hash(path) != facts["sha256"]:
            raise BundleError(f"{path} is missing, cut short or changed since it was written.")
    return state


def steps_in(folder: Path, kind: str) -> list[tuple[int, Path]]:
    """The checkpoints `kind-STEP` in a folder, oldest first, broken ones included."""
    found = []
    for path in folder.glob(f"{kind}-*"):
        step = path.name.removeprefix(f"{kind}-")
        if path.is_dir() and step.isdigit():
            found.append((int(step), path))
    return sorted(found)


def newest_whole(folder: Path, kind: str = "step") -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is whole, with its state; broken ones are said and passed over."""
    for _, path in reversed(steps_in(folder, kind)):
        try:
            return path, read_state(path)
        except BundleError as error:
            log.warning("Passing over a broken checkpoint: %s", error)
    return None


def prune(folder: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints `step-STEP`, and what `prune_best` deletes."""
    steps = steps_in(folder, "step")
    for _, path in steps[:-keep]:
        shutil.rmtree(path)
    prune_best(folder, [path / "state.json" for _, path in steps[-keep:]])


def prune_best(folder: Path, states: list[Path]) -> None:
    """Delete best weights that no state file refers to, unless they are newer than all of those, and left-overs."""
    wanted, newest = set(), -1
    for path in states:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            log.warning("%s cannot be read.", path)
            continue
        wanted.add(state.get("best_step"))
        newest = max(newest, state.get("step", -1))
    for step, path in steps_in(folder, "best"):
        if step not in wanted and step <= newest:
            shutil.rmtree(path)
    for path in folder.glob(".*"):
        if path.is_dir() and not path.name.endswith(f".{os.getpid()}"):
            shutil.rmtree(path, ignore_errors=True)
