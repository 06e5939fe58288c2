"""Every script of bench/ in its smallest size: it runs, and its figures and their conditions come out."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench_runs import BENCH, run_bench, write_data
from parsers import train_tiny

pytest.importorskip("torch")

HELPERS = {"http_load", "machine", "options", "pipeline_server", "shapes"}  # started or imported by the others


@dataclass(frozen=True)
class Smallest:
    """A script's smallest size.

    result: the file it writes. figures: names in it whose numbers are above 0; shares: whose numbers are from 0 to 1;
    holds: of what must be true. needs: a package without which it is skipped. apart: its commands get processes of
    their own, since it times the first import of torch.
    """

    words: str
    result: str
    figures: str
    shares: str = ""
    needs: str = "torch"
    holds: tuple[str, ...] = ()
    apart: bool = False


BENCHES = {
    "adapt": Smallest(
        "--sentences 240 --passes 1 --seeds 13 --epochs 1", "adapt.json", "scored pretraining_s", "before after"
    ),
    "against": Smallest(
        f"{BENCH.parent} --runs 2 --only help,analyze", "against.json", "base_s this_s ratio low high", apart=True
    ),
    "bulk": Smallest(
        "--rows 64 --models linear --runs local,ray --workers 1",
        "bulk.json",
        "seconds rows_s peak_megabytes parts rows_s_a_worker",
        "same_labels",
        needs="ray",
        holds=("same_rows",),
    ),
    "explain": Smallest("--sentences 4 --draws 2", "explain.json", "sentences draws", "more_often"),
    "folds": Smallest(
        "--rows 400 --backbones linear --folds 2", "folds.json", "seconds cpu_seconds peak_megabytes rows"
    ),
    "hybrid": Smallest(
        "--backbone scratch:tiny --sentences 8 --rounds 1 --calls 2 --epochs 1",
        "hybrid.json",
        "one_ms sentences_s ngram_bytes pruned",
        "macro_f1",
        needs="onnx",
    ),
    "joined": Smallest(
        "--corpora nsmc --epochs 1 --backbone scratch:tiny", "joined.json", "seconds log_loss", "macro_f1"
    ),
    "loops": Smallest(
        "--corpora nsmc --seeds 13 --backbone scratch:tiny", "loops.json", "train_s n accuracy", "accuracy"
    ),
    "near_duplicates": Smallest("--texts 200 --planted 20", "near-duplicates.json", "seconds", "found", needs="numpy"),
    "packaged": Smallest(
        "--corpora nsmc --rows 8 --starts 1", "packaged.json", "n process_s text_ms texts_s accuracy", "accuracy"
    ),
    "parse_speed": Smallest(
        "MODEL TREES --sentences 20 --threads 1 --rounds 1", "parse-speed.json", "sentences_s rates", "finding_trees"
    ),
    "parsing": Smallest(
        "--corpora klue-dp --backbone scratch:tiny --epochs 1", "parsing.json", "train test train_s", "uas las exact"
    ),
    "predict_memory": Smallest("--lines 64", "predict-memory.json", "seconds lines_s peak_megabytes"),
    "predict_speed": Smallest(
        "--shapes tiny --rounds 1 --calls 2 --starts 1",
        "predict-speed.json",
        "sentences_s p50_ms p95_ms of_pipeline megabytes start_s peak_tflop_s",
        "same_labels",
        needs="onnx",
    ),
    "pretrain": Smallest(
        "--megabytes 0.01 --kills 1 --set size=1x64 --set vocabulary=300 --set save_every=4 --set batch_tokens=256 "
        "--set max_length=64 --set validation_share=0.1",
        "pretrain.json",
        "bytes seconds validation_loss",
        needs="zstandard",
        holds=("same",),
    ),
    "pretraining_choices": Smallest(
        "size=1x64,vocabulary=300 --steps 1",
        "pretraining-choices.json",
        "steps tokens pretrain_s",
        "macro_f1",
        needs="zstandard",
    ),
    "quality": Smallest(
        "--backbone scratch:tiny --corpora nsmc", "quality-scratch-tiny.json", "train test peak_memory_mb", "macro_f1"
    ),
    "reading": Smallest(
        f"--reviews 300 --rounds 1 --against {BENCH.parent}",
        "reading.json",
        "rows plain_s this_s of_plain base_s of_base",
        needs="python_calamine",
    ),
    "scope": Smallest(
        "--corpora nsmc --others sample:intent --backbone scratch:tiny --epochs 1 --texts 20 --rounds 1 --calls 2",
        "scope.json",
        "train one_ms sentences_s share_of_rate",
        "probability scope flagged_out flagged_in",
        needs="onnx",
    ),
    "review": Smallest(
        "--models linear --corpora nsmc --shares 0.1 --seeds 1",
        "review.json",
        "rows changed listed review_s",
        "found right accuracy",
    ),
    "robustness": Smallest(
        "--corpora nsmc --rows 32 --epochs 1 --scored 8 --backbone scratch:tiny",
        "robustness.json",
        "train train_s n",
        "scores",
    ),
    "serving": Smallest(
        "--shapes tiny --only 'A pipeline,B onnx' --clients 1 --rounds 1 --seconds 0.5 --warm 0",
        "serving.json",
        "start_s per_s p50_ms p99_ms n",
        needs="fastapi",
    ),
    "settings": Smallest(
        "nsmc backbone=scratch:tiny --rows 32 --epochs 1", "settings.json", "rows train_s near", "macro_f1"
    ),
    "shares": Smallest(
        "--corpora nsmc --rows 200 --draws 2",
        "shares.json",
        "size validation",
        "raw counts means corrected inside width",
    ),
    "spreadsheet": Smallest(
        "--reviews 300 --backbone linear",
        "spreadsheet.json",
        "rows train_s predict_s",
        holds=("account is right", "rows back, in order"),
    ),
    "startup": Smallest("--repeats 1 --backbones scratch:tiny", "startup.json", "reading network all", apart=True),
    "trust": Smallest("--models linear --corpora nsmc", "trust.json", "before after best_answered", "temperature"),
    "train_memory": Smallest("--rows 64", "train-memory.json", "MB"),
    "train_speed": Smallest(
        "--shapes tiny --rounds 1 --steps 1 --variants B,C --precision fp32",
        "train-speed-fp32.json",
        "step_s real_tokens_s tflops gemm_tflops",
    ),
}


def test_every_script_of_bench_is_run_or_named_as_a_helper():
    assert {path.stem for path in BENCH.glob("*.py")} == set(BENCHES) | HELPERS
    assert not set(BENCHES) & HELPERS


@pytest.mark.parametrize("name", BENCHES)
def test_bench_gives_figures_in_its_smallest_size(name, places, tmp_path):
    smallest = BENCHES[name]
    pytest.importorskip(smallest.needs)
    known = kept()
    words = [places.get(word, word) for word in shlex.split(smallest.words)]
    words += [] if name == "parse_speed" else ["--data-dir", places["DATA"]]
    run_bench(name, *words, "--results", tmp_path, apart=smallest.apart)
    found = json.loads((tmp_path / smallest.result).read_text(encoding="utf-8"))
    for figure in smallest.figures.split():
        assert all(value > 0 for value in numbers(found, figure)), f"{name}: {figure} is not above 0"
    for share in smallest.shares.split():
        assert all(0 <= value <= 1 for value in numbers(found, share)), f"{name}: {share} is no share"
    for statement in smallest.holds:
        assert set(named(found, statement, least=1)) == {True}, f"{name}: not {statement}"
    assert not any(named(found, "errors"))
    assert all(each["torch"] and each["numpy"] for each in named(found, "versions", least=1))
    assert kept() == known, "figures that are kept were changed"


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """What the words of a script stand for."""
    data = write_data(tmp_path_factory.mktemp("data"))
    model = tmp_path_factory.mktemp("parser") / "model"
    train_tiny(model, epochs=1)
    return {"DATA": data, "MODEL": model, "TREES": data / "klue-dp" / "klue-dp-v1.1_train.tsv"}


@pytest.fixture(autouse=True)
def same_process() -> Iterator[None]:
    """The process as it was: bench/parse_speed.py holds itself to some processors and times the decoders."""
    import torch

    from munjang.tasks.parsing.decoding import DECODERS

    held = hasattr(os, "sched_getaffinity")
    processors, threads, decoders = os.sched_getaffinity(0) if held else (), torch.get_num_threads(), dict(DECODERS)
    yield
    if held:
        os.sched_setaffinity(0, processors)
    torch.set_num_threads(threads)
    DECODERS.update(decoders)


def named(found: Any, name: str, *, least: int = 0) -> list[Any]:
    """Everything that has this name in a file of figures, however deep; at least so many."""
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    values = [found[name]] if isinstance(found, dict) and name in found else []
    values += [value for part in parts for value in named(part, name)]
    assert len(values) >= least, f"no {name} in {json.dumps(found, ensure_ascii=False)}"
    return values


def numbers(found: Any, name: str) -> list[float]:
    """The numbers of this name, those in its lists and tables too; all are finite."""
    flat, rest = [], named(found, name, least=1)
    while rest:
        value = rest.pop()
        rest += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        flat += [] if isinstance(value, dict | list) else [value]
    assert flat and all(isinstance(value, int | float) and math.isfinite(value) for value in flat), f"{name}: {flat}"
    return flat


def kept() -> dict[str, int]:
    """When each file of bench/results was last written."""
    return {path.name: path.stat().st_mtime_ns for path in (BENCH / "results").iterdir()}
