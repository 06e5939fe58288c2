"""Writes files whole or not at all, and identifies them by their hash."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.translation import _

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ASSETS = Path(__file__).parent / "assets"
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


def sync_for_all(path: Path) -> None:
    """`sync` a file of a model and make it readable for all: safetensors writes through a private temporary file."""
    path.chmod(0o644)
    sync(path)


def temporary_name(path: Path) -> Path:
    """A hidden name of its own for every write, in the folder of `path`: from there a rename is one step."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path to write to instead of `path`: a name beside it, renamed to `path` when the block ends without error.

    The block closes what it opens. Readers, a kill and a power cut meet the old file or the new one, never a part;
    after an error nothing of the new one stays. A kill may leave `.NAME.` and eight hexadecimal digits.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary) or error.errno in DISK_FULL:
            error.filename = str(path)  # the file that the user named
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill; when the block ends without error it stands at `folder`, instead of what stood there.

    A kill and a power cut leave the old folder or the new one, or for the moment between two renames none; what they
    left beside goes with the next write. After an error the old one stays. One process at a time writes a folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(glob.escape(f".{folder.name}.") + "[0-9a-f]" * 8):
        shutil.rmtree(left, ignore_errors=True)
    temporary, before = temporary_name(folder), temporary_name(folder)
    try:
        temporary.mkdir()
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            sync(path)
        if folder.exists():
            folder.replace(before)
        temporary.replace(folder)
        sync(folder.parent)
    finally:
        if before.exists() and not folder.exists():
            before.replace(folder)
        shutil.rmtree(before, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def files_inside(folder: Path, staging: str, last: Sequence[str]) -> Iterator[Path]:
    """A folder `staging` in `folder` to fill; when the block ends without error its files move up into `folder`.

    last: the names of the files that move last, so that what needs them all is never half there. The block syncs what
    it writes. After an error, and after an earlier kill, `staging` is deleted.
    """
    inside = folder / staging
    shutil.rmtree(inside, ignore_errors=True)
    try:
        inside.mkdir(parents=True)
        yield inside
        for path in sorted(inside.iterdir(), key=lambda path: (path.name in last, path.name)):
            path.replace(folder / path.name)
        sync(folder)
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in utf-8 as a `whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON as a `whole_file`."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
