"""Compare two parsers on the same sentences: the difference of their scores and its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.evaluation.comparison import MetricDifference
from munjang.evaluation.trees import DRAWS
from munjang.metrics.tree_report import TITLES, TreeReport
from munjang.tables import format_table
from munjang.translation import _

COMPARED = ("las", "uas", "exact")


@dataclass(frozen=True)
class TreeComparison:
    """Two parsers on the same n sentences.

    differences: of las, uas and exact, with 95% intervals from a paired bootstrap over sentences. only_first,
    only_second: words whose head and relation only this parser got right.
    """

    first: str
    second: str
    n: int
    words: int
    differences: Mapping[str, MetricDifference]
    only_first: int
    only_second: int

    @property
    def verdict(self) -> str:
        """What the numbers say, in a sentence."""
        las = self.differences["las"]
        low, high = las.interval if las.difference >= 0 else (-las.interval[1], -las.interval[0])
        better, worse = (self.first, self.second) if las.difference > 0 else (self.second, self.first)
        points = 100 * abs(las.difference)
        evidence = _(
            "95% interval {low:+.1f} to {high:+.1f}; {n:,} sentences", low=100 * low, high=100 * high, n=self.n
        )
        if low <= 0 <= high:
            return _(
                "No difference between {first} and {second} can be shown: {points:.1f} points of LAS apart "
                "({evidence}).",
                first=self.first,
                second=self.second,
                points=points,
                evidence=evidence,
            )
        return _(
            "{better} is better than {worse} by {points:.1f} points of LAS ({evidence}).",
            better=better,
            worse=worse,
            points=points,
            evidence=evidence,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "verdict": self.verdict}

    def __str__(self) -> str:
        rows = [
            [_(TITLES[name]), f"{item.first:.4f}", f"{item.second:.4f}", f"{item.difference:+.4f}",
             f"[{item.interval[0]:+.4f}, {item.interval[1]:+.4f}]"]
            for name, item in self.differences.items()
        ]  # fmt: skip
        table = format_table([_("score"), self.first, self.second, _("difference"), _("95% interval")], rows)
        right = _(
            "only {first} right: {only_first:,} words; only {second} right: {only_second:,}",
            first=self.first,
            only_first=self.only_first,
            second=self.second,
            only_second=self.only_second,
        )
        return f"{self.verdict}\n\n{table}\n{right}"


def compare_trees(first: TreeReport, second: TreeReport, *, seed: int = 13) -> TreeComparison:
    """How the first parser differs from the second.

    DataError: different sentences, different reference trees, or a report without predictions.
    """
    for report in (first, second):
        if not len(report.lengths):
            raise DataError(
                _("The report of {model} holds no predictions; evaluate this parser again.", model=report.model)
            )
    if first.sha256 != second.sha256 or first.lengths.tolist() != second.lengths.tolist():
        raise DataError(
            _(
                "Different sentences: {first} on {first_corpus}, {first_split} ({first_n:,}), {second} on "
                "{second_corpus}, {second_split} ({second_n:,}). Evaluate both on the same ones.",
                first=first.model,
                first_corpus=first.corpus,
                first_split=first.split,
                first_n=first.n,
                second=second.model,
                second_corpus=second.corpus,
                second_split=second.split,
                second_n=second.n,
            )
        )
    if first.reference_names != second.reference_names or (first.references[:, 0] != second.references[:, 0]).any():
        raise DataError(
            _("The reports are over the same sentences with different reference trees; evaluate both on one file.")
        )
    both = [correct_words(report) for report in (first, second)]
    drawn = np.random.default_rng(seed).integers(0, first.n, (DRAWS, first.n))
    sizes = {"las": first.lengths, "uas": first.lengths, "exact": np.ones(first.n)}
    differences = {}
    for name in COMPARED:
        ours, theirs = (correct[name] for correct in both)
        shares = (ours - theirs)[drawn].sum(axis=1) / sizes[name][drawn].sum(axis=1)
        low, high = np.percentile(shares, (2.5, 97.5))
        our_score, their_score = (float(correct.sum() / sizes[name].sum()) for correct in (ours, theirs))
        difference = our_score - their_score
        differences[name] = MetricDifference(our_score, their_score, difference, (float(low), float(high)))
    right, other = (right_words(report) for report in (first, second))
    names = (
        (first.model, second.model) if first.model != second.model else (f"{first.model} (1)", f"{second.model} (2)")
    )
    only_first, only_second = int((right & ~other).sum()), int((other & ~right).sum())
    return TreeComparison(*names, first.n, first.words, differences, only_first, only_second)


def right_words(report: TreeReport) -> np.ndarray:
    """(N,) bool: the words with the right head and relation."""
    return (report.references == report.predicted).all(axis=1)


def correct_words(report: TreeReport) -> dict[str, np.ndarray]:
    """For each sentence how many words are right (las), have the right head (uas), and whether all are right."""
    starts = np.cumsum(report.lengths) - report.lengths
    las = np.add.reduceat(right_words(report).astype(int), starts)
    uas = np.add.reduceat((report.references == report.predicted)[:, 0].astype(int), starts)
    return {"las": las, "uas": uas, "exact": (las == report.lengths).astype(int)}
