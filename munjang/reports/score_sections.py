"""The sections of a report that show an evaluation: the headline, the labels, the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from munjang.evaluation.comparison import p_text
from munjang.evaluation.tables import clean_sentence, interval_text, score_text, title
from munjang.records import label_text
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg

if TYPE_CHECKING:
    from munjang.evaluation.comparison import Comparison
    from munjang.evaluation.report import Report

ERRORS_IN_VIEW = 15  # worst errors in view; the others open on a click
TEXT_LENGTH = 400  # characters of a text that a table shows
CONFUSIONS = 10  # rows of the list of confusions
MANY = 10  # labels above which bars, table and matrix stand beneath each other


def headline(report: Report | None, baseline: Report | None, comparison: Comparison | None) -> str:
    """The scores in large figures with their intervals, the baseline beside them, and what the difference is worth."""
    if report is None:
        return ""
    first, second = report.main
    boxes = [
        page.score_box(f"{title(first)}, this model", *with_interval(report, first), own=True),
        page.score_box(f"{title(second)}, this model", *with_interval(report, second), own=True),
    ]
    picture = ""
    if baseline is not None:
        boxes.append(page.score_box(f"{title(first)}, linear baseline", *with_interval(baseline, first)))
        both = [(name, item) for name, item in (("this model", report), ("linear baseline", baseline))]
        points = [(name, item.metrics[first], *item.intervals[first]) for name, item in both]
        picture = page.plot(to_svg(plots.score_intervals(points, metric=title(first)), "Scores with their intervals"))
    verdict = page.paragraph(verdict_text(comparison), "verdict") if comparison is not None else ""
    return page.section(
        "Scores",
        page.boxes(*boxes),
        verdict,
        page.side_by_side(metric_section(report, baseline), picture + remark_list(report), lean=True),
    )


def with_interval(report: Report, metric: str) -> tuple[str, str]:
    """A score and its interval as they are shown."""
    return score_text(report.metrics[metric]), f"95% interval {interval_text(report.intervals.get(metric))}"


def verdict_text(comparison: Comparison) -> str:
    """What this model has over the linear baseline, in a sentence that claims no more than the interval does."""
    low, high = comparison.interval
    points, metric = 100 * comparison.difference, title(comparison.main)
    spread = (
        f"(95% interval {100 * low:+.1f} to {100 * high:+.1f}; McNemar p {p_text(comparison.p)}; "
        f"{comparison.only_first:,} texts only this model got right, {comparison.only_second:,} only the baseline)"
    )
    if low > 0:
        return f"This model adds {points:.1f} points of {metric} to the linear baseline {spread}."
    if high < 0:
        return f"The linear baseline is better by {-points:.1f} points of {metric} {spread}."
    return f"No difference to the linear baseline can be shown: {points:+.1f} points of {metric} {spread}."


def metric_section(report: Report, baseline: Report | None) -> str:
    """Every metric: as published, without the rows that should not count, and the baseline's."""
    header = ["metric", "as published" if report.clean else "score", "95% interval"]
    rows = [
        [title(name), score_text(value), interval_text(report.intervals.get(name))]
        for name, value in report.metrics.items()
    ]
    if report.clean is not None:
        header.append("clean")
        for row, name in zip(rows, report.metrics, strict=True):
            row.append(score_text(report.clean.metrics[name]))
    if baseline is not None:
        header.append("baseline")
        for row, name in zip(rows, report.metrics, strict=True):
            row.append(score_text(baseline.metrics[name]))
    return page.table(header, rows)


def remark_list(report: Report) -> str:
    """What was left out, what "clean" means, the score without spaces."""
    left = ", ".join(f"{count:,} {reason}" for reason, count in report.left_out.items() if count)
    lines = [f"Left out of the score: {left}."] if left else []
    if report.clean is not None:
        lines.append(f"{clean_sentence(report.clean).capitalize()}.")
    if report.without_spaces:
        shown = ", ".join(
            f"{title(name)} {score_text(value)} ({100 * (value - report.metrics[name]):+.1f} points)"
            for name, value in report.without_spaces.items()
        )
        lines.append(f"The same texts without spaces: {shown}.")
    return "".join(page.paragraph(line, "quiet") for line in lines)


