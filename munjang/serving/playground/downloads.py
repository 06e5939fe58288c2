"""A table of the playground as a file, written by munjang's own writers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from fastapi import Response
from pydantic import FailFast, Field, PlainValidator, model_validator

from munjang.data.readers.writers import open_writer
from munjang.errors import DataError
from munjang.inference.files.write import free_names
from munjang.serving.api.bodies import RequestBody, read_model
from munjang.serving.settings import Limits
from munjang.translation import _

DOWNLOAD_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""The kind of a download -> its media type."""

Cell = str | int | float | bool | None


class TableRequest(RequestBody):
    """A table to write into a file. DataError: rows of another length, or cells that cannot be written."""

    kind: Literal["csv", "xlsx"]
    columns: Annotated[list[str], FailFast()]
    added: Annotated[list[str], FailFast()] = Field(description="Columns with predictions; renamed if columns has them")
    rows: Annotated[list[list[Any]], PlainValidator(lambda rows: rows, json_schema_input_type=list[list[Cell]])]

    @model_validator(mode="after")
    def rows_fit(self) -> Self:
        if not all(map(encodable, (*self.columns, *self.added))):
            raise DataError(_("The name of a column has half a surrogate pair."))
        check_rows(self.rows, len(self.columns) + len(self.added))
        return self


def write_download(body: Path, limits: Limits) -> Response:
    """A file to download. A text that a spreadsheet would read as a formula is disarmed.

    body: the file with the TableRequest; the new file is written beside it. DataError: see `read_model`.
    """
    table = read_model(TableRequest, body.read_bytes(), limits)
    path = body.with_name(f"table.{table.kind}")
    with open_writer(path, [*table.columns, *free_names(table.columns, table.added)]) as writer:
        for row in table.rows:
            writer.write(row)
    disposition = {"Content-Disposition": "attachment"}
    return Response(path.read_bytes(), headers=disposition, media_type=DOWNLOAD_KINDS[table.kind])


def check_rows(rows: Any, width: int) -> None:
    """Refuse rows that do not have `width` values each that a cell can hold. DataError."""
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


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
