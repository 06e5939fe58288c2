"""What `--augment spacing,typos` does to the score on clean texts and on texts with noise.

    python bench/robustness.py --data-dir DIR [--corpora nsmc kor_3i4k] [--rows 60000] [--epochs 3] [--seeds 13]
        [--backbone mini] [--scored 5000] [--shares 0 0.2]

Trains on `--rows` train sentences of each corpus with each of the shares of changed texts (0: without augmentation),
and scores `--scored` texts of validation and of test, all drawn at random, as `munjang evaluate --robustness` does.
Shares are chosen on validation. Adds one row for each run to bench/results/robustness.json.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.tables import format_table
from munjang.text.noise import AUGMENTATIONS, NOISES
from munjang.training.fit import train_prepared


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", nargs="+", default=["nsmc", "kor_3i4k"])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13])
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--scored", type=int, default=5_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, AUGMENTATIONS["spacing"].share])
    options = parser.parse_args()
    path = options.results / "robustness.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for name in options.corpora:
        for seed in options.seeds:
            config = mj.TrainConfig(backbone=options.backbone, epochs=options.epochs, seed=seed)
            prepared = prepare_corpus(mj.load_corpus(name, data_dir=options.data_dir), config)
            corpus = prepared.corpus.with_splits(train=drawn(prepared.corpus.train, options.rows))
            for share in options.shares:
                row = run(Prepared(corpus, corpus, prepared.cleaning_report), config, share, options.scored)
                rows.append({"corpus": name, "seed": seed, "epochs": options.epochs, **row, **machine()})
                write_json(path, rows)
                shown = [[noise, *scores.values()] for noise, scores in row["scores"].items()]
                print(format_table([f"{name}, {share:g}, {row['metric']}", "validation", "test"], shown), flush=True)


def drawn(examples: Sequence[mj.Example], most: int) -> list[mj.Example]:
    """The same random examples every time: corpora are often sorted by label."""
    order = np.random.default_rng(1).permutation(len(examples))[:most]
    return [examples[index] for index in order]


def run(prepared: Prepared, config: mj.TrainConfig, share: float, most: int) -> dict[str, Any]:
    """Train with this share of changed texts, and the scores on clean texts and with each noise."""
    for name, augmentation in AUGMENTATIONS.items():
        AUGMENTATIONS[name] = replace(augmentation, share=share)
    config = replace(config, augment=tuple(AUGMENTATIONS) if share else ())
    began, scored = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="robustness-") as folder:
        model = train_prepared(prepared, config, Path(folder))
        took = time.monotonic() - began
        for split in ("validation", "test"):
            examples = drawn(prepared.corpus.split(split), most)
            report = scored[split] = mj.evaluate(model, examples, split=split, without_spaces=False, robustness=True)
    metric = report.main[0]
    scores = {"clean": {split: round(report.metrics[metric], 4) for split, report in scored.items()}}
    for index, noise in enumerate(NOISES):
        scores[noise] = {split: round(report.robustness[index].score, 4) for split, report in scored.items()}
    return {
        "share": share,
        "train": len(prepared.corpus.train),
        "n": {split: report.n for split, report in scored.items()},
        "metric": metric,
        "scores": scores,
        "train_s": round(took, 1),
    }


if __name__ == "__main__":
    main()
