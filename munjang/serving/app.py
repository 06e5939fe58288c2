"""The web application: its routes, and how a request becomes an answer or an error."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from munjang import __version__
from munjang.errors import MunjangError, unknown_name
from munjang.serving.answers import analysis_body, dumped, hub_body, tei_body
from munjang.serving.guards import Counted, Keyed, error_body
from munjang.serving.lanes import Finish, Lane
from munjang.serving.metrics import CONTENT_TYPE, Metrics
from munjang.serving.models import Models, Network, View
from munjang.serving.pages import docs_page, home_page
from munjang.serving.requests import (
    BODIES,
    Asked,
    Held,
    Share,
    asked_tasks,
    hub_inputs,
    hub_options,
    parse,
    read_body,
    tei_inputs,
    tei_options,
)
from munjang.serving.schemas import ANALYZE, ERRORS, HUB, PREDICT
from munjang.serving.settings import Overloaded, Settings

log = logging.getLogger("munjang")

KINDS = {401: "Unauthorized", 404: "NotFound", 405: "NotFound", 413: "Validation", 422: "Validation",
         503: "Overloaded", 504: "Timeout"}  # fmt: skip
"""Status -> error_type; any other is Backend."""


class ClientGone(Exception):
    """Nobody is left to answer."""


class Service:
    """The models of a server, a lane for each network, and what they count."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self.models, self.settings, self.metrics = models, settings, Metrics()
        self.held = Held(BODIES * settings.limits.body_bytes)
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="munjang")
        self.lanes = {
            name: Lane(network, settings, self.threads, self.metrics) for name, network in models.networks.items()
        }
        self.running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def alive(self, _: FastAPI) -> AsyncIterator[None]:
        """Lanes run within; at the end they finish what was accepted."""
        self.running = [asyncio.create_task(lane.serve()) for lane in self.lanes.values()]
        try:
            yield
        finally:
            for lane in self.lanes.values():
                lane.close()
            await asyncio.gather(*self.running, return_exceptions=True)
            self.threads.shutdown()

    @property
    def healthy(self) -> bool:
        return not any(task.done() for task in self.running)

    def hub(self, view: View, body: dict[str, Any]) -> tuple[Network, Asked, Finish]:
        """A request in the shape of the hub's clients."""
        asked, options = hub_inputs(body["inputs"], self.settings.limits), hub_options(body)
        network = self.models.network_of(view)
        return network, asked, partial(hub_body, asked, view, network, options)

    def predict(self, view: View, body: dict[str, Any]) -> tuple[Network, Asked, Finish]:
        """A request to /predict in the shape of text-embeddings-inference."""
        asked, options = tei_inputs(body["inputs"], self.settings.limits), tei_options(body)
        network = self.models.network_of(view)
        return network, asked, partial(tei_body, asked, view, network, options)

    def analyze(self, network: Network, views: Sequence[View], body: dict[str, Any]) -> tuple[Network, Asked, Finish]:
        """A request to /analyze: every head of a network, or those in `tasks`."""
        asked, tasks = hub_inputs(body["inputs"], self.settings.limits), asked_tasks(body)
        if tasks is not None:
            by_head = {view.head: view for view in views}
            for name in tasks:
                if name not in by_head:
                    raise unknown_name(f"head of {network.name}", name, by_head)
            views = [by_head[name] for name in tasks]
        return network, asked, partial(analysis_body, asked, views, network)

    async def respond(
        self, request: Request, read: Callable[[dict[str, Any]], tuple[Network, Asked, Finish]]
    ) -> Response:
        """Read a request, have it answered within the timeout; whatever goes wrong becomes a JSON error."""
        limits = self.settings.limits
        share = Share(self.held)
        try:
            async with asyncio.timeout(limits.timeout_s):
                network, asked, finish = read(parse(await read_body(request, limits, share)))
                lane = self.lanes[network.name]
                body = await unless_gone(request, lane.answer(asked.texts, finish))
        except ClientGone:
            self.metrics.gone.add()
            return Response(status_code=499)
        except TimeoutError:
            return error_response(504, f"Not answered within {limits.timeout_s:g} seconds, the limit of this server.")
        except MunjangError as error:
            return munjang_error(error)
        except Exception as error:  # the message may hold a text, so it is not logged
            log.error("%s while answering: %s", type(error).__name__, places(error))
            return error_response(500, "The server could not answer this; its log says where it failed.")
        finally:
            share.release()
        if self.settings.log_texts:
            log.info("%s %s -> %s", network.name, json.dumps(list(asked.texts), ensure_ascii=False), body.decode())
        return Response(body, media_type="application/json")


