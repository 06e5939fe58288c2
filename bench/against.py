"""Two checkouts of munjang side by side: is this one slower than that one?

    python bench/against.py BASE [--runs 10] [--only help,analyze,startup,train,predict,serve] [--data-dir DIR]

BASE is the folder of another checkout. Each figure is taken of both in turn (base, this, this, base, …), every run in a
process of its own with the same Python and the same packages. The ratio this / base of each pair is a time ratio: above
1 is slower. Its interval is the 95% t interval of the mean of the logarithms.

help     `munjang --help`, the whole process
analyze  `munjang analyze TEXT` with the packaged heads and parser, the whole process
startup  `munjang train` of a file with scratch:tiny, one step, the whole process
train    seconds of the native loop: mini on NSMC train sentences, after reading and encoding
predict  seconds of Predictor.predict_many on NSMC test sentences, mini exported to onnx-int8
serve    seconds an answer of `munjang serve` of that model with 64 clients (1 / rate)

Writes bench/results/against.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.tables import format_table

HERE = Path(__file__).parents[1]
SENTENCE = "너 때문에 진짜 짜증나"
T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145)
"""Two-sided 95% quantiles of Student's t for 1, 2, … degrees of freedom."""

TRAIN = """
import logging, sys, time, munjang as mj
logging.basicConfig(level=logging.INFO)
config = mj.TrainConfig(backbone="mini", epochs=1, test_share=0.0, validation_share=0.02, seed=13)
corpus = mj.read_corpus(sys.argv[1], text="text", label="label")
start = time.perf_counter()
mj.train(corpus, config, out=sys.argv[2], overwrite=True, cache=False)
print("FIGURE", time.perf_counter() - start)
"""
PREDICT = """
import csv, sys, time, munjang as mj
texts = [row["text"] for row in csv.DictReader(open(sys.argv[1], encoding="utf-8"))]
model = mj.load(sys.argv[2])
model.predict_many(texts[:256])
start = time.perf_counter()
model.predict_many(texts)
print("FIGURE", time.perf_counter() - start)
"""


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default=",".join(FIGURES))
    parser.add_argument("--sentences", type=int, default=2_000, help="that a training or a prediction takes")
    parser.add_argument("--seconds", type=float, default=5, help="of each run of the server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Work(Path(name), options)
        found = {figure: compared(figure, work, options) for figure in options.only.split(",")}
    report = {"base": commit(options.base), "this": commit(HERE), "runs": options.runs, "sentences": options.sentences,
              "seconds": options.seconds, "figures": found, "machine": machine()}  # fmt: skip
    path = options.results / "against.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    rows = [
        [name, *(f"{row[key]:.3f}" for key in ("base_s", "this_s", "ratio", "low", "high"))]
        for name, row in found.items()
    ]
    print(format_table(["figure", "base s", "this s", "ratio", "low", "high"], rows))


