"""How long `munjang train` takes up to its first optimizer step, by stage, in its first and its second run.

    python bench/startup.py [--corpus nsmc] [--data-dir FOLDER] [--repeats 3] [--backbones scratch:small,FOLDER]

Each run is its own process: the command with timed stages, which ends after the first step. The first run of each round
has an empty cache, the second has the cache of the first. The backbone FOLDER is a model folder that is made here from
a sample corpus. Medians go to bench/results/startup.json.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from machine import machine
from options import bench_parser

STAGES = {  # where a stage is called -> what it is called here
    ("munjang.data.corpora.table", "load_corpus"): "reading",
    ("munjang.data.readers.corpus", "read_corpus"): "reading",
    ("munjang.data.prepare", "clean_corpus"): "cleaning",
    ("munjang.data.prepare", "with_test"): "splitting",
    ("munjang.data.prepare", "with_validation"): "splitting",
    ("munjang.training.run", "begin_run"): "fingerprint and settings",
    ("munjang.training.fit", "prepare_backbone"): "tokenizer",
    ("munjang.tasks.classification", "Classification.encode"): "token ids",
    ("munjang.models.backbones", "LoadedBackbone.build"): "network",
}


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpus", default="nsmc")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--backbones", default="scratch:small,FOLDER")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = options.results / "startup.json"
    if options.child:
        first_step(options.child)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {}
        for name in options.backbones.split(","):
            backbone = str(model_folder(folder / "model")) if name == "FOLDER" else name
            label = "a model folder" if name == "FOLDER" else name
            rounds = [one_round(options, backbone, folder / f"{label}-{n}") for n in range(options.repeats)]
            results[label] = {run: medians([each[run] for each in rounds]) for run in ("first run", "second run")}
    report: dict[str, Any] = {"corpus": options.corpus, "repeats": options.repeats, "unit": "s, medians", **results}
    report["machine"] = machine()
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, ensure_ascii=False, indent=2))


def model_folder(folder: Path) -> Path:
    """A model of a sample corpus."""
    train = ["train", "sample:sentiment", "--backbone", "scratch:tiny", "--epochs", "1", "--no-report", "--out", folder]
    subprocess.run([sys.executable, "-m", "munjang", *train], check=True, capture_output=True)
    return folder


def one_round(options: argparse.Namespace, backbone: str, folder: Path) -> dict[str, dict[str, float]]:
    """The stages of a run with an empty cache, and of the same command again."""
    environment = {**os.environ, "MUNJANG_CACHE": str(folder / "cache")}
    seconds = {}
    for run in ("first run", "second run"):
        command = ["train", options.corpus, "--backbone", backbone]
        command += ["--data-dir", options.data_dir] if options.data_dir else []
        command += ["--out", str(folder / run.replace(" ", "-"))]
        child = [sys.executable, __file__, "--child", *command]
        done = subprocess.run(child, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        seconds[run] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {stage: round(median(run.get(stage, 0.0) for run in runs), 3) for stage in runs[0]}


def first_step(arguments: list[str]) -> None:
    """Run the command up to the first optimizer step, print the seconds of each stage as JSON, and end."""
    spent: dict[str, float] = {}
    began = time.perf_counter()
    for label, name in (
        ("import torch", "torch"),
        ("import transformers, accelerate", "accelerate"),
        ("import transformers, accelerate", "transformers.models.bert.modeling_bert"),
        ("import transformers, accelerate", "transformers.models.auto.modeling_auto"),
        ("import the rest", "munjang.training.loops.native"),
        ("import the rest", "munjang.cli"),
    ):
        importing = time.perf_counter()
        importlib.import_module(name)
        spent[label] = spent.get(label, 0.0) + time.perf_counter() - importing
    for (module, name), stage in STAGES.items():
        time_calls(module, name, stage, spent)
    from torch.optim.optimizer import register_optimizer_step_post_hook

    after_imports = time.perf_counter()

    def end(*_: Any) -> None:
        now = time.perf_counter()
        spent["after the imports, to the first step"] = now - after_imports
        spent["all"] = now - began
        print(json.dumps(spent), flush=True)
        os._exit(0)

    register_optimizer_step_post_hook(end)
    from munjang.cli import main as munjang

    sys.argv = ["munjang", *arguments]
    munjang()


def time_calls(module: str, name: str, stage: str, spent: dict[str, float]) -> None:
    """Add the seconds of every call of a function, or of a method "Class.name", to its stage."""
    holder: Any = importlib.import_module(module)
    *classes, name = name.split(".")
    for part in classes:
        holder = getattr(holder, part)
    function: Callable[..., Any] = getattr(holder, name)

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - start

    setattr(holder, name, timed)


if __name__ == "__main__":
    main()
