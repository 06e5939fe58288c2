"""The web application: its routes, over a Service."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from munjang import __version__
from munjang.serving.api.explanations import add_explanations
from munjang.serving.api.facts import add_facts
from munjang.serving.api.parsing import add_parsing
from munjang.serving.api.predictions import add_predictions
from munjang.serving.api.route import BodyRoute
from munjang.serving.failures import failure
from munjang.serving.middleware import Counted, Guarded, Hosted, Keyed
from munjang.serving.models import Models
from munjang.serving.playground.routes import add_playground
from munjang.serving.service import Service
from munjang.serving.settings import Settings
from munjang.translation import _, option_text


def make_app(models: Models, settings: Settings) -> FastAPI:
    """The application for these models."""
    service = Service(models, settings)
    app = FastAPI(
        title="munjang", version=__version__, lifespan=service.alive, docs_url=None, redoc_url=None,
        description="Korean sentence classification.", exception_handlers={HTTPException: no_route},
        generate_unique_id_function=lambda route: route.name,
    )  # fmt: skip
    app.state.service = service
    app.router.route_class = BodyRoute
    for add in (add_parsing, add_explanations, add_predictions, add_facts, add_playground):
        add(app, service)
    app.add_middleware(Guarded)
    if settings.api_key:
        app.add_middleware(Keyed, key=settings.api_key)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"], expose_headers=["Retry-After"],
        )  # fmt: skip
    refusal = _(  # its form is that of this moment: who starts the server can follow the advice
        "The header Host does not name this server. Allow another name with {hosts}.",
        hosts=option_text(hosts=("NAME",)),
    )
    app.add_middleware(Hosted, names=settings.known_hosts, refusal=refusal)
    app.add_middleware(Counted, metrics=service.metrics, limits=settings.limits)
    return app


async def no_route(request: Request, error: HTTPException) -> Response:
    """Starlette answers this error before it comes to `Guarded`."""
    return failure(error, request.scope)
