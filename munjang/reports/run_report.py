"""The report of a run: one HTML file with scores, data, cleaning, plots, errors, settings, and how to use the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from munjang.records import Prediction, label_text
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg
from munjang.reports.model_card import SENTENCE, flatten, plain_setting, public_source
from munjang.reports.score_sections import calibration_section, cut, error_section, headline, label_section
from munjang.tables import format_cell
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.corpus import CorpusStats
    from munjang.evaluation.comparison import Comparison
    from munjang.metrics.report import Report


def write_report(
    path: str | Path,
    *,
    title: str,
    report: Report | None = None,
    baseline_report: Report | None = None,
    comparison: Comparison | None = None,
    corpus_stats: CorpusStats | None = None,
    lengths: Mapping[str, Sequence[int]] | None = None,
    cleaning_report: CleaningReport | None = None,
    log_rows: Sequence[Mapping[str, float]] = (),
    settings: Mapping[str, Any] | None = None,
    predictions: Sequence[Prediction] = (),
    model_folder: str = "",
    is_linear: bool = False,
) -> Path:
    """Write the report and return its path. A section without data is left out.

    report, baseline_report: of this model and of the linear one on the same test texts; comparison: of the two, this
    model first. corpus_stats: of the corpus as read, before cleaning. lengths: split -> characters of each text.
    log_rows: rows of run/log.jsonl. settings: plain values, nested ones shown with dots. predictions: for a few texts
    of the reader. model_folder: as in the commands at the end. A MissingExtra where matplotlib is missing.
    """
    parts = [
        f"<header><h1>{escape(title)}</h1>{page.remark(subtitle(report, corpus_stats))}</header>",
        headline(report, baseline_report, comparison),
        prediction_section(predictions),
        data_section(corpus_stats, lengths),
        cleaning_section(cleaning_report),
        training_section(log_rows),
        label_section(report, baseline_report),
        calibration_section(report),
        error_section(report),
        settings_section(settings or {}),
        use_section(model_folder, is_linear=is_linear, max_length=(settings or {}).get("max_length"))
        if model_folder
        else "",
    ]
    return page.write_page(path, title, parts)


def subtitle(report: Report | None, stats: CorpusStats | None) -> str:
    """Corpus, task and number of test texts in one line."""
    facts = []
    if stats is not None:
        facts.append(
            ngettext(
                "corpus {name}, {task}, {count} label",
                "corpus {name}, {task}, {count} labels",
                len(stats.label_names),
                name=stats.name,
                task=stats.task,
            )
        )
    if report is not None:
        facts.append(ngettext("{count:,} test text", "{count:,} test texts", report.n))
    return "; ".join(facts)


def prediction_section(predictions: Sequence[Prediction]) -> str:
    """The predictions for a few sentences."""
    rows = [
        [cut(item.text), label_text(item.label, ", ") or "-", f"{item.score:.3f}", item.note] for item in predictions
    ]
    header = [_("sentence"), _("label"), _("score"), _("note")]
    if not any(item.note for item in predictions):
        header, rows = header[:3], [row[:3] for row in rows]
    return page.section(_("New sentences"), page.table(header, rows, texts=[0])) if rows else ""


def data_section(stats: CorpusStats | None, lengths: Mapping[str, Sequence[int]] | None) -> str:
    """The corpus: its measures, its labels, two plots."""
    if stats is None or not stats.splits:
        return ""
    shared = [
        ngettext(
            "{first} and {second} share {count:,} text.",
            "{first} and {second} share {count:,} texts.",
            count,
            first=first,
            second=second,
        )
        for (first, second), count in stats.shared.items()
        if count
    ]
    counts = {split: values.labels for split, values in stats.splits.items()}
    rows = {split: values.rows for split, values in stats.splits.items()}
    bars = page.plot(to_svg(plots.label_bars(counts, rows), _("How the labels are distributed")))
    histogram = page.plot(to_svg(plots.length_histogram(lengths), _("How long the texts are"))) if lengths else ""
    label_table = value_table(*stats.label_counts())
    if len(stats.label_names) > 10:
        summary = ngettext("Counts of {count:,} label", "Counts of {count:,} labels", len(stats.label_names))
        label_table = page.folded(summary, label_table)
    return page.section(
        _("Data"),
        page.paragraph(" ".join([_("The corpus as read, before cleaning."), *shared])),
        page.remark(source_line(stats.source, stats.licence)),
        *(page.remark(note) for note in stats.notes),
        page.side_by_side(value_table(*stats.measures()) + label_table, histogram + bars),
    )


def source_line(source: str, licence: str) -> str:
    """Source and licence of a corpus in one line."""
    parts = [public_source(source), _("licence {licence}", licence=licence) if licence else ""]
    return ", ".join(part for part in parts if part)


def value_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of values as the terminal would show them."""
    return page.table(header, [[format_cell(value) for value in row] for row in rows])


def cleaning_section(cleaning_report: CleaningReport | None) -> str:
    """The rows that cleaning removed, as the terminal shows them."""
    return page.section(_("Cleaning"), page.preformatted(str(cleaning_report))) if cleaning_report is not None else ""


def training_section(log_rows: Sequence[Mapping[str, float]]) -> str:
    """The training curve; nothing for a model without steps."""
    if not any("loss" in row or "validation_loss" in row for row in log_rows):
        return ""
    curve = to_svg(plots.training_curve(log_rows), _("Loss and validation score by step"))
    return page.section(_("Training"), page.plot(curve))


def settings_section(settings: Mapping[str, Any]) -> str:
    """Every setting, folded; "" where there are none."""
    rows = [[key, plain_setting(value)] for key, value in flatten(settings).items()]
    if not rows:
        return ""
    summary = ngettext("{count:,} setting", "{count:,} settings", len(rows))
    return page.section(_("Settings"), page.folded(summary, page.table([_("setting"), _("value")], rows)))


def use_section(model_folder: str, *, is_linear: bool, max_length: int | None) -> str:
    """Three ways to use the model, to copy. max_length: tokens, which plain transformers must be told."""
    command = f'munjang predict {quote(model_folder)} "{SENTENCE}"\n'
    command += f"munjang predict {quote(model_folder)} reviews.csv --out labelled.csv"
    in_python = json.dumps(model_folder, ensure_ascii=False)
    python = "import munjang as mj\nmodel = mj.load(MODEL_FOLDER)\n".replace("MODEL_FOLDER", in_python)
    python += f'model.predict("{SENTENCE}")'
    plain_python = (
        'from transformers import pipeline\nclassify = pipeline("text-classification", model=MODEL_FOLDER)\n'
    ).replace("MODEL_FOLDER", in_python)
    plain_python += f'classify("{SENTENCE}", truncation=True, max_length={max_length})'
    plain_way = (
        page.remark(_("Plain transformers cannot open this folder: a linear model is no transformer."))
        if is_linear
        else page.subheading(_("Plain transformers")) + page.preformatted(plain_python)
    )
    return page.section(
        _("Use the model"),
        page.subheading(_("Command line")),
        page.preformatted(command),
        page.subheading(_("Python")),
        page.preformatted(python),
        plain_way,
    )
