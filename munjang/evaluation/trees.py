"""Evaluate a parser on sentences with trees: a Predictor and a corpus in, a TreeReport out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.errors import DataError
from munjang.evaluation.references import digest_of, files_of
from munjang.evaluation.report_parts import LabelScore, present_keys
from munjang.records import Corpus, Example, Tree
from munjang.tables import format_table
from munjang.tasks.parsing.parts import tagged_text
from munjang.tasks.parsing.rows import label_column
from munjang.tasks.parsing.scores import attachment, by_relation, klue_las, klue_uas
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor

LENGTHS = (5, 10, 15, 20, 30)  # words: the last of each class of sentence length
DRAWS = 1_000  # of the bootstrap, by sentence

TITLES = {
    "uas": "UAS, words",
    "las": "LAS, words",
    "relations": "right relation, words",
    "exact": "whole trees right, sentences",
    "exact_heads": "all heads right, sentences",
    "klue_uas": "KLUE's UAS (macro-F1 over head positions)",
    "klue_las": "KLUE's LAS (macro-F1 over merged relations)",
    "next_word": "UAS of hanging every word from the next",
}


@dataclass(frozen=True)
class LengthScore:
    """The words of the sentences of one class of length, such as "6-10"."""

    words_a_sentence: str
    sentences: int
    words: int
    uas: float
    las: float
    exact: float


def no_words() -> np.ndarray:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class TreeReport:
    """The scores of one parser on the trees of one split.

    n: sentences; words: how many they have. metrics: keys of TITLES -> value; intervals: 95% bootstrap over sentences,
    of uas and las. sha256: of the texts, in order. references, predicted: (words, 2) head and relation of every word,
    relations as places in `per_relation`, whose hits have the right head too and whose support is words; lengths: (n,)
    words of each sentence.
    """

    model: str
    corpus: str
    split: str
    n: int
    words: int
    left_out: Mapping[str, int]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    per_relation: tuple[LabelScore, ...]
    by_length: tuple[LengthScore, ...]
    sha256: str
    references: np.ndarray = field(default_factory=no_words, repr=False)
    predicted: np.ndarray = field(default_factory=no_words, repr=False)
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    task: str = "parsing"

    @property
    def reference_names(self) -> list[str]:
        """The name of every word's reference relation."""
        return [self.per_relation[number].name for number in self.references[:, 1]]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        rows = {name: [asdict(row) for row in found[name]] for name in ("per_relation", "by_length")}
        arrays = {name: found[name].tolist() for name in ("references", "predicted", "lengths")}
        return {**found, **rows, **arrays}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TreeReport:
        """A report from what `to_dict` gave. DataError: it is none."""
        try:
            values = present_keys(values)
            rows = {
                "per_relation": tuple(LabelScore(**row) for row in values["per_relation"]),
                "by_length": tuple(LengthScore(**row) for row in values["by_length"]),
            }
            arrays = {name: np.array(values.get(name, []), np.int64) for name in ("references", "predicted", "lengths")}
            return cls(**{**values, **rows, **arrays})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                _("This is no whole report of a parser ({reason}); evaluate it again.", reason=error)
            ) from error

    def __str__(self) -> str:
        left = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items() if count)
        heading = f"{self.model} on {self.corpus}, {self.split}: {self.n:,} sentences, {self.words:,} words"
        return "\n\n".join([heading + (f" (left out: {left})" if left else ""), *self.tables(format_table)])

    def tables(self, draw: Any) -> list[str]:
        """Scores, relations and lengths, each through `draw(header, rows)`."""
        scores = [
            [TITLES[name], f"{value:.4f}", "{:.4f} to {:.4f}".format(*self.intervals[name])]
            if name in self.intervals
            else [TITLES[name], f"{value:.4f}", None]
            for name, value in self.metrics.items()
        ]
        relations = [
            [row.name, *(f"{value:.4f}" for value in (row.precision, row.recall, row.f1)), row.support, row.predicted]
            for row in self.per_relation
            if row.support or row.predicted
        ]
        lengths = [
            [row.words_a_sentence, row.sentences, row.words, *(f"{v:.4f}" for v in (row.uas, row.las, row.exact))]
            for row in self.by_length
        ]
        return [
            draw(["score", "value", "95% interval"], scores),
            draw(["relation, with its head", "precision", "recall", "F1", "words", "predicted"], relations),
            draw(["words a sentence", "sentences", "words", "UAS", "LAS", "whole trees"], lengths),
        ]


