"""`munjang pretrain` on 2 MB of comments: how long it takes, and whether killing and resuming it changes the model.

    python bench/pretrain.py --data-dir DIR [--megabytes 2] [--kills 2] [--set size=2x128]

One run is never interrupted. The other one is killed (SIGKILL) --kills times, each time after another checkpoint, and
continues with --resume. Both folders must open in plain transformers and hold the same weights. Seconds, hashes and the
masked accuracy go to bench/results/pretrain.json.
--set: replaces a setting of this bench, which writes a checkpoint every 10 steps and scores every 20.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

from munjang.pretraining.texts import lines_of

SOURCE = "corpus/soynlp_movie_comments.txt.zst"
SETTINGS = ("save_every=10", "eval_every=20", "epochs=2")


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--megabytes", type=float, default=2.0)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if not options.data_dir:
        parser.error(f"--data-dir names the folder in which {SOURCE} lies; so does MUNJANG_DATA.")
    settings = [word for setting in (*SETTINGS, *options.set) for word in ("--set", setting)]
    path = options.results / "pretrain.json"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = folder / "texts.txt"
        size = write_texts(Path(options.data_dir) / SOURCE, texts, int(options.megabytes * 1e6))
        whole, broken = folder / "whole", folder / "broken"
        began = time.monotonic()
        if start(texts, whole, *settings).wait():
            sys.exit("The run failed.")
        seconds = time.monotonic() - began
        kills = killed_run(texts, broken, options.kills, settings)
        report = {
            "texts": SOURCE, "bytes": size, "settings": " ".join((*SETTINGS, *options.set)),
            "seconds": round(seconds, 3), "weights": sha256(whole),
            "killed after steps": kills, "weights after the kills": sha256(broken),
            "same": sha256(whole) == sha256(broken), "validation": last_score(whole), **opened(whole),
            "machine": machine(),
        }  # fmt: skip
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if not report["same"]:
        sys.exit("A killed and resumed run gave other weights.")


def write_texts(source: Path, target: Path, size: int) -> int:
    """Write the first lines of a compressed file, about `size` bytes; gives the bytes written."""
    written = 0
    with target.open("w", encoding="utf-8") as out:
        for line in lines_of(source):
            if written >= size:
                break
            out.write(f"{line}\n")
            written += len(line.encode()) + 1
    return written


def start(texts: Path, out: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "munjang", "pretrain", str(texts), "--out", str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_run(texts: Path, out: Path, kills: int, settings: list[str]) -> list[int]:
    """Run to the end with `kills` interruptions; gives the step of the newest checkpoint at each of them."""
    steps: list[int] = []
    for _ in range(kills):
        process = start(texts, out, *settings, *(["--resume"] if steps else []))
        while process.poll() is None and newest(out) <= (steps[-1] if steps else 0):
            time.sleep(0.05)
        if process.poll() is not None:
            sys.exit(f"The run ended with {process.returncode} before it could be killed {kills} times.")
        process.send_signal(signal.SIGKILL)
        process.wait()
        steps.append(newest(out))
    if start(texts, out, *settings, *(["--resume"] if steps else [])).wait():
        sys.exit("The resumed run failed.")
    return steps


def newest(out: Path) -> int:
    """The step of the newest checkpoint, 0 if there is none."""
    return max((int(path.name[5:]) for path in (out / "checkpoints").glob("step-*")), default=0)


def sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def last_score(folder: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return next(row for row in reversed(rows) if "validation_loss" in row)


def opened(folder: Path) -> dict[str, Any]:
    """The predictions of plain transformers with the model in the folder."""
    from transformers import pipeline

    guesses = pipeline("fill-mask", model=str(folder))("정말 [MASK] 영화")
    return {"transformers guesses for 정말 [MASK] 영화": [guess["token_str"] for guess in guesses[:3]]}


if __name__ == "__main__":
    main()
