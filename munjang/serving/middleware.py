"""Checks before any route: the API key, the header Host, the limit of current requests; and the request counts."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from munjang.serving.api.answers import dumped
from munjang.serving.metrics import Metrics
from munjang.serving.playground.assets import PAGE_FILES
from munjang.serving.settings import Limits
from munjang.translation import _

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/", "/health", *PAGE_FILES})
"""What GET answers without a key: the playground, which asks for the key, and whether the server is alive."""


async def send_error(send: Send, status: int, kind: str, message: str, **headers: str) -> None:
    """Send an error without reading the request."""
    body = error_body(kind, message)
    lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def error_body(kind: str, message: str) -> bytes:
    """The body of every error: a message, and the kind of the error."""
    return dumped({"error": message, "error_type": kind})


class Counted:
    """Counts and times requests, and turns requests away when there are too many."""

    def __init__(self, app: App, metrics: Metrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()

        async def send_counted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self.change(+1)
        try:
            if self.under_way > self.limits.queue and scope["method"] == "POST":
                self.metrics.turned_away.add(reason="requests")
                message = _(
                    "This server already works on {count:,} requests, its limit. Try again later.",
                    count=self.limits.queue,
                )
                await send_error(send_counted, 503, "Overloaded", message, retry_after="1")
            else:
                await self.app(scope, receive, send_counted)
        finally:
            self.change(-1)
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.add(route=route, status=str(status))
            self.metrics.seconds.observe(time.perf_counter() - began, route=route)

    def change(self, count: int) -> None:
        self.under_way += count
        self.metrics.under_way.set(self.under_way)


class Hosted:
    """Lets in only requests that call the server by one of its names; see `Settings.known_hosts`."""

    def __init__(self, app: App, names: frozenset[str], refusal: str) -> None:
        self.app, self.names, self.refusal = app, names, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.host(scope) in self.names:
            await self.app(scope, receive, send)
            return
        await send_error(send, 421, "Misdirected", self.refusal)

    @staticmethod
    def host(scope: Scope) -> str:
        """The header Host without its port, in lower case."""
        value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").casefold()
        return value.partition("]")[0] + "]" if value.startswith("[") else value.partition(":")[0].rstrip(".")


class Keyed:
    """Lets in only clients that send the key as `Authorization: Bearer KEY`; compared in constant time."""

    def __init__(self, app: App, key: str) -> None:
        self.app, self.expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] != "http" or (scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN)
        if is_open or hmac.compare_digest(self.authorization(scope), self.expected):
            await self.app(scope, receive, send)
            return
        message = _("This server needs its API key in the header Authorization: Bearer KEY.")
        await send_error(send, 401, "Unauthorized", message, www_authenticate="Bearer")

    @staticmethod
    def authorization(scope: Scope) -> bytes:
        """The Authorization header, with its scheme spelled `Bearer`."""
        value = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, space, key = value.partition(b" ")
        return b"Bearer" + space + key.strip() if scheme.lower() == b"bearer" else value
