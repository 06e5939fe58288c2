"""Reads Parquet files as tables, with a few thousand rows in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.data.compressed import unpacked_file
from munjang.data.readers.table import Bad, Row, Table, checked_row
from munjang.errors import DataError, missing_extra
from munjang.translation import _

if TYPE_CHECKING:
    import pyarrow.parquet

BATCH_ROWS = 2_048  # rows


def open_parquet(path: Path) -> Table:
    """A Parquet file as a table; line = row, from 1. Columns keep their types for writing Parquet again."""
    parquet = parquet_file(unpacked_file(path), str(path))
    columns, rows = len(parquet.schema_arrow.names), parquet.metadata.num_rows
    if not columns or not rows:
        raise DataError(
            _("{path} is empty: it has {columns} columns and {rows} rows.", path=path, columns=columns, rows=rows)
        )
    return parquet_table(parquet, str(path))


def parquet_file(source: Any, file: str) -> pyarrow.parquet.ParquetFile:
    """A Parquet file with its footer read. source: a path or an open file. DataError: not Parquet, or damaged."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(source)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            _("{file} is no readable Parquet file ({reason}). Make or copy it again.", file=file, reason=reason)
        ) from error


def parquet_table(parquet: pyarrow.parquet.ParquetFile, file: str, first: int = 0, last: int | None = None) -> Table:
    """An open Parquet file as a table, or its rows from `first` (from 0) up to `last`, excluded. file: its name.

    Rows before `first` in the same row group are decoded and skipped. DataError: two columns with the same name.
    """
    import pyarrow

    schema = parquet.schema_arrow
    if len(set(schema.names)) < len(schema.names):
        raise DataError(
            _(
                "{file} has two columns with the same name; its columns: {names}.",
                file=file,
                names=", ".join(schema.names),
            )
        )

    def read() -> Iterator[Row | Bad]:
        groups, start = groups_of(parquet, first, last)
        line = start + 1
        try:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups):
                count = len(batch)
                skip, stop = max(0, first + 1 - line), count if last is None else min(count, last + 1 - line)
                part = batch.slice(skip, max(0, stop - skip))
                for number, cells in enumerate(zip(*(values(column) for column in part.columns), strict=True)):
                    yield checked_row(line + skip + number, cells, file)
                line += count
        except (pyarrow.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                _(
                    "{file}, row {line}: the Parquet file is damaged from here on ({reason}).",
                    file=file,
                    line=line,
                    reason=reason,
                )
            ) from error

    types = {field.name: field.type for field in schema}
    return Table(file, tuple(schema.names), read, [f"{file}: Parquet"], types=types)


def values(column: pyarrow.Array) -> list[Any]:
    """The values of a column as Python values, the same with or without pandas (pyarrow uses it for nanoseconds).

    Times that need their nanoseconds stay pyarrow scalars: `cell_text` reads them, and Parquet takes them back. Inside
    lists and structs they need pandas. MissingExtra: it is not installed.
    """
    import pyarrow

    kind = column.type
    if pyarrow.types.is_nested(kind) and "[ns" in str(kind):
        try:
            return column.to_pylist()
        except ValueError as error:
            raise missing_extra(_("lists of times to the nanosecond"), "pandas") from error
    if getattr(kind, "unit", None) != "ns":
        return column.to_pylist()
    if pyarrow.types.is_timestamp(kind):
        coarse = pyarrow.timestamp("us", kind.tz)
    else:
        coarse = pyarrow.duration("us") if pyarrow.types.is_duration(kind) else pyarrow.time64("us")
    try:
        return column.cast(coarse).to_pylist()
    except pyarrow.ArrowInvalid:
        return [value if value.is_valid else None for value in column]


def groups_of(parquet: pyarrow.parquet.ParquetFile, first: int, last: int | None) -> tuple[list[int], int]:
    """The row groups with the rows from `first` up to `last`, excluded, and the number of rows before them."""
    groups, before, start = [], 0, 0
    for number in range(parquet.metadata.num_row_groups):
        after = start + parquet.metadata.row_group(number).num_rows
        if after > first and (last is None or start < last):
            before = before if groups else start
            groups.append(number)
        start = after
    return groups, before
