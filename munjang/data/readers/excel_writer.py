"""Writes an Excel sheet, row by row (needs openpyxl)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from munjang.config.settings import LAST_ROW
from munjang.data.readers.table import Sheets, cell_text, printable
from munjang.data.workbook_parts import MAX_COLUMNS
from munjang.errors import DataError, missing_extra
from munjang.files import temporary_name
from munjang.translation import _

MAX_CELL = 32_767  # characters
EXACT = 10**15  # Excel keeps 15 digits; a longer number is written as a text
FIRST_YEAR = 1900  # of the dates that Excel knows
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML forbids; Excel calls a file with one of them damaged."""
ESCAPED = re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")
"""What stands in a cell as _x000D_ and _x005F_: XML readers drop a carriage return, and Excel decodes what looks so."""


class SheetWriter:
    """One sheet; numbers, booleans and dates keep their type, everything else is text and never a formula.

    escaped: how many cells lost characters that XML forbids.
    sheets: those of the file that the rows come from; the sheet has the same name, and the values of the others follow.
    DataError: more columns or rows, or a longer text, than Excel can hold.
    """

    def __init__(self, path: Path, columns: Sequence[str], sheets: Sheets | None) -> None:
        try:
            from openpyxl import Workbook
            from openpyxl.cell import WriteOnlyCell
            from openpyxl.worksheet import _writer as parts
        except ImportError as error:
            raise missing_extra(_("Excel files"), "excel") from error
        if len(columns) > MAX_COLUMNS:
            raise DataError(
                _(
                    "An Excel sheet ends at column {max_columns:,}, and the table has {columns:,}. Write .csv or "
                    ".parquet instead.",
                    max_columns=MAX_COLUMNS,
                    columns=len(columns),
                )
            )
        self.path, self.escaped, self.rows = path, 0, 0
        self.new_cell, self.parts = WriteOnlyCell, parts
        self.book = Workbook(write_only=True)
        self.sheets = sheets
        self.begin(sheets.name if sheets else "Sheet1")
        self.write(columns)

    def begin(self, name: str, place: int | None = None) -> None:
        """The rows that are written from now on are those of a new sheet."""
        self.sheet, self.rows = self.book.create_sheet(name, place), 0
        part = str(temporary_name(self.path))  # openpyxl's own lies among the system's files, where a kill leaves it
        self.parts.ALL_TEMP_FILES.append(part)
        self.sheet._writer = self.parts.WorksheetWriter(self.sheet, part)
        self.sheet._writer.write_top()

    def write(self, row: Sequence[Any]) -> None:
        self.rows += 1
        if self.rows > LAST_ROW:
            raise DataError(
                _("An Excel sheet ends at row {max_rows:,}. Write .csv or .parquet instead.", max_rows=LAST_ROW)
            )
        self.sheet.append([self.cell(value) for value in row])

    def cell(self, value: Any) -> Any:
        """A value as openpyxl takes it."""
        if value is None or isinstance(value, (bool, datetime.time, datetime.timedelta)):
            return value
        if isinstance(value, (int, float)) and abs(value) < EXACT:
            return value
        if isinstance(value, datetime.date) and value.year >= FIRST_YEAR:
            return value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value
        text = cell_text(value)
        fit = NOT_XML.sub("", printable(text))
        self.escaped += fit != text
        fit = ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", fit)
        if len(fit) > MAX_CELL:
            raise DataError(
                _(
                    "Row {row:,} has a text of {size:,} characters, and an Excel cell holds {limit:,}. Write .csv or "
                    ".parquet instead.",
                    row=self.rows,
                    size=len(fit),
                    limit=MAX_CELL,
                )
            )
        cell = self.new_cell(self.sheet, fit)
        cell.data_type = "s"  # "=1+1" is a text here
        return cell

    def close(self) -> None:
        for other in self.sheets.others() if self.sheets else ():
            self.begin(other.name, other.place)
            self.sheet.sheet_state = "hidden" if other.hidden else "visible"
            for row in other.rows:
                self.write(row)
        try:
            with self.path.open("wb") as stream:
                self.book.save(stream)
        except BaseException as error:
            self.discard()
            # After a failed write, closing the archive raises "seek of closed file", which hides the reason.
            if isinstance(error, ValueError) and isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise

    def discard(self) -> None:
        with suppress(Exception):  # it may be closed, or its file may have failed
            self.sheet.close()
        for sheet in self.book.worksheets:
            Path(sheet._writer.out).unlink(missing_ok=True)
