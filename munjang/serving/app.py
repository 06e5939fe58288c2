"""The web application: its routes, over a Service."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from munjang import __version__
from munjang.errors import MunjangError
from munjang.serving.api.answers import dumped
from munjang.serving.api.cards import card_of
from munjang.serving.api.parsing import add_parsing
from munjang.serving.api.schemas import ANALYZE, ERRORS, EXPLAIN, HUB, PREDICT
from munjang.serving.metrics import CONTENT_TYPE
from munjang.serving.middleware import Counted, Hosted, Keyed
from munjang.serving.models import Models
from munjang.serving.pages import docs_page
from munjang.serving.playground.assets import HEADERS, page_html
from munjang.serving.playground.routes import add_playground
from munjang.serving.service import Service, error_response, munjang_error
from munjang.serving.settings import Settings
from munjang.translation import _, option_text

NO_BODY = 64  # bytes, the smallest limit that is allowed: the body of a GET request is ignored


def make_app(models: Models, settings: Settings) -> FastAPI:
    """The application for these models."""
    service = Service(models, settings)
    app = FastAPI(
        title="munjang", version=__version__, lifespan=service.alive, docs_url=None, redoc_url=None,
        description="Korean sentence classification.",
    )  # fmt: skip
    app.state.service = service
    add_parsing(app, service)
    add_answers(app, service)
    add_facts(app, service)
    add_playground(app, service)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        message = {
            404: _("There is nothing at this address. See /docs for all addresses."),
            405: _("This address does not take {method}. See /docs for all addresses.", method=request.method),
        }.get(error.status_code, str(error.detail))
        return error_response(error.status_code, message, dict(error.headers or {}))

    if settings.api_key:
        app.add_middleware(Keyed, key=settings.api_key)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"], expose_headers=["Retry-After"],
        )  # fmt: skip
    if settings.known_hosts:
        refusal = _(  # its form is that of this moment: who starts the server can follow the advice
            "The header Host does not name this server. Allow another name with {hosts}.",
            hosts=option_text(hosts=("NAME",)),
        )
        app.add_middleware(Hosted, names=settings.known_hosts, refusal=refusal)
    app.add_middleware(Counted, metrics=service.metrics, limits=settings.limits)
    return app


def add_answers(app: FastAPI, service: Service) -> None:
    """Add the routes that predict."""
    models = service.models

    @app.post("/", summary="The default model, for the hub's clients", openapi_extra=HUB, responses=ERRORS)
    async def hub(request: Request) -> Response:
        return await service.respond(request, lambda body: service.hub(models.default, body))

    @app.post(
        "/predict", summary="The default model, as text-embeddings-inference", openapi_extra=PREDICT, responses=ERRORS
    )
    async def predict(request: Request) -> Response:
        return await service.respond(request, lambda body: service.predict(models.default, body))

    @app.post("/analyze", summary="All heads of the default model in one pass", openapi_extra=ANALYZE, responses=ERRORS)
    async def analyze(request: Request) -> Response:
        return await service.respond(request, lambda body: service.analyze(*models.whole(models.default), body))

    @app.post(
        "/models/{name:path}/predict",
        summary="A model, as text-embeddings-inference",
        openapi_extra=PREDICT,
        responses=ERRORS,
    )
    async def named_predict(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.predict(models.classifier(name), body))

    @app.post(
        "/models/{name:path}/analyze",
        summary="All heads of a model in one pass",
        openapi_extra=ANALYZE,
        responses=ERRORS,
    )
    async def named_analyze(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.analyze(*models.resolve(name), body))

    @app.post(
        "/models/{name:path}/explain",
        summary="What each eojeol of one text contributes to the answers",
        openapi_extra=EXPLAIN,
        responses=ERRORS,
    )
    async def named_explain(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.explain(*models.resolve(name), body))

    @app.post("/models/{name:path}", summary="A model, for the hub's clients", openapi_extra=HUB, responses=ERRORS)
    async def named_hub(request: Request, name: str) -> Response:
        return await service.respond(request, lambda body: service.hub(models.classifier(name.rstrip("/")), body))


def add_facts(app: FastAPI, service: Service) -> None:
    """Add the routes that describe the models and the state of the server."""
    models = service.models

    def answered(value: Any, status: int = 200) -> Response:
        return Response(dumped(value), status, media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return Response(page_html(), media_type="text/html", headers=HEADERS)
        known = [] if service.settings.api_key else models.known  # this address needs no key, so it names no models
        return answered({"munjang": __version__, "models": known, "docs": "/docs"})

    @app.get("/models", summary="All models, and the default")
    async def all_models() -> Response:
        described = [model.describe() for model in (*models.loaded.values(), *models.parsers.values())]
        return answered({"default": models.first and models.first.name, "models": described})

    @app.get("/models/{name:path}/card", summary="How good a model is: scores, confusion matrix, README")
    async def card(request: Request, name: str) -> Response:
        def work(body: bytes) -> Response:
            classifier = models.classifier(name)
            return answered(card_of(models.model_of(classifier), classifier))

        return await service.respond_in_file_thread(request, work, NO_BODY)

    @app.get("/models/{name:path}", summary="One model: its labels, heads and length")
    async def one_model(name: str) -> Response:
        if name.rstrip("/") in models.parsers:
            return answered(models.parsers[name.rstrip("/")].describe())
        try:
            model, classifiers = models.resolve(name.rstrip("/"))
        except MunjangError as error:
            return munjang_error(error)
        if name.rstrip("/") in models.loaded:
            return answered(model.describe())
        return answered({**model.describe(), **classifiers[0].describe()})

    @app.get("/health", summary="200 while the server can answer")
    async def health() -> Response:
        if service.healthy:
            return answered({"status": "ok"})
        return error_response(503, _("A queue has stopped. Start the server again."))

    @app.get("/metrics", summary="Counts and times for Prometheus")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(docs_page(app.openapi(), models), media_type="text/html")
