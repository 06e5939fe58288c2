"""How fast sentences are classified: transformers' pipeline, munjang's native runner and its exports, side by side.

    python bench/predict_speed.py --data-dir DIR [--shapes base,small] [--rounds 3] [--calls 60] [--starts 5]

A  transformers.pipeline("text-classification", batch_size=32), in fp32 and in bf16, on raw texts, as a user calls it
B  Predictor.predict_many of the native model folder
C  Predictor.predict_many of the exports of that folder: onnx (fp32) and onnx-int8

The models are BERTs with random weights from a fixed seed and a WordPiece of 16,000 pieces from NSMC train; the head is
scaled to make predictions differ between texts. All classify the same NSMC test sentences, in turn (A B C A B C), in
one process; then each classifies one sentence of 30 characters many times. Rates are medians over the rounds; ratios
are to the faster pipeline. FLOP are 2 · weights of the layers · real tokens; their rate is compared with one large
matrix product in the same precision (for 8 bits: in bf16). Start-up is a whole `munjang predict` process. Other shapes
keep their numbers. Writes bench/results/predict-speed.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import gemm_peak, machine
from options import bench_parser
from shapes import Shape

import munjang as mj
from munjang.export.run import Tolerances, export_model
from munjang.files import write_json
from munjang.inference.backends import native
from munjang.models.folder import Manifest, save_bundle
from munjang.tables import format_table, markdown_table
from munjang.text.vocabulary import train_wordpiece

BATCH, SEED, PIECES = 32, 13, 16_000
ONE = "배우들 연기가 정말 좋아서 끝까지 몰입해서 봤어요 최고"  # 30 characters
# With random weights the scores of texts are close together, so rounding changes more labels than in a trained network.
LIMITS = Tolerances(fixed_mean=1.0, agreement=0.0)
ENVIRONMENT = ("OMP_", "GOMP_", "MALLOC_")
PIPELINES = ("A pipeline fp32", "A pipeline bf16")


@dataclass(frozen=True)
class Answering(Shape):
    """A BERT, and how many sentences it classifies in a round."""

    sentences: int


SHAPES = {"base": Answering(12, 768, 384), "small": Answering(4, 256, 3072), "tiny": Answering(1, 64, 32, gemm=64)}


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--shapes", default="base,small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=60, help="calls with one sentence, for its latency")
    parser.add_argument("--starts", type=int, default=5, help="starts of a process, for its seconds")
    options = parser.parse_args()
    corpus = mj.load_corpus("nsmc", data_dir=options.data_dir)
    train = [example.text for example in corpus.train[:40_000] if example.text]
    texts = [example.text for example in corpus.test if example.text.strip()]
    assert len(ONE) == 30
    path = options.results / "predict-speed.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.shapes.split(","):
        with tempfile.TemporaryDirectory(prefix="predict-speed-") as folder:
            results[name] = measure(SHAPES[name], train, texts[: SHAPES[name].sentences], Path(folder), options)
        write_json(path, results)
        print(format_table(*table({name: results[name]})), flush=True)
    page = f"# Prediction speed\n\n{markdown_table(*table(results))}\n\nMade by `bench/predict_speed.py`; "
    path.with_suffix(".md").write_text(page + "machine and conditions are in the JSON beside it.\n", encoding="utf-8")


def make_model(shape: Shape, train: list[str], sample: list[str], folder: Path) -> mj.Predictor:
    """A BERT with random weights; the head is scaled to margins with a standard deviation of 0.5 on the sample."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = train_wordpiece(train, PIECES)
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.width // 64, intermediate_size=4 * shape.width, num_labels=2,
        id2label={0: "부정", 1: "긍정"},
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    manifest = Manifest("native", "classification", mj.LabelSet(("부정", "긍정")), ("nfc",), 512, "scratch")
    save_bundle(folder, manifest, lambda beside: native.save(beside, model, tokenizer), "# Random weights\n")
    shares = np.clip(mj.load(folder).probabilities(sample).astype(float), 1e-9, 1)
    margins = np.log(shares[:, 1] / shares[:, 0])
    with torch.no_grad():
        model.classifier.weight *= 0.5 / margins.std()
        model.classifier.bias[1] -= 0.5 / margins.std() * margins.mean()
    save_bundle(folder, manifest, lambda beside: native.save(beside, model, tokenizer), "# Random weights\n")
    return mj.load(folder)


def pipeline_of(folder: Path, dtype: str) -> Callable[[list[str]], np.ndarray]:
    """transformers' pipeline as a function from texts to probabilities (n, 2)."""
    import torch
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder), dtype=getattr(torch, dtype), device="cpu", top_k=None)

    def run(texts: list[str]) -> np.ndarray:
        answers = classify(texts, batch_size=BATCH, truncation=True, max_length=512)
        return np.array([[{a["label"]: a["score"] for a in row}[name] for name in ("부정", "긍정")] for row in answers])

    return run


