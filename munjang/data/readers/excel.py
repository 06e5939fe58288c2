"""Reads Excel sheets as tables (needs python-calamine)."""

from __future__ import annotations

import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.etree import ElementTree

from munjang.config.settings import ReadOptions
from munjang.data.compressed import unpacked_file
from munjang.data.readers.columns import KNOWN_NAMES
from munjang.data.readers.csv import checked_header, without_descriptions
from munjang.data.readers.dialect import SAMPLE_ROWS, are_names, come_again, filled, find_header, has_known_name
from munjang.data.readers.table import (
    Bad,
    OtherSheet,
    Row,
    Sheets,
    Table,
    above_note,
    cell_text,
    checked_row,
    distinct,
    header_note,
)
from munjang.data.workbook_parts import Extent, check_workbook, refuse_sparse, sheet_extent
from munjang.errors import DataError, is_panic, missing_extra
from munjang.files import first_line
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

Cells = list[Any]


@dataclass(frozen=True)
class Book:
    """An Excel file. parts: name -> part of its sheets. names: its sheets with cells; visible: those not hidden."""

    path: Path
    source: str | IO[bytes]
    book: CalamineWorkbook
    parts: dict[str, str]
    names: tuple[str, ...]
    visible: tuple[str, ...]

    def chosen(self, wanted: str | None) -> str:
        """The sheet with this name, or with this number from 1; for None the first that is not hidden."""
        if wanted is None:
            return (self.visible or self.names)[0]
        for name in self.names:
            if unicodedata.normalize("NFC", name).strip() == unicodedata.normalize("NFC", wanted).strip():
                return name
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return self.names[int(wanted) - 1]
        raise DataError(
            _(
                "{path} has no sheet '{name}'; it has {sheets}.",
                path=self.path,
                name=wanted,
                sheets=", ".join(self.names),
            )
        )

    def sheet(self, name: str) -> tuple[CalamineSheet, Extent]:
        """A sheet, read. DataError: it is damaged, or larger than what may be held in memory."""
        with damage(self.path):
            extent = sheet_extent(self.source, self.parts[name], self.path, name)
            refuse_sparse(extent, self.path, name)
            return self.book.get_sheet_by_name(name), extent

    def others(self, but: str) -> Iterator[OtherSheet]:
        """The other sheets, in their order, each read when it comes."""
        for place, name in enumerate(self.names):
            if name != but:
                rows = (cells for __, cells in numbered_rows(self.sheet(name)[0]))
                yield OtherSheet(name, place, name not in self.visible, rows)


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn what the libraries raise for damaged, protected and unusual files into a DataError."""
    from python_calamine import CalamineError, PasswordError

    damaged = (
        CalamineError, zipfile.BadZipFile, zlib.error, ElementTree.ParseError, KeyError, ValueError, EOFError, OSError,
        NotImplementedError, RuntimeError, StopIteration,
    )  # fmt: skip
    try:
        yield
    except DataError:
        raise
    except PasswordError as error:
        raise DataError(_("{path} has a password. Save it without one, or as CSV.", path=path)) from error
    except BaseException as error:
        if not isinstance(error, damaged) and not is_panic(error):
            raise
        raise DataError(
            _(
                "{path} is no readable .xlsx file ({reason}). Save it again from Excel, or as CSV.",
                path=path,
                reason=first_line(error),
            )
        ) from error


def open_book(path: Path) -> Book:
    """The workbook at `path`. DataError: it is damaged, or has no sheet with cells. MissingExtra."""
    try:
        from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum
    except ImportError as error:
        raise missing_extra(_("Excel files"), "excel") from error
    source = unpacked_file(path)
    with damage(path):
        parts = check_workbook(source, path)
        if not isinstance(source, str):
            source.seek(0)
        book = CalamineWorkbook.from_object(source)
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        names = tuple(sheet.name for sheet in sheets)
        if not names or set(names) - set(parts):
            raise ValueError(_("it has no sheet with cells"))
        visible = tuple(sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible)
    return Book(path, source, book, parts, names, visible)


def open_sheet(path: Path, options: ReadOptions) -> Table:
    """One sheet of an Excel file as a table: the first visible one, unless --sheet names another; line = row on it.

    The header is the row given by --header-row, else the first row that looks like names. Merged cells below it are
    filled down. A formula counts as the value that Excel last stored for it; an error such as #N/A is an empty cell.
    """
    book = open_book(path)
    name = book.chosen(options.sheet)
    sheet, extent = book.sheet(name)
    head = list(islice(numbered_rows(sheet), max(SAMPLE_ROWS, options.header_row or 0)))
    if not any(filled(cells) for __, cells in head):
        raise DataError(
            _(
                "{path}: sheet '{name}' is empty. Sheets: {sheets}. Say which with {option:sheet=NAME}.",
                path=path,
                name=name,
                sheets=", ".join(book.names),
            )
        )
    merged = merged_cells(sheet)
    first, last = header_lines(head, merged, options.header_row)
    names = header_names([cells for line, cells in head if first and first <= line <= last], merged, first)
    if first and not any(names):
        raise DataError(
            _(
                "{path}: row {header} of sheet '{name}' is empty, so it cannot be the header ({option:header_row}).",
                path=path,
                header=first,
                name=name,
            )
        )
    columns = used_columns(sheet, names, last)
    header = [cell_text(names[column]).strip() for column in columns] if first else []
    read = sheet_reader(str(path), sheet, merged, last, columns, header)
    all_names = distinct(names)
    described = (lambda: without_descriptions(read(), "\t")) if first else read
    table = Table(str(path), tuple(all_names[column] for column in columns), described)
    table.sheets = Sheets(name, book.names.index(name), lambda: book.others(name))
    table.notes = notes_on(path, book, name, (first, last), head, table.columns, extent, options.header_row is None)
    return table


def numbered_rows(sheet: CalamineSheet) -> Iterator[tuple[int, Cells]]:
    """(row number, cells) of every row; an empty cell is None. Whole numbers are int, as Excel shows them."""
    for line, row in enumerate(sheet.iter_rows(), 1):
        yield line, [None if cell == "" else whole(cell) if cell.__class__ is float else cell for cell in row]


def whole(number: float) -> int | float:
    """A number as Excel shows it: without a point if it is whole."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def merged_cells(sheet: CalamineSheet) -> list[tuple[int, int, int, int]]:
    """First and last row (from 1), first and last column (from 0, as in the rows) of the merged cells."""
    left = (sheet.start or (0, 0))[1]
    ranges = sheet.merged_cell_ranges or []
    return [
        (top + 1, bottom + 1, first - left, last - left) for (top, first), (bottom, last) in ranges if first >= left
    ]


