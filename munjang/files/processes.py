"""Whether the process that left a file lives still: by its machine, its number and its start."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """Eight hexadecimal digits of what process numbers are counted in: this machine, or a container on it."""
    space = ""
    with suppress(OSError):  # not Linux
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def start_of(pid: int) -> str:
    """When a process was started, in ticks since the machine was; "" where the system does not say or it is dead."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if status[0] in "ZX" else status[19]  # Z, X: it is dead, and its parent has not asked for it yet
    except (OSError, IndexError):
        return ""


def is_running(pid: int, started: str) -> bool | None:
    """Whether a process of this `machine` lives. None: the system does not say.

    started: its `start_of`; another process may have got the number since.
    """
    if os.name == "nt":
        return None  # os.kill would end it
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's, which the system may hide
        return start_of(pid) in ("", started)
    return start_of(pid) == started
