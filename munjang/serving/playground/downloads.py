"""A table that the playground wants as a file: written by munjang's own writers, given back, and forgotten."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from munjang.data.readers.writers import open_writer
from munjang.errors import DataError
from munjang.inference.files.write import free_names
from munjang.translation import _

DOWNLOAD_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""What a table can be downloaded as, and the media type of it."""


def write_download(body: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes of a file and its media type, from `{"kind", "columns", "added", "rows"}`.

    added: names of the columns of answers, which get others where the file has them already. Cells are texts, numbers,
    truth values or null; a text that a spreadsheet would take for a formula is written so that it does not. DataError:
    something else, or rows of different lengths.
    """
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in DOWNLOAD_KINDS:
        raise DataError(_("kind should be one of {download_kinds}.", download_kinds=", ".join(DOWNLOAD_KINDS)))
    columns, added = names(body, "columns"), names(body, "added")
    rows = checked_rows(body.get("rows"), len(columns) + len(added))
    with tempfile.TemporaryDirectory(prefix="munjang-") as folder:
        path = Path(folder) / f"table.{kind}"
        with open_writer(path, [*columns, *free_names(columns, added)]) as writer:
            for row in rows:
                writer.write(row)
        return path.read_bytes(), DOWNLOAD_KINDS[kind]


def names(body: Mapping[str, Any], key: str) -> list[str]:
    """The column names under a key."""
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise DataError(_("{key} should be a list of column names.", key=key))
    return found


def checked_rows(rows: Any, width: int) -> list[list[Any]]:
    """The rows, each as long as there are columns, of values that a cell can hold."""
    if not isinstance(rows, list):
        raise DataError(_("rows should be a list of lists."))
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            raise DataError(
                _("rows[{place}] should be a list of {width} cells, one for each column.", place=place, width=width)
            )
        if not all(cell is None or isinstance(cell, str | int | float) for cell in row):
            raise DataError(_("rows[{place}] has a cell that is no text, number, truth value or null.", place=place))
        if any(isinstance(cell, str) and not encodable(cell) for cell in row):
            raise DataError(_("rows[{place}] has half a surrogate pair.", place=place))
    return rows


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