class Work:
    """What the runs need: a file of sentences to learn from, one to answer, and an exported model, made by the base."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.base, self.seconds = folder, options.base, options.seconds
        corpus = mj.load_corpus("nsmc", data_dir=options.data_dir)
        texts = [row for row in corpus.test if row.text.strip()]
        self.learn, self.answer, self.few = (folder / f"{name}.csv" for name in ("learn", "answer", "few"))
        write_csv(self.learn, corpus.train[: options.sentences])
        write_csv(self.answer, texts[: 4 * options.sentences])
        write_csv(self.few, corpus.train[:256])
        (folder / "texts.json").write_text(json.dumps([row.text for row in texts[:512]]), encoding="utf-8")

    @cached_property
    def model(self) -> Path:
        """A classifier on mini, exported in 8 bits."""
        trained, exported = self.folder / "model", self.folder / "int8"
        command = ["train", str(self.few), "--backbone", "mini", "--epochs", "1", "--no-report", "--out", str(trained)]
        run(self.base, ["-m", "munjang", *command])
        run(self.base, ["-m", "munjang", "export", str(trained), "onnx-int8", str(exported)])
        return exported


def write_csv(path: Path, rows: Any) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row.text, row.label] for row in rows)


def compared(figure: str, work: Work, options: argparse.Namespace) -> dict[str, Any]:
    """Both checkouts in turn, and the ratio of each pair."""
    measure = FIGURES[figure]
    measure(options.base, work), measure(HERE, work)  # files into memory, bytecode onto the disk
    pairs = []
    for number in range(options.runs):
        order = [options.base, HERE] if number % 2 == 0 else [HERE, options.base]
        times = {place: measure(place, work) for place in order}
        pairs.append((times[options.base], times[HERE]))
    logs = [math.log(this / base) for base, this in pairs]
    mean = statistics.fmean(logs)
    half = (
        T_95[min(len(logs) - 1, len(T_95)) - 1] * statistics.stdev(logs) / math.sqrt(len(logs))
        if len(logs) > 1
        else 0.0
    )
    print(f"{figure}: {math.exp(mean):.3f} [{math.exp(mean - half):.3f}, {math.exp(mean + half):.3f}]", flush=True)
    return {
        "base_s": statistics.median(base for base, _ in pairs), "this_s": statistics.median(this for _, this in pairs),
        "ratio": math.exp(mean), "low": math.exp(mean - half), "high": math.exp(mean + half), "pairs": pairs,
    }  # fmt: skip


def help_s(checkout: Path, work: Work) -> float:
    return process_s(checkout, ["-m", "munjang", "--help"])


def analyze_s(checkout: Path, work: Work) -> float:
    return process_s(checkout, ["-m", "munjang", "analyze", SENTENCE])


def startup_s(checkout: Path, work: Work) -> float:
    few = str(work.few)
    words = ["train", few, "--backbone", "scratch:tiny", "--epochs", "0.01", "--no-report", "--no-cache", "--overwrite"]
    return process_s(checkout, ["-m", "munjang", *words, "--out", str(work.folder / "startup")])


def train_s(checkout: Path, work: Work) -> float:
    return printed_s(checkout, ["-c", TRAIN, str(work.learn), str(work.folder / "trained")])


def predict_s(checkout: Path, work: Work) -> float:
    return printed_s(checkout, ["-c", PREDICT, str(work.answer), str(work.model)])


def serve_s(checkout: Path, work: Work) -> float:
    with served(checkout, work.model) as url:
        load = [str(HERE / "bench" / "http_load.py"), f"{url}/predict", str(work.folder / "texts.json")]
        words = [*load, "--clients", "64", "--seconds", str(work.seconds), "--warm", "1"]
        answer = json.loads(run(HERE, words).stdout)
    return 1 / answer["per_s"]


FIGURES: dict[str, Callable[[Path, Work], float]] = {
    "help": help_s, "analyze": analyze_s, "startup": startup_s, "train": train_s, "predict": predict_s,
    "serve": serve_s,
}  # fmt: skip


def process_s(checkout: Path, words: list[str]) -> float:
    """Seconds of a whole process."""
    start = time.perf_counter()
    run(checkout, words)
    return time.perf_counter() - start


def printed_s(checkout: Path, words: list[str]) -> float:
    """The seconds that a process measured itself."""
    return float(run(checkout, words).stdout.rpartition("FIGURE")[2])


def environment(checkout: Path) -> dict[str, str]:
    """The environment in which `munjang` is that of a checkout."""
    return {
        **os.environ,
        "PYTHONPATH": str(checkout.resolve()),
        "MUNJANG_CACHE": str(checkout.resolve() / "runs" / "cache"),
    }


def run(checkout: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """A Python process with the munjang of a checkout; its errors end the bench."""
    done = subprocess.run([sys.executable, *words], env=environment(checkout), capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise SystemExit(f"{checkout}: {' '.join(words)[:200]}\n{done.stderr}")
    return done


@contextmanager
def served(checkout: Path, model: Path) -> Iterator[str]:
    """The address of a server of a checkout, ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "munjang", "serve", str(model), "--port", str(port)]
    server = subprocess.Popen(
        words, env=environment(checkout), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: subprocess.Popen) -> None:
    """Until the server answers."""
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("the server ended before it answered")
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not answer within 30 seconds")


def commit(checkout: Path) -> str:
    """The commit of a checkout; "" where git does not know it."""
    done = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
