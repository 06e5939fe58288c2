"""The routes of the playground: its files, reading and writing tables, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Response
from pydantic import BaseModel, Field

from munjang.serving.api.route import documented
from munjang.serving.failures import FACT_ERRORS
from munjang.serving.playground.assets import CONTENT_TYPES, HEADERS, PAGE_FILES
from munjang.serving.playground.downloads import DOWNLOAD_KINDS, TableRequest, write_download
from munjang.serving.playground.uploads import ReadTable, UploadOptions, file_name, read_upload
from munjang.serving.processes import FileWork
from munjang.serving.service import Service


class PageLimits(BaseModel):
    """How much the page may send at once."""

    texts: int
    characters: int
    body_bytes: int
    file_bytes: int
    rows: int
    words: int = Field(description="Eojeols of a text to explain")


def add_playground(app: FastAPI, service: Service) -> None:
    """Add the routes under /playground. The page itself is at /, which answers programs with JSON."""
    limits = service.settings.limits

    for address, path in PAGE_FILES.items():
        app.get(address, include_in_schema=False)(page_file(path))

    @app.get("/playground/limits", **documented(service, "playground", FACT_ERRORS))
    async def page_limits() -> PageLimits:
        """How much the page may send at once."""
        return PageLimits(**{name: getattr(limits, name) for name in PageLimits.model_fields})

    @app.post("/playground/read", response_model=ReadTable, **documented(service, "playground"))
    def read_file(
        body: Annotated[bytes, Body(media_type="application/octet-stream")],
        name: Annotated[str, Query(description="The name of the file; its ending says its kind")] = "",
        encoding: Annotated[str, Query(description="Detected if left out")] = "",
        sheet: Annotated[str, Query(description="The first one if left out")] = "",
        delimiter: Annotated[str, Query(description="Of CSV: one character, or tab. Detected if left out")] = "",
        header_row: Annotated[str, Query(description="The row of the names, 0: none. Detected if left out")] = "",
    ) -> Any:
        """A file as a table: its columns, rows, and the rows that were set aside. It is not kept."""
        return FileWork(read_upload, file_name(name), body, (UploadOptions(encoding, sheet, delimiter, header_row),))

    @app.post(
        "/playground/table", response_model=None,
        **documented(service, "playground", kinds=DOWNLOAD_KINDS.values()),
    )  # fmt: skip
    def write_table(body: TableRequest) -> Any:
        """A table as a file to download."""
        return FileWork(write_download, "table.json", body)


def page_file(path: Path) -> Callable[[], Coroutine[Any, Any, Response]]:
    """A handler that answers with one file of the page."""
    data, kind = path.read_bytes(), CONTENT_TYPES[path.suffix]

    async def answer() -> Response:
        return Response(data, media_type=kind, headers=HEADERS)

    return answer
