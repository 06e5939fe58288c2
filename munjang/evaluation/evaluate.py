"""Evaluate a model on labelled texts: a Predictor and a corpus in, a Report out."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang import __version__
from munjang.data.duplicates import texts_hash
from munjang.errors import DataError
from munjang.evaluation.comparison import Comparison
from munjang.evaluation.comparison import compare_reports as compare_labels
from munjang.evaluation.references import References, files_of, flaws, read_references
from munjang.evaluation.tree_comparison import TreeComparison, compare_trees
from munjang.evaluation.trees import evaluate_trees
from munjang.inference.heads import is_packaged_folder
from munjang.metrics import scores as metrics
from munjang.metrics import significance as resampling
from munjang.metrics.report import Report
from munjang.metrics.report_parts import CleanScore, LabelScore, WrongAnswer
from munjang.metrics.tree_report import TreeReport
from munjang.records import Corpus, Example
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

__all__ = ["Comparison", "Report", "compare", "evaluate"]

log = logging.getLogger("munjang")

TOP_ERRORS = 100  # wrong answers kept in a report


def evaluate(
    model: Predictor,
    data: Corpus | Sequence[Example],
    *,
    split: str = "test",
    label_map: Mapping[str, str] | None = None,
    without_spaces: bool = True,
    progress: bool = False,
    seed: int = 13,
) -> Report | TreeReport:
    """Score a model on one split of a corpus, or on a sequence of examples (`split` is then only their name).

    A parser gets a TreeReport, see `munjang.evaluation.trees.evaluate_trees`; the rest is about classifiers.

    The split is scored as published: only rows without text, without a label or with a label outside the corpus's set
    are left out, and counted. If it has repeats, texts with two labels or texts that are also in train, the report has
    a second score without them. label_map: label in the data -> label of the model, where their names differ.
    without_spaces: predict the same texts once more with all white space removed (twice the time).

    A model loaded from a folder notes every reading of a test split in its run/test_reads.jsonl. DataError: no such
    split, labels that the model does not have, one label a text against several. ConfigError: a model with many heads;
    name one of them.
    """
    model.check_single()
    if model.task == "parsing":
        report = evaluate_trees(model, data, split=split, progress=progress, seed=seed)
        if split == "test":
            note_reading(model, report.corpus, split, report.n, report.sha256, report.metrics)
        return report
    corpus = data if isinstance(data, Corpus) else None
    examples = data.split(split) if isinstance(data, Corpus) else data
    references = read_references(examples, model, corpus.labels if corpus is not None else None, label_map)
    options = {"progress": True} if progress else {}
    texts = [example.text for example in references.examples]
    probabilities = model.probabilities(texts, **options)
    predicted = predicted_labels(model, probabilities)
    kind = metrics.problem_kind(model.task, len(model.labels))
    digest = texts_hash(texts)
    values = metrics.metric_values(references.table, predicted, kind)
    name = corpus.name if corpus is not None else files_of(references.examples)
    if split == "test":
        note_reading(model, name, split, len(texts), digest, {key: values[key] for key in metrics.main_metrics(kind)})
    spaceless = None
    if without_spaces:
        joined = predicted_labels(model, model.probabilities(["".join(text.split()) for text in texts], **options))
        scores = metrics.metric_values(references.table, joined, kind)
        spaceless = {key: scores[key] for key in metrics.main_metrics(kind)}
    single = kind != "multi-label"
    bins = calibration(probabilities, references.table, predicted, single=single)
    return Report(
        model=model.name,
        corpus=name,
        split=split,
        task=model.task,
        labels=tuple(model.labels.names),
        n=len(texts),
        left_out=references.left_out,
        metrics=values,
        intervals=resampling.bootstrap(references.table, predicted, kind, seed=seed),
        per_label=label_scores(references.table, predicted, model.labels.names),
        confusion=metrics.confusion_matrix(references.table.argmax(1), predicted.argmax(1), len(model.labels))
        if single
        else None,
        calibration_error=metrics.calibration_error(bins),
        calibration=bins,
        references=references.table.argmax(axis=1) if single else references.table,
        predicted=predicted.argmax(axis=1) if single else predicted,
        probability=reference_probability(probabilities, references.table, single=single),
        lines=references.lines,
        sha256=digest,
        without_spaces=spaceless,
        clean=clean_score(references, predicted, kind, corpus, split, seed),
        top_errors=top_errors(references, probabilities, predicted, model),
    )


def compare(first: Report | TreeReport, second: Report | TreeReport, *, seed: int = 13) -> Comparison | TreeComparison:
    """How the first model differs from the second.

    A DataError unless both reports are over the same texts and references.
    """
    if isinstance(first, TreeReport) and isinstance(second, TreeReport):
        return compare_trees(first, second, seed=seed)
    if isinstance(first, TreeReport) or isinstance(second, TreeReport):
        raise DataError(
            _(
                "One of {first} and {second} is a parser, the other a classifier; compare two of one kind.",
                first=first.model,
                second=second.model,
            )
        )
    return compare_labels(first, second, seed=seed)


def predicted_labels(model: Predictor, probabilities: np.ndarray) -> np.ndarray:
    """(n, L) bool: the label of the highest probability, or for multi-label those from the threshold on."""
    if model.task == "multi-label":
        return probabilities >= model.threshold
    return metrics.one_hot(probabilities.argmax(axis=1), len(model.labels))


def reference_probability(probabilities: np.ndarray, references: np.ndarray, *, single: bool) -> np.ndarray:
    """(n,) float32: the probability of the reference (for multi-label: of all its decisions, yes and no, together)."""
    if single:
        return probabilities[references]
    return np.where(references, probabilities, 1 - probabilities).prod(axis=1)


def calibration(
    probabilities: np.ndarray, references: np.ndarray, predicted: np.ndarray, *, single: bool
) -> list[dict[str, Any]]:
    """Bins of the prediction's probability and its accuracy; for multi-label of every label's probability."""
    if single:
        return metrics.calibration_bins(probabilities.max(axis=1), (references & predicted).any(axis=1))
    return metrics.calibration_bins(probabilities.ravel(), references.ravel())


def label_scores(references: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> tuple[LabelScore, ...]:
    """A row for each label, in the model's order."""
    counts = metrics.count_confusions(references, predicted)
    columns = (metrics.precision(counts), metrics.recall(counts), metrics.f1(counts))
    support, times_predicted = references.sum(axis=0), predicted.sum(axis=0)
    return tuple(
        LabelScore(name, float(p), float(r), float(f), int(in_references), int(in_predictions))
        for name, p, r, f, in_references, in_predictions in zip(names, *columns, support, times_predicted, strict=True)
    )


