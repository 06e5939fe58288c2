"""What is known about the quality of a model: the scores in its folder, its confusion matrix, its README."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from munjang.errors import BundleError
from munjang.metrics.label_report import LabelReport
from munjang.metrics.report import LabelScore
from munjang.metrics.scores import METRICS
from munjang.models.saved_reports import TEST_REPORT, saved_report
from munjang.serving.loaded import Classifier, ModelFacts

log = logging.getLogger("munjang")

MAX_README = 200_000  # characters


class SplitScores(BaseModel):
    """The scores of one split."""

    split: str
    corpus: str
    n: int | None = Field(description="Texts scored, if known")
    metrics: dict[str, int | float]
    intervals: dict[str, tuple[float, float]] = Field(description="95%, if known")


class ModelCard(ModelFacts):
    """What is known about a model, and its scores."""

    scores: list[SplitScores] = Field(description="Of each split that was scored")
    tested: str | None = Field(None, description="The split of per_label and confusion; null without one")
    per_label: list[LabelScore] | None = None
    confusion: list[list[int | float]] | None = Field(None, description="Row: the reference label")
    readme: str = Field(description="The README of the folder in Markdown")
    evaluated: bool = Field(description="Whether there are any scores")


def card_of(classifier: Classifier) -> ModelCard:
    """The card of a model or of one head."""
    folder, scores = classifier.model.folder, noted_scores(classifier)
    tested, per_label, confusion = None, None, classifier.notes["test"].get("confusion")
    report = None if classifier.model.many_heads or "/" in classifier.name else shown_report(folder)
    if report is not None and tuple(report.labels) == classifier.labels.names:
        scores = [scored(report), *(score for score in scores if score.split != report.split)]
        tested, per_label = report.split, list(report.per_label)
        confusion = None if report.confusion is None else report.confusion.tolist()
    elif is_square(confusion, len(classifier.labels)):
        tested = "test"
    else:
        confusion = None
    return ModelCard(
        **classifier.facts(), scores=scores, tested=tested, per_label=per_label, confusion=confusion,
        readme=readme(folder), evaluated=bool(scores),
    )  # fmt: skip


def scored(report: LabelReport) -> SplitScores:
    """The scores of a saved report."""
    return SplitScores(
        split=report.split, corpus=report.corpus, n=report.n,
        intervals={name: report.intervals[name] for name in report.main if name in report.intervals},
        metrics={name: report.metrics[name] for name in report.main},
    )  # fmt: skip


def noted_scores(classifier: Classifier) -> list[SplitScores]:
    """The scores that munjang.json notes for a model or for one head, test first."""
    scores = []
    for split, values in classifier.notes.items():
        metrics = {name: value for name, value in values.items() if name in METRICS and is_score(value)}
        if metrics:
            count = values["n"] if isinstance(values.get("n"), int) else None
            scores.append(SplitScores(split=split, corpus=classifier.corpus, n=count, metrics=metrics, intervals={}))
    return scores


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
        report = None if folder is None else saved_report(folder)
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
