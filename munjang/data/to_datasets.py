"""A corpus as the `datasets` library knows it: label names in the features, numbers in the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from munjang.errors import DataError, require
from munjang.records import SPLITS, Corpus, Example, LabelSet

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features


def to_dataset(corpus: Corpus, split: str | None = None) -> Dataset | DatasetDict:
    """One split as a Dataset, or every split that has examples as a DatasetDict; see `Corpus.to_dataset`."""
    require("Corpus.to_dataset", "train", "datasets")
    from datasets import DatasetDict

    if split is not None:
        return make_dataset(corpus.split(split), corpus)
    return DatasetDict({name: make_dataset(getattr(corpus, name), corpus) for name in SPLITS if getattr(corpus, name)})


def make_dataset(examples: Sequence[Example], corpus: Corpus) -> Dataset:
    """The columns text and label of some examples; an example without a label has null there."""
    from datasets import Dataset

    columns: dict[str, list] = {"text": [example.text for example in examples]}
    if corpus.labels.names:
        columns["label"] = [numbers(example, corpus.labels) for example in examples]
    return Dataset.from_dict(columns, features=make_features(corpus))


def make_features(corpus: Corpus) -> Features:
    """text, and label as ClassLabel: the number of a class is its place in the corpus's label set."""
    from datasets import ClassLabel, Features, List, Value

    if not corpus.labels.names:
        return Features({"text": Value("string")})
    label = ClassLabel(names=list(corpus.labels.names))
    return Features({"text": Value("string"), "label": List(label) if corpus.task == "multi-label" else label})


def numbers(example: Example, labels: LabelSet) -> int | list[int] | None:
    """The class number of an example, for several labels their numbers in order."""
    try:
        if isinstance(example.label, tuple):
            return sorted(labels.index(name) for name in example.label)
        return None if example.label is None else labels.index(example.label)
    except DataError as error:
        where = f"{example.file}, line {example.line}: " if example.file else ""
        raise DataError(f"{where}{error} Take such rows out with munjang.clean_corpus first.") from error
