"""How well classifiers tell texts of other corpora from texts like their own: by the highest probability, and by scope.

    python bench/scope.py --data-dir DIR [--corpora kor_sae,kor_sarcasm,…] [--others klue_re,…]
        [--backbone mini] [--epochs 2] [--train 3000] [--texts 1000] [--final] [--rounds 5] [--calls 300]

Trains a classifier on a part of each corpus, exports it to onnx and onnx-int8, and scores test texts of its own corpus
and of each other one. Figures of a pair: the AUROC of the highest probability and of the scope, and how many of the
other texts and of its own the scope's threshold flags (shares). --final adds the nine pairs of the packaged heads
topic, sentiment and intent with test splits of other heads; no method was chosen by them. Then one sentence of 30
characters many times, and all texts, with scores and without, in turn in one process: medians over the rounds. Writes
bench/results/scope.json.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.config.settings import ReadOptions
from munjang.data.prepare import prepare_corpus
from munjang.export.run import FORMAT_PRECISIONS, Tolerances, export_model
from munjang.files import write_json
from munjang.inference.predictor import Predictor
from munjang.records import Corpus, Example
from munjang.tables import format_table
from munjang.text.cleaning import clean_text
from munjang.training.fit import train_prepared

ONE = "배우들 연기가 정말 좋아서 끝까지 몰입해서 봤어요 최고"  # 30 characters
SEED = 13
FILES = {
    "kodoli": ("kodoli/train.parquet", "text", "offensiveness"),
    "petitions": ("petitions/train.parquet", "title", "label"),
    "press_ministry": ("press_ministry/train.parquet", "title", "label"),
    "sentineg": ("kobest/sentineg_train.parquet", "text", "label"),
    "stylekqc": ("stylekqc/topic_train.parquet", "text", "label"),
    "klue_re": ("klue-re/train.parquet", "sentence", "label"),
    "question_pair": ("question_pair/train.parquet", "question1", "label"),
}
"""Corpora that are not in munjang's table: file, column of texts, column of labels."""
TRAINED = ("kor_sae", "kor_sarcasm", "kodoli", "petitions", "press_ministry", "sentineg", "stylekqc")
OTHERS = ("klue_re", "question_pair", "kmhas")
HEADS = {
    "topic": ("ynat", ("nsmc", "kor_hate", "kor_3i4k")),
    "sentiment": ("nsmc", ("ynat", "kor_hate", "kor_3i4k")),
    "intent": ("kor_3i4k", ("ynat", "nsmc", "kor_hate")),
}
"""Packaged head -> its corpus, and the other corpora."""


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default=",".join(TRAINED))
    parser.add_argument("--others", default=",".join(OTHERS), help="more corpora, without a classifier of their own")
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--train", type=int, default=3_000, help="training texts of each corpus")
    parser.add_argument("--texts", type=int, default=1_000, help="texts of each corpus that are scored")
    parser.add_argument("--final", action="store_true", help="the nine pairs of the packaged heads, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    trained, others = options.corpora.split(","), options.others.split(",")
    config = mj.TrainConfig(backbone=options.backbone, epochs=options.epochs, seed=SEED)
    corpora = {name: prepare_corpus(read(name, options.data_dir), config) for name in (*trained, *others)}
    tests = {name: drawn(part.corpus.test, options.texts) for name, part in corpora.items()}
    pairs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="scope-") as root:
        for name in trained:
            part = corpora[name]
            few = replace(part, corpus=part.corpus.with_splits(train=drawn(part.corpus.train, options.train)))
            for format, model in formats(train_prepared(few, config, Path(root, name)), Path(root)):
                pairs += pair_figures(f"{options.backbone} {format}", model, name, tests)
            print(f"{name} done", flush=True)
    timing = {"linear": timed(linear_model(corpora[trained[0]].corpus), tests, options.rounds, options.calls)}
    timing["mini/topic"] = timed(mj.load("mini/topic"), tests, options.rounds, options.calls)
    result = {"machine": machine(), "train": options.train, "texts": options.texts, "pairs": pairs, "time": timing}
    if options.final:
        result["final"] = final_pairs(options.data_dir, options.texts)
    write_json(options.results / "scope.json", result)
    shown = pairs + result.get("final", [])
    print(format_table(list(shown[0]), [list(row.values()) for row in shown]))
    print(means(pairs), means(result.get("final", [])), timing)