async def unless_gone(request: Request, work: Coroutine[Any, Any, bytes]) -> bytes:
    """The result of `work`, which is cancelled when the client closes its connection. ClientGone."""
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise ClientGone
    finally:
        answer.cancel()
        gone.cancel()


async def until_gone(request: Request) -> None:
    """Wait for the end of the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def places(error: Exception) -> str:
    """Where an error came from, without the message and the values in it."""
    return " < ".join(
        f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))
    )


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = error_body(KINDS.get(status, "Backend"), message)
    return Response(body, status, headers, media_type="application/json")


def munjang_error(error: MunjangError) -> Response:
    """An error with the status of its kind."""
    headers = {"Retry-After": str(error.retry_s)} if isinstance(error, Overloaded) else None
    return error_response(error.http_status, str(error), headers)


def make_app(models: Models, settings: Settings) -> FastAPI:
    """The application for these models."""
    service = Service(models, settings)
    app = FastAPI(
        title="munjang", version=__version__, lifespan=service.alive, docs_url=None, redoc_url=None,
        description="Korean sentence classification.",
    )  # fmt: skip
    app.state.service = service
    add_answers(app, service)
    add_facts(app, service)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        message = {
            404: "There is nothing at this address; /docs lists what there is.",
            405: f"This address does not take {request.method}; /docs lists what there is.",
        }.get(error.status_code, str(error.detail))
        return error_response(error.status_code, message, dict(error.headers or {}))

    if settings.api_key:
        app.add_middleware(Keyed, key=settings.api_key)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"], expose_headers=["Retry-After"],
        )  # fmt: skip
    app.add_middleware(Counted, metrics=service.metrics, limits=settings.limits)
    return app


def add_answers(app: FastAPI, service: Service) -> None:
    """The routes that classify."""
    models = service.models
    default = models.network_of(models.default)

    @app.post("/", summary="The default model, for the hub's clients", openapi_extra=HUB, responses=ERRORS)
    async def hub(request: Request) -> Response:
        return await service.respond(request, partial(service.hub, models.default))

    @app.post(
        "/predict", summary="The default model, as text-embeddings-inference", openapi_extra=PREDICT, responses=ERRORS
    )
    async def predict(request: Request) -> Response:
        return await service.respond(request, partial(service.predict, models.default))

    @app.post("/analyze", summary="All heads of the default model in one pass", openapi_extra=ANALYZE, responses=ERRORS)
    async def analyze(request: Request) -> Response:
        return await service.respond(request, partial(service.analyze, default, default.views))

    @app.post(
        "/models/{name:path}/predict",
        summary="A model, as text-embeddings-inference",
        openapi_extra=PREDICT,
        responses=ERRORS,
    )
    async def named_predict(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.predict(models.view(name), body))

    @app.post(
        "/models/{name:path}/analyze",
        summary="All heads of a model in one pass",
        openapi_extra=ANALYZE,
        responses=ERRORS,
    )
    async def named_analyze(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.analyze(*models.network(name), body))

    @app.post("/models/{name:path}", summary="A model, for the hub's clients", openapi_extra=HUB, responses=ERRORS)
    async def named_hub(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.hub(models.view(name.rstrip("/")), body))


def add_facts(app: FastAPI, service: Service) -> None:
    """The routes that say what there is and how it goes."""
    models = service.models

    def answered(value: Any, status: int = 200) -> Response:
        return Response(dumped(value), status, media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        known = [] if service.settings.api_key else models.known  # this page needs no key, so it tells nothing
        if "text/html" in request.headers.get("accept", ""):
            return Response(home_page(known), media_type="text/html")
        return answered({"munjang": __version__, "models": known, "docs": "/docs"})

    @app.get("/models", summary="All models, and which is the default")
    async def all_models() -> Response:
        described = [network.describe() for network in models.networks.values()]
        return answered({"default": models.default.name, "models": described})

    @app.get("/models/{name:path}", summary="One model: its labels, heads and length")
    async def one_model(name: str) -> Response:
        try:
            network, views = models.network(name.rstrip("/"))
        except MunjangError as error:
            return munjang_error(error)
        if name.rstrip("/") in models.networks:
            return answered(network.describe())
        return answered({**network.describe(), **views[0].describe()})

    @app.get("/health", summary="200 while the server can answer")
    async def health() -> Response:
        return (
            answered({"status": "ok"}) if service.healthy else error_response(503, "A queue has stopped; start anew.")
        )

    @app.get("/metrics", summary="Counts and times for Prometheus")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(docs_page(app.openapi(), models), media_type="text/html")
