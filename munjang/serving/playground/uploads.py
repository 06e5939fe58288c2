"""A file that the playground sends, as rows: read by munjang's own readers."""

from __future__ import annotations

import re
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from munjang.config.settings import ReadOptions
from munjang.data.compressed import GZIP, ZSTD
from munjang.data.readers.columns import guess_text
from munjang.data.readers.corpus import SAMPLED_ROWS
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Bad, Table, cell_text
from munjang.errors import DataError, MunjangError
from munjang.serving.playground.downloads import Cell
from munjang.serving.settings import Limits
from munjang.translation import _

READABLE_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".text", ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm")
LISTED_ROWS = 100  # rows set aside that are listed
COLUMNS = 200
UNPACKED = 20  # times the largest file: the size that an Excel file may have when it is unpacked
MAX_SAFE_INTEGER = 2**53  # up to here, JavaScript holds whole numbers exactly
HINT = re.compile(r" \([a-z_]+=[^)]*\)|; [a-z_]+=\S+ says otherwise")  # advice for programs


class FileTooLarge(DataError):
    """A file has more rows or more text than a browser should hold."""

    http_status = 413


@dataclass(frozen=True)
class UploadOptions:
    """How to read a file: texts as people write them, "" to detect it."""

    encoding: str = ""
    sheet: str = ""
    delimiter: str = ""
    header_row: str = ""

    def for_readers(self) -> ReadOptions:
        """The settings of the readers. DataError: one is too long, or no number."""
        given = asdict(self)
        if max(map(len, given.values())) > 100:
            raise DataError(_("{names} have at most 100 characters.", names=", ".join(given)))
        if self.header_row and not (self.header_row.isascii() and self.header_row.isdigit()):
            raise DataError(
                _("header_row should be a number, such as 3, or 0 for none; it is '{value}'.", value=self.header_row)
            )
        row = int(self.header_row) if self.header_row else None
        return ReadOptions(
            header_row=row, **{name: value or None for name, value in given.items() if name != "header_row"}
        )


class RejectedRow(BaseModel):
    """A row that was set aside, and why."""

    line: int
    reason: str


class ReadTable(BaseModel):
    """The table in a file."""

    columns: list[str]
    text: int = Field(description="The position of the text column")
    rows: list[list[Cell]]
    lines: list[int] = Field(description="By row: its line in the file")
    set_aside: int = Field(description="Rows that could not be read")
    rejected: list[RejectedRow] = Field(description="The first of them")
    notes: list[str] = Field(description="How the file was read")


def file_name(words: str) -> str:
    """A safe file name from the name that a browser sends; the ending is kept."""
    last = re.split(r"[/\\]", words)[-1]
    return re.sub(r"[^\w.\- ]", "_", last)[-60:].lstrip(". ") or "file.txt"


def read_upload(path: Path, given: UploadOptions, limits: Limits) -> ReadTable:
    """A file as a table. FileTooLarge.

    DataError: it cannot be read, is packed, or an option is too long.
    """
    options, folder = given.for_readers(), f"{path.parent}/"
    if not path.stat().st_size:
        raise DataError(_("The file is empty (0 bytes)."))
    try:
        refuse_packed(path, limits)
        return table_values(open_table(path, options), limits, folder)
    except MunjangError as error:
        raise type(error)(shown_message(str(error), folder)) from error


def refuse_packed(path: Path, limits: Limits) -> None:
    """Refuse files that could unpack to more than a server should hold, and unsupported kinds. DataError."""
    head = path.read_bytes()[:4]
    packed = next((name for magic, name in ((GZIP, "gzip"), (ZSTD, "zstd")) if head.startswith(magic)), None)
    if packed:
        raise DataError(
            _("{path} is packed with {name}. Unpack it first, or use munjang predict.", path=path, name=packed)
        )
    if head == b"PAR1" or (path.suffix.lower() not in READABLE_ENDINGS and head != b"PK\x03\x04" and path.suffix):
        raise DataError(
            _(
                "{path} is not a kind of file that can be read here. These are: {endings}.",
                path=path,
                endings=", ".join(READABLE_ENDINGS),
            )
        )
    if head == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(item.file_size for item in archive.infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(
                _("{path} is not a readable .xlsx file ({reason}). Save it again with Excel.", path=path, reason=error)
            ) from error
        if size > UNPACKED * limits.file_bytes:
            raise FileTooLarge(
                _(
                    "{path} unpacks to {size:,} bytes; at most {limit:,} are read.",
                    path=path,
                    size=size,
                    limit=UNPACKED * limits.file_bytes,
                )
            )


def table_values(table: Table, limits: Limits, folder: str) -> ReadTable:
    """The rows of an opened table. folder: its temporary folder, removed from messages."""
    if len(table.columns) > COLUMNS:
        raise DataError(
            _(
                "{file} has {count:,} columns; at most {limit} can be read here.",
                file=table.file,
                count=len(table.columns),
                limit=COLUMNS,
            )
        )
    rows: list[list[Any]] = []
    rejected: list[RejectedRow] = []
    lines: list[int] = []
    aside = size = 0
    for item in table.read():
        if isinstance(item, Bad):
            aside += 1
            rejected += [RejectedRow(line=item.line, reason=item.reason)] * (len(rejected) < LISTED_ROWS)
            continue
        cells = [json_cell(cell) for cell in item.cells]
        size += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(rows) >= limits.rows or size > 2 * limits.file_bytes:
            raise FileTooLarge(
                _(
                    "{file} has more than {rows:,} rows or {characters:,} characters, too much for this page. "
                    "Classify it with munjang predict, or send a part of it.",
                    file=table.file,
                    rows=limits.rows,
                    characters=2 * limits.file_bytes,
                )
            )
        rows.append(cells)
        lines.append(item.line)
    if not rows:
        raise DataError(_("{file}: no row can be used; {count:,} set aside.", file=table.file, count=aside))
    guess = guess_text(table.columns, rows[:SAMPLED_ROWS])
    return ReadTable(
        columns=list(table.columns), text=guess.best[0], rows=rows, lines=lines, set_aside=aside, rejected=rejected,
        notes=[shown_message(note, folder) for note in table.notes],
    )  # fmt: skip


def json_cell(cell: Any) -> Cell:
    """A cell as a JSON value that a browser keeps exactly; anything else as text."""
    if cell is None or isinstance(cell, str | bool):
        return cell
    if isinstance(cell, int) and abs(cell) <= MAX_SAFE_INTEGER:
        return cell
    if isinstance(cell, float) and abs(cell) < MAX_SAFE_INTEGER:  # false for NaN and infinity
        return int(cell) if cell.is_integer() else cell
    return cell_text(cell)


def shown_message(message: str, folder: str) -> str:
    """A message of the readers without the temporary folder and without advice for programs."""
    return HINT.sub("", message.replace(folder, ""))
