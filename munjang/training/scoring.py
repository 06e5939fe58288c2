"""What a run leaves beside its model: the scores on the test split, the card, the HTML report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from munjang.data.prepare import Prepared
from munjang.data.statistics.corpus import describe, text_lengths
from munjang.errors import MissingExtra
from munjang.evaluation.comparison import Comparison, compare
from munjang.evaluation.evaluate import evaluate
from munjang.files import disk_errors, write_json, write_text
from munjang.files.outputs import final_place
from munjang.inference.confidence import promises
from munjang.inference.predictor import Predictor, load
from munjang.metrics.label_report import LabelReport
from munjang.metrics.report import Report
from munjang.models.folder import RESUME_REMEDY
from munjang.models.saved_reports import TEST_REPORT
from munjang.records import SPLITS, Corpus, Parse, Prediction, short_repr
from munjang.reports.model_card import model_card
from munjang.reports.run_report import write_report
from munjang.tasks import task_for
from munjang.tasks.classification import RawLogits
from munjang.text.personal import count_personal
from munjang.training.fine_tune import choose_epochs
from munjang.training.fold_scores import FoldAnswers, FoldScores, fold_scores, write_folds
from munjang.training.hybrid import Mixture, mixture_of
from munjang.training.loops.run_log import read_log
from munjang.translation import _

SHOWN_NEVER = 5  # labels
EXAMPLES, EXAMPLE_LENGTH = 50, 40  # texts that are looked at, characters
FEW_TESTED = 500  # texts of a test split; the interval of an accuracy of 0.9 is then 5 points wide
FEW_EPOCHS = 4  # times as many would be usual
REPORT_PAGE = Path("run", "report.html")


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A trained model, and what was said of it.

    answers: for the sentences to try. report: on the test split, else of the folds; None without either.
    baseline_report, comparison: of the linear baseline on the same texts, and of the model with it. mixture: what both
    together would score. usual_epochs: of a network on so many sentences. example: a text of the corpus, to try the
    model with. page: the HTML report; why_no_page: which packages it lacks.
    """

    model: Predictor
    answers: Sequence[Prediction] | Sequence[Parse] = ()
    report: Report | None = None
    baseline_report: Report | None = None
    comparison: Comparison | None = None
    mixture: Mixture | None = None
    usual_epochs: float | None = None
    example: str = ""
    folds: FoldScores | None = None
    page: Path | None = None
    why_no_page: str = ""

    __repr__ = short_repr

    @property
    def promises(self) -> list[str]:
        """What the model can promise by its validation sentences, in words; empty for a parser."""
        return promises(self.model.held_out, self.model.labels.names) if self.model.held_out else []

    @property
    def advice(self) -> list[str]:
        """What to change in the next training, in words."""
        usual, settings = self.usual_epochs, self.model.manifest.settings
        given, lines = settings.get("epochs"), []
        if usual and given and given * FEW_EPOCHS <= usual:
            lines.append(
                _(
                    "{given:g} epochs are few for so few sentences: left out, {option:epochs} would be {usual:g}.",
                    given=given,
                    usual=usual,
                )
            )
        never = [score.name for score in getattr(self.report, "per_label", ()) if score.support and not score.predicted]
        if never and not settings.get("class_weights"):
            lines.append(
                _(
                    "Never predicted: {labels}. Label more such texts, or make rare labels count more: "
                    "{option:class_weights=balanced}.",
                    labels=", ".join(f"'{name}'" for name in never[:SHOWN_NEVER]) + ", …" * (len(never) > SHOWN_NEVER),
                )
            )
        if isinstance(self.report, LabelReport) and self.report.n < FEW_TESTED and not self.folds:
            lines.append(
                _(
                    "The test split has only {n:,} texts. With {option:folds=5} every text is answered by a model that "
                    "has not seen it, which tells more.",
                    n=self.report.n,
                )
            )
        return lines

    def moved_to(self, folder: Path) -> TrainedRun:
        """The same run after its folder was moved."""
        model = load(folder)
        model.report = self.report
        return replace(self, model=model, page=self.page and folder / REPORT_PAGE)


