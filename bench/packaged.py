"""Scores and speed of the packaged heads as they are shipped: in 8 bits, with their temperatures.

    python bench/packaged.py --data-dir DIR [--corpora nsmc,ynat] [--rows 20000] [--starts 9]

Each head is scored on the published test split of its training corpus; `fp32` are the scores on its card, measured
before the export. Times: `munjang analyze TEXT` as its own process (median of 9, files in the system's cache); one text
at a time, and a list of texts, with all heads in one process. Writes bench/results/packaged.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from statistics import median

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.files import write_json
from munjang.inference.analyzer import Analyzer
from munjang.tables import format_table

CORPORA = {
    "sentiment": "nsmc", "hate": "kor_hate", "sarcasm": "kor_sarcasm", "intent": "kor_3i4k", "kind": "kor_sae",
    "topic": "ynat", "language": "langid",
}  # fmt: skip
SHOWN = ("accuracy", "macro_f1")
TEXT = "너 때문에 진짜 짜증나"


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default=",".join(CORPORA.values()))
    parser.add_argument("--rows", type=int, default=20_000, help="texts that all heads predict")
    parser.add_argument("--starts", type=int, default=9, help="processes for a single text")
    options = parser.parse_args()
    path = options.results / "packaged.json"
    model = Analyzer()
    heads = {}
    for head in model.heads:
        if CORPORA[head.name] in options.corpora.split(","):
            heads[head.name] = score(model, head, options.data_dir)
            print(head.name, heads[head.name], flush=True)
    results = {"heads": heads, "speed": speed(model, options), "machine": machine()}
    write_json(path, results)
    header = ["head", "sentences", *SHOWN, *(f"{name}, fp32" for name in SHOWN), "ECE"]
    rows = [
        [name, facts["n"], *(f"{facts['scores'][key]:.4f}" for key in SHOWN),
         *(f"{facts['fp32'][key]:.4f}" for key in SHOWN), f"{facts['calibration_error']:.4f}"]
        for name, facts in heads.items()
    ]  # fmt: skip
    print(format_table(header, rows))
    print(json.dumps(results["speed"], indent=2))


def score(model: Analyzer, head, data_dir: str | None) -> dict:
    """One head on the test split of its corpus."""
    corpus = mj.load_corpus(CORPORA[head.name], data_dir=data_dir)
    report = mj.evaluate(model.single[head.name], corpus, without_spaces=False)
    return {
        "corpus": corpus.name,
        "n": report.n,
        "scores": {key: round(report.metrics[key], 5) for key in SHOWN},
        "interval": {key: report.intervals[key] for key in SHOWN},
        "fp32": {key: round(head.test[key], 5) for key in SHOWN},
        "calibration_error": round(report.calibration_error, 5),
    }


def speed(model: Analyzer, options: argparse.Namespace) -> dict:
    """Seconds of a whole process, milliseconds for a single text, texts per second for a long list."""
    texts = [row.text for row in mj.load_corpus("nsmc", data_dir=options.data_dir).test][: options.rows]
    model.analyze_many(texts[:1000])
    began = time.perf_counter()
    model.analyze_many(texts)
    took = time.perf_counter() - began
    single = [timed(lambda text=text: model.analyze(text)) for text in texts[:300]]
    command = [sys.executable, "-m", "munjang", "analyze", TEXT]
    process = [timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(options.starts)]
    return {
        "process_s": round(median(process), 3),
        "text_ms": round(1000 * median(single), 2),
        "texts_s": round(len(texts) / took),
        "texts": len(texts),
    }


def timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
