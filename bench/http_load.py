"""Clients that put load on a server, in one light process: each sends a text, waits for the answer, sends the next.

    python bench/http_load.py URL TEXTS.json --clients 64 --seconds 20 [--warm 3] [--form infinity]

Prints one JSON object: answers per second, p50, p95 and p99 of the latencies in ms, errors by status, and with
--minutes the same for each minute. Connections stay open. The answers are read, not parsed. --form: the body of a
request, as the hub's client sends it or as infinity-emb's /classify takes it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

FORMS = {
    "hub": lambda text: {"inputs": text},
    "infinity": lambda text: {"model": "model", "input": [text]},
}


class Load:
    """The clients' record: (time, latency) of every answer, and how many answers had another status than 200."""

    def __init__(self, url: str, texts: list[str], form: str, end: float) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.end = parts.hostname, parts.port, end
        self.bodies = [request(parts.path or "/", parts.netloc, FORMS[form](text)) for text in texts]
        self.answers: list[tuple[float, float]] = []
        self.errors: Counter[str] = Counter()

    async def client(self, first: int) -> None:
        """One client, which sends all texts in turn, beginning with text `first`."""
        index = first
        while time.perf_counter() < self.end:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                while time.perf_counter() < self.end:
                    began = time.perf_counter()
                    writer.write(self.bodies[index % len(self.bodies)])
                    index += 1
                    status, last = await answer(reader)
                    now = time.perf_counter()
                    if status == "200":
                        self.answers.append((now, now - began))
                    else:
                        self.errors[status] += 1
                    if last:
                        break
            except (OSError, EOFError) as error:
                self.errors[type(error).__name__] += 1
            finally:
                writer.close()


def request(path: str, host: str, content: dict[str, Any]) -> bytes:
    """A POST of one JSON object."""
    body = json.dumps(content, ensure_ascii=False).encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """The status of the next answer, and whether the connection is closed after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    await reader.readexactly(int(lines["content-length"]))
    return head.split(" ", 2)[1], lines.get("connection") == "close"


def summary(answers: list[tuple[float, float]], seconds: float) -> dict[str, Any]:
    """Rate and latencies of some answers."""
    times = np.array([latency for _, latency in answers]) * 1_000
    if not len(times):
        return {"per_s": 0.0, "n": 0}
    latencies = {f"p{q}_ms": round(float(np.percentile(times, q)), 2) for q in (50, 95, 99)}
    return {"per_s": round(len(times) / seconds, 1), **latencies, "n": len(times)}


async def run(url: str, texts: list[str], form: str, clients: int, warm: float, seconds: float) -> tuple[Load, float]:
    """Run all clients for the warm-up and the measured time; gives their record and the start of the measured time."""
    began = time.perf_counter() + warm
    load = Load(url, texts, form, began + seconds)
    step = max(1, len(texts) // clients)
    await asyncio.gather(*(load.client(n * step) for n in range(clients)))
    return load, began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm", type=float, default=3)
    parser.add_argument("--minutes", action="store_true")
    parser.add_argument("--form", choices=sorted(FORMS), default="hub")
    options = parser.parse_args()
    texts = json.loads(options.texts.read_text(encoding="utf-8"))
    load, began = asyncio.run(run(options.url, texts, options.form, options.clients, options.warm, options.seconds))
    measured = [item for item in load.answers if began <= item[0] <= began + options.seconds]
    figures = {**summary(measured, options.seconds), "errors": dict(load.errors)}
    if options.minutes:
        parts = range(int(options.seconds // 60))
        minutes = ([item for item in measured if 60 * n <= item[0] - began < 60 * (n + 1)] for n in parts)
        figures["minutes"] = [summary(part, 60) for part in minutes]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