def label_section(report: Report | None, baseline: Report | None) -> str:
    """Each label's scores, and what is taken for what."""
    if report is None:
        return ""
    rivals = {score.name: score.f1 for score in baseline.per_label} if baseline is not None else None
    bars = plots.f1_bars(
        {score.name: score.f1 for score in report.per_label},
        {score.name: score.support for score in report.per_label},
        baseline=rivals,
    )
    rows = [
        [s.name, *map(score_text, (s.precision, s.recall, s.f1)), f"{s.support:,}", f"{s.predicted:,}"]
        for s in report.per_label
    ]
    table = page.table(["label", "precision", "recall", "F1", "texts", "predicted"], rows)
    left = page.plot(to_svg(bars, "F1 of each label"))
    matrix = ""
    if report.confusion is not None:
        matrix = page.plot(to_svg(plots.plot_confusion_matrix(report.confusion, report.labels), "Confusion matrix"))
    if len(report.labels) > MANY:
        return page.section("Labels", page.side_by_side(left, table), matrix, confusions(report))
    return page.section("Labels", page.side_by_side(left + table, matrix))


def calibration_section(report: Report | None) -> str:
    """Whether the model is as sure as it is right."""
    if report is None:
        return ""
    figure = plots.reliability(report.calibration, report.calibration_error)
    what = "probability of a label" if report.kind == "multi-label" else "confidence of an answer"
    text = (
        f"Where the {what} is 0.9, nine in ten should be right. The nearer the line keeps to the diagonal, the better "
        "the scores serve as probabilities, for instance to answer only above some score. The expected calibration "
        f"error, the mean distance from the diagonal, is {report.calibration_error:.4f}."
    )
    svg = to_svg(figure, "Confidence and how often it is right")
    return page.section("Calibration", page.side_by_side(page.plot(svg), page.paragraph(text)))


def confusions(report: Report) -> str:
    """The commonest confusions, for a matrix too large to read."""
    if report.confusion is None:
        return ""
    pairs = [
        (int(count), true, predicted)
        for true, row in zip(report.labels, report.confusion, strict=True)
        for predicted, count in zip(report.labels, row, strict=True)
        if true != predicted and count
    ]
    commonest = sorted(pairs, key=lambda pair: -pair[0])[:CONFUSIONS]
    rows = [[true, predicted, f"{count:,}"] for count, true, predicted in commonest]
    return page.subheading("Commonest confusions") + page.table(["true", "predicted", "texts"], rows) if rows else ""


def error_section(report: Report | None) -> str:
    """The wrong answers of which the model was surest."""
    if report is None or not report.top_errors:
        return ""
    header = ["line", "true", "predicted", "confidence", "text"]
    rows = [
        [
            "" if answer.line is None else f"{answer.line:,}",
            label_text(answer.reference, ", ") or "none",
            label_text(answer.predicted, ", ") or "none",
            f"{answer.probability:.3f}",
            cut(answer.text),
        ]
        for answer in report.top_errors
    ]
    more = page.folded(f"{len(rows) - ERRORS_IN_VIEW} more", page.table(header, rows[ERRORS_IN_VIEW:], texts=[4]))
    return page.section(
        "Worst errors",
        page.paragraph("Wrong answers of which the model was surest. Some of them are wrong labels in the data."),
        page.table(header, rows[:ERRORS_IN_VIEW], texts=[4]),
        more if len(rows) > ERRORS_IN_VIEW else "",
    )


def cut(text: str) -> str:
    """A text as a table shows it; the cut of a long one is marked."""
    return text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}… ({len(text):,} characters)"
