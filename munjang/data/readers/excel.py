"""Reads Excel sheets as tables, row by row (needs openpyxl)."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.readers.parquet import unpacked_file
from munjang.data.readers.table import Bad, Row, Table, checked_row, distinct
from munjang.errors import DataError, missing_extra
from munjang.translation import _

HEADER_SEARCH = 20  # rows to look for the header in


def open_sheet(path: Path, options: ReadOptions) -> Table:
    """One sheet of an Excel file as a table: the first, unless --sheet names another; line = row on the sheet.

    The header is the row given by --header-row, else the first row with as many filled cells as any of the first twenty
    (a title above the header has fewer). A formula counts as the value that Excel last stored for it.
    """
    sheet = find_sheet(path, options.sheet)
    name, others = sheet.title, [title for title in sheet.parent.sheetnames if title != sheet.title]
    head = [row for __, row in islice(filled_rows(sheet), HEADER_SEARCH)]
    if not any(any(cell is not None for cell in row) for row in head):
        raise DataError(
            _(
                "{path}: sheet '{name}' is empty. Sheets: {sheets}.",
                path=path,
                name=name,
                sheets=", ".join(sheet.parent.sheetnames),
            )
        )
    header = options.header_row if options.header_row is not None else find_header(sheet)
    width = max(filled(row) for row in head)
    names = next((row for line, row in filled_rows(sheet) if line == header), ()) if header else ()
    if header and not any(cell is not None for cell in names):
        raise DataError(
            _(
                "{path}: row {header} of sheet '{name}' is empty, so it cannot be the header ({option:header_row}).",
                path=path,
                header=header,
                name=name,
            )
        )
    width = max(width, filled(names))
    columns = distinct([*names, *[None] * width][:width])
    file = str(path)

    def read() -> Iterator[Row | Bad]:
        for line, row in filled_rows(sheet):
            cells = [*row, *[None] * width][:width]
            if line <= header:
                continue
            if any(cell is not None for cell in row[width:]):
                problem = _(
                    "filled cells beyond the last column, {cells} for {columns}", cells=filled(row), columns=width
                )
                yield Bad(line, problem, str(row), file)
            elif all(cell is None for cell in cells):
                yield Bad(line, _("empty row"), "", file)
            else:
                yield checked_row(line, cells, file)

    if header:
        notes = [_("{path}: sheet '{name}', header in row {header}", path=path, name=name, header=header)]
    else:
        notes = [_("{path}: sheet '{name}', no header", path=path, name=name)]
    if others:
        names_of_others = ", ".join(others)
        notes.append(
            _(
                "{path}: other sheets, not read: {sheets} ({option:sheet=NAME} reads one)",
                path=path,
                sheets=names_of_others,
            )
        )
    return Table(file, columns, read, notes)


def find_sheet(path: Path, wanted: str | None) -> Any:
    """The openpyxl sheet with this name, or with this number from 1; the first for None."""
    try:
        import openpyxl
    except ImportError as error:
        raise missing_extra(_("Excel files"), "excel") from error
    try:
        book = openpyxl.load_workbook(unpacked_file(path), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, openpyxl.utils.exceptions.InvalidFileException) as error:
        raise DataError(
            _(
                "{path} is no readable .xlsx file ({reason}). Save it again from Excel, or as CSV.",
                path=path,
                reason=error,
            )
        ) from error
    sheets = book.worksheets
    if wanted is None:
        return sheets[0]
    for sheet in sheets:
        if unicodedata.normalize("NFC", sheet.title).strip() == unicodedata.normalize("NFC", wanted).strip():
            return sheet
    if wanted.isdecimal() and 1 <= int(wanted) <= len(sheets):
        return sheets[int(wanted) - 1]
    raise DataError(
        _(
            "{path} has no sheet '{name}'; it has {sheets}.",
            path=path,
            name=wanted,
            sheets=", ".join(sheet.title for sheet in sheets),
        )
    )


def filled_rows(sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """(row number, cells) of every row up to the last one with content; empty rows in between come too."""
    sheet.reset_dimensions()  # the stored size is often wrong
    empty = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        row = tuple(None if cell == "" else cell for cell in row)
        if not filled(row):
            empty += 1
            continue
        yield from ((number - back, ()) for back in range(empty, 0, -1))
        empty = 0
        yield number, row


def filled(row: Sequence[Any]) -> int:
    """The column of the last filled cell, from 1; 0 for an empty row."""
    return next((column for column in range(len(row), 0, -1) if row[column - 1] is not None), 0)


def find_header(sheet: Any) -> int:
    """The number of the first row with as many filled cells as any of the first rows."""
    counts = {
        number: sum(cell is not None for cell in row) for number, row in islice(filled_rows(sheet), HEADER_SEARCH)
    }
    return next(number for number, count in counts.items() if count == max(counts.values()))
