"""Runs a server: the socket, the event loop, the signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from munjang.errors import ConfigError
from munjang.files import remove_abandoned, temporary_files
from munjang.serving.app import make_app
from munjang.serving.connections import SILENT_S, Connection
from munjang.serving.models import open_models
from munjang.serving.settings import LOCAL, Settings
from munjang.translation import _, options_as, python_form

log = logging.getLogger("munjang")

UNREAD_S = 0.1  # for requests that came before the signal
BACKLOG = 1_024  # connections that the system keeps until they are accepted


class Server(uvicorn.Server):
    """uvicorn's server, which calls `ready` when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.sleep(UNREAD_S)  # uvicorn would close the connections whose requests it has not read yet
        await super().shutdown(sockets)


def serve_models(names: Sequence[str], settings: Settings, *, precision: str = "fp32") -> None:
    """Serve models until SIGTERM or SIGINT. Accepted requests are answered first; a second SIGINT stops at once.

    names: see `open_models`. Files of clients are worked on in processes of their own: a script that calls this does so
    under `if __name__ == "__main__"`. ConfigError: the address cannot be used. Errors of models: see `munjang.load`.
    """
    listener = open_socket(settings.host, settings.port)
    remove_abandoned(temporary_files())  # what people sent to a server that was killed
    try:
        models = open_models(names, default=settings.default, precision=precision)
        app = make_app(models, settings)
        url = address(listener, settings.host)
        if settings.host not in (LOCAL, "localhost", "::1") and not settings.api_key:
            log.warning(_("Everyone who can reach {url} can use it; {option:api_key} requires a key.", url=url))

        def ready() -> None:
            log.info("Serving %s at %s (/docs lists all routes). Ctrl-C stops.", ", ".join(models.known), url)

        server = Server(server_config(app, settings), ready)
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            # uvicorn handles the signals, and raises them again when it has stopped: by then they are ignored.
            with options_as(python_form):  # clients do not see the command line
                server.run(sockets=[listener])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    finally:
        listener.close()
    log.info("Stopped.")


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's settings. Requests are not logged: their paths are text from clients."""
    return uvicorn.Config(
        app, http=Connection, log_config=None, log_level="warning", access_log=False, server_header=False, ws="none",
        lifespan="on", timeout_keep_alive=SILENT_S, timeout_graceful_shutdown=int(settings.limits.timeout_s) + 5,
        backlog=BACKLOG, proxy_headers=False,
    )  # fmt: skip


def open_socket(host: str, port: int) -> socket.socket:
    """A bound socket, before any model is read. ConfigError: no such host, or the port is taken or not allowed."""
    try:
        family, kind, protocol, __, socket_address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(
            _("{option:host={host}} is not an address of this machine. Use {local} or 0.0.0.0.", host=host, local=LOCAL)
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(socket_address)
    except OSError as error:
        listener.close()
        raise ConfigError(
            _(
                "The server cannot listen at {host}, port {port}: {reason}. Choose another port with {option:port}, "
                "or a free one with {option:port=0}.",
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
