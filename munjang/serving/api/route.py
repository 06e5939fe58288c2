"""The way of a request with a body: read within the limits, checked, handed to its handler, answered in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast, get_type_hints

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter

from munjang.errors import DataError
from munjang.serving.api.bodies import read_model
from munjang.serving.failures import ERRORS, ClientGone
from munjang.serving.service import Service
from munjang.serving.settings import Limits
from munjang.translation import _

DRAINED = 32_000_000  # bytes of a too large body that are read and dropped, so that the client reads the response
TABLE_BYTES = 4  # times the largest file: the size that a table with predictions may have as JSON

Answered = TypeVar("Answered")


class TooLarge(DataError):
    """A body over the limit."""

    http_status = 413


class BodyRoute(APIRoute):
    """A route that reads the argument `body` of its handler itself; any other route is as in FastAPI.

    FastAPI makes /openapi.json of the handler's signature. The request takes a shorter way than FastAPI's own: a body
    is measured while it is read, is JSON whatever its Content-Type says, and what the handler returns is not checked
    again. An async handler has the answer of a model. Any other is about a file: it gets the body unread, and gives
    the FileWork that a process of its own does.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, hints = self.endpoint, get_type_hints(self.endpoint)
        hints.pop("return", None)
        if "body" not in hints:
            return super().get_route_handler()
        kind = hints.pop("body")
        dump = partial(TypeAdapter(self.response_model).dump_json, exclude_unset=self.response_model_exclude_unset)
        runs_model = iscoroutinefunction(handler)

        async def handle(request: Request) -> Response:
            service: Service = request.app.state.service
            limits = service.settings.limits
            given = request.path_params or request.query_params
            names = {name: given.get(name, "") for name in hints}

            budget = service.body_budget if runs_model else service.file_budget
            with budget.lease() as take:
                async with asyncio.timeout(limits.timeout_s):
                    data = await read_body(request, largest(kind, runs_model, limits), take)
                    if not runs_model:
                        return await unless_gone(request, service.files.answer(handler(body=data, **names)))
                    value = await unless_gone(request, handler(body=read_model(kind, data, limits), **names))
                    return Response(dump(value), media_type="application/json")

        return handle


def documented(
    service: Service, tag: str, errors: dict[int | str, dict[str, Any]] = ERRORS, kinds: Iterable[str] = ()
) -> dict[str, Any]:
    """What /openapi.json says about routes that need the key, as options of a route. kinds: of answers but JSON."""
    key = HTTPBearer(auto_error=False, scheme_name="apiKey", description="The key of --api-key")  # Keyed checks it
    common = {"tags": [tag], "dependencies": [Depends(key)] if service.settings.api_key else []}
    if not kinds:
        return {**common, "responses": errors}
    content = {kind: {"schema": {"type": "string"}} for kind in kinds}
    return {**common, "responses": {**errors, 200: {"content": content}}, "response_class": Response}


def largest(kind: type, runs_model: bool, limits: Limits) -> int:
    """The bytes that a body may have: of texts for a model, of a file, or of a table as JSON."""
    if runs_model:
        return limits.body_bytes
    return limits.file_bytes if kind is bytes else TABLE_BYTES * limits.file_bytes


async def read_body(request: Request, most: int, take: Callable[[int], None]) -> bytes:
    """The body of a request. TooLarge: its header or its content says that it is over `most` bytes. Overloaded."""
    declared = request.headers.get("content-length", "")
    size, kept = 0, []
    over = declared.isascii() and declared.isdigit() and int(declared[:18]) > most
    async for part in request.stream():
        size += len(part)
        over = over or size > most
        if not over:
            take(len(part))
            kept.append(part)
        elif size > most + DRAINED:
            break
    if over:
        raise TooLarge(_("The body is longer than {limit:,} bytes, the limit of this server.", limit=most))
    return b"".join(kept)


async def unless_gone(request: Request, work: Awaitable[Answered]) -> Answered:
    """The result of `work`. ClientGone: the client closed its connection first; `work` is then cancelled."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        task.cancel()

    task = cast(asyncio.Task, asyncio.current_task())
    gone = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError as error:
        if not gone.done():  # the time is up, or the server stops
            raise
        task.uncancel()
        raise ClientGone from error
    finally:
        gone.cancel()
