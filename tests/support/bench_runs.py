"""A data folder of a few rows in the forms that --data-dir reads, and a script of bench/ run in this process."""

from __future__ import annotations

import io
import logging
import runpy
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parsers import TREES

import munjang as mj
from munjang.cli import main as munjang

BENCH = Path(__file__).parents[2] / "bench"


def write_data(folder: Path) -> Path:
    """NSMC, K-MHaS, YNAT, KLUE's trees and texts to pre-train on, each a few hundred rows of the sample corpora."""
    import zstandard

    reviews = [(row.text, row.label) for row in mj.load_corpus("sample:sentiment").train]
    topics = [(row.text, row.label) for row in mj.load_corpus("sample:topic").train]
    write_reviews(folder / "nsmc" / "ratings_train.txt", reviews[:400])
    write_reviews(folder / "nsmc" / "ratings_test.txt", reviews[400:480])
    kinds = [(text, "profanity|age" if label == "부정" else "not_hate_speech") for text, label in reviews]
    for name, start, end in (("train", 0, 64), ("valid", 64, 96), ("test", 96, 400)):
        write_parquet(folder / "kmhas" / f"{name}.parquet", "text", kinds[start:end])
    for name, start, end in (("train", 0, 64), ("validation", 64, 96)):
        write_parquet(folder / "ynat" / f"{name}.parquet", "title", topics[start:end])
    write_trees(folder / "klue-dp" / "klue-dp-v1.1_train.tsv", TREES[:7])
    write_trees(folder / "klue-dp" / "klue-dp-v1.1_dev.tsv", TREES[7:])
    (folder / "corpus").mkdir()
    for number, name in enumerate(("soynlp_movie_comments", "beep_unlabeled_comments_5", "labelled_train_texts")):
        lines = "".join(f"{text}\n" for text, _ in reviews[250 * number : 250 * (number + 1)])
        (folder / "corpus" / f"{name}.txt.zst").write_bytes(zstandard.compress(lines.encode()))
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


def write_trees(path: Path, trees: list) -> None:
    """As KLUE publishes its trees: number, word, lemmas, parts of speech, head, relation."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        for number, (text, heads, relations) in enumerate(trees):
            stream.write(f"## klue-dp-v1_{number:05}\t{text}\n")
            rows = zip(text.split(), heads, relations.split(), strict=True)
            stream.writelines(
                f"{place}\t{word}\t{word}\tNNG\t{head}\t{relation}\n"
                for place, (word, head, relation) in enumerate(rows, 1)
            )
            stream.write("\n")


def run_bench(name: str, *words: object, apart: bool) -> None:
    """A script of bench/, as `python bench/NAME.py WORDS` runs it, in this process.

    apart: what it starts gets a process of its own, as it should be; else that runs here too, where torch is loaded.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not apart:
            patch.setattr(subprocess, "run", run_here)
        run_script(str(BENCH / f"{name}.py"), map(str, words))


def run_script(script: str, words: Iterable[str]) -> None:
    """A script with its words on the command line; what it imports from its folder is forgotten after."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        patch.setattr(sys, "argv", [script, *words])
        try:
            runpy.run_path(script, run_name="__main__")
        finally:
            for module in {path.stem for path in BENCH.glob("*.py")} & (set(sys.modules) - before):
                del sys.modules[module]


RUN = subprocess.run


def run_here(
    command: list, *, env: dict[str, str] | None = None, check: bool = False, **options: Any
) -> subprocess.CompletedProcess:
    """What subprocess.run does with a command of Python's, without a process: `munjang`, or a script of bench/."""
    said, complained, code = io.StringIO(), io.StringIO(), 0
    log = logging.getLogger("munjang")
    handlers, level = list(log.handlers), log.level
    python, first, *words = map(str, command)
    if python != sys.executable:
        return RUN(command, env=env, check=check, **options)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(complained):
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        try:
            if first == "-m":
                patch.setattr(sys, "argv", words)
                munjang()
            elif first == "-c":
                patch.setattr(sys, "argv", ["-c", *words[1:]])
                exec(words[0], {"__name__": "__main__"})
            else:
                run_script(first, words)
        except SystemExit as end:
            code = end.code or 0
        finally:
            log.handlers[:] = handlers
            log.setLevel(level)
    if check and code:
        raise subprocess.CalledProcessError(code, command, said.getvalue(), complained.getvalue())
    return subprocess.CompletedProcess(command, code, said.getvalue(), complained.getvalue())
