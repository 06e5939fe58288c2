"""The report of a parser's run: one HTML file with scores, data, cleaning, the curve, trees, settings, and its use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.data.trees.pictures import tree_svg
from munjang.reports import html as page
from munjang.reports.model_card import public_source
from munjang.reports.run_report import cleaning_section, settings_section, training_section, value_table

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.trees import TreebankStats
    from munjang.evaluation.trees import TreeReport
    from munjang.records import Parse

BOXES = {"uas": "UAS", "las": "LAS", "exact": "whole trees", "klue_uas": "KLUE's UAS", "klue_las": "KLUE's LAS"}


def write_tree_report(
    path: str | Path,
    *,
    title: str,
    report: TreeReport | None,
    stats: TreebankStats,
    cleaning_report: CleaningReport,
    log_rows: Sequence[Mapping[str, float]],
    settings: Mapping[str, Any],
    parses: Sequence[Parse] = (),
    model_folder: str = "",
) -> Path:
    """Write the report and return its path; the arguments are as those of `munjang.reports.run_report.write_report`.

    parses: of the reader's own sentences. A MissingExtra where matplotlib is missing.
    """
    facts = f"corpus {stats.name}, {stats.task}, {len(stats.label_names)} relations"
    facts += f"; {report.n:,} test sentences, {report.words:,} words" if report else ""
    parts = [
        f"<header><h1>{escape(title)}</h1>{page.paragraph(facts, 'quiet')}</header>",
        score_section(report),
        tree_section(parses),
        treebank_section(stats),
        cleaning_section(cleaning_report),
        training_section(log_rows),
        settings_section(settings),
        parser_use_section(model_folder) if model_folder else "",
    ]
    return page.write_page(path, title, parts)


def score_section(report: TreeReport | None) -> str:
    """The main scores large, then every score, relation and length."""
    if report is None:
        return page.section("Scores", page.paragraph("There is no test split, so there is no score."))
    boxes = [
        page.score_box(name, f"{report.metrics[key]:.4f}", metric_interval(report, key), own=key in ("uas", "las"))
        for key, name in BOXES.items()
    ]
    scores, relations, lengths = report.tables(value_table)
    count = sum(bool(row.support or row.predicted) for row in report.per_relation)
    return page.section(
        "Scores", page.boxes(*boxes), lengths, page.folded("All scores", scores), page.folded(
            f"{count} relations, each with its head", relations
        ),
    )  # fmt: skip


def metric_interval(report: TreeReport, metric: str) -> str:
    """A score's 95% interval, where it has one."""
    found = report.intervals.get(metric)
    return "" if found is None else "{:.4f} to {:.4f}".format(*found)


def tree_section(parses: Sequence[Parse]) -> str:
    """The trees of a few sentences, drawn."""
    drawn = [page.paragraph(parse.text, "quiet") + page.plot(tree_svg(parse.tree)) for parse in parses if parse.tree]
    return page.section("New sentences", *drawn)


def treebank_section(stats: TreebankStats) -> str:
    """What the treebank holds."""
    licence = f"licence {stats.licence}" if stats.licence else ""
    source = ", ".join(part for part in (public_source(stats.source), licence) if part)
    return page.section(
        "Data",
        page.paragraph("The treebank as it came, before cleaning."),
        page.paragraph(source, "quiet"),
        *(page.paragraph(note, "quiet") for note in stats.notes),
        value_table(*stats.measures()),
        page.folded(f"Counts of {len(stats.label_names)} relations", value_table(*stats.label_counts())),
    )


def parser_use_section(model_folder: str) -> str:
    """How to use the parser, to copy."""
    command = f'munjang predict {model_folder} "나는 구름그림을 벽에 걸었다"\n'
    command += f"munjang predict {model_folder} reviews.txt --out reviews.conllu"
    python = f'import munjang as mj\nparse = mj.load("{model_folder}").predict("나는 구름그림을 벽에 걸었다")\n'
    python += "mj.relations(parse)"
    return page.section("Use the parser", page.preformatted(command), page.preformatted(python))
