"""Requests gathered into batches: a bounded queue for each model, and one thread that runs all models.

A batch takes a few texts from each request in turn, so that a large request delays the small ones behind it by one turn
and not by its whole length.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from munjang.serving.loaded import LoadedModel, ModelOutputs
from munjang.serving.metrics import Metrics
from munjang.serving.settings import Overloaded, Settings
from munjang.translation import _

log = logging.getLogger("munjang")

BATCH_CHARACTERS = 4_096  # characters in a batch, about 64 reviews; as tokens they fill one or two forward passes
TURN = 16  # texts of one request before the next request has its turn

Finish = Callable[[ModelOutputs], Any]
"""From the outputs for the texts of a request to what answers it; runs in the model's thread."""


@dataclass(eq=False)
class PendingRequest:
    """The texts of a request, how many of them were taken into batches, and the outputs for these."""

    texts: Sequence[str]
    finish: Finish
    future: asyncio.Future[Any]
    taken: int = 0
    parts: list[ModelOutputs] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.texts) - self.taken


class BatchQueue:
    """The queue of one model. `serve` runs until `close`; `answer` is called by requests, on the same event loop."""

    def __init__(self, model: LoadedModel, settings: Settings, executor: Executor, metrics: Metrics) -> None:
        self.model, self.settings, self.executor, self.metrics = model, settings, executor, metrics
        self.jobs: deque[PendingRequest] = deque()
        self.waiting = 0  # texts that no batch has taken yet
        self.crowd = 1  # requests in the last batch, and those that waited when it was done
        self.target, self.enough = 1, asyncio.Event()
        self.closing = False
        self.rate = 0.0  # recent texts per second
        metrics.waiting.labels(model.name).set_function(lambda: self.waiting)

    async def answer(self, texts: Sequence[str], finish: Finish) -> Any:
        """What `finish` makes of the model's outputs. Overloaded: no room. Cancelling removes the request."""
        if self.closing:
            raise Overloaded(_("The server is stopping."))
        room = self.settings.limits.queue - self.waiting
        if len(texts) > room:
            self.metrics.turned_away.labels("queue").inc()
            raise Overloaded(
                _(
                    "{waiting:,} texts are waiting for {model}; there is room for {room:,} more of "
                    "{limit:,}. Try again later.",
                    waiting=self.waiting,
                    model=self.model.name,
                    room=max(room, 0),
                    limit=self.settings.limits.queue,
                ),
                self.retry_s(),
            )
        job = PendingRequest(texts, finish, asyncio.get_running_loop().create_future())
        self.jobs.append(job)
        self.waiting += len(texts)
        if len(self.jobs) >= self.target:
            self.enough.set()
        try:
            return await job.future
        except asyncio.CancelledError:
            self.withdraw(job)
            raise

    def withdraw(self, job: PendingRequest) -> None:
        """Remove a request from the queue that nobody waits for."""
        with suppress(ValueError):  # it is not in the queue: a batch has taken all of it
            self.jobs.remove(job)
            self.waiting -= job.left

    def retry_s(self) -> int:
        """The seconds until the queue should be half empty: 1 to 60."""
        return round(min(60.0, max(1.0, self.waiting / 2 / self.rate))) if self.rate else 1

    async def serve(self) -> None:
        """Answer requests, batch by batch, until the queue is closed and empty."""
        while True:
            await self.gather(1, None)
            if not self.jobs:
                return
            if self.settings.wait_s:
                await self.gather(self.crowd, self.settings.wait_s)
            if turns := self.take():
                await self.run(turns)
            self.crowd = max(1, len({id(job) for job, __ in turns}) + len(self.jobs))

    async def gather(self, target: int, wait_s: float | None) -> None:
        """Wait for `target` requests, but at most `wait_s` (None: no limit), or until the queue closes."""
        self.target = target
        self.enough.clear()
        if len(self.jobs) < target and not self.closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.enough.wait(), wait_s)

    def close(self) -> None:
        """Let `serve` end when all accepted requests are answered."""
        self.closing = True
        self.enough.set()

    def take(self) -> list[tuple[PendingRequest, slice]]:
        """Texts for a batch, a few of each request in turn: at least one, and at most about BATCH_CHARACTERS."""
        turns: list[tuple[PendingRequest, slice]] = []
        room = BATCH_CHARACTERS
        while self.jobs and room > 0:
            job = self.jobs.popleft()
            first = job.taken
            while job.left and job.taken - first < TURN and room > 0:
                room -= self.model.cost(job.texts[job.taken])
                job.taken += 1
            turns.append((job, slice(first, job.taken)))
            self.waiting += first - job.taken
            if job.left:
                self.jobs.append(job)
        return turns

    async def run(self, turns: list[tuple[PendingRequest, slice]]) -> None:
        """Run a batch in the thread and answer complete requests. If a batch fails, its requests run one by one."""
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        turns = [(job, part) for job, part in turns if not job.future.done()]
        texts = sum(part.stop - part.start for __, part in turns)
        if not texts:
            return
        try:
            done = await loop.run_in_executor(self.executor, self.work, turns)
        except Exception as error:  # runtimes raise errors of many kinds; the server goes on
            if len(turns) > 1:
                for turn in turns:
                    await self.run([turn])
                return
            log.error("%s failed on a batch: %s.", self.model.name, type(error).__name__)
            self.fail(turns[0][0], error)
            return
        spent = time.perf_counter() - began
        self.rate = 0.9 * self.rate + 0.1 * texts / spent if self.rate else texts / spent
        self.metrics.batch_texts.labels(self.model.name).observe(texts)
        self.metrics.texts.labels(self.model.name).inc(texts)
        for job, body in done:
            if job.future.done():
                continue
            if isinstance(body, Exception):
                job.future.set_exception(body)
            else:
                job.future.set_result(body)

    def fail(self, job: PendingRequest, error: Exception) -> None:
        """Answer a request with an error, and drop the rest of it."""
        self.withdraw(job)
        if not job.future.done():
            job.future.set_exception(error)

    def work(self, turns: list[tuple[PendingRequest, slice]]) -> list[tuple[PendingRequest, Any]]:
        """In the thread: run the texts of all turns at once, and finish the requests that are now complete."""
        outputs = self.model.run([text for job, part in turns for text in job.texts[part]])
        done: list[tuple[PendingRequest, Any]] = []
        start = 0
        for job, part in turns:
            stop = start + part.stop - part.start
            job.parts.append(outputs.part(start, stop))
            start = stop
            if part.stop == len(job.texts):
                try:
                    done.append((job, job.finish(joined(job.parts))))
                except Exception as error:  # it concerns this request only
                    done.append((job, error))
        return done


def joined(parts: Sequence[ModelOutputs]) -> ModelOutputs:
    """The outputs of several batches as one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*((part.logits, part.truncated, part.empty) for part in parts), strict=True)
    cleaned = [text for part in parts for text in part.cleaned]
    return ModelOutputs(*(np.concatenate(column) for column in columns), cleaned)
