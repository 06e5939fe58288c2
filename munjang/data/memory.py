"""Makes millions of objects without repeated runs of the garbage collector over all of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Within the block, or the function that this decorates, the garbage collector does not run.

    Reading and cleaning make millions of rows and no reference cycles. With torch and transformers loaded, the search
    for cycles took three quarters of the reading time (EXPERIMENTS, 2026-11-22).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
