"""How many wrong labels `munjang review` finds: labels of clean corpora are changed at random, then looked for.

    python bench/review.py --data-dir DIR [--models linear,mini] [--corpora nsmc,kor_3i4k,sample:sentiment]

For each corpus, share of changed labels and seed: 10,000 rows of train (all, if there are fewer) are drawn and their
labels changed to another one, each as likely. "found" is the share of the changed labels among the first twice as many
rows; "listed" and "right" are the rows that are listed without being asked for more, and the share of them that were
changed (others may be wrong in the corpus). "accuracy": on the published test split, of a model (--score) trained on
the rows as drawn, with the changes, with all listed suggestions accepted, with those from 0.5 on, and with the right
label in every listed row, as a person would write it. Results go to bench/results/review.json one by one; those that
are there already are not made again.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from machine import flags, processor
from options import bench_parser

import munjang as mj
from munjang.config.settings import TrainConfig
from munjang.files import write_json
from munjang.records import Corpus, Example
from munjang.reviewing.result import Suspect
from munjang.tables import format_table
from munjang.training.fit import versions

SURE = 0.5
LINEAR = "linear"


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default="nsmc,kor_3i4k,sample:sentiment")
    parser.add_argument("--models", default="linear,mini")
    parser.add_argument("--shares", default="0.05,0.1")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=0, help="other rows: those after the first PART * ROWS")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--score", default=LINEAR, help="the model of the scores, or none")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = options.results / "review.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in options.models.split(","):
        for name in options.corpora.split(","):
            corpus = drawn(mj.load_corpus(name, data_dir=options.data_dir), options.rows, options.part)
            for share, seed in product(options.shares.split(","), options.seeds.split(",")):
                key = f"{model} {name} {share} {seed}"
                if key not in results:
                    config = TrainConfig(backbone=model, hybrid=model != LINEAR, epochs=options.epochs)
                    results[key] = measured(corpus, config, float(share), int(seed), options.score)
                    write_json(path, results)
                    print(key, results[key]["found"], flush=True)
    header = ["model, corpus, share, seed", "found", "listed", "changed among them", "seconds"]
    print(format_table(header, [[key, *(row[name] for name in ("found", "listed", "right", "review_s"))]
                                for key, row in results.items()]))  # fmt: skip


def drawn(corpus: Corpus, rows: int, part: int) -> Corpus:
    """Cleaned, with some rows of train; the line of each is its number."""
    cleaned, __ = mj.clean_corpus(corpus)
    order = np.random.default_rng(2022).permutation(len(cleaned.train))[part * rows : (part + 1) * rows]
    train = [replace(cleaned.train[index], file=None, line=line) for line, index in enumerate(sorted(order), start=1)]
    return cleaned.with_splits(train=train, validation=(), test=cleaned.test or cleaned.validation)


def measured(corpus: Corpus, config: TrainConfig, share: float, seed: int, scorer: str) -> dict[str, Any]:
    """One review of a corpus with changed labels, and what its fixes are worth."""
    changed = flipped(corpus.train, corpus.labels.names, share, seed)
    noisy = corpus.with_splits(train=with_labels(corpus.train, changed))
    start = time.monotonic()
    review = mj.review(noisy.with_splits(test=()), config, top=len(corpus.train))
    seconds = time.monotonic() - start
    first = {row.line for row in review.rows[: 2 * len(changed)]}
    listed = review.rows[: review.wrong]
    return {
        "rows": len(corpus.train), "changed": len(changed), "found": len(first & changed.keys()) / len(changed),
        "listed": len(listed), "right": sum(row.line in changed for row in listed) / max(1, len(listed)),
        "review_s": round(seconds, 1),
        **({} if scorer == "none" else {"accuracy": scored(corpus, noisy, listed, scorer)}),
        "machine": f"{processor()}, {'with' if 'amx_bf16' in flags() else 'no'} AMX", "versions": versions(),
    }  # fmt: skip


def flipped(examples: Sequence[Example], names: Sequence[str], share: float, seed: int) -> dict[int, str]:
    """Line -> another label, for a share of the rows."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(examples))[: round(share * len(examples))]
    return {examples[index].line: str(rng.choice([name for name in names if name != examples[index].label]))
            for index in chosen}  # fmt: skip


def with_labels(examples: Sequence[Example], labels: Mapping[int, str]) -> list[Example]:
    return [replace(example, label=labels.get(example.line, example.label)) for example in examples]


def scored(corpus: Corpus, noisy: Corpus, listed: Sequence[Suspect], scorer: str) -> dict[str, float]:
    """The accuracy on test after each way to deal with the suggestions."""
    true = {example.line: example.label for example in corpus.train}
    trains = {
        "clean": {}, "as changed": {}, "all accepted": {row.line: row.suggestion for row in listed},
        f"accepted from {SURE}": {row.line: row.suggestion for row in listed if row.sure >= SURE},
        "read by a person": {row.line: true[row.line] for row in listed},
    }  # fmt: skip
    accuracy = {}
    for name, labels in trains.items():
        train = with_labels(corpus.train if name == "clean" else noisy.train, labels)
        model = mj.train(corpus.with_splits(train=train), TrainConfig(backbone=scorer), report=False)
        accuracy[name] = model.report.metrics["accuracy"]
    return accuracy


if __name__ == "__main__":
    main()
