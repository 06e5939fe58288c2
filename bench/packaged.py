"""What the packaged heads are worth as they are shipped (8 bits, with their temperatures), and how fast they answer.

    python bench/packaged.py --data-dir DIR [--corpora nsmc,ynat] [--rows 20000] [--starts 9]

Each head is scored on the test split, as published, of the corpus that it was trained on: `fp32` are the scores on its
card, measured before the export. Seconds: `munjang analyze TEXT` as a process of its own (median of 9, files in the
system's cache); a text at a time and a file of texts in one process, all heads. Writes bench/results/packaged.json.
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
    parser.add_argument("--rows", type=int, default=20_000, help="of the file that is answered by all heads")
    parser.add_argument("--starts", type=int, default=9, help="of a process for a single text")
    words = parser.parse_args()
    path = words.results / "packaged.json"
    model = Analyzer()
    heads = {}
    for head in model.heads:
        if CORPORA[head.name] in words.corpora.split(","):
            heads[head.name] = score(model, head, words.data_dir)
            print(head.name, heads[head.name], flush=True)
    found = {"heads": heads, "speed": speed(model, words), "machine": machine()}
    write_json(path, found)
    header = ["head", "sentences", *SHOWN, *(f"{name}, fp32" for name in SHOWN), "ECE"]
    rows = [
        [name, each["n"], *(f"{each['scores'][key]:.4f}" for key in SHOWN),
         *(f"{each['fp32'][key]:.4f}" for key in SHOWN), f"{each['calibration_error']:.4f}"]
        for name, each in heads.items()
    ]  # fmt: skip
    print(format_table(header, rows))
    print(json.dumps(found["speed"], indent=2))


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


def speed(model: Analyzer, words: argparse.Namespace) -> dict:
    """Seconds of a whole process, milliseconds a single text, texts a second of a long list."""
    texts = [row.text for row in mj.load_corpus("nsmc", data_dir=words.data_dir).test][: words.rows]
    model.analyze_many(texts[:1000])
    began = time.perf_counter()
    model.analyze_many(texts)
    took = time.perf_counter() - began
    single = [timed(lambda text=text: model.analyze(text)) for text in texts[:300]]
    command = [sys.executable, "-m", "munjang", "analyze", TEXT]
    process = [timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(words.starts)]
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
