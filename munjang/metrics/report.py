"""What the report of every task gives, so that cards, pages, terminals, files and comparisons need to know no task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from munjang.translation import _

TEXT_LENGTH = 400  # characters of a text that a table shows


@dataclass(frozen=True)
class Note:
    """A paragraph for the page alone: how to read what stands beside it."""

    text: str


@dataclass(frozen=True)
class ReportTable:
    """A table. rows: cells as `munjang.tables.format_cell` takes them.

    texts: the columns that hold texts of the data; a card leaves such a table out, and a page shows its first rows.
    folded: the page shows the table after a click on these words.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    texts: tuple[int, ...] = ()
    folded: str = ""


@dataclass(frozen=True)
class ReportPlot:
    """A picture for the page. kind: a key of `munjang.reports.plots.PLOTS`; values: the arguments of its function."""

    kind: str
    title: str
    values: Mapping[str, Any]


ReportPart = str | Note | ReportTable | ReportPlot
"""What a section is made of; a plain text is shown wherever the section is."""


@dataclass(frozen=True)
class Section:
    """A titled part of a report. columns: parts one below the other; a wide page shows the columns side by side."""

    heading: str
    columns: Sequence[Sequence[ReportPart]]

    @property
    def parts(self) -> list[ReportPart]:
        """The parts of all columns."""
        return [part for column in self.columns for part in column]


class HasMetrics(Protocol):
    """The scores on a set of texts: those of a whole report, or of its clean part."""

    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]: ...


@runtime_checkable
class Report(HasMetrics, Protocol):
    """The scores of one model on the texts of one split.

    n: texts scored; left_out: reason -> rows that were not. metrics: name -> value; intervals: 95% bootstrap over
    texts, of some of them or all. clean: the scores without texts that should not count; None where there are none.
    sha256: of the texts, in order.
    """

    @property
    def model(self) -> str: ...
    @property
    def corpus(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def left_out(self) -> Mapping[str, int]: ...
    @property
    def clean(self) -> HasMetrics | None: ...
    @property
    def sha256(self) -> str: ...

    # What people read

    @property
    def size(self) -> str:
        """How much was scored: "213 texts"."""

    @property
    def main(self) -> Sequence[str]:
        """The metrics that are shown large; by the first, models are compared."""

    @property
    def headlines(self) -> Sequence[str]:
        """The metrics at the head of a printed report."""

    def title(self, metric: str) -> str:
        """The name of a metric as tables show it."""

    def summary(self) -> list[str]:
        """Sentences above the table of scores: what it means."""

    def remarks(self) -> list[str]:
        """Sentences under the table of scores."""

    def sections(self, baseline: Self | None = None) -> list[Section]:
        """What follows the scores. baseline: of another model on the same texts, to be shown beside this one."""

    # Comparison

    @property
    def unit(self) -> str:
        """What `right` counts, in English: "texts"."""

    def right(self) -> np.ndarray:
        """(m,) bool: whether each answer is right; one or more a text."""

    def counts(self) -> np.ndarray:
        """(n, K): what `scores` needs of every text."""

    def scores(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics, each (...), from counts that were added over texts, (..., K)."""

    def aligned(self, other: Self) -> Self:
        """Another model's report of the same texts with its labels in this one's order.

        DataError: it has other labels, or other references.
        """

    # Files

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values, `task` among them."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The report that `to_dict` wrote. KeyError, TypeError, ValueError …: it is none."""


@dataclass(frozen=True)
class LabelScore:
    """One label's row of the table; `support` texts have it, for `predicted` texts it was predicted."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    @property
    def cells(self) -> list[Any]:
        """The row as tables show it."""
        return [self.name, *map(score_text, (self.precision, self.recall, self.f1)), self.support, self.predicted]


def to_json(report: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values."""
    return {item.name: plain_value(getattr(report, item.name)) for item in fields(report)}


def plain_value(value: Any) -> Any:
    """An array, dataclass, sequence or mapping as JSON values; anything else as it is."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    return list(map(plain_value, value)) if isinstance(value, list | tuple) else value


def left_out_text(left_out: Mapping[str, int]) -> str:
    """The rows that were not scored, each reason with its count: `1 empty, 2 without a label`. "" where there are none.

    left_out: reason in English -> rows.
    """
    return ", ".join(
        _("{count:,} {reason}", count=count, reason=_(reason)) for reason, count in left_out.items() if count
    )


def score_text(value: float) -> str:
    """A score as it is printed."""
    return f"{value:.4f}"


def interval_text(pair: tuple[float, float]) -> str:
    """An interval as cards and pages show it."""
    return f"{pair[0]:.4f}–{pair[1]:.4f}"


def cut(text: str) -> str:
    """A text as a table shows it; the cut of a long one is marked."""
    if len(text) <= TEXT_LENGTH:
        return text
    return _("{start}… ({length:,} characters)", start=text[:TEXT_LENGTH], length=len(text))
