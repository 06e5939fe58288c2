"""Writes files whole or not at all, and identifies them by their hash."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.translation import _

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows
    flock = None

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ASSETS = Path(__file__).parents[1] / "assets"
PACKAGED_ENCODER = ASSETS / "mini" / "encoder"
"""What comes with munjang: models, sample corpora, a font."""


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_facts(path: Path) -> dict[str, Any]:
    """A file's size and hash, as manifests and checkpoints list them."""
    return {"bytes": path.stat().st_size, "sha256": file_hash(path)}


def cache_root() -> Path:
    """Where munjang keeps what it can download or make again: MUNJANG_CACHE, else a folder in the user's cache."""
    given = os.environ.get("MUNJANG_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "munjang"


def is_first_process() -> bool:
    """Whether this process writes files: it is the only one, or the first that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def first_line(error: BaseException) -> str:
    """The first line of another library's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def disk_errors(target: Path, remedy: str) -> Iterator[None]:
    """Within the block a full disk gives one line: a BundleError that names `target` and the remedy.

    remedy: a sentence in the language of the user. safetensors and tokenizers write files themselves and raise errors
    of their own for a full disk; these become a BundleError too.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise BundleError(
                _("The disk is full: {target} could not be written. {remedy}", target=target, remedy=remedy)
            ) from error
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("safetensors", "safetensors_rust", "tokenizers", "builtins") and (
            "os error" in str(error) or "No space left" in str(error)
        ):
            raise BundleError(
                _(
                    "{target} could not be written: {reason}. {remedy}",
                    target=target,
                    reason=first_line(error),
                    remedy=remedy,
                )
            ) from error
        raise


def sync(path: Path) -> None:
    """Make the system write a file or folder to disk; only files on Windows, where folders cannot be opened."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` a new folder with all that is in it, and give its files the mode of any new file.

    safetensors and others write through private temporary files; the folder's own mode tells what the umask allows.
    """
    mode = folder.stat().st_mode & 0o666
    for path in (*folder.rglob("*"), folder):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)
        sync(path)


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with its content; do nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file for this process, until the descriptor is closed or the process dies.

    False: another process has locked it. None: the system or the file system has no such locks.
    """
    if flock is None:
        return None
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def temporary_name(path: Path) -> Path:
    """A hidden name that no one can guess, in the folder of `path`: from there a rename is one step."""
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}")


def is_temporary(path: Path) -> bool:
    """Whether `temporary_name` gave this name: a killed process may leave such a file or folder."""
    return re.fullmatch(r"\..+\.[0-9a-f]{16}", path.name) is not None


def temporaries(path: Path) -> Iterator[Path]:
    """The files and folders with a name that `temporary_name` gave for `path`."""
    return (each for each in path.parent.glob(glob.escape(f".{path.name}.") + "*") if is_temporary(each))


def remove_abandoned(path: Path) -> None:
    """Delete the temporary files of processes that died while they wrote `path`; those in use are locked."""
    for left in temporaries(path):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            if try_lock(descriptor):
                left.unlink()
            os.close(descriptor)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path to write to instead of `path`: a name beside it, renamed to `path` when the block ends without error.

    The block closes what it opens. Readers, a kill and a power cut meet the old file or the new one, never a part;
    after an error nothing of the new one stays, and what a kill left goes with the next write. A link at `path` is
    replaced, not followed.
    """
    remove_abandoned(path)
    temporary = temporary_name(path)
    try:
        with locked(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL):
            yield temporary
            with locked(temporary, os.O_RDWR):  # some libraries put another file there
                sync(temporary)
                temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary) or error.errno in DISK_FULL:
            error.filename = str(path)  # the file that the user named
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, flags: int) -> Iterator[None]:
    """Open a file, and keep it locked within the block, so that `remove_abandoned` sees that it is in use."""
    descriptor = os.open(path, flags, 0o666)
    if flock is None:  # Windows, which renames no open file
        os.close(descriptor)
        yield
        return
    try:
        try_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill; when the block ends without error it stands at `folder`, instead of what stood there.

    A kill and a power cut leave the old folder or the new one, or for the moment between two renames none; what they
    left beside goes with the next write. After an error the old one stays. One process at a time writes a folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in temporaries(folder):
        remove(left)
    temporary, before = temporary_name(folder), temporary_name(folder)
    try:
        temporary.mkdir()
        yield temporary
        sync_tree(temporary)
        if folder.exists():
            folder.replace(before)
        temporary.replace(folder)
        sync(folder.parent)
    finally:
        if before.exists() and not folder.exists():
            before.replace(folder)
        shutil.rmtree(before, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in utf-8 as a `whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON as a `whole_file`."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
