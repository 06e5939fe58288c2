"""How fast a server answers: munjang's, and transformers' pipeline behind the same web framework, in turns.

    python bench/serving.py --data-dir DIR [--shapes base,mini] [--rounds 3] [--seconds 20] [--clients 1,8,64]
    python bench/serving.py --data-dir DIR --soak 10 --shapes mini

A  pipeline_server.py: FastAPI around transformers.pipeline("text-classification"), one text a call, in fp32
B  `munjang serve` of the native folder, of its onnx and of its onnx-int8 export
C  infinity-emb's server (--infinity COMMAND, of an environment of its own: it needs older packages), torch, 2 threads

All run behind uvicorn with the same event loop and HTTP parser, each in a process of its own; the clients of
http_load.py in a third, on the same machine, each sending one NSMC test review after the other. All answer with all
labels. Shapes: base is a BERT-base, small 4 layers of 256, both with random weights; mini is the packaged encoder under
a fresh classifier of two labels. Rates and latencies are medians over the rounds, ratios stand against A with as many
clients. Start is from the command to the first 200 of /health. --wait-ms gives munjang another wait for its batches,
--only NAMES a part of the servers.

--soak MINUTES: 64 clients against the onnx-int8 server; errors, latencies by minute, memory every 5 seconds, and how
much more the last minute has of it in the mean than the second.

Writes bench/results/serving.json; shapes that were not asked for keep their numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from http_load import FORMS
from machine import machine
from options import bench_parser
from predict_speed import LIMITS, SHAPES, make_model

import munjang as mj
from munjang.export.run import export_model
from munjang.files import write_json
from munjang.tables import format_table

SERVERS = ("A pipeline", "B native", "B onnx", "B onnx-int8", "C infinity")
TEXTS = 4_096


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--shapes", default="base,mini")
    parser.add_argument("--only", default=",".join(SERVERS))
    parser.add_argument("--infinity", metavar="COMMAND", help="where infinity_emb lies; left out, it is not measured")
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm", type=float, default=3)
    parser.add_argument("--wait-ms", type=float, default=2.0)
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    words = parser.parse_args()
    path = words.results / "serving.json"
    corpus = mj.load_corpus("nsmc", data_dir=words.data_dir)
    train = [example.text for example in corpus.train[:40_000] if example.text]
    texts = [example.text for example in corpus.test if example.text.strip()][:TEXTS]
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in words.shapes.split(","):
        with tempfile.TemporaryDirectory(prefix="serving-") as place:
            folders = make_folders(name, train, texts[:100], Path(place))
            file = Path(place) / "texts.json"
            file.write_text(json.dumps(texts), encoding="utf-8")
            own = found.setdefault(name, {})
            if words.soak:
                own["soak"] = soak(folders["B onnx-int8"], file, words)
                print(json.dumps({**own["soak"], "memory_mb": "…"}, indent=2))
            else:
                own.update(measure(folders, file, words))
                print(format_table(*table(name, own)), flush=True)
        own["machine"] = machine()
        write_json(path, found)


def make_folders(name: str, train: list[str], sample: list[str], place: Path) -> dict[str, Path]:
    """The folder that each server is given."""
    source = (
        mini_model(place / "native") if name == "mini" else make_model(SHAPES[name], train, sample, place / "native")
    )
    folders = dict.fromkeys(("A pipeline", "B native", "C infinity"), place / "native")
    for form in ("onnx", "onnx-int8"):
        export_model(source, form, place / form, limits=LIMITS)
        folders[f"B {form}"] = place / form
    return folders


def mini_model(folder: Path) -> mj.Predictor:
    """The packaged encoder under a fresh classifier."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    from munjang.inference.backends import native
    from munjang.models.folder import Manifest, save_bundle

    encoder = Path(mj.__file__).parent / "assets" / "mini" / "encoder"
    torch.manual_seed(13)
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder, num_labels=2, id2label={0: "부정", 1: "긍정"}, dtype=torch.float32
    )
    pieces = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]")
    manifest = Manifest("native", "classification", mj.LabelSet(("부정", "긍정")), ("nfc",), 128, "mini")
    save_bundle(folder, manifest, lambda beside: native.save(beside, model, tokenizer), "# The packaged encoder\n")
    return mj.load(folder)


@contextmanager
def running(name: str, folder: Path, words: argparse.Namespace) -> Iterator[tuple[str, subprocess.Popen, float]]:
    """A server in a process of its own: its URL, the process, the seconds of its start."""
    port = free_port()
    command = {
        "A": [sys.executable, str(Path(__file__).with_name("pipeline_server.py")), folder, port],
        "B": [sys.executable, "-m", "munjang", "serve", folder, "--port", port, "--wait-ms", words.wait_ms],
        "C": [words.infinity, "v2", "--model-id", folder, "--served-model-name", "model", "--port", port, "--engine",
              "torch", "--device", "cpu", "--no-bettertransformer", "--host", "127.0.0.1"],
    }[name[0]]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads fills up, and then the server stands still
        began = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=said, stderr=said)
        try:
            while not alive(url):
                if process.poll() is not None:
                    said.seek(0)
                    sys.exit(f"{name} ended: {said.read().decode()}")
                time.sleep(0.02)
            start = time.perf_counter() - began
            target = f"{url}/classify" if name[0] == "C" else url
            check(name, target)
            yield target, process, start
        finally:
            process.terminate()
            process.wait(60)


