"""The report of a run: one HTML file with scores, data, cleaning, plots, errors, settings, and how to use the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from munjang.data.statistics.corpus import CorpusStats
from munjang.data.trees.pictures import tree_svg
from munjang.metrics.label_report import cut
from munjang.records import Parse, Prediction, label_text
from munjang.reports import html as page
from munjang.reports import plots
from munjang.reports.figures import to_svg
from munjang.reports.model_card import SENTENCE, flatten, plain_setting, public_source
from munjang.reports.score_sections import headline, report_section, value_table
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.common import Stats
    from munjang.evaluation.comparison import Comparison
    from munjang.metrics.report import Report
    from munjang.models.folder import Manifest

TREE_SENTENCE = "나는 구름그림을 벽에 걸었다"


def write_report(
    path: str | Path,
    *,
    title: str,
    manifest: Manifest | None = None,
    report: Report | None = None,
    baseline_report: Report | None = None,
    comparison: Comparison | None = None,
    stats: Stats | None = None,
    lengths: Mapping[str, Sequence[int]] | None = None,
    cleaning_report: CleaningReport | None = None,
    log_rows: Sequence[Mapping[str, float]] = (),
    answers: Sequence[Prediction] | Sequence[Parse] = (),
    model_folder: str = "",
) -> Path:
    """Write the report and return its path. A section without data is left out.

    manifest: of the model, whose settings and use are shown. report, baseline_report: of this model and of the linear
    one on the same test texts; comparison: of the two, this model first. stats: of the corpus as read, before cleaning.
    lengths: split -> characters of each text. log_rows: rows of run/log.jsonl. answers: for a few texts of the reader.
    model_folder: as in the commands at the end. A MissingExtra where matplotlib is missing.
    """
    parts = [
        f"<header><h1>{escape(title)}</h1>{page.remark(subtitle(report, stats))}</header>",
        headline(report, baseline_report, comparison),
        answer_section(answers),
        data_section(stats, lengths),
        cleaning_section(cleaning_report),
        training_section(log_rows),
        *(report_section(section) for section in (report.sections(baseline_report) if report else ())),
        settings_section(manifest.settings if manifest else {}),
        use_section(manifest, model_folder) if manifest and model_folder else "",
    ]
    return page.write_page(path, title, parts)


def subtitle(report: Report | None, stats: Stats | None) -> str:
    """Corpus, task, and how much was scored, in one line."""
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
        facts.append(_("tested on {size}", size=report.size))
    return "; ".join(facts)


def answer_section(answers: Sequence[Prediction] | Sequence[Parse]) -> str:
    """The predictions for a few sentences, or their trees, drawn."""
    trees = [
        page.remark(answer.text) + page.plot(tree_svg(answer.tree))
        for answer in answers
        if isinstance(answer, Parse) and answer.tree
    ]
    rows = [
        [cut(answer.text), label_text(answer.label, ", ") or "-", f"{answer.score:.3f}", answer.note]
        for answer in answers
        if isinstance(answer, Prediction)
    ]
    header = [_("sentence"), _("label"), _("score"), _("note")]
    if not any(row[-1] for row in rows):
        header, rows = header[:3], [row[:3] for row in rows]
    return page.section(_("New sentences"), *trees, page.table(header, rows, texts=[0]) if rows else "")


def data_section(stats: Stats | None, lengths: Mapping[str, Sequence[int]] | None) -> str:
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
    pictures = [page.plot(to_svg(plots.length_histogram(lengths), _("How long the texts are")))] if lengths else []
    if isinstance(stats, CorpusStats):
        counts = {split: values.labels for split, values in stats.splits.items()}
        rows = {split: values.rows for split, values in stats.splits.items()}
        pictures.append(page.plot(to_svg(plots.label_bars(counts, rows), _("How the labels are distributed"))))
    label_table = value_table(*stats.label_counts())
    if len(stats.label_names) > 10:
        summary = ngettext("Counts of {count:,} label", "Counts of {count:,} labels", len(stats.label_names))
        label_table = page.folded(summary, label_table)
    return page.section(
        _("Data"),
        page.paragraph(" ".join([_("The corpus as read, before cleaning."), *shared])),
        page.remark(source_line(stats.source, stats.licence)),
        *(page.remark(note) for note in stats.notes),
        page.side_by_side(value_table(*stats.measures()) + label_table, "".join(pictures)),
    )


def source_line(source: str, licence: str) -> str:
    """Source and licence of a corpus in one line."""
    parts = [public_source(source), _("licence {licence}", licence=licence) if licence else ""]
    return ", ".join(part for part in parts if part)


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


def use_section(manifest: Manifest, model_folder: str) -> str:
    """Ways to use the model, to copy: the command line, Python, and plain transformers where it can open the folder."""
    is_parser = manifest.task == "parsing"
    sentence, labelled = (TREE_SENTENCE, "reviews.conllu") if is_parser else (SENTENCE, "labelled.csv")
    command = f'munjang predict {quote(model_folder)} "{sentence}"\n'
    command += f"munjang predict {quote(model_folder)} reviews.csv --out {labelled}"
    in_python = json.dumps(model_folder, ensure_ascii=False)
    python = "import munjang as mj\nmodel = mj.load(MODEL_FOLDER)\n".replace("MODEL_FOLDER", in_python)
    python += f'parse = model.predict("{sentence}")\nmj.triples(parse)' if is_parser else f'model.predict("{sentence}")'
    plain_python = (
        'from transformers import pipeline\nclassify = pipeline("text-classification", model=MODEL_FOLDER)\n'
    ).replace("MODEL_FOLDER", in_python)
    plain_python += f'classify("{sentence}", truncation=True, max_length={manifest.max_length})'
    plain_way = [page.subheading(_("Plain transformers")), page.preformatted(plain_python)]
    if manifest.format == "linear":
        plain_way = [page.remark(_("Plain transformers cannot open this folder: a linear model is no transformer."))]
    return page.section(
        _("Use the model"),
        page.subheading(_("Command line")),
        page.preformatted(command),
        page.subheading(_("Python")),
        page.preformatted(python),
        *([] if is_parser else plain_way),
    )
