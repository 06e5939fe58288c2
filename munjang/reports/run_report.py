"""The report of a run: one HTML file with scores, data, cleaning, plots, errors, settings, and how to use the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.records import Prediction, label_text
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg
from munjang.reports.model_card import flatten, plain_setting, public_source
from munjang.reports.score_sections import calibration_section, cut, error_section, headline, label_section
from munjang.tables import format_cell

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.corpus import CorpusStats
    from munjang.evaluation.comparison import Comparison
    from munjang.evaluation.report import Report


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
    """Write the report and return its path. What is not given leaves its section out.

    report, baseline_report: of this model and of the linear one on the same test texts; comparison: of the two, this
    model first. corpus_stats: of the corpus as it came, before cleaning. lengths: split -> characters of each text.
    log_rows: rows of run/log.jsonl. settings: plain values, nested ones shown with dots. predictions: for a few texts
    of the reader's. model_folder: as the commands at the end name it. A MissingExtra where matplotlib is missing.
    """
    parts = [
        f"<header><h1>{escape(title)}</h1>{page.paragraph(subtitle(report, corpus_stats), 'quiet')}</header>",
        headline(report, baseline_report, comparison),
        prediction_section(predictions),
        data_section(corpus_stats, lengths),
        cleaning_section(cleaning_report),
        training_section(log_rows),
        label_section(report, baseline_report),
        calibration_section(report),
        error_section(report),
        settings_section(settings or {}),
        use_section(model_folder, is_linear=is_linear) if model_folder else "",
    ]
    return page.write_page(path, title, parts)


def subtitle(report: Report | None, stats: CorpusStats | None) -> str:
    """Corpus, task and number of test texts in one line."""
    facts = [f"corpus {stats.name}, {stats.task}, {len(stats.label_names)} labels"] if stats is not None else []
    if report is not None:
        facts.append(f"{report.n:,} test texts")
    return "; ".join(facts)


def prediction_section(predictions: Sequence[Prediction]) -> str:
    """The model's answers to a few sentences."""
    rows = [
        [cut(item.text), label_text(item.label, ", ") or "-", f"{item.score:.3f}", item.note] for item in predictions
    ]
    header = ["sentence", "label", "score", "note"]
    if not any(item.note for item in predictions):
        header, rows = header[:3], [row[:3] for row in rows]
    return page.section("New sentences", page.table(header, rows, texts=[0])) if rows else ""


def data_section(stats: CorpusStats | None, lengths: Mapping[str, Sequence[int]] | None) -> str:
    """What the corpus holds: its measures, its labels, two plots."""
    if stats is None or not stats.splits:
        return ""
    source = ", ".join(
        part for part in (public_source(stats.source), f"licence {stats.licence}" if stats.licence else "") if part
    )
    shared = " ".join(f"{a} and {b} share {count:,} texts." for (a, b), count in stats.shared.items() if count)
    counts = {split: values.labels for split, values in stats.splits.items()}
    rows = {split: values.rows for split, values in stats.splits.items()}
    bars = page.plot(to_svg(plots.label_bars(counts, rows), "How the labels are spread"))
    histogram = page.plot(to_svg(plots.length_histogram(lengths), "How long the texts are")) if lengths else ""
    label_table = value_table(*stats.label_counts())
    if len(stats.label_names) > 10:
        label_table = page.folded(f"Counts of {len(stats.label_names)} labels", label_table)
    return page.section(
        "Data",
        page.paragraph("The corpus as it came, before cleaning. " + shared),
        page.paragraph(source, "quiet"),
        *(page.paragraph(note, "quiet") for note in stats.notes),
        page.side_by_side(value_table(*stats.measures()) + label_table, histogram + bars),
    )


def value_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of values as the terminal would show them."""
    return page.table(header, [[format_cell(value) for value in row] for row in rows])


def cleaning_section(cleaning_report: CleaningReport | None) -> str:
    """What cleaning removed, as the terminal shows it."""
    return page.section("Cleaning", page.preformatted(str(cleaning_report))) if cleaning_report is not None else ""


def training_section(log_rows: Sequence[Mapping[str, float]]) -> str:
    """The training curve; nothing for a model without steps."""
    if not any("loss" in row or "validation_loss" in row for row in log_rows):
        return ""
    return page.section("Training", page.plot(to_svg(plots.training_curve(log_rows), "Loss and dev score by step")))


def settings_section(settings: Mapping[str, Any]) -> str:
    """Every setting, folded away."""
    rows = [[key, plain_setting(value)] for key, value in flatten(settings).items()]
    return (
        page.section("Settings", page.folded(f"{len(rows)} settings", page.table(["setting", "value"], rows)))
        if rows
        else ""
    )


def use_section(model_folder: str, *, is_linear: bool) -> str:
    """Three ways to use the model, to copy."""
    command = f'munjang predict {model_folder} "배송이 정말 빨라요."\n'
    command += f"munjang predict {model_folder} reviews.csv --out labelled.csv"
    python = f'import munjang as mj\nmodel = mj.load("{model_folder}")\nmodel.predict("배송이 정말 빨라요.")'
    plain_way = (
        page.paragraph("Plain transformers cannot open this folder: a linear model is no transformer.", "quiet")
        if is_linear
        else page.subheading("Plain transformers")
        + page.preformatted(
            "from transformers import pipeline\n"
            f'classify = pipeline("text-classification", model="{model_folder}")\n'
            'classify("배송이 정말 빨라요.", truncation=True)'
        )
    )
    return page.section(
        "Use the model",
        page.subheading("Command line"),
        page.preformatted(command),
        page.subheading("Python"),
        page.preformatted(python),
        plain_way,
    )
