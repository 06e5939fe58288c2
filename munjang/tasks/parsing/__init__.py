"""Dependency parsing: every word of a sentence hangs from another by a named relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from munjang.config.checks import one_of
from munjang.data.trees.shapes import ANY, scheme_of
from munjang.records import LabelSet
from munjang.tasks.parsing.biaffine import BiaffineParsing
from munjang.tasks.parsing.labeling import Labeling
from munjang.tasks.parsing.parts import tag_names
from munjang.tasks.parsing.words import SPACES, cut_of

if TYPE_CHECKING:
    from munjang.records import Tree

PARSERS = {"biaffine": BiaffineParsing, "labeling": Labeling}
"""The ways of parsing; each is a Task."""


def parsing(
    labels: LabelSet, parser: str = "biaffine", scheme: str = ANY, cut: str = SPACES, tags: Sequence[str] = ()
) -> BiaffineParsing:
    """The task of parsing over these relations, in one of the ways of PARSERS."""
    one_of("parser", parser, tuple(PARSERS))
    return PARSERS[parser](labels, scheme, cut, tuple(tags))


def options_for(trees: Sequence[Tree], parser: str = "biaffine", *, pos: bool = False) -> dict[str, Any]:
    """What a parser has to know of the trees that it learns from: their scheme, where words end, parts of speech."""
    tags = {"tags": tag_names(trees)} if pos else {}
    return {"parser": parser, "scheme": scheme_of(trees), "cut": cut_of(trees), **tags}
