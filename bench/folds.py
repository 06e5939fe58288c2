"""How long `munjang train --folds 5` takes and how much memory, against one training.

    python bench/folds.py [--rows 10000] [--backbones linear,mini] [--folds 5] [--data-dir FOLDER]

The linear model learns from the first `--rows` train reviews of NSMC, a network from those of sample:sentiment, both
without their test split, as from a file of one's own. Each training is a process of its own, without report. Seconds,
processor seconds of the whole process and peak resident memory go to bench/results/folds.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

CHILD = """
import json, resource, sys, time
from munjang.config.settings import TrainConfig
from munjang.data.corpora.table import load_corpus
from munjang.training.run import train
backbone, rows, folds, data_dir, out = sys.argv[1:]
corpus = load_corpus("nsmc" if backbone == "linear" else "sample:sentiment", data_dir=data_dir or None)
corpus = corpus.with_splits(train=corpus.train[: int(rows)], test=())
start = time.monotonic()
train(corpus, TrainConfig(backbone=backbone, folds=int(folds)), out=out, report=False)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": round(time.monotonic() - start, 1), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
    "peak_megabytes": used.ru_maxrss // 1024, "rows": len(corpus.train),
}))
"""


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--backbones", default="linear,mini")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for backbone in options.backbones.split(","):
        results[backbone] = {
            name: measured(backbone, options.rows, folds, options.data_dir)
            for name, folds in (("one training", 0), (f"{options.folds} folds", options.folds))
        }
        print(backbone, json.dumps(results[backbone]), flush=True)
    report = {**results, "unit": "s of a whole training with its scores", "machine": machine()}
    path = options.results / "folds.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def measured(backbone: str, rows: int, folds: int, data_dir: str | None) -> dict[str, Any]:
    """Seconds and peak memory of one training in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        words = [backbone, str(rows), str(folds), str(data_dir or ""), str(Path(folder) / "m")]
        environment = {**os.environ, "MUNJANG_CACHE": folder}
        done = subprocess.run([sys.executable, "-c", CHILD, *words], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
