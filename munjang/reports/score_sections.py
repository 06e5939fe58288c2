"""The sections of a page that show an evaluation: the scores large, and what the report itself has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from munjang.metrics.report import (
    Note,
    Report,
    ReportPart,
    ReportPlot,
    ReportTable,
    Section,
    interval_text,
    left_out_text,
    score_text,
)
from munjang.metrics.tables import score_table
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg
from munjang.tables import format_cell
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.evaluation.comparison import Comparison

IN_VIEW = 15  # rows of a table of texts in view; the others open on a click


def headline(report: Report | None, baseline: Report | None, comparison: Comparison | None) -> str:
    """The scores in large figures with their intervals, the baseline beside them, and a verdict on the difference."""
    if report is None:
        return page.section(_("Scores"), page.paragraph(_("There is no test split, so there is no score.")))
    boxes = [metric_box(report, name, _("this model") if baseline else "") for name in report.main]
    picture = ""
    if baseline is not None:
        main = report.main[0]
        boxes.append(metric_box(baseline, main, _("linear baseline")))
        both = [(_("this model"), report), (_("linear baseline"), baseline)]
        points = [(name, item.metrics[main], *item.intervals[main]) for name, item in both]
        intervals = plots.score_intervals(points, metric=report.title(main))
        picture = page.plot(to_svg(intervals, _("Scores with their intervals")))
    left_out = left_out_text(report.left_out)
    remarks = [_("Left out of the score: {left_out}.", left_out=left_out)] if left_out else []
    table = table_part(score_table(report, list(report.metrics), baseline=baseline))
    return page.section(
        _("Scores"),
        page.boxes(*boxes),
        *verdict(comparison),
        page.side_by_side(table, picture + "".join(map(page.remark, [*remarks, *report.remarks()])), lean=True),
    )


def metric_box(report: Report, metric: str, whose: str) -> str:
    """A metric of a model in large figures. whose: "" if only one model is shown."""
    interval = report.intervals.get(metric)
    name = report.title(metric)
    return page.score_box(
        _("{metric}, {model}", metric=name, model=whose) if whose else name,
        score_text(report.metrics[metric]),
        _("95% interval {interval}", interval=interval_text(interval)) if interval else "",
        own=whose != _("linear baseline"),
    )


def verdict(comparison: Comparison | None) -> list[str]:
    """This model against the linear baseline; a sentence begins with a large letter."""
    if comparison is None:
        return []
    named = replace(comparison, first=_("this model"), second=_("the linear baseline"))
    first, second = (text[:1].upper() + text[1:] for text in (named.verdict, named.only_one_right))
    return [page.paragraph(first, kind="verdict"), page.remark(second)]


def report_section(section: Section) -> str:
    """A section of a report, its columns side by side."""
    columns = ["".join(map(part_html, column)) for column in section.columns]
    return page.section(section.heading, page.side_by_side(*columns) if len(columns) > 1 else "".join(columns))


def part_html(part: ReportPart) -> str:
    """A part of a section."""
    if isinstance(part, ReportTable):
        return table_part(part)
    if isinstance(part, ReportPlot):
        return page.plot(to_svg(plots.PLOTS[part.kind](**part.values), part.title))
    return page.paragraph(part.text if isinstance(part, Note) else part)


def table_part(part: ReportTable) -> str:
    """A table; of a table of texts the first rows, the others folded."""
    if not part.rows:
        return ""
    if part.folded:
        return page.folded(part.folded, value_table(part.header, part.rows))
    shown, more = (part.rows[:IN_VIEW], part.rows[IN_VIEW:]) if part.texts else (part.rows, [])
    table = value_table(part.header, shown, texts=part.texts)
    if not more:
        return table
    summary = ngettext("{count} more", "{count} more", len(more))
    return table + page.folded(summary, value_table(part.header, more, texts=part.texts))


def value_table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, texts: Sequence[int] = ()) -> str:
    """A table of values as the terminal would show them."""
    return page.table(header, [[format_cell(value) for value in row] for row in rows], texts=texts)