def read(name: str, data_dir: str) -> Corpus:
    """A corpus of munjang's table, or of FILES."""
    if name not in FILES:
        return mj.load_corpus(name, data_dir=data_dir)
    file, text, label = FILES[name]
    return mj.read_corpus(Path(data_dir, file), options=ReadOptions(text=text, label=label))


def drawn(examples: Sequence[Example], count: int) -> list[Example]:
    """So many of the examples, at random; all if there are fewer."""
    return [examples[i] for i in np.random.default_rng(SEED).permutation(len(examples))[:count]]


def formats(source: Predictor, folder: Path) -> Iterator[tuple[str, Predictor]]:
    """A trained model in every format in which it can be kept."""
    yield source.manifest.format, source
    if source.manifest.format == "native":
        limits = Tolerances(fixed_mean=1.0, agreement=0.0)
        for format in FORMAT_PRECISIONS:
            yield format, export_model(source, format, folder / f"{source.name}-{format}", limits=limits)


def pair_figures(
    title: str, model: Predictor, inside: str, tests: Mapping[str, Sequence[Example]]
) -> list[dict[str, Any]]:
    """The figures of a model with the texts of its own corpus against those of each other one."""
    texts = {name: [example.text for example in examples] for name, examples in tests.items()}
    likely = {name: model.probabilities(part).max(axis=1) for name, part in texts.items()}
    scores = {name: model.scope.score([clean_text(text, model.steps) for text in part]) for name, part in texts.items()}
    flagged = {name: float((part > model.scope.threshold).mean()) for name, part in scores.items()}
    return [
        {
            "model": title,
            "in": inside,
            "out": outside,
            "probability": round(auroc(-likely[inside], -likely[outside]), 4),
            "scope": round(auroc(scores[inside], scores[outside]), 4),
            "flagged_out": round(flagged[outside], 3),
            "flagged_in": round(flagged[inside], 3),
        }
        for outside in texts
        if outside != inside
    ]


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """How often a text from outside has the higher score than one from inside; a tie counts half."""
    ordered = np.sort(inside)
    below = [np.searchsorted(ordered, outside, side=side) for side in ("left", "right")]
    return float(np.mean(below)) / len(inside)


def final_pairs(data_dir: str, count: int) -> list[dict[str, Any]]:
    """The nine pairs of the packaged heads."""
    corpora = {name: mj.load_corpus(name, data_dir=data_dir) for name in ("ynat", "nsmc", "kor_hate", "kor_3i4k")}
    tests = {name: drawn(corpus.test, count) for name, corpus in corpora.items()}
    return [
        row
        for head, (inside, others) in HEADS.items()
        for row in pair_figures(
            f"mini/{head}", mj.load(f"mini/{head}"), inside, {name: tests[name] for name in (inside, *others)}
        )
    ]


def means(pairs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The means and the lowest figures of some pairs."""
    columns = {name: [pair[name] for pair in pairs] for name in ("probability", "scope")} if pairs else {}
    return {
        f"{of}_{name}": round(way(values), 4)
        for name, values in columns.items()
        for of, way in (("mean", statistics.mean), ("lowest", min))
    }


def linear_model(corpus: Corpus) -> Predictor:
    """A linear model of the corpus."""
    return mj.train(corpus, mj.TrainConfig(backbone="linear", seed=SEED), report=False)


def timed(model: Predictor, tests: Mapping[str, Sequence[Example]], rounds: int, calls: int) -> dict[str, float]:
    """ms of a prediction of one sentence and of its score; sentences a second with scores and without."""
    texts = [example.text for examples in tests.values() for example in examples]
    one: list[list[float]] = [[], []]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for way, predict in enumerate((model.predict_many, lambda part: scored(model, part))):
            single = []
            for _ in range(calls):
                began = time.perf_counter()
                predict([ONE])
                single.append(time.perf_counter() - began)
            one[way].append(1000 * statistics.median(single))
            began = time.perf_counter()
            predict(texts)
            seconds[way].append(time.perf_counter() - began)
    alone, both = (statistics.median(values) for values in one)
    slow = [statistics.median(values) for values in seconds]
    return {
        "one_ms": round(alone, 3),
        "more_ms": round(both - alone, 3),
        "sentences_s": round(len(texts) / slow[0]),
        "share_of_rate": round(slow[0] / slow[1], 3),
    }


def scored(model: Predictor, texts: Sequence[str]) -> None:
    """Predictions as `predict_many` makes them, and the scores of the texts that it has cleaned."""
    records = []
    for parts in model.run(texts):
        records += [model.decode(*part) for part in zip(*parts, strict=True)]
        model.scope.score(parts[1])


if __name__ == "__main__":
    main()
