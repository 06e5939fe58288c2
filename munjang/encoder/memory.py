"""Memory that a training run keeps between its steps, instead of returning it to the system and asking again.

Otherwise the system maps every large tensor again and fills its pages with zeros, which takes a quarter of a step and
more (EXPERIMENTS, 2026-11-22).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

# glibc's numbers for mallopt. By default glibc raises two of these values by itself when memory is freed, up to the
# values in DEFAULTS. After any call of mallopt it stops that, and a fixed 128 KiB would make everything after training
# slow.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4
DEFAULTS = {TRIM_THRESHOLD: 64 * 2**20, TOP_PAD: 128 * 1024, MMAP_THRESHOLD: 32 * 2**20, MMAP_MAX: 65_536}
KEEPING = {TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 * 2**20, MMAP_MAX: 0}
EVERY = 100  # steps between two clearings


@contextmanager
def kept_memory(device: torch.device) -> Iterator[Callable[[int], None]]:
    """Within the block the process keeps the memory that it frees, if `device` is the CPU and the C library is glibc.

    Gives a function to call with the number of each step. Now and then it returns unused pages, because tensors of
    always new sizes would spread over more and more pages (4 GB became 11 in an hour).
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
