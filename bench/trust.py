"""What a classifier's probabilities and promises are worth on the published test splits.

    python bench/trust.py --data-dir DIR [--models heads,linear,mini,hybrid] [--corpora nsmc,ynat] [--kept FOLDER]

heads: those of the packaged model, in 8 bits; linear, mini, hybrid: trained here, mini as `bench/quality.py` does, or
taken from what `bench/quality.py --hybrid --keep FOLDER` kept; mini is then the network of the hybrid alone.
Their temperature and thresholds come from the validation split. On the test split, read once: log loss and calibration
error without and with the temperature, the latter with 95% bootstrap intervals; for a minimum precision of 0.90, 0.95
and 0.99 the share answered and the precision, beside the most that any threshold chosen on test itself would answer at
that precision. For several labels a text, shares are of the labels that it gives at a probability of 0.5. Rows (model
and corpus) go to bench/results/trust.json one by one; those that are there already are not made again.
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
from munjang.config.settings import TrainConfig
from munjang.data.prepare import prepare_corpus
from munjang.files import write_json
from munjang.inference.backends.hybrid import network_runner
from munjang.inference.confidence import HeldOut, calibrated, kept_answers
from munjang.inference.predictor import Predictor
from munjang.metrics.scores import calibration_bins, calibration_error, log_loss
from munjang.metrics.selective import PROMISED
from munjang.records import Corpus
from munjang.tables import format_table
from munjang.tasks.classification import Classification, RawLogits
from munjang.training.fit import train_prepared, versions
from munjang.training.linear import targets

CORPORA = {"nsmc": 3, "kor_hate": 3, "kor_sarcasm": 3, "kor_sae": 3, "kor_3i4k": 3, "ynat": 3, "langid": 3, "kmhas": 8}
"""Corpus -> epochs."""
HEADS = {"nsmc": "sentiment", "kor_hate": "hate", "kor_sarcasm": "sarcasm", "kor_sae": "kind", "kor_3i4k": "intent",
         "ynat": "topic", "langid": "language"}  # fmt: skip
"""Corpus -> the packaged head that learnt from it."""
RESAMPLES = 500


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--models", default="heads,linear,mini,hybrid")
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="models that bench/quality.py --keep has trained")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = options.results / "trust.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for kind in options.models.split(","):
        for name in options.corpora.split(","):
            key = f"{kind} {name}"
            if key not in rows and (kind != "heads" or name in HEADS):
                rows[key] = made_and_measured(kind, mj.load_corpus(name, data_dir=options.data_dir), name, options.kept)
                write_json(path, rows)
    print(format_table(["model", "log loss", "calibrated", "ECE", "calibrated"], list(map(loss_row, rows.items()))))
    header = ["model", "target", "answered", "right", "best on test", "of the best"]
    print(format_table(header, [row for item in rows.items() for row in promise_rows(*item)]))


def made_and_measured(kind: str, corpus: Corpus, name: str, kept: Path | None) -> dict[str, Any]:
    """The figures of one model on one corpus; it is trained unless it is a packaged head or was kept."""
    if kind == "heads":
        return measured(mj.load(f"mini/{HEADS[name]}"), prepare_corpus(corpus, TrainConfig()).published)
    epochs = 1.0 if kind == "linear" else CORPORA[name]
    config = TrainConfig(backbone="linear" if kind == "linear" else "mini", epochs=epochs, hybrid=kind == "hybrid")
    prepared = prepare_corpus(corpus, config)
    if kept and kind != "linear":
        folder = min(kept.glob(f"{name}-13-*"))
        model = mj.load(folder)
        return measured(model if kind == "hybrid" else network_alone(model, prepared.corpus), prepared.published) | {
            "model": folder.name
        }
    with tempfile.TemporaryDirectory() as folder:
        return measured(train_prepared(prepared, config, Path(folder)), prepared.published)


def network_alone(model: Predictor, corpus: Corpus) -> Predictor:
    """The network of a hybrid with a temperature of its own, from validation, as it would have been trained alone."""
    task = type(model.decoder)(model.labels)
    network = Predictor(model.manifest, network_runner(model.runner), decoder=task)
    runs = network.run([row.text for row in corpus.validation], decoder=RawLogits(model.labels))
    logits = np.concatenate([run[2] for run in runs])
    network.decoder, network.held_out = calibrated(task, logits, targets(corpus.validation, corpus))
    return network


def measured(model: Predictor, corpus: Corpus) -> dict[str, Any]:
    """The figures of one model on the test split of a corpus."""
    held, task = model.held_out, cast(Classification, model.decoder)
    assert held is not None
    rows = [row for row in corpus.test if row.label is not None and row.text.strip()]
    runs = model.run([row.text for row in rows], decoder=RawLogits(model.labels, task.columns))
    logits, references = np.concatenate([run[2] for run in runs]), targets(rows, corpus)
    single, plain = not task.several, type(task)(task.labels)
    outputs = {"before": {"logits": logits}, "after": {"logits": logits / task.scale}}
    probabilities = {name: plain.decode(values) for name, values in outputs.items()}
    test = kept_answers(probabilities["after"], references, several=task.several, most=len(rows))
    return {
        "format": model.manifest.format, "validation": len(held), "test": len(rows), "temperature": task.temperature,
        "log_loss": {name: log_loss(values["logits"], references, single=single) for name, values in outputs.items()},
        "calibration_error": {name: error_with_interval(values, references, single=single)
                              for name, values in probabilities.items()},
        "promises": [promise(held, test, target) for target in PROMISED],
        "machine": f"{processor()}, {'with' if 'amx_bf16' in flags() else 'no'} AMX", "versions": versions(),
    }  # fmt: skip


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