def score_run(
    model: Predictor,
    prepared: Prepared,
    *,
    baseline: Predictor | None,
    sentences: Sequence[str],
    has_page: bool,
    folds: FoldAnswers | None = None,
    baseline_folds: FoldAnswers | None = None,
) -> TrainedRun:
    """Score a trained model on the test split, and write run/test.json, the card and, if `has_page`, run/report.html.

    baseline: the linear model to compare with. folds: answers of models that have not seen the texts, whose scores
    stand in for those of a test split where there is none; baseline_folds: of linear models.
    """
    answers = model.predict_many(sentences)
    corpus = prepared.published
    scores = fold_scores(model, folds) if folds else None
    report = evaluate(model, corpus) if corpus.test else scores and scores.report
    baseline_report = None
    if baseline and corpus.test:
        baseline_report = evaluate(baseline, corpus)
    elif baseline and baseline_folds:
        baseline_report = fold_scores(baseline, baseline_folds).report
    comparison = compare(report, baseline_report) if baseline_report else None
    mixture = mixture_with(baseline, model, prepared.corpus) if baseline and model.manifest.format == "native" else None
    usual, example = usual_epochs(model, prepared), example_text(corpus)
    run = TrainedRun(model, answers, report, baseline_report, comparison, mixture, usual, example, scores)
    model.report = report
    with disk_errors(model.folder, _(RESUME_REMEDY)):
        write_card(model, prepared, report, baseline_report, str(scores or ""))
        if scores and folds:
            write_folds(scores, folds)
        if report and corpus.test:
            write_json(model.folder / TEST_REPORT, report.to_dict())
        if mixture:
            write_json(model.folder / "run" / "hybrid.json", mixture.to_dict())
        if not has_page:
            return run
        try:
            return replace(run, page=draw_page(run, prepared))
        except MissingExtra as error:
            return replace(run, why_no_page=str(error))


def example_text(corpus: Corpus) -> str:
    """A text of the corpus that fits a command line: of the first EXAMPLES texts the longest that is short enough."""
    texts = [example.text for example in (corpus.test or corpus.validation or corpus.train)[:EXAMPLES]]
    usable = [text for text in texts if len(text) <= EXAMPLE_LENGTH and text.isprintable() and not count_personal(text)]
    return max(usable, key=len, default="")


def usual_epochs(model: Predictor, prepared: Prepared) -> float | None:
    """How many epochs a network would get if the settings did not say; None for a linear model."""
    settings = model.manifest.settings
    if model.manifest.format == "linear" or not settings.get("batch_size"):
        return None
    steps = math.ceil(len(prepared.corpus.train) / settings["batch_size"])
    return choose_epochs(task_for(prepared.corpus, parser=settings.get("parser")).training_defaults, steps)


def mixture_with(baseline: Predictor, model: Predictor, corpus: Corpus) -> Mixture:
    """What a network and the linear baseline would score together on the validation split."""
    runs = model.run([example.text for example in corpus.validation], decoder=RawLogits(model.labels))
    return mixture_of(np.concatenate([logits for __, __, logits, __, __ in runs]), baseline.runner.parts, corpus)


def write_card(
    model: Predictor,
    prepared: Prepared,
    report: Report | None = None,
    baseline_report: Report | None = None,
    folds: str = "",
) -> None:
    """Write the README.md of the model's folder. folds: what they found, in words."""
    card = model_card(
        model.manifest,
        corpus=prepared.corpus,
        cleaning_report=prepared.cleaning_report,
        report=report,
        baseline_report=baseline_report,
        folds=folds,
        promises=promises(model.held_out, model.labels.names) if model.held_out else [],
    )
    write_text(model.folder / "README.md", card)


def draw_page(run: TrainedRun, prepared: Prepared) -> Path:
    """Write run/report.html and return its path. MissingExtra: no packages for plots."""
    manifest, folder, source = run.model.manifest, run.model.folder, prepared.source
    return write_report(
        folder / REPORT_PAGE,
        title=f"{prepared.corpus.name}: {manifest.backbone}",
        manifest=manifest,
        report=run.report,
        baseline_report=run.baseline_report,
        comparison=run.comparison,
        mixture=str(run.mixture or ""),
        folds=str(run.folds or ""),
        promises=run.promises,
        stats=describe(source),
        lengths={split: text_lengths(getattr(source, split)) for split in SPLITS if getattr(source, split)},
        cleaning_report=prepared.cleaning_report,
        log_rows=read_log(folder / "run" / "log.jsonl"),
        answers=run.answers,
        model_folder=str(final_place(folder)),
    )