def evaluate_trees(
    model: Predictor, data: Corpus | Sequence[Example], *, split: str = "test", progress: bool = False, seed: int = 13
) -> TreeReport:
    """Score a parser on one split of a corpus, or on a sequence of examples with trees.

    The words are those of the trees, not where the parser would have cut raw text. Sentences without a tree, and those
    of whose words cleaning leaves fewer, are left out and counted. DataError: a relation that the model does not have,
    or nothing to score.
    """
    examples = data.split(split) if isinstance(data, Corpus) else data
    kept, left_out = usable_trees(examples, model)
    by_words = with_given_words(model)
    options = {"progress": True} if progress else {}
    text_of = tagged_text if by_words.decoder.tags else (lambda tree: " ".join(tree.words))
    texts = [text_of(example.label) for example in kept]
    trees = [parse.tree for parse in by_words.predict_many(texts, **options)]
    references, predicted = (flat_labels(items, model) for items in ([example.label for example in kept], trees))
    lengths = np.array([len(example.label) for example in kept])
    sentence = np.repeat(np.arange(len(kept)), lengths)
    right = references == predicted
    following = np.where(np.arange(len(references)) + 1 == np.cumsum(lengths)[sentence], 0, position(lengths) + 1)
    whole = np.minimum.reduceat(right.all(axis=1), np.cumsum(lengths) - lengths)
    heads = np.minimum.reduceat(right[:, 0], np.cumsum(lengths) - lengths)
    return TreeReport(
        model=model.name,
        corpus=data.name if isinstance(data, Corpus) else files_of(kept),
        split=split,
        n=len(kept),
        words=len(references),
        left_out=left_out,
        metrics={
            **attachment(references, predicted),
            "exact": float(whole.mean()),
            "exact_heads": float(heads.mean()),
            "klue_uas": klue_uas(references, predicted),
            "klue_las": klue_las(references, predicted),
            "next_word": float((references[:, 0] == following).mean()),
        },
        intervals=intervals(right, sentence, lengths, seed),
        per_relation=relation_scores(references, predicted, model.labels.names),
        by_length=length_scores(right, whole, lengths),
        sha256=digest_of([example.text for example in kept]),
        references=references,
        predicted=predicted,
        lengths=lengths,
    )


def with_given_words(model: Predictor) -> Predictor:
    """The same parser for texts whose words stand between spaces already."""
    from munjang.inference.predictor import Predictor

    options = {**model.manifest.task_options, "cut": "spaces"}
    manifest = replace(model.manifest, details={**model.manifest.details, "task": options})
    return Predictor(manifest, model.runner, model.folder)


def usable_trees(examples: Sequence[Example], model: Predictor) -> tuple[list[Example], dict[str, int]]:
    """The examples that can be scored, and why others cannot."""
    from munjang.text.cleaning import clean_text

    kept, left_out = [], {"without a tree": 0, "with words that cleaning takes away": 0}
    for example in examples:
        if not isinstance(example.label, Tree):
            left_out["without a tree"] += 1
        elif len(clean_text(" ".join(example.label.words), model.steps).split()) != len(example.label):
            left_out["with words that cleaning takes away"] += 1
        else:
            kept.append(example)
    if not kept:
        raise DataError(
            _("Nothing can be scored: {model} is a parser, and no sentence here has a tree.", model=model.name)
        )
    found = {name for example in kept for name in example.label.relations}
    if strange := sorted(name for name in found if name not in model.labels):
        raise DataError(
            _(
                "{model} does not know the relation '{strange}'; it has {labels}.",
                model=model.name,
                strange=strange[0],
                labels=model.labels.listing,
            )
        )
    return kept, left_out


def flat_labels(trees: Sequence[Tree], model: Predictor) -> np.ndarray:
    """(N, 2): head and relation number of every word, sentence after sentence."""
    column = label_column(trees, model.labels).astype(np.int64)
    return column[column[:, :, 0] >= 0]


def position(lengths: np.ndarray) -> np.ndarray:
    """(N,) the place of every word in its sentence, from 1."""
    return np.concatenate([np.arange(1, length + 1) for length in lengths])


def intervals(
    right: np.ndarray, sentence: np.ndarray, lengths: np.ndarray, seed: int
) -> dict[str, tuple[float, float]]:
    """95% percentile bootstrap of uas and las, sentences drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(0, len(lengths), (DRAWS, len(lengths)))
    words = lengths[drawn].sum(axis=1)
    found = {}
    for name, hits in {"uas": right[:, 0], "las": right.all(axis=1)}.items():
        shares = np.bincount(sentence, hits, len(lengths))[drawn].sum(axis=1) / words
        low, high = np.percentile(shares, (2.5, 97.5))
        found[name] = (float(low), float(high))
    return found


def relation_scores(references: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> tuple[LabelScore, ...]:
    """A row for each relation, in the model's order."""
    table = by_relation(references, predicted, len(names))
    return tuple(
        LabelScore(name, *map(float, row[:3]), int(row[3]), int(row[4])) for name, row in zip(names, table, strict=True)
    )


def length_scores(right: np.ndarray, whole: np.ndarray, lengths: np.ndarray) -> tuple[LengthScore, ...]:
    """A row for each class of sentence length that occurs."""
    rows, low = [], 1
    kinds = np.searchsorted(LENGTHS, lengths)
    for kind in range(len(LENGTHS) + 1):
        name = f"{low}-{LENGTHS[kind]}" if kind < len(LENGTHS) else f"{low} and more"
        low = LENGTHS[kind] + 1 if kind < len(LENGTHS) else low
        own = kinds == kind
        if own.any():
            words = right[np.repeat(own, lengths)]
            uas, las = float(words[:, 0].mean()), float(words.all(axis=1).mean())
            rows.append(LengthScore(name, int(own.sum()), len(words), uas, las, float(whole[own].mean())))
    return tuple(rows)
