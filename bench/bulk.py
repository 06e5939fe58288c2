"""How fast `munjang predict` classifies files: one process, workers on Ray, and workers on Ray with one killed.

    python bench/bulk.py --data-dir DIR [--rows 200000] [--models linear,mini/sentiment] [--runs local,ray,killed]
                         [--workers 2] [--work FOLDER]

Writes a Parquet file with numbered NSMC reviews, repeated as often as needed, and classifies it in three ways, each in
its own processes: local is `munjang predict FILE --out FILE`, which streams in one process on all processors; ray is
`--engine ray --workers N`; killed is the same, but a worker gets SIGKILL in the middle of a part once a quarter of the
parts is done. Seconds count from the start of the command to its end, including the start of Ray. Memory is the largest
sum over all processes of the run, with shared pages divided among them (PSS), measured every half second. All
predictions of ray and killed are compared with local's: numbers in their order, labels, scores.

linear is trained on the embedded sample first. Writes bench/results/bulk.json. With --work the runs can be made one by
one; rows of other models and runs stay.
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulk-") as name:
        folder = options.work or Path(name)
        folder.mkdir(exist_ok=True)
        source = write_rows(folder / f"{options.rows}.parquet", options.rows, options.data_dir)
        for model in options.models.split(","):
            path = linear(folder / "linear") if model == "linear" else model
            for kind in options.runs.split(","):
                keep(options.results / FILE, measured(model, str(path), kind, source, folder, options))
    rows = json.loads((options.results / FILE).read_text(encoding="utf-8"))
    names = ("model", "run", "rows", "seconds", "rows_s", "peak_megabytes", "same_labels", "begun_again")
    print(format_table(names, [tuple(row.get(name, "") for name in names) for row in rows]))


def linear(folder: Path) -> Path:
    """A linear model of the embedded sample."""
    if not folder.exists():
        mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


def write_rows(path: Path, count: int, data_dir: str | None) -> Path:
    """Numbered NSMC reviews, repeated up to `count` rows."""
    if not path.exists():
        corpus = mj.load_corpus("nsmc", data_dir=data_dir)
        texts = [example.text for example in (*corpus.test, *corpus.train)]
        rows = {"id": np.arange(count), "text": list(islice(cycle(texts), count))}
        pq.write_table(pa.table(rows), path)
    return path


def measured(
    model: str, path: str, kind: str, source: Path, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """The row of results of one run; a failing run stops the bench."""
    stem = f"{model.replace('/', '-')}-{options.rows}"
    out = folder / (f"{stem}.parquet" if kind == "local" else f"{stem}-{kind}")
    line = [sys.executable, "-m", "munjang", "predict", path, str(source), "--out", str(out), "--overwrite"]
    line += [] if kind == "local" else ["--engine", "ray", "--workers", str(options.workers)]
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
        "model": model, "run": kind, "rows": options.rows, "workers": 1 if kind == "local" else options.workers,
        "seconds": round(seconds, 3), "rows_s": round(options.rows / seconds), "peak_megabytes": round(peak / 1e6),
        "output_megabytes": round(size_of(out) / 1e6),
    }  # fmt: skip
    if kind != "local":
        manifest = json.loads((out / "_manifest.json").read_text(encoding="utf-8"))
        working = sum(part["seconds"] for part in manifest["parts"])
        row |= {
            "parts": len(manifest["parts"]), "begun_again": manifest["begun_again"],
            "rows_s_a_worker": round(options.rows / working),
            **compared(pq.read_table(out), folder / f"{stem}.parquet"),
        }  # fmt: skip
    return {**row, "ray": version_of("ray"), "machine": machine()}


def compared(written: pa.Table, local: Path) -> dict[str, Any]:
    """Whether every row appears once, in its order, with the label from the local engine."""
    other = pq.read_table(local)
    same_rows = written["id"].equals(other["id"]) and written.column_names == other.column_names
    labels = written["label"].to_numpy(zero_copy_only=False) == other["label"].to_numpy(zero_copy_only=False)
    both = [np.nan_to_num(table["score"].to_numpy().astype(float)) for table in (written, other)]
    return {
        "same_rows": bool(same_rows),
        "same_labels": round(float(labels.mean()), 7),
        "largest_score_difference": float(np.abs(both[0] - both[1]).max()),
    }


def kill_one(out: Path, killed: threading.Event, process: subprocess.Popen) -> None:
    """Send SIGKILL to a worker in the middle of a part, once a quarter of the parts is done."""
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
                os.kill(pid, signal.SIGSTOP)  # stopped first, so it still works on the part when it dies
            except (OSError, ValueError):
                continue
            if path.exists():
                os.kill(pid, signal.SIGKILL)
                killed.set()
                return
            os.kill(pid, signal.SIGCONT)


def memory(pid: int) -> int:
    """Bytes of a process and its children, with shared pages divided among them."""
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
    """The bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(item.stat().st_size for item in path.rglob("*"))


def keep(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the results; it replaces a row of the same model, run and number of rows."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    keys = ("model", "run", "rows")
    write_json(path, [*(old for old in rows if any(old[key] != row[key] for key in keys)), row])


if __name__ == "__main__":
    main()
