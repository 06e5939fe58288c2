"""How long the search for near copies takes, how much memory, and how many planted copies it finds.

    python bench/near_duplicates.py --data-dir DIR [--texts 15000 150000 648675] [--planted 1500]

The texts are the first reviews of corpus/nsmc_reviews.parquet, where DIR has this file, else the train sentences of
nsmc. Each size runs in a process of its own; seconds are wall-clock time, cpu_s those of the processor, megabytes the
most that the process held in addition to the texts. Planted copies are made of that many texts drawn from the
smallest size (for slips and endings, of those with 22 letters or more) and added to it. Writes
bench/results/near-duplicates.json.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.near.copies import near_copies
from munjang.data.near.letters import keys_of
from munjang.files import write_json
from munjang.tables import format_table
from munjang.text import noise
from munjang.text.keyboard import slip

OTHER_ENDINGS = {
    "습니다": "어요",
    "네요": "다",
    "합니다": "해요",
    "했다": "했어요",
    "었다": "었어요",
    "음": "네",
    "임": "입니다",
    "해요": "한다",
    "는데": "는데요",
    "됩니다": "돼요",
    "봤다": "봤습니다",
    "있다": "있네요",
    "없다": "없음",
    "좋다": "좋아요",
}
LETTERS = "[가-힣]"


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--texts", nargs="+", type=int, default=[15_000, 150_000, 648_675])
    parser.add_argument("--planted", type=int, default=1_500)
    options = parser.parse_args()
    sizes = [apart(timed, options.data_dir, size) for size in options.texts]
    planted = recalls(texts_of(options.data_dir, options.texts[0]), options.planted)
    result = {"sizes": sizes, "recall": planted, **machine()}
    write_json(options.results / "near-duplicates.json", result)
    print(format_table([*sizes[0]], [[*row.values()] for row in sizes]))
    print(format_table(["planted", "texts", "found"], [[*row.values()] for row in planted]))


def texts_of(data_dir: str, count: int) -> list[str]:
    """The first texts."""
    path = Path(data_dir) / "corpus" / "nsmc_reviews.parquet"
    if path.exists():
        import pyarrow.parquet

        return [str(text) for text in pyarrow.parquet.read_table(path)["document"][:count].to_pylist()]
    return [example.text for example in mj.load_corpus("nsmc", data_dir=data_dir).train][:count]


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def timed(data_dir: str, count: int) -> dict[str, float]:
    """Seconds, memory and copies found in so many texts."""
    texts = texts_of(data_dir, count)
    near_copies(texts[:10])  # makes the tables of characters
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    near = near_copies(texts)
    seconds, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    copies = len(near.first_of(range(len(texts))))
    return {
        "texts": len(texts),
        "seconds": round(seconds, 4),
        "cpu_s": round(cpu_s, 4),
        "megabytes": peak() - before,
        "copies": copies,
        "by_letter": len(near.pairs),
    }


def peak() -> int:
    """The most memory that this process held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def recalls(texts: list[str], planted: int) -> list[dict[str, Any]]:
    """For each kind of planted copy how many were planted, and the share that was found."""
    rng = np.random.default_rng(13)
    texts = list(dict.fromkeys(texts))
    letters = keys_of(texts).sizes
    kinds: dict[str, tuple[int, Callable[[str], str]]] = {
        "spaces": (2, lambda text: noise.random_spaces(text, rng)),
        "signs": (2, lambda text: re.sub(r"(?<!\d)[^\w\s]|[^\w\s](?!\d)|_", "", text) + "~!"),
        "upper case": (2, str.upper),
        "repeated letters": (2, lambda text: noise.repeated_letters(text, rng)),
        "separate jamo": (2, noise.separate_jamo),
        "one slip of the fingers": (22, lambda text: slip(text, rng)),
        "one syllable missing": (22, lambda text: at_letter(text, rng, lambda letter: "")),
        "one syllable more": (22, lambda text: at_letter(text, rng, lambda letter: letter + any_syllable(rng))),
        "one syllable another": (22, lambda text: at_letter(text, rng, lambda letter: any_syllable(rng))),
        "ending": (22, other_ending),
    }
    rows = []
    for kind, (least, change) in kinds.items():
        chosen = rng.permutation(np.flatnonzero(letters >= least))[:planted].tolist()
        pairs = [(index, copy) for index in chosen if (copy := change(texts[index])) != texts[index]]
        near = near_copies([*texts, *(copy for __, copy in pairs)])
        found = near.together()
        hits = [found[index] == found[len(texts) + number] for number, (index, __) in enumerate(pairs)]
        rows.append({"planted": kind, "texts": len(pairs), "found": round(float(np.mean(hits)), 4) if hits else 1.0})
    return rows


def any_syllable(rng: np.random.Generator) -> str:
    return chr(int(rng.integers(0xAC00, 0xD7A4)))


def at_letter(text: str, rng: np.random.Generator, change: Callable[[str], str]) -> str:
    """The text with one of its syllables changed."""
    places = [match.start() for match in re.finditer(LETTERS, text)]
    if not places:
        return text
    at = int(rng.choice(places))
    return text[:at] + change(text[at]) + text[at + 1 :]


def other_ending(text: str) -> str:
    """The text with another ending, where it has one that OTHER_ENDINGS knows."""
    bare = text.rstrip(" .!~")
    for ending, other in OTHER_ENDINGS.items():
        if bare.endswith(ending):
            return bare.removesuffix(ending) + other
    return text


if __name__ == "__main__":
    main()
