"""What there is and how it is, over HTTP: the models, their quality, the state of the server, the page of routes."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from munjang import __version__
from munjang.serving.api.cards import ModelCard, card_of
from munjang.serving.api.route import documented
from munjang.serving.failures import FACT_ERRORS, described, error_response
from munjang.serving.loaded import ModelFacts
from munjang.serving.pages import docs_page
from munjang.serving.playground.assets import HEADERS, page_html
from munjang.serving.service import Service
from munjang.translation import _


class ServerFacts(BaseModel):
    """What this server is."""

    munjang: str = Field(description="The version")
    models: list[str] = Field(description="Every name of a model or head; none if a key is needed")
    docs: str


class ModelList(BaseModel):
    """All models."""

    default: str | None = Field(description="Answers at / and /predict; null if there are only parsers")
    models: list[ModelFacts]


class Health(BaseModel):
    """The state of the server."""

    status: str


PAGE: dict[int | str, Any] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
STOPPED = {503: described(description="A queue has stopped")}


def add_facts(app: FastAPI, service: Service) -> None:
    """Add the routes that describe the models and the state of the server."""
    models = service.models
    keyed = partial(documented, service, errors=FACT_ERRORS)
    about_models = partial(app.get, **keyed("models"), response_model_exclude_unset=True)

    @about_models("/models")
    async def all_models() -> ModelList:
        """All models, and the default."""
        facts = [ModelFacts(**model.facts()) for model in models.loaded.values()]
        return ModelList(default=models.first and models.first.name, models=facts)

    @about_models("/models/{name:path}/card")
    def card(name: str) -> ModelCard:
        """How good a model is: scores, confusion matrix, README."""
        return card_of(models.classifier(name))

    @about_models("/models/{name:path}")
    async def one_model(name: str) -> ModelFacts:
        """One model or head: its labels, heads and length."""
        return ModelFacts(**models.facts(name.rstrip("/")))

    @app.get("/", tags=["server"], response_model=ServerFacts, responses=PAGE)
    async def home(request: Request) -> Any:
        """What this server is; the playground, where a browser asks. Needs no key."""
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(page_html(), headers=HEADERS)
        known = [] if service.settings.api_key else models.known  # this address needs no key, so it names no models
        return ServerFacts(munjang=__version__, models=known, docs="/docs")

    @app.get("/health", tags=["server"], response_model=Health, responses=STOPPED)
    async def health() -> Any:
        """200 while the server can answer. Needs no key."""
        if service.healthy:
            return Health(status="ok")
        return error_response(503, _("A queue has stopped. Start the server again."))

    @app.get("/metrics", **keyed("server", kinds=["text/plain"]))
    async def metrics() -> Response:
        """Counts and times for Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi(), models))
