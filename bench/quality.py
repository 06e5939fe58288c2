"""Trains and scores one backbone and the linear baseline on every corpus, with the standard protocol.

    python bench/quality.py --backbone scratch:small --data-dir DIR [--epochs 1] [--seeds 13,14,15] [--corpora nsmc]
        [--hybrid] [--keep FOLDER]

Protocol: training on the train split only; the validation split, made from train if the corpus has none, chooses the
checkpoint; one evaluation on the published test split. Rows (corpus, backbone, seed, settings) go to
bench/results/quality-BACKBONE.json one by one, the predictions to quality-BACKBONE.npz; rows that are already there are
not run again. Prints a table and writes it beside the JSON as Markdown. The last columns are differences of the mean
score over the seeds (macro F1; micro F1 for several labels per text) to the linear baseline, to the same backbone
without adversarial training, and of a hybrid to its network alone, with the 95% interval of a paired bootstrap over the
test texts. --keep keeps the models, FOLDER/CORPUS-SEED-EPOCHS-ADVERSARIAL.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import flags, processor
from options import bench_parser

import munjang as mj
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.inference.backends.hybrid import HybridRunner
from munjang.inference.predictor import Predictor
from munjang.metrics.label_report import LabelReport
from munjang.metrics.scores import confusion_columns, summed_metrics
from munjang.metrics.significance import percentile_interval, replicate_scores
from munjang.tables import format_table, markdown_table
from munjang.training.fit import train_prepared, versions

CORPORA = ("nsmc", "kor_hate", "kor_sarcasm", "kor_sae", "kor_3i4k", "ynat", "langid", "kmhas")
SHOWN = ("accuracy", "macro_f1", "micro_f1")


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--backbone", default="scratch:small")
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--seeds", default="13")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--adversarial", type=float, default=0.0)
    parser.add_argument("--hybrid", action="store_true", help="n-grams beside the network; it is scored alone too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the trained models stay")
    parser.add_argument("--no-linear", action="store_true", help="leave the linear baseline out")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = options.results / f"quality-{options.backbone.replace(':', '-').replace('/', '_')}.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = path.with_suffix(".npz")
    answers = dict(np.load(kept)) if kept.exists() else {}
    seeds = [int(seed) for seed in options.seeds.split(",")]
    plain = mj.TrainConfig(
        backbone=options.backbone,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        adversarial=options.adversarial,
        hybrid=options.hybrid,
    )
    for name in options.corpora.split(","):
        configs = [replace(plain, seed=seed) for seed in seeds]
        if not options.no_linear:
            configs.insert(
                0,
                replace(
                    plain,
                    backbone="linear",
                    seed=seeds[0],
                    epochs=1.0,
                    learning_rate=None,
                    adversarial=0.0,
                    hybrid=False,
                ),
            )
        prepared: dict[int, Prepared] = {}
        for config in configs:
            if find(rows, name, config) is None:
                if config.seed not in prepared:
                    prepared = {config.seed: prepare_corpus(mj.load_corpus(name, data_dir=options.data_dir), config)}
                row, report, alone = run(name, config, prepared[config.seed], options.keep)
                answers |= {key_of(row): report.predicted_table, f"{name} gold": report.reference_table}
                if alone:
                    answers[f"{key_of(row)} network"] = alone.predicted_table
                rows.append(row)
                np.savez_compressed(kept, **answers)
                write_json(path, rows)
                logging.info("%s", row)
    print(format_table(*table(rows, answers)))
    path.with_suffix(".md").write_text(page(options.backbone, rows, answers), encoding="utf-8")


def find(rows: list[dict[str, Any]], name: str, config: mj.TrainConfig) -> dict[str, Any] | None:
    """The row of this corpus and these settings; None if it was not run."""
    return next((row for row in rows if row["corpus"] == name and row["settings"] == settings(config)), None)


def settings(config: mj.TrainConfig) -> dict[str, Any]:
    """The settings that identify a run."""
    names = ("backbone", "seed", "epochs", "learning_rate", "batch_size")
    values = {name: getattr(config, name) for name in names}
    values |= {"adversarial": config.adversarial} if config.adversarial else {}
    return values | ({"hybrid": True} if config.hybrid else {})


def key_of(row: dict[str, Any]) -> str:
    """The name under which a run's predictions are stored."""
    return " ".join([row["corpus"], *map(str, row["settings"].values()), *([row["part"]] if "part" in row else [])])


