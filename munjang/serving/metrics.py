"""The metrics of a server, in Prometheus's text format (version 0.0.4); always in English."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

MetricLabels = tuple[tuple[str, str], ...]


def written(name: str, labels: MetricLabels, value: float) -> str:
    """One line: `name{key="value"} 3`."""
    inner = ",".join(f'{key}="{escaped(text)}"' for key, text in labels)
    return f"{name}{{{inner}}} {value:.15g}" if inner else f"{name} {value:.15g}"


def escaped(text: str) -> str:
    """The value of a label, escaped for the format."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@dataclass
class Numbers:
    """A counter or a gauge: a number for each set of labels."""

    name: str
    kind: str
    help: str
    values: dict[MetricLabels, float] = field(default_factory=dict)

    def add(self, amount: float = 1, **labels: str) -> None:
        key = tuple(labels.items())
        self.values[key] = self.values.get(key, 0) + amount

    def set(self, value: float, **labels: str) -> None:
        self.values[tuple(labels.items())] = value

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.values.items():
            yield written(self.name, labels, value)


@dataclass
class Histogram:
    """How often a value was at or below each bound, for each set of labels."""

    name: str
    help: str
    bounds: Sequence[float]
    counts: dict[MetricLabels, list[int]] = field(default_factory=dict)
    sums: dict[MetricLabels, float] = field(default_factory=dict)

    def observe(self, value: float, **labels: str) -> None:
        key = tuple(labels.items())
        counts = self.counts.setdefault(key, [0] * (len(self.bounds) + 1))
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[key] = self.sums.get(key, 0.0) + value

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} histogram"
        for labels, counts in self.counts.items():
            total = 0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                total += count
                yield written(f"{self.name}_bucket", (*labels, ("le", bound)), total)
            yield written(f"{self.name}_sum", labels, self.sums[labels])
            yield written(f"{self.name}_count", labels, total)


class Metrics:
    """Everything that a server counts. Routes are named by their pattern, so that clients cannot add rows by paths."""

    def __init__(self) -> None:
        self.requests = Numbers("munjang_requests_total", "counter", "Requests answered, by route and status.")
        self.turned_away = Numbers("munjang_turned_away_total", "counter", "Requests that found no room, by reason.")
        self.gone = Numbers("munjang_clients_gone_total", "counter", "Clients that left before their answer.")
        self.texts = Numbers("munjang_texts_total", "counter", "Texts that a model has read.")
        self.waiting = Numbers("munjang_waiting_texts", "gauge", "Texts that wait for a model.")
        self.under_way = Numbers("munjang_requests_under_way", "gauge", "Requests that are being read or answered.")
        self.seconds = Histogram("munjang_request_seconds", "Time from a request to its answer, by route.", SECONDS)
        self.batch_texts = Histogram("munjang_batch_texts", "Texts that were answered together.", TEXTS)
        self.started = time.time()
        self.gone.add(0)
        self.under_way.set(0)

    def text(self) -> str:
        """The response of /metrics."""
        resident = Numbers("process_resident_memory_bytes", "gauge", "Resident memory.")
        started = Numbers("process_start_time_seconds", "gauge", "When the server started, in Unix time.")
        resident.set(resident_bytes())
        started.set(self.started)
        kept = (
            self.requests, self.turned_away, self.gone, self.texts, self.waiting, self.under_way, self.seconds,
            self.batch_texts, resident, started,
        )  # fmt: skip
        return "\n".join(line for metric in kept for line in metric.lines()) + "\n"


def resident_bytes() -> int:
    """The memory that this process holds; 0 if the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
