"""Converts values from TOML, JSON and the command line to the types of the settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from typing import Any, get_args, get_origin

from munjang.errors import ConfigError
from munjang.text.names import split_names
from munjang.translation import N_, _

BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def convert(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type `hint`; text from the command line is parsed, other types must fit."""
    options = get_args(hint) if get_origin(hint) not in (tuple, None) else (hint,)
    if value is None or (isinstance(value, str) and value.lower() in ("none", "null")):
        if type(None) in options:
            return None
        raise ConfigError(_("{where} cannot be empty.", where=where))
    for option in options:
        if option is not type(None):
            with suppress(KeyError, TypeError, ValueError, OverflowError):
                return CONVERTERS[get_origin(option) or option][0](value)
    names = [CONVERTERS[get_origin(option) or option][1] for option in options if option is not type(None)]
    kinds = ", ".join(_(name) for name in names)
    raise ConfigError(_("{where} is {value!r}; expected {kinds}.", where=where, value=value, kinds=kinds))


def parse_names(value: Any) -> tuple[str, ...]:
    """Names from a list, or from text with commas between them (`split_names`)."""
    items = split_names(value) if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise TypeError
    return tuple(item.strip() for item in items if item.strip())


def parse_bool(value: Any) -> bool:
    """True or False, from the usual spellings."""
    return value if isinstance(value, bool) else BOOLS[parse_str(value).lower()]


def parse_int(value: Any) -> int:
    """A whole number of any size; 1e3 and 64.0 are whole too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return int(value)
    number = parse_float(value)
    if number != int(number):
        raise ValueError
    return int(number)


def parse_float(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not isfinite(number):
        raise ValueError
    return number


def parse_str(value: Any) -> str:
    """Text, unchanged."""
    if not isinstance(value, str):
        raise TypeError
    return value


CONVERTERS: dict[type, tuple[Callable[[Any], Any], str]] = {
    tuple: (parse_names, N_("a list of names")),
    bool: (parse_bool, N_("true or false")),
    int: (parse_int, N_("a whole number")),
    float: (parse_float, N_("a number")),
    str: (parse_str, N_("text")),
}
"""Type of a setting -> its parser (an error means that the value does not fit), and its name for messages."""
