"""Writes a table as CSV, TSV, JSON Lines, Parquet or Excel: to a temporary name, renamed when the file is whole."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from math import isfinite
from pathlib import Path
from typing import IO, Any, Protocol

from munjang.data.readers.kinds.signatures import suffix_of
from munjang.data.readers.table import Sheets, cell_text
from munjang.errors import DataError
from munjang.files import whole_file
from munjang.files.outputs import final_place
from munjang.translation import _

WRITABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")  # some spreadsheets take wide signs too
HARMLESS = re.compile(r"[-－]|[+＋－-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?%?")  # numbers, the dash for "nothing"


class Writer(Protocol):
    """The interface of all writers: a row is a value for each column, and `escaped` counts the changed cells."""

    escaped: int

    def write(self, row: Sequence[Any]) -> None: ...

    def close(self) -> None:
        """Finish the file."""

    def discard(self) -> None:
        """Close a file that is no longer wanted."""


@contextmanager
def open_writer(
    path: str | Path,
    columns: Sequence[str],
    *,
    overwrite: bool = False,
    types: Mapping[str, Any] | None = None,
    quoted: bool = True,
    sheets: Sheets | None = None,
    staged: Path | None = None,
) -> Iterator[Writer]:
    """A writer of rows to `path`. The ending tells the kind: .csv, .tsv, .jsonl (these also with .gz), .parquet, .xlsx.

    The file appears when the block ends without error; after an error or a kill there is none. CSV is utf-8 with a
    byte-order mark, for Excel. In CSV a text cell that begins with = + - @ (also in full width), a tab or a line break
    and is not a number gets an apostrophe before it, so that no spreadsheet takes it for a formula. TSV is utf-8;
    quoted False writes it without quotes, and tabs and line breaks in cells become spaces. types: pyarrow types of
    columns for Parquet; other columns are text. sheets: of an Excel file that the rows come from; .xlsx has them too.
    staged: the folder to write in, for a caller that moves the file to `path`. DataError: the file exists and
    `overwrite` is False, or it cannot be written.
    """
    path = Path(path)
    check_target(path, overwrite)
    with (
        write_errors(path),
        whole_file(path) if staged is None else nullcontext(staged / path.name) as temporary,
    ):
        writer = make_writer(
            temporary, suffix_of(path), path.name.lower().endswith(".gz"), columns, types, quoted, sheets
        )
        try:
            yield writer
        except BaseException:
            writer.discard()
            raise
        writer.close()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Within the block an error of a file is a DataError that names `path` and what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(
            _(
                "{path} could not be written: {reason}. No part of it was left. Free some space, or write elsewhere.",
                path=final_place(path),
                reason=error.strerror or error,
            )
        ) from error


def check_target(path: Path, overwrite: bool) -> None:
    """DataError: the kind is unknown, the file exists (without `overwrite`), or its folder does not."""
    if suffix_of(path) not in WRITABLE_ENDINGS:
        raise DataError(
            _(
                "{path}: cannot tell the kind of file to write. End its name in {endings}.",
                path=path,
                endings=", ".join(WRITABLE_ENDINGS),
            )
        )
    if path.name.lower().endswith((".parquet.gz", ".xlsx.gz")):
        raise DataError(_("{path}: Parquet and Excel files are already compressed; leave .gz away.", path=path))
    if path.is_dir():
        raise DataError(_("{path} is a folder; name a file to write.", path=path))
    if not path.parent.is_dir():
        raise DataError(
            _("{path} cannot be written: there is no folder {parent}. Make it first.", path=path, parent=path.parent)
        )
    if path.exists() and not overwrite:
        raise DataError(_("{path} exists. Say {option:overwrite=True} to replace it, or name another file.", path=path))


def make_writer(
    path: Path,
    ending: str,
    packed: bool,
    columns: Sequence[str],
    types: Mapping[str, Any] | None,
    quoted: bool,
    sheets: Sheets | None,
) -> Writer:
    """The writer for a kind of file."""
    if ending == ".parquet":
        return ParquetWriter(path, columns, types or {})
    if ending == ".xlsx":
        from munjang.data.readers.excel_writer import SheetWriter

        return SheetWriter(path, columns, sheets)
    binary = (gzip.open if packed else open)(path, "wb")
    text = io.TextIOWrapper(binary, encoding="utf-8-sig" if ending == ".csv" else "utf-8", newline="")
    if ending == ".jsonl":
        return JsonWriter(text, columns)
    return CsvWriter(text, columns) if ending == ".csv" else TsvWriter(text, columns, quoted)


def escape_formula(value: Any) -> tuple[str, bool]:
    """A cell as CSV text, and whether an apostrophe was added."""
    text = cell_text(value)
    if isinstance(value, str) and text.startswith(FORMULA) and not HARMLESS.fullmatch(text):
        return "'" + text, True
    return text, False


class TextWriter:
    """The common part of the writers of text files: the stream, and how it is closed."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream, self.escaped = stream, 0

    def close(self) -> None:
        self.stream.close()

    def discard(self) -> None:
        # On a full disk, writing the buffered rest fails too; the first error is the one to report.
        with suppress(OSError):
            self.stream.close()


