"""Everyday Korean for the language head, whose corpus has Korean only from treebanks: a CSV for `--more language=`.

    python recipes/mini/korean_rows.py --data-dir DIR --out runs/korean.csv

Texts with Hangul, drawn with a seed from the train texts of the labelled corpora; all have the label ko.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
from pathlib import Path

import numpy as np

from munjang.data.compressed import open_bytes

SOURCE = "corpus/labelled_train_texts.txt.zst"
ROWS, SEED = 3_000, 13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MUNJANG_DATA"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with open_bytes(Path(options.data_dir) / SOURCE) as packed:
        lines = io.TextIOWrapper(packed, encoding="utf-8")
        texts = [line.strip() for line in lines if re.search("[가-힣]", line)]
    chosen = np.random.default_rng(SEED).choice(len(texts), ROWS, replace=False)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((texts[i], "ko") for i in sorted(chosen))])


if __name__ == "__main__":
    main()
