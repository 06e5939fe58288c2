"""The report of a cleaning as files: kept.csv, removed.csv and account.json, and the input rebuilt from them.

The two tables together hold every row of the input once. They are exact: a cell holds its text character for
character (quoted as in any CSV; cells that begin with = + - @ are not escaped, so take care in a spreadsheet). Only
text that no UTF-8 table can hold, with a NUL or half of a surrogate pair, is written as `json:"…"`.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TextIO

from munjang.data.cleaning.clean import hide_in
from munjang.data.cleaning.report import CleaningReport, location
from munjang.data.readers.writers import write_errors
from munjang.errors import DataError
from munjang.files import whole_file
from munjang.files.outputs import replaced_together, settle, work_of_folder
from munjang.records import SPLITS, Corpus, Removed, label_text
from munjang.translation import _, stored

KEPT_COLUMNS = ("file", "split", "line", "text", "label", "original_text", "original_label")
REMOVED_COLUMNS = ("file", "line", "text", "label", "step", "reason")
REPORT_FILES = ("kept.csv", "removed.csv", "account.json")

UNWRITABLE = re.compile("[\x00\ud800-\udfff]|\\Ajson:")


def write_cleaning_report(
    folder: str | Path, before: Corpus, after: Corpus, cleaning_report: CleaningReport, *, separator: str = "|"
) -> None:
    """Write kept.csv, removed.csv and account.json into `folder` (made if needed), all three or none.

    After a kill at any point no file of one cleaning stands beside those of another, and kept.csv is always there.
    before, after: the corpus before and after `clean_corpus`. separator: between several labels in a cell.
    DataError: a file cannot be written. InUse: another process writes there.
    """
    folder, (__, *others) = Path(folder), REPORT_FILES
    with (
        write_errors(folder),
        replaced_together(work_of_folder(folder), last=others, outdated=others) as staged,
    ):
        write_csv(staged / "kept.csv", KEPT_COLUMNS, kept_rows(before, after, cleaning_report, separator))
        write_removed(staged / "removed.csv", cleaning_report.removed)
        with report_file(staged / "account.json", "utf-8") as file:
            json.dump(cleaning_report.to_dict(), file, ensure_ascii=False, indent=2)


def write_removed(path: str | Path, removed: Iterable[Removed]) -> None:
    """Write the removed rows as a table with the columns of `Removed`."""
    write_csv(
        Path(path), REMOVED_COLUMNS, ([stored(getattr(row, name)) for name in REMOVED_COLUMNS] for row in removed)
    )


def kept_rows(
    before: Corpus, after: Corpus, cleaning_report: CleaningReport, separator: str
) -> Iterator[Sequence[object]]:
    """The rows of kept.csv: the cleaned text and label, and the original ones."""
    steps = cleaning_report.config.steps
    for split in SPLITS:
        originals = getattr(before, split)
        for position, example in zip(cleaning_report.kept.get(split, ()), getattr(after, split), strict=True):
            source = originals[position]
            file, line = location(source, position, f"{before.name}/{split}")
            text = source.text
            if "mask_personal" in steps and text != example.text:
                text = hide_in(text, steps)
            labels = (label_text(item.label, separator) for item in (example, source))
            yield file, split, line, example.text, next(labels), text, next(labels)


def rebuild(folder: str | Path) -> dict[str, list[tuple[int, str, str]]]:
    """The input of a cleaning, rebuilt from its two tables: file -> (line, text, label) of every row, by line.

    DataError: a table is missing, or munjang did not write it.
    """
    folder = Path(folder)
    settle(work_of_folder(folder))
    files: dict[str, list[tuple[int, str, str]]] = {}
    for row in read_csv(folder / "kept.csv", KEPT_COLUMNS):
        files.setdefault(row["file"], []).append((int(row["line"]), row["original_text"], row["original_label"]))
    for row in read_csv(folder / "removed.csv", REMOVED_COLUMNS):
        files.setdefault(row["file"], []).append((int(row["line"]), row["text"], row["label"]))
    return {file: sorted(rows, key=itemgetter(0)) for file, rows in files.items()}


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table in utf-8 with a byte-order mark, so that Excel shows Hangul."""
    with report_file(path, "utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([to_cell(value) for value in row] for row in rows)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a table from `write_csv`. DataError: it is missing or has other columns."""
    limit = csv.field_size_limit(sys.maxsize)  # texts may have several MB
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if tuple(header) != tuple(columns):
                raise DataError(
                    _(
                        "{path}: expected the columns {columns}; found {header}.",
                        path=path,
                        columns=", ".join(columns),
                        header=", ".join(header),
                    )
                )
            for cells in reader:
                yield dict(zip(columns, map(from_cell, cells), strict=True))
    except FileNotFoundError as error:
        raise DataError(
            _(
                "No {file} in {folder}; expected a folder that `munjang clean` wrote.",
                file=path.name,
                folder=path.parent,
            )
        ) from error
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            _("{path} was cut short or changed: {reason}. Clean the input again.", path=path, reason=error)
        ) from error
    finally:
        csv.field_size_limit(limit)


def to_cell(value: object) -> str:
    """A value as a cell; `json:"…"` for text that no UTF-8 table can hold, and for text that begins with `json:`."""
    text = str(value)
    return f"json:{json.dumps(text)}" if UNWRITABLE.search(text) else text


def from_cell(cell: str) -> str:
    """The inverse of `to_cell` for texts."""
    return json.loads(cell.removeprefix("json:")) if cell.startswith("json:") else cell


@contextmanager
def report_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """A `whole_file` open for writing. DataError: it cannot be written."""
    with (
        write_errors(path),
        whole_file(path) as temporary,
        temporary.open("w", encoding=encoding, newline="") as file,
    ):
        yield file
