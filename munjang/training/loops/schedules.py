"""How the learning rate goes after the warm-up: factors between 1 and 0 of the highest rate."""

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
    """As high as it is: for a run that is to be continued, and brought down later in a short decay of its own."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {"linear": linear, "one-cycle": one_cycle, "constant": constant}
"""Name -> factor by the share of the steps after the warm-up that is done, from 0 to 1."""
