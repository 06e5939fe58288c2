"""The plan of a run: the rows of each part, and everything else that decides the output.

It is written into the output folder before the work, so that a resumed run is the same run.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from munjang import __version__
from munjang.bulk.inputs import InputFile, find_sources, table_of
from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import column_names, find_column
from munjang.data.readers.corpus import find_text, sample_rows
from munjang.errors import DataError
from munjang.inference.files.predict import Answering
from munjang.inference.heads import (
    MINI,
    find_model,
    head_manifest,
    is_packaged_folder,
    open_task,
    pick_head,
    read_heads,
    too_many_heads,
)
from munjang.inference.predictor import load
from munjang.models.folder import Manifest
from munjang.translation import _

log = logging.getLogger("munjang")

PART_ROWS = 65_536
"""The most rows of a part. A part is one file of the output, and is lost if its worker dies."""
PARTS_EACH = 8  # parts for each worker at least, if there are enough rows, so that no worker waits long at the end
FEWEST = 1_024  # rows of a part; with fewer rows, the files cost more time than the shorter wait saves


@dataclass(frozen=True)
class Partition:
    """The rows of one part: those of a file from `first` (counted from 0) to before `last` (None: its end)."""

    number: int
    source: InputFile
    first: int
    last: int | None

    @property
    def name(self) -> str:
        """The name of the part without its suffix; names sort in the order of the rows."""
        return f"part-{self.number:06d}"


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run's output.

    text: the column of the texts, as --text names it. mark: the model's, see `model_facts`.
    """

    model: str
    mark: str
    labels: tuple[str, ...]
    precision: str
    sources: tuple[InputFile, ...]
    columns: tuple[str, ...]
    text: str
    answering: Answering
    reading: ReadOptions
    part_rows: int
    munjang: str = __version__

    def partitions(self) -> list[Partition]:
        """The parts in the order of the files and their rows."""
        partitions: list[Partition] = []
        for source in self.sources:
            starts = [0] if source.rows is None else range(0, source.rows, self.part_rows)
            for first in starts:
                last = None if source.rows is None else min(first + self.part_rows, source.rows)
                partitions.append(Partition(len(partitions), source, first, last))
        return partitions

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON stores it: lists instead of tuples."""
        return json.loads(json.dumps(asdict(self)))


def make_plan(
    model: str | Path,
    sources: Sequence[str | Path],
    answering: Answering,
    reading: ReadOptions,
    precision: str,
    part_rows: int,
) -> Plan:
    """The plan, with the text column of the first file. part_rows: 0 to choose it later.

    ConfigError: a parser, several heads, settings out of range. DataError: files that are missing, empty, or differ in
    their columns.
    """
    name, manifest, mark = model_facts(model)
    files = find_sources([str(source) for source in sources])
    empty = [file for file in files if file.rows == 0]
    used = [file for file in files if file.rows != 0]
    if not used:
        raise DataError(_("{file} is empty: it has no rows.", file=files[0].name))
    for file in empty:
        log.info("%s: no rows", file.name)
    with table_of(used[0], reading) as table:
        text_column = find_text(table, reading, sample_rows(table))
        for note in table.notes:
            log.info("%s", note)
        shape = table.columns, table.types
    if answering.min_precision is not None:
        answering.doubting(load(model))  # refuses what cannot be promised, before workers start
    if answering.by is not None:
        find_column(answering.by, shape[0], used[0].name, "by")
    for file in used[1:]:
        check_alike(file, reading, shape, used[0].name)
    return Plan(
        name, mark, tuple(manifest.labels.names), precision, tuple(used), shape[0], column_names(shape[0], text_column),
        answering.check(open_task(manifest, str(model))), reading, part_rows,
    )  # fmt: skip


def with_part_rows(plan: Plan, workers: int) -> Plan:
    """The plan with a size of parts that gives every worker several parts, between FEWEST and PART_ROWS rows."""
    rows = sum(source.rows or 0 for source in plan.sources)
    return replace(plan, part_rows=min(PART_ROWS, max(FEWEST, -(-rows // (workers * PARTS_EACH)))))


def check_alike(source: InputFile, reading: ReadOptions, shape: tuple, first: str) -> None:
    """Refuse a file with other columns than the first one: the parts would not make one table."""
    with table_of(source, reading) as table:
        if table.columns != shape[0]:
            raise DataError(
                _(
                    "{file} has the columns {columns}, {first_file} has {first_columns}. "
                    "All files of a run need the same columns.",
                    file=source.name,
                    columns=", ".join(table.columns),
                    first_file=first,
                    first_columns=", ".join(shape[0]),
                )
            )
        types, first_types = table.types or {}, shape[1] or {}
        if types != first_types:
            column = next(name for name in table.columns if types.get(name) != first_types.get(name))
            raise DataError(
                _(
                    "{file}: column {column} is {type}, in {first_file} it is {first_type}. "
                    "All files of a run need the same types of columns.",
                    file=source.name,
                    column=column,
                    type=types.get(column, "text"),
                    first_file=first,
                    first_type=first_types.get(column, "text"),
                )
            )


def model_facts(model: str | Path) -> tuple[str, Manifest, str]:
    """The name by which any worker finds a model, its manifest, and a mark that no other model has.

    ConfigError: a parser, or a folder with several heads without the name of a head.
    """
    path, manifest, head = find_model(model)
    task = open_task(manifest, path)
    task.check_classifier(str(model))
    if task.parts:
        if head is None:
            raise too_many_heads(path, manifest)
        manifest = head_manifest(manifest, pick_head(read_heads(manifest, path), head, str(path)))
    sizes = {} if manifest.files else {item.name: item.stat().st_size for item in path.iterdir() if item.is_file()}
    content = json.dumps([manifest.to_dict(), head, sizes], sort_keys=True, default=str)
    folder = MINI if is_packaged_folder(path) else str(path.resolve())
    name = folder if head is None else f"{folder}/{head}"
    return name, manifest, hashlib.sha256(content.encode()).hexdigest()
