"""Checks before any route: the API key, the header Host, the limit of current requests; and the request counts."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from munjang.serving.failures import error_response, failure
from munjang.serving.metrics import Metrics
from munjang.serving.playground.assets import PAGE_FILES
from munjang.serving.settings import Limits
from munjang.translation import _

OPEN = frozenset({"/", "/health", *PAGE_FILES})
"""What GET answers without a key: the playground, which asks for the key, and whether the server is alive."""
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+,;=-]*)(:\d*)?", re.ASCII)


def header(scope: Scope, name: bytes) -> bytes:
    """The first header with this name; b"" without one."""
    return next((value for key, value in scope["headers"] if key == name), b"")


class Counted:
    """Counts and times requests, and turns requests away when there are too many. HEAD is answered like GET."""

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.under_way = 0
        metrics.under_way.set_function(lambda: self.under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server keeps its own scope, and sends no body

        async def send_counted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self.under_way += 1
        try:
            if self.under_way > self.limits.queue and scope["method"] == "POST":
                await self.turn_away(scope, receive, send_counted)
            else:
                await self.app(scope, receive, send_counted)
        finally:
            self.under_way -= 1
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began)

    async def turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 without reading the request."""
        self.metrics.turned_away.labels("requests").inc()
        message = _(
            "This server already works on {count:,} requests, its limit. Try again later.", count=self.limits.queue
        )
        await error_response(503, message, {"Retry-After": "1"})(scope, receive, send)


class Hosted:
    """Lets in only requests that call the server by one of its names, or any if there are none: `Settings.known_hosts`.

    A request with several headers Host, none in HTTP/1.1, or a strange one is refused (RFC 9112, 3.2): a proxy in front
    may have read another name from it.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], refusal: str) -> None:
        self.app, self.names, self.refusal = app, names, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name == b"host"]
            if not values and scope["http_version"] == "1.0":
                values = [b""]
            match = HOST.fullmatch(values[0].decode("latin-1")) if len(values) == 1 else None
            if match is None:
                app = error_response(400, _("The request should have one header Host: a name or address, and a port."))
            elif self.names and match["name"].casefold().rstrip(".") not in self.names:
                app = error_response(421, self.refusal)
        await app(scope, receive, send)


class Keyed:
    """Lets in only clients that send the key as `Authorization: Bearer KEY`; compared in constant time."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app, self.expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        is_open = scope["type"] != "http" or (scope["method"] == "GET" and scope["path"] in OPEN)
        if not is_open and not hmac.compare_digest(self.authorization(scope), self.expected):
            message = _("This server needs its API key in the header Authorization: Bearer KEY.")
            app = error_response(401, message, {"WWW-Authenticate": "Bearer"})
        await app(scope, receive, send)

    @staticmethod
    def authorization(scope: Scope) -> bytes:
        """The Authorization header, with its scheme spelled `Bearer`."""
        value = header(scope, b"authorization")
        scheme, space, key = value.partition(b" ")
        return b"Bearer" + space + key.strip() if scheme.lower() == b"bearer" else value


class Guarded:
    """Answers for a route that raised."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            await failure(error, scope)(scope, receive, send)
