"""The parts of an Excel file, looked through before they are opened: how large they are, and where their cells lie.

The library that reads workbooks holds a sheet as a rectangle and its texts as a list. A small file can ask for more of
either than a machine has, and then the process ends. So the parts are measured here first, in bounded memory.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, NamedTuple
from xml.etree import ElementTree

from munjang.config.settings import LAST_ROW
from munjang.errors import DataError
from munjang.translation import _

MAX_COLUMNS = 16_384  # of a sheet, in Excel
MAX_CELLS = 20_000_000  # filled ones, of a sheet
FREE_AREA, SPARSE = 4_000_000, 4  # cells of a rectangle that are held in any case; more, if one in four is filled
FREE_BYTES, MAX_RATIO = 32_000_000, 50  # what a part may hold, or how many times its packed size
SHEET_RATIO = 100  # the same for a sheet, whose cells are more alike
LISTS_BYTES = 2_000_000  # what the lists of sheets may hold; their trees in memory are fifty times as large
READ_BYTES = 1 << 20
LONGEST_CELL = 300_000  # bytes of a cell, which is not cut between two reads
PREFIX = rb"<(?:[^\s<>/:]+:)?"
ATTRIBUTE = rb"\s+[^\s=<>\"']+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')"
PLACE = rb"(?:" + ATTRIBUTE + rb")*?\s+r\s*=\s*[\"']"  # what stands before the place of a cell, or the number of a row
ROW = re.compile(PREFIX + rb"row\b")
ROW_NUMBER = re.compile(PREFIX + rb"row" + PLACE + rb"(\d+)")
CELL = re.compile(
    PREFIX + rb"c" + PLACE + rb"([A-Za-z]*)(\d+)[\"'](?:" + ATTRIBUTE + rb")*+\s*+(?<!/)>(?!</)"
)  # one that is filled
NAMELESS = re.compile(PREFIX + rb"c(?=[\s>/])(?!" + PLACE + rb")")  # its place is that after the cell before
ENDLESS = re.compile(rb"<(?:\w+:)?(?:c|row)\s[^<>]{300}")  # searching such tags would take too long
TWICE = re.compile(PREFIX + rb"(?:c|row)" + PLACE + rb"[^\"'<]*[\"']" + PLACE)  # readers differ on which place counts
EMPTY_FORMULA = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^<>]*/>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
ERROR_CELL = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\bt=[\"']e[\"']")
RELATION = re.compile(r"\{.*relationships\}id")
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


class Extent(NamedTuple):
    """What a sheet holds: its last row and column, from 1, and its cells.

    errors, formulas: how many of them are errors such as #N/A, or formulas without a stored value.
    """

    rows: int
    columns: int
    cells: int
    errors: int
    formulas: int = 0


def check_workbook(source: str | IO[bytes], path: object) -> dict[str, str]:
    """The sheets of an .xlsx file: name -> part. DataError: a part other than a sheet is too large, or it is damaged.

    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, KeyError: it is damaged.
    """
    with zipfile.ZipFile(source) as archive:
        parts = sheet_parts(archive, path)
        for item in archive.infolist():
            if item.filename not in parts.values() and PurePosixPath(item.filename).suffix.lower() in (".xml", ".rels"):
                sum(map(len, part_bytes(archive, item, path)))
        return parts


def sheet_parts(archive: zipfile.ZipFile, path: object) -> dict[str, str]:
    """name -> part of every sheet, as the workbook says."""

    def root(name: str) -> ElementTree.Element:
        items = [item for item in archive.infolist() if item.filename.lower() == name]
        if len(items) != 1:
            raise KeyError(name)
        return ElementTree.fromstring(b"".join(part_bytes(archive, items[0], path, limit=LISTS_BYTES)))

    targets: dict[str, str] = {}
    for relation in root(RELATIONS):
        identity, target = relation.get("Id", ""), relation.get("Target", "")
        if identity in targets:  # what is measured must be what is read
            raise KeyError(identity)
        targets[identity] = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    sheets: dict[str, str] = {}
    for item in root(WORKBOOK).iter():
        if item.tag.rpartition("}")[2] == "sheet":
            identity = next(value for key, value in item.attrib.items() if RELATION.fullmatch(key))
            sheets[item.get("name", "")] = targets[identity]
    return sheets


def part_bytes(
    archive: zipfile.ZipFile, item: zipfile.ZipInfo, path: object, limit: int | None = None
) -> Iterator[bytes]:
    """The bytes of a part, as they really are: the size that the archive states is not believed."""
    limit = limit or max(FREE_BYTES, MAX_RATIO * item.compress_size)
    item.file_size, size = limit + 2 * READ_BYTES, 0
    with archive.open(item) as stream:
        while chunk := stream.read(READ_BYTES):
            size += len(chunk)
            if size > limit:
                raise DataError(
                    _(
                        "{path}: its part {part} unpacks to more than {size:,} bytes. Save it again from Excel, or as "
                        "CSV.",
                        path=path,
                        part=item.filename,
                        size=limit,
                    )
                )
            yield chunk


def sheet_extent(source: str | IO[bytes], part: str, path: object, name: str) -> Extent:
    """Where the cells of a sheet lie. DataError: beyond the limits of Excel, or too many to be held."""
    rows = columns = cells = errors = formulas = in_row = 0
    letters: set[bytes] = set()
    rest = b""
    with zipfile.ZipFile(source) as archive:
        item = archive.getinfo(part)
        chunks = part_bytes(archive, item, path, limit=max(FREE_BYTES, SHEET_RATIO * item.compress_size))
        for chunk in chain(chunks, [b""]):
            block = rest + chunk
            cut = last_cell(block) if chunk else len(block)
            head, rest = block[:cut], block[cut:]
            if len(rest) > 10 * READ_BYTES or ENDLESS.search(head) or TWICE.search(head):
                raise DataError(_("{path}: sheet '{name}' is damaged. Save it again from Excel.", path=path, name=name))
            bare = len(NAMELESS.findall(head))
            for number, piece in enumerate(ROW.split(head)) if bare or in_row else ():
                in_row = len(NAMELESS.findall(piece)) + (in_row if number == 0 else 0)
                columns = max(columns, in_row)
            found = CELL.findall(head)
            letters.update({column for column, __ in found})
            numbered = max(map(int, ROW_NUMBER.findall(head)), default=0)
            rows = max(rows, numbered if bare else 0, max(map(int, {row for __, row in found}), default=0))
            cells, errors = cells + len(found) + bare, errors + len(ERROR_CELL.findall(head))
            formulas += len(EMPTY_FORMULA.findall(head))
            extent = Extent(rows, max([columns, *map(column_number, letters)]), cells, errors)
            refuse_extent(extent._replace(rows=max(rows, numbered)), path, name)
    return Extent(rows, max([columns, *map(column_number, letters)]), cells, errors, formulas)


def last_cell(block: bytes) -> int:
    """Where the last cell in a block begins, which may go on behind it; without one, its last tag."""
    cell = max(block.rfind(mark, max(0, len(block) - LONGEST_CELL)) for mark in (b"<c ", b":c "))
    return max(0, block.rfind(b"<", 0, cell + 1 if cell >= 0 else None))


def column_number(letters: bytes) -> int:
    """A is 1, Z 26, AA 27; none is 0."""
    number = 0
    for letter in letters.upper()[:10]:
        number = 26 * number + letter - 64
    return number


def refuse_extent(extent: Extent, path: object, name: str) -> None:
    """A DataError if cells lie where Excel has none, or if the rectangle around them is too large to be held."""
    if extent.rows > LAST_ROW or extent.columns > MAX_COLUMNS:
        raise DataError(
            _(
                "{path}: sheet '{name}' has cells in row {row:,}, column {column:,}; Excel ends at row {rows:,}, "
                "column {columns:,}. Save it again from Excel, or as CSV.",
                path=path,
                name=name,
                row=extent.rows,
                column=extent.columns,
                rows=LAST_ROW,
                columns=MAX_COLUMNS,
            )
        )
    if extent.cells > MAX_CELLS:
        raise DataError(
            _(
                "{path}: sheet '{name}' has more than {cells:,} cells. Save it as CSV.",
                path=path,
                name=name,
                cells=MAX_CELLS,
            )
        )


def refuse_sparse(extent: Extent, path: object, name: str) -> None:
    """A DataError if most of the rectangle around the cells is empty and too large to be held."""
    if extent.rows * extent.columns > max(FREE_AREA, SPARSE * extent.cells):
        raise DataError(
            _(
                "{path}: sheet '{name}' has only {cells:,} cells in {rows:,} rows and {columns:,} columns. Delete the "
                "cells far off from the table, or save it as CSV.",
                path=path,
                name=name,
                cells=extent.cells,
                rows=extent.rows,
                columns=extent.columns,
            )
        )
