"""A server from its settings to its end: the socket, the loop, the signals."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from munjang.errors import ConfigError
from munjang.serving.app import make_app
from munjang.serving.models import open_models
from munjang.serving.settings import LOCAL, Settings
from munjang.translation import _

log = logging.getLogger("munjang")

BACKLOG = 1_024  # connections that the system keeps until they are taken


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()


def serve_models(names: Sequence[str], settings: Settings, *, precision: str = "fp32") -> None:
    """Serve models until SIGTERM or SIGINT; what was accepted by then is answered first.

    names: as `open_models` takes them. ConfigError: the address cannot be had. Errors of models as `munjang.load` has
    them. A second SIGINT stops at once.
    """
    listener = open_socket(settings.host, settings.port)
    try:
        models = open_models(names, default=settings.default, precision=precision)
        app = make_app(models, settings)
        url = address(listener, settings.host)
        if settings.host not in (LOCAL, "localhost", "::1") and not settings.api_key:
            log.warning("Whoever reaches %s may ask; --api-key asks for a key.", url)

        def ready() -> None:
            log.info("Serving %s at %s (/docs says how to ask). Ctrl-C stops.", ", ".join(models.known), url)

        server = Server(server_config(app, settings), ready)
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            # uvicorn takes the signals over, and when it has stopped raises them again: by then they are ignored.
            server.run(sockets=[listener])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    finally:
        listener.close()
    log.info("Stopped.")


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's settings. No log of requests: their paths are a client's words."""
    return uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="on",
        timeout_keep_alive=30, timeout_graceful_shutdown=int(settings.limits.timeout_s) + 5, backlog=BACKLOG,
        proxy_headers=False,
    )  # fmt: skip


def open_socket(host: str, port: int) -> socket.socket:
    """A bound socket, before any model is read. ConfigError: no such host, or the port is taken or not allowed."""
    try:
        family, kind, protocol, __, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(
            _("--host {host} is no address of this machine. Usual are {local} and 0.0.0.0.", host=host, local=LOCAL)
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise ConfigError(
            _(
                "Nothing can listen at {host}, port {port}: {reason}. Choose another with --port, or "
                "--port 0 for a free one.",
                host=host,
                port=port,
                reason=error.strerror or error,
            )
        ) from error
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The URL of a bound socket."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
