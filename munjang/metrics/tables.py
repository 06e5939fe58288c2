"""A Report as aligned tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from munjang.metrics.report_parts import CleanScore, HasMetrics, TableSource, left_out_text
from munjang.metrics.scores import METRICS
from munjang.records import label_text
from munjang.tables import format_table
from munjang.translation import N_, _

HEADLINES = ("accuracy", "subset_accuracy", "micro_f1", "macro_f1", "f1", "hamming_loss")
AVERAGES = {"macro": N_("(macro)"), "micro": N_("(micro)"), "weighted": N_("(weighted)")}
LOG_TITLES = {"loss": N_("loss"), "step": N_("step")}  # values beside the metrics of a validation split
MOST_COLUMNS = 10  # labels up to which the confusion matrix is printed whole
SHOWN_ROWS = 10  # rows of the lists of confusions and errors that are printed


def print_report(report: TableSource, *, top_errors: int = SHOWN_ROWS) -> str:
    """All parts of a report, with `top_errors` of the most confident errors; empty parts are left out."""
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
    first = _(
        "{model} on {corpus}, {split}: {n:,} texts",
        model=report.model,
        corpus=report.corpus,
        split=report.split,
        n=report.n,
    )
    left_out = left_out_text(report.left_out)
    return first + " " + _("(left out: {reasons})", reasons=left_out) if left_out else first


def metric_table(report: TableSource) -> str:
    """The main scores with their intervals; beside them, where some rows are flawed, the scores without those."""
    shown = headlines(report.metrics)
    rows = [[title(name), *score_cells(report, name)] for name in shown]
    if "f1" in shown:
        rows[shown.index("f1")][0] = _("F1 of {label}", label=report.labels[1])
    if report.clean is None:
        return format_table([_("metric"), _("score"), _("95% interval")], rows)
    for row, name in zip(rows, shown, strict=True):
        row += score_cells(report.clean, name)
    table = format_table([_("metric"), _("as published"), _("95% interval"), _("clean"), _("95% interval")], rows)
    return f"{table}\n{clean_sentence(report.clean)}"


def headlines(metrics: Mapping[str, Any]) -> list[str]:
    """The metrics at the head of a report, as far as `metrics` has them."""
    shown = [name for name in HEADLINES if name in metrics]
    return [name for name in shown if name != "micro_f1" or "accuracy" not in shown]  # one label a text: the same


def score_cells(scored: HasMetrics, name: str) -> list[str]:
    """A metric and its interval."""
    low, high = scored.intervals[name]
    return [score_text(scored.metrics[name]), f"[{low:.4f}, {high:.4f}]"]  # a console in cp949 has no en dash


def clean_sentence(clean: CleanScore) -> str:
    """What the clean column leaves out, in a sentence."""
    if clean.leaks is None:
        return _(
            "Clean: {n:,} texts; left out: {duplicates:,} repeated, {conflicts:,} with two labels. "
            "Texts that are also in train are not known here.",
            n=clean.n,
            duplicates=clean.duplicates,
            conflicts=clean.conflicts,
        )
    return _(
        "Clean: {n:,} texts; left out: {duplicates:,} repeated, {conflicts:,} with two labels, "
        "{leaks:,} also in train.",
        n=clean.n,
        duplicates=clean.duplicates,
        conflicts=clean.conflicts,
        leaks=clean.leaks,
    )


def label_table(report: TableSource) -> str:
    """Precision, recall and F1 of each label, and their averages."""
    rows = [
        [score.name, *map(score_text, (score.precision, score.recall, score.f1)), score.support, score.predicted]
        for score in report.per_label
    ]
    for average, shown in AVERAGES.items():
        values = [report.metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        rows.append([_(shown), *map(score_text, values), None, None])
    return format_table([_("label"), _("precision"), _("recall"), _("F1"), _("texts"), _("predicted")], rows)


def confusion_table(report: TableSource) -> str:
    """The confusion matrix, or with many labels the commonest confusions; nothing for multi-label."""
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
    bins = len(report.calibration)
    lines = [_("calibration error {error:.4f} ({bins} bins)", error=report.calibration_error, bins=bins)]
    if report.without_spaces:
        lines.append(_("the same texts without spaces: {scores}", scores=spaceless_text(report)))
    return lines


def spaceless_text(report: TableSource) -> str:
    """The scores without spaces, each with its distance from the usual one; "" where they were not measured."""
    return ", ".join(
        _(
            "{metric} {score} ({points:+.1f} points)",
            metric=title(name),
            score=score_text(value),
            points=100 * (value - report.metrics[name]),
        )
        for name, value in (report.without_spaces or {}).items()
    )


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
    if not rows:
        return ""
    table = format_table([_("line"), _("true"), _("predicted"), _("confidence"), _("text")], rows)
    return _("most confident errors") + "\n" + table


def title(metric: str) -> str:
    """A metric's name as it is printed: `macro F1`."""
    shown = METRICS[metric].title if metric in METRICS else LOG_TITLES.get(metric)
    return _(shown) if shown else metric.replace("_", " ").replace("f1", "F1")


def score_text(value: float) -> str:
    """A score as it is printed."""
    return f"{value:.4f}"


def interval_text(pair: tuple[float, float] | None) -> str:
    """An interval as it is printed; nothing where there is none."""
    return f"{pair[0]:.4f}–{pair[1]:.4f}" if pair else ""
