"""Files that do harm to the process that reads them, by their names; for a reader in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from munjang.serving.playground.uploads import ReadTable


def hostile(path: Path, *rest: Any) -> Any:
    """The work that a hostile file might make a reader do; its name says which."""
    if path.name == "loop.csv":
        while True:
            pass
    if path.name == "litter.csv":
        while True:
            path.with_name(str(os.getpid())).write_bytes(b"")
    if path.name == "memory.csv":
        return [bytearray(50_000_000) for _ in range(200)]
    if path.name == "crash.csv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.name == "error.csv":
        raise RuntimeError("비밀")
    return ReadTable(
        columns=["pid", "parent"], text=0, rows=[[os.getpid(), os.getppid()]], lines=[1], set_aside=0, rejected=[],
        notes=[],
    )  # fmt: skip
