"""How much memory `munjang predict` takes for a file of many lines, and how long it is at it.

    python bench/predict_memory.py --data-dir DIR [--lines 10000000] [--model FOLDER] [--ending csv]

Writes a file of NSMC reviews, one a line, over and over until it has that many, answers it with `munjang predict FILE
--out …` in a process of its own, and reports the seconds and the largest resident memory of that process. Without
--model a linear model is trained on the embedded sample first. Results go to bench/results/predict-memory.json, a row
for each model, number of lines and kind of output.
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
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="predict-memory-") as name:
        folder = Path(name)
        model = words.model or linear(folder / "linear")
        size = write_lines(folder / "lines.txt", words.lines, words.data_dir)
        out = folder / f"answers.{words.ending}"
        seconds, peak = measured([str(model), str(folder / "lines.txt"), "--out", str(out)])
        row = {
            "model": mj.load(model).manifest.format,
            "lines": words.lines,
            "input_megabytes": round(size / 1e6),
            "out": words.ending,
            "output_megabytes": round(out.stat().st_size / 1e6),
            "seconds": round(seconds, 1),
            "lines_s": round(words.lines / seconds),
            "peak_megabytes": round(peak / 1e6),
            "machine": machine(),
        }
    path = words.results / "predict-memory.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    keys = ("model", "lines", "out")
    write_json(path, [*(old for old in rows if any(old[key] != row[key] for key in keys)), row])
    print({key: value for key, value in row.items() if key != "machine"})


def linear(folder: Path) -> Path:
    """A linear model of the embedded sample."""
    mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


def write_lines(path: Path, count: int, data_dir: str | None) -> int:
    """NSMC's test reviews, a line each, over and over; the bytes written."""
    corpus = mj.load_corpus("nsmc", data_dir=data_dir)
    texts = [" ".join(example.text.split()) for example in corpus.test]
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{text}\n" for text in islice(cycle(texts), count))
    return path.stat().st_size


def measured(words: list[str]) -> tuple[float, int]:
    """Seconds and the largest resident bytes of a `munjang predict` process; a failing one stops the bench."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "munjang", "--quiet", "predict", *words])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"munjang predict {' '.join(words)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
