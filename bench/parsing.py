"""Trains and scores parsers on the trees of KLUE and Universal Dependencies, for the table of docs/parsing.md.

    python bench/parsing.py --data-dir DIR [--backbone mini] [--corpora klue-dp,ud:kaist,ud:gsd] [--seeds 13,14,15]
                            [--parsers biaffine,labeling] [--epochs N]

Protocol: training on the train split only (for treebanks without one, on the validation split), with a tenth of it held
out to choose the weights; one evaluation on test; default settings. A row (corpus, parser, backbone, epochs,
seed) that is already in bench/results/parsing.json is not run again.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.files import write_json
from munjang.tables import format_table

KEYS = ("corpus", "parser", "backbone", "epochs", "seed")
SHOWN = ("uas", "las", "klue_uas", "klue_las", "exact", "next_word")


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--corpora", default="klue-dp,ud:kaist,ud:gsd")
    parser.add_argument("--parsers", default="biaffine")
    parser.add_argument("--seeds", default="13")
    parser.add_argument("--epochs", type=float, help="else the default")
    options = parser.parse_args()
    path = options.results / "parsing.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for corpus in options.corpora.split(","):
        for kind in options.parsers.split(","):
            for seed in map(int, options.seeds.split(",")):
                key = dict(zip(KEYS, (corpus, kind, options.backbone, options.epochs, seed), strict=True))
                if not any(all(row.get(name) == value for name, value in key.items()) for row in rows):
                    rows.append({**key, **run(key, options.data_dir)})
                    write_json(path, rows)
    print(format_table(*table(rows)))


def run(key: dict[str, Any], data_dir: str | None) -> dict[str, Any]:
    """Train one parser and score it once."""
    corpus = mj.load_corpus(key["corpus"], data_dir=data_dir)
    config = mj.TrainConfig(backbone=key["backbone"], seed=key["seed"], parser=key["parser"], epochs=key["epochs"])
    with tempfile.TemporaryDirectory(prefix="parsing-") as folder:
        began = time.monotonic()
        model = mj.train(corpus, config, out=Path(folder) / "run")
        took = time.monotonic() - began
        report = mj.evaluate(model, corpus)
    return {
        "train": len(corpus.train or corpus.validation),
        "test": report.n,
        "scores": {name: round(report.metrics[name], 5) for name in SHOWN},
        "intervals": {name: [round(bound, 5) for bound in pair] for name, pair in report.intervals.items()},
        "train_s": round(took, 3),
        "machine": machine(),
    }


def table(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """A line for each corpus and parser: mean over the seeds ± standard deviation."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in KEYS[:-1]), []).append(row)
    lines = []
    for (corpus, parser, backbone, _), runs in sorted(groups.items(), key=lambda item: str(item[0])):
        cells = [spread([row["scores"][name] for row in runs]) for name in SHOWN]
        lines.append([corpus, parser, backbone, len(runs), *cells])
    return ["corpus", "parser", "backbone", "seeds", *SHOWN], lines


def spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


if __name__ == "__main__":
    main()
