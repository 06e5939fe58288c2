"""Evaluate a classifier: its predictions on labelled texts become a LabelReport."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from munjang.data.duplicates import texts_hash
from munjang.evaluation.references import References, files_of, flaws, read_references
from munjang.evaluation.robustness import noise_scores, noisy_answers
from munjang.evaluation.slices import column_values, slices_of
from munjang.metrics import scores as metrics
from munjang.metrics.calibration import equal_count_bins
from munjang.metrics.label_report import Accepted, CleanScore, LabelReport, WrongAnswer
from munjang.metrics.report import LabelScore
from munjang.metrics.selective import coverage_curve
from munjang.metrics.significance import Interval, bootstrap, wilson_interval
from munjang.records import Corpus, Example
from munjang.tasks.classification import Classification
from munjang.text.noise import NOISES

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

TOP_ERRORS = 100  # wrong answers kept in a report


def evaluate_labels(
    model: Predictor,
    data: Corpus | Sequence[Example],
    *,
    split: str,
    label_map: Mapping[str, str] | None,
    by: str | None,
    without_spaces: bool,
    robustness: bool,
    progress: bool,
    seed: int,
    answered: np.ndarray | None = None,
) -> LabelReport:
    """Score a classifier, see `munjang.evaluation.evaluate.evaluate`.

    answered: (n, L) probabilities for all examples, in place of the model's; each example must have a text and a label.
    """
    corpus = data if isinstance(data, Corpus) else None
    examples = data.split(split) if isinstance(data, Corpus) else data
    references = read_references(examples, model, corpus.labels if corpus is not None else None, label_map)
    if by is not None:
        column_values(references.examples, by)  # refused before the long work
    options = {"progress": True} if progress else {}
    texts = [example.text for example in references.examples]
    probabilities = model.probabilities(texts, **options) if answered is None else answered
    decoder = cast(Classification, model.decoder)
    predicted = decoder.chosen(probabilities, model.threshold)
    kind, single = kind_of_problem(model), not decoder.several
    noises = list(NOISES) if robustness else ["without_spaces"] * without_spaces

    def answer(noisy: list[str]) -> np.ndarray:
        return decoder.chosen(model.probabilities(noisy, **options), model.threshold)

    noisy = noisy_answers(texts, noises, answer, seed=seed)
    spaceless = None
    if without_spaces:
        scores = metrics.metric_values(references.table, noisy["without_spaces"][1], kind)
        spaceless = {key: scores[key] for key in metrics.main_metrics(kind)}
    sure = confidences(probabilities, references.table, predicted, single=single)
    bins = metrics.calibration_bins(*sure)
    values, intervals = scores_with_intervals(model, references.table, probabilities, seed)
    report = LabelReport(
        model=model.name,
        corpus=corpus.name if corpus is not None else files_of(references.examples),
        split=split,
        task=model.task,
        n=len(texts),
        sha256=texts_hash(texts),
        labels=tuple(model.labels.names),
        left_out=references.left_out,
        metrics=values,
        intervals=intervals,
        per_label=label_scores(references.table, predicted, model.labels.names),
        confusion=metrics.confusion_matrix(references.table.argmax(1), predicted.argmax(1), len(model.labels))
        if single
        else None,
        calibration_error=metrics.calibration_error(bins),
        calibration=bins,
        without_spaces=spaceless,
        clean=clean_score(model, references, probabilities, corpus, split, seed),
        reliability=equal_count_bins(*sure),
        coverage=coverage_curve(*given_labels(probabilities, references.table, predicted)),
        accepted=accepted_labels(model, texts, references.table, probabilities, predicted),
        top_errors=top_errors(references, probabilities, predicted, model),
        references=references.table.argmax(axis=1) if single else references.table,
        predicted=predicted.argmax(axis=1) if single else predicted,
        probability=reference_probability(probabilities, references.table, single=single),
        lines=references.lines,
    )
    return replace(
        report,
        slices=slices_of(report, references, by, seed=seed),
        robustness=noise_scores(report, noisy, seed=seed) if robustness else (),
    )


def scores_with_intervals(
    model: Predictor, references: np.ndarray, probabilities: np.ndarray, seed: int
) -> tuple[dict[str, float], dict[str, Interval]]:
    """The scores of the task's own, then every metric of the kind of problem; and the intervals of the latter.

    references: (n, L) bool; probabilities: (n, L).
    """
    decoder = cast(Classification, model.decoder)
    predicted, kind = decoder.chosen(probabilities, model.threshold), kind_of_problem(model)
    own = decoder.score(references if decoder.several else references.argmax(axis=1), probabilities)
    values = {name: value for name, value in own.items() if name not in metrics.METRICS}
    counts = metrics.confusion_columns(references, predicted)
    intervals = bootstrap(counts, partial(metrics.summed_metrics, kind=kind), seed=seed)
    if counts[:, -2].all():  # every resample is the same
        low, high = wilson_interval(len(counts), len(counts))
        intervals = {name: (1 - high, 1 - low) if name in metrics.LOSSES else (low, high) for name in intervals}
    return values | metrics.metric_values(references, predicted, kind), intervals


def accepted_labels(
    model: Predictor, texts: Sequence[str], references: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray
) -> Accepted | None:
    """What is left if the model withholds what is below its thresholds or out of scope; None for a model without any.

    references, predicted: (n, L) bool; probabilities: (n, L).
    """
    if not model.doubt.least:
        return None
    names, least = model.labels.names, model.doubt.least
    doubted = model.outside(texts)[:, None] & [name in least for name in names]
    given = predicted & (probabilities >= [least.get(name, 0.0) for name in names]) & ~doubted
    counts = np.stack([predicted.sum(axis=0), given.sum(axis=0), (given & references).sum(axis=0)], axis=1)
    labels, shown, right = map(int, counts.sum(axis=0))
    by_label = dict(zip(names, counts.tolist(), strict=True))
    return Accepted(model.doubt.target_text, labels, shown, right, wilson_interval(right, shown), by_label)


def kind_of_problem(model: Predictor) -> str:
    """The kind of problem of a classifier, one of `munjang.metrics.scores.PROBLEM_KINDS`."""
    return metrics.problem_kind(len(model.labels), several=model.decoder.several)


def reference_probability(probabilities: np.ndarray, references: np.ndarray, *, single: bool) -> np.ndarray:
    """(n,) float32: the probability of the reference (for multi-label: of all its decisions, yes and no, together)."""
    if single:
        return probabilities[references]
    return np.where(references, probabilities, 1 - probabilities).prod(axis=1)


def confidences(
    probabilities: np.ndarray, references: np.ndarray, predicted: np.ndarray, *, single: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(m,) each: the prediction's probability, and whether it is right; for multi-label every label's probability."""
    if single:
        return probabilities.max(axis=1), (references & predicted).any(axis=1)
    return probabilities.ravel(), references.ravel()


def given_labels(
    probabilities: np.ndarray, references: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(m,) each: the probability of each label that is predicted, and whether it is right."""
    return probabilities[predicted], references[predicted]


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
    single = not model.decoder.several
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
    model: Predictor, references: References, probabilities: np.ndarray, corpus: Corpus | None, split: str, seed: int
) -> CleanScore | None:
    """The scores without repeats, texts with two labels and texts of which train has a copy or a near copy.

    None where there are none.
    """
    flaw_of = flaws(references, corpus, split)
    counts = Counter(flaw_of)
    keep = np.array([flaw == "" for flaw in flaw_of])
    if keep.all() or not keep.any():
        return None
    knows_train = corpus is not None and corpus.train and split != "train"
    return CleanScore(
        int(keep.sum()),
        counts["duplicate"],
        counts["conflict"],
        counts["leak"] if knows_train else None,
        *scores_with_intervals(model, references.table[keep], probabilities[keep], seed),
        near=counts["near"] if knows_train else None,
    )
