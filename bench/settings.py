"""Compares fine-tuning settings, or backbones, without using a test split.

    python bench/settings.py nsmc "learning_rate=3e-4" "learning_rate=5e-4" --rows 20000 --epochs 2 --data-dir DIR
    python bench/settings.py ynat "backbone=linear" "learning_rate=3e-4,seed=14" --rows 16000 --epochs 2 --far

Train and validation of a corpus are pooled, shuffled with a fixed seed, and cut: at most 10,000 texts (a quarter at
most) are scored, `--rows` of the others are for training. With `--far` a second scored set holds whole clusters (of 300
by k-means on character n-grams), so no text near them is in training: it shows the cost of a change of subject. The
weights of the last step are scored; only the settings are chosen on the scored texts. Adds one row for each setting to
bench/results/settings.json.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.config.settings import parse_assignments, update
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.records import Corpus, Example
from munjang.tables import format_table
from munjang.training.fit import train_prepared

MOST, CLUSTERS, FAR = 10_000, 300, 3_000  # texts to score, clusters, texts in held-out clusters


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("corpus")
    parser.add_argument("settings", nargs="+", help="KEY=VALUE,KEY=VALUE of munjang.TrainConfig")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--far", action="store_true", help="score whole clusters that were held out, too")
    options = parser.parse_args()
    path = options.results / "settings.json"
    plain = mj.TrainConfig(backbone="mini", epochs=options.epochs, keep_best=False)
    whole = prepare_corpus(mj.load_corpus(options.corpus, data_dir=options.data_dir), plain)
    scored, train = cut(whole.corpus, options.rows, far=options.far)
    corpus = whole.corpus.with_splits(train=train, validation=scored["near"][:1000])
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for setting in options.settings:
        config = update(plain, parse_assignments(setting.split(",")), where="settings")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="settings-") as folder:
            model = train_prepared(Prepared(corpus, corpus, whole.cleaning_report), config, Path(folder))
            scores = {name: score(model, examples) for name, examples in scored.items()}
        row = {
            "corpus": options.corpus, "setting": setting, "rows": len(train), "epochs": options.epochs,
            "scores": scores, "scored": {name: len(examples) for name, examples in scored.items()},
            "train_s": round(time.monotonic() - began, 1), **machine(),
        }  # fmt: skip
        rows.append(row)
        write_json(path, rows)
        print(format_table(["set", *scores["near"]], [[name, *values.values()] for name, values in scores.items()]))


def cut(corpus: Corpus, count: int, *, far: bool) -> tuple[dict[str, list[Example]], list[Example]]:
    """The texts to score, by the name of their set, and the texts to train on."""
    pool = [*corpus.train, *corpus.validation]
    rest, scored = np.arange(len(pool)), {}
    if far:
        held = clusters([example.text for example in pool])
        scored["far"] = [pool[i] for i in held]
        rest = np.setdiff1d(rest, held)
    rest = np.random.default_rng(1).permutation(rest)
    most = min(MOST, len(pool) // 4)
    scored["near"] = [pool[i] for i in rest[:most]]
    return scored, [pool[i] for i in rest[most : most + count]]


def clusters(texts: list[str]) -> np.ndarray:
    """The indices of all texts in some clusters: FAR texts, or a few more."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True).fit_transform(texts)
    points = TruncatedSVD(100, random_state=0).fit_transform(grams)
    points /= np.linalg.norm(points, axis=1, keepdims=True) + 1e-9
    groups = MiniBatchKMeans(CLUSTERS, random_state=0, n_init=3).fit_predict(points)
    order = np.random.default_rng(1).permutation(CLUSTERS)
    sizes = np.cumsum(np.bincount(groups, minlength=CLUSTERS)[order])
    return np.flatnonzero(np.isin(groups, order[: np.searchsorted(sizes, FAR) + 1]))


def score(model: mj.Predictor, examples: list[Example]) -> dict[str, float]:
    """Accuracy and macro F1; micro and macro F1 if a text may have several labels."""
    metrics = mj.evaluate(model, examples, split="validation", without_spaces=False).metrics
    return {name: round(metrics[name], 4) for name in ("accuracy", "micro_f1", "macro_f1") if name in metrics}


if __name__ == "__main__":
    main()
