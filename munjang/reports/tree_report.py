"""The report of a parser's run: one HTML file with scores, data, cleaning, the curve, trees, settings, and its use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from munjang.data.trees.pictures import tree_svg
from munjang.metrics.tree_report import interval_range
from munjang.reports import html as page
from munjang.reports.run_report import (
    cleaning_section,
    settings_section,
    source_line,
    training_section,
    value_table,
)
from munjang.translation import N_, _, ngettext

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.trees import TreebankStats
    from munjang.metrics.tree_report import TreeReport
    from munjang.records import Parse

EXAMPLE = "나는 구름그림을 벽에 걸었다"
BOXES = {
    "uas": N_("UAS"),
    "las": N_("LAS"),
    "exact": N_("whole trees"),
    "klue_uas": N_("KLUE's UAS"),
    "klue_las": N_("KLUE's LAS"),
}


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
    """Write the report and return its path. For the arguments see `munjang.reports.run_report.write_report`.

    parses: for a few sentences of the reader. A MissingExtra where matplotlib is missing.
    """
    parts = [
        f"<header><h1>{escape(title)}</h1>{page.remark(subtitle_line(report, stats))}</header>",
        score_section(report),
        tree_section(parses),
        treebank_section(stats),
        cleaning_section(cleaning_report),
        training_section(log_rows),
        settings_section(settings),
        parser_use_section(model_folder) if model_folder else "",
    ]
    return page.write_page(path, title, parts)


def subtitle_line(report: TreeReport | None, stats: TreebankStats) -> str:
    """Treebank, task and number of test sentences in one line."""
    facts = [
        ngettext(
            "corpus {name}, {task}, {count} relation",
            "corpus {name}, {task}, {count} relations",
            len(stats.label_names),
            name=stats.name,
            task=stats.task,
        )
    ]
    if report:
        facts.append(_("{n:,} test sentences, {words:,} words", n=report.n, words=report.words))
    return "; ".join(facts)


def score_section(report: TreeReport | None) -> str:
    """The main scores large, then every score, relation and length."""
    if report is None:
        return page.section(_("Scores"), page.paragraph(_("There is no test split, so there is no score.")))
    boxes = [
        page.score_box(
            _(name),
            f"{report.metrics[key]:.4f}",
            interval_range(report.intervals.get(key)) or "",
            own=key in ("uas", "las"),
        )
        for key, name in BOXES.items()
    ]
    scores, relations, lengths = report.tables(value_table)
    count = sum(bool(row.support or row.predicted) for row in report.per_relation)
    summary = ngettext("{count} relation, with its head", "{count} relations, each with its head", count)
    return page.section(
        _("Scores"),
        page.boxes(*boxes),
        lengths,
        page.folded(_("All scores"), scores),
        page.folded(summary, relations),
    )


def tree_section(parses: Sequence[Parse]) -> str:
    """The trees of a few sentences, drawn."""
    drawn = [page.remark(parse.text) + page.plot(tree_svg(parse.tree)) for parse in parses if parse.tree]
    return page.section(_("New sentences"), *drawn)


def treebank_section(stats: TreebankStats) -> str:
    """The treebank: its measures and relations."""
    summary = ngettext("Counts of {count:,} relation", "Counts of {count:,} relations", len(stats.label_names))
    return page.section(
        _("Data"),
        page.paragraph(_("The treebank as read, before cleaning.")),
        page.remark(source_line(stats.source, stats.licence)),
        *(page.remark(note) for note in stats.notes),
        value_table(*stats.measures()),
        page.folded(summary, value_table(*stats.label_counts())),
    )


def parser_use_section(model_folder: str) -> str:
    """How to use the parser, to copy."""
    command = f'munjang predict {quote(model_folder)} "{EXAMPLE}"\n'
    command += f"munjang predict {quote(model_folder)} reviews.txt --out reviews.conllu"
    in_python = json.dumps(model_folder, ensure_ascii=False)
    python = "import munjang as mj\nmodel = mj.load(MODEL_FOLDER)\n".replace("MODEL_FOLDER", in_python)
    python += f'parse = model.predict("{EXAMPLE}")\nmj.triples(parse)'
    return page.section(_("Use the parser"), page.preformatted(command), page.preformatted(python))
