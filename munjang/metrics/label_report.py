"""The report of a classifier: its scores, labels, confusions, calibration and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from munjang.errors import DataError
from munjang.metrics.breakdown import NoiseScore, Slicing, noise_table, slice_parts
from munjang.metrics.in_words import report_in_words
from munjang.metrics.report import (
    LabelScore,
    Note,
    ReportPart,
    ReportPlot,
    ReportTable,
    Section,
    cut,
    score_text,
    to_json,
)
from munjang.metrics.scores import METRICS, SEVERAL, confusion_columns, main_metrics, problem_kind, summed_metrics
from munjang.metrics.significance import Interval
from munjang.metrics.tables import print_report, title
from munjang.records import Label, label_text, short_repr
from munjang.translation import N_, _

HEADLINES = ("accuracy", "subset_accuracy", "micro_f1", "macro_f1", "f1", "hamming_loss")
AVERAGES = {"macro": N_("(macro)"), "micro": N_("(micro)"), "weighted": N_("(weighted)")}
MANY = 10  # labels above which the commonest confusions stand in a table, and the matrix below the bars
CONFUSIONS = 10  # rows of that table


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
    """The score without rows that should not count: repeats, texts with two labels, texts of which train has a copy.

    duplicates, conflicts, leaks, near: rows left out for each reason (the first that holds); leaks are texts that are
    also in train, near those with a near copy there. leaks and near are None where the train split is not known, near
    also in a report of an earlier version.
    """

    n: int
    duplicates: int
    conflicts: int
    leaks: int | None
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    near: int | None = None

    def __str__(self) -> str:
        if self.near is not None:
            return _(
                "Clean: {n:,} texts; left out: {duplicates:,} repeated, {conflicts:,} with two labels, "
                "{leaks:,} also in train, {near:,} with a near copy in train.",
                n=self.n,
                duplicates=self.duplicates,
                conflicts=self.conflicts,
                leaks=self.leaks,
                near=self.near,
            )
        if self.leaks is None:
            return _(
                "Clean: {n:,} texts; left out: {duplicates:,} repeated, {conflicts:,} with two labels. "
                "Texts that are also in train are not known here.",
                n=self.n,
                duplicates=self.duplicates,
                conflicts=self.conflicts,
            )
        return _(
            "Clean: {n:,} texts; left out: {duplicates:,} repeated, {conflicts:,} with two labels, "
            "{leaks:,} also in train.",
            n=self.n,
            duplicates=self.duplicates,
            conflicts=self.conflicts,
            leaks=self.leaks,
        )


@dataclass(frozen=True)
class Accepted:
    """What happens if labels that are not sure enough are withheld.

    target: the precision that was asked for, in words. labels: how many would be given; given: how many are; right: of
    those. interval: 95% (Wilson) of their share. by_label: label -> the same three counts.
    """

    target: str
    labels: int
    given: int
    right: int
    interval: Interval
    by_label: Mapping[str, Sequence[int]]

    def table(self) -> ReportTable:
        """The counts of each label that is given at all."""
        rows = [[name, *counts] for name, counts in self.by_label.items() if counts[0]]
        return ReportTable([_("label"), _("predicted"), _("given"), _("right")], rows)

    def __str__(self) -> str:
        if not self.given:
            return _("Minimum precision {target}: no label is sure enough to be given.", target=self.target)
        low, high = self.interval
        return _(
            "Minimum precision {target}: {given:,} of {labels:,} labels are given ({share:.1%}), {right:.1%} of them "
            "right ({low:.1%} to {high:.1%}); the others are left to a person.",
            target=self.target,
            given=self.given,
            labels=self.labels,
            share=self.given / max(1, self.labels),
            right=self.right / self.given,
            low=low,
            high=high,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelReport:
    """A `munjang.metrics.report.Report` on texts with labels.

    labels: names, in the order of the numbers in references and predicted. metrics: name of
    munjang.metrics.scores.METRICS -> value, with an interval; before them metrics of the task's own. confusion: (L, L),
    row = reference; None for multi-label. calibration: bins as munjang.metrics.scores.calibration_bins gives them.
    reliability: bins as munjang.metrics.calibration.equal_count_bins; coverage: as munjang.metrics.selective
    .coverage_curve; both are empty in reports of earlier versions.
    without_spaces: the main metrics on the same texts with all white space removed. accepted: with labels withheld that
    are not sure enough; the other scores count every label. slices: the scores of parts of the texts. robustness: the
    main score on the same texts with noise, if asked for. top_errors: highest confidence first. references, predicted:
    (n,) label numbers, or (n, L) bool for multi-label. probability: (n,) that the model gave to the reference. lines:
    (n,) the line of each text in its file (its number in the split, from 1, where the line is not known).
    """

    model: str
    corpus: str
    split: str
    task: str
    n: int
    sha256: str
    labels: tuple[str, ...]
    left_out: Mapping[str, int]
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    per_label: tuple[LabelScore, ...]
    confusion: np.ndarray | None
    calibration_error: float
    calibration: Sequence[Mapping[str, Any]]
    without_spaces: Mapping[str, float] | None = None
    clean: CleanScore | None = None
    accepted: Accepted | None = None
    reliability: Sequence[Mapping[str, float]] = ()
    coverage: Sequence[Sequence[float]] = ()
    slices: tuple[Slicing, ...] = ()
    robustness: tuple[NoiseScore, ...] = ()
    top_errors: tuple[WrongAnswer, ...] = ()
    references: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    lines: Sequence[int]

    unit = N_("texts")

    __repr__ = short_repr

    @property
    def kind(self) -> str:
        """ "binary", "multi-class" or "multi-label"."""
        return problem_kind(len(self.labels), several=self.references.ndim == 2)

    @property
    def main(self) -> tuple[str, str]:
        """The names of the two metrics by which models are compared."""
        return main_metrics(self.kind)

    @property
    def headlines(self) -> list[str]:
        """The metrics at the head of a printed report; those that are the task's own come first."""
        own = [name for name in self.metrics if name not in METRICS]
        shown = [*own, *(name for name in HEADLINES if name in self.metrics)]
        return [name for name in shown if name != "micro_f1" or "accuracy" not in shown]  # one label a text: the same

    @property
    def size(self) -> str:
        """The number of texts."""
        return _("{n:,} texts", n=self.n)

    @property
    def reference_table(self) -> np.ndarray:
        """(n, L) bool: the labels that each text has."""
        return as_table(self.references, len(self.labels))

    @property
    def predicted_table(self) -> np.ndarray:
        """(n, L) bool: the labels that were predicted for each text."""
        return as_table(self.predicted, len(self.labels))

    def title(self, metric: str) -> str:
        """The name of a metric; of the F1 of the positive label with that label."""
        return _("F1 of {label}", label=self.labels[1]) if metric == "f1" else title(metric)

    def counts(self) -> np.ndarray:
        """(n, 3 L + 2) bool: as `munjang.metrics.scores.confusion_columns`."""
        return confusion_columns(self.reference_table, self.predicted_table)

    def scores(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric of the kind of problem."""
        return summed_metrics(counts, self.kind)

    def right(self) -> np.ndarray:
        """(n,) bool: the texts whose labels are all right."""
        return (self.reference_table == self.predicted_table).all(axis=1)

    def aligned(self, other: LabelReport) -> LabelReport:
        """The other report with its labels in this one's order. DataError: other labels, or other references."""
        if set(self.labels) != set(other.labels):
            raise DataError(
                _(
                    "The models have different labels: {first} has {first_labels}; {second} has {second_labels}. "
                    "Compare models of the same labels.",
                    first=self.model,
                    first_labels=", ".join(self.labels),
                    second=other.model,
                    second_labels=", ".join(other.labels),
                )
            )
        order = [other.labels.index(name) for name in self.labels]
        references, predicted = (table[:, order] for table in (other.reference_table, other.predicted_table))
        if (self.reference_table != references).any():
            raise DataError(
                _(
                    "The reports are over the same texts with different reference labels; evaluate both on the same "
                    "file."
                )
            )
        return replace(other, labels=self.labels, references=references, predicted=predicted)

    def summary(self) -> list[str]:
        """The scores in words."""
        return report_in_words(self)

    def remarks(self) -> list[str]:
        """What "clean" leaves out, and the scores without spaces, each with its distance from the usual one."""
        remarks = [str(self.clean)] if self.clean else []
        remarks += [str(self.accepted)] if self.accepted else []
        if self.without_spaces:
            scores = [
                _(
                    "{metric} {score} ({points:+.1f} points)",
                    metric=title(name),
                    score=score_text(value),
                    points=100 * (value - self.metrics[name]),
                )
                for name, value in self.without_spaces.items()
            ]
            remarks.append(_("The same texts without spaces: {scores}.", scores=", ".join(scores)))
        return remarks

    def sections(self, baseline: LabelReport | None = None) -> list[Section]:
        """The labels, their confusions, the calibration, the most confident errors."""
        values = {
            "scores": {score.name: score.f1 for score in self.per_label},
            "support": {score.name: score.support for score in self.per_label},
            "baseline": {score.name: score.f1 for score in baseline.per_label} if baseline else None,
        }
        bars = ReportPlot("bars", _("F1 of each label"), values)
        sections = [Section(_("Labels"), [[bars], [self.label_table()]])]
        if self.confusion is not None:
            matrix = ReportPlot("confusion", _("Confusion matrix"), {"matrix": self.confusion, "names": self.labels})
            table = self.confusion_table()
            few = len(self.labels) <= MANY
            sections.append(Section(_("Confusions"), [[matrix], [table]] if few else [[matrix, table]]))
        sections.append(Section(_("Calibration"), self.calibration_columns()))
        if self.accepted:
            sections.append(Section(_("Given and withheld"), [[self.accepted.table()]]))
        if self.slices:
            sections.append(Section(_("Slices"), [slice_parts(self.slices)]))
        if self.robustness:
            sections.append(Section(_("Noise"), [[noise_table(self.main[0], self.robustness)]]))
        return [*sections, Section(_("Most confident errors"), [self.error_parts()])] if self.top_errors else sections

    def label_table(self) -> ReportTable:
        """Precision, recall and F1 of each label, and their averages."""
        rows = [score.cells for score in self.per_label]
        for average, shown in AVERAGES.items():
            values = [self.metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
            rows.append([_(shown), *map(score_text, values), None, None])
        return ReportTable([_("label"), _("precision"), _("recall"), _("F1"), _("texts"), _("predicted")], rows)

    def confusion_table(self) -> ReportTable:
        """The confusion matrix, or with many labels the commonest confusions."""
        labels, cells = self.labels, np.asarray(self.confusion)
        if len(labels) <= MANY:
            rows = [[name, *map(int, row)] for name, row in zip(labels, cells, strict=True)]
            return ReportTable([_("true \\ predicted"), *labels], rows)
        wrong = cells * (1 - np.eye(len(labels), dtype=np.int64))
        order = [divmod(int(cell), len(labels)) for cell in np.argsort(-wrong, axis=None, kind="stable")]
        rows = [[labels[i], labels[j], int(wrong[i, j])] for i, j in order[:CONFUSIONS] if wrong[i, j]]
        return ReportTable([_("true"), _("predicted"), _("texts")], rows)

    def calibration_columns(self) -> list[list[ReportPart]]:
        """Whether the confidence of the model matches its accuracy, and how to read the plot."""
        bins = self.reliability or self.calibration
        values = {"bins": bins, "error": self.calibration_error, "spread": self.calibration}
        error, count = self.calibration_error, len(self.calibration)
        if self.kind in SEVERAL:
            meaning = _("Where the probability of a label is 0.9, nine in ten should be right.")
        else:
            meaning = _("Where the confidence of a prediction is 0.9, nine in ten should be right.")
        reading = _(
            "The closer the line is to the diagonal, the better the scores serve as probabilities, for example to "
            "accept only predictions above some score. The calibration error is the mean distance from the diagonal."
        )
        line = _("Calibration error: {error:.4f} ({bins} bins).", error=error, bins=count)
        parts: list[ReportPart] = [line, Note(f"{meaning} {reading}")]
        if self.coverage:
            parts.append(ReportPlot("coverage", _("What can be answered"), {"curve": self.coverage}))
        return [[ReportPlot("reliability", _("Confidence and accuracy"), values)], parts]

    def error_parts(self) -> list[ReportPart]:
        """The wrong predictions with the highest confidence."""
        reading = _("Wrong predictions with the highest confidence. Some of them are due to wrong labels in the data.")
        header = [_("line"), _("true"), _("predicted"), _("confidence"), _("text")]
        rows = [
            [
                answer.line,
                label_text(answer.reference, ", ") or _("none"),
                label_text(answer.predicted, ", ") or _("none"),
                f"{answer.probability:.3f}",
                cut(answer.text),
            ]
            for answer in self.top_errors
        ]
        return [Note(reading), ReportTable(header, rows, texts=(4,))]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; references and predictions as compact lists of label numbers."""
        return {
            **to_json(self),
            "references": compact_answers(self.references),
            "predicted": compact_answers(self.predicted),
            "probability": [round(float(value), 6) for value in self.probability],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelReport:
        """The report that `to_dict` wrote."""
        labels, several, clean = tuple(data["labels"]), data["confusion"] is None, data["clean"]
        changed = {
            "labels": labels,
            "intervals": as_intervals(data["intervals"]),
            "per_label": tuple(LabelScore(**score) for score in data["per_label"]),
            "confusion": None if data["confusion"] is None else np.array(data["confusion"], np.int64),
            "clean": clean and CleanScore(**{**clean, "intervals": as_intervals(clean["intervals"])}),
            "accepted": (found := data["accepted"]) and Accepted(**{**found, "interval": tuple(found["interval"])}),
            "slices": tuple(map(Slicing.from_dict, data["slices"])),
            "robustness": tuple(map(NoiseScore.from_dict, data["robustness"])),
            "top_errors": tuple(wrong_answer(item) for item in data["top_errors"]),
            "references": expand_answers(data["references"], len(labels), several=several),
            "predicted": expand_answers(data["predicted"], len(labels), several=several),
            "probability": np.array(data["probability"], np.float32),
        }
        report = cls(**{item.name: data[item.name] for item in fields(cls)} | changed)
        if not len(report.references) == len(report.predicted) == report.n:
            raise ValueError(
                _(
                    "{references} reference labels, {predicted} predictions, {n} texts",
                    references=len(report.references),
                    predicted=len(report.predicted),
                    n=report.n,
                )
            )
        return report

    def __str__(self) -> str:
        return print_report(self)


def as_table(answers: np.ndarray, labels: int) -> np.ndarray:
    """Label numbers (n,) or bools (n, L) as (n, L) bool."""
    return answers if answers.ndim == 2 else answers[:, None] == np.arange(labels)


def as_intervals(data: Mapping[str, Sequence[float]]) -> dict[str, Interval]:
    """Intervals from JSON, where tuples have become lists."""
    return {name: (pair[0], pair[1]) for name, pair in data.items()}


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
