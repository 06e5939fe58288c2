"""What happens to a request: read, checked, answered by its lane; whatever goes wrong becomes a JSON error."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from munjang.errors import MunjangError, unknown_name
from munjang.serving.api.answers import analysis_body, hub_body, tei_body
from munjang.serving.api.explanations import ExplainRequest, explain_body
from munjang.serving.api.requests import (
    BODIES,
    Lease,
    MemoryBudget,
    ParsedInputs,
    asked_tasks,
    hub_inputs,
    hub_options,
    one_text,
    parse,
    read_body,
    tei_inputs,
    tei_options,
)
from munjang.serving.batching import BatchQueue, Finish
from munjang.serving.loaded import Classifier, LoadedModel
from munjang.serving.metrics import Metrics
from munjang.serving.middleware import error_body
from munjang.serving.models import Models
from munjang.serving.settings import Overloaded, Settings

log = logging.getLogger("munjang")

ERROR_TYPES = {401: "Unauthorized", 404: "NotFound", 405: "NotFound", 413: "Validation", 421: "Misdirected",
         422: "Validation", 503: "Overloaded", 504: "Timeout"}  # fmt: skip
"""Status -> error_type; any other is Backend."""


FILES = 8  # of the largest file that may be kept at once, as bodies of requests

Answered = TypeVar("Answered")


class ClientGone(Exception):
    """Nobody is left to answer."""


class Service:
    """The models of a server, a lane for each network, and what they count."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self.models, self.settings, self.metrics = models, settings, Metrics()
        self.held = MemoryBudget(BODIES * settings.limits.body_bytes)
        self.files = MemoryBudget(FILES * settings.limits.file_bytes)
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="munjang")
        self.file_executor = ThreadPoolExecutor(1, thread_name_prefix="munjang-files")
        self.queues = {
            name: BatchQueue(network, settings, self.threads, self.metrics)
            for name, network in (*models.networks.items(), *models.parsers.items())
        }
        self.running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def alive(self, _: FastAPI) -> AsyncIterator[None]:
        """Lanes run within; at the end they finish what was accepted."""
        self.running = [asyncio.create_task(batch_queue.serve()) for batch_queue in self.queues.values()]
        try:
            yield
        finally:
            for batch_queue in self.queues.values():
                batch_queue.close()
            await asyncio.gather(*self.running, return_exceptions=True)
            self.threads.shutdown()
            self.file_executor.shutdown(cancel_futures=True)

    @property
    def healthy(self) -> bool:
        return not any(task.done() for task in self.running)

    def hub(self, classifier: Classifier, body: dict[str, Any]) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request in the shape of the hub's clients."""
        asked, options = hub_inputs(body["inputs"], self.settings.limits), hub_options(body)
        network = self.models.network_of(classifier)
        return network, asked, partial(hub_body, asked, classifier, network, options)

    def predict(self, classifier: Classifier, body: dict[str, Any]) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /predict in the shape of text-embeddings-inference."""
        asked, options = tei_inputs(body["inputs"], self.settings.limits), tei_options(body)
        network = self.models.network_of(classifier)
        return network, asked, partial(tei_body, asked, classifier, network, options)

    def analyze(
        self, network: LoadedModel, classifiers: Sequence[Classifier], body: dict[str, Any]
    ) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /analyze: every head of a network, or those in `tasks`."""
        asked, tasks = hub_inputs(body["inputs"], self.settings.limits), asked_tasks(body)
        return network, asked, partial(analysis_body, asked, chosen_classifiers(network, classifiers, tasks), network)

    def explain(
        self, network: LoadedModel, classifiers: Sequence[Classifier], body: dict[str, Any]
    ) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /explain: one text, without each of its eojeols in turn."""
        asking = ExplainRequest.of(one_text(body["inputs"], self.settings.limits), self.settings.limits.words)
        classifiers = chosen_classifiers(network, classifiers, asked_tasks(body))
        return network, ParsedInputs(asking.texts, True), partial(explain_body, asking, classifiers, network)

    async def respond(
        self, request: Request, read: Callable[[dict[str, Any]], tuple[LoadedModel, ParsedInputs, Finish]]
    ) -> Response:
        """Read a request and have it answered by the lane of its network."""

        async def answer(share: Lease) -> Response:
            network, asked, finish = read(parse(await read_body(request, self.settings.limits, share)))
            body = await unless_gone(request, self.queues[network.name].answer(asked.texts, finish))
            if self.settings.log_texts:
                log.info("%s %s -> %s", network.name, json.dumps(list(asked.texts), ensure_ascii=False), body.decode())
            return Response(body, media_type="application/json")

        return await self.within(answer, self.held)

    async def at_the_desk(self, request: Request, work: Callable[[bytes], Response], most: int) -> Response:
        """Read a body of at most that many bytes and have it answered in the thread for files, one at a time."""

        async def answer(share: Lease) -> Response:
            body = await read_body(request, replace(self.settings.limits, body_bytes=most), share)
            loop = asyncio.get_running_loop()
            return await unless_gone(request, loop.run_in_executor(self.file_executor, work, body))

        return await self.within(answer, self.files)

    async def within(self, answer: Callable[[Lease], Awaitable[Response]], held: MemoryBudget) -> Response:
        """What `answer` gives within the timeout; whatever goes wrong becomes a JSON error."""
        limits = self.settings.limits
        share = Lease(held)
        try:
            async with asyncio.timeout(limits.timeout_s):
                return await answer(share)
        except (ClientGone, ClientDisconnect):
            self.metrics.gone.add()
            return Response(status_code=499)
        except TimeoutError:
            return error_response(504, f"Not answered within {limits.timeout_s:g} seconds, the limit of this server.")
        except MunjangError as error:
            return munjang_error(error)
        except Exception as error:  # the message may hold a text, so it is not logged
            log.error("%s while answering: %s", type(error).__name__, error_location(error))
            return error_response(500, "The server could not answer this; its log says where it failed.")
        finally:
            share.release()


def chosen_classifiers(
    network: LoadedModel, classifiers: Sequence[Classifier], tasks: Sequence[str] | None
) -> Sequence[Classifier]:
    """The views of these heads, all of them for None. UnknownName."""
    if tasks is None:
        return classifiers
    by_head = {classifier.head: classifier for classifier in classifiers}
    for name in tasks:
        if name not in by_head:
            raise unknown_name(f"head of {network.name}", name, by_head)
    return [by_head[name] for name in tasks]


async def unless_gone(request: Request, work: Awaitable[Answered]) -> Answered:
    """The result of `work`, which is cancelled when the client closes its connection. ClientGone."""
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(until_gone(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise ClientGone
    finally:
        answer.cancel()
        gone.cancel()


async def until_gone(request: Request) -> None:
    """Wait for the end of the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def error_location(error: Exception) -> str:
    """Where an error came from, without the message and the values in it."""
    return " < ".join(
        f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))
    )


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = error_body(ERROR_TYPES.get(status, "Backend"), message)
    return Response(body, status, headers, media_type="application/json")


def munjang_error(error: MunjangError) -> Response:
    """An error with the status of its kind."""
    headers = {"Retry-After": str(error.retry_s)} if isinstance(error, Overloaded) else None
    return error_response(error.http_status, str(error), headers)
