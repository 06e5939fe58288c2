"""A parser's speed in sentences of 20 words per second, and the share of time for decoding the trees.

python bench/parse_speed.py MODEL TREES [--sentences N] [--threads N] [--rounds N]

MODEL: a folder of either format. On Linux an exported model may use as many processors as there are threads. The rate
is the median of the rounds. Writes bench/results/parse-speed.json; rows of other models and other numbers of threads
stay.
"""

from __future__ import annotations

import json
import os
import time
from statistics import median

import numpy as np
from machine import machine
from options import results_parser

from munjang.data.trees.treebanks import read_trees
from munjang.files import write_json
from munjang.inference.predictor import load
from munjang.tasks.parsing.decoding import DECODERS

WORDS = 20


def sentences(path: str, count: int) -> list[str]:
    """Texts of 20 words: the words of all sentences of a treebank, cut into pieces of 20."""
    words = [word for example in read_trees(path) for word in example.label.words]
    texts = [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS)]
    return [texts[i % len(texts)] for i in range(count)]


def main() -> None:
    parser = results_parser(__doc__)
    parser.add_argument("model")
    parser.add_argument("trees")
    parser.add_argument("--sentences", type=int, default=800)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    path = given.results / "parse-speed.json"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    model, texts = load(given.model), sentences(given.trees, given.sentences)
    if model.manifest.format == "native":
        import torch

        torch.set_num_threads(given.threads)
    model.predict_many(texts[:100])
    spent = {name: 0.0 for name in DECODERS}
    for name, decode in list(DECODERS.items()):

        def timed(scores: np.ndarray, words: np.ndarray, name: str = name, decode=decode) -> np.ndarray:
            began = time.perf_counter()
            try:
                return decode(scores, words)
            finally:
                spent[name] += time.perf_counter() - began

        DECODERS[name] = timed
    rounds = []
    for _ in range(given.rounds):
        began, used, before = time.perf_counter(), time.process_time(), sum(spent.values())
        model.predict_many(texts)
        took, used = time.perf_counter() - began, time.process_time() - used
        rounds.append((len(texts) / took, (sum(spent.values()) - before) / took, len(texts) / used))
    rate, share, alone = (median(column) for column in zip(*rounds, strict=True))
    how = " ".join(filter(None, (model.manifest.format, model.manifest.details.get("precision"))))
    facts = f"{given.threads} threads, {model.name} ({how}), {model.decoder.scheme}"
    print(f"{len(texts)} sentences of {WORDS} words, {facts}:")
    in_rounds = model.decoder.parser == "labeling"
    finding = "the rounds are the network's own" if in_rounds else f"finding the trees {share:.1%} of the time"
    print(f"{rate:.0f} sentences/s; {finding}")
    print(f"{alone:.0f} sentences for a second of one processor, however busy the machine")
    key = {"model": model.name, "format": how, "threads": given.threads}
    row = {
        **key,
        "sentences": len(texts),
        "words": WORDS,
        "sentences_s": round(rate),
        "rates": [round(figures[0]) for figures in rounds],
        "finding_trees": None if in_rounds else round(share, 4),
        "machine": machine(),
    }
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    write_json(path, [*(old for old in rows if {name: old[name] for name in key} != key), row])


if __name__ == "__main__":
    main()
