"""Checks of settings: each refuses a bad value with a ConfigError of one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

from munjang.errors import ConfigError, UnknownName
from munjang.translation import _

SHORTEST = 8  # tokens; with one or two a network would train on [CLS] and [SEP] alone
LARGEST_SEED = 2**32 - 1  # NumPy's classic generator, which transformers and scikit-learn seed, takes no larger one
HEAD_NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""Allowed names of heads: they are used on command lines and before the "/" of a flat label."""


def one_of(name: str, value: Any, allowed: tuple) -> None:
    """Refuse a value outside `allowed`, and list what is in it."""
    if value not in allowed:
        names = ", ".join(str(item) for item in allowed)
        raise ConfigError(_("{name} is '{value}'; it must be one of {names}.", name=name, value=value, names=names))


def above_zero(name: str, value: float) -> None:
    """Refuse zero and negative numbers, infinity and NaN."""
    if not (isfinite(value) and value > 0):
        raise ConfigError(_("{name} must be above 0, found {value}.", name=name, value=value))


def not_negative(name: str, value: float) -> None:
    """Refuse negative numbers, infinity and NaN."""
    if not (isfinite(value) and value >= 0):
        raise ConfigError(_("{name} must not be negative, found {value}.", name=name, value=value))


def between(name: str, value: float, low: float, high: float, *, low_too: bool = False) -> None:
    """Refuse a value outside `low` to `high`, bounds excluded; `low_too` allows the lower bound itself."""
    if not (low < value < high or (low_too and value == low)):
        if low_too:
            message = _(
                "{name} must be at least {low:g} and below {high:g}, found {value}.",
                name=name,
                low=low,
                high=high,
                value=value,
            )
        else:
            message = _(
                "{name} must lie between {low:g} and {high:g}, found {value}.",
                name=name,
                low=low,
                high=high,
                value=value,
            )
        raise ConfigError(message)


def probability(name: str, value: float) -> None:
    """Refuse a value below 0 or above 1. name: of an argument and an option."""
    if not 0 <= value <= 1:
        raise ConfigError(_("{option:{name}} must be between 0 and 1, found {value}.", name=name, value=value))


def long_enough(max_length: int) -> None:
    """Refuse a length that leaves no room for words beside the special tokens."""
    if max_length < SHORTEST:
        raise ConfigError(
            _(
                "max_length must be at least {shortest} tokens, found {max_length}.",
                shortest=SHORTEST,
                max_length=max_length,
            )
        )


def usable_seed(seed: int) -> None:
    """Refuse a seed that some random generator does not take."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(_("seed must lie between 0 and {largest}, found {seed}.", largest=LARGEST_SEED, seed=seed))


def known_steps(name: str, steps: Iterable[str]) -> None:
    """Refuse names that are not text steps, and list the known ones."""
    from munjang.text.cleaning import ordered_steps  # imported late: the settings alone do not need cleaning

    try:
        ordered_steps(steps)
    except UnknownName as error:
        raise ConfigError(f"{name}: {error}") from error


def known_augmentations(name: str, values: Iterable[str]) -> None:
    """Refuse names that are not augmentations, and list the known ones."""
    from munjang.text.noise import AUGMENTATIONS  # imported late: the settings alone do not need them

    for value in values:
        one_of(name, value, tuple(AUGMENTATIONS))
