"""Classify a file of any size: the same rows out, in their order, with label, scores and note beside them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.data.columns import find_column
from munjang.data.table import Bad, Row, Table, cell_text
from munjang.data.writing import Writer, check_target, open_writer
from munjang.errors import ConfigError, DataError
from munjang.records import Prediction, label_text, names_of
from munjang.tables import format_table

if TYPE_CHECKING:
    from munjang.prediction import Predictor

HELD = "보류"
"""The answer below the minimum score: undecided, for a person to look at."""
CHUNKS = (64, 128, 256, 512, 1_024)  # rows predicted together; small first, so that something shows soon
MAX_GROUPS = 1_000


@dataclass(frozen=True)
class Answering:
    """How answers are given. scores: every label's, or the best alone; keep: only rows with one of these labels."""

    scores: bool = True
    threshold: float | None = None
    min_score: float | None = None
    keep: tuple[str, ...] = ()
    by: str | None = None

    def check(self, model: Predictor) -> Answering:
        """The same with names resolved; what does not fit the model is a ConfigError or DataError."""
        for name, value in (("threshold", self.threshold), ("min-score", self.min_score)):
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"--{name} must lie between 0 and 1, found {value}.")
        if self.threshold is not None and model.task != "multi-label":
            raise ConfigError(
                "--threshold is for models with several labels a text; this one has one: use --min-score."
            )
        held = self.min_score is not None
        return replace(self, keep=tuple(n if held and n == HELD else model.labels.resolve(n) for n in self.keep))


@dataclass
class Counts:
    """What became of the rows; under --by, `sizes` has the rows and `groups` the label counts of each group."""

    rows: int = 0
    written: int = 0
    empty: int = 0
    truncated: int = 0
    held: int = 0
    rejected: int = 0
    escaped: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, prediction: Prediction, group: str | None) -> None:
        """Count one answer."""
        self.rows += 1
        self.empty += prediction.label is None
        self.truncated += "truncated" in prediction.note
        self.held += prediction.label == HELD
        if group is not None:
            if group not in self.groups and len(self.groups) >= MAX_GROUPS:
                group = "(further groups)"
            self.groups.setdefault(group, Counter()).update(names_of(prediction.label) or ("(none)",))
            self.sizes[group] += 1

    def __str__(self) -> str:
        parts = [f"{self.rows:,} row{'s' * (self.rows != 1)} answered"]
        for number, what in (
            (self.empty, "empty"),
            (self.truncated, "truncated"),
            (self.held, f"{HELD} (below the minimum score)"),
            (self.rejected, "set aside"),
        ):
            parts += [f"{number:,} {what}"] * bool(number)
        return ", ".join(parts)

    def table(self, labels: Sequence[str], column: str) -> str:
        """Label shares per group as a table for the terminal, largest group first."""
        used = {name for counts in self.groups.values() for name in counts}
        names = [*labels, *(name for name in (HELD, "(none)") if name in used and name not in labels)]
        rows = [
            (group, size, *(f"{100 * self.groups[group][name] / size:.1f}%" for name in names))
            for group, size in self.sizes.most_common()
        ]
        return format_table([column, "rows", *names], rows)


def settle(prediction: Prediction, answering: Answering, labels: Sequence[str]) -> Prediction:
    """The prediction with the threshold and the minimum score applied."""
    if prediction.label is None or not prediction.scores:
        return prediction
    if answering.threshold is not None:
        chosen = tuple(name for name in labels if prediction.scores[name] >= answering.threshold)
        prediction = replace(prediction, label=chosen)
    if answering.min_score is not None and prediction.score < answering.min_score:
        note = "; ".join(filter(None, [prediction.note, f"below the minimum score {answering.min_score:g}"]))
        prediction = replace(prediction, label=HELD, note=note)
    return prediction


def answers(
    model: Predictor, table: Table, text: int, answering: Answering, chunks: Sequence[int] = CHUNKS
) -> Iterator[tuple[Row, Prediction] | Bad]:
    """Every row of the table with its answer, and every unusable one, in file order and bounded memory.

    text: the place of the text column. chunks: how many rows are predicted together; the last size goes on.
    """
    source, sizes = iter(table.read()), iter(chunks)
    size = chunks[-1]
    while items := list(islice(source, next(sizes, size))):
        texts = [cell_text(item.cells[text]) for item in items if isinstance(item, Row)]
        found = iter(model.predict_many(texts) if texts else ())
        for item in items:
            yield (item, settle(next(found), answering, model.labels.names)) if isinstance(item, Row) else item


