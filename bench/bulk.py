"""How fast files are classified by `munjang predict`: one process beside workers on Ray, one of them killed on the way.

    python bench/bulk.py --data-dir DIR [--rows 200000] [--models linear,mini/sentiment] [--runs local,ray,killed]
                         [--workers 2] [--work FOLDER]

Writes a Parquet file of NSMC's reviews, over and over, with a number each, and answers it three ways, each in processes
of its own: local is `munjang predict FILE --out FILE`, which streams in one process on all processors; ray is
`--engine ray --workers N`; killed is the same, in which a worker gets SIGKILL in the middle of a part once a quarter of
them is done. Seconds count from the command to its end, so the start of Ray is in them. Memory is the largest sum over
all processes that belong to the run, of what is their own and their share of what they share (PSS), seen every half
second. Every answer of ray and killed is compared with local's: numbers in their order, labels, scores.

linear is trained on the embedded sample first. Writes bench/results/bulk.json; with --work the runs can be made one by
one, and rows of other models and runs stay.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from machine import machine, version_of
from options import bench_parser

import munjang as mj
from munjang.bulk.worker import ATTEMPTS
from munjang.files import write_json
from munjang.tables import format_table

FILE = "bulk.json"


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--models", default="linear,mini/sentiment")
    parser.add_argument("--runs", default="local,ray,killed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulk-") as name:
        folder = words.work or Path(name)
        folder.mkdir(exist_ok=True)
        source = write_rows(folder / f"{words.rows}.parquet", words.rows, words.data_dir)
        for model in words.models.split(","):
            path = linear(folder / "linear") if model == "linear" else model
            for kind in words.runs.split(","):
                keep(words.results / FILE, measured(model, str(path), kind, source, folder, words))
    rows = json.loads((words.results / FILE).read_text(encoding="utf-8"))
    names = ("model", "run", "rows", "seconds", "rows_s", "peak_megabytes", "same_labels", "begun_again")
    print(format_table(names, [tuple(row.get(name, "") for name in names) for row in rows]))


def linear(folder: Path) -> Path:
    """A linear model of the embedded sample."""
    if not folder.exists():
        mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


def write_rows(path: Path, count: int, data_dir: str | None) -> Path:
    """NSMC's reviews with a number each, over and over."""
    if not path.exists():
        corpus = mj.load_corpus("nsmc", data_dir=data_dir)
        texts = [example.text for example in (*corpus.test, *corpus.train)]
        rows = {"id": np.arange(count), "text": list(islice(cycle(texts), count))}
        pq.write_table(pa.table(rows), path)
    return path


def measured(model: str, path: str, kind: str, source: Path, folder: Path, words: argparse.Namespace) -> dict[str, Any]:
    """One run and what came of it; a failing one stops the bench."""
    stem = f"{model.replace('/', '-')}-{words.rows}"
    out = folder / (f"{stem}.parquet" if kind == "local" else f"{stem}-{kind}")
    line = [sys.executable, "-m", "munjang", "predict", path, str(source), "--out", str(out), "--overwrite"]
    line += [] if kind == "local" else ["--engine", "ray", "--workers", str(words.workers)]
    shutil.rmtree(out, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start, peak, killed = time.perf_counter(), 0, threading.Event()
    process = subprocess.Popen(line, env=environment)
    if kind == "killed":
        threading.Thread(target=kill_one, args=(out, killed, process), daemon=True).start()
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.5)
    seconds = time.perf_counter() - start
    if process.returncode or (kind == "killed" and not killed.is_set()):
        sys.exit(f"{' '.join(line)} failed, or no worker could be killed")
    row = {
        "model": model, "run": kind, "rows": words.rows, "workers": 1 if kind == "local" else words.workers,
        "seconds": round(seconds, 1), "rows_s": round(words.rows / seconds), "peak_megabytes": round(peak / 1e6),
        "output_megabytes": round(size_of(out) / 1e6),
    }  # fmt: skip
    if kind != "local":
        manifest = json.loads((out / "_manifest.json").read_text(encoding="utf-8"))
        working = sum(part["seconds"] for part in manifest["parts"])
        row |= {
            "parts": len(manifest["parts"]), "begun_again": manifest["begun_again"],
            "rows_s_a_worker": round(words.rows / working), **compared(pq.read_table(out), folder / f"{stem}.parquet"),
        }  # fmt: skip
    return {**row, "ray": version_of("ray"), "machine": machine()}


def compared(found: pa.Table, local: Path) -> dict[str, Any]:
    """Whether every row is there once, in its order, with the label that the local engine gave."""
    other = pq.read_table(local)
    same_rows = found["id"].equals(other["id"]) and found.column_names == other.column_names
    labels = found["label"].to_numpy(zero_copy_only=False) == other["label"].to_numpy(zero_copy_only=False)
    both = [np.nan_to_num(table["score"].to_numpy().astype(float)) for table in (found, other)]
    return {
        "same_rows": bool(same_rows),
        "same_labels": round(float(labels.mean()), 7),
        "largest_score_difference": float(np.abs(both[0] - both[1]).max()),
    }


def kill_one(out: Path, killed: threading.Event, process: subprocess.Popen) -> None:
    """SIGKILL to a worker in the middle of a part, once a quarter of the parts is done."""
    while process.poll() is None:
        time.sleep(0.02)
        plan = out / "_work" / "run.json"
        if not plan.exists():
            continue
        told = json.loads(plan.read_text(encoding="utf-8"))
        parts = -(-told["sources"][0]["rows"] // told["part_rows"])
        if len(list(out.glob("part-*.parquet"))) < parts / 4:
            continue
        for path in (out / ATTEMPTS).glob("*/worker.json"):
            try:
                pid = json.loads(path.read_text(encoding="utf-8"))["pid"]
                os.kill(pid, signal.SIGSTOP)  # so that it still has the part when it dies
            except (OSError, ValueError):
                continue
            if path.exists():
                os.kill(pid, signal.SIGKILL)
                killed.set()
                return
            os.kill(pid, signal.SIGCONT)


def memory(pid: int) -> int:
    """Bytes of a process and all below it, shared pages by their share."""
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    for one in family:
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(item.stat().st_size for item in path.rglob("*"))


def keep(path: Path, row: dict[str, Any]) -> None:
    """Put a row into the results, in the place of one of the same model, run and number of rows."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    keys = ("model", "run", "rows")
    write_json(path, [*(old for old in rows if any(old[key] != row[key] for key in keys)), row])


if __name__ == "__main__":
    main()
