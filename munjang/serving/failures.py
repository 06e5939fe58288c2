"""Every failure as JSON: `{"error": message, "error_type": kind}`, with the status of its kind."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from munjang.errors import MunjangError
from munjang.serving.settings import Overloaded
from munjang.translation import _

log = logging.getLogger("munjang")

ERROR_TYPES = {400: "Validation", 401: "Unauthorized", 404: "NotFound", 405: "NotFound", 413: "Validation",
         421: "Misdirected", 422: "Validation", 431: "Validation", 503: "Overloaded", 504: "Timeout"}  # fmt: skip
"""Status -> error_type; Backend for any other status."""


class ErrorAnswer(BaseModel):
    """The body of every error."""

    error: str = Field(description="What was found, where, and what to do")
    error_type: str = Field(examples=["Validation"])


def described(description: str) -> dict[str, Any]:
    return {"model": ErrorAnswer, "description": description}


FACT_ERRORS: dict[int | str, dict[str, Any]] = {
    400: described(description="The request is not valid HTTP, or has not one header Host"),
    401: described(description="The API key is missing or wrong"),
    404: described(description="No such model or head; the message lists the known ones"),
    421: described(description="The header Host does not name this server"),
    422: described(description="The request cannot be used; the message says where, the limit and what to do"),
    431: described(description="The headers are too long"),
}
ERRORS: dict[int | str, dict[str, Any]] = {
    **FACT_ERRORS,
    413: described(description="The body is too large"),
    500: described(description="The model failed on this request; the log says where"),
    503: described(description="No room in the queue; the header Retry-After says when to try again"),
    504: described(description="No answer within the time limit"),
}
"""What /openapi.json says about the errors of a route with a body; FACT_ERRORS: of one without."""


class ClientGone(Exception):
    """The client closed its connection."""


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response for an error. Half surrogate pairs, which a message may quote, are replaced."""
    message = message.encode(errors="replace").decode()
    body = ErrorAnswer(error=message, error_type=ERROR_TYPES.get(status, "Backend")).model_dump_json()
    return Response(body, status, headers, media_type="application/json")


def failure(error: Exception, scope: Scope) -> Response:
    """The response for what a route raised. The message of an unexpected error may hold a text, so it is not logged."""
    match error:
        case MunjangError():
            headers = {"Retry-After": str(error.retry_s)} if isinstance(error, Overloaded) else {}
            # Of a body that is too large, more may come.
            closing = {"Connection": "close"} if error.http_status == 413 else {}
            return error_response(error.http_status, str(error), headers | closing)
        case HTTPException():
            message = {
                404: _("There is nothing at this address. See /docs for all addresses."),
                405: _("This address does not take {method}. See /docs for all addresses.", method=scope["method"]),
            }.get(error.status_code, str(error.detail))
            return error_response(error.status_code, message, error.headers)
        case TimeoutError():
            seconds = scope["app"].state.service.settings.limits.timeout_s
            message = _("No answer within {seconds:g} seconds, the limit of this server.", seconds=seconds)
            return error_response(504, message, {"Connection": "close"})  # the body may not be complete
        case ClientGone() | ClientDisconnect():
            scope["app"].state.service.metrics.gone.inc()
            return Response(status_code=499)
    frames = traceback.extract_tb(error.__traceback__)[-12:]  # the outer ones are the web framework's
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    log.error("%s while answering: %s", type(error).__name__, where)
    return error_response(500, _("The server could not answer this request. Its log says where it failed."))
