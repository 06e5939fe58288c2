"""Thousands of damaged and hostile model folders, each opened and used in a process of its own with limits.

    python tests/soak/soak_models.py [--tries 1000] [--seed 0] [--only KIND] [--keep FOLDER]

Each must give answers or an error of munjang in one line, within 15 s of the processor and 1 GB. Prints what went
wrong, with the number that makes the folder again.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from hostile_models import KINDS, OLD, make_hostile

import munjang as mj

SECONDS, BYTES, ADDRESSES = 15, 1_000_000_000, 6_000_000_000
TEXTS = ["정말 재밌어요 ㅋㅋㅋㅋㅋ", "별로예요. abc 123", "a" * 40 + "!", "가나다 " * 300, "\x01", "", *["음"] * 40]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--keep", help="where folders stay that something went wrong with")
    options = parser.parse_args()
    import onnxruntime  # noqa: F401  (before the forks)
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    slowest, largest = 0.0, 0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for number in range(options.seed, options.seed + options.tries):
            kind = options.only or list(KINDS)[number % len(KINDS)]
            path = Path(options.keep or folder) / f"{number}-{kind}"
            changed = make_hostile(Random(f"{kind} {number}"), kind, path)
            outcome, seconds, size = in_child(lambda path=path, number=number: used(path, number))
            slowest, largest = max(slowest, seconds), max(largest, size)
            counts[outcome.partition(":")[0]] += 1
            is_right = outcome.partition(":")[0] in ("answer", "refused")
            if not is_right or options.tries == 1:
                print(f"{kind} {number}: {changed}\n    {outcome}", flush=True)
            if is_right or not options.keep:
                shutil.rmtree(path)
            if number % 200 == 199:
                print(f"{number + 1 - options.seed:,} folders", dict(counts), flush=True)
    print(f"{dict(counts)}; slowest {slowest:.1f} s, memory {largest / 1e6:,.0f} MB")
    sys.exit(bool(set(counts) - {"answer", "refused"}))


def in_child(work: Callable[[], str]) -> tuple[str, float, int]:
    """What `work` gives in a child with limits, the seconds of the processor that it took, and its memory in bytes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        signal.alarm(10 * SECONDS)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        os.write(writing, work().encode("utf-8", "replace")[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        outcome = stream.read().decode()
    __, status, usage = os.wait4(child, 0)
    seconds, size = usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss
    if os.WIFSIGNALED(status):
        outcome = f"killed: {signal.Signals(os.WTERMSIG(status)).name}"
    elif size > BYTES:
        outcome = f"memory: {size / 1e6:,.0f} MB; {outcome}"
    return outcome, seconds, size


def used(path: Path, number: int) -> str:
    """What comes of a folder when it is used in one of the ways."""
    ways = [predicts, predicts, evaluates, exports, analyzes] if (path / "munjang.json").exists() else [predicts]
    if "encoder" in path.name or ("bert" in path.name and number % 5 == 0):
        ways = [starts, pretrains] if "encoder" in path.name else [starts]
    way = ways[number // len(KINDS) % len(ways)]
    try:
        way(path)
    except mj.MunjangError as error:
        return f"two lines: {error}" if "\n" in str(error) else f"refused: {way.__name__} {error}"
    except BaseException:
        return f"exception: {way.__name__} {traceback.format_exc()[-3000:]}"
    return f"answer: {way.__name__}"


def opened(path: Path) -> list[mj.Predictor]:
    """The model, or all of its heads."""
    model = mj.load(path)
    return [mj.load(path / name) for name in model.decoder.parts] or [model]


def predicts(path: Path) -> None:
    for model in opened(path):
        check_answers(model.predict_many(TEXTS))


def check_answers(answers: list) -> None:
    """Answers are trees, or probabilities that can be written as JSON."""
    for answer in answers:
        if isinstance(answer, mj.Parse):
            words = len(answer.tree.words)
            assert all(0 <= head <= words for head in answer.tree.heads), answer
            assert all(math.isfinite(value) for value in answer.probabilities), answer
        else:
            assert all(0 <= score <= 1 for score in answer.scores.values()), answer
            json.dumps(answer.scores, allow_nan=False)


def evaluates(path: Path) -> None:
    model = opened(path)[0]
    if "parser" in path.name:
        str(mj.evaluate(model, OLD / "data" / "trees.conllu"))
        return
    rows = [mj.Example(text, model.labels.names[0]) for text in TEXTS[:3]]
    label = (lambda name: (name,)) if model.task == "multi-label" else (lambda name: name)
    rows = [mj.Example(row.text, label(row.label)) for row in rows]
    str(mj.evaluate(model, mj.Corpus("soak", model.task, model.labels, test=rows)))


def analyzes(path: Path) -> None:
    if "heads" in path.name or "mini" in path.name:
        for analysis in mj.Analyzer(path).analyze_many(TEXTS):
            str(analysis)
    else:
        predicts(path)


def exports(path: Path) -> None:
    from munjang.export.run import export_model

    target = path.with_name(f"{path.name}-exported")
    try:
        check_answers(opened_all(export_model(path, "onnx", target)).predict_many(TEXTS))
    finally:
        shutil.rmtree(target, ignore_errors=True)


def opened_all(model: mj.Predictor) -> mj.Predictor:
    """The model, or the first of its heads."""
    return mj.load(model.folder / next(iter(model.decoder.parts))) if model.decoder.parts else model


def starts(path: Path) -> None:
    """It is the backbone of a training."""
    from munjang.models.backbones import load_backbone
    from munjang.tasks import make_task

    load_backbone(str(path)).build(make_task("classification", mj.LabelSet(("가", "나"))), seed=1, dropout=None)


def pretrains(path: Path) -> None:
    """A pre-training goes on from it."""
    from munjang.encoder.packed import pack
    from munjang.models.backbones import load_backbone
    from munjang.tasks.masked_lm import MaskedWords, MaskingVocabulary

    backbone = load_backbone(str(path))
    pack(backbone.build(MaskedWords(MaskingVocabulary.of(backbone.tokenizer)), seed=1, dropout=None))


if __name__ == "__main__":
    main()
