"""Compare two models on the same texts: the difference, its interval, McNemar's test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.metrics.report import Report
from munjang.metrics.scores import metric_values
from munjang.metrics.significance import mcnemar, paired_bootstrap
from munjang.metrics.tables import headlines, score_text, title
from munjang.tables import format_table
from munjang.translation import _


@dataclass(frozen=True)
class MetricDifference:
    """One metric of both models, first minus second, and the 95% interval of the difference (paired bootstrap)."""

    first: float
    second: float
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Two models on the same n texts.

    differences: by metric. only_first, only_second: texts whose labels only this model got all right. p: of McNemar's
    test on these texts.
    """

    first: str
    second: str
    n: int
    main: str
    differences: Mapping[str, MetricDifference]
    only_first: int
    only_second: int
    p: float

    @property
    def difference(self) -> float:
        """The difference in the main metric, first minus second."""
        return self.differences[self.main].difference

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the main metric's difference."""
        return self.differences[self.main].interval

    @property
    def verdict(self) -> str:
        """What the numbers say, in a sentence."""
        low, high = self.interval if self.difference >= 0 else (-self.interval[1], -self.interval[0])
        better, worse = (self.first, self.second) if self.difference > 0 else (self.second, self.first)
        points, metric = 100 * abs(self.difference), title(self.main)
        evidence = _(
            "95% interval {low:+.1f} to {high:+.1f}; McNemar p {p}; {n:,} texts",
            low=100 * low,
            high=100 * high,
            p=p_text(self.p),
            n=self.n,
        )
        if low <= 0 <= high:
            return _(
                "No difference between {first} and {second} can be shown: {points:.1f} points of {metric} apart "
                "({evidence}).",
                first=self.first,
                second=self.second,
                points=points,
                metric=metric,
                evidence=evidence,
            )
        return _(
            "{better} is better than {worse} by {points:.1f} points of {metric} ({evidence}).",
            better=better,
            worse=worse,
            points=points,
            metric=metric,
            evidence=evidence,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "verdict": self.verdict}

    def __str__(self) -> str:
        rows = [
            [
                title(name),
                score_text(item.first),
                score_text(item.second),
                f"{item.difference:+.4f}",
                f"[{item.interval[0]:+.4f}, {item.interval[1]:+.4f}]",
            ]
            for name, item in ((name, self.differences[name]) for name in headlines(self.differences))
        ]
        table = format_table([_("metric"), self.first, self.second, _("difference"), _("95% interval")], rows)
        right = _(
            "only {first} right: {only_first:,} texts; only {second} right: {only_second:,}",
            first=self.first,
            only_first=self.only_first,
            second=self.second,
            only_second=self.only_second,
        )
        return f"{self.verdict}\n\n{table}\n{right}"


def compare_reports(first: Report, second: Report, *, seed: int = 13) -> Comparison:
    """How the first model differs from the second.

    A DataError unless both reports are over the same texts and references.
    """
    if first.sha256 != second.sha256 or first.n != second.n:
        raise DataError(
            _(
                "Different texts: {first} on {first_corpus}, {first_split} ({first_n:,} texts), {second} on "
                "{second_corpus}, {second_split} ({second_n:,} texts). Evaluate both on the same ones.",
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
    references, predicted = first.reference_table, first.predicted_table
    if first.task != second.task or set(first.labels) != set(second.labels):
        raise DataError(
            _(
                "The models have different labels: {first} has {first_labels}; {second} has {second_labels}. "
                "Compare models of the same labels.",
                first=first.model,
                first_labels=", ".join(first.labels),
                second=second.model,
                second_labels=", ".join(second.labels),
            )
        )
    order = [second.labels.index(name) for name in first.labels]
    other = second.predicted_table[:, order]
    if (references != second.reference_table[:, order]).any():
        raise DataError(
            _("The reports are over the same texts with different reference labels; evaluate both on the same file.")
        )
    intervals = paired_bootstrap(references, predicted, other, first.kind, seed=seed)
    right, other_right = (references == predicted).all(axis=1), (references == other).all(axis=1)
    only_first, only_second = int(np.sum(right & ~other_right)), int(np.sum(other_right & ~right))
    names = (
        (first.model, second.model) if first.model != second.model else (f"{first.model} (1)", f"{second.model} (2)")
    )
    # from the predictions, not from the reports' metrics: a report's F1 is for its second label, and orders may differ
    values, others = metric_values(references, predicted, first.kind), metric_values(references, other, first.kind)
    differences = {
        name: MetricDifference(value, others[name], value - others[name], intervals[name])
        for name, value in values.items()
    }
    return Comparison(
        *names, first.n, first.main[0], differences, only_first, only_second, mcnemar(only_first, only_second)
    )


def p_text(p: float) -> str:
    """A p-value with two digits that matter."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}" if p < 0.01 else f"= {p:.2f}"
