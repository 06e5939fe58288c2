"""A server under mixed traffic for minutes: does its memory grow?

    python tests/soak/soak_server.py [--minutes 10] [--clients 32] [--seed 13]

Starts `munjang serve` with the packaged model. Each client sends one request after the other, by chance: single texts,
batches, explanations, long texts, files to read (CSV, Excel, JSON Lines, up to some megabytes), tables to write, pages,
bodies that are too large or broken, and requests that it gives up. Every five seconds the memory of the server's
process is noted. Prints the mean of each minute, what was answered, and how much larger the last minute is than the
second one. Ends with 1 if that is more than a tenth, or if an answer was a 500.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from openpyxl import Workbook

WORDS = (
    "배송이 정말 빨라요 환불해 주세요 영화 재미있게 봤습니다 내일 회의는 몇 시에 시작하나요 코스피가 반등했다".split()
)
SAMPLE_S = 5
GROWTH = 1.1


class Traffic:
    """The requests of one client, by chance but the same for the same seed."""

    def __init__(self, port: int, seed: int, statuses: Counter[tuple[str, int]]) -> None:
        self.port, self.chance, self.statuses = port, random.Random(seed), statuses
        self.connection: http.client.HTTPConnection | None = None

    def text(self, words: int) -> str:
        return " ".join(self.chance.choices(WORDS, k=words))

    def json(self, path: str, body: Any) -> None:
        self.send(path, json.dumps(body, ensure_ascii=False).encode())

    def send(self, path: str, body: bytes | None = None) -> None:
        """A request on the client's connection, and its whole answer."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            self.connection.request("GET" if body is None else "POST", path, body)
            response = self.connection.getresponse()
            response.read()
            self.statuses[path.partition("?")[0], response.status] += 1
        except (OSError, http.client.HTTPException) as error:
            self.statuses[f"{path.partition('?')[0]} {type(error).__name__}", 0] += 1
            self.connection.close()
            self.connection = None

    def one(self) -> None:
        self.json("/predict", {"inputs": self.text(self.chance.randint(1, 40))})

    def batch(self) -> None:
        self.json("/analyze", {"inputs": [self.text(self.chance.randint(1, 60)) for _ in range(32)]})

    def long(self) -> None:
        self.json("/analyze", {"inputs": self.text(2_000)[:10_000]})

    def explain(self) -> None:
        self.json("/models/mini/explain", {"inputs": self.text(self.chance.randint(3, 60))})

    def rows(self, most: int) -> list[list[Any]]:
        return [[n, self.text(12), n / 7] for n in range(self.chance.randint(10, most))]

    def csv(self) -> None:
        lines = ("\t".join(map(str, row)) for row in [["번호", "본문", "수"], *self.rows(15_000)])
        self.send("/playground/read?name=a.tsv", "\n".join(lines).encode())

    def jsonl(self) -> None:
        lines = (json.dumps({"text": text, "n": n}, ensure_ascii=False) for n, text, _ in self.rows(5_000))
        self.send("/playground/read?name=a.jsonl", "\n".join(lines).encode())

    def excel(self) -> None:
        book, stream = Workbook(), io.BytesIO()
        for row in [["번호", "본문", "수"], *self.rows(300)]:
            book.active.append(row)
        book.save(stream)
        self.send("/playground/read?name=a.xlsx", stream.getvalue())

    def table(self) -> None:
        kind, rows = self.chance.choice(["csv", "xlsx"]), [[*row, "긍정", 0.9] for row in self.rows(4_000)]
        self.json("/playground/table", {"kind": kind, "columns": ["n", "본문", "수"], "added": ["label", "score"],
                                        "rows": rows})  # fmt: skip

    def page(self) -> None:
        self.send(self.chance.choice(["/models", "/models/mini/sentiment/card", "/metrics", "/openapi.json", "/docs"]))

    def bad(self) -> None:
        self.send(*self.chance.choice([
            ("/predict", b'{"inputs": '), ("/predict", b" " * 2_500_000), ("/nowhere", None),
            ("/playground/read?name=a.xlsx", b"PK\x03\x04 broken"), ("/playground/read?name=a.csv", b"x" * 11_000_000),
        ]))  # fmt: skip

    def leave(self) -> None:
        """A request whose answer is not waited for."""
        body = json.dumps({"inputs": [self.text(30)] * 32}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.request("POST", "/analyze", body)
        connection.close()

    def run(self, end: float) -> None:
        kinds: dict[Callable[[], None], int] = {
            self.one: 50, self.batch: 12, self.long: 6, self.explain: 8, self.csv: 2, self.jsonl: 2, self.excel: 2,
            self.table: 3, self.page: 8, self.bad: 4, self.leave: 3,
        }  # fmt: skip
        while time.monotonic() < end:
            self.chance.choices(list(kinds), list(kinds.values()))[0]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    command = [sys.executable, "-m", "munjang", "serve", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = ""
        while " at http" not in line:
            line = server.stderr.readline()
        memory, statuses = soak(server, int(line.partition(" at ")[2].split()[0].rpartition(":")[2]), options)
    finally:
        server.terminate()
        code = server.wait(60)
    sys.exit(report(memory, statuses, code))


def soak(server: Any, port: int, options: argparse.Namespace) -> tuple[list[list[float]], Counter[tuple[str, int]]]:
    """The memory of the server in MB, a list for each minute, and the answers by address and status."""
    threading.Thread(target=lambda: list(server.stderr), daemon=True).start()  # its log is not read, but never full
    statuses: Counter[tuple[str, int]] = Counter()
    began = time.monotonic()
    end = began + 60 * options.minutes
    clients = [
        threading.Thread(target=Traffic(port, options.seed + n, statuses).run, args=(end,), daemon=True)
        for n in range(options.clients)
    ]
    for client in clients:
        client.start()
    process, memory = psutil.Process(server.pid), [[]]
    while (now := time.monotonic()) < end:
        if now - began > 60 * len(memory):
            print(f"minute {len(memory)}: {statistics.mean(memory[-1]):,.0f} MB", flush=True)
            memory.append([])
        memory[-1].append(process.memory_info().rss / 1e6)
        time.sleep(SAMPLE_S)
    for client in clients:
        client.join(100)
    return memory, statuses


def report(memory: list[list[float]], statuses: Counter[tuple[str, int]], code: int) -> int:
    """Print what was measured; 1 if the memory has grown, an answer was a 500, or the server did not end well."""
    means = [statistics.mean(minute) for minute in memory]
    for (path, status), count in sorted(statuses.items()):
        print(f"{count:8,}  {status or '-'}  {path}")
    growth = means[-1] / means[min(1, len(means) - 1)]
    print(f"memory by minute in MB: {', '.join(f'{mean:,.0f}' for mean in means)}; last to second: {growth:.3f}")
    print(f"exit code of the server: {code}")
    return int(growth > GROWTH or any(status == 500 for __, status in statuses) or code != 0)


if __name__ == "__main__":
    main()
