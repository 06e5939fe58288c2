"""Several questions about a text at once: one pass through the network, a prediction from each of its heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast, overload

import numpy as np

from munjang.config.arguments import checked
from munjang.errors import ConfigError, shortened, unknown_name
from munjang.inference.heads import (
    Head,
    has_parser,
    head_manifest,
    packaged,
    packaged_parser,
    pick_head,
    read_heads,
)
from munjang.inference.predictor import Predictor, load
from munjang.inference.scope import unlike
from munjang.records import REPR_LENGTH, Parse, Prediction, Results, short_repr
from munjang.translation import _

STRUCTURE = "structure"
"""The name that asks for the sentence's tree, beside the names of heads."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The predictions of the heads for one text. answers: head -> Prediction, in the order of the request.

    note: "", or what is special about the predictions ("empty", "truncated to 128 tokens"); the same for every head.
    structure: the sentence's tree, if it was requested.
    """

    text: str
    answers: Mapping[str, Prediction]
    note: str = ""
    structure: Parse | None = None

    __repr__ = short_repr

    def __getitem__(self, head: str) -> Prediction | Parse:
        if head == STRUCTURE and head not in self.answers and self.structure is not None:
            return self.structure
        return self.answers[head]


class Analyzer:
    """A model with many heads, ready to predict: the packaged one, or a folder of your own.

    tasks: names of heads, in the order of the answers; all heads if left out. `known` are all heads of the model,
    `heads` the chosen ones. "structure" in `tasks` also opens the packaged parser as `parser`. ConfigError: the folder
    has no heads, or `tasks` is empty. UnknownName: no such head. BundleError: a structure is requested, but no parser
    is packaged.
    """

    @checked()
    def __init__(
        self, model: str | Path | None = None, tasks: Iterable[str] | None = None, *, precision: str = "fp32"
    ) -> None:
        self.whole = load(packaged() if model is None else model, precision=precision)
        if self.whole.head is not None:
            raise ConfigError(
                _("{model} is one head. Name the whole model, and choose heads with tasks.", model=self.whole.name)
            )
        if not self.whole.decoder.parts:
            raise ConfigError(_("{model} has a single task and no heads: use predict.", model=self.whole.name))
        self.heads = self.known = read_heads(self.whole.manifest, self.whole.folder or self.whole.name)
        self.parser: Predictor | None = None
        self.ask([head.name for head in self.known] if tasks is None else tasks)

    def __repr__(self) -> str:
        heads = shortened(", ".join(head.name for head in self.heads), 150)
        return shortened(f"Analyzer({self.name!r}, heads={heads!r})", REPR_LENGTH)

    def ask(self, tasks: Iterable[str]) -> None:
        """Choose the heads that predict."""
        self.heads, has_structure = chosen_heads(self.known, tasks, self.name)
        self.parser = shared_parser(packaged_parser()) if has_structure else None
        self.single = {head.name: self.predictor(head) for head in self.heads}

    @property
    def name(self) -> str:
        return self.whole.name

    def asked(self, tasks: Iterable[str]) -> Analyzer:
        """The same network with these heads only."""
        other = copy(self)
        other.ask(tasks)
        return other

    def predictor(self, head: Head) -> Predictor:
        """One of the heads as a separate classifier, on the same network."""
        whole = self.whole
        return Predictor(head_manifest(whole.manifest, head), whole.runner, whole.folder, head.decoder)

    def analyze(self, text: str) -> Analysis:
        """The analysis of one text."""
        return self.analyze_many([text])[0]

    def analyze_many(self, texts: Sequence[str], *, progress: bool = False) -> list[Analysis]:
        """The analyses of many texts, in their order."""
        parses: list[Parse] = []
        if self.parser:
            parses = cast("list[Parse]", self.parser.predict_many(texts, progress=progress))
        if not self.heads:
            return [Analysis(parse.text, {}, parse.note, parse) for parse in parses]
        analyses: list[Analysis] = Results()
        scopes = [self.single[head.name].scope for head in self.heads]
        for parts in self.whole.run(texts, progress=progress):
            outside = np.stack(unlike(scopes, parts[1]), axis=1)
            for text, cleaned, row, is_cut, is_empty, flags in zip(*parts, outside, strict=True):
                answers = {
                    head.name: cast(
                        Prediction,
                        self.single[head.name].decode(text, cleaned, row[head.columns], is_cut, is_empty, is_outside),
                    )
                    for head, is_outside in zip(self.heads, flags, strict=True)
                }
                parse = parses[len(analyses)] if parses else None
                analyses.append(Analysis(text, answers, self.whole.note(is_cut, is_empty), parse))
        return analyses


def chosen_heads(known: Sequence[Head], tasks: Iterable[str], model: str) -> tuple[tuple[Head, ...], bool]:
    """The heads with these names, each once, and whether the structure is requested. ConfigError: none. UnknownName."""
    names = list(dict.fromkeys([tasks] if isinstance(tasks, str) else tasks))
    known_names = [head.name for head in known]
    if not names:
        raise ConfigError(_("No task to analyse. {model} has {heads}.", model=model, heads=", ".join(known_names)))
    has_structure = STRUCTURE in names and STRUCTURE not in known_names
    if unknown := next((name for name in names if name not in (*known_names, STRUCTURE)), None):
        choices = [*known_names, *([STRUCTURE] if has_parser() else [])]
        raise unknown_name(_("head of {model}", model=model), unknown, choices)
    return tuple(
        pick_head(known, name, model) for name in names if name != STRUCTURE or not has_structure
    ), has_structure


@cache
def shared_parser(folder: Path) -> Predictor:
    """A parser, opened once in a process."""
    return load(folder)


def everything(analyzer: Analyzer) -> list[str]:
    """All heads of a model, and the structure."""
    return [*(head.name for head in analyzer.known), STRUCTURE]


@cache
def packaged_analyzer() -> Analyzer:
    """The packaged model, opened once in a process."""
    return Analyzer()


@overload
def analyze(  # type: ignore[overload-overlap]  # a str is a Sequence[str] too; this first signature wins
    texts: str, tasks: Iterable[str] | None = None, model: str | Path | None = None
) -> Analysis: ...
@overload
def analyze(
    texts: Sequence[str], tasks: Iterable[str] | None = None, model: str | Path | None = None
) -> list[Analysis]: ...
@checked("texts")
def analyze(
    texts: str | Sequence[str], tasks: Iterable[str] | None = None, model: str | Path | None = None
) -> Analysis | list[Analysis]:
    """The packaged model's analysis of a text, or of each of many: `analyze("짜증나")["sentiment"].label`.

    tasks: only these heads; "structure" is the sentence's tree, which a single text gets anyway if a parser is
    packaged. model: a folder with many heads instead of the packaged model. It is opened again at every call, so use an
    Analyzer for many calls. Errors: see Analyzer.
    """
    if model is None and tasks is None and isinstance(texts, str) and has_parser():
        tasks = everything(packaged_analyzer())
    analyzer = Analyzer(model, tasks) if model is not None else packaged_analyzer()
    if model is None and tasks is not None:
        analyzer = analyzer.asked(tasks)
    return analyzer.analyze(texts) if isinstance(texts, str) else analyzer.analyze_many(texts)
