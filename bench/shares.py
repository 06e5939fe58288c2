"""How far shares of labels are from the truth, as predicted and corrected in three ways, where the shares have shifted.

    python bench/shares.py --data-dir DIR [--corpora nsmc ynat] [--rows 20000] [--backbone linear] [--draws 200]

Trains on the first `--rows` train sentences of each corpus. Then draws sets of 200, 1,000 and 5,000 test sentences
whose labels have shares that are drawn too (Dirichlet, all equally likely), and compares: the shares of the
predictions; the adjusted counts by the confusion matrix of validation (Forman 2008) and by the mean probabilities of
each label there (Bella et al. 2010), clipped at 0; and `munjang.metrics.shares.corrected_shares`. Figures are means
over the sets of the mean absolute error of a share, and how often the true share lies in the intervals of
`corrected_shares`. Writes bench/results/shares.json.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.metrics.scores import confusion_matrix
from munjang.metrics.shares import corrected_shares
from munjang.records import Example, LabelSet
from munjang.tables import format_table
from munjang.training.fit import train_prepared

SIZES = (200, 1_000, 5_000)


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", nargs="+", default=["nsmc", "ynat"])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--backbone", default="linear")
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    results = {name: measured(name, options) for name in options.corpora}
    write_json(options.results / "shares.json", {"results": results, "rows": options.rows, **machine()})
    for name, rows in results.items():
        print(format_table([name, *rows[0]], [["", *row.values()] for row in rows]))


def measured(name: str, options: Any) -> list[dict[str, Any]]:
    """A row for each size of the sets."""
    config = mj.TrainConfig(backbone=options.backbone)
    whole = prepare_corpus(mj.load_corpus(name, data_dir=options.data_dir), config)
    corpus = whole.corpus.with_splits(train=whole.corpus.train[: options.rows])
    with tempfile.TemporaryDirectory(prefix="shares-") as folder:
        model = train_prepared(Prepared(corpus, corpus, whole.cleaning_report), config, Path(folder))
        held, test = (answers(model, rows, corpus.labels) for rows in (corpus.validation, corpus.test))
    counts, labels = np.bincount(held[0], minlength=len(corpus.labels)), len(corpus.labels)
    by_label = {
        "counts": confusion_matrix(held[0], held[1].argmax(axis=1), labels) / np.maximum(counts, 1)[:, None],
        "means": np.stack([held[1][held[0] == label].mean(axis=0) for label in range(labels)]),
    }
    rng = np.random.default_rng(13)
    rows = []
    for size in SIZES:
        errors: dict[str, list[float]] = {"raw": [], "counts": [], "means": [], "corrected": []}
        inside, width = [], []
        for _ in range(options.draws):
            chosen, truth = draw(test[0], size, labels, rng)
            probabilities = test[1][chosen]
            found = corrected_shares(probabilities, counts)
            raw = np.bincount(probabilities.argmax(axis=1), minlength=labels) / size
            shares = {
                "raw": raw,
                "counts": adjusted(by_label["counts"], raw),
                "means": adjusted(by_label["means"], probabilities.mean(axis=0)),
                "corrected": np.array([item.share for item in found]),
            }
            for method, values in shares.items():
                errors[method].append(np.abs(values - truth).mean())
            bounds = [item.interval for item in found]
            inside += [low <= true <= high for (low, high), true in zip(bounds, truth, strict=True)]
            width += [high - low for low, high in bounds]
        figures = {method: round(float(np.mean(values)), 4) for method, values in errors.items()}
        coverage = {"inside": round(float(np.mean(inside)), 3), "width": round(float(np.mean(width)), 4)}
        rows.append({"size": size, "validation": len(held[0]), **figures, **coverage})
    return rows


def answers(model: mj.Predictor, rows: tuple[Example, ...], labels: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """The label numbers (n,) and the probabilities (n, L) of labelled sentences."""
    return np.array([labels.index(row.label) for row in rows]), model.probabilities([row.text for row in rows])


def draw(references: np.ndarray, size: int, labels: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Some test sentences, drawn with replacement, and the shares of their labels."""
    wanted = rng.multinomial(size, rng.dirichlet(np.ones(labels)))
    chosen = [rng.choice(np.flatnonzero(references == label), count) for label, count in enumerate(wanted)]
    return np.concatenate(chosen), wanted / size


def adjusted(rates: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The shares of the labels that give the observed ones (L,), negative ones clipped. rates: (L, L), rows = label."""
    found = np.clip(np.linalg.lstsq(rates.T, observed, rcond=None)[0], 0, None)
    return found / found.sum()


if __name__ == "__main__":
    main()
