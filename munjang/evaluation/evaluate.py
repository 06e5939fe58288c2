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
from munjang.errors import DataError
from munjang.evaluation.comparison import Comparison
from munjang.evaluation.comparison import compare as compare_labels
from munjang.evaluation.references import Gold, digest_of, files_of, flaws, read_gold
from munjang.evaluation.report import Report
from munjang.evaluation.report_parts import CleanScore, LabelScore, WrongAnswer
from munjang.evaluation.tree_comparison import TreeComparison, compare_trees
from munjang.evaluation.trees import TreeReport, evaluate_trees
from munjang.inference.heads import TASK, is_packaged, too_many_heads
from munjang.metrics import scores as metrics
from munjang.metrics import significance as resampling
from munjang.records import Corpus, Example

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

__all__ = ["Comparison", "Report", "compare", "evaluate"]

log = logging.getLogger("munjang")

WORST = 100  # wrong answers kept in a report


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
    """Score a model on one split of a corpus, or on a sequence of examples (`split` then only says what they are).

    A parser gets a TreeReport, see `munjang.evaluation.trees.evaluate_trees`; the rest is about classifiers.

    The split is scored as published: only rows without text, without a label or with a label outside the corpus's set
    are left out, and counted. Where it has repeats, texts with two labels or texts of the train split, the report has
    a second score without them. label_map: label in the data -> label of the model, where their names differ.
    without_spaces: answer the same texts once more with white space taken out (twice the time).

    A model loaded from a folder notes every reading of a test split in its run/test_reads.jsonl. DataError: no such
    split, labels that the model does not have, one label a text against several. ConfigError: a model with many heads,
    of which one must be named.
    """
    if model.task == TASK:
        raise too_many_heads(model.folder, model.manifest)
    if model.task == "parsing":
        found = evaluate_trees(model, data, split=split, progress=progress, seed=seed)
        if split == "test":
            note_reading(model, found.corpus, split, found.n, found.sha256, found.metrics)
        return found
    corpus = data if isinstance(data, Corpus) else None
    examples = corpus.split(split) if corpus is not None else data
    gold = read_gold(examples, model, corpus.labels if corpus is not None else None, label_map)
    options = {"progress": True} if progress else {}
    texts = [example.text for example in gold.examples]
    probabilities = model.probabilities(texts, **options)
    guessed = answers(model, probabilities)
    kind = metrics.kind_of(model.task, len(model.labels))
    digest = digest_of(texts)
    values = metrics.scores(gold.table, guessed, kind)
    name = corpus.name if corpus is not None else files_of(gold.examples)
    if split == "test":
        note_reading(model, name, split, len(texts), digest, {key: values[key] for key in metrics.main_metrics(kind)})
    spaceless = None
    if without_spaces:
        joined = answers(model, model.probabilities(["".join(text.split()) for text in texts], **options))
        scores = metrics.scores(gold.table, joined, kind)
        spaceless = {key: scores[key] for key in metrics.main_metrics(kind)}
    single = kind != "multi-label"
    bins = calibration(probabilities, gold.table, guessed, single=single)
    return Report(
        model=model.name,
        corpus=name,
        split=split,
        task=model.task,
        labels=tuple(model.labels.names),
        n=len(texts),
        left_out=gold.left_out,
        metrics=values,
        intervals=resampling.bootstrap(gold.table, guessed, kind, seed=seed),
        per_label=label_scores(gold.table, guessed, model.labels.names),
        confusion=metrics.confusion_matrix(gold.table.argmax(1), guessed.argmax(1), len(model.labels))
        if single
        else None,
        calibration_error=metrics.calibration_error(bins),
        calibration=bins,
        gold=gold.table.argmax(axis=1) if single else gold.table,
        guessed=guessed.argmax(axis=1) if single else guessed,
        probability=gold_probability(probabilities, gold.table, single=single),
        lines=gold.lines,
        sha256=digest,
        without_spaces=spaceless,
        clean=clean_score(gold, guessed, kind, corpus, split, seed),
        worst=worst_answers(gold, probabilities, guessed, model),
    )


