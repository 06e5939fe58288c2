"""The sections of a report that show an evaluation: the headline, the labels, the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from munjang.evaluation.comparison import p_text
from munjang.metrics.report_parts import left_out_text
from munjang.metrics.tables import clean_sentence, interval_text, score_text, spaceless_text, title
from munjang.records import label_text
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.evaluation.comparison import Comparison
    from munjang.metrics.report import Report

ERRORS_IN_VIEW = 15  # errors in view; the others open on a click
TEXT_LENGTH = 400  # characters of a text that a table shows
CONFUSIONS = 10  # rows of the list of confusions
MANY = 10  # labels above which bars, table and matrix are placed one below the other


def headline(report: Report | None, baseline: Report | None, comparison: Comparison | None) -> str:
    """The scores in large figures with their intervals, the baseline beside them, and a verdict on the difference."""
    if report is None:
        return ""
    first, second = report.main
    boxes = [
        page.score_box(_("{metric}, this model", metric=title(first)), *with_interval(report, first), own=True),
        page.score_box(_("{metric}, this model", metric=title(second)), *with_interval(report, second), own=True),
    ]
    picture = ""
    if baseline is not None:
        boxes.append(
            page.score_box(_("{metric}, linear baseline", metric=title(first)), *with_interval(baseline, first))
        )
        both = [(_("this model"), report), (_("linear baseline"), baseline)]
        points = [(name, item.metrics[first], *item.intervals[first]) for name, item in both]
        intervals = plots.score_intervals(points, metric=title(first))
        picture = page.plot(to_svg(intervals, _("Scores with their intervals")))
    verdict = page.paragraph(verdict_text(comparison), kind="verdict") if comparison is not None else ""
    return page.section(
        _("Scores"),
        page.boxes(*boxes),
        verdict,
        page.side_by_side(metric_section(report, baseline), picture + remark_list(report), lean=True),
    )


def with_interval(report: Report, metric: str) -> tuple[str, str]:
    """A score and its interval as they are shown."""
    interval = interval_text(report.intervals.get(metric))
    return score_text(report.metrics[metric]), _("95% interval {interval}", interval=interval)


def verdict_text(comparison: Comparison) -> str:
    """This model against the linear baseline, in a sentence that claims no more than the interval does."""
    low, high = comparison.interval
    baseline_wins = high < 0
    if baseline_wins:  # points and interval then say by how much the baseline is better
        low, high = -high, -low
    points, metric = 100 * comparison.difference, title(comparison.main)
    evidence = _(
        "95% interval {low:+.1f} to {high:+.1f}; McNemar p {p}; {only_model:,} texts only this model got right, "
        "{only_baseline:,} only the baseline",
        low=100 * low,
        high=100 * high,
        p=p_text(comparison.p),
        only_model=comparison.only_first,
        only_baseline=comparison.only_second,
    )
    if baseline_wins:
        return _(
            "The linear baseline is better by {points:.1f} points of {metric} ({evidence}).",
            points=-points,
            metric=metric,
            evidence=evidence,
        )
    if low > 0:
        return _(
            "This model adds {points:.1f} points of {metric} to the linear baseline ({evidence}).",
            points=points,
            metric=metric,
            evidence=evidence,
        )
    return _(
        "No difference to the linear baseline can be shown: {points:+.1f} points of {metric} ({evidence}).",
        points=points,
        metric=metric,
        evidence=evidence,
    )


def metric_section(report: Report, baseline: Report | None) -> str:
    """Every metric: as published, clean (without the rows that should not count), and the baseline's."""
    header = [_("metric"), _("as published") if report.clean else _("score"), _("95% interval")]
    rows = [
        [title(name), score_text(value), interval_text(report.intervals.get(name))]
        for name, value in report.metrics.items()
    ]
    if report.clean is not None:
        header.append(_("clean"))
        for row, name in zip(rows, report.metrics, strict=True):
            row.append(score_text(report.clean.metrics[name]))
    if baseline is not None:
        header.append(_("baseline"))
        for row, name in zip(rows, report.metrics, strict=True):
            row.append(score_text(baseline.metrics[name]))
    return page.table(header, rows)