def run(
    name: str, config: mj.TrainConfig, prepared: Prepared, keep: Path | None
) -> tuple[dict[str, Any], LabelReport, LabelReport | None]:
    """Train, evaluate once on the test split, and measure both times; of a hybrid evaluate the network alone too."""
    with tempfile.TemporaryDirectory(prefix="quality-") as temporary:
        folder = keep / f"{name}-{config.seed}-{config.epochs:g}-{config.adversarial:g}" if keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        model = train_prepared(prepared, config, folder)
        trained = time.monotonic()
        report = mj.evaluate(model, prepared.published)
        done = time.monotonic()
        alone = None
        if isinstance(model.runner, HybridRunner):
            network = Predictor(model.manifest, model.runner.network, model.folder, model.decoder)
            alone = mj.evaluate(network, prepared.published)
    row = {
        "corpus": name,
        "settings": settings(config),
        "scores": shown_scores(report),
        "interval": {key: report.intervals[key] for key in SHOWN if key in report.intervals},
        "train": len(prepared.corpus.train),
        "test": report.n,
        "train_s": round(trained - began, 3),
        "test_s": round(done - trained, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": f"{os.cpu_count()} cores, {processor()}, {'with' if 'amx_bf16' in flags() else 'no'} AMX",
        "versions": versions(),
    }
    if config.hybrid:
        row["network"] = shown_scores(alone or report)
        models = model.manifest.details.get("hybrid", {}).get("models", {})
        row["mix"] = models[""]["mix"] | {"n-grams": models[""]["features"]} if models else {}
    return row, report, alone


def shown_scores(report: LabelReport) -> dict[str, float]:
    """The scores of a report that the table shows."""
    return {key: round(report.metrics[key], 5) for key in SHOWN if key in report.metrics}


def table(rows: list[dict[str, Any]], answers: dict[str, np.ndarray]) -> tuple[list[str], list[list[object]]]:
    """A line for each corpus and backbone: mean scores over the seeds, their spread, seconds, and differences."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        values = row["settings"]
        adversarial = values.get("adversarial", 0.0)
        kind = f"{values['backbone']} + n-grams" if values.get("hybrid") else values["backbone"]
        key = (row["corpus"], kind, values["epochs"], adversarial, values["learning_rate"])
        groups.setdefault(key, []).append(row)
    lines: list[list[object]] = []
    for (corpus, backbone, epochs, moved, _), runs in sorted(groups.items(), key=lambda item: item[0][:4]):
        cells = [spread([row["scores"].get(key) for row in runs]) for key in SHOWN]
        seconds = round(statistics.mean(row["train_s"] for row in runs))
        shown = "" if backbone == "linear" else epochs
        linear = [row for row in rows if row["corpus"] == corpus and is_linear(row)][:1]
        plain = next((others for key, others in groups.items() if key[:2] == (corpus, backbone) and not key[3]), [])
        against = [
            difference(runs, base, answers) if needed else "-"
            for base, needed in ((linear, backbone != "linear"), (plain, moved))
        ]
        against.append(difference(runs, [alone(row) for row in runs if "network" in row], answers))
        sizes = (runs[0]["train"], runs[0]["test"], len(runs))
        lines.append([corpus, backbone, shown, moved or "", *sizes, *cells, seconds, *against])
    return [
        "corpus",
        "backbone",
        "epochs",
        "adversarial",
        "train",
        "test",
        "seeds",
        "accuracy",
        "macro F1",
        "micro F1",
        "train s",
        "minus linear",
        "minus the same without adversarial",
        "minus its network alone",
    ], lines


def alone(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a hybrid as that of its network alone."""
    return row | {"scores": row["network"], "part": "network"}


def is_linear(row: dict[str, Any]) -> bool:
    return row["settings"]["backbone"] == "linear"


def difference(runs: list[dict[str, Any]], base: list[dict[str, Any]], answers: dict[str, np.ndarray]) -> str:
    """How many points the mean score of `runs` is above that of `base`, with the 95% interval of the difference."""
    keys = [key_of(row) for row in (*base, *runs)]
    if not base or any(key not in answers for key in keys):
        return "-"
    references = answers[f"{runs[0]['corpus']} gold"]
    several = bool((references.sum(axis=1) != 1).any())
    kind, metric = ("multi-label", "micro_f1") if several else ("multi-class", "macro_f1")
    counts = [confusion_columns(references, answers[key]) for key in keys]
    scores = replicate_scores(counts, partial(summed_metrics, kind=kind), 13)
    replicates = [replicate[metric] for replicate in scores]
    low, high = percentile_interval(np.mean(replicates[len(base) :], axis=0) - np.mean(replicates[: len(base)], axis=0))
    mean = statistics.mean(row["scores"][metric] for row in runs)
    mean -= statistics.mean(row["scores"][metric] for row in base)
    return f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def spread(values: list[float | None]) -> str:
    """The mean, and for several seeds the standard deviation."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    deviation = f" ± {statistics.stdev(known):.4f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.4f}{deviation}"


def page(backbone: str, rows: list[dict[str, Any]], answers: dict[str, np.ndarray]) -> str:
    """The table as Markdown with its conditions."""
    machines = sorted({row["machine"] for row in rows})
    return (
        f"# {backbone} beside the linear baseline\n\n"
        "Made by `bench/quality.py`. Train split only, checkpoint chosen on a validation split (made from train if the "
        "corpus has none), one evaluation on the published test split; mean over seeds ± standard deviation. "
        "The last columns: points of macro F1 (kmhas: micro F1) above another model, mean over the seeds, with the "
        "95% interval of a paired bootstrap over the test texts.\n"
        f"Machine: {'; '.join(machines)}.\n\n{markdown_table(*table(rows, answers))}\n"
    )


if __name__ == "__main__":
    main()
