"""The result of an evaluation: the Report and its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.metrics.report_parts import CleanScore, LabelScore, WrongAnswer, present_keys
from munjang.metrics.scores import main_metrics, problem_kind
from munjang.metrics.tables import print_report
from munjang.translation import _


@dataclass(frozen=True, eq=False)
class Report:
    """The scores of one model on the texts of one split.

    labels: names, in the order of the numbers in references and predicted. n: texts scored; left_out: reason -> rows
    that were not. metrics: name of munjang.metrics.scores.METRICS -> value; intervals: 95% bootstrap, likewise.
    confusion: (L, L), row = reference; None for multi-label. calibration: bins as
    munjang.metrics.scores.calibration_bins gives them. references, predicted: (n,) label numbers, or (n, L) bool for
    multi-label. probability: (n,) that the model gave to the reference. lines: (n,) the line of each text in its file
    (its number in the split, from 1, where the line is not known). sha256: of the texts, in order. without_spaces: the
    main metrics on the same texts with all white space removed. top_errors: highest confidence first.
    """

    model: str
    corpus: str
    split: str
    task: str
    labels: tuple[str, ...]
    n: int
    left_out: Mapping[str, int]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    per_label: tuple[LabelScore, ...]
    confusion: np.ndarray | None
    calibration_error: float
    calibration: Sequence[Mapping[str, Any]]
    references: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    lines: Sequence[int]
    sha256: str
    without_spaces: Mapping[str, float] | None = None
    clean: CleanScore | None = None
    top_errors: tuple[WrongAnswer, ...] = ()

    @property
    def kind(self) -> str:
        """ "binary", "multi-class" or "multi-label"."""
        return problem_kind(self.task, len(self.labels))

    @property
    def main(self) -> tuple[str, str]:
        """The names of the two metrics by which models are compared."""
        return main_metrics(self.kind)

    @property
    def reference_table(self) -> np.ndarray:
        """(n, L) bool: the labels that each text has."""
        return as_table(self.references, len(self.labels))

    @property
    def predicted_table(self) -> np.ndarray:
        """(n, L) bool: the labels that were predicted for each text."""
        return as_table(self.predicted, len(self.labels))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; references and predictions as compact lists of label numbers."""
        return {
            **{name: getattr(self, name) for name in ("model", "corpus", "split", "task", "n", "sha256")},
            "labels": list(self.labels),
            "left_out": dict(self.left_out),
            "metrics": dict(self.metrics),
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "per_label": [asdict(score) for score in self.per_label],
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "calibration_error": self.calibration_error,
            "calibration": [dict(item) for item in self.calibration],
            "without_spaces": None if self.without_spaces is None else dict(self.without_spaces),
            "clean": None if self.clean is None else asdict(self.clean),
            "top_errors": [asdict(answer) for answer in self.top_errors],
            "references": compact_answers(self.references),
            "predicted": compact_answers(self.predicted),
            "probability": [round(float(value), 6) for value in self.probability],
            "lines": [int(line) for line in self.lines],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The report that `to_dict` wrote; anything else is a DataError."""
        try:
            data = present_keys(data)
            labels = tuple(data["labels"])
            several = data["task"] == "multi-label"
            clean = data["clean"] and CleanScore(
                **{
                    **data["clean"],
                    "intervals": {name: tuple(pair) for name, pair in data["clean"]["intervals"].items()},
                }
            )
            report = cls(
                **{name: data[name] for name in ("model", "corpus", "split", "task", "n", "sha256")},
                **{name: data[name] for name in ("left_out", "metrics", "calibration_error", "calibration", "lines")},
                labels=labels,
                intervals={name: (pair[0], pair[1]) for name, pair in data["intervals"].items()},
                per_label=tuple(LabelScore(**score) for score in data["per_label"]),
                confusion=None if data["confusion"] is None else np.array(data["confusion"], np.int64),
                references=expand_answers(data["references"], len(labels), several=several),
                predicted=expand_answers(data["predicted"], len(labels), several=several),
                probability=np.array(data["probability"], np.float32),
                without_spaces=data["without_spaces"],
                clean=clean,
                top_errors=tuple(wrong_answer(item) for item in data["top_errors"]),
            )
            if not len(report.references) == len(report.predicted) == report.n:
                raise ValueError(
                    _(
                        "{references} reference labels, {predicted} predictions, {n} texts",
                        references=len(report.references),
                        predicted=len(report.predicted),
                        n=report.n,
                    )
                )
        except KeyError as error:
            raise DataError(
                _("This is no report of munjang evaluate --json: it has no key '{key}'.", key=error.args[0])
            ) from error
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(_("This is no report of munjang evaluate --json: {reason}.", reason=error)) from error
        return report

    def __str__(self) -> str:
        return print_report(self)


def as_table(answers: np.ndarray, labels: int) -> np.ndarray:
    """Label numbers (n,) or bools (n, L) as (n, L) bool."""
    return answers if answers.ndim == 2 else answers[:, None] == np.arange(labels)


def compact_answers(answers: np.ndarray) -> list:
    """Label numbers as they are; for multi-label a list of numbers for each text."""
    return [np.flatnonzero(row).tolist() for row in answers] if answers.ndim == 2 else answers.tolist()


def expand_answers(answers: Sequence[Any], labels: int, *, several: bool) -> np.ndarray:
    """The inverse of `compact_answers`; a number that is no label is a ValueError."""
    numbers = [number for row in answers for number in row] if several else list(answers)
    if not all(isinstance(number, int) and 0 <= number < labels for number in numbers):
        raise ValueError(_("label numbers outside the labels"))
    if not several:
        return np.array(numbers, np.int64)
    table = np.zeros((len(answers), labels), bool)
    for row, chosen in zip(table, answers, strict=True):
        row[chosen] = True
    return table


def wrong_answer(data: Mapping[str, Any]) -> WrongAnswer:
    """A WrongAnswer from JSON, where tuples have become lists."""
    labels = {
        name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in ("reference", "predicted")
    }
    return WrongAnswer(**{**data, **labels})
