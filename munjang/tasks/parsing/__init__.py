"""Dependency parsing: every word of a sentence hangs from another word by a named relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from munjang.config.checks import one_of
from munjang.data.trees.shapes import ANY, scheme_of
from munjang.errors import DataError
from munjang.records import LabelSet
from munjang.tasks.parsing.biaffine import BiaffineParsing
from munjang.tasks.parsing.rounds import RoundsParsing
from munjang.tasks.parsing.task import ParsingTask
from munjang.tasks.parsing.words import SPACES, cut_of
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.records import Tree

PARSERS: dict[str, type[ParsingTask[Any]]] = {"biaffine": BiaffineParsing, "labeling": RoundsParsing}
"""The values of `--parser`, which model folders store, and their tasks."""


def parsing(
    labels: LabelSet, parser: str = "biaffine", scheme: str = ANY, cut: str = SPACES, tags: object = None
) -> ParsingTask[Any]:
    """The task of parsing with these relations, by one of PARSERS.

    tags: what folders of an earlier version say about parts of speech. DataError: the parser needs them.
    """
    if tags:
        raise DataError(
            _(
                "This parser was trained with parts of speech, which munjang no longer reads. Train it again without "
                "them."
            )
        )
    one_of("parser", parser, tuple(PARSERS))
    return PARSERS[parser](labels, scheme, cut)


def options_for(trees: Sequence[Tree], parser: str = "biaffine") -> dict[str, Any]:
    """What a parser has to know about its training trees: their scheme, and where words end."""
    return {"parser": parser, "scheme": scheme_of(trees), "cut": cut_of(trees)}
