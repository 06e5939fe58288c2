"""A typical office spreadsheet, from `munjang train` to `munjang predict`, with every row accounted for.

    python bench/spreadsheet.py --data-dir DIR [--reviews 1000] [--backbone scratch:tiny]

Writes NSMC training reviews as a cp949 CSV as exported from Excel, with Korean column names, and adds rows with the
label 3, repeated rows, contradicting rows and empty texts. Also writes a UTF-8 copy with a tenth of the texts
decomposed (NFD, as macOS writes it; cp949 has no decomposed Hangul). Runs train and predict on both files through the
command line, compares the cleaning report with the added rows, and writes bench/results/spreadsheet.json.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser

import munjang as mj
from munjang.files import write_json

PUT_IN = {"label": 20, "duplicate": 30, "conflict": 10, "empty": 15}


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--backbone", default="scratch:tiny")
    parser.add_argument("--reviews", type=int, default=1000, help="rows of each file; 300 at least")
    options = parser.parse_args()
    added = PUT_IN["duplicate"] + PUT_IN["conflict"] + PUT_IN["empty"]  # the label 3 replaces labels of reviews
    reviews = clean_reviews(options.data_dir, options.reviews - added)
    rows = put_in(reviews)
    results = {}
    with tempfile.TemporaryDirectory(prefix="spreadsheet-") as folder:
        for name, encoding, decomposed in (("cp949", "cp949", 0), ("utf-8 with NFD", "utf-8-sig", 100)):
            path = Path(folder) / f"{encoding}.csv"
            write_csv(path, rows, encoding, decomposed)
            results[name] = through(path, Path(folder) / encoding, options.backbone)
    figures = {"rows": len(rows), "put in": PUT_IN, **results, "machine": machine()}
    write_json(options.results / "spreadsheet.json", figures)
    print(json.dumps(results, ensure_ascii=False, indent=2))


def clean_reviews(data_dir: str, count: int) -> list[tuple[str, str]]:
    """Distinct NSMC training reviews that cp949 can write and that cleaning neither changes nor removes."""
    corpus = mj.load_corpus("nsmc", data_dir=data_dir)
    cleaned, _ = mj.clean_corpus(corpus.with_splits(train=corpus.train[:3000], test=()))
    fitting = []
    for example in cleaned.train:
        try:
            example.text.encode("cp949")
        except UnicodeEncodeError:
            continue
        fitting.append((example.text, "1" if example.label == "긍정" else "0"))
    return fitting[:count]


def put_in(reviews: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The reviews with the faults of an office file: label 3, repeats, contradictions (both rows go), empty texts."""
    rng = random.Random(13)
    n = PUT_IN
    rows = [(text, "3") if i < n["label"] else (text, label) for i, (text, label) in enumerate(reviews)]
    rows += rows[100 : 100 + n["duplicate"]]
    rows += [(text, "0" if label == "1" else "1") for text, label in rows[200 : 200 + n["conflict"]]]
    rows += [(rng.choice(["", "  ", "\u3000"]), rng.choice("01")) for _ in range(n["empty"])]
    rng.shuffle(rows)
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]], encoding: str, decomposed: int) -> None:
    """As Excel writes it: comma, CRLF, quotes where needed; the first `decomposed` texts in NFD."""
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["번호", "본문", "감정"])
        for number, (text, label) in enumerate(rows, 1):
            writer.writerow([number, unicodedata.normalize("NFD", text) if number <= decomposed else text, label])


def through(path: Path, out: Path, backbone: str) -> dict[str, Any]:
    """Train and predict on the file; gives the removed rows, the rows that came back, and the seconds."""
    command = [sys.executable, "-m", "munjang"]
    began = time.monotonic()
    reading = ["--text", "본문", "--label", "감정", "--labels", "0,1"]
    trained = run([*command, "train", str(path), *reading, "--backbone", backbone, "--epochs", "2", "--out", str(out)])
    train_s = time.monotonic() - began
    answers = out.with_suffix(".answers.csv")
    predicted = run([*command, "predict", str(out), str(path), "--text", "본문", "--out", str(answers)])
    with (out / "run" / "removed.csv").open(encoding="utf-8-sig", newline="") as stream:
        removed = Counter(row["step"] for row in csv.DictReader(stream))
    with answers.open(encoding="utf-8-sig", newline="") as stream:
        back = list(csv.DictReader(stream))
    expected = {"label": PUT_IN["label"], "duplicate": PUT_IN["duplicate"], "conflict": 2 * PUT_IN["conflict"]}
    expected["empty"] = PUT_IN["empty"]
    return {
        "said": [line for line in trained.splitlines() if path.name in line][:4],
        "removed": dict(removed),
        "account is right": dict(removed) == expected,
        "rows back, in order": [row["번호"] for row in back] == [str(i) for i in range(1, len(back) + 1)],
        "rows back": len(back),
        "empty answers": sum(row["note"] == "empty" for row in back),
        "said by predict": predicted.strip().splitlines()[-3:],
        "train_s": round(train_s, 3),
        "predict_s": round(time.monotonic() - began - train_s, 3),
    }


def run(command: list[str]) -> str:
    """A command's messages; a failing command stops the bench and prints them."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stderr


if __name__ == "__main__":
    main()
