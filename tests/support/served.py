"""A server in a thread on a free port, and a plain client for it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from munjang.serving.app import make_app
from munjang.serving.models import Models, open_models
from munjang.serving.server import Server, address, open_socket, server_config
from munjang.serving.settings import Settings


class Answer(NamedTuple):
    """An answer over HTTP; `body` is read as JSON where it is some."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


class Served(NamedTuple):
    """A server that runs."""

    url: str
    models: Models
    server: Server

    def ask(self, path: str, body: Any = None, *, method: str = "", **headers: str) -> Answer:
        """Send a request on a connection of its own. body: bytes as they are, anything else as JSON."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, raw, lines)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        kind = response.headers.get("content-type", "")
        body = (json.loads(data) if data else None) if "json" in kind else data.decode()
        return Answer(response.status, response.headers, body)

    def number(self, line: str) -> float:
        """The value of one line of /metrics; 0 where it is not there."""
        lines = self.ask("/metrics").body.splitlines()
        return next((float(found.rpartition(" ")[2]) for found in lines if found.startswith(line + " ")), 0.0)


@contextmanager
def served(names: Sequence[str] | Models, **settings: Any) -> Iterator[Served]:
    """A server for the length of a block; at its end it is stopped as SIGTERM stops it."""
    settings = Settings(port=0, **settings)
    models = names if isinstance(names, Models) else open_models(names, default=settings.default)
    listener, ready = open_socket(settings.host, 0), threading.Event()
    server = Server(server_config(make_app(models, settings), settings), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(20)
        yield Served(address(listener, settings.host), models, server)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive()


@contextmanager
def process(*words: object, **environment: str) -> Iterator[tuple[Any, str]]:
    """`munjang serve` on a free port, and its URL once it is ready; killed if it is still there at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "munjang", "serve", *map(str, words), "--port", "0"], stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        line = child.said = ""
        while not line.startswith("Serving"):
            line = child.stderr.readline()
            child.said += line
            assert line, "it ended before it was ready"
        yield child, line.partition(" at ")[2].split()[0]
    finally:
        child.kill()
        child.communicate()