def header_lines(
    head: Sequence[tuple[int, Cells]], merged: Sequence[tuple[int, int, int, int]], given: int | None
) -> tuple[int, int]:
    """The first and the last row of the header; (0, 0) without one. given: the row that the user names."""
    if given is not None:
        return given, given
    rows = [cells for __, cells in head]
    found = find_header(rows)
    if found is None:
        return 0, 0
    first = head[found][0]
    spans = any(top == first and right > left for top, __, left, right in merged)
    if found + 1 < len(rows) and goes_on(rows[found], rows[found + 1], rows[found + 2 :], spans):
        return first, first + 1
    return first, first


def goes_on(upper: Cells, lower: Cells, below: Sequence[Cells], spans: bool) -> bool:
    """Whether the row under a header belongs to it: names under groups of columns. spans: a group is merged cells."""
    under = any(a is None and b is not None for a, b in zip(upper, lower, strict=True))
    return (
        under and are_names(lower, distinct=False) and not come_again(lower, below) and (spans or has_known_name(lower))
    )


def header_names(rows: Sequence[Cells], merged: Sequence[tuple[int, int, int, int]], first: int) -> list[Any]:
    """The name of each column: the lowest one; with that of its group before it where several would be the same."""
    if not rows:
        return []
    names = [next((cell for cell in reversed(column) if cell is not None), None) for column in zip(*rows, strict=True)]
    if len(rows) == 1:
        return names
    groups = list(rows[0])
    for top, __, left, right in merged:
        if top == first:
            groups[left : right + 1] = [rows[0][left]] * len(groups[left : right + 1])
    return [
        f"{group} {name}" if names.count(name) > 1 and group not in (None, name) else name
        for name, group in zip(names, groups, strict=True)
    ]


