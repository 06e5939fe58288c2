"""Whether the eojeol that an explanation names carries the answer: leaving it out against leaving out any other.

    python bench/explain.py --data-dir DIR [--sentences 100] [--draws 20] [--judge FOLDER]

The head mini/sentiment explains NSMC test sentences of three eojeols or more, drawn with a fixed seed. From each the
top eojeol is deleted, and for comparison an eojeol drawn at random (the mean over several draws). Printed is by how
much the probability of the answer falls, and the difference with its 95% bootstrap interval over the sentences.

On the model that explained, the top eojeol wins partly by construction: it is the one whose deletion lowers the score
most. So a model that had no part in the explanation judges as well: a linear model on character n-grams, trained on
NSMC here unless --judge names its folder. It is asked for the label that the explaining model gave. Writes
bench/results/explain.json.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.files import write_json
from munjang.inference.explain import MAX_WORDS, Explanation, eojeols, without_word
from munjang.tables import format_table

SEED, LEAST, RESAMPLES = 13, 3, 2_000
EXPLAINER = "mini/sentiment"


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--judge", type=Path)
    words = parser.parse_args()
    corpus = mj.load_corpus("nsmc", data_dir=words.data_dir)
    rng = np.random.default_rng(SEED)
    explainer = mj.load(EXPLAINER)
    fitting = sorted({row.text for row in corpus.test if LEAST <= len(eojeols(row.text)) <= MAX_WORDS})
    texts = [fitting[place] for place in rng.choice(len(fitting), words.sentences, replace=False)]
    explained = [found for found in (mj.explain(explainer, text) for text in texts) if not found.note]
    drawn = [rng.integers(len(found.words), size=words.draws) for found in explained]
    with tempfile.TemporaryDirectory(prefix="explain-") as folder:
        judge = mj.load(words.judge) if words.judge else train_judge(corpus, Path(folder) / "judge")
        models = {"itself": explainer, "linear model": judge}
        found = {name: deletions(model, explained, drawn, rng) for name, model in models.items()}
    settings = {"sentences": len(explained), "draws": words.draws, "seed": SEED, "explainer": EXPLAINER}
    write_json(words.results / "explain.json", {**settings, "judges": found, "machine": machine()})
    rows = [
        [name, *(f"{values[key]:.4f}" for key in ("top", "random", "difference")),
         "{:.4f} to {:.4f}".format(*values["interval"]), f"{100 * values['more_often']:.0f}%"]
        for name, values in found.items()
    ]  # fmt: skip
    print(f"{len(explained)} NSMC test sentences, {EXPLAINER} explains; fall of the probability of its answer:")
    print(format_table(["judge", "top eojeol", "random one", "difference", "95% interval", "top falls more"], rows))


def train_judge(corpus: mj.Corpus, folder: Path) -> mj.Predictor:
    """The linear baseline of NSMC."""
    return mj.train(corpus, mj.TrainConfig(backbone="linear", seed=SEED), out=folder)


def deletions(
    model: mj.Predictor, explained: list[Explanation], drawn: list[np.ndarray], rng: np.random.Generator
) -> dict[str, Any]:
    """How far a judge's probability of the explained label falls: without the top eojeol, without a random one."""
    top, random = [], []
    for found, places in zip(explained, drawn, strict=True):
        spans = [(word.start, word.end) for word in found.words]
        column = model.labels.index(found.label)
        scores = model.probabilities([found.text, *(without_word(found.text, span) for span in spans)])[:, column]
        falls = scores[0] - scores[1:]
        top.append(falls[int(np.argmax([word.share for word in found.words]))])
        random.append(falls[places].mean())
    difference = np.array(top) - np.array(random)
    means = rng.choice(difference, (RESAMPLES, len(difference))).mean(axis=1)
    return {
        "top": float(np.mean(top)), "random": float(np.mean(random)), "difference": float(difference.mean()),
        "interval": [float(value) for value in np.percentile(means, (2.5, 97.5))],
        "more_often": float((difference > 0).mean()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
