"""Every command that writes an output, as small as it gets, for `kills.points`."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kills.points import Case, munjang

import munjang as mj
from munjang.errors import BundleError

ASKED = ["정말 재밌어요", "지루하고 별로예요", "최고의 영화"]
TINY = ("--backbone", "scratch:tiny", "--epochs", "1", "--batch-size", "16", "--no-report", "--set", "log_every=5")
COLUMNS = ("--text", "본문", "--label", "감정")
UNFINISHED = ("No model folder", "holds no model", "incomplete model")


TRAIN = ("train", "reviews.csv", *COLUMNS, "--out", "m", *TINY)
LINEAR = ("train", "reviews.csv", *COLUMNS, "--out", "m", "--backbone", "linear", "--no-report")
HEADS = ("train", "mood=reviews.csv", "other=others.csv", *COLUMNS, "--out", "m", *TINY)
CLEAN = ("clean", "reviews.csv", *COLUMNS, "--out", "out")
EXPORT = ("export", "m", "onnx", "x")
PRETRAIN = (
    "pretrain", "texts.txt", "--out", "m", "--size", "1x64", "--vocabulary", "400", "--steps", "4", "--set",
    "save_every=2", "--set", "eval_every=4", "--batch-tokens", "512", "--max-length", "16", "--precision", "fp32",
)  # fmt: skip
PREDICT = ("predict", "m", "rows.tsv", "--text", "본문", "--out")
OTHER = ("train", "others.csv", *LINEAR[2:])
OLD, OVER = ("--seed", "5"), ("--overwrite",)


def cases() -> dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...], Callable[[Path], tuple[Any, ...]]]]:
    """Name -> the commands that ran before, the command to kill, and what is found."""
    every = {
        "train": ((), TRAIN, answers("m")),
        "train linear": ((), (*LINEAR, "--baseline"), answers("m")),
        "train heads": ((), HEADS, answers("m")),
        "train --overwrite": (((*TRAIN, *OLD),), TRAIN + OVER, answers("m")),
        "train --overwrite linear": ((OTHER,), LINEAR + OVER, answers("m")),
        "train --overwrite heads": (((*HEADS, *OLD),), HEADS + OVER, answers("m")),
        "clean": ((), CLEAN, cleaned),
        "clean --overwrite": (((*CLEAN, "--no-duplicates"),), CLEAN + OVER, cleaned),
        "export": (((*TRAIN, *OLD),), EXPORT, answers("x")),
        "export --overwrite": (((*TRAIN, *OLD), EXPORT, TRAIN + OVER), EXPORT + OVER, answers("x")),
        "pretrain": ((), PRETRAIN, weights("m")),
        "pretrain --overwrite": (((*PRETRAIN, *OLD),), PRETRAIN + OVER, weights("m")),
    }
    for out in ("out.csv", "out.xlsx", "out.parquet"):
        words = (*PREDICT, out)
        every[f"predict {out}"] = ((OTHER,), words, table(out))
        every[f"predict --overwrite {out}"] = ((OTHER, words, LINEAR + OVER), words + OVER, table(out))
    return every


def make_case(name: str, root: Path) -> Case:
    """The case of this name; what stands before its command is made under `root`, in this process."""
    commands, words, found = cases()[name]
    before = root / name.replace(" ", "_")
    before.mkdir(parents=True)
    write_inputs(before)
    for command in commands:
        run_here(before, *command)
    warm = root / f"{before.name}-warm"
    shutil.copytree(before, warm)
    run_here(warm, *words)
    return Case(name, before, words, found)


def run_here(path: Path, *words: str) -> None:
    """A command in this process, which is then warm for it."""
    import logging
    import os

    before, handlers = os.getcwd(), list(logging.getLogger("munjang").handlers)
    os.chdir(path)
    try:
        munjang(*words)
    except SystemExit as exit:
        assert not exit.code, words
    finally:
        os.chdir(before)
        logging.getLogger("munjang").handlers = handlers


def write_inputs(path: Path) -> None:
    """reviews.csv and others.csv with labels, texts.txt, and rows.tsv, which has a row that cannot be used."""
    rows = [(row.text, row.label) for row in mj.load_corpus("sample:sentiment").train[:140]]
    for name, part in (("reviews.csv", [*rows[:70], *rows[:3]]), ("others.csv", rows[70:])):
        with open(path / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("본문", "감정"), *part])
    (path / "texts.txt").write_text("".join(f"{text}\n" for text, __ in rows), encoding="utf-8")
    lines = ["번호\t본문", *(f"{number}\t{text}" for number, text in enumerate(ASKED)), "3\t하나\t둘"]
    (path / "rows.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def answers(folder: str) -> Callable[[Path], tuple[Any]]:
    """What the model in a folder says of ASKED; None where there is none, or one that is not finished."""

    def found(path: Path) -> tuple[Any]:
        try:
            return (mj.load(path / folder).probabilities(ASKED).tolist(),)
        except BundleError as error:
            if any(words in str(error) for words in UNFINISHED):
                return (None,)
            raise

    return found


def weights(folder: str) -> Callable[[Path], tuple[Any]]:
    """What a pre-trained folder gives to a training: its tokenizer and its weights."""

    def found(path: Path) -> tuple[Any]:
        from munjang.errors import FetchError, UnknownName
        from munjang.models.backbones import load_backbone
        from munjang.records import LabelSet
        from munjang.tasks import make_task

        try:
            backbone = load_backbone(str(path / folder))
        except (FetchError, UnknownName):
            return (None,)
        network = backbone.build(make_task("classification", LabelSet(("a", "b"))), seed=1, dropout=0.0)
        sums = [(name, float(tensor.double().abs().sum())) for name, tensor in network.state_dict().items()]
        return ((backbone.tokenizer.get_vocab(), sorted(sums)),)

    return found


def cleaned(path: Path) -> tuple[Any, ...]:
    """The three files of a cleaning, as anyone may read them."""
    from munjang.data.cleaning.files import REPORT_FILES

    return tuple(content(path / "out" / name) for name in REPORT_FILES)


def table(name: str) -> Callable[[Path], tuple[Any, ...]]:
    """The cells of an output, and its list of unusable rows."""
    return lambda path: (cells(path / name), content(path / f"{name}.rejected.csv"))


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def cells(path: Path) -> Any:
    """The cells of a file; an Excel file differs in its bytes each time."""
    if path.suffix == ".xlsx" and path.exists():
        import openpyxl

        return [list(row) for row in openpyxl.load_workbook(path).active.values]
    return content(path)
