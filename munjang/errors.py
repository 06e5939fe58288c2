"""Every error that munjang raises on purpose: one line for the user, one exit code, one HTTP status."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec

from munjang.translation import _

MESSAGE_LENGTH = 500
"""Characters of a message at most: a value in it may be a whole text, or a thousand names."""


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning and its end with " … " between them: at most `limit` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 3) // 2  # what to do stands at the end of a message
    return f"{text[:half]} … {text[-half:]}"


class MunjangError(Exception):
    """Base of all errors that a user can fix. `str(error)` is one message on one line, `longest` characters at most."""

    exit_code = 1
    http_status = 500
    longest = MESSAGE_LENGTH

    def __str__(self) -> str:
        # A label or a name in the message may hold line breaks.
        return shortened(" ".join(" ".join(str(part) for part in self.args).splitlines()), self.longest)


def is_panic(error: BaseException) -> bool:
    """Whether a library in Rust has failed within; such an error is no Exception."""
    return type(error).__name__ == "PanicException"


class DataError(MunjangError, ValueError):
    """The data cannot be used as it is; the message names file, line and remedy."""

    exit_code = 2
    http_status = 422


class ConfigError(MunjangError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""

    exit_code = 3
    http_status = 422


class UnknownName(MunjangError, KeyError):
    """A name is in no table; the message lists the known names."""

    exit_code = 4
    http_status = 404


class BundleError(MunjangError):
    """A model folder is incomplete or damaged, or does not fit this version."""

    exit_code = 5
    http_status = 500


class FetchError(MunjangError, OSError):
    """Something is not in the local folders or the cache, and could not be downloaded."""

    exit_code = 6
    http_status = 502
    longest = 3 * MESSAGE_LENGTH  # it names every place that was tried


class MissingExtra(MunjangError, ImportError):
    """A part of munjang needs packages that are not installed; the message is the `pip install` to run."""

    exit_code = 7
    http_status = 501


class InUse(MunjangError):
    """Another process is writing the same output."""

    exit_code = 8
    http_status = 409


def missing_extra(what: str, extra: str) -> MissingExtra:
    """The error for a missing optional dependency: `missing_extra(_("training"), "train")`.

    what: what the packages are for, in the language of the user. extra: the extra of munjang that has them.
    """
    return MissingExtra(
        _("More packages are needed for {what}. Run: pip install 'munjang[{extra}]'", what=what, extra=extra)
    )


def require(what: str, extra: str, *modules: str) -> None:
    """Raise `missing_extra(what, extra)` unless all these top-level modules are installed; imports none of them."""
    if any(find_spec(name) is None for name in modules):
        raise missing_extra(what, extra)


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a name outside a table, with the known names and the nearest one.

    what: what the name should be, in the language of the user: `_("corpus")`.
    """
    names = sorted(known)
    known_names = ", ".join(names)
    for nearest in get_close_matches(name, names, n=1):
        return UnknownName(
            _(
                "Unknown {what} '{name}'. Did you mean {nearest}? Known: {known}.",
                what=what,
                name=name,
                nearest=nearest,
                known=known_names,
            )
        )
    return UnknownName(_("Unknown {what} '{name}'. Known: {known}.", what=what, name=name, known=known_names))
