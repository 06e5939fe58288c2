"""Linear models that train in a second, as folders to open or to serve."""

from __future__ import annotations

from pathlib import Path

import munjang as mj
from munjang.files import write_json


def reviews(root: Path) -> Path:
    """A linear model with a saved evaluation, as `munjang train` leaves it, in root/reviews."""
    corpus = mj.load_corpus("sample:sentiment")
    model = mj.train(corpus, mj.TrainConfig(backbone="linear"), out=root / "reviews")
    write_json(root / "reviews" / "run" / "test.json", mj.evaluate(model, corpus).to_dict())
    return root / "reviews"


def several_labels(root: Path) -> Path:
    """A linear model with several labels a text, 욕설, 비난 and 칭찬, in root/several."""
    words = (("욕설 비난", "욕설|비난"), ("칭찬 좋아", "칭찬"), ("비난 해요", "비난"), ("그냥 말", ""))
    rows = ["text,label", *(f"{word} {n},{label}" for n in range(12) for word, label in words)]
    (root / "many.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    many = mj.read_corpus(root / "many.csv", options=mj.ReadOptions(multi_label="|"))
    mj.train(many, mj.TrainConfig(backbone="linear"), out=root / "several")
    return root / "several"
