"""Memory that a training run keeps between its steps, instead of giving it back to the system and asking again.

Every large tensor is else mapped anew and its pages filled with zeros by the system: a quarter of a step and more
(EXPERIMENTS, 2026-11-22).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

# glibc's numbers for mallopt. Left alone it raises two of them by itself with what is freed, up to these values;
# once told anything it no longer does, and 128 KiB for good would make whatever comes after training slow.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4
DEFAULTS = {TRIM_THRESHOLD: 64 * 2**20, TOP_PAD: 128 * 1024, MMAP_THRESHOLD: 32 * 2**20, MMAP_MAX: 65_536}
KEEPING = {TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 * 2**20, MMAP_MAX: 0}
EVERY = 100  # steps between two clearings


@contextmanager
def kept_memory(device: torch.device) -> Iterator[Callable[[int], None]]:
    """Within the block the process keeps the memory it frees; where `device` is the processor and the C library glibc.

    Gives a function to call with the number of each step: now and then it returns pages that lie idle, since tensors
    of ever new sizes would else spread over more and more of them (4 GB became 11 in an hour).
    """
    libc = glibc() if device.type == "cpu" else None
    if libc is None:
        yield lambda step: None
        return
    for name, value in KEEPING.items():
        libc.mallopt(name, value)

    def clear(step: int) -> None:
        if step % EVERY == 0:
            libc.malloc_trim(0)

    try:
        yield clear
    finally:
        for name, value in DEFAULTS.items():
            libc.mallopt(name, value)
        libc.malloc_trim(0)


def glibc() -> ctypes.CDLL | None:
    """The C library, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None
