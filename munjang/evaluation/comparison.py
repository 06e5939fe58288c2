"""Compare two models on the same texts: the difference, its interval, McNemar's test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from munjang.config.arguments import checked
from munjang.errors import DataError
from munjang.metrics.report import Report, score_text
from munjang.metrics.significance import mcnemar, p_text, paired_bootstrap
from munjang.metrics.tables import signed_interval, title
from munjang.records import short_repr
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

    main: the metric that decides; shown: those that are printed. differences: by metric. only_first, only_second:
    answers that only this model got right, in `unit`: texts whose labels are all right, or words of trees. p: of
    McNemar's test on these answers; None where a text has many, which depend on each other.
    """

    first: str
    second: str
    n: int
    main: str
    differences: Mapping[str, MetricDifference]
    only_first: int
    only_second: int
    p: float | None
    size: str
    unit: str
    shown: tuple[str, ...]

    __repr__ = short_repr

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
        evidence = [_("95% interval {low:+.1f} to {high:+.1f}", low=100 * low, high=100 * high)]
        evidence += [] if self.p is None else [_("McNemar p {p}", p=p_text(self.p))]
        reasons = "; ".join([*evidence, self.size])
        if low <= 0 <= high:
            return _(
                "No difference between {first} and {second} can be shown: {points:.1f} points of {metric} apart "
                "({evidence}).",
                first=self.first,
                second=self.second,
                points=points,
                metric=metric,
                evidence=reasons,
            )
        return _(
            "{better} is better than {worse} by {points:.1f} points of {metric} ({evidence}).",
            better=better,
            worse=worse,
            points=points,
            metric=metric,
            evidence=reasons,
        )

    @property
    def only_one_right(self) -> str:
        """How many answers only one of the models got right."""
        return _(
            "only {first} right: {only_first:,} {unit}; only {second} right: {only_second:,}",
            first=self.first,
            only_first=self.only_first,
            unit=_(self.unit),
            second=self.second,
            only_second=self.only_second,
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
                signed_interval(item.interval),
            ]
            for name, item in ((name, self.differences[name]) for name in self.shown)
        ]
        table = format_table([_("metric"), self.first, self.second, _("difference"), _("95% interval")], rows)
        return f"{self.verdict}\n\n{table}\n{self.only_one_right}"


@checked()
def compare(first: Report, second: Report, *, seed: int = 13) -> Comparison:
    """How the first model differs from the second.

    A DataError unless both reports are of one task, over the same texts and references.
    """
    if first.task != second.task:
        raise DataError(
            _(
                "{first} is a model for {task}, {second} one for {other_task}; compare two of one kind.",
                first=first.model,
                task=first.task,
                second=second.model,
                other_task=second.task,
            )
        )
    if first.sha256 != second.sha256 or first.n != second.n:
        raise DataError(
            _(
                "Different texts: {first} on {first_corpus}, {first_split} ({first_size}), {second} on "
                "{second_corpus}, {second_split} ({second_size}). Evaluate both on the same ones.",
                first=first.model,
                first_corpus=first.corpus,
                first_split=first.split,
                first_size=first.size,
                second=second.model,
                second_corpus=second.corpus,
                second_split=second.split,
                second_size=second.size,
            )
        )
    other = first.aligned(second)
    counts, other_counts = first.counts(), other.counts()
    # from the predictions, not from the reports' metrics: a report's F1 is for its second label, and orders may differ
    values, others = first.scores(counts.sum(axis=0)), first.scores(other_counts.sum(axis=0))
    intervals = paired_bootstrap(counts, other_counts, first.scores, seed=seed)
    differences = {
        name: MetricDifference(float(value), float(others[name]), float(value - others[name]), intervals[name])
        for name, value in values.items()
    }
    right, other_right = first.right(), other.right()
    only_first, only_second = int(np.sum(right & ~other_right)), int(np.sum(other_right & ~right))
    same_name = first.model == second.model
    return Comparison(
        first=f"{first.model} (1)" if same_name else first.model,
        second=f"{second.model} (2)" if same_name else second.model,
        n=first.n,
        main=first.main[0],
        differences=differences,
        only_first=only_first,
        only_second=only_second,
        p=mcnemar(only_first, only_second) if len(right) == first.n else None,
        size=first.size,
        unit=first.unit,
        shown=tuple(name for name in first.headlines if name in differences),
    )
