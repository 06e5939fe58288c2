"""Reads Parquet files as tables, with some dozens of rows in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.data.compressed import refuse_bomb, unpacked_file
from munjang.data.readers.table import Bad, Row, Table, checked_row, distinct, short_list
from munjang.errors import DataError, missing_extra
from munjang.files import first_line
from munjang.translation import _

if TYPE_CHECKING:
    import pyarrow.parquet

BATCH_ROWS = 64  # rows; many rows may hold one long text that the file holds once


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
        raise DataError(
            _(
                "{file} is no readable Parquet file ({reason}). Make or copy it again.",
                file=file,
                reason=first_line(error),
            )
        ) from error


def parquet_table(
    parquet: pyarrow.parquet.ParquetFile,
    file: str,
    first: int = 0,
    last: int | None = None,
    wanted: Sequence[str] | None = None,
) -> Table:
    """An open Parquet file as a table, or its rows from `first` (from 0) up to `last`, excluded. file: its name.

    wanted: the columns to read; None reads all. Rows before `first` in the same row group are decoded and skipped.
    DataError: two columns with the same name.
    """
    import pyarrow

    schema = flat_schema(parquet.schema_arrow)
    if len(set(schema.names)) < len(schema.names):
        raise DataError(
            _(
                "{file} has two columns with the same name; its columns: {names}.",
                file=file,
                names=", ".join(schema.names),
            )
        )
    if wanted is not None:
        schema = pyarrow.schema([field for field in schema if field.name in wanted], schema.metadata)
    names = {field.name: found for field in schema if (found := class_names(schema.metadata or {}, field.name))}

    def read() -> Iterator[Row | Bad]:
        groups, start = groups_of(parquet, first, last)
        line, size, packed = start + 1, 0, Path(file).stat().st_size if Path(file).is_file() else 1 << 60
        try:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=wanted):
                count, size = len(batch), size + batch.nbytes
                refuse_bomb(size, packed, file)
                skip, stop = max(0, first + 1 - line), count if last is None else min(count, last + 1 - line)
                part = flat_batch(batch.slice(skip, max(0, stop - skip)))
                parts = [named(values(part.column(name)), names.get(name)) for name in schema.names]
                for number, cells in enumerate(zip(*parts, strict=True)):
                    yield checked_row(line + skip + number, cells, file)
                line += count
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(
                _(
                    "{file}, row {line}: the Parquet file is damaged from here on ({reason}).",
                    file=file,
                    line=line,
                    reason=first_line(error),
                )
            ) from error

    columns = distinct(schema.names)
    kinds = [named_type(field.type) if field.name in names else field.type for field in schema]
    notes = [f"{file}: Parquet", _("{path}: columns {names}", path=file, names=short_list(columns))]
    notes += [
        _("{path}: the class numbers of {column} are {names}", path=file, column=column, names=short_list(found))
        for column, found in names.items()
    ]
    return Table(file, columns, read, notes, types=dict(zip(columns, kinds, strict=True)))


def flat_schema(schema: pyarrow.Schema) -> pyarrow.Schema:
    """The schema with a column for each value of a struct, `comment.text`."""
    return flat_batch(schema.empty_table()).schema


def flat_batch(part: Any) -> Any:
    """Rows with a column for each value of a struct. part: a batch or a table of pyarrow."""
    import pyarrow

    while any(pyarrow.types.is_struct(field.type) for field in part.schema):
        part = (part if isinstance(part, pyarrow.Table) else pyarrow.Table.from_batches([part])).flatten()
    return part


def class_names(metadata: Mapping[bytes, bytes], column: str) -> list[str]:
    """The class names that `datasets` stored for a column of class numbers, by number; empty if there are none."""
    try:
        feature = feature_of(
            json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {}), column
        )
        while isinstance(feature, list) or "feature" in feature:  # a list of labels: the classes are one level down
            feature = feature[0] if isinstance(feature, list) else feature["feature"]
        names = feature.get("names", [])
        return list(map(str, names)) if isinstance(names, list) else []
    except (ValueError, AttributeError, TypeError, LookupError):  # written by another program
        return []


def feature_of(features: Mapping[str, Any], column: str) -> Any:
    """What `datasets` stored about a column, or about a value of a struct, `comment.label`; {} if there is nothing."""
    if column in features:
        return features[column]
    inner = (feature_of(found, column[len(name) + 1 :]) for name, found in features.items()
             if isinstance(found, dict) and column.startswith(f"{name}."))  # fmt: skip
    return next(filter(None, inner), {})


def named(cells: list[Any], names: Sequence[str] | None) -> list[Any]:
    """Class numbers, also those written as texts, or lists of them, as names.

    -1 is no label. A text that is a name, and a number without a name, stay.
    """
    if not names:
        return cells
    found: dict[Any, Any] = {None: None, -1: None, "-1": None}
    for number, name in enumerate(names):
        found |= {number: name, str(number): name}
    found |= {name: name for name in names}

    def name_of(cell: Any) -> Any:
        if isinstance(cell, list):
            return list(map(name_of, cell))
        return found.get(cell, str(cell)) if cell == cell else None  # NaN

    return list(map(name_of, cells))


def named_type(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type of a column of class numbers once they are names."""
    import pyarrow

    return pyarrow.list_(pyarrow.string()) if pyarrow.types.is_nested(kind) else pyarrow.string()


def values(column: pyarrow.Array) -> list[Any]:
    """The values of a column as Python values, the same with or without pandas (pyarrow uses it for nanoseconds).

    Times that Python does not know (nanoseconds, years beyond 9999) stay pyarrow scalars: `cell_text` reads them, and
    Parquet takes them back. Inside lists and structs nanoseconds need pandas. MissingExtra: it is not installed.
    """
    import pyarrow

    kind = column.type
    if pyarrow.types.is_nested(kind) and "[ns" in str(kind):
        try:
            return column.to_pylist()
        except ValueError as error:
            raise missing_extra(_("lists of times to the nanosecond"), "pandas") from error
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        return list(map(bytes_as_text, column.to_pylist()))
    try:
        if getattr(kind, "unit", None) != "ns":
            return column.to_pylist()
        if pyarrow.types.is_timestamp(kind):
            coarse = pyarrow.timestamp("us", kind.tz)
        else:
            coarse = pyarrow.duration("us") if pyarrow.types.is_duration(kind) else pyarrow.time64("us")
        return column.cast(coarse).to_pylist()
    except (pyarrow.ArrowInvalid, OverflowError, ValueError):
        return [value_of(item) for item in column]


def bytes_as_text(cell: bytes | None) -> str | bytes | None:
    """A text that was stored as bytes, as Spark and Impala may do; other bytes as they are."""
    if cell is None or b"\0" in cell:
        return cell
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell


def value_of(item: pyarrow.Scalar) -> Any:
    """One value: bytes that are no text become lone surrogates, which `checked_row` finds."""
    import pyarrow

    if not item.is_valid:
        return None
    if str(item.type) in ("string", "large_string", "string_view"):
        return item.as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
    if getattr(item.type, "unit", None) == "ns":
        return item
    try:
        return item.as_py()
    except (OverflowError, ValueError):
        return item if not pyarrow.types.is_nested(item.type) else str(item)


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
