"""Does `--init mini` on 10,000 unlabelled sentences of one's own help? Fine-tuning before and after, on K-MHaS.

    python bench/adapt.py --data-dir DIR [--sentences 10000] [--passes 10] [--seeds 13,14,15] [--epochs N]

10,000 texts of the test split, drawn by a seed, stand for the unlabelled sentences of a user; they are not scored.
The others are the test, and no model has seen them. Train and dev are the corpus's own. The difference is the mean over
the seeds of micro F1 after minus before, with the 95% interval of a paired bootstrap over the scored texts.
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
from munjang.training.run import train_prepared

CORPUS, METRIC, RATE = "kmhas", "micro_f1", 3e-4


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--passes", type=float, default=10)
    parser.add_argument("--seeds", default="13,14,15")
    parser.add_argument("--epochs", type=float, help="of the fine-tuning; else the default")
    words = parser.parse_args()
    path = words.results / "adapt.json"
    corpus = mj.load_corpus(CORPUS, data_dir=words.data_dir)
    order = np.random.default_rng(13).permutation(len(corpus.test))
    own = {corpus.test[i].text for i in order[: words.sentences]}
    corpus = corpus.with_splits(test=[row for row in corpus.test if row.text not in own])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.txt").write_text("\n".join(" ".join(text.split()) for text in own), encoding="utf-8")
        began = time.monotonic()
        config = PretrainConfig(init="mini", epochs=words.passes, learning_rate=RATE, save_every=None, eval_every=None)
        adapted = pretrain([parse_source(str(folder / "own.txt"))], config, out=folder / "adapted")
        seconds = time.monotonic() - began
        found = {}
        for label, backbone in (("before", "mini"), ("after", str(adapted))):
            configs = [
                mj.TrainConfig(backbone=backbone, learning_rate=RATE, epochs=words.epochs, seed=int(seed))
                for seed in words.seeds.split(",")
            ]
            runs = ((prepare_corpus(corpus, c), c, folder / f"{label}-{c.seed}") for c in configs)
            found[label] = [score(*run) for run in runs]
    references = found["before"][0].reference_table
    answers = [report.predicted_table for label in ("before", "after") for report in found[label]]
    scores = [each[METRIC] for each in replicate_scores(references, answers, "multi-label", 13)]
    half = len(found["before"])
    spread = percentile_interval(np.mean(scores[half:], axis=0) - np.mean(scores[:half], axis=0))
    values = {label: [round(report.metrics[METRIC], 4) for report in reports] for label, reports in found.items()}
    report = {
        "corpus": CORPUS, "metric": METRIC, "unlabelled": len(own), "passes": words.passes, "learning_rate": RATE,
        "epochs": words.epochs,
        "scored": len(references), "pretraining_s": round(seconds, 1), **values,
        "difference": round(statistics.mean(values["after"]) - statistics.mean(values["before"]), 4),
        "interval": [round(float(value), 4) for value in spread], "machine": machine(),
    }  # fmt: skip
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False, indent=2))


def score(prepared, config: mj.TrainConfig, folder: Path):
    """Train on prepared splits, and the report on the texts that are left in test."""
    return mj.evaluate(train_prepared(prepared, config, folder), prepared.published, without_spaces=False)


if __name__ == "__main__":
    main()