def answers_of(model: mj.Predictor) -> Callable[[list[str]], np.ndarray]:
    """A Predictor as a function from texts to probabilities, through the predictions that a user gets."""

    def run(texts: list[str]) -> np.ndarray:
        return np.array([[answer.scores[name] for name in ("부정", "긍정")] for answer in model.predict_many(texts)])

    return run


def measure(
    shape: Shape, train: list[str], texts: list[str], folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """All figures of one shape: rates, latencies, sizes, differences, conditions."""
    source = make_model(shape, train, texts[:100], folder / "native")
    models = {name: export_model(source, name, folder / name, limits=LIMITS) for name in ("onnx", "onnx-int8")}
    tokens = int(source.runner.encode(texts).lengths.sum())
    runs = {name: pipeline_of(folder / "native", f"{name[-4:].replace('fp32', 'float32').replace('bf16', 'bfloat16')}")
            for name in PIPELINES}  # fmt: skip
    runs |= {"B native": answers_of(source), "B native bf16": answers_of(mj.load(folder / "native", precision="bf16"))}
    runs |= {"C onnx": answers_of(models["onnx"]), "C onnx-int8": answers_of(models["onnx-int8"])}
    peaks = {name: gemm_peak(name, rows=shape.gemm) for name in ("float32", "bfloat16")}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    answers = {}
    for run in runs.values():
        run(texts[:BATCH])
    for _ in range(options.rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            answers[name] = run(texts)
            seconds[name].append(time.perf_counter() - start)
    rates = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    delays = {name: latency(run, options.calls) for name, run in runs.items()}
    best = {"rate": max(rates[name] for name in PIPELINES), "p50": min(delays[name][0] for name in PIPELINES)}
    first = answers[PIPELINES[0]]
    rows = {}
    for name in runs:
        peak = peaks["float32" if name in ("A pipeline fp32", "B native", "C onnx") else "bfloat16"]
        flop = 2 * shape.weights * tokens / len(texts) * rates[name]
        rows[name] = {
            "sentences_s": round(rates[name], 1),
            "of_pipeline": round(rates[name] / best["rate"], 2),
            "seconds": [round(value, 3) for value in seconds[name]],
            "p50_ms": round(delays[name][0], 2),
            "p95_ms": round(delays[name][1], 2),
            "p50_of_pipeline": round(delays[name][0] / best["p50"], 3),
            "same_labels": round(float((answers[name].argmax(1) == first.argmax(1)).mean()), 5),
            "largest_difference": float(f"{np.abs(answers[name] - first).max():.2g}"),
            "tflop_s": round(flop / 1e12, 3),
            "of_peak": round(flop / peak, 3),
        }
    for name, target in (("B native", folder / "native"), *((f"C {key}", folder / key) for key in models)):
        rows[name] |= {"megabytes": round(sum(p.stat().st_size for p in target.iterdir() if p.is_file()) / 1e6, 1)}
        rows[name] |= {"start_s": started(target, options.starts)}
    return {
        "models": rows,
        "layers": shape.layers,
        "width": shape.width,
        "vocabulary": PIECES,
        "sentences": len(texts),
        "tokens": tokens,
        "rounds": options.rounds,
        "batch_size": BATCH,
        "calls": options.calls,
        "peak_tflop_s": {key: round(value / 1e12, 3) for key, value in peaks.items()},
        "int8": dict(models["onnx-int8"].manifest.details),
        "environment": {key: os.environ[key] for key in sorted(os.environ) if key.startswith(ENVIRONMENT)},
        "machine": machine(),
    }


def latency(run: Callable[[list[str]], np.ndarray], calls: int) -> tuple[float, float]:
    """p50 and p95 of one sentence, in milliseconds."""
    run([ONE])
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run([ONE])
        times.append(1000 * (time.perf_counter() - start))
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def started(folder: Path, starts: int) -> float:
    """Seconds of a whole `munjang predict` process, the median of several."""
    times = []
    for _ in range(starts):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "munjang", "predict", str(folder), ONE], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return round(statistics.median(times), 2)


def table(results: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    """A line for each shape and model."""
    columns = ["shape", "model", "sentences/s", "× pipeline", "p50 ms", "p95 ms", "p50 / pipeline", "same labels",
               "largest difference", "TFLOP/s", "of peak", "MB", "start s"]  # fmt: skip
    keys = ["sentences_s", "of_pipeline", "p50_ms", "p95_ms", "p50_of_pipeline", "same_labels", "largest_difference",
            "tflop_s", "of_peak", "megabytes", "start_s"]  # fmt: skip
    return columns, [
        [shape, name, *(row.get(key, "") for key in keys)]
        for shape, facts in results.items()
        for name, row in facts["models"].items()
    ]


if __name__ == "__main__":
    main()
