"""One connection of a client: what uvicorn leaves open of its limits, in bytes of the head and in silent seconds."""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from munjang.serving.failures import error_response
from munjang.translation import _

HEAD_BYTES = 65_536  # of the first line and the headers of a request
SILENT_S = 30  # for the head of a request, between requests, and to take a part of an answer
REFUSED_S = 1  # what comes after a refusal is dropped: many clients read an answer only when they have sent it all


class HeadTooLong(Exception):
    """The head of a request is over HEAD_BYTES."""


class Connection(HttpToolsProtocol):
    """A connection that refuses a long head, and is closed when its client neither sends nor reads.

    uvicorn's `timeout_keep_alive` starts only after an answer, ends with the first byte of the next request, and h11
    alone has a limit for heads; httptools is faster.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.in_head = self.refused = False
        self.head_read = self.head_kept = 0  # bytes of the open head: read in whole pieces, and in parsed parts
        self.stalled: TimerHandle | None = None
        self.expect_request()
        self.close_if_silent()

    def expect_request(self) -> None:
        self.deadline = self.loop.time() + SILENT_S

    def close_if_silent(self) -> None:
        """Close the connection at the deadline, unless a request is complete or an answer under way by then."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.timeout_keep_alive_task is None and not answering:
            self.timeout_keep_alive_task = self.loop.call_at(self.deadline, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            return
        was_in_head = self.in_head
        super().data_received(data)
        if self.refused or self.transport.is_closing():
            return
        if was_in_head and self.in_head:
            self.head_read += len(data)
            if self.head_read > HEAD_BYTES:
                self.refuse(431)
                return
        self.close_if_silent()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head, self.head_read, self.head_kept = True, 0, 0
        self.expect_request()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.keep(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.keep(name, b": ", value, b"\r\n")
        super().on_header(name, value)

    def keep(self, *parts: bytes) -> None:
        self.head_kept += sum(map(len, parts))
        if self.head_kept > HEAD_BYTES:
            raise HeadTooLong

    def on_headers_complete(self) -> None:
        self.in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.expect_request()

    def send_400_response(self, msg: str) -> None:
        """The answer to what the parser, or one of its callbacks above, could not take."""
        self.refuse(431 if self.head_kept > HEAD_BYTES else 400)

    def refuse(self, status: int) -> None:
        """Answer with an error in JSON, and close the connection soon."""
        self.refused = True
        message = {
            400: _("The request is not valid HTTP."),
            431: _("The headers are longer than {limit:,} bytes, the limit of this server.", limit=HEAD_BYTES),
        }[status]
        response = error_response(status, message, {"Connection": "close"})
        lines = [STATUS_LINE[status], *(name + b": " + value + b"\r\n" for name, value in response.raw_headers)]
        self.transport.write(b"".join([*lines, b"\r\n", bytes(response.body)]))
        self.loop.call_later(REFUSED_S, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unwatch()

    def watch(self, unread: int) -> None:
        """Abort the connection if its client takes none of the `unread` bytes in time."""

        def check() -> None:
            left = self.transport.get_write_buffer_size()
            if left < unread:
                self.watch(left)
            else:
                self.transport.abort()

        self.stalled = self.loop.call_later(SILENT_S, check)

    def unwatch(self) -> None:
        if self.stalled is not None:
            self.stalled.cancel()
            self.stalled = None

    def connection_lost(self, exc: Any) -> None:
        super().connection_lost(exc)
        self.unwatch()
