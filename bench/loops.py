"""Whether the two training loops give equally good models with the same data, settings and seeds, on the test split.

    python bench/loops.py --data-dir DIR [--corpora nsmc,kor_3i4k] [--seeds 13,14,15] [--backbone scratch:small]

Trains one model with `--loop native` and one with `--loop trainer` for each corpus and seed. Prints the difference in
test accuracy of each pair, and the mean difference with a 95% interval (Student's t over the seeds). Rows go to
bench/results/loops.json one by one; rows that are already there are not run again.
"""

from __future__ import annotations

import json
import logging
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.prepare import prepare_corpus
from munjang.files import write_json
from munjang.tables import format_table, markdown_table
from munjang.training.fit import train_prepared

T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided 95% quantiles of Student's t, by the number of seeds


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--backbone", default="scratch:small")
    parser.add_argument("--corpora", default="nsmc,kor_3i4k")
    parser.add_argument("--seeds", default="13,14,15")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--dropout", type=float, default=0.1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = options.results / "loops.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"machine": machine(), "rows": []}
    for name in options.corpora.split(","):
        for seed in map(int, options.seeds.split(",")):
            for loop in ("native", "trainer"):
                config = mj.TrainConfig(
                    backbone=options.backbone, loop=loop, epochs=options.epochs, seed=seed, dropout=options.dropout
                )
                key = {
                    "corpus": name, "backbone": options.backbone, "epochs": options.epochs, "dropout": options.dropout,
                    "seed": seed, "loop": loop,
                }  # fmt: skip
                if not any(key.items() <= row.items() for row in results["rows"]):
                    results["rows"].append(key | run(name, config, options.data_dir))
                    write_json(path, results)
    columns, rows = table(results["rows"])
    path.with_suffix(".md").write_text(markdown_table(columns, rows) + "\n", encoding="utf-8")
    print(format_table(columns, rows))


def run(name: str, config: mj.TrainConfig, data_dir: str | None) -> dict[str, Any]:
    """Train and score one model."""
    prepared = prepare_corpus(mj.load_corpus(name, data_dir=data_dir), config)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="loops-") as folder:
        model = train_prepared(prepared, config, Path(folder))
        took = time.monotonic() - began
        report = mj.evaluate(model, prepared.published)
    return {"accuracy": report.metrics["accuracy"], "n": report.n, "train_s": round(took, 3)}


def table(runs: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """A line for each pair, and for each corpus the mean difference with its interval, all in points of accuracy."""
    rows: list[list[object]] = []
    for name in dict.fromkeys(row["corpus"] for row in runs):
        differences = []
        for seed in sorted({row["seed"] for row in runs if row["corpus"] == name}):
            pair = {row["loop"]: row for row in runs if row["corpus"] == name and row["seed"] == seed}
            if len(pair) < 2:
                continue
            native, trainer = (100 * pair[loop]["accuracy"] for loop in ("native", "trainer"))
            differences.append(native - trainer)
            seconds = f"{pair['native']['train_s']:.0f} / {pair['trainer']['train_s']:.0f}"
            rows.append([name, seed, f"{native:.2f}", f"{trainer:.2f}", f"{native - trainer:+.2f}", seconds])
        if len(differences) in T_95:
            half = T_95[len(differences)] * statistics.stdev(differences) / math.sqrt(len(differences))
            mean = statistics.mean(differences)
            rows.append([name, "mean", "", "", f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})", ""])
    return ["corpus", "seed", "native", "trainer", "difference", "seconds, native / trainer"], rows


if __name__ == "__main__":
    main()
