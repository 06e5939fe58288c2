"""What kind of file one is, by its first bytes and its ending; files that are no tables are refused with a remedy."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from munjang.data.compressed import open_bytes, reading
from munjang.data.readers.table import short_list
from munjang.errors import DataError
from munjang.translation import N_, _

FILE_KINDS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "txt", ".text": "txt", ".jsonl": "json", ".ndjson": "json",
    ".json": "json", ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
EXPORT = N_("Export the table with the texts as CSV.")
UNPACK = N_("Unpack it first, or pack it with gzip.")
COPY = N_("Copy its texts into a .csv or .txt file.")
OTHER_KINDS = (
    (rb"BZh[1-9]1AY&SY", N_("a file packed with bzip2"), UNPACK),
    (rb"\xfd7zXZ\0", N_("a file packed with xz"), UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", N_("a 7-Zip archive"), UNPACK),
    (rb"Rar!\x1a\x07", N_("a RAR archive"), UNPACK),
    (rb"(?s).{257}ustar", N_("a tar archive"), UNPACK),
    (rb"ARROW1\0\0|FEA1", N_("a Feather file"), N_("Save it as Parquet.")),
    (rb"SQLite format 3\0", N_("an SQLite database"), EXPORT),
    (rb"\x89HDF\r\n", N_("an HDF5 file"), EXPORT),
    (rb"\$FL[23]@\(#\)", N_("an SPSS file"), EXPORT),
    (rb"<stata_dta>", N_("a Stata file"), EXPORT),
    (rb"\x80[\x02-\x05][\x95}\]c(]", N_("a pickle"), N_("Save it as Parquet or CSV; munjang opens no pickles.")),
    (rb"\x93NUMPY", N_("a NumPy file"), EXPORT),
    (rb"%PDF-", N_("a PDF document"), COPY),
    (rb"\{\\rtf", N_("a document in RTF"), COPY),
    (rb"(?i)\s*(?:<!--|<html|<!doctype html|<table|<head|<body|<meta)",
     N_("a web page (some programs call that Excel)"), N_("Open it in Excel and save it as .xlsx.")),
    (rb"\s*<\?xml", N_("an XML file"), EXPORT),
    (rb"(?i)\s*<sami>", N_("a file of subtitles"), N_("Copy its texts into a .txt file, one text a line.")),
)  # fmt: skip
"""Patterns of first bytes, what such a file is, and what to do with it."""
ARCHIVES = {
    "word/document.xml": (N_("a Word document"), COPY),
    "content.xml": (N_("an OpenDocument file"), N_("Save it as .xlsx or CSV.")),
    "ppt/presentation.xml": (N_("a PowerPoint file"), COPY),
    "Contents/header.xml": (N_("a Hangul document"), COPY),
    "xl/workbook.bin": (N_("a binary Excel file"), N_("Save it as .xlsx or CSV.")),
}
"""A part of a zip file, what such a file is, and what to do with it."""
DOCUMENTS = (".hwp", ".doc", ".ppt")
NO_TABLES = (
    (r"(?im)^(?:INSERT INTO|CREATE TABLE|DROP TABLE|-- (?:MySQL|MariaDB|PostgreSQL database) dump)\b",
     N_("an SQL dump"), N_("Load it into a database and export the table with the texts as CSV.")),
    (r"\A(?:WEBVTT\b|\s*(?:\d+\s*\n)?(?:\d\d:)?\d\d:\d\d[.,]\d{3} --> )", N_("a file of subtitles"),
     N_("Copy its texts into a .txt file, one text a line.")),
    (r"\A(?:.*\n){0,3}(?:저장한 날짜|Date Saved) ?:", N_("a chat exported from KakaoTalk"),
     N_("Copy the messages into a .csv file, or into a .txt file, one message a line.")),
)  # fmt: skip
"""Patterns of the first lines of a text file, what such a file is, and what to do with it."""


def suffix_of(path: Path) -> str:
    """The ending that tells the kind, in lower case, without a `.gz` or `.zst` after it."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return Path(name).suffix


def file_kind(path: Path) -> str:
    """csv, tsv, txt, json, parquet or excel. DataError: it is empty, or of a kind that cannot be read."""
    with reading(path), open_bytes(path) as stream:
        head = stream.read(512)
    if not head:
        raise DataError(_("{path} is empty (0 bytes).", path=path))
    ending = suffix_of(path)
    if head.startswith(ZIP):
        refuse_archive(path)
        return "excel"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(OLE):
        if ending in DOCUMENTS:
            raise no_table(path, N_("a document"), COPY)
        raise DataError(
            _("{path} is an old or protected Excel file. Save it as .xlsx without a password, or as CSV.", path=path)
        )
    head = b"<html" if ending in (".html", ".htm") else head.removeprefix(b"\xef\xbb\xbf")
    for pattern, kind, remedy in OTHER_KINDS:
        if re.match(pattern, head):
            raise no_table(path, kind, remedy)
    kind = FILE_KINDS.get(ending)
    if kind in ("parquet", "excel") or ending == ".xls":
        raise DataError(
            _(
                "{path} has the ending {ending}, but it is not such a file. Give it the ending of its real kind.",
                path=path,
                ending=ending,
            )
        )
    return kind or "txt"


def refuse_archive(path: Path) -> None:
    """A DataError if a zip file is no .xlsx file. A damaged one is left to the reader of Excel files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):  # also one that is packed again
        return
    if any(name.lower() == "xl/workbook.xml" for name in names):
        return
    for name, (kind, remedy) in ARCHIVES.items():
        if name in names:
            raise no_table(path, kind, remedy)
    raise DataError(_("{path} is a zip file of {names}. Unpack it first.", path=path, names=short_list(names)))


def no_table(path: Path, kind: str, remedy: str) -> DataError:
    """The error for a file that is no table. kind, remedy: what it is and what to do, not yet translated."""
    return DataError(_("{path} is {kind}. {remedy}", path=path, kind=_(kind), remedy=_(remedy)))


def refuse_no_table(path: Path, beginning: str) -> None:
    """A DataError if a text file is clearly neither a table nor a file of lines. beginning: its first lines."""
    for pattern, kind, remedy in NO_TABLES:
        if re.search(pattern, beginning):
            raise no_table(path, kind, remedy)
