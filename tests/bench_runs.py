"""A data folder of a few rows in the forms that --data-dir reads, and a script of bench/ run in this process."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parsers import TREES

import munjang as mj

BENCH = Path(__file__).parents[1] / "bench"


def write_data(folder: Path) -> Path:
    """NSMC, K-MHaS, YNAT, KLUE's trees and texts to pre-train on, each a few hundred rows of the sample corpora."""
    import zstandard

    reviews = [(row.text, row.label) for row in mj.load_corpus("sample:sentiment").train]
    topics = [(row.text, row.label) for row in mj.load_corpus("sample:topic").train]
    write_reviews(folder / "nsmc" / "ratings_train.txt", reviews[:400])
    write_reviews(folder / "nsmc" / "ratings_test.txt", reviews[400:480])
    kinds = [(text, "profanity|age" if label == "부정" else "not_hate_speech") for text, label in reviews]
    for name, start, end in (("train", 0, 64), ("valid", 64, 96), ("test", 96, 160)):
        write_parquet(folder / "kmhas" / f"{name}.parquet", "text", kinds[start:end])
    for name, start, end in (("train", 0, 64), ("validation", 64, 96)):
        write_parquet(folder / "ynat" / f"{name}.parquet", "title", topics[start:end])
    for name in ("train", "dev"):
        write_trees(folder / "klue-dp" / f"klue-dp-v1.1_{name}.tsv")
    raw = "".join(f"{text}\n" for text, _ in reviews[:200]).encode()
    for name in ("labelled_train_texts", "soynlp_movie_comments", "beep_unlabeled_comments_5"):
        path = folder / "corpus" / f"{name}.txt.zst"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zstandard.compress(raw))
    return folder


def write_reviews(path: Path, rows: list[tuple[str, str]]) -> None:
    """As NSMC's makers publish it."""
    path.parent.mkdir(exist_ok=True)
    lines = [f"{number}\t{text}\t{int(label == '긍정')}\n" for number, (text, label) in enumerate(rows)]
    path.write_text("".join(["id\tdocument\tlabel\n", *lines]), encoding="utf-8")


def write_parquet(path: Path, column: str, rows: list[tuple[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    texts, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({column: list(texts), "label": list(labels)}), path)


def write_trees(path: Path) -> None:
    """As KLUE publishes its trees: number, word, lemmas, parts of speech, head, relation."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        for number, (text, heads, relations) in enumerate(TREES):
            stream.write(f"## klue-dp-v1_{number:05}\t{text}\n")
            rows = zip(text.split(), heads, relations.split(), strict=True)
            stream.writelines(
                f"{place}\t{word}\t{word}\tNNG\t{head}\t{relation}\n"
                for place, (word, head, relation) in enumerate(rows, 1)
            )
            stream.write("\n")


def run_bench(name: str, *words: object) -> None:
    """A script of bench/, as `python bench/NAME.py WORDS` runs it; what it imports from there is forgotten after."""
    script = BENCH / f"{name}.py"
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        patch.setattr(sys, "argv", [str(script), *map(str, words)])
        try:
            runpy.run_path(str(script), run_name="__main__")
        finally:
            for module in {path.stem for path in BENCH.glob("*.py")} & (set(sys.modules) - before):
                del sys.modules[module]
