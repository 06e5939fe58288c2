"""Which shape, vocabulary and masking gives the best small BERT for the same arithmetic? Pre-trained, then fine-tuned.

    python bench/pretraining_choices.py "size=4x256" "size=6x256" "masking=0.4" --data-dir DIR [--steps 300]

Every choice is pre-trained on the same comments, with as many multiplications as `--steps` steps of the plain settings.
Then it is fine-tuned and scored as in bench/settings.py, on the train split only. A short run shows what helps at the
beginning; only a long run shows what is best in the end. Adds one row for each choice to
bench/results/pretraining-choices.json.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from machine import machine
from options import bench_parser
from settings import cut, score

import munjang as mj
from munjang.config.settings import PretrainConfig, parse_assignments, update
from munjang.data.prepare import Prepared, prepare_corpus
from munjang.files import write_json
from munjang.pretraining.run import pretrain
from munjang.pretraining.texts import parse_source
from munjang.tables import format_table
from munjang.training.fit import train_prepared

TEXTS = ("labelled_train_texts.txt.zst", "soynlp_movie_comments.txt.zst", "beep_unlabeled_comments_5.txt.zst")
TASKS = {"nsmc": 20_000, "ynat": 16_000}  # corpus -> sentences to learn from
EPOCHS, RATE = 2.0, 3e-4


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("choices", nargs="+", help="KEY=VALUE,KEY=VALUE of munjang's PretrainConfig")
    parser.add_argument("--steps", type=int, default=300, help="steps of the plain settings")
    options = parser.parse_args()
    path = options.results / "pretraining-choices.json"
    if not options.data_dir:
        parser.error("--data-dir names the folder in which corpus/ and the corpora lie; so does MUNJANG_DATA.")
    plain = PretrainConfig(save_every=None, eval_every=None)
    sources = [parse_source(str(Path(options.data_dir) / "corpus" / name)) for name in TEXTS]
    for choice in options.choices:
        config = update(plain, parse_assignments(choice.split(",")), where="choices")
        config = update(config, {"steps": round(options.steps * cost(plain) / cost(config))}, where="choices")
        with tempfile.TemporaryDirectory(prefix="choices-") as folder:
            began = time.monotonic()
            model = pretrain(sources, config, out=Path(folder) / "model")
            seconds = time.monotonic() - began
            scores = {name: tuned(name, count, model, options.data_dir) for name, count in TASKS.items()}
        row = {
            "choice": choice, "steps": config.steps, "tokens": config.steps * config.batch_tokens,
            "pretrain_s": round(seconds, 3), "scores": scores, **machine(),
        }  # fmt: skip
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        write_json(path, [*rows, row])
        print(format_table([choice, "macro F1"], [[name, values["macro_f1"]] for name, values in scores.items()]))


def cost(config: PretrainConfig) -> float:
    """Multiplications of a step without attention, up to a constant factor."""
    layers, width = (int(number) for number in config.size.split("x"))
    return config.batch_tokens * (12 * layers * width**2 + config.masking * width * (config.vocabulary + width))


def tuned(name: str, count: int, backbone: Path, data_dir: str) -> dict[str, float]:
    """The scores of a backbone that was fine-tuned on `count` sentences."""
    config = mj.TrainConfig(backbone=str(backbone), epochs=EPOCHS, learning_rate=RATE, keep_best=False)
    whole = prepare_corpus(mj.load_corpus(name, data_dir=data_dir), config)
    scored, train = cut(whole.corpus, count, far=False)
    corpus = whole.corpus.with_splits(train=train, validation=scored["near"][:1000])
    with tempfile.TemporaryDirectory(prefix="choices-") as folder:
        return score(
            train_prepared(Prepared(corpus, corpus, whole.cleaning_report), config, Path(folder)), scored["near"]
        )


if __name__ == "__main__":
    main()
