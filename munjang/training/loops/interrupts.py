"""Stopping a run without losing its state: Ctrl-C, SIGTERM, a time limit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from munjang.errors import MunjangError


class Interrupted(MunjangError):
    """Training was stopped by Ctrl-C after its state was saved."""

    exit_code = 130


class TimeIsUp(Interrupted):
    """Training was stopped at its time limit after its state was saved."""

    exit_code = 0


@contextmanager
def catch_interrupt() -> Iterator[list[int]]:
    """Within the block, the first Ctrl-C (or SIGTERM) is only noted in the list; the second is raised."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
