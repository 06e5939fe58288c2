"""Ten hand-made trees, and a tiny parser that knows them by heart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import munjang as mj
from munjang.config.settings import CleanConfig
from munjang.data.trees.relations import KLUE_RELATIONS
from munjang.data.trees.shapes import flaw, is_head_final, is_projective
from munjang.data.trees.treebanks import sentence_conllu
from munjang.records import Tree

TREES = [
    ("나는 구름그림을 벽에 걸었다", (4, 4, 4, 0), "NP_SBJ NP_OBJ NP_AJT VP"),
    ("새털구름을 그린 것이 내가 그린 구름그림이다", (2, 3, 6, 5, 6, 0), "NP_OBJ VP_MOD NP_SBJ NP_SBJ VP_MOD VNP"),
    ("하늘이 매우 푸르다", (3, 3, 0), "NP_SBJ AP VP"),
    ("그 아이는 밥을 먹었다", (2, 4, 4, 0), "DP NP_SBJ NP_OBJ VP"),
    ("어제 산 책을 친구에게 주었다", (2, 3, 5, 5, 0), "AP VP_MOD NP_OBJ NP_AJT VP"),
    ("비가 와서 길이 젖었다", (2, 4, 4, 0), "NP_SBJ VP NP_SBJ VP"),
    ("우리 학교 운동장은 넓다", (2, 3, 4, 0), "NP_MOD NP NP_SBJ VP"),
    ("강아지와 고양이가 함께 논다", (2, 4, 4, 0), "NP_CNJ NP_SBJ AP VP"),
    ("그녀는 노래를 잘 부르는 가수이다", (5, 4, 4, 5, 0), "NP_SBJ NP_OBJ AP VP_MOD VNP"),
    ("좋다", (0,), "VP"),
]


def examples() -> list[mj.Example]:
    return [
        mj.Example(text, Tree(tuple(text.split()), heads, tuple(names.split())), line)
        for line, (text, heads, names) in enumerate(TREES, start=1)
    ]


def to_conllu(trees: Iterable[Tree]) -> str:
    """A file of trees, as `munjang predict` writes it."""
    return "".join(sentence_conllu(tree, number, " ".join(tree.words)) for number, tree in enumerate(trees, start=1))


def train_tiny(folder: Path, **settings: Any) -> mj.Predictor:
    """A parser that has seen ten trees until it knows them by heart; they are its validation and test splits too."""
    rows = examples()
    corpus = mj.Corpus(
        "ten", "parsing", KLUE_RELATIONS, train=rows * 2, validation=rows, test=rows
    )  # a piece must come twice
    usual = {
        "backbone": "scratch:tiny", "epochs": 25, "batch_size": 10, "learning_rate": 5e-3, "precision": "fp32",
        "save_every": 10_000, "eval_every": 20, "max_length": 64, "clean": CleanConfig(leaks=False, duplicates=False),
    }  # fmt: skip
    return mj.train(corpus, mj.TrainConfig(**{**usual, **settings}), out=folder)


def legal(tree: Tree) -> bool:
    """Whether it is a head-final tree without crossing arcs."""
    heads = list(tree.heads)
    return flaw(heads, tree.relations) == "" and is_head_final(heads) and is_projective(heads)
