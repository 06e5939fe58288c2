"""Train and score one backbone and the linear baseline on every corpus, by the standard protocol.

    python bench/quality.py --backbone scratch:small --data-dir DIR [--epochs 1] [--seeds 13,14,15] [--corpora nsmc]

Protocol: train split only; the dev split, made from train where the corpus has none, chooses the checkpoint; one
evaluation on the test split as published. Rows (corpus, backbone, seed, settings) go to
bench/results/quality-BACKBONE.json one by one; rows that stand there already are not run again. Prints a table and
writes it beside the JSON as Markdown.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import flags, processor

import munjang as mj
from munjang.files import write_json
from munjang.tables import format_table, markdown_table
from munjang.training.run import Prepared, prepare, train_prepared, versions

CORPORA = ("nsmc", "kor_hate", "kor_sarcasm", "kor_sae", "kor_3i4k", "ynat", "langid", "kmhas")
SHOWN = ("accuracy", "macro_f1", "micro_f1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="scratch:small")
    parser.add_argument("--data-dir", default=os.environ.get("MUNJANG_DATA"))
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--seeds", default="13")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--no-linear", action="store_true", help="leave the linear baseline out")
    words = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    words.results.mkdir(parents=True, exist_ok=True)
    path = words.results / f"quality-{words.backbone.replace(':', '-').replace('/', '_')}.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    seeds = [int(seed) for seed in words.seeds.split(",")]
    plain = mj.TrainConfig(backbone=words.backbone, epochs=words.epochs, learning_rate=words.learning_rate)
    for name in words.corpora.split(","):
        configs = [replace(plain, seed=seed) for seed in seeds]
        if not words.no_linear:
            configs.insert(0, replace(plain, backbone="linear", seed=seeds[0], epochs=1.0, learning_rate=None))
        prepared: dict[int, Prepared] = {}
        for config in configs:
            if find(rows, name, config) is None:
                if config.seed not in prepared:
                    prepared = {config.seed: prepare(mj.load_corpus(name, data_dir=words.data_dir), config)}
                rows.append(run(name, config, prepared[config.seed]))
                write_json(path, rows)
                logging.info("%s", rows[-1])
    print(format_table(*table(rows)))
    path.with_suffix(".md").write_text(page(words.backbone, rows), encoding="utf-8")


def find(rows: list[dict[str, Any]], name: str, config: mj.TrainConfig) -> dict[str, Any] | None:
    """The row of this corpus and these settings, if it was run."""
    return next((row for row in rows if row["corpus"] == name and row["settings"] == settings(config)), None)


def settings(config: mj.TrainConfig) -> dict[str, Any]:
    """What tells one run from another."""
    names = ("backbone", "seed", "epochs", "learning_rate", "batch_size")
    return {name: getattr(config, name) for name in names}


def run(name: str, config: mj.TrainConfig, prepared: Prepared) -> dict[str, Any]:
    """Train, evaluate once on the test split, and say how long each took."""
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        began = time.monotonic()
        model = train_prepared(prepared, config, Path(folder))
        trained = time.monotonic()
        report = mj.evaluate(model, prepared.published)
        done = time.monotonic()
    return {
        "corpus": name,
        "settings": settings(config),
        "scores": {key: round(report.metrics[key], 5) for key in SHOWN if key in report.metrics},
        "interval": {key: report.intervals[key] for key in SHOWN if key in report.intervals},
        "train": len(prepared.corpus.train),
        "test": report.n,
        "train_s": round(trained - began, 1),
        "test_s": round(done - trained, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": f"{os.cpu_count()} cores, {processor()}, {'with' if 'amx_bf16' in flags() else 'no'} AMX",
        "versions": versions(),
    }


def table(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """A line a corpus and backbone: mean scores over the seeds, their spread, seconds."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["corpus"], row["settings"]["backbone"], row["settings"]["epochs"], row["settings"]["learning_rate"])
        groups.setdefault(key, []).append(row)
    lines: list[list[object]] = []
    for (corpus, backbone, epochs, _), found in sorted(groups.items(), key=lambda item: item[0][:3]):
        cells = [spread([row["scores"].get(key) for row in found]) for key in SHOWN]
        seconds = round(statistics.mean(row["train_s"] for row in found))
        shown = "" if backbone == "linear" else epochs
        lines.append([corpus, backbone, shown, found[0]["train"], found[0]["test"], len(found), *cells, seconds])
    return [
        "corpus",
        "backbone",
        "epochs",
        "train",
        "test",
        "seeds",
        "accuracy",
        "macro F1",
        "micro F1",
        "train s",
    ], lines


def spread(values: list[float | None]) -> str:
    """Mean and, over several seeds, standard deviation."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    deviation = f" ± {statistics.stdev(known):.4f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.4f}{deviation}"


def page(backbone: str, rows: list[dict[str, Any]]) -> str:
    """The table as Markdown with its conditions."""
    machines = sorted({row["machine"] for row in rows})
    return (
        f"# {backbone} beside the linear baseline\n\n"
        "Made by `bench/quality.py`. Train split only, checkpoint chosen on a dev split (made from train where the "
        "corpus has none), one evaluation on the test split as published; mean over seeds ± standard deviation.\n"
        f"Machine: {'; '.join(machines)}.\n\n{markdown_table(*table(rows))}\n"
    )


if __name__ == "__main__":
    main()
