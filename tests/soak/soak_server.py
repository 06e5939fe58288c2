"""A server under mixed traffic for minutes: does its memory grow?

    python tests/soak/soak_server.py [--minutes 10] [--clients 32] [--seed 13] [--model FOLDER]

Starts `munjang serve` with the packaged model, or with another one. Each client sends one request after the other, by
chance from some that are made before: single texts, batches, explanations, long texts, files to read (CSV, Excel,
JSON Lines, up to nine megabytes), tables to write, pages, bodies that are too large or broken, and requests that it
gives up. Every two seconds the memory of the server's process is noted. Prints the mean of each minute, what was
answered, and how much larger the last minute is than the second one. Ends with 1 if that is more than a tenth, or if
an answer was a 500.
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
from typing import Any

import psutil
from openpyxl import Workbook

WORDS = "배송이 정말 빨라요 환불해 주세요 재미있게 봤습니다 내일 회의는 몇 시에 시작하나요 반등했다"
SAMPLE_S = 2
GROWTH = 1.1

Answer = tuple[str, int]
"""The address and the status of an answer."""


Request = tuple[str, bytes | None]
"""An address, and a body for POST."""


class Requests:
    """Makes requests by chance, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def made(self) -> list[list[Request]]:
        """A few requests of each kind; a kind stands in the list as often as it should be sent."""
        kinds: dict[Callable[[], Request], int] = {
            self.one: 50, self.batch: 10, self.large: 4, self.explain: 8, self.csv: 3, self.jsonl: 2, self.excel: 2,
            self.table: 4, self.page: 8, self.bad: 4,
        }  # fmt: skip
        return [group for kind, share in kinds.items() for group in [[kind() for _ in range(12)]] * share]

    def text(self, words: int) -> str:
        return " ".join(self.chance.choices(WORDS.split(), k=words))

    def rows(self, most: int) -> list[list[Any]]:
        return [[n, self.text(12), n / 7] for n in range(self.chance.randint(10, most))]

    def one(self) -> Request:
        return "/predict", as_json({"inputs": self.text(self.chance.randint(1, 40))})

    def batch(self) -> Request:
        return "/analyze", as_json({"inputs": [self.text(self.chance.randint(1, 60)) for _ in range(32)]})

    def large(self) -> Request:
        """A few texts that are longer than any model reads."""
        words = self.chance.choice([1_500, 3_000])
        return "/analyze", as_json({"inputs": [self.text(words)[:10_000] for _ in range(8)]})

    def explain(self) -> Request:
        return "/models/mini/explain", as_json({"inputs": self.text(self.chance.randint(3, 60))})

    def csv(self) -> Request:
        lines = ("\t".join(map(str, row)) for row in [["번호", "본문", "수"], *self.rows(19_000)])
        filler = " " + self.text(self.chance.choice([1, 20, 40]))
        return "/playground/read?name=a.tsv", (filler + "\n").join(lines).encode()[:9_900_000]

    def jsonl(self) -> Request:
        return "/playground/read?name=a.jsonl", b"\n".join(as_json({"text": text}) for _, text, _ in self.rows(9_000))

    def excel(self) -> Request:
        book, stream = Workbook(), io.BytesIO()
        for row in [["번호", "본문", "수"], *self.rows(1_000)]:
            book.active.append(row)
        book.save(stream)
        return "/playground/read?name=a.xlsx", stream.getvalue()

    def table(self) -> Request:
        rows = [[*row, "긍정", 0.9] for row in self.rows(9_000)]
        kind = self.chance.choice(["csv", "xlsx"])
        return "/playground/table", as_json(
            {"kind": kind, "columns": ["n", "본문", "수"], "added": ["label", "score"], "rows": rows}
        )

    def page(self) -> Request:
        return self.chance.choice(["/", "/models", "/models/mini", "/metrics", "/docs"]), None

    def bad(self) -> Request:
        return self.chance.choice([
            ("/predict", b'{"inputs": '), ("/predict", b" " * 2_500_000), ("/nowhere", None),
            ("/playground/read?name=a.xlsx", b"PK\x03\x04 broken"), ("/playground/read?name=a.csv", b"x" * 11_000_000),
        ])  # fmt: skip


def as_json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def client(port: int, seed: int, requests: list[list[Request]], end: float, statuses: Counter[Answer]) -> None:
    """One client, until `end`. One in 50 requests is not waited for."""
    chance, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    while time.monotonic() < end:
        path, body = chance.choice(chance.choice(requests))
        address = path.partition("?")[0]
        try:
            connection.request("GET" if body is None else "POST", path, body)
            if chance.random() < 0.02:
                connection.close()
                continue
            response = connection.getresponse()
            response.read()
            statuses[address, response.status] += 1
        except (OSError, http.client.HTTPException) as error:
            statuses[f"{address} {type(error).__name__}", 0] += 1
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--model", default="mini", metavar="FOLDER")
    options = parser.parse_args()
    command = [sys.executable, "-m", "munjang", "serve", f"mini={options.model}", "--port", "0"]
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


def soak(server: Any, port: int, options: argparse.Namespace) -> tuple[list[list[float]], Counter[Answer]]:
    """The memory of the server in MB, a list for each minute, and the answers by address and status."""
    threading.Thread(target=lambda: list(server.stderr), daemon=True).start()  # its log is not read, but never full
    statuses: Counter[Answer] = Counter()
    requests = Requests(options.seed).made()
    began = time.monotonic()
    end = began + 60 * options.minutes
    orders = [(port, options.seed + n, requests, end, statuses) for n in range(options.clients)]
    clients = [threading.Thread(target=client, args=order, daemon=True) for order in orders]
    for thread in clients:
        thread.start()
    process, memory = psutil.Process(server.pid), [[]]
    while (now := time.monotonic()) < end:
        if now - began > 60 * len(memory):
            print(f"minute {len(memory)}: {statistics.mean(memory[-1]):,.0f} MB", flush=True)
            memory.append([])
        memory[-1].append(process.memory_info().rss / 1e6)
        time.sleep(SAMPLE_S)
    for thread in clients:
        thread.join(100)
    return memory, statuses


def report(memory: list[list[float]], statuses: Counter[Answer], code: int) -> int:
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
