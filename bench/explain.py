"""Whether the eojeol that an explanation names decides the prediction: deleting it against deleting another one.

    python bench/explain.py --data-dir DIR [--sentences 100] [--draws 20] [--judge FOLDER]

The head mini/sentiment explains NSMC test sentences of three eojeols or more, drawn with a fixed seed. The top eojeol
of each sentence is deleted, and for comparison a random eojeol (the mean over several draws). Prints how much the
probability of the predicted label falls, and the difference with its 95% bootstrap interval over the sentences.

For the explaining model, the top eojeol wins partly by construction: its deletion lowers the score most. So a second
model without a part in the explanation judges too: a linear model on character n-grams, which is trained on NSMC here
unless --judge names its folder. It scores the label that the explaining model predicted. Writes
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
    options = parser.parse_args()
    corpus = mj.load_corpus("nsmc", data_dir=options.data_dir)
    rng = np.random.default_rng(SEED)
    explainer = mj.load(EXPLAINER)
    fitting = sorted({row.text for row in corpus.test if LEAST <= len(eojeols(row.text)) <= MAX_WORDS})
    texts = [fitting[index] for index in rng.choice(len(fitting), options.sentences, replace=False)]
    explanations = (mj.explain(explainer, text) for text in texts)
    explained = [explanation for explanation in explanations if not explanation.note]
    drawn = [rng.integers(len(explanation.words), size=options.draws) for explanation in explained]
    with tempfile.TemporaryDirectory(prefix="explain-") as folder:
        judge = mj.load(options.judge) if options.judge else train_judge(corpus, Path(folder) / "judge")
        models = {"itself": explainer, "linear model": judge}
        judges = {name: deletions(model, explained, drawn, rng) for name, model in models.items()}
    settings = {"sentences": len(explained), "draws": options.draws, "seed": SEED, "explainer": EXPLAINER}
    write_json(options.results / "explain.json", {**settings, "judges": judges, "machine": machine()})
    rows = [
        [name, *(f"{values[key]:.4f}" for key in ("top", "random", "difference")),
         "{:.4f} to {:.4f}".format(*values["interval"]), f"{100 * values['more_often']:.0f}%"]
        for name, values in judges.items()
    ]  # fmt: skip
    print(f"{len(explained)} NSMC test sentences, explained by {EXPLAINER}; fall of the predicted label's probability:")
    print(format_table(["judge", "top eojeol", "random one", "difference", "95% interval", "top falls more"], rows))


def train_judge(corpus: mj.Corpus, folder: Path) -> mj.Predictor:
    """The linear baseline of NSMC."""
    return mj.train(corpus, mj.TrainConfig(backbone="linear", seed=SEED), out=folder)


def deletions(
    model: mj.Predictor, explained: list[Explanation], drawn: list[np.ndarray], rng: np.random.Generator
) -> dict[str, Any]:
    """How much a judge's probability of the explained label falls without the top eojeol, and without a random one."""
    top, random = [], []
    for explanation, indices in zip(explained, drawn, strict=True):
        spans = [(word.start, word.end) for word in explanation.words]
        column = model.labels.index(explanation.label)
        shorter = [without_word(explanation.text, span) for span in spans]
        scores = model.probabilities([explanation.text, *shorter])[:, column]
        falls = scores[0] - scores[1:]
        top.append(falls[int(np.argmax([word.share for word in explanation.words]))])
        random.append(falls[indices].mean())
    difference = np.array(top) - np.array(random)
    means = rng.choice(difference, (RESAMPLES, len(difference))).mean(axis=1)
    return {
        "top": float(np.mean(top)), "random": float(np.mean(random)), "difference": float(difference.mean()),
        "interval": [float(value) for value in np.percentile(means, (2.5, 97.5))],
        "more_often": float((difference > 0).mean()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
