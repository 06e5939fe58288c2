"""The scores of a report as a table, and a whole report as aligned tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from munjang.metrics.report import HasMetrics, Report, ReportTable, Section, interval_text, left_out_text, score_text
from munjang.metrics.scores import METRICS
from munjang.metrics.tree_scores import TREE_METRICS
from munjang.tables import format_table
from munjang.translation import N_, _

TITLES = {name: metric.title for name, metric in METRICS.items()} | TREE_METRICS | {
    "loss": N_("loss"), "step": N_("step"),  # values beside the metrics of a validation split
}  # fmt: skip
SHOWN_ERRORS = 10  # rows of a table of texts that are printed

IntervalText = Callable[[tuple[float, float]], str]


def print_report(report: Report, *, top_errors: int = SHOWN_ERRORS) -> str:
    """All parts of a report, with `top_errors` of the most confident errors; empty parts are left out."""
    heading = _(
        "{model} on {corpus}, {split}: {size}",
        model=report.model,
        corpus=report.corpus,
        split=report.split,
        size=report.size,
    )
    if left_out := left_out_text(report.left_out):
        heading += " " + _("(left out: {reasons})", reasons=left_out)
    scores = score_table(report, report.headlines, interval=bracketed)
    lines = [format_table(scores.header, scores.rows), *report.remarks()]
    parts = [part for section in report.sections() for part in printed(section, top_errors)]
    return "\n\n".join(filter(None, [heading, "\n".join(report.summary()), "\n".join(lines), *parts]))


def printed(section: Section, top_errors: int) -> Iterator[str]:
    """The parts of a section that a terminal shows; a table of texts gets the section's heading."""
    for part in section.parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, ReportTable) and (rows := part.rows[:top_errors] if part.texts else part.rows):
            table = format_table(part.header, rows)
            yield f"{section.heading}\n{table}" if part.texts else table


def score_table(
    report: Report,
    metrics: Sequence[str],
    *,
    baseline: HasMetrics | None = None,
    interval: IntervalText = interval_text,
) -> ReportTable:
    """Scores with their intervals; beside them those of the clean texts and of a baseline, if there are any."""
    header = [_("metric"), _("as published") if report.clean else _("score"), _("95% interval")]
    rows = [[report.title(name), *score_cells(report, name, interval)] for name in metrics]
    if report.clean:
        header += [_("clean"), _("95% interval")]
        rows = [[*row, *score_cells(report.clean, name, interval)] for row, name in zip(rows, metrics, strict=True)]
    if baseline:
        header.append(_("linear baseline"))
        rows = [[*row, score_text(baseline.metrics[name])] for row, name in zip(rows, metrics, strict=True)]
    return ReportTable(header, rows)


def score_cells(scored: HasMetrics, name: str, interval: IntervalText) -> list[str | None]:
    """A metric and its interval."""
    pair = scored.intervals.get(name)
    return [score_text(scored.metrics[name]), interval(pair) if pair else None]


def bracketed(pair: tuple[float, float]) -> str:
    """An interval as a terminal shows it: a console in cp949 has no en dash."""
    return f"[{pair[0]:.4f}, {pair[1]:.4f}]"


def signed_interval(pair: tuple[float, float]) -> str:
    """The interval of a difference, for a terminal."""
    return f"[{pair[0]:+.4f}, {pair[1]:+.4f}]"


def title(metric: str) -> str:
    """A metric's name as it is printed: `macro F1`."""
    return _(TITLES[metric]) if metric in TITLES else metric.replace("_", " ").replace("f1", "F1")