def remark_list(report: Report) -> str:
    """The rows that were left out, what "clean" means, the score without spaces."""
    left_out = left_out_text(report.left_out)
    lines = [_("Left out of the score: {left_out}.", left_out=left_out)] if left_out else []
    if report.clean is not None:
        lines.append(clean_sentence(report.clean))
    if report.without_spaces:
        lines.append(_("The same texts without spaces: {scores}.", scores=spaceless_text(report)))
    return "".join(page.remark(line) for line in lines)


def label_section(report: Report | None, baseline: Report | None) -> str:
    """Each label's scores, and the confusions."""
    if report is None:
        return ""
    baseline_f1 = {score.name: score.f1 for score in baseline.per_label} if baseline is not None else None
    bars = plots.f1_bars(
        {score.name: score.f1 for score in report.per_label},
        {score.name: score.support for score in report.per_label},
        baseline=baseline_f1,
    )
    rows = [
        [s.name, *map(score_text, (s.precision, s.recall, s.f1)), f"{s.support:,}", f"{s.predicted:,}"]
        for s in report.per_label
    ]
    header = [_("label"), _("precision"), _("recall"), _("F1"), _("texts"), _("predicted")]
    table = page.table(header, rows)
    left = page.plot(to_svg(bars, _("F1 of each label")))
    matrix = ""
    if report.confusion is not None:
        cells = plots.plot_confusion_matrix(report.confusion, report.labels)
        matrix = page.plot(to_svg(cells, _("Confusion matrix")))
    if len(report.labels) > MANY:
        return page.section(_("Labels"), page.side_by_side(left, table), matrix, confusions(report))
    return page.section(_("Labels"), page.side_by_side(left + table, matrix))


def calibration_section(report: Report | None) -> str:
    """Whether the confidence of the model matches its accuracy."""
    if report is None:
        return ""
    figure = plots.reliability(report.calibration, report.calibration_error)
    if report.kind == "multi-label":
        meaning = _("Where the probability of a label is 0.9, nine in ten should be right.")
    else:
        meaning = _("Where the confidence of a prediction is 0.9, nine in ten should be right.")
    reading = _(
        "The closer the line is to the diagonal, the better the scores serve as probabilities, for example to accept "
        "only predictions above some score. The expected calibration error, the mean distance from the diagonal, is "
        "{error:.4f}.",
        error=report.calibration_error,
    )
    svg = to_svg(figure, _("Confidence and accuracy"))
    text = page.paragraph(f"{meaning} {reading}")
    return page.section(_("Calibration"), page.side_by_side(page.plot(svg), text))


def confusions(report: Report) -> str:
    """The most frequent confusions, for a matrix too large to read."""
    if report.confusion is None:
        return ""
    pairs = [
        (int(count), true, predicted)
        for true, row in zip(report.labels, report.confusion, strict=True)
        for predicted, count in zip(report.labels, row, strict=True)
        if true != predicted and count
    ]
    most_frequent = sorted(pairs, key=lambda pair: -pair[0])[:CONFUSIONS]
    rows = [[true, predicted, f"{count:,}"] for count, true, predicted in most_frequent]
    if not rows:
        return ""
    return page.subheading(_("Most frequent confusions")) + page.table([_("true"), _("predicted"), _("texts")], rows)


def error_section(report: Report | None) -> str:
    """The wrong predictions with the highest confidence."""
    if report is None or not report.top_errors:
        return ""
    header = [_("line"), _("true"), _("predicted"), _("confidence"), _("text")]
    none = _("none")
    rows = [
        [
            "" if answer.line is None else f"{answer.line:,}",
            label_text(answer.reference, ", ") or none,
            label_text(answer.predicted, ", ") or none,
            f"{answer.probability:.3f}",
            cut(answer.text),
        ]
        for answer in report.top_errors
    ]
    shown, folded = rows[:ERRORS_IN_VIEW], rows[ERRORS_IN_VIEW:]
    more = ngettext("{count} more", "{count} more", len(folded))
    return page.section(
        _("Most confident errors"),
        page.paragraph(
            _("Wrong predictions with the highest confidence. Some of them are due to wrong labels in the data.")
        ),
        page.table(header, shown, texts=[4]),
        page.folded(more, page.table(header, folded, texts=[4])) if folded else "",
    )


def cut(text: str) -> str:
    """A text as a table shows it; the cut of a long one is marked."""
    if len(text) <= TEXT_LENGTH:
        return text
    return _("{start}… ({length:,} characters)", start=text[:TEXT_LENGTH], length=len(text))
