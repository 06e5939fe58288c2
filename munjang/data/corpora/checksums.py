"""Checksums that guard downloads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from munjang.errors import FetchError
from munjang.translation import _


class WrongChecksum(FetchError):
    """A downloaded file is not the one that was announced; no other source is tried in its place."""


def check_sha256(path: Path, expected: str) -> None:
    """Raise WrongChecksum and delete the file unless its sha256 is `expected` (hexadecimal)."""
    check_checksum(path, hashlib.sha256(path.read_bytes()).hexdigest(), expected)


def check_git_blob(path: Path, expected: str) -> None:
    """The same for the sha1 by which git names a file's content."""
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    check_checksum(path, hashlib.sha1(header + content, usedforsecurity=False).hexdigest(), expected)


def check_checksum(path: Path, found: str, expected: str) -> None:
    if found == expected:
        return
    path.unlink()
    raise WrongChecksum(
        _(
            "{path} has the checksum {found}…, expected {expected}…: it was cut or changed on "
            "its way, or its source has another file now. It was deleted; try again, or give "
            "--data-dir a folder that holds the corpus.",
            path=path.name,
            found=found[:12],
            expected=expected[:12],
        )
    )
