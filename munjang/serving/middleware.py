"""Who gets in: the API key, the bound on requests under way, and the count of everything that was answered."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from munjang.serving.api.answers import dumped
from munjang.serving.metrics import Metrics
from munjang.serving.playground.assets import PAGE_FILES
from munjang.serving.settings import Limits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/", "/health", *PAGE_FILES})
"""What GET answers without a key: the playground, which asks for it, and whether the server lives."""


async def send_error(send: Send, status: int, kind: str, message: str, **headers: str) -> None:
    """Answer with an error without reading the request."""
    body = error_body(kind, message)
    lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def error_body(kind: str, message: str) -> bytes:
    """The body of every error: what went wrong in words, and of which kind it is."""
    return dumped({"error": message, "error_type": kind})


class Counted:
    """Counts and times requests, and turns away those that are too many."""

    def __init__(self, app: App, metrics: Metrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self.change(+1)
        try:
            if self.under_way > self.limits.queue and scope["method"] == "POST":
                self.metrics.turned_away.add(reason="requests")
                text = f"{self.limits.queue:,} requests are under way, the limit of this server. Try again later."
                await send_error(watched, 503, "Overloaded", text, retry_after="1")
            else:
                await self.app(scope, receive, watched)
        finally:
            self.change(-1)
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.add(route=route, status=str(status))
            self.metrics.seconds.observe(time.perf_counter() - began, route=route)

    def change(self, count: int) -> None:
        self.under_way += count
        self.metrics.under_way.set(self.under_way)


class Hosted:
    """Lets only requests in that call the server by one of its names: see `Settings.known_hosts`."""

    def __init__(self, app: App, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.called(scope) in self.names:
            await self.app(scope, receive, send)
            return
        message = "The header Host names another host than this server. --allow-host NAME lets a name in."
        await send_error(send, 421, "Misdirected", message)

    @staticmethod
    def called(scope: Scope) -> str:
        """The header Host without its port, in small letters."""
        value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").casefold()
        return value.partition("]")[0] + "]" if value.startswith("[") else value.partition(":")[0].rstrip(".")


class Keyed:
    """Lets only clients in that show the key, as `Authorization: Bearer KEY`; compared in constant time."""

    def __init__(self, app: App, key: str) -> None:
        self.app, self.wanted = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] != "http" or (scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN)
        if is_open or hmac.compare_digest(self.shown(scope), self.wanted):
            await self.app(scope, receive, send)
            return
        message = "This server wants its API key, as the header Authorization: Bearer KEY."
        await send_error(send, 401, "Unauthorized", message, www_authenticate="Bearer")

    @staticmethod
    def shown(scope: Scope) -> bytes:
        """The Authorization header, its scheme in the usual letters."""
        value = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, space, key = value.partition(b" ")
        return b"Bearer" + space + key.strip() if scheme.lower() == b"bearer" else value
