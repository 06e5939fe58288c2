"""Checks what Python code gives to public functions: the types in their annotations, and what all paths have in common.

Without it a wrong argument is a TypeError somewhere inside of munjang, or nothing at all.
"""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from inspect import get_annotations, signature, unwrap
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from munjang.config.checks import one_of, usable_seed
from munjang.errors import ConfigError
from munjang.translation import _

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
NUMBER_KINDS: dict[Any, type] = {int: Integral, float: Real}


def checked(*own: str) -> Callable[[Callable[Parameters, Returned]], Callable[Parameters, Returned]]:
    """Make a function refuse arguments that do not have the types of its annotations, with a ConfigError.

    own: parameters that the function checks itself, because it can say more about them. Types that are only imported
    for type checkers are not checked.
    """

    def decorate(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
        shape = signature(function)

        @cache
        def hints() -> dict[str, Any]:
            inner = unwrap(function)
            return get_annotations(inner, eval_str=True, locals=Names(vars(builtins) | inner.__globals__))

        @wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
            for name, value in shape.bind(*args, **kwargs).arguments.items():
                if name in hints() and name not in own:
                    check_argument(name, value, hints()[name], shape.parameters[name].annotation)
            return function(*args, **kwargs)

        return call

    return decorate


class Names(dict[str, Any]):
    """The names that annotations can use. One that is there for type checkers alone means any value."""

    def __missing__(self, name: str) -> Any:
        return Any


def check_argument(name: str, value: Any, hint: Any, written: str) -> None:
    """A ConfigError for a value that does not fit its annotation. written: the annotation as text."""
    if get_origin(hint) is Literal:
        one_of(name, value, get_args(hint))
    elif not fits(value, hint):
        raise ConfigError(
            _(
                "{name} is {value!r:.100} ({type}); expected {expected}.",
                name=name,
                value=value,
                type=type(value).__name__,
                expected=written,
            )
        )
    elif name == "seed":
        usable_seed(value)
    elif Path in (hint, *get_args(hint)):
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(path, (str, os.PathLike)):
                check_path(name, path)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value has the type of an annotation; True is no number, and a text no sequence of texts."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if hint is Any or kind is None or not isinstance(kind, type):
        return kind is not None or value is None
    if kind in NUMBER_KINDS:
        return isinstance(value, NUMBER_KINDS[kind]) and not isinstance(value, bool)
    if kind is Path:
        return isinstance(value, os.PathLike)
    if not isinstance(value, kind) or (kind is Sequence and isinstance(value, (str, bytes))):
        return False
    if isinstance(value, Mapping) and parts:
        return all(fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items())
    return not (isinstance(value, (list, tuple)) and parts) or all(fits(item, parts[0]) for item in value)


def check_path(name: str, path: str | os.PathLike[str]) -> None:
    """A ConfigError for what cannot be the path of a file: empty, with a NUL or half a character, or too long."""
    reason = "" if os.fspath(path) else _("it is empty")
    try:
        os.lstat(path)
    except ValueError as error:  # UnicodeEncodeError, too
        reason = str(error)
    except OSError as error:
        reason = reason or (error.strerror or "" if error.errno == errno.ENAMETOOLONG else "")
    if reason:
        raise ConfigError(
            _("{name} is {path!r:.100}, which is no path: {reason}.", name=name, path=path, reason=reason)
        )
