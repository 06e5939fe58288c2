"""The report of a parser: its scores, relations, and scores by sentence length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.metrics.report import LabelScore, ReportTable, Section, score_text, to_json
from munjang.metrics.significance import Interval
from munjang.metrics.tables import print_report, title
from munjang.metrics.tree_scores import tree_counts, tree_scores
from munjang.records import short_repr
from munjang.translation import N_, _, ngettext


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
    """A `munjang.metrics.report.Report` on sentences with trees.

    n: sentences; words: how many they have. metrics: keys of munjang.metrics.tree_scores.TREE_METRICS -> value;
    intervals: of the shares among them. references, predicted: (words, 2) head and relation of every word, a relation
    as its index in `per_relation`, which counts words and takes a relation as right only with the right head; lengths:
    (n,) words of each sentence. Reports of early versions have none of these arrays.
    """

    model: str
    corpus: str
    split: str
    n: int
    words: int
    left_out: Mapping[str, int]
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    per_relation: tuple[LabelScore, ...]
    by_length: tuple[LengthScore, ...]
    sha256: str
    references: np.ndarray = field(default_factory=no_words, repr=False)
    predicted: np.ndarray = field(default_factory=no_words, repr=False)
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    task: str = "parsing"

    unit = N_("words")
    main = ("las", "uas", "exact")
    clean = None

    __repr__ = short_repr

    @property
    def headlines(self) -> list[str]:
        """All metrics."""
        return list(self.metrics)

    @property
    def size(self) -> str:
        """The numbers of sentences and words."""
        return _("{n:,} sentences, {words:,} words", n=self.n, words=self.words)

    def title(self, metric: str) -> str:
        """The name of a metric."""
        return title(metric)

    def counts(self) -> np.ndarray:
        """(n, 7): as `munjang.metrics.tree_scores.tree_counts`."""
        return tree_counts(self.references, self.predicted, self.lengths)

    def scores(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """The shares of words and sentences that are right."""
        return tree_scores(counts)

    def right(self) -> np.ndarray:
        """(words,) bool: the words with the right head and relation."""
        return (self.references == self.predicted).all(axis=1)

    def aligned(self, other: TreeReport) -> TreeReport:
        """The other report as it is. DataError: other reference trees, or a report without predictions."""
        for report in (self, other):
            if not len(report.lengths):
                raise DataError(
                    _("The report of {model} holds no predictions; evaluate this parser again.", model=report.model)
                )
        if self.reference_words() != other.reference_words():
            raise DataError(
                _("The reports are over the same sentences with different reference trees; evaluate both on one file.")
            )
        return other

    def reference_words(self) -> list[tuple[int, str]]:
        """The head and the relation of every word."""
        return [(int(head), self.per_relation[relation].name) for head, relation in self.references]

    def summary(self) -> list[str]:
        """Nothing: the table says it."""
        return []

    def remarks(self) -> list[str]:
        """None."""
        return []

    def sections(self, baseline: TreeReport | None = None) -> list[Section]:
        """The relations, and the scores by sentence length. A parser has no baseline."""
        relations = [row.cells for row in self.per_relation if row.support or row.predicted]
        header = [_("relation, with its head"), _("precision"), _("recall"), _("F1"), _("words"), _("predicted")]
        summary = ngettext("{count} relation, with its head", "{count} relations, each with its head", len(relations))
        lengths = [
            [row.words_a_sentence, row.sentences, row.words, *map(score_text, (row.uas, row.las, row.exact))]
            for row in self.by_length
        ]
        by_length = ReportTable(
            [_("words a sentence"), _("sentences"), _("words"), _("UAS"), _("LAS"), _("whole trees")], lengths
        )
        return [
            Section(_("Relations"), [[ReportTable(header, relations, folded=summary)]]),
            Section(_("Sentence lengths"), [[by_length]]),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return to_json(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TreeReport:
        """The report that `to_dict` wrote."""
        arrays = ("references", "predicted", "lengths")
        changed = {
            "per_relation": tuple(LabelScore(**row) for row in data["per_relation"]),
            "by_length": tuple(LengthScore(**row) for row in data["by_length"]),
            **{name: np.array(data.get(name, []), np.int64) for name in arrays},
        }
        return cls(**{item.name: data[item.name] for item in fields(cls) if item.name not in arrays} | changed)

    def __str__(self) -> str:
        return print_report(self)