def top_errors(
    references: References, probabilities: np.ndarray, predicted: np.ndarray, model: Predictor
) -> tuple[WrongAnswer, ...]:
    """The wrong predictions with the highest confidence, the probability of the predicted label."""
    single = model.task != "multi-label"
    confidence = reference_probability(probabilities, predicted, single=single)
    wrong = np.flatnonzero((references.table != predicted).any(axis=1))
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:TOP_ERRORS]

    def names(row: np.ndarray) -> str | tuple[str, ...]:
        chosen = tuple(model.labels.names[i] for i in np.flatnonzero(row))
        return chosen[0] if single else chosen

    return tuple(
        WrongAnswer(
            references.examples[i].text,
            names(references.table[i]),
            names(predicted[i]),
            float(confidence[i]),
            references.lines[i],
            references.examples[i].file,
        )
        for i in order
    )


def clean_score(
    references: References, predicted: np.ndarray, kind: str, corpus: Corpus | None, split: str, seed: int
) -> CleanScore | None:
    """The scores without repeats, texts with two labels and texts that are also in train; None where there are none."""
    flaw_of = flaws(references, corpus, split)
    counts = Counter(flaw_of)
    keep = np.array([flaw == "" for flaw in flaw_of])
    if keep.all() or not keep.any():
        return None
    return CleanScore(
        int(keep.sum()),
        counts["duplicate"],
        counts["conflict"],
        counts["leak"] if corpus is not None and corpus.train and split != "train" else None,
        metrics.metric_values(references.table[keep], predicted[keep], kind),
        resampling.bootstrap(references.table[keep], predicted[keep], kind, seed=seed),
    )


def note_reading(model: Predictor, corpus: str, split: str, n: int, digest: str, score: Mapping[str, float]) -> None:
    """Add a line to run/test_reads.jsonl of the model's folder; a warning where it cannot be written.

    The packaged model belongs to the installation and stays unchanged.
    """
    folder = getattr(model, "folder", None)
    if folder is None or is_packaged_folder(folder):
        return
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "corpus": corpus,
        "split": split,
        "n": n,
        "sha256": digest,
        "score": score,
        "munjang": __version__,
    }
    path = folder / "run" / "test_reads.jsonl"
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        log.warning("This reading of the test split could not be noted in %s (%s).", path, error)
