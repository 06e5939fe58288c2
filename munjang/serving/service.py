"""What all requests share: the models, a queue for each of them, processes for files, the memory, and the metrics."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI
from pydantic_core import to_json

from munjang.serving.batching import BatchQueue, Finish
from munjang.serving.loaded import LoadedModel
from munjang.serving.metrics import Metrics
from munjang.serving.models import Models
from munjang.serving.processes import FileProcesses
from munjang.serving.settings import Overloaded, Settings
from munjang.translation import _

log = logging.getLogger("munjang")

BODIES = 32  # bodies of the largest size that may be kept at once
FILES = 8  # files of the largest size that may be kept at once, as bodies of requests


class MemoryBudget:
    """The bytes of bodies that are kept for all current requests: `size`, at most `most`."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0

    @contextmanager
    def lease(self) -> Iterator[Callable[[int], None]]:
        """A function that takes bytes for one request until the end of the block. Overloaded: there are not enough."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self.size + size > self.most:
                raise Overloaded(_("The current requests are too large together. Try again later."))
            self.size += size
            taken += size

        try:
            yield take
        finally:
            self.size -= taken


class Service:
    """The models of a server, a queue for each model, and the metrics."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self.models, self.settings, self.metrics = models, settings, Metrics()
        self.body_budget = MemoryBudget(BODIES * settings.limits.body_bytes)
        self.file_budget = MemoryBudget(FILES * settings.limits.file_bytes)
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="munjang")
        self.files = FileProcesses(settings.limits)
        self.queues = {
            name: BatchQueue(model, settings, self.executor, self.metrics) for name, model in models.loaded.items()
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
            self.files.close()

    @property
    def healthy(self) -> bool:
        return not any(task.done() for task in self.running)

    async def answer(self, model: LoadedModel, texts: Sequence[str], finish: Finish) -> Any:
        """What `finish` makes of the outputs of a model for some texts. Overloaded."""
        value = await self.queues[model.name].answer(texts, finish)
        if self.settings.log_texts:
            log.info("%s %s -> %s", model.name, json.dumps(list(texts), ensure_ascii=False), to_json(value).decode())
        return value
