"""The parts that a Report is made of, and what its tables need of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from munjang.records import Label
from munjang.translation import _


@dataclass(frozen=True)
class LabelScore:
    """One label's row of the table; `support` texts have it, for `predicted` texts it was predicted."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class WrongAnswer:
    """A text that the model got wrong; `probability` is that of the predicted label."""

    text: str
    reference: Label
    predicted: Label
    probability: float
    line: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class CleanScore:
    """The score without rows that should not count: repeats, texts with two labels, texts that are also in train.

    duplicates, conflicts, leaks: rows left out for each reason (the first that holds). leaks is None where the train
    split is not known.
    """

    n: int
    duplicates: int
    conflicts: int
    leaks: int | None
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


def present_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON values of a report under today's keys; reports that munjang 0.1.0 saved have others."""
    values = renamed(data, {"gold": "references", "guessed": "predicted", "worst": "top_errors"})
    for rows in ("per_label", "per_relation", "top_errors"):
        if rows in values:
            values[rows] = [renamed(row, {"gold": "reference", "guessed": "predicted"}) for row in values[rows]]
    return values


def renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values under other keys. names: old key -> new key."""
    return {names.get(key, key): value for key, value in data.items()}


def left_out_text(left_out: Mapping[str, int]) -> str:
    """The rows that were not scored, each reason with its count: `1 empty, 2 without a label`. "" where there are none.

    left_out: reason in English -> rows.
    """
    return ", ".join(
        _("{count:,} {reason}", count=count, reason=_(reason)) for reason, count in left_out.items() if count
    )


class HasMetrics(Protocol):
    """The scores on a set of texts: those of a whole Report, or of its clean part."""

    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]: ...


class TableSource(HasMetrics, Protocol):
    """What the tables of a Report are made from; `munjang.metrics.report.Report` says what each holds."""

    @property
    def model(self) -> str: ...
    @property
    def corpus(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def n(self) -> int: ...
    @property
    def left_out(self) -> Mapping[str, int]: ...
    @property
    def per_label(self) -> tuple[LabelScore, ...]: ...
    @property
    def confusion(self) -> np.ndarray | None: ...
    @property
    def calibration_error(self) -> float: ...
    @property
    def calibration(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def without_spaces(self) -> Mapping[str, float] | None: ...
    @property
    def clean(self) -> CleanScore | None: ...
    @property
    def top_errors(self) -> tuple[WrongAnswer, ...]: ...