def used_columns(sheet: CalamineSheet, names: list[Any], last: int) -> list[int]:
    """The columns with a name or a filled cell; `names` is made as long as the rows."""
    names.extend([None] * (sheet.width - len(names)))
    nameless = {column for column, name in enumerate(names) if name is None}
    used: set[int] = set()
    for line, cells in numbered_rows(sheet) if nameless else ():
        if line > last:
            used |= {column for column in nameless if cells[column] is not None}
            if used == nameless:
                break
    return [column for column in range(len(names)) if column not in nameless or column in used]


def sheet_reader(
    file: str,
    sheet: CalamineSheet,
    merged: Sequence[tuple[int, int, int, int]],
    last: int,
    columns: Sequence[int],
    names: Sequence[str],
) -> Callable[[], Iterator[Row | Bad]]:
    """Reads the rows after the header's last one. Merged cells are filled down; empty rows in a row are one Bad.

    names: of the header; a row that is a header again is Bad, as in CSV.
    """
    starts_header = KNOWN_NAMES.union(names)
    starts: dict[int, list[tuple[int, int]]] = {}
    for top, bottom, column, __ in merged:
        if bottom > max(top, last):
            starts.setdefault(top, []).append((column, bottom))

    def read() -> Iterator[Row | Bad]:
        empty, filling = 0, {}
        for line, cells in numbered_rows(sheet):
            if line <= last:
                continue
            if not any(cell is not None for cell in cells):
                empty += 1
                continue
            if empty:
                reason = ngettext("empty row", "{count:,} empty rows", empty)
                yield Bad(line - empty, reason, "", file)
                empty = 0
            for column, bottom in starts.get(line, ()):
                filling[column] = (bottom, cells[column])
            for column, (bottom, value) in filling.items():
                if line <= bottom and cells[column] is None:
                    cells[column] = value
            row = checked_row(line, [cells[column] for column in columns], file)
            yield checked_header(row, names, starts_header, "\t")

    return read


def notes_on(
    path: Path,
    book: Book,
    name: str,
    header: tuple[int, int],
    head: Sequence[tuple[int, Cells]],
    columns: Sequence[str],
    extent: Extent,
    guessed: bool,
) -> list[str]:
    """What was detected: the sheet, the header and the rows above it, errors, the sheets that are not read.

    guessed: whether the header was looked for.
    """
    first, last = header
    if not first:
        notes = [_("{path}: sheet '{name}', no header", path=path, name=name)]
    elif first == last:
        notes = [_("{path}: sheet '{name}', header in row {header}", path=path, name=name, header=first)]
    else:
        notes = [
            _("{path}: sheet '{name}', header in rows {first} and {last}", path=path, name=name, first=first, last=last)
        ]
    names = [cells for line, cells in head if first <= line <= last]
    guess = first if guessed and not any(map(has_known_name, names)) else 0
    notes.append(header_note(path, bool(first), columns, guess))
    above = [" ".join(str(cell) for cell in cells if cell is not None) for line, cells in head if line < first]
    notes += above_note(path, above)
    if extent.errors:
        notes.append(
            ngettext(
                "{path}: {count:,} cell with an error such as #N/A is read as empty",
                "{path}: {count:,} cells with errors such as #N/A are read as empty",
                extent.errors,
                path=path,
            )
        )
    if extent.formulas:
        notes.append(
            ngettext(
                "{path}: {count:,} cell with a formula without a stored value is read as empty; save the file in Excel",
                "{path}: {count:,} cells with formulas without stored values are read as empty; save the file in Excel",
                extent.formulas,
                path=path,
            )
        )
    others = [other if other in book.visible else _("{sheet} (hidden)", sheet=other) for other in book.names]
    del others[book.names.index(name)]
    if others:
        notes.append(
            _(
                "{path}: other sheets, not read: {sheets} ({option:sheet=NAME} reads one)",
                path=path,
                sheets=", ".join(others),
            )
        )
    return notes
