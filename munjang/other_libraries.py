"""munjang's values for pandas and `datasets`, two libraries that a base install does not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from munjang.errors import missing_extra, require

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict
    from pandas import DataFrame


def data_frame(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> DataFrame:
    """Rows as a DataFrame with these columns. MissingExtra: pandas is not installed."""
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise missing_extra("Corpus.to_pandas", "pandas") from error
    return DataFrame(rows, columns=list(columns))


def labelled_dataset(
    texts: Sequence[str], numbers: Sequence[Any] | None, names: Sequence[str], *, several: bool
) -> Dataset:
    """A Dataset with the columns text and label. MissingExtra: `datasets` is not installed.

    numbers: the class number of each text (several: a list of them), or None if there are no labels at all; a class
    number is the index of the class in `names`.
    """
    require("Corpus.to_dataset", "train", "datasets")
    from datasets import ClassLabel, Dataset, Features, List, Value

    if numbers is None:
        return Dataset.from_dict({"text": list(texts)}, features=Features({"text": Value("string")}))
    label = ClassLabel(names=list(names))
    features = Features({"text": Value("string"), "label": List(label) if several else label})
    return Dataset.from_dict({"text": list(texts), "label": list(numbers)}, features=features)


def dataset_dict(datasets: Mapping[str, Dataset]) -> DatasetDict:
    """Datasets by the names of their splits. MissingExtra: `datasets` is not installed."""
    require("Corpus.to_dataset", "train", "datasets")
    from datasets import DatasetDict

    return DatasetDict(datasets)
