"""A Report as aligned tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from munjang.evaluation.report_parts import CleanScore, HasMetrics, TableSource
from munjang.records import label_text
from munjang.tables import format_table
from munjang.translation import _

HEADLINES = ("accuracy", "subset_accuracy", "micro_f1", "macro_f1", "f1", "hamming_loss")
MOST_COLUMNS = 10  # labels up to which the confusion matrix is printed whole
SHOWN_ROWS = 10  # rows of the lists of confusions and errors that are printed


def print_report(report: TableSource, *, top_errors: int = SHOWN_ROWS) -> str:
    """All parts of a report, with that many of the most confident errors; parts with nothing to say are left out."""
    parts = [
        heading(report),
        metric_table(report),
        label_table(report),
        confusion_table(report),
        "\n".join(report_remarks(report)),
        error_table(report, top_errors),
    ]
    return "\n\n".join(part for part in parts if part)


def heading(report: TableSource) -> str:
    """Which model, which texts, how many, what was left out."""
    left = ", ".join(f"{count:,} {reason}" for reason, count in report.left_out.items() if count)
    first = f"{report.model} on {report.corpus}, {report.split}: {report.n:,} texts"
    return first + (f" (left out: {left})" if left else "")


def metric_table(report: TableSource) -> str:
    """The main scores with their intervals; beside them, where some rows are flawed, the scores without those."""
    shown = headlines(report.metrics)
    rows = [[title(name), *score_cells(report, name)] for name in shown]
    if "f1" in shown:
        rows[shown.index("f1")][0] = f"F1 of {report.labels[1]}"
    if report.clean is None:
        return format_table([_("metric"), _("score"), _("95% interval")], rows)
    for row, name in zip(rows, shown, strict=True):
        row += score_cells(report.clean, name)
    table = format_table([_("metric"), _("as published"), _("95% interval"), _("clean"), _("95% interval")], rows)
    return f"{table}\n{clean_sentence(report.clean)}"


def headlines(metrics: Mapping[str, Any]) -> list[str]:
    """The metrics that stand at the head of a report, of those that there are."""
    shown = [name for name in HEADLINES if name in metrics]
    return [name for name in shown if name != "micro_f1" or "accuracy" not in shown]  # one label a text: the same


def score_cells(scored: HasMetrics, name: str) -> list[str]:
    """A metric and its interval."""
    low, high = scored.intervals[name]
    return [score_text(scored.metrics[name]), f"[{low:.4f}, {high:.4f}]"]  # a console in cp949 has no en dash


def clean_sentence(clean: CleanScore) -> str:
    """What the clean column leaves out."""
    leaks = "also in train: not known here" if clean.leaks is None else f"{clean.leaks:,} also in train"
    return (
        f"clean: {clean.n:,} texts; left out: {clean.duplicates:,} repeated, "
        f"{clean.conflicts:,} with two labels, {leaks}"
    )


def label_table(report: TableSource) -> str:
    """Precision, recall and F1 of each label, and their averages."""
    rows = [
        [score.name, *map(score_text, (score.precision, score.recall, score.f1)), score.support, score.predicted]
        for score in report.per_label
    ]
    for average in ("macro", "micro", "weighted"):
        values = [report.metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        rows.append([f"({average})", *map(score_text, values), None, None])
    return format_table([_("label"), _("precision"), _("recall"), "F1", _("texts"), _("predicted")], rows)


def confusion_table(report: TableSource) -> str:
    """The confusion matrix, or of many labels the commonest confusions; nothing for multi-label."""
    if report.confusion is None:
        return ""
    labels = report.labels
    if len(labels) <= MOST_COLUMNS:
        rows = [[name, *map(int, row)] for name, row in zip(labels, report.confusion, strict=True)]
        return format_table([_("true \\ predicted"), *labels], rows, max_width=24)
    wrong = report.confusion * (1 - np.eye(len(labels), dtype=np.int64))
    commonest = [divmod(int(cell), len(labels)) for cell in np.argsort(-wrong, axis=None, kind="stable")[:SHOWN_ROWS]]
    rows = [[labels[i], labels[j], int(wrong[i, j])] for i, j in commonest if wrong[i, j]]
    return format_table([_("true"), _("predicted"), _("texts")], rows) if rows else ""


def report_remarks(report: TableSource) -> list[str]:
    """Calibration and the score without spaces, a line each."""
    lines = [f"calibration error {report.calibration_error:.4f} ({len(report.calibration)} bins)"]
    if report.without_spaces:
        shown = [
            f"{title(name)} {score_text(value)} ({100 * (value - report.metrics[name]):+.1f} points)"
            for name, value in report.without_spaces.items()
        ]
        lines.append(f"the same texts without spaces: {', '.join(shown)}")
    return lines


def error_table(report: TableSource, most: int) -> str:
    """The `most` most confident wrong answers; nothing where there are none."""
    rows = [
        [
            answer.line,
            label_text(answer.reference, ", ") or None,
            label_text(answer.predicted, ", ") or None,
            f"{answer.probability:.3f}",
            answer.text,
        ]
        for answer in report.top_errors[:most]
    ]
    return (
        "most confident errors\n"
        + format_table([_("line"), _("true"), _("predicted"), _("confidence"), _("text")], rows)
        if rows
        else ""
    )


def title(metric: str) -> str:
    """A metric's name as it is printed: `macro F1`."""
    return metric.replace("_", " ").replace("f1", "F1")


def score_text(value: float) -> str:
    """A score as it is printed."""
    return f"{value:.4f}"


def interval_text(pair: tuple[float, float] | None) -> str:
    """An interval as it is printed; nothing where there is none."""
    return f"{pair[0]:.4f}–{pair[1]:.4f}" if pair else ""
