"""Outputs: what a command writes appears as a whole, and one process at a time writes it.

An output is a folder, or a file among the user's own. While it is written there is a work folder: `.munjang` in an
output folder, `.NAME.munjang` beside an output file. It holds

    lock         who writes; the system releases it when the process dies
    new/NAME/    what is being written
    ready/       what is whole and is moved into place, as ready.json says

Renaming `new/NAME` to `ready` decides: after a kill before it the old result stands, after a kill later the new one.
The next process that opens or writes the output moves what was not moved yet.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from munjang.errors import BundleError, InUse
from munjang.files import disk_errors, remove, sync, sync_tree, try_lock, write_json
from munjang.files.processes import is_running, machine, start_of
from munjang.translation import _

WORK = ".munjang"
PATIENCE_S = 10.0  # files are moved in milliseconds
MISSES = 100  # how often a folder may vanish while it is made
HELD: ContextVar[frozenset[tuple[int, Path]]] = ContextVar("HELD", default=frozenset())
"""The work folders that this thread holds already, each with the number of its process: a fork copies this too."""


def work_of_folder(folder: Path) -> Path:
    """The work folder of an output folder."""
    return folder / WORK


def work_of_file(path: Path) -> Path:
    """The work folder of an output file."""
    return path.with_name(f".{path.name}{WORK}")


def output_name(work: Path) -> Path:
    """The output of a work folder, as messages call it."""
    return work.parent if work.name == WORK else work.with_name(work.name[1:].removesuffix(WORK))


def staged(work: Path) -> Path:
    """The folder in which the new result is made; it has the name of the output's folder, which names a model."""
    return work / "new" / (work.parent.name or work.absolute().parent.name or "root")


def final_place(path: Path) -> Path:
    """Where a path will be when what is staged has been moved into place."""
    parts = path.parts
    for index, name in enumerate(parts[:-1]):
        if name.endswith(WORK) and parts[index + 1] == "new":
            return final_place(Path(*parts[:index], *parts[index + 3 :]))
    return path


@contextmanager
def sole_writer(work: Path, *, patience_s: float = 0.2) -> Iterator[None]:
    """Within the block no other process writes the output; its folder is made if it is missing.

    What a killed process was moving into place is moved first. InUse: another process writes the output, and still does
    after `patience_s`; one that only reads has it for a moment, see `settle`.
    """
    here = os.getpid(), work.absolute()
    if here in HELD.get():
        yield
        return
    made = [path for path in work.parents if not path.exists()]
    remedy = _("Free some space and give the same command again.")
    with disk_errors(output_name(work), remedy):
        descriptor = take_lock(work, patience_s)
    token = HELD.set(HELD.get() | {here})
    try:
        with disk_errors(output_name(work), remedy):
            write_owner(descriptor)
            move_rest(work)
        yield
    finally:
        HELD.reset(token)
        os.ftruncate(descriptor, 0)  # no owner, where the file stays: Windows deletes none that is open
        with suppress(OSError):
            (work / "lock").unlink()
        os.close(descriptor)
        for path in (work / "new", work, *made):
            with suppress(OSError):  # it is not empty
                path.rmdir()


@contextmanager
def replaced_together(work: Path, *, last: Sequence[str] = (), outdated: Sequence[str] = ()) -> Iterator[Path]:
    """A folder to fill; when the block ends without error, what is in it stands in the output's folder as a whole.

    last, outdated: see `put_in_place`. After an error the old result is untouched.
    """
    with sole_writer(work):
        remove(work / "new")
        try:
            staged(work).mkdir(parents=True)
            yield staged(work)
            put_in_place(work, last=last, outdated=outdated)
        finally:
            remove(work / "new")


def put_in_place(work: Path, *, last: Sequence[str] = (), outdated: Sequence[str] = ()) -> None:
    """Let what is staged stand in the output's folder, without `outdated`. Names that are the same are replaced.

    outdated: names that go before anything new comes, so that nothing new ever stands beside them. last: names that
    come last, so that what needs all others is not there before them.
    """
    names = sorted((path.name for path in staged(work).iterdir()), key=lambda name: (name in last, name))
    sync_tree(staged(work))
    there = [name for name in outdated if os.path.lexists(work.parent / name)]
    write_json(work / "ready.json", {"outdated": there, "new": names})
    staged(work).replace(work / "ready")
    sync(work)
    move_rest(work)


