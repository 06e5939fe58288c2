"""Count the n-grams of Korean texts of many kinds, which the scopes of classifiers are compared with.

    python recipes/background.py --data-dir DATA_DIR

Every kind of text has the same weight: 1.5 million characters at most, shared equally by its files. Lines are drawn at
random, and 300 characters of each are counted. Writes munjang/assets/background/ngrams.safetensors. It holds no text,
but the share of each of 131,072 buckets of n-grams (float16, a logarithm to the base 2). A model that is trained
already keeps its own scope.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from munjang.data.compressed import open_bytes
from munjang.inference.scope import BACKGROUND, ngram_counts

KINDS = {
    "encyclopedia": ["kowiki_general"],
    "technical pages": [
        "docs_dynamics365_ko", "docs_windows_uwp_ko", "docs_pytorch_ko", "docs_react_ko", "docs_rust_ko",
        "python_docs_ko",
    ],
    "law": ["legal_civil", "legal_criminal", "legal_family", "legal_statutes"],
    "essays": ["book_reviews_acorn", "book_reviews_nanet", "unesco_report"],
    "dialogues": ["hgtods_dialogues", "songys_chatbot"],
    "comments": ["soynlp_movie_comments"],
    "translations and news": ["wikinews_ko", "ntrex_news_ko", "koen_parallel_ko_side"],
}  # fmt: skip
CHARACTERS, LINE = 1_500_000, 300
LEAST = 1e-7  # added to every share, for n-grams that occur nowhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    folder = parser.parse_args().data_dir / "corpus"
    shares = np.mean([kind_shares(folder, names) for names in KINDS.values()], axis=0) + LEAST
    BACKGROUND.parent.mkdir(parents=True, exist_ok=True)
    save_file({"log2_shares": np.log2(shares / shares.sum()).astype(np.float16)}, BACKGROUND)
    print(f"{BACKGROUND}: {BACKGROUND.stat().st_size:,} bytes")


def kind_shares(folder: Path, names: list[str]) -> np.ndarray:
    """The share of each bucket in the texts of one kind."""
    lines = [line for name in names for line in drawn_lines(folder / f"{name}.txt.zst", CHARACTERS // len(names))]
    counts = ngram_counts(lines)
    return counts / counts.sum()


def drawn_lines(path: Path, characters: int) -> list[str]:
    """Lines at random, with about so many characters together."""
    with open_bytes(path) as file:
        lines = [line.decode("utf-8").rstrip("\n") for line in file]
    random.Random(1).shuffle(lines)
    drawn = []
    for line in lines:
        if characters <= 0:
            break
        drawn.append(line[:LINE])
        characters -= len(drawn[-1])
    return drawn


if __name__ == "__main__":
    main()
