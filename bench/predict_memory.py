"""How much memory and time `munjang predict` needs for a file of many lines.

    python bench/predict_memory.py --data-dir DIR [--lines 10000000] [--model FOLDER] [--ending csv]

Writes a file with one NSMC review on each line, repeated up to that many lines, runs `munjang predict FILE --out …` on
it in its own process, and reports the seconds and the largest resident memory of that process. Without --model a linear
model is trained on the embedded sample first. Results go to bench/results/predict-memory.json, one row for each model,
number of lines and output format.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.files import write_json


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--ending", default="csv", choices=("csv", "parquet", "jsonl", "tsv"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="predict-memory-") as name:
        folder = Path(name)
        model = options.model or linear(folder / "linear")
        size = write_lines(folder / "lines.txt", options.lines, options.data_dir)
        out = folder / f"answers.{options.ending}"
        seconds, peak = measured([str(model), str(folder / "lines.txt"), "--out", str(out)])
        row = {
            "model": mj.load(model).manifest.format,
            "lines": options.lines,
            "input_megabytes": round(size / 1e6),
            "out": options.ending,
            "output_megabytes": round(out.stat().st_size / 1e6),
            "seconds": round(seconds, 3),
            "lines_s": round(options.lines / seconds),
            "peak_megabytes": round(peak / 1e6),
            "machine": machine(),
        }
    path = options.results / "predict-memory.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    keys = ("model", "lines", "out")
    write_json(path, [*(old for old in rows if any(old[key] != row[key] for key in keys)), row])
    print({key: value for key, value in row.items() if key != "machine"})


def linear(folder: Path) -> Path:
    """A linear model of the embedded sample."""
    mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


def write_lines(path: Path, count: int, data_dir: str | None) -> int:
    """Write NSMC's test reviews, one on each line, repeated up to `count` lines; gives the bytes written."""
    corpus = mj.load_corpus("nsmc", data_dir=data_dir)
    texts = [" ".join(example.text.split()) for example in corpus.test]
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{text}\n" for text in islice(cycle(texts), count))
    return path.stat().st_size


def measured(arguments: list[str]) -> tuple[float, int]:
    """Seconds and largest resident bytes of a `munjang predict` process; a failing process stops the bench."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "munjang", "--quiet", "predict", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"munjang predict {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
