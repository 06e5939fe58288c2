"""The learning rate after the warm-up, as a factor between 1 and 0 of the peak rate."""

from __future__ import annotations

import math
from collections.abc import Callable


def linear(done: float) -> float:
    """Straight down to 0."""
    return 1.0 - done


def one_cycle(done: float) -> float:
    """Half a cosine, down to 0 (Smith & Topin, 2019, super-convergence)."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


def constant(done: float) -> float:
    """The peak rate throughout: for a run that will be continued, and later decayed in a short run of its own."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {"linear": linear, "one-cycle": one_cycle, "constant": constant}
"""Name -> factor as a function of progress after the warm-up, from 0 to 1."""