class CsvWriter(TextWriter):
    """CSV for Excel: byte-order mark, CRLF, quotes where needed, no formulas."""

    def __init__(self, stream: IO[str], columns: Sequence[str]) -> None:
        super().__init__(stream)
        self.csv = csv.writer(stream, lineterminator="\r\n")
        self.write(columns)

    def write(self, row: Sequence[Any]) -> None:
        cells = [escape_formula(value) for value in row]
        self.escaped += sum(changed for __, changed in cells)
        self.csv.writerow([text for text, __ in cells])


class TsvWriter(TextWriter):
    """TSV: every cell in quotes, or no quotes at all, as in files of reviews."""

    def __init__(self, stream: IO[str], columns: Sequence[str], quoted: bool) -> None:
        super().__init__(stream)
        self.quoted = quoted
        self.csv = csv.writer(stream, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
        self.write(columns)

    def write(self, row: Sequence[Any]) -> None:
        cells = [cell_text(value) for value in row]
        if self.quoted:
            self.csv.writerow(cells)
            return
        flat = [re.sub(r"[\t\r\n]", " ", cell) if "\t" in cell or "\n" in cell else cell for cell in cells]
        self.escaped += sum(before != after for before, after in zip(cells, flat, strict=True))
        self.stream.write("\t".join(flat) + "\n")


class JsonWriter(TextWriter):
    """JSON Lines: one object per line, with unchanged values."""

    def __init__(self, stream: IO[str], columns: Sequence[str]) -> None:
        super().__init__(stream)
        self.columns = columns

    def write(self, row: Sequence[Any]) -> None:
        values = dict(zip(self.columns, row, strict=True))
        try:
            line = json.dumps(values, ensure_ascii=False, default=cell_text, allow_nan=False)
        except ValueError:
            line = json.dumps(known_numbers(values), ensure_ascii=False, default=cell_text)
        self.stream.write(line + "\n")


def known_numbers(value: Any) -> Any:
    """A value without the numbers that JSON does not have: NaN is None, and infinity a text."""
    if isinstance(value, dict):
        return {key: known_numbers(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(known_numbers, value))
    return value if not isinstance(value, float) or isfinite(value) else cell_text(value) or None


class ParquetWriter:
    """Parquet with the given column types; other columns are text, None stays null."""

    GROUP = 10_000  # rows held before they are written

    def __init__(self, path: Path, columns: Sequence[str], types: Mapping[str, Any]) -> None:
        import pyarrow
        import pyarrow.parquet

        self.pyarrow, self.path, self.escaped, self.rows = pyarrow, path, 0, []
        self.schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns])
        self.typed = [name in types for name in columns]
        self.writer = pyarrow.parquet.ParquetWriter(path, self.schema)

    def write(self, row: Sequence[Any]) -> None:
        cells = zip(row, self.typed, strict=True)
        self.rows.append([value if typed or value is None else cell_text(value) for value, typed in cells])
        if len(self.rows) >= self.GROUP:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            columns = zip(*self.rows, strict=True)
            arrays = [self.pyarrow.array(cells, field.type) for cells, field in zip(columns, self.schema, strict=True)]
            self.writer.write_table(self.pyarrow.Table.from_arrays(arrays, schema=self.schema))
            self.rows = []

    def close(self) -> None:
        self.flush()
        self.writer.close()

    def discard(self) -> None:
        self.rows = []
        with suppress(OSError):
            self.writer.close()
