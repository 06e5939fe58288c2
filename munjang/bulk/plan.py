"""The plan of a run: which rows make which part, and everything else that decides what comes out.

It is written into the output folder before the work, so that a run that goes on later is the same run.
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
from munjang.data.readers.columns import find_column
from munjang.data.readers.corpus import find_text, sample_rows
from munjang.errors import ConfigError, DataError
from munjang.inference.files.predict import Answering
from munjang.inference.heads import (
    MINI,
    TASK,
    find_model,
    head_manifest,
    is_packaged_folder,
    pick_head,
    read_heads,
    too_many_heads,
)
from munjang.models.folder import Manifest, read_manifest
from munjang.translation import _

log = logging.getLogger("munjang")

PART_ROWS = 65_536
"""Rows of a part at most: what is lost with a worker, and what is one file of the output."""
PARTS_EACH = 8  # parts for each worker at least, where there are enough rows, so that none is left waiting at the end
FEWEST = 1_024  # rows of a part; fewer cost more in files than they spare in waiting


@dataclass(frozen=True)
class Partition:
    """The rows of one file from `first` (from 0) to before `last` (None: its end), which become one part."""

    number: int
    source: InputFile
    first: int
    last: int | None

    @property
    def name(self) -> str:
        """The name of the part, without its ending; names sort as the rows do."""
        return f"part-{self.number:06d}"


@dataclass(frozen=True)
class Plan:
    """What decides a run's output. text: the column of the texts. mark: of the model, see `model_facts`."""

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
        found: list[Partition] = []
        for source in self.sources:
            starts = [0] if source.rows is None else range(0, source.rows, self.part_rows)
            for first in starts:
                last = None if source.rows is None else min(first + self.part_rows, source.rows)
                found.append(Partition(len(found), source, first, last))
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: lists for tuples."""
        return json.loads(json.dumps(asdict(self)))


def make_plan(
    model: str | Path,
    sources: Sequence[str | Path],
    answering: Answering,
    reading: ReadOptions,
    precision: str,
    part_rows: int,
) -> Plan:
    """The plan, with the text column found in the first file. part_rows: 0 to choose it later.

    ConfigError: a parser, many heads, settings out of range. DataError: files that are missing, empty, or differ in
    their columns.
    """
    name, manifest, mark = model_facts(model)
    found = find_sources([str(source) for source in sources])
    empty = [source for source in found if source.rows == 0]
    used = [source for source in found if source.rows != 0]
    if not used:
        raise DataError(_("{found} is empty: it has no rows.", found=found[0].name))
    for source in empty:
        log.info("%s: no rows", source.name)
    with table_of(used[0], reading) as table:
        location = find_text(table, reading, sample_rows(table))
        for note in table.notes:
            log.info("%s", note)
        shape = table.columns, table.types
    if answering.by is not None:
        find_column(answering.by, shape[0], used[0].name, "--by")
    for source in used[1:]:
        check_alike(source, reading, shape, used[0].name)
    return Plan(
        name, mark, tuple(manifest.labels.names), precision, tuple(used), shape[0], shape[0][location],
        answering.check(manifest), reading, part_rows,
    )  # fmt: skip


def with_part_rows(plan: Plan, workers: int) -> Plan:
    """The plan with parts so large that every worker has several, within bounds."""
    rows = sum(source.rows or 0 for source in plan.sources)
    return replace(plan, part_rows=min(PART_ROWS, max(FEWEST, -(-rows // (workers * PARTS_EACH)))))


def check_alike(source: InputFile, reading: ReadOptions, shape: tuple, first: str) -> None:
    """Refuse a file whose columns are not those of the first one: the parts would not make one table."""
    with table_of(source, reading) as table:
        if table.columns != shape[0]:
            raise DataError(
                _(
                    "{source} has the columns {columns}, {first} has {shape}. Files of one run must be alike.",
                    source=source.name,
                    columns=", ".join(table.columns),
                    first=first,
                    shape=", ".join(shape[0]),
                )
            )
        if (table.types or {}) != (shape[1] or {}):
            own, other = table.types or {}, shape[1] or {}
            name = next(name for name in table.columns if own.get(name) != other.get(name))
            raise DataError(
                _(
                    "{source}: column {name} is {get}, in {first} it is {get2}. Files of one run must be alike.",
                    source=source.name,
                    name=name,
                    get=own.get(name, "text"),
                    first=first,
                    get2=other.get(name, "text"),
                )
            )


def model_facts(model: str | Path) -> tuple[str, Manifest, str]:
    """A model's name as any worker finds it, its manifest, and a mark that no other model has.

    ConfigError: a parser, or a folder with many heads of which none is named.
    """
    path, head = find_model(model)
    manifest = read_manifest(path)
    if manifest.task == "parsing":
        raise ConfigError(_("{model} is a parser, which --engine ray does not run. Leave --engine away.", model=model))
    if manifest.task == TASK:
        if head is None:
            raise too_many_heads(path, manifest)
        manifest = head_manifest(manifest, pick_head(read_heads(manifest, path), head, str(path)))
    sizes = {} if manifest.files else {item.name: item.stat().st_size for item in path.iterdir() if item.is_file()}
    content = json.dumps([manifest.to_dict(), head, sizes], sort_keys=True, default=str)
    folder = MINI if is_packaged_folder(path) else str(path.resolve())
    name = folder if head is None else f"{folder}/{head}"
    return name, manifest, hashlib.sha256(content.encode()).hexdigest()
