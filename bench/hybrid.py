"""What the n-grams of a hybrid cost: one sentence, many reviews, and the folder, with them and without.

    python bench/hybrid.py --data-dir DIR [--backbone mini] [--sentences 25000] [--rounds 5] [--calls 300]
        [--epochs 0.2]

Trains a hybrid on NSMC, exports it to onnx-int8, and classifies NSMC test sentences with the export and with its
network alone, in turn in one process: one sentence of 30 characters many times (median milliseconds a call of a round),
then all of them (sentences a second). Figures are medians over the rounds. Also: the n-grams of the whole linear model
and of some that are pruned to fewer bytes, with the scores of each on validation. Writes bench/results/hybrid.json.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.prepare import prepare_corpus
from munjang.export.run import Tolerances, export_model
from munjang.files import write_json
from munjang.inference.backends.hybrid import network_runner
from munjang.inference.backends.linear import LinearParts, LinearRunner
from munjang.inference.predictor import Predictor
from munjang.records import Corpus
from munjang.tables import format_table
from munjang.tasks import task_for
from munjang.training.fit import train_prepared
from munjang.training.hybrid import pruned, scores_on
from munjang.training.linear import targets, train_linear

ONE = "배우들 연기가 정말 좋아서 끝까지 몰입해서 봤어요 최고"  # 30 characters
BYTES = (None, 4_000_000, 2_000_000, 1_000_000, 500_000)  # of the pruned linear models; None: the whole one


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--sentences", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--epochs", type=float, default=0.2)
    options = parser.parse_args()
    config = mj.TrainConfig(backbone=options.backbone, epochs=options.epochs, hybrid=True)
    prepared = prepare_corpus(mj.load_corpus("nsmc", data_dir=options.data_dir), config)
    texts = [example.text for example in prepared.published.test][: options.sentences]
    with tempfile.TemporaryDirectory(prefix="hybrid-") as root:
        source = train_prepared(prepared, config, Path(root, "m"))
        limits = Tolerances(fixed_mean=1.0, agreement=0.0)
        hybrid = export_model(source, "onnx-int8", Path(root, "int8"), limits=limits)
        alone = Predictor(hybrid.manifest, network_runner(hybrid.runner), hybrid.folder, hybrid.decoder)
        speed = timed({"hybrid": hybrid, "network": alone}, texts, rounds=options.rounds, calls=options.calls)
        ngram_bytes = sum(path.stat().st_size for path in Path(root, "int8").glob("ngrams*"))
    result = {
        "machine": machine(),
        "backbone": options.backbone,
        "train": len(prepared.corpus.train),
        "sentences": len(texts),
        "ngram_bytes": ngram_bytes,
        **speed,
        "more_ms": round(speed["one_ms"]["hybrid"] - speed["one_ms"]["network"], 3),
        "share_of_rate": round(speed["sentences_s"]["hybrid"] / speed["sentences_s"]["network"], 3),
        "pruned": pruned_scores(prepared.corpus, config),
    }
    write_json(options.results / "hybrid.json", result)
    print(format_table(list(result["pruned"][0]), [list(row.values()) for row in result["pruned"]]))
    print({name: value for name, value in result.items() if name not in ("pruned", "machine")})


def timed(models: dict[str, Predictor], texts: Sequence[str], *, rounds: int, calls: int) -> dict[str, Any]:
    """The median over the rounds of a call with one sentence, in ms, and of the sentences a second."""
    one: dict[str, list[float]] = {name: [] for name in models}
    rate: dict[str, list[float]] = {name: [] for name in models}
    for round_number in range(rounds + 1):  # the first is a warm-up
        for name, model in models.items():
            single = []
            for _ in range(calls):
                began = time.perf_counter()
                model.predict(ONE)
                single.append(time.perf_counter() - began)
            began = time.perf_counter()
            model.predict_many(texts)
            seconds = time.perf_counter() - began
            if round_number:
                one[name].append(1000 * statistics.median(single))
                rate[name].append(len(texts) / seconds)
    return {
        "one_ms": {name: round(statistics.median(values), 3) for name, values in one.items()},
        "sentences_s": {name: round(statistics.median(values)) for name, values in rate.items()},
    }


def pruned_scores(corpus: Corpus, config: mj.TrainConfig) -> list[dict[str, Any]]:
    """The whole linear model and smaller ones: n-grams, bytes of their files, scores on validation."""
    model, references = train_linear(corpus, config), targets(corpus.validation, corpus)
    texts = [example.text for example in corpus.validation]
    rows = []
    for most in BYTES:
        smaller = pruned(model, most) if most else model
        scores = scores_on(task_for(corpus), LinearRunner(smaller).run({"texts": texts})["logits"], references)
        rows.append({"n-grams": len(smaller.ngrams), "bytes": size_of(smaller), **scores})
    return rows


def size_of(model: LinearParts) -> int:
    """Bytes of its files."""
    return sum(len(ngram.encode()) + 1 for ngram in model.ngrams) + 4 * int(np.size(model.idf) + np.size(model.weights))


if __name__ == "__main__":
    main()
