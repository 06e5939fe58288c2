"""Parquet files as tables, a few thousand rows in memory at a time."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from munjang.data.lines import reading
from munjang.data.table import Bad, Row, Table, checked
from munjang.errors import DataError

BATCH = 2_048  # rows


def unpacked(path: Path) -> IO[bytes] | str:
    """Something that can be sought in: the path itself, or a temporary file with what the gzip file holds."""
    with reading(path), path.open("rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            return str(path)
        stream.seek(0)
        copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the table)
        shutil.copyfileobj(gzip.GzipFile(fileobj=stream), copy, 1 << 20)
        copy.seek(0)
        return copy


def open_parquet(path: Path) -> Table:
    """A Parquet file as a table; line = row, from 1. Columns keep their types for a Parquet file out."""
    import pyarrow
    import pyarrow.parquet

    source = unpacked(path)
    try:
        parquet = pyarrow.parquet.ParquetFile(source)
    except (pyarrow.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path} is no readable Parquet file ({first}). Make or copy it again.") from error
    file, schema = str(path), parquet.schema_arrow
    if not schema.names or not parquet.metadata.num_rows:
        raise DataError(f"{path} is empty: it has {len(schema.names)} columns and {parquet.metadata.num_rows} rows.")
    if len(set(schema.names)) < len(schema.names):
        raise DataError(f"{path} has two columns of one name; its columns are {', '.join(schema.names)}.")

    def read() -> Iterator[Row | Bad]:
        line = 1
        try:
            for batch in parquet.iter_batches(BATCH):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield checked(line, cells, file)
                    line += 1
        except (pyarrow.ArrowException, OSError) as error:
            first = str(error).splitlines()[0]
            raise DataError(f"{path}, row {line}: the Parquet file is damaged from here on ({first}).") from error

    types = {field.name: field.type for field in schema}
    return Table(file, tuple(schema.names), read, [f"{path}: Parquet"], types=types)
