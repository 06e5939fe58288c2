"""The metrics of a server for Prometheus; always in English. Each server has a registry of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Registry(CollectorRegistry):
    """Without the time at which each series began: it doubles the series, and no one asks for it."""

    def collect(self) -> Iterable[Any]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Metrics:
    """Everything that a server counts. Routes are named by their pattern, so that clients cannot add rows by paths."""

    def __init__(self) -> None:
        own = self.registry = Registry()
        self.requests = Counter("munjang_requests", "Requests answered, by route and status.", ["route", "status"],
                                registry=own)  # fmt: skip
        self.turned_away = Counter("munjang_turned_away", "Requests that found no room, by reason.", ["reason"],
                                   registry=own)  # fmt: skip
        self.gone = Counter("munjang_clients_gone", "Clients that left before their answer.", registry=own)
        self.texts = Counter("munjang_texts", "Texts that a model has read.", ["model"], registry=own)
        self.waiting = Gauge("munjang_waiting_texts", "Texts that wait for a model.", ["model"], registry=own)
        self.under_way = Gauge("munjang_requests_under_way", "Requests that are being read or answered.", registry=own)
        self.seconds = Histogram("munjang_request_seconds", "Time from a request to its answer, by route.", ["route"],
                                 buckets=SECONDS, registry=own)  # fmt: skip
        self.batch_texts = Histogram("munjang_batch_texts", "Texts that were answered together.", ["model"],
                                     buckets=TEXTS, registry=own)  # fmt: skip
        ProcessCollector(registry=own)  # memory, start and processor time, where the system has /proc

    def text(self) -> str:
        """The response of /metrics, in Prometheus's text format (version 0.0.4)."""
        return generate_latest(self.registry).decode()
