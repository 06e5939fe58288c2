"""A table of the playground as a file: written by munjang's own writers, sent back, and not kept."""

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
"""The kind of a download -> its media type."""


def write_download(body: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes of a file and its media type, from `{"kind", "columns", "added", "rows"}`.

    added: names of the columns with predictions; they change if the file already has these names. Cells are texts,
    numbers, true, false or null. A text that a spreadsheet would read as a formula is disarmed. DataError: anything
    else, or rows of different lengths.
    """
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in DOWNLOAD_KINDS:
        raise DataError(_("kind should be one of {kinds}.", kinds=", ".join(DOWNLOAD_KINDS)))
    columns, added = names(body, "columns"), names(body, "added")
    rows = checked_rows(body.get("rows"), len(columns) + len(added))
    with tempfile.TemporaryDirectory(prefix="munjang-") as folder:
        path = Path(folder) / f"table.{kind}"
        with open_writer(path, [*columns, *free_names(columns, added)]) as writer:
            for row in rows:
                writer.write(row)
        return path.read_bytes(), DOWNLOAD_KINDS[kind]


def names(body: Mapping[str, Any], key: str) -> list[str]:
    """The column names under a key. DataError: not a list of texts."""
    columns = body.get(key)
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise DataError(_("{key} should be a list of column names.", key=key))
    return columns


def checked_rows(rows: Any, width: int) -> list[list[Any]]:
    """The rows, each with `width` values that a cell can hold. DataError: other values or lengths."""
    if not isinstance(rows, list):
        raise DataError(_("rows should be a list of lists."))
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            raise DataError(
                _("rows[{index}] should be a list of {width} cells, one for each column.", index=index, width=width)
            )
        if not all(cell is None or isinstance(cell, str | int | float) for cell in row):
            raise DataError(
                _("rows[{index}] has a cell that is not a text, a number, true, false or null.", index=index)
            )
        if any(isinstance(cell, str) and not encodable(cell) for cell in row):
            raise DataError(_("rows[{index}] has half a surrogate pair.", index=index))
    return rows


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
