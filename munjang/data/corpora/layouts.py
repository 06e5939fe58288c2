"""Reads the files of known corpora strictly, with the layout that the table declares: nothing is guessed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from munjang.data.corpora.schema import CorpusRow, TextForm
from munjang.data.readers.csv import Dialect, Shape, records
from munjang.data.readers.json import list_items, rows_table
from munjang.data.readers.lines import Encoding
from munjang.data.readers.parquet import class_names, parquet_file, parquet_table
from munjang.data.readers.table import Bad, Row, Table, cell_text
from munjang.data.readers.text import open_bare
from munjang.errors import DataError
from munjang.translation import _

SPLIT_COLUMN = "split"
UTF8 = Encoding("utf-8")


class RawRow(NamedTuple):
    """A row as in the file: label still as the file has it, split only if a column gives it.

    line: the physical line on which the record starts, or the row in Parquet, from 1.
    """

    text: str
    label: Any
    line: int
    split: str | None = None


def read_records(path: Path, row: CorpusRow, form: TextForm) -> Iterator[RawRow]:
    """The records of one file in its order; the suffix decides between parquet, json and text of the given form.

    DataError with file and line: a missing column, a line with too few or too many fields, or a broken file.
    """
    slips: list[int] = []
    if path.suffix == ".parquet":
        table = known_parquet(path, row)
    elif path.suffix == ".json":
        table = rows_table(path, lambda: list_items(path, UTF8), "JSON")
    else:
        table = delimited(path, form, slips)
    text = table.columns.index(pick_column(row.text, table.columns, path))
    label = table.columns.index(pick_column(row.label, table.columns, path))
    split = table.columns.index(SPLIT_COLUMN) if SPLIT_COLUMN in table.columns else None
    for item in table.read():
        if isinstance(item, Bad) and not item.raw:
            continue  # an empty line
        if isinstance(item, Bad) or slips:
            reason = item.reason if isinstance(item, Bad) else _("a quote that does not close where a field ends")
            raise DataError(
                _(
                    "{path}, line {line}: {reason}. Fix the line, or download the original file again.",
                    path=path,
                    line=slips[0] if slips else item.line,
                    reason=reason,
                )
            )
        cells = item.cells
        yield RawRow(cell_text(cells[text]), cells[label], item.line, None if split is None else cells[split])


def known_parquet(path: Path, row: CorpusRow) -> Table:
    """The wanted columns of a parquet file; class numbers are names if the file's metadata has them."""
    parquet = parquet_file(str(path), str(path))
    schema = parquet.schema_arrow
    text, label = pick_column(row.text, schema.names, path), pick_column(row.label, schema.names, path)
    for name in class_names(schema.metadata or {}, label):
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
    split = [SPLIT_COLUMN] if SPLIT_COLUMN in schema.names else []
    return parquet_table(parquet, str(path), wanted=[text, label, *split])


def delimited(path: Path, form: TextForm, slips: list[int]) -> Table:
    """The table of a text file in utf-8; only `\\n` and `\\r\\n` end a line: U+2028 and others stay in a text.

    slips: gets the numbers of lines on which a quote is not as it should be.
    """
    dialect, columns = Dialect(form.delimiter, form.quoted), form.columns
    if not columns:
        first = next(records(open_bare(path, UTF8), dialect, None), None)
        columns = first.cells if isinstance(first, Row) else ()
    shape = Shape(len(columns), len(columns))

    def read() -> Iterator[Row | Bad]:
        rows = records(open_bare(path, UTF8), dialect, shape, str(path), slips)
        return islice(rows, 0 if form.columns else 1, None)

    return Table(str(path), tuple(columns), read)


def pick_column(wanted: Sequence[str], columns: Sequence[str], path: Path) -> str:
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
