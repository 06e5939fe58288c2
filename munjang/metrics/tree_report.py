"""The scores of a parser on trees: the TreeReport and its JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.metrics.report_parts import LabelScore, left_out_text, present_keys
from munjang.tables import format_table
from munjang.translation import N_, _

TITLES = {
    "uas": N_("UAS, words"),
    "las": N_("LAS, words"),
    "relations": N_("right relation, words"),
    "exact": N_("whole trees right, sentences"),
    "exact_heads": N_("all heads right, sentences"),
    "klue_uas": N_("KLUE's UAS (macro-F1 over head positions)"),
    "klue_las": N_("KLUE's LAS (macro-F1 over merged relations)"),
    "next_word": N_("UAS of attaching every word to the next"),
}


@dataclass(frozen=True)
class LengthScore:
    """The words of the sentences of one class of length, such as "6-10"."""

    words_a_sentence: str
    sentences: int
    words: int
    uas: float
    las: float
    exact: float


def no_words() -> np.ndarray:
    """An empty (words, 2) array."""
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class TreeReport:
    """The scores of one parser on the trees of one split.

    n: sentences; words: how many they have. metrics: keys of TITLES -> value; intervals: 95% bootstrap over sentences,
    of uas and las. sha256: of the texts, in order. references, predicted: (words, 2) head and relation of every word,
    a relation as its index in `per_relation`, which counts words and takes a relation as right only with the right
    head; lengths: (n,) words of each sentence.
    """

    model: str
    corpus: str
    split: str
    n: int
    words: int
    left_out: Mapping[str, int]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    per_relation: tuple[LabelScore, ...]
    by_length: tuple[LengthScore, ...]
    sha256: str
    references: np.ndarray = field(default_factory=no_words, repr=False)
    predicted: np.ndarray = field(default_factory=no_words, repr=False)
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    task: str = "parsing"

    @property
    def reference_names(self) -> list[str]:
        """The name of every word's reference relation."""
        return [self.per_relation[number].name for number in self.references[:, 1]]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        rows = {name: [asdict(row) for row in values[name]] for name in ("per_relation", "by_length")}
        arrays = {name: values[name].tolist() for name in ("references", "predicted", "lengths")}
        return {**values, **rows, **arrays}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TreeReport:
        """The report that `to_dict` wrote; anything else is a DataError."""
        try:
            values = present_keys(values)
            rows = {
                "per_relation": tuple(LabelScore(**row) for row in values["per_relation"]),
                "by_length": tuple(LengthScore(**row) for row in values["by_length"]),
            }
            arrays = {name: np.array(values.get(name, []), np.int64) for name in ("references", "predicted", "lengths")}
            return cls(**{**values, **rows, **arrays})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                _("This is no complete report of a parser ({reason}); evaluate the parser again.", reason=error)
            ) from error

    def __str__(self) -> str:
        heading = _(
            "{model} on {corpus}, {split}: {n:,} sentences, {words:,} words",
            model=self.model,
            corpus=self.corpus,
            split=self.split,
            n=self.n,
            words=self.words,
        )
        if reasons := left_out_text(self.left_out):
            heading += " " + _("(left out: {reasons})", reasons=reasons)
        return "\n\n".join([heading, *self.tables(format_table)])

    def tables(self, draw: Callable[[Sequence[str], list[list[Any]]], str]) -> list[str]:
        """Scores, relations and lengths, each through `draw(header, rows)`."""
        scores = [
            [_(TITLES[name]), f"{value:.4f}", interval_range(self.intervals.get(name))]
            for name, value in self.metrics.items()
        ]
        relations = [
            [row.name, *(f"{value:.4f}" for value in (row.precision, row.recall, row.f1)), row.support, row.predicted]
            for row in self.per_relation
            if row.support or row.predicted
        ]
        lengths = [
            [row.words_a_sentence, row.sentences, row.words, *(f"{v:.4f}" for v in (row.uas, row.las, row.exact))]
            for row in self.by_length
        ]
        return [
            draw([_("score"), _("value"), _("95% interval")], scores),
            draw(
                [_("relation, with its head"), _("precision"), _("recall"), _("F1"), _("words"), _("predicted")],
                relations,
            ),
            draw(
                [_("words a sentence"), _("sentences"), _("words"), _("UAS"), _("LAS"), _("whole trees")],
                lengths,
            ),
        ]


def interval_range(interval: tuple[float, float] | None) -> str | None:
    """An interval as the tables of a parser show it; None where there is none."""
    return None if interval is None else _("{low:.4f} to {high:.4f}", low=interval[0], high=interval[1])
