"""The report of a run: one HTML file with scores, data, cleaning, plots, errors, settings, and how to use the model."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang import __version__
from munjang.data.statistics.corpus import CorpusStats
from munjang.files import ASSETS, write_text
from munjang.metrics.report import ReportTable, cut
from munjang.records import Parse, Prediction, label_text
from munjang.reports.figures import FONT
from munjang.reports.model_card import setting_rows
from munjang.reports.templates import render
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.statistics.common import Stats
    from munjang.evaluation.comparison import Comparison
    from munjang.metrics.report import Report
    from munjang.models.folder import Manifest

ERRORS_IN_VIEW = 15  # errors in view; the others open on a click


def write_report(
    path: str | Path,
    *,
    title: str,
    manifest: Manifest | None = None,
    report: Report | None = None,
    baseline_report: Report | None = None,
    comparison: Comparison | None = None,
    mixture: str = "",
    folds: str = "",
    promises: Sequence[str] = (),
    stats: Stats | None = None,
    lengths: Mapping[str, Sequence[int]] | None = None,
    cleaning_report: CleaningReport | None = None,
    log_rows: Sequence[Mapping[str, float]] = (),
    answers: Sequence[Prediction] | Sequence[Parse] = (),
    model_folder: str = "",
) -> Path:
    """Write the report and return its path. A section without data is left out.

    manifest: of the model, whose settings and use are shown. report, baseline_report: of this model and of the linear
    one on the same test texts; comparison: of the two, this model first. mixture: a sentence on both together. folds: a
    sentence on them. promises: sentences on the precision that the model can promise. stats: of the corpus as read,
    before cleaning. lengths: split -> characters of each text. log_rows: rows of run/log.jsonl. answers: for a few
    texts of the reader. model_folder: as in the commands at the end. A MissingExtra where matplotlib is missing.
    """
    if comparison:
        comparison = replace(comparison, first=_("this model"), second=_("the linear baseline"))
    page = render(
        "run.html",
        manifest.task if manifest else "",
        title=title,
        manifest=manifest,
        settings=setting_rows(manifest.settings) if manifest else [],
        report=report,
        baseline=baseline_report,
        comparison=comparison,
        mixture=mixture,
        folds=folds,
        promises=promises,
        stats=stats,
        lengths=lengths,
        label_counts=label_counts(stats),
        cleaning_report=cleaning_report,
        log_rows=log_rows,
        has_curve=any("loss" in row or "validation_loss" in row for row in log_rows),
        answers=answers,
        answer_table=answer_table(answers),
        model_folder=model_folder,
        errors_in_view=ERRORS_IN_VIEW,
        font_face=font_face,
        css=(ASSETS / "report.css").read_text(encoding="utf-8"),
        version=__version__,
        time=f"{datetime.now():%Y-%m-%d %H:%M}",
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, page)
    return target


def label_counts(stats: Stats | None) -> dict[str, Mapping[str, Any]]:
    """What `munjang.reports.plots.label_bars` needs, of a corpus whose texts have labels."""
    if not isinstance(stats, CorpusStats):
        return {}
    counts = {split: values.labels for split, values in stats.splits.items()}
    return {"counts": counts, "rows": {split: values.rows for split, values in stats.splits.items()}}


def answer_table(answers: Sequence[Prediction] | Sequence[Parse]) -> ReportTable:
    """The predictions for a few sentences, with their notes if there are any."""
    header = [_("sentence"), _("label"), _("score"), _("note")]
    rows = [
        [cut(answer.text), label_text(answer.label, ", ") or "-", f"{answer.score:.3f}", answer.note]
        for answer in answers
        if isinstance(answer, Prediction)
    ]
    shown = 4 if any(row[-1] for row in rows) else 3
    return ReportTable(header[:shown], [row[:shown] for row in rows], texts=(0,))


def font_face(text: str) -> str:
    """A CSS rule with the packaged font, reduced to the Hangul in `text`; "" where there is none."""
    from fontTools import subset

    wanted = {char for char in text if "\u3131" <= char <= "\ud7a3"}
    if not wanted:
        return ""
    options = subset.Options(layout_features=[], name_IDs=[], notdef_outline=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(wanted)))
    stream = BytesIO()
    with subset.load_font(FONT, options) as font:
        subsetter.subset(font)
        font.save(stream)
    data = b64encode(stream.getvalue()).decode("ascii")
    return (
        f'@font-face {{ font-family: "Munjang Page"; src: url(data:font/ttf;base64,{data}); '
        "unicode-range: U+3131-318E, U+AC00-D7A3; }\n"
    )
