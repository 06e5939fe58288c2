"""Does `--init mini` on 10,000 unlabelled sentences help? Fine-tuning before and after it, on K-MHaS.

    python bench/adapt.py --data-dir DIR [--sentences 10000] [--passes 10] [--seeds 13,14,15] [--epochs N]

10,000 texts of the test split, drawn with a seed, are used as the unlabelled sentences of a user; they are not scored.
The other test texts are scored, and no model has seen them. The train and validation splits are those of the corpus.
The difference is micro F1 after minus before, the mean over the seeds, with the 95% interval of a paired bootstrap over
the scored texts.
Writes bench/results/adapt.json.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.config.settings import PretrainConfig
from munjang.data.prepare import prepare_corpus
from munjang.metrics.significance import percentile_interval, replicate_scores
from munjang.pretraining.run import pretrain
from munjang.pretraining.texts import parse_source
from munjang.training.fit import train_prepared

CORPUS, METRIC, RATE = "kmhas", "micro_f1", 3e-4


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--passes", type=float, default=10)
    parser.add_argument("--seeds", default="13,14,15")
    parser.add_argument("--epochs", type=float, help="epochs of the fine-tuning; else the default")
    options = parser.parse_args()
    path = options.results / "adapt.json"
    corpus = mj.load_corpus(CORPUS, data_dir=options.data_dir)
    order = np.random.default_rng(13).permutation(len(corpus.test))
    unlabelled = {corpus.test[i].text for i in order[: options.sentences]}
    corpus = corpus.with_splits(test=[row for row in corpus.test if row.text not in unlabelled])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.txt").write_text("\n".join(" ".join(text.split()) for text in unlabelled), encoding="utf-8")
        began = time.monotonic()
        config = PretrainConfig(
            init="mini", epochs=options.passes, learning_rate=RATE, save_every=None, eval_every=None
        )
        adapted = pretrain([parse_source(str(folder / "own.txt"))], config, out=folder / "adapted")
        seconds = time.monotonic() - began
        reports = {}
        for label, backbone in (("before", "mini"), ("after", str(adapted))):
            configs = [
                mj.TrainConfig(backbone=backbone, learning_rate=RATE, epochs=options.epochs, seed=int(seed))
                for seed in options.seeds.split(",")
            ]
            runs = ((prepare_corpus(corpus, c), c, folder / f"{label}-{c.seed}") for c in configs)
            reports[label] = [score(*run) for run in runs]
    first = reports["before"][0]
    counts = [report.counts() for label in ("before", "after") for report in reports[label]]
    scores = [replicate[METRIC] for replicate in replicate_scores(counts, first.scores, 13)]
    half = len(reports["before"])
    spread = percentile_interval(np.mean(scores[half:], axis=0) - np.mean(scores[:half], axis=0))
    values = {label: [round(report.metrics[METRIC], 4) for report in runs] for label, runs in reports.items()}
    report = {
        "corpus": CORPUS, "metric": METRIC, "unlabelled": len(unlabelled), "passes": options.passes,
        "learning_rate": RATE, "epochs": options.epochs,
        "scored": first.n, "pretraining_s": round(seconds, 3), **values,
        "difference": round(statistics.mean(values["after"]) - statistics.mean(values["before"]), 4),
        "interval": [round(float(value), 4) for value in spread], "machine": machine(),
    }  # fmt: skip
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False, indent=2))


def score(prepared, config: mj.TrainConfig, folder: Path):
    """Train on prepared splits; gives the report on the remaining test texts."""
    return mj.evaluate(train_prepared(prepared, config, folder), prepared.published, without_spaces=False)


if __name__ == "__main__":
    main()
