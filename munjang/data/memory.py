"""Making millions of objects without the garbage collector going over all of them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Within the block, or the function that this decorates, reference cycles are not looked for.

    Reading and cleaning make rows by the million and no cycles. Where torch and transformers were loaded before, three
    quarters of the reading time went into the search (EXPERIMENTS, 2026-11-22).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
