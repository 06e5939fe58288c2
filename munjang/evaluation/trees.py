"""Evaluate a parser on sentences with trees: a Predictor and a corpus in, a TreeReport out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from munjang.data.duplicates import texts_hash
from munjang.errors import ConfigError, DataError
from munjang.evaluation.references import files_of
from munjang.metrics.report import LabelScore
from munjang.metrics.significance import bootstrap
from munjang.metrics.tree_report import LengthScore, TreeReport
from munjang.metrics.tree_scores import by_relation, klue_las, klue_uas, tree_counts, tree_scores
from munjang.records import Corpus, Example, Parse, Tree
from munjang.tasks.parsing.rows import label_column
from munjang.translation import N_, _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

LENGTHS = (5, 10, 15, 20, 30)  # words: the longest sentence of each class of length

NO_TREE, WORDS_LOST = N_("without a tree"), N_("with words that cleaning takes away")
"""Why a sentence is left out; as keys of a report's JSON they stay English."""


def evaluate_trees(
    model: Predictor,
    data: Corpus | Sequence[Example],
    *,
    split: str,
    by: str | None,
    robustness: bool,
    progress: bool,
    seed: int,
    **for_classifiers: object,
) -> TreeReport:
    """Score a parser on one split of a corpus, or on a sequence of examples with trees.

    The words are those of the trees; the parser does not cut raw text itself. Sentences without a tree, and sentences
    that lose words in cleaning, are left out and counted. DataError: a relation that the model does not have, or
    nothing to score. ConfigError: `by` or `robustness`, which are for classifiers.
    """
    for option in ["by"] * (by is not None) + ["robustness"] * robustness:
        raise ConfigError(_("{option:{name}} is for classifiers; {model} is a parser.", name=option, model=model.name))
    examples = data.split(split) if isinstance(data, Corpus) else data
    kept, reference_trees, left_out = usable_trees(examples, model)
    by_words = with_given_words(model)
    options = {"progress": True} if progress else {}
    texts = [" ".join(tree.words) for tree in reference_trees]
    predicted_trees = [parse.tree for parse in by_words.predict_many(texts, **options) if isinstance(parse, Parse)]
    references, predicted = (flat_labels(trees, model) for trees in (reference_trees, predicted_trees))
    lengths = np.array([len(tree) for tree in reference_trees])
    counts = tree_counts(references, predicted, lengths)
    return TreeReport(
        model=model.name,
        corpus=data.name if isinstance(data, Corpus) else files_of(kept),
        split=split,
        n=len(kept),
        words=len(references),
        left_out=left_out,
        metrics={
            **{name: float(value) for name, value in tree_scores(counts.sum(axis=0)).items()},
            "klue_uas": klue_uas(references, predicted),
            "klue_las": klue_las(references, predicted),
            "next_word": float((references[:, 0] == next_words(lengths)).mean()),
        },
        intervals=bootstrap(counts, tree_scores, seed=seed),
        per_relation=relation_scores(references, predicted, model.labels.names),
        by_length=length_scores(counts),
        sha256=texts_hash([example.text for example in kept]),
        references=references,
        predicted=predicted,
        lengths=lengths,
    )


def with_given_words(model: Predictor) -> Predictor:
    """The same parser for texts whose words are already separated by spaces."""
    from munjang.inference.predictor import Predictor

    options = {**model.manifest.task_options, "cut": "spaces"}
    manifest = replace(model.manifest, details={**model.manifest.details, "task": options})
    return Predictor(manifest, model.runner, model.folder)


def usable_trees(examples: Sequence[Example], model: Predictor) -> tuple[list[Example], list[Tree], dict[str, int]]:
    """The examples that can be scored, their trees, and how many cannot, by reason."""
    from munjang.text.cleaning import clean_text

    kept, trees, left_out = [], [], {NO_TREE: 0, WORDS_LOST: 0}
    for example in examples:
        tree = example.label
        if not isinstance(tree, Tree):
            left_out[NO_TREE] += 1
        elif len(clean_text(" ".join(tree.words), model.steps).split()) != len(tree):
            left_out[WORDS_LOST] += 1
        else:
            kept.append(example)
            trees.append(tree)
    if not kept:
        raise DataError(
            _("Nothing can be scored: {model} is a parser, and no sentence here has a tree.", model=model.name)
        )
    relations = {name for tree in trees for name in tree.relations}
    if unknown := sorted(name for name in relations if name not in model.labels):
        raise DataError(
            _(
                "{model} does not know the relation '{relation}'; it has {labels}. "
                "Score a parser on trees of the scheme that it was trained on.",
                model=model.name,
                relation=unknown[0],
                labels=model.labels.listing,
            )
        )
    return kept, trees, left_out


def flat_labels(trees: Sequence[Tree], model: Predictor) -> np.ndarray:
    """(N, 2): head and relation number of every word, sentence after sentence."""
    column = label_column(trees, model.labels).astype(np.int64)
    return column[column[:, :, 0] >= 0]


def next_words(lengths: np.ndarray) -> np.ndarray:
    """(N,) for every word the position of the next one in its sentence, from 1; 0 for the last word."""
    return np.concatenate([[*range(2, length + 1), 0] for length in lengths])


def relation_scores(references: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> tuple[LabelScore, ...]:
    """A row for each relation, in the model's order."""
    table = by_relation(references, predicted, len(names))
    return tuple(
        LabelScore(name, float(p), float(r), float(f), int(support), int(times_predicted))
        for name, (p, r, f, support, times_predicted) in zip(names, table, strict=True)
    )


def length_scores(counts: np.ndarray) -> tuple[LengthScore, ...]:
    """A row for each class of sentence length that occurs. counts: as `tree_counts` gives them."""
    rows, low = [], 1
    kinds = np.searchsorted(LENGTHS, counts[:, 0])
    for kind in range(len(LENGTHS) + 1):
        name = f"{low}-{LENGTHS[kind]}" if kind < len(LENGTHS) else _("{low} and more", low=low)
        low = LENGTHS[kind] + 1 if kind < len(LENGTHS) else low
        if len(chosen := counts[kinds == kind]):
            scores = tree_scores(chosen.sum(axis=0))
            uas, las, exact = (float(scores[key]) for key in ("uas", "las", "exact"))
            rows.append(LengthScore(name, len(chosen), int(chosen[:, 0].sum()), uas, las, exact))
    return tuple(rows)
