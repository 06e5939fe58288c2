"""Analyse a file of any size: the same rows out, in their order, with columns for each head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from munjang.data.readers.columns import Columns
from munjang.data.readers.table import Bad, Row, Table
from munjang.errors import ConfigError
from munjang.inference.analyzer import STRUCTURE, Analysis, Analyzer
from munjang.inference.files.write import CHUNKS, Added, Counts, answered, check_output, free_names, write_table
from munjang.inference.heads import Head
from munjang.records import EMPTY, Parse, Prediction, label_text
from munjang.translation import _


def analyses(
    model: Analyzer, table: Table, text: Columns, chunks: Sequence[int] = CHUNKS
) -> Iterator[tuple[Row, Analysis] | Bad]:
    """Every row of the table with its analysis, and every unusable row, in file order and bounded memory.

    text: the text column. chunks: how many rows are analysed together; the last size repeats.
    """
    return answered(table, text, model.analyze_many, chunks)


def count(counts: Counts, analysis: Analysis) -> None:
    """Count a row. A text is empty or cut for all heads alike, so the first one is counted, or else the tree."""
    answer = next(iter(analysis.answers.values()), None)
    if answer is None and analysis.structure is not None:
        answer = as_prediction(analysis.structure)
    if answer is not None:
        counts.add(answer, None)


def as_prediction(parse: Parse) -> Prediction:
    """A tree as a prediction that can be counted."""
    return Prediction(parse.text, None if parse.note == EMPTY else label_text(parse.tree), {}, parse.note)


def wanted_names(heads: Sequence[Head], scores: bool, structure: bool = False) -> list[str]:
    """The columns of the heads, then note: HEAD, HEAD_score, and with `scores` HEAD_score_LABEL for every label.

    structure: whether there is a column for the tree before the note.

    ConfigError: two columns would have the same name.
    """
    names: list[str] = []
    for head in heads:
        names += [head.name, f"{head.name}_score"]
        names += [f"{head.name}_score_{label}" for label in head.labels if scores]
    names += [*([STRUCTURE] if structure else []), "note"]
    folded = [name.casefold() for name in names]
    twice = next((name for name in names if folded.count(name.casefold()) > 1), None)
    if twice:
        raise ConfigError(
            _("Two columns of the output would be called '{name}'. Choose fewer heads with {option:tasks}.", name=twice)
        )
    return names


def cells_of(analysis: Analysis, heads: Sequence[Head], scores: bool) -> list[Any]:
    """The cells for `wanted_names`; an empty text has no scores."""
    cells: list[Any] = []
    for head in heads:
        answer = analysis.answers[head.name]
        rounded = {name: round(score, 6) for name, score in answer.scores.items()}
        cells += [answer.label or "", round(answer.score, 6) if rounded else None]
        cells += [rounded.get(label) for label in head.labels if scores]
    tree = [label_text(analysis.structure.tree)] if analysis.structure else []
    return [*cells, *tree, analysis.note]


def analyze_table(
    model: Analyzer,
    table: Table,
    text: Columns,
    out: str | Path,
    *,
    scores: bool = False,
    overwrite: bool = False,
    source: Path | None = None,
    progress: Callable[[Counts], None] = lambda counts: None,
) -> Counts:
    """Write every row of the table with the predictions of the heads to `out`, and return the counts.

    scores: whether every label gets a score, or only the best. The rest: see
    `munjang.inference.files.predict.predict_table`.
    """
    out, counts, heads = Path(out), Counts(), model.heads
    check_output(out, source, overwrite)
    wanted = wanted_names(heads, scores, model.parser is not None)
    columns = free_names(table.columns, wanted)
    texts = {"note", STRUCTURE, *(head.name for head in heads)}
    numbers = frozenset(column for column, name in zip(columns, wanted, strict=True) if name not in texts)

    def cells(row: Row, analysis: Analysis) -> list[Any]:
        count(counts, analysis)
        return cells_of(analysis, heads, scores)

    write_table(analyses(model, table, text), table, out, Added(columns, numbers, cells, counts), overwrite, progress)
    return counts