def kept(prediction: Prediction, answering: Answering) -> bool:
    """Whether --keep lets the row through."""
    return not answering.keep or any(name in answering.keep for name in names_of(prediction.label))


def group_of(row: Row, place: int | None) -> str | None:
    """The group of a row under --by."""
    if place is None:
        return None
    return unicodedata.normalize("NFC", cell_text(row.cells[place])).strip() or "(empty)"


def output_columns(columns: Sequence[str], labels: Sequence[str], scores: bool) -> tuple[str, ...]:
    """The names of the added columns: label, score, score_긍정, …, note; munjang_label, … where one is taken.

    If those are taken too (a file that was predicted twice), munjang_2_label, and so on.
    """
    names = ["label", "score", *(f"score_{label}" for label in labels if scores), "note"]
    taken, number = {name.casefold() for name in columns}, 0
    while True:
        prefix = "" if number == 0 else "munjang_" if number == 1 else f"munjang_{number}_"
        if not taken & {f"{prefix}{name}".casefold() for name in names}:
            return tuple(f"{prefix}{name}" for name in names)
        number += 1


def output_cells(prediction: Prediction, labels: Sequence[str], scores: bool) -> list[Any]:
    """The cells for `output_columns`; an empty text has no scores."""
    found = {name: round(score, 6) for name, score in prediction.scores.items()}
    best = round(prediction.score, 6) if found else None
    return [label_text(prediction.label), best, *(found.get(name) for name in labels if scores), prediction.note]


def rejected_path(out: Path) -> Path:
    """Where the rows that could not be used are listed: beside the output."""
    return out.with_name(f"{out.name}.rejected.csv")


def check_out(out: Path, source: Path | None, overwrite: bool) -> None:
    """Refuse an output that is the input, or that exists, before any work is done."""
    for path in (out, rejected_path(out)):
        if source is not None and path.exists() and source.exists() and os.path.samefile(path, source):
            raise DataError(f"{path} is the input file itself. Name another file with --out.")
        check_target(path, overwrite)


def predict_table(
    model: Predictor,
    table: Table,
    text: int,
    out: str | Path,
    *,
    answering: Answering | None = None,
    overwrite: bool = False,
    source: Path | None = None,
    progress: Callable[[Counts], None] = lambda counts: None,
) -> Counts:
    """Write every row of the table with its answer to `out`; returns what was counted.

    Rows that cannot be used are listed in OUT.rejected.csv with file, line, reason and text. Both files appear when all
    is done, or not at all. source: the input file, which the output must not be.
    """
    out, answering = Path(out), (answering or Answering()).check(model)
    check_out(out, source, overwrite)
    by = None if answering.by is None else find_column(answering.by, table.columns, table.file, "--by")
    labels, counts = model.labels.names, Counts()
    added = output_columns(table.columns, labels, answering.scores)
    types = dict(table.types or {})
    if suffix_is_parquet(out):
        import pyarrow

        types |= {name: pyarrow.float64() for name in added[1:-1]}
    rejected: Writer | None = None
    with ExitStack() as files:
        writer = files.enter_context(
            open_writer(out, [*table.columns, *added], overwrite=overwrite, types=types, quoted=table.quoted)
        )
        for item in answers(model, table, text, answering):
            if isinstance(item, Bad):
                rejected = rejected or files.enter_context(
                    open_writer(rejected_path(out), ["file", "line", "reason", "text"], overwrite=overwrite)
                )
                rejected.write([item.file, item.line, item.reason, item.raw])
                counts.rejected += 1
                continue
            row, prediction = item
            counts.add(prediction, group_of(row, by))
            if kept(prediction, answering):
                writer.write([*row.cells, *output_cells(prediction, labels, answering.scores)])
                counts.written += 1
            if counts.rows % CHUNKS[0] == 0:
                progress(counts)
        counts.escaped = writer.escaped
    if rejected is None:
        rejected_path(out).unlink(missing_ok=True)  # of an earlier run that is overwritten
    return counts


def suffix_is_parquet(path: Path) -> bool:
    """Whether column types matter for the file to be written."""
    return path.suffix.lower() == ".parquet"
