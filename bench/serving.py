"""How fast a server answers: munjang's, and transformers' pipeline behind the same web framework, in turn.

    python bench/serving.py --data-dir DIR [--shapes base,mini] [--rounds 3] [--seconds 20] [--clients 1,8,64]
    python bench/serving.py --data-dir DIR --soak 10 --shapes mini

A  pipeline_server.py: FastAPI around transformers.pipeline("text-classification"), one text a call, in fp32
B  `munjang serve` of the native folder, of its onnx and of its onnx-int8 export
C  infinity-emb's server (--infinity COMMAND, in its own environment: it needs older packages), torch, 2 threads

All run behind uvicorn with the same event loop and HTTP parser, each in its own process. The clients of http_load.py
run in another process on the same machine; each sends one NSMC test review after the other. All servers answer with all
labels. Shapes: base is a BERT-base, small has 4 layers of 256, both with random weights; mini is the packaged encoder
with a new classifier for two labels. Rates and latencies are medians over the rounds; ratios are to A with the same
number of clients. Start is the time from the command to the first 200 of /health. --wait-ms sets munjang's wait for its
batches, --only NAMES selects servers.

--soak MINUTES: 64 clients against the onnx-int8 server; errors, latencies by minute, memory every 5 seconds, and how
much the mean memory grows from the second minute to the last one.

Writes bench/results/serving.json; other shapes keep their numbers.
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
    parser.add_argument("--infinity", metavar="COMMAND", help="the command infinity_emb; without it C is not measured")
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm", type=float, default=3)
    parser.add_argument("--wait-ms", type=float, default=2.0)
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    options = parser.parse_args()
    path = options.results / "serving.json"
    corpus = mj.load_corpus("nsmc", data_dir=options.data_dir)
    train = [example.text for example in corpus.train[:40_000] if example.text]
    texts = [example.text for example in corpus.test if example.text.strip()][:TEXTS]
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.shapes.split(","):
        with tempfile.TemporaryDirectory(prefix="serving-") as work:
            folders = make_folders(name, train, texts[:100], Path(work))
            file = Path(work) / "texts.json"
            file.write_text(json.dumps(texts), encoding="utf-8")
            shape_results = results.setdefault(name, {})
            if options.soak:
                shape_results["soak"] = soak(folders["B onnx-int8"], file, options)
                print(json.dumps({**shape_results["soak"], "memory_mb": "…"}, indent=2))
            else:
                shape_results.update(measure(folders, file, options))
                print(format_table(*table(name, shape_results)), flush=True)
        shape_results["machine"] = machine()
        write_json(path, results)


def make_folders(name: str, train: list[str], sample: list[str], folder: Path) -> dict[str, Path]:
    """The model folder of each server."""
    source = (
        mini_model(folder / "native") if name == "mini" else make_model(SHAPES[name], train, sample, folder / "native")
    )
    folders = dict.fromkeys(("A pipeline", "B native", "C infinity"), folder / "native")
    for form in ("onnx", "onnx-int8"):
        export_model(source, form, folder / form, limits=LIMITS)
        folders[f"B {form}"] = folder / form
    return folders


def mini_model(folder: Path) -> mj.Predictor:
    """The packaged encoder with a new classifier."""
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
def running(name: str, folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, subprocess.Popen, float]]:
    """A server in its own process: its URL, the process, the seconds of its start."""
    port = free_port()
    command = {
        "A": [sys.executable, str(Path(__file__).with_name("pipeline_server.py")), folder, port],
        "B": [sys.executable, "-m", "munjang", "serve", folder, "--port", port, "--wait-ms", options.wait_ms],
        "C": [options.infinity, "v2", "--model-id", folder, "--served-model-name", "model", "--port", port, "--engine",
              "torch", "--device", "cpu", "--no-bettertransformer", "--host", "127.0.0.1"],
    }[name[0]]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as output:  # a pipe that nobody reads fills up, and then the server stops
        began = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output)
        try:
            while not alive(url):
                if process.poll() is not None:
                    output.seek(0)
                    sys.exit(f"{name} ended: {output.read().decode()}")
                time.sleep(0.02)
            start = time.perf_counter() - began
            target = f"{url}/classify" if name[0] == "C" else url
            check(name, target)
            yield target, process, start
        finally:
            process.terminate()
            process.wait(60)


def check(name: str, url: str) -> None:
    """Refuse to measure a server that does not answer with both labels of a text in the expected form."""
    raw = json.dumps(FORMS[form_of(name)]("배송이 정말 빨라요")).encode()
    with urllib.request.urlopen(urllib.request.Request(url, raw, {"Content-Type": "application/json"})) as answer:
        labels = json.load(answer)
    labels = labels["data"] if name[0] == "C" else labels
    if len(labels) != 1 or sorted(labels[0][0]) != ["label", "score"] or len(labels[0]) != 2:
        sys.exit(f"{name} answers {labels}.")


def form_of(name: str) -> str:
    """The form of a server's requests, a key of FORMS."""
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
    """The figures that http_load.py prints."""
    command = [sys.executable, str(Path(__file__).with_name("http_load.py")), url, str(file), "--clients", str(clients)]
    command += ["--seconds", str(seconds), "--warm", str(warm), "--form", form_of(name), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(folders: dict[str, Path], file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every server with every number of clients, in turn."""
    names = [name for name in SERVERS if name in options.only.split(",") and (options.infinity or name[0] != "C")]
    counts = [int(count) for count in options.clients.split(",")]
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {name: {str(count): [] for count in counts} for name in names}
    starts: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            with running(name, folders[name], options) as (url, _, start):
                starts[name].append(start)
                for count in counts:
                    runs[name][str(count)].append(load(name, url, file, count, options.seconds, options.warm))
    servers = {
        name: {"start_s": round(statistics.median(starts[name]), 2), **{n: middle(r) for n, r in runs[name].items()}}
        for name in names
    }
    return {"servers": servers, "rounds": options.rounds, "seconds": options.seconds, "wait_ms": options.wait_ms}


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds; errors and answers are summed."""
    medians: dict[str, Any] = {
        key: statistics.median(run[key] for run in runs) for key in runs[0] if key.endswith(("_ms", "_s"))
    }
    errors: dict[str, int] = {}
    for run in runs:
        for status, count in run["errors"].items():
            errors[status] = errors.get(status, 0) + count
    return {**medians, "rates": [run["per_s"] for run in runs], "n": sum(run["n"] for run in runs), "errors": errors}


def table(shape: str, results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
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
    rows, servers = [], results["servers"]
    for name, facts in servers.items():
        for count in (key for key in facts if key.isdigit()):
            run, base = facts[count], servers.get("A pipeline", {}).get(count, {}).get("per_s")
            ratio = f"{run['per_s'] / base:.2f}" if base else ""
            times = [f"{run.get(f'p{q}_ms', 0):,.1f}" for q in (50, 95, 99)]
            spread = f"{run['p99_ms'] / run['p50_ms']:.1f}" if run.get("p50_ms") else ""
            rows.append([shape, name, f"{facts['start_s']:.2f}", count, f"{run['per_s']:,.1f}", ratio, *times, spread,
                         str(sum(run["errors"].values()))])  # fmt: skip
    return header, rows


def soak(folder: Path, file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Many minutes with 64 clients: rates, latencies and errors by minute, and the memory over time."""
    memory: list[tuple[float, float]] = []
    with running("B onnx-int8", folder, options) as (url, process, _):
        over, began = threading.Event(), time.perf_counter()

        def watch() -> None:
            while not over.wait(5):
                memory.append((time.perf_counter() - began, resident_mb(process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            figures = load("B onnx-int8", url, file, 64, 60 * options.soak, 0, "--minutes")
        finally:
            over.set()
            watcher.join()
    minutes = options.soak
    second, last = mean_between(memory, 60, 120), mean_between(memory, 60 * (minutes - 1), 60 * minutes)
    growth = round(last / second - 1, 4) if second and last else None
    series = [[round(moment), round(size, 1)] for moment, size in memory]
    return {**figures, "minutes_run": minutes, "growth": growth, "memory_mb": series}


def mean_between(memory: list[tuple[float, float]], begin: float, end: float) -> float:
    """The mean memory between two moments; 0 if nothing was measured."""
    sizes = [size for moment, size in memory if begin <= moment < end]
    return statistics.mean(sizes) if sizes else 0.0


def resident_mb(pid: int) -> float:
    """The resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
