"""Checks downloads by their checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

from munjang.errors import FetchError
from munjang.translation import _


class WrongChecksum(FetchError):
    """A downloaded file is not the announced one; no other source is tried instead."""


def check_sha256(path: Path, expected: str) -> None:
    """Raise WrongChecksum and delete the file unless its sha256 is `expected` (hexadecimal)."""
    check_checksum(path, hashlib.sha256(path.read_bytes()).hexdigest(), expected)


def check_git_blob(path: Path, expected: str) -> None:
    """The same for the sha1 that git gives to the content of a file."""
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    check_checksum(path, hashlib.sha1(header + content, usedforsecurity=False).hexdigest(), expected)


def check_checksum(path: Path, actual: str, expected: str) -> None:
    if actual == expected:
        return
    path.unlink()
    raise WrongChecksum(
        _(
            "{path} has the checksum {actual}…, expected {expected}…: it was cut or changed during the download, or "
            "its source has another file now. It was deleted; try again, or give {option:data_dir} a folder that has "
            "the corpus.",
            path=path.name,
            actual=actual[:12],
            expected=expected[:12],
        )
    )