def compare(first: Report | TreeReport, second: Report | TreeReport, *, seed: int = 13) -> Comparison | TreeComparison:
    """How the first model differs from the second; a DataError unless both reports are over the same texts and gold."""
    kinds = {first.task == "parsing", second.task == "parsing"}
    if len(kinds) == 2:
        raise DataError(f"{first.model} and {second.model} are a parser and a classifier; compare two of one kind.")
    return compare_trees(first, second, seed=seed) if kinds == {True} else compare_labels(first, second, seed=seed)


def answers(model: Predictor, probabilities: np.ndarray) -> np.ndarray:
    """(n, L) bool: the label of the highest probability, or for multi-label those from the threshold on."""
    if model.task == "multi-label":
        return probabilities >= model.threshold
    return metrics.one_hot(probabilities.argmax(axis=1), len(model.labels))


def gold_probability(probabilities: np.ndarray, gold: np.ndarray, *, single: bool) -> np.ndarray:
    """(n,) float32: the probability of the gold answer (for multi-label: of all its yes and no together)."""
    if single:
        return probabilities[gold]
    return np.where(gold, probabilities, 1 - probabilities).prod(axis=1)


def calibration(
    probabilities: np.ndarray, gold: np.ndarray, guessed: np.ndarray, *, single: bool
) -> list[dict[str, Any]]:
    """Bins of the answer's probability against how often it is right; for multi-label of every label's probability."""
    if single:
        return metrics.calibration_bins(probabilities.max(axis=1), (gold & guessed).any(axis=1))
    return metrics.calibration_bins(probabilities.ravel(), gold.ravel())


def label_scores(gold: np.ndarray, guessed: np.ndarray, names: Sequence[str]) -> tuple[LabelScore, ...]:
    """A row for each label, in the model's order."""
    tally = metrics.tally_of(gold, guessed)
    columns = (metrics.precision(tally), metrics.recall(tally), metrics.f1(tally))
    support, given = gold.sum(axis=0), guessed.sum(axis=0)
    return tuple(
        LabelScore(name, *(float(column[i]) for column in columns), int(support[i]), int(given[i]))
        for i, name in enumerate(names)
    )


def worst_answers(
    gold: Gold, probabilities: np.ndarray, guessed: np.ndarray, model: Predictor
) -> tuple[WrongAnswer, ...]:
    """The wrong answers of which the model was surest: by the probability of its own answer."""
    single = model.task != "multi-label"
    sure = gold_probability(probabilities, guessed, single=single)
    wrong = np.flatnonzero((gold.table != guessed).any(axis=1))
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:WORST]

    def names(row: np.ndarray) -> str | tuple[str, ...]:
        chosen = tuple(model.labels.names[i] for i in np.flatnonzero(row))
        return chosen[0] if single else chosen

    return tuple(
        WrongAnswer(
            gold.examples[i].text,
            names(gold.table[i]),
            names(guessed[i]),
            float(sure[i]),
            gold.lines[i],
            gold.examples[i].file,
        )
        for i in order
    )


def clean_score(
    gold: Gold, guessed: np.ndarray, kind: str, corpus: Corpus | None, split: str, seed: int
) -> CleanScore | None:
    """The scores without repeats, texts with two labels and texts that train has too; None where there are none."""
    found = flaws(gold, corpus, split)
    counts = Counter(found)
    keep = np.array([flaw == "" for flaw in found])
    if keep.all() or not keep.any():
        return None
    return CleanScore(
        int(keep.sum()),
        counts["duplicate"],
        counts["conflict"],
        counts["leak"] if corpus is not None and corpus.train and split != "train" else None,
        metrics.scores(gold.table[keep], guessed[keep], kind),
        resampling.bootstrap(gold.table[keep], guessed[keep], kind, seed=seed),
    )


def note_reading(model: Predictor, corpus: str, split: str, n: int, digest: str, score: Mapping[str, float]) -> None:
    """Add a line to run/test_reads.jsonl of the model's folder; a folder that cannot be written is said.

    The packaged model belongs to the installation and is left as it is.
    """
    folder = getattr(model, "folder", None)
    if folder is None or is_packaged(folder):
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
