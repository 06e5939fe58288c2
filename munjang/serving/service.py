"""The way of a request: read, checked, answered by the queue of its model. Every failure becomes a JSON error."""

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
from munjang.translation import _

log = logging.getLogger("munjang")

ERROR_TYPES = {401: "Unauthorized", 404: "NotFound", 405: "NotFound", 413: "Validation", 421: "Misdirected",
         422: "Validation", 503: "Overloaded", 504: "Timeout"}  # fmt: skip
"""Status -> error_type; Backend for any other status."""

FILES = 8  # files of the largest size that may be kept at once, as bodies of requests

Answered = TypeVar("Answered")


class ClientGone(Exception):
    """The client closed its connection."""


class Service:
    """The models of a server, a queue for each model, and the metrics."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self.models, self.settings, self.metrics = models, settings, Metrics()
        self.body_budget = MemoryBudget(BODIES * settings.limits.body_bytes)
        self.file_budget = MemoryBudget(FILES * settings.limits.file_bytes)
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="munjang")
        self.file_executor = ThreadPoolExecutor(1, thread_name_prefix="munjang-files")
        self.queues = {
            name: BatchQueue(model, settings, self.executor, self.metrics)
            for name, model in (*models.loaded.items(), *models.parsers.items())
        }
        self.running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def alive(self, app: FastAPI) -> AsyncIterator[None]:
        """Run the queues inside the context; at its end, they finish the accepted requests."""
        self.running = [asyncio.create_task(queue.serve()) for queue in self.queues.values()]
        try:
            yield
        finally:
            for queue in self.queues.values():
                queue.close()
            await asyncio.gather(*self.running, return_exceptions=True)
            self.executor.shutdown()
            self.file_executor.shutdown(cancel_futures=True)

    @property
    def healthy(self) -> bool:
        return not any(task.done() for task in self.running)

    def hub(self, classifier: Classifier, body: dict[str, Any]) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request in the shape of the hub's clients."""
        inputs, options = hub_inputs(body["inputs"], self.settings.limits), hub_options(body)
        model = self.models.model_of(classifier)
        return model, inputs, partial(hub_body, inputs, classifier, model, options)

    def predict(self, classifier: Classifier, body: dict[str, Any]) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /predict in the shape of text-embeddings-inference."""
        inputs, options = tei_inputs(body["inputs"], self.settings.limits), tei_options(body)
        model = self.models.model_of(classifier)
        return model, inputs, partial(tei_body, inputs, classifier, model, options)

    def analyze(
        self, model: LoadedModel, classifiers: Sequence[Classifier], body: dict[str, Any]
    ) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /analyze: every head of a model, or those in `tasks`."""
        inputs, tasks = hub_inputs(body["inputs"], self.settings.limits), asked_tasks(body)
        return model, inputs, partial(analysis_body, inputs, chosen_classifiers(model, classifiers, tasks), model)

    def explain(
        self, model: LoadedModel, classifiers: Sequence[Classifier], body: dict[str, Any]
    ) -> tuple[LoadedModel, ParsedInputs, Finish]:
        """A request to /explain: one text, without each of its eojeols in turn."""
        parsed = ExplainRequest.of(one_text(body["inputs"], self.settings.limits), self.settings.limits.words)
        classifiers = chosen_classifiers(model, classifiers, asked_tasks(body))
        return model, ParsedInputs(parsed.texts, True), partial(explain_body, parsed, classifiers, model)

    async def respond(
        self, request: Request, read: Callable[[dict[str, Any]], tuple[LoadedModel, ParsedInputs, Finish]]
    ) -> Response:
        """Read a request and have it answered by the queue of its model."""

        async def answer(lease: Lease) -> Response:
            model, inputs, finish = read(parse(await read_body(request, self.settings.limits, lease)))
            body = await unless_gone(request, self.queues[model.name].answer(inputs.texts, finish))
            if self.settings.log_texts:
                log.info("%s %s -> %s", model.name, json.dumps(list(inputs.texts), ensure_ascii=False), body.decode())
            return Response(body, media_type="application/json")

        return await self.within(answer, self.body_budget)

    async def respond_in_file_thread(self, request: Request, work: Callable[[bytes], Response], most: int) -> Response:
        """Read a body of at most `most` bytes and have it answered in the thread for files, one at a time."""

        async def answer(lease: Lease) -> Response:
            body = await read_body(request, replace(self.settings.limits, body_bytes=most), lease)
            loop = asyncio.get_running_loop()
            return await unless_gone(request, loop.run_in_executor(self.file_executor, work, body))

        return await self.within(answer, self.file_budget)

    async def within(self, answer: Callable[[Lease], Awaitable[Response]], budget: MemoryBudget) -> Response:
        """What `answer` gives within the timeout. Every failure becomes a JSON error."""
        limits = self.settings.limits
        lease = Lease(budget)
        try:
            async with asyncio.timeout(limits.timeout_s):
                return await answer(lease)
        except (ClientGone, ClientDisconnect):
            self.metrics.gone.add()
            return Response(status_code=499)
        except TimeoutError:
            message = _("No answer within {seconds:g} seconds, the limit of this server.", seconds=limits.timeout_s)
            return error_response(504, message)
        except MunjangError as error:
            return munjang_error(error)
        except Exception as error:  # the message may hold a text, so it is not logged
            log.error("%s while answering: %s", type(error).__name__, error_location(error))
            return error_response(500, _("The server could not answer this request. Its log says where it failed."))
        finally:
            lease.release()


def chosen_classifiers(
    model: LoadedModel, classifiers: Sequence[Classifier], tasks: Sequence[str] | None
) -> Sequence[Classifier]:
    """The classifiers of these heads; all of them for None. UnknownName."""
    if tasks is None:
        return classifiers
    by_head = {classifier.head: classifier for classifier in classifiers}
    for name in tasks:
        if name not in by_head:
            raise unknown_name(_("head of {model}", model=model.name), name, by_head)
    return [by_head[name] for name in tasks]


async def unless_gone(request: Request, work: Awaitable[Answered]) -> Answered:
    """The result of `work`. ClientGone: the client closed its connection first; `work` is then cancelled."""
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
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def error_location(error: Exception) -> str:
    """The files and lines that an error came from, without its message and values."""
    return " < ".join(
        f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))
    )


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = error_body(ERROR_TYPES.get(status, "Backend"), message)
    return Response(body, status, headers, media_type="application/json")


def munjang_error(error: MunjangError) -> Response:
    """The response for an error, with the status of its class."""
    headers = {"Retry-After": str(error.retry_s)} if isinstance(error, Overloaded) else None
    return error_response(error.http_status, str(error), headers)