def move_rest(work: Path) -> None:
    """Move into place what is ready. It may be called again after a kill at any point of it."""
    ready, folder = work / "ready", work.parent
    if is_own_folder(ready):
        plan = read_plan(work / "ready.json")
        for name in plan["outdated"]:
            if name not in plan["new"] or (ready / name).exists():  # else it is the new one
                remove(folder / name)
        for name in plan["new"]:
            if (ready / name).exists():
                (ready / name).replace(folder / name)
        sync(folder)
    remove(ready)
    remove(work / "ready.json")


def read_plan(path: Path) -> dict[str, list[str]]:
    """The names in ready.json. BundleError: it is not as munjang wrote it, such as a name outside the folder."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        plan = {kind: list(plan[kind]) for kind in ("outdated", "new")}
        names = [*plan["outdated"], *plan["new"]]
        if any(name in ("", ".", "..", path.parent.name) or name != os.path.basename(name) for name in names):
            raise ValueError(_("it names what is not in its folder"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            _("{path} is damaged: {reason}. Delete the folder {work}.", path=path, reason=error, work=path.parent)
        ) from error
    return plan


def is_own_folder(path: Path) -> bool:
    """Whether there is a folder, and not a link to another one."""
    return path.is_dir() and not path.is_symlink()


def settle(work: Path) -> None:
    """Before an output is read: move into place what a killed process left, or wait for a process that moves it.

    BundleError: it cannot be moved. InUse: the other process has stopped.
    """
    deadline = time.monotonic() + PATIENCE_S
    while is_own_folder(work):
        try:
            with sole_writer(work, patience_s=0):
                return
        except InUse:
            if not (work / "ready").exists():  # what can be read is whole
                return
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        except (OSError, BundleError) as error:
            if not (work / "ready").exists():
                return
            raise BundleError(
                _(
                    "{output} was being replaced when munjang was killed, and what is in {work} cannot be moved into "
                    "place: {reason}. Repeat that command.",
                    output=output_name(work),
                    work=work,
                    reason=error,
                )
            ) from error


def take_lock(work: Path, patience_s: float) -> int:
    """Lock the output for this process; returns the descriptor of the lock file. InUse: another process has it."""
    path, deadline, misses = work / "lock", time.monotonic() + patience_s, 0
    while True:
        if work.is_symlink() or work.is_file():
            work.unlink(missing_ok=True)
        try:
            work.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except (FileNotFoundError, FileExistsError):  # its last owner has just deleted the work folder
            misses += 1
            if misses == MISSES:  # no: there can be no such folder
                raise
            time.sleep(0.001)
            continue
        is_free, owner = try_lock(descriptor), read_owner(descriptor)
        if is_free is False or (is_free is None and is_owned(owner)):
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise in_use(work, owner, is_certain=is_free is False)
            time.sleep(0.01)
            continue
        if is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # its last owner has just deleted the file


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def this_process() -> dict[str, Any]:
    """What a lock file tells of its owner."""
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "machine": machine(),
        "started": start_of(os.getpid()),
    }


def write_owner(descriptor: int) -> None:
    """Write into a lock file whose lock it is."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(this_process()).encode())


def read_owner(descriptor: int) -> dict[str, Any]:
    """What `this_process` wrote into a lock file; {} if it has not been written yet."""
    try:
        owner = json.loads(os.read(descriptor, 1000))
        texts = {name: str(owner[name]) for name in ("host", "since", "machine", "started")}
        return {"pid": int(owner["pid"]), **texts}
    except (ValueError, KeyError, TypeError):
        return {}


def is_owned(owner: dict[str, Any]) -> bool:
    """Whether the owner of a lock lives, as far as this machine can tell: what cannot be seen counts as living."""
    if not owner:
        return False
    return owner["machine"] != machine() or is_running(owner["pid"], owner["started"]) is not False


def in_use(work: Path, owner: dict[str, Any], *, is_certain: bool) -> InUse:
    """The error for an output that another process writes.

    is_certain: whether the system itself keeps the lock; else the owner may have died where that cannot be seen.
    """
    parts = [
        _(
            "{output} is in use: process {pid} on {host} has been writing it since {since}. Wait until it ends, stop "
            "it, or name another output.",
            output=output_name(work),
            pid=owner.get("pid", "?"),
            host=owner.get("host", "?"),
            since=owner.get("since", "?"),
        )
    ]
    if not is_certain:
        parts.append(
            _("This file system has no locks: if that process no longer runs, delete {lock}.", lock=work / "lock")
        )
    return InUse(" ".join(parts))
