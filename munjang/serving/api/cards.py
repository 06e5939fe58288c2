"""What is known about the quality of a model: the scores in its folder, its confusion matrix, its README."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from munjang.errors import BundleError
from munjang.inference.heads import read_heads
from munjang.metrics.label_report import LabelReport
from munjang.metrics.scores import METRICS
from munjang.models.saved_reports import TEST_REPORT, saved_test_report
from munjang.serving.loaded import Classifier, LoadedModel

log = logging.getLogger("munjang")

MAX_README = 200_000  # characters


def card_of(model: LoadedModel, classifier: Classifier) -> dict[str, Any]:
    """A model's card as JSON values.

    scores: the size, metrics and, if known, 95% intervals of each split that was scored. per_label and confusion (row:
    the reference label) belong to the split `tested`; null if the folder has none. evaluated: whether there are any
    scores. readme: the README of the folder in Markdown, "" for none.
    """
    card = {**model.describe(), **classifier.describe(), "scores": noted_scores(model, classifier),
            "per_label": None, "confusion": None, "tested": None, "readme": readme(model.folder)}  # fmt: skip
    report = None if model.many_heads or "/" in classifier.name else shown_report(model.folder)
    if report is not None and tuple(report.labels) == classifier.labels.names:
        card["scores"] = [scored(report), *(score for score in card["scores"] if score["split"] != report.split)]
        card["tested"] = report.split
        card["per_label"] = [asdict(score) for score in report.per_label]
        card["confusion"] = None if report.confusion is None else report.confusion.tolist()
    elif (cells := test_notes(model, classifier).get("confusion")) and is_square(cells, len(classifier.labels)):
        card["tested"], card["confusion"] = "test", cells
    card["evaluated"] = bool(card["scores"])
    return card


def scored(report: LabelReport) -> dict[str, Any]:
    """The scores of a saved report."""
    return {
        "split": report.split, "corpus": report.corpus, "n": report.n,
        "intervals": {name: report.intervals[name] for name in report.main if name in report.intervals},
        "metrics": {name: report.metrics[name] for name in report.main},
    }  # fmt: skip


def noted_scores(model: LoadedModel, classifier: Classifier) -> list[dict[str, Any]]:
    """The scores of a model or of one head in munjang.json, test first."""
    if model.many_heads:
        head = next(head for head in read_heads(model.manifest, model.name) if head.name == classifier.head)
        by_split = {"test": head.test, "validation": head.validation}
    else:
        by_split = {"test": test_notes(model, classifier), "validation": model.manifest.validation}
    scores = []
    for split, values in by_split.items():
        metrics = {name: value for name, value in values.items() if name in METRICS and is_score(value)}
        if metrics:
            scores.append(
                {"split": split, "corpus": classifier.corpus, "n": values.get("n"), "metrics": metrics, "intervals": {}}
            )
    return scores


def test_notes(model: LoadedModel, classifier: Classifier) -> dict[str, Any]:
    """What munjang.json says about the test split of a model or of one head; {} if nothing."""
    if model.many_heads:
        return dict(next(head for head in read_heads(model.manifest, model.name) if head.name == classifier.head).test)
    notes = model.manifest.details.get("test", {})
    return dict(notes) if isinstance(notes, dict) else {}


def is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_square(cells: Any, size: int) -> bool:
    """Whether a value is a matrix of numbers of this size."""
    return isinstance(cells, list) and len(cells) == size and all(
        isinstance(row, list) and len(row) == size and all(map(is_score, row)) for row in cells
    )  # fmt: skip


def shown_report(folder: Path | None) -> LabelReport | None:
    """A classifier's report that training left in the folder; None without one. A broken report is logged."""
    try:
        report = None if folder is None else saved_test_report(folder)
    except BundleError as error:
        log.warning("%s cannot be shown: %s", TEST_REPORT.name, type(error).__name__)
        return None
    return report if isinstance(report, LabelReport) else None


def readme(folder: Path | None) -> str:
    """The README of a model folder without its front matter."""
    path = None if folder is None else folder / "README.md"
    if path is None or not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")[:MAX_README]
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2]
    return text.strip()
