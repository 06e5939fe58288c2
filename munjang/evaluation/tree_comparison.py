"""Compare two parsers on the same sentences: the difference of their scores and its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.evaluation.comparison import MetricDifference
from munjang.evaluation.trees import DRAWS, TITLES, TreeReport
from munjang.tables import format_table
from munjang.translation import _

COMPARED = ("las", "uas", "exact")


@dataclass(frozen=True)
class TreeComparison:
    """Two parsers on the same n sentences.

    differences: las, uas and exact -> Difference, 95% intervals from a paired bootstrap over sentences. only_first,
    only_second: words that only that parser hung right, by the right relation.
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
        found = self.differences["las"]
        low, high = found.interval if found.difference >= 0 else (-found.interval[1], -found.interval[0])
        points = f"{100 * abs(found.difference):.1f} points of LAS"
        spread = f"95% interval {100 * low:+.1f} to {100 * high:+.1f}; {self.n:,} sentences"
        if low <= 0 <= high:
            return f"No difference between {self.first} and {self.second} can be shown: {points} apart ({spread})."
        better, worse = (self.first, self.second) if found.difference > 0 else (self.second, self.first)
        return f"{better} is better than {worse} by {points} ({spread})."

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "verdict": self.verdict}

    def __str__(self) -> str:
        rows = [
            [TITLES[name], f"{item.first:.4f}", f"{item.second:.4f}", f"{item.difference:+.4f}",
             f"[{item.interval[0]:+.4f}, {item.interval[1]:+.4f}]"]
            for name, item in self.differences.items()
        ]  # fmt: skip
        table = format_table([_("score"), self.first, self.second, _("difference"), _("95% interval")], rows)
        right = f"only {self.first} right: {self.only_first:,} words; only {self.second} right: {self.only_second:,}"
        return f"{self.verdict}\n\n{table}\n{right}"


def compare_trees(first: TreeReport, second: TreeReport, *, seed: int = 13) -> TreeComparison:
    """How the first parser differs from the second.

    DataError: other sentences, other reference trees, no answers kept.
    """
    for report in (first, second):
        if not len(report.lengths):
            raise DataError(
                _("The report of {model} holds no answers; evaluate that parser again.", model=report.model)
            )
    if first.sha256 != second.sha256 or first.lengths.tolist() != second.lengths.tolist():
        raise DataError(
            _(
                "Different sentences: {model} on {corpus}, {split} ({n:,}), {model2} on {corpus2}, "
                "{split2} ({n2:,}). Evaluate both on the same ones.",
                model=first.model,
                corpus=first.corpus,
                split=first.split,
                n=first.n,
                model2=second.model,
                corpus2=second.corpus,
                split2=second.split,
                n2=second.n,
            )
        )
    if first.reference_names != second.reference_names or (first.references[:, 0] != second.references[:, 0]).any():
        raise DataError(
            _("The reports are over the same sentences with different reference trees; evaluate both on one file.")
        )
    hits = [correct_words(report) for report in (first, second)]
    drawn = np.random.default_rng(seed).integers(0, first.n, (DRAWS, first.n))
    sizes = {"las": first.lengths, "uas": first.lengths, "exact": np.ones(first.n)}
    differences = {}
    for name in COMPARED:
        ours, theirs = (of_both[name] for of_both in hits)
        shares = (ours - theirs)[drawn].sum(axis=1) / sizes[name][drawn].sum(axis=1)
        low, high = np.percentile(shares, (2.5, 97.5))
        values = [float(own.sum() / sizes[name].sum()) for own in (ours, theirs)]
        differences[name] = MetricDifference(*values, values[0] - values[1], (float(low), float(high)))
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
