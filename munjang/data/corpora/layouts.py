"""Reads the files of known corpora strictly, with the layout that the table declares: nothing is guessed here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from munjang.data.corpora.schema import CorpusRow, TextForm
from munjang.errors import DataError
from munjang.translation import _, ngettext

SPLIT_COLUMN = "split"
ROWS_IN_MEMORY = 16_384  # rows of parquet in memory, besides the examples made from them


class RawRow(NamedTuple):
    """A row as in the file: label still as the file has it, split only if a column gives it.

    line: 1-based physical line on which the record starts, or the 1-based row in parquet and json.
    """

    text: str
    label: Any
    line: int
    split: str | None = None


def read_records(path: Path, row: CorpusRow, form: TextForm) -> Iterator[RawRow]:
    """The records of one file in its order; the suffix decides between parquet, json and text of the given form.

    DataError with file and line: a missing column, a line with too few or too many fields, or a broken file.
    """
    if path.suffix == ".parquet":
        yield from read_parquet_rows(path, row)
    elif path.suffix == ".json":
        yield from read_json_list(path, row)
    else:
        yield from read_delimited(path, row, form)


def read_parquet_rows(path: Path, row: CorpusRow) -> Iterator[RawRow]:
    """Records of a parquet file; class numbers become class names if the file's metadata names the classes."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        schema = file.schema_arrow
        text, label = pick_column(row.text, schema.names, path), pick_column(row.label, schema.names, path)
        split = [SPLIT_COLUMN] if SPLIT_COLUMN in schema.names else []
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise unreadable_parquet(path, error) from error
    names = class_names(schema.metadata or {}, label)
    for name in names:
        known_class(name, row, path)
    line = 0
    try:
        for batch in file.iter_batches(ROWS_IN_MEMORY, columns=[text, label, *split]):
            parts = batch.column(SPLIT_COLUMN).to_pylist() if split else repeat(None)
            texts, labels = batch.column(text).to_pylist(), batch.column(label).to_pylist()
            for value, raw, part in zip(texts, labels, parts, strict=False):
                line += 1
                yield RawRow("" if value is None else str(value), class_label_names(raw, names, path, line), line, part)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise unreadable_parquet(path, error) from error


def unreadable_parquet(path: Path, error: Exception) -> DataError:
    return DataError(_("{path} cannot be read as parquet ({reason}). Download it again.", path=path, reason=error))


def class_names(metadata: Mapping[bytes, bytes], column: str) -> list[str]:
    """The class names that `datasets` stored for a column of class numbers, by number; empty if there are none."""
    stored = json.loads(metadata.get(b"huggingface", b"{}"))
    feature = stored.get("info", {}).get("features", {}).get(column, {})
    while isinstance(feature, list) or "feature" in feature:  # a list of labels: the classes are one level down
        feature = feature[0] if isinstance(feature, list) else feature["feature"]
    return list(feature.get("names", []))


def known_class(name: str, row: CorpusRow, path: Path) -> None:
    """Raise a DataError for a class name that the table does not have."""
    if name not in row.labels:
        raise DataError(
            _(
                "{path} has a class '{name}' that {corpus} does not have in munjang's table ({labels}). "
                "Is it another version of the corpus?",
                path=path,
                name=name,
                corpus=row.name,
                labels=row.labels.listing,
            )
        )


def class_label_names(raw: Any, names: Sequence[str], path: Path, line: int) -> Any:
    """A class number, or a list of them, as names; anything else as it is."""
    if isinstance(raw, list):
        return [class_label_names(item, names, path, line) for item in raw]
    if not names or isinstance(raw, str | bool) or raw is None:
        return raw
    if not 0 <= raw < len(names):
        raise DataError(
            ngettext(
                "{path}, row {row}: class number {number}; the file names {count} class, with number 0.",
                "{path}, row {row}: class number {number}; the file names {count} classes, numbered from 0.",
                len(names),
                path=path,
                row=line,
                number=raw,
            )
        )
    return names[raw]


def read_json_list(path: Path, row: CorpusRow) -> Iterator[RawRow]:
    """Records of a json file that holds one list of objects."""
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(_("{path} is not valid JSON: {reason}.", path=path, reason=error)) from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(_("{path}: expected a list of objects, the form of {corpus}.", path=path, corpus=row.name))
    for line, item in enumerate(items, start=1):
        yield RawRow(str(item[pick_column(row.text, item, path)]), item[pick_column(row.label, item, path)], line)


def read_delimited(path: Path, row: CorpusRow, form: TextForm) -> Iterator[RawRow]:
    """Records of a delimited text file; only `\\n` and `\\r\\n` end a line: U+2028 and others stay in a text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = quoted_lines(file, form) if form.quoted else plain_lines(file, form)
            columns = list(form.columns)
            if not columns:
                __, columns = next(lines, (1, []))
            text = columns.index(pick_column(row.text, columns, path))
            label = columns.index(pick_column(row.label, columns, path))
            split = columns.index(SPLIT_COLUMN) if SPLIT_COLUMN in columns else None
            for line, fields in lines:
                if len(fields) != len(columns):
                    raise DataError(
                        ngettext(
                            "{path}, line {line}: {count} field, expected {expected} ({columns}). Fix the line, or "
                            "download the original file again.",
                            "{path}, line {line}: {count} fields, expected {expected} ({columns}). Fix the line, or "
                            "download the original file again.",
                            len(fields),
                            path=path,
                            line=line,
                            expected=len(columns),
                            columns=", ".join(columns),
                        )
                    )
                yield RawRow(fields[text], fields[label], line, None if split is None else fields[split])
    except UnicodeDecodeError as error:
        raise DataError(
            _(
                "{path} is not utf-8 ({reason} at byte {position}). Download it again.",
                path=path,
                reason=error.reason,
                position=error.start,
            )
        ) from error
    except csv.Error as error:
        raise DataError(_("{path} cannot be read as CSV: {reason}.", path=path, reason=error)) from error


def plain_lines(file: TextIO, form: TextForm) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines, split at the delimiter; empty lines are skipped, quotes are plain characters."""
    content = file.read()
    for number, line in enumerate(content.split("\n"), start=1):
        line = line.removesuffix("\r")
        if line:
            yield number, line.split(form.delimiter)


def quoted_lines(file: TextIO, form: TextForm) -> Iterator[tuple[int, list[str]]]:
    """Records of quoted CSV with the physical line on which each starts."""
    reader = csv.reader(file, delimiter=form.delimiter, strict=True)
    start = 1
    for fields in reader:
        if fields:
            yield start, fields
        start = reader.line_num + 1


def pick_column(wanted: Sequence[str], columns: Sequence[str] | Mapping[str, Any], path: Path) -> str:
    """The first wanted column that the file has. DataError: it has none of them; the message lists its columns."""
    for name in wanted:
        if name in columns:
            return name
    expected = " / ".join(f"'{name}'" for name in wanted)
    if not columns:
        raise DataError(_("{path} has no columns, expected {expected}.", path=path, expected=expected))
    raise DataError(
        _(
            "{path} has no column {expected}; it has {columns}.",
            path=path,
            expected=expected,
            columns=", ".join(columns),
        )
    )
