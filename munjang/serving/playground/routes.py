"""The routes of the playground: its files, reading and writing tables, and its limits."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request, Response

from munjang.serving.api.answers import dumped
from munjang.serving.api.requests import parse_object
from munjang.serving.playground.assets import CONTENT_TYPES, HEADERS, PAGE_FILES
from munjang.serving.playground.downloads import write_download
from munjang.serving.playground.uploads import asked_upload, read_upload
from munjang.serving.service import Service
from munjang.serving.settings import Limits

TABLE_BYTES = 4  # times the largest file: the size that a table with predictions may have as JSON


def add_playground(app: FastAPI, service: Service) -> None:
    """Add the routes under /playground. The page itself is at /, which answers programs with JSON."""
    limits = service.settings.limits
    files = {address: path.read_bytes() for address, path in PAGE_FILES.items()}

    for address, path in PAGE_FILES.items():
        answer = partial(file_response, files[address], CONTENT_TYPES[path.suffix])
        app.add_api_route(address, answer, methods=["GET"], include_in_schema=False)

    @app.get("/playground/limits", include_in_schema=False)
    async def known_limits() -> Response:
        return Response(dumped(limit_values(limits)), media_type="application/json")

    @app.post("/playground/read", include_in_schema=False)
    async def read(request: Request) -> Response:
        query = dict(request.query_params)

        def work(body: bytes) -> Response:
            upload = asked_upload(query.get("name", ""), query, body)
            return Response(dumped(read_upload(upload, limits)), media_type="application/json")

        return await service.respond_in_file_thread(request, work, limits.file_bytes)

    @app.post("/playground/table", include_in_schema=False)
    async def table(request: Request) -> Response:
        def work(body: bytes) -> Response:
            data, kind = write_download(parse_object(body))
            return Response(data, media_type=kind, headers={"Content-Disposition": "attachment"})

        return await service.respond_in_file_thread(request, work, TABLE_BYTES * limits.file_bytes)


async def file_response(data: bytes, kind: str) -> Response:
    """One file of the page."""
    return Response(data, media_type=kind, headers=HEADERS)


def limit_values(limits: Limits) -> dict[str, int]:
    """How much the page may send at once: name of the limit -> value."""
    names = ("texts", "characters", "body_bytes", "file_bytes", "rows", "words")
    return {name: getattr(limits, name) for name in names}
