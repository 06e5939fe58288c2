"""The parts that a Report is made of, and what its tables need of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from munjang.records import Label


@dataclass(frozen=True)
class LabelScore:
    """One label's row of the table; `support` texts have it, `predicted` were given it."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class WrongAnswer:
    """A text that the model got wrong; `probability` is what it gave the predicted label."""

    text: str
    reference: Label
    predicted: Label
    probability: float
    line: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class CleanScore:
    """The score without rows that should not count: repeats, texts with two labels, texts that train has too.

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
    """The JSON values of a report under the keys of today; reports saved by munjang 0.1.0 have others."""
    found = renamed(data, {"gold": "references", "guessed": "predicted", "worst": "top_errors"})
    for rows in ("per_label", "per_relation", "top_errors"):
        if rows in found:
            found[rows] = [renamed(row, {"gold": "reference", "guessed": "predicted"}) for row in found[rows]]
    return found


def renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values under other keys. names: old key -> new key."""
    return {names.get(key, key): value for key, value in data.items()}


class HasMetrics(Protocol):
    """What is known of the scores on a set of texts: of a whole Report, and of its clean part."""

    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]: ...


class TableSource(HasMetrics, Protocol):
    """What the tables of a Report are made from; `munjang.evaluation.report.Report` says what each holds."""

    model: str
    corpus: str
    split: str
    labels: tuple[str, ...]
    n: int
    left_out: Mapping[str, int]
    per_label: tuple[LabelScore, ...]
    confusion: np.ndarray | None
    calibration_error: float
    calibration: Sequence[Mapping[str, Any]]
    without_spaces: Mapping[str, float] | None
    clean: CleanScore | None
    top_errors: tuple[WrongAnswer, ...]
