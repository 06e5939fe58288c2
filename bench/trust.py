"""What a classifier's probabilities and promises are worth on the published test splits.

    python bench/trust.py --data-dir DIR [--corpora nsmc] [--models FOLDER] [--backbone mini] [--hybrid]

For each corpus: a model trained as `bench/quality.py` does (or, with --models, the folder FOLDER/CORPUS that was
trained so), its temperature and thresholds from the validation split, and then on the test split, read once: log loss
and calibration error without and with the temperature, the latter with 95% bootstrap intervals; for a minimum precision
of 0.90, 0.95 and 0.99 the share answered and the precision, beside the most that any threshold chosen on test itself
would answer at that precision. For several labels a text, shares are of the labels that it gives at a probability of
0.5. Writes bench/results/trust.json.
"""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from machine import flags, processor
from options import bench_parser

import munjang as mj
from munjang.config.settings import TrainConfig, update
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.inference.confidence import HeldOut, calibrated, kept_answers
from munjang.inference.predictor import Predictor
from munjang.metrics.scores import calibration_bins, calibration_error, log_loss
from munjang.metrics.selective import PROMISED
from munjang.records import Example
from munjang.tables import format_table
from munjang.tasks.classification import Classification, RawLogits
from munjang.training.linear import targets
from munjang.training.run import train_prepared

CORPORA = {"nsmc": 3, "kor_hate": 3, "kor_sarcasm": 3, "kor_sae": 3, "kor_3i4k": 3, "ynat": 3, "langid": 3, "kmhas": 8}
"""Corpus -> epochs."""
RESAMPLES = 500


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--models", type=Path, help="a folder of trained models, by corpus")
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--hybrid", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = options.results / "trust.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.corpora.split(","):
        config = TrainConfig(backbone=options.backbone, epochs=CORPORA[name], hybrid=options.hybrid)
        corpus = mj.load_corpus(name, data_dir=options.data_dir)
        if options.models:
            model = mj.load(options.models / name)
            prepared = prepare_corpus(corpus, config_of(model))
            rows[name] = measured(model, prepared)
        else:
            prepared = prepare_corpus(corpus, config)
            with tempfile.TemporaryDirectory() as folder:
                rows[name] = measured(train_prepared(prepared, config, Path(folder)), prepared)
        write_json(path, rows)
    print(format_table(["corpus", "log loss", "calibrated", "ECE", "calibrated"], list(map(loss_row, rows.items()))))
    header = ["corpus", "target", "answered", "right", "best on test", "of the best"]
    print(format_table(header, [row for item in rows.items() for row in promise_rows(*item)]))


def config_of(model: Predictor) -> TrainConfig:
    """The settings that a model was trained with."""
    values = dict(model.manifest.settings)
    known = TrainConfig()
    return update(known, {key: value for key, value in values.items() if hasattr(known, key)}, where="munjang.json")


def measured(model: Predictor, prepared: Prepared) -> dict[str, Any]:
    """The figures of one model."""
    plain = RawLogits(model.labels)
    task = cast(Classification, model.decoder)
    splits = {}
    for split, examples in (("validation", prepared.corpus.validation), ("test", prepared.published.test)):
        examples = [row for row in examples if row.label is not None and row.text.strip()]
        splits[split] = (logits_of(model, examples, plain), targets(examples, prepared.corpus))
    task, held = calibrated(task, *splits["validation"])
    logits, references = splits["test"]
    single, n = not task.several, len(logits)
    probabilities = {
        "before": type(task)(task.labels).decode({"logits": logits}),
        "after": task.decode({"logits": logits}),
    }
    test = kept_answers(probabilities["after"], references, several=task.several, most=n)
    losses = {
        "before": log_loss(logits, references, single=single),
        "after": log_loss(logits / task.scale, references, single=single),
    }
    return {
        "backbone": model.manifest.backbone, "format": model.manifest.format, "validation": len(held), "test": n,
        "temperature": task.temperature, "log_loss": losses,
        "calibration_error": {name: error_with_interval(values, references, single=single)
                              for name, values in probabilities.items()},
        "promises": [promise(held, test, target) for target in PROMISED],
        "machine": f"{processor()}, {'with' if 'amx_bf16' in flags() else 'no'} AMX",
    }  # fmt: skip


def logits_of(model: Predictor, examples: list[Example], decoder: RawLogits) -> np.ndarray:
    """(n, L) of texts that are not empty."""
    return np.concatenate([run[2] for run in model.run([row.text for row in examples], decoder=decoder)])


def error_with_interval(probabilities: np.ndarray, references: np.ndarray, *, single: bool) -> list[float]:
    """The calibration error, and the low and high end of its 95% bootstrap interval."""
    if single:
        confidence = probabilities.max(axis=1)
        right = references[np.arange(len(references)), probabilities.argmax(axis=1)]
    else:
        confidence, right = probabilities.ravel(), references.ravel()
    rng = np.random.default_rng(13)
    draws = [
        calibration_error(calibration_bins(confidence[rows], right[rows]))
        for rows in (rng.integers(0, len(right), len(right)) for _ in range(RESAMPLES))
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return [calibration_error(calibration_bins(confidence, right)), float(low), float(high)]


def promise(held: HeldOut, test: HeldOut, target: float) -> dict[str, Any]:
    """What a minimum precision gives on test, and the best that there is on test itself."""
    selection = held.selection(target)
    confidence, right = test.decisions()
    order = np.argsort(-confidence, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    best = int(np.max(np.flatnonzero(shares >= target), initial=-1)) + 1
    row: dict[str, Any] = {"target": target, "best_answered": best / len(order)}
    if selection is None:
        return row
    given = confidence >= selection.threshold
    return row | {
        "threshold": selection.threshold, "validation_answered": selection.answered,
        "answered": float(given.mean()), "right": float(right[given].mean()) if given.any() else None,
    }  # fmt: skip


def loss_row(item: tuple[str, dict[str, Any]]) -> list[Any]:
    name, row = item
    errors = [f"{error:.4f} [{low:.4f}, {high:.4f}]" for error, low, high in row["calibration_error"].values()]
    return [name, *(f"{loss:.4f}" for loss in row["log_loss"].values()), *errors]


def promise_rows(name: str, row: dict[str, Any]) -> list[list[Any]]:
    shown = []
    for found in row["promises"]:
        best = found["best_answered"]
        cells = [f"{found[key]:.3f}" if found.get(key) is not None else "-" for key in ("answered", "right")]
        ratio = f"{found['answered'] / best:.2f}" if best and "answered" in found else "-"
        shown.append([name, f"{found['target']:.2f}", *cells, f"{best:.3f}", ratio])
    return shown


if __name__ == "__main__":
    main()
