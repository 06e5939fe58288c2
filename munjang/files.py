"""Writes files whole or not at all, and identifies them by their hash."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.translation import _

ASSETS = Path(__file__).parent / "assets"
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
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
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


def write_json(path: Path, value: Any) -> None:
    """Write JSON beside `path` and rename it: readers see the old or the new file, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        sync(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
