"""Classify a file of any size: the same rows out, in their order, with label, scores and note added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from munjang.config.checks import probability
from munjang.data.readers.columns import Columns, find_column, tidy_cell
from munjang.data.readers.table import Bad, Row, Table
from munjang.errors import ConfigError
from munjang.inference.files.write import (
    CHUNKS,
    EMPTY_GROUP,
    Added,
    Counts,
    answered,
    check_output,
    free_names,
    write_table,
)
from munjang.inference.predictor import BEST_F1, usable_threshold
from munjang.records import WITHHELD, Prediction, label_text, names_of
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor
    from munjang.tasks.base import Decoder


@dataclass(frozen=True)
class Answering:
    """How a file is predicted.

    scores: whether every label gets a score, or only the best. threshold: for multi-label. min_score, min_precision:
    as of `Predictor.with_doubt`. keep: only rows with one of these labels. by: the column that groups the counts.
    """

    scores: bool = True
    threshold: float | str | None = None
    min_score: float | None = None
    keep: tuple[str, ...] = ()
    by: str | None = None
    min_precision: float | dict[str, float] | None = None

    def check(self, decoder: Decoder) -> Answering:
        """The same settings with the labels in `keep` resolved. ConfigError, DataError: they do not fit the model."""
        if self.threshold not in (None, BEST_F1):
            usable_threshold(self.threshold)
        if self.min_score is not None:
            probability("min_score", self.min_score)
        if self.threshold is not None and not decoder.several:
            raise ConfigError(
                _(
                    "{option:threshold} is for models with several labels per text. This model has one label: use "
                    "{option:min_score}."
                )
            )
        withheld = () if self.min_score is None and self.min_precision is None else (WITHHELD,)
        if WITHHELD in self.keep and not withheld and WITHHELD not in decoder.labels.names:
            raise ConfigError(
                _(
                    "{option:keep={label}}: no label is withheld without {option:min_precision} or {option:min_score}.",
                    label=WITHHELD,
                )
            )
        return replace(self, keep=tuple(n if n in withheld else decoder.labels.resolve(n) for n in self.keep))

    def doubting(self, model: Predictor) -> Predictor:
        """The model with the threshold and the doubt of these settings. ConfigError: it cannot promise that."""
        model = model.with_threshold(self.threshold)
        if self.min_score is None and self.min_precision is None:
            return model
        return model.with_doubt(min_score=self.min_score, min_precision=self.min_precision)


def predictions(
    model: Predictor, table: Table, text: Columns, answering: Answering, chunks: Sequence[int] = CHUNKS
) -> Iterator[tuple[Row, Prediction] | Bad]:
    """The rows of `answered` with the predictions of a classifier, threshold and minimum score applied."""
    model = answering.doubting(model)

    def predict(texts: list[str]) -> list[Prediction]:
        return cast("list[Prediction]", model.predict_many(texts))

    return answered(table, text, predict, chunks)


def kept(prediction: Prediction, answering: Answering) -> bool:
    """Whether --keep keeps the row."""
    names = (*names_of(prediction.label), *((WITHHELD,) if prediction.withheld is not None else ()))
    return not answering.keep or any(name in answering.keep for name in names)


def group_of(row: Row, column: int | None) -> str | None:
    """The group of a row with --by; None without."""
    if column is None:
        return None
    return tidy_cell(row.cells[column]) or EMPTY_GROUP


def output_columns(columns: Sequence[str], labels: Sequence[str], scores: bool) -> tuple[str, ...]:
    """The names of the added columns: label, score, score_긍정, …, note, suggested, reason.

    munjang_label, … if one of them is taken.
    """
    names = ["label", "score", *(f"score_{label}" for label in labels if scores), "note", "suggested", "reason"]
    return free_names(columns, names)


def output_cells(prediction: Prediction, labels: Sequence[str], scores: bool) -> list[Any]:
    """The cells for `output_columns`; an empty text has no scores."""
    rounded = {name: round(score, 6) for name, score in prediction.scores.items()}
    best = round(prediction.score, 6) if rounded else None
    scored = [best, *(rounded.get(name) for name in labels if scores)]
    return [label_text(prediction.label), *scored, prediction.note, label_text(prediction.suggested), prediction.reason]


def predict_table(
    model: Predictor,
    table: Table,
    text: Columns,
    out: str | Path,
    *,
    answering: Answering | None = None,
    overwrite: bool = False,
    source: Path | None = None,
    progress: Callable[[Counts], None] = lambda counts: None,
    seen: Callable[[Prediction, str | None], None] = lambda prediction, group: None,
) -> Counts:
    """Write every row of the table with its prediction to `out`, and return the counts.

    Rows that cannot be used are listed in OUT.rejected.csv with file, line, reason and text. Both files appear when all
    rows are done, or not at all. source: the input file, which must not be the output. seen: called with each
    prediction and the group of its row.
    """
    out, answering = Path(out), (answering or Answering()).check(model.decoder)
    check_output(out, source, overwrite)
    by = None if answering.by is None else find_column(answering.by, table.columns, table.file, "by")
    labels, counts = model.labels.names, Counts()
    added = output_columns(table.columns, labels, answering.scores)

    def cells(row: Row, prediction: Prediction) -> list[Any] | None:
        group = group_of(row, by)
        counts.add(prediction, group)
        seen(prediction, group)
        return output_cells(prediction, labels, answering.scores) if kept(prediction, answering) else None

    items = predictions(model, table, text, answering)
    write_table(items, table, out, Added(added, frozenset(added[1:-3]), cells, counts), overwrite, progress)
    return counts