def check(name: str, url: str) -> None:
    """Refuse to measure a server that does not give both labels of a text in its shape."""
    raw = json.dumps(FORMS[form_of(name)]("배송이 정말 빨라요")).encode()
    with urllib.request.urlopen(urllib.request.Request(url, raw, {"Content-Type": "application/json"})) as answer:
        found = json.load(answer)
    found = found["data"] if name[0] == "C" else found
    if len(found) != 1 or sorted(found[0][0]) != ["label", "score"] or len(found[0]) != 2:
        sys.exit(f"{name} answers {found}.")


def form_of(name: str) -> str:
    """What a server's requests look like."""
    return "infinity" if name[0] == "C" else "hub"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def load(name: str, url: str, file: Path, clients: int, seconds: float, warm: float, *flags: str) -> dict[str, Any]:
    """What http_load.py prints."""
    words = [sys.executable, str(Path(__file__).with_name("http_load.py")), url, str(file), "--clients", str(clients)]
    words += ["--seconds", str(seconds), "--warm", str(warm), "--form", form_of(name), *flags]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(folders: dict[str, Path], file: Path, words: argparse.Namespace) -> dict[str, Any]:
    """Every server at every number of clients, in turns."""
    names = [name for name in SERVERS if name in words.only.split(",") and (words.infinity or name[0] != "C")]
    counts = [int(count) for count in words.clients.split(",")]
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {name: {str(count): [] for count in counts} for name in names}
    starts: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(words.rounds):
        for name in names:
            with running(name, folders[name], words) as (url, _, start):
                starts[name].append(start)
                for count in counts:
                    runs[name][str(count)].append(load(name, url, file, count, words.seconds, words.warm))
    servers = {
        name: {"start_s": round(statistics.median(starts[name]), 2), **{n: middle(r) for n, r in runs[name].items()}}
        for name in names
    }
    return {"servers": servers, "rounds": words.rounds, "seconds": words.seconds, "wait_ms": words.wait_ms}


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds; errors and answers summed."""
    found: dict[str, Any] = {
        key: statistics.median(run[key] for run in runs) for key in runs[0] if key.endswith(("_ms", "_s"))
    }
    errors: dict[str, int] = {}
    for run in runs:
        for status, count in run["errors"].items():
            errors[status] = errors.get(status, 0) + count
    return {**found, "rates": [run["per_s"] for run in runs], "n": sum(run["n"] for run in runs), "errors": errors}


def table(shape: str, found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Rates, ratios and latencies."""
    header = [
        "shape",
        "server",
        "start s",
        "clients",
        "answers/s",
        "ratio",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "p99/p50",
        "errors",
    ]
    rows, servers = [], found["servers"]
    for name, facts in servers.items():
        for count in (key for key in facts if key.isdigit()):
            run, base = facts[count], servers.get("A pipeline", {}).get(count, {}).get("per_s")
            ratio = f"{run['per_s'] / base:.2f}" if base else ""
            times = [f"{run.get(f'p{q}_ms', 0):,.1f}" for q in (50, 95, 99)]
            spread = f"{run['p99_ms'] / run['p50_ms']:.1f}" if run.get("p50_ms") else ""
            rows.append([shape, name, f"{facts['start_s']:.2f}", count, f"{run['per_s']:,.1f}", ratio, *times, spread,
                         str(sum(run["errors"].values()))])  # fmt: skip
    return header, rows


def soak(folder: Path, file: Path, words: argparse.Namespace) -> dict[str, Any]:
    """Many minutes with 64 clients: rates, latencies and errors by minute, and the memory over time."""
    memory: list[tuple[float, float]] = []
    with running("B onnx-int8", folder, words) as (url, process, _):
        over, began = threading.Event(), time.perf_counter()

        def watch() -> None:
            while not over.wait(5):
                memory.append((time.perf_counter() - began, resident_mb(process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            found = load("B onnx-int8", url, file, 64, 60 * words.soak, 0, "--minutes")
        finally:
            over.set()
            watcher.join()
    minutes = words.soak
    second, last = mean_between(memory, 60, 120), mean_between(memory, 60 * (minutes - 1), 60 * minutes)
    growth = round(last / second - 1, 4) if second and last else None
    series = [[round(moment), round(size, 1)] for moment, size in memory]
    return {**found, "minutes_run": minutes, "growth": growth, "memory_mb": series}


def mean_between(memory: list[tuple[float, float]], begin: float, end: float) -> float:
    """The mean memory between two moments; 0 where nothing was measured."""
    sizes = [size for moment, size in memory if begin <= moment < end]
    return statistics.mean(sizes) if sizes else 0.0


def resident_mb(pid: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
