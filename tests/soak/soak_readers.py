"""Thousands of files, made of rows by other tools, whole and damaged, through munjang's readers.

    python tests/soak/soak_readers.py [--files 20000] [--seed 0] [--only KIND]

A whole file must be read as the rows that it was made of. A damaged one must be read or refused by an error of munjang;
each of its rows must be an example or listed as set aside. No file may take more than a second of the processor and a
second for each MB, and the process no more than 1 GB. Prints what went wrong, with the number that makes the file
again.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from made_tables import KINDS, Made

import munjang as mj
from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text

MAX_BYTES = 1_000_000_000
NOISE = [
    b"\0",
    b'"',
    b'""',
    b"\\",
    b"\r",
    b"\n",
    b",",
    b"\t",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xb0",
    b"{",
    b"]",
    b'\\"',
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(KINDS))
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for number in range(options.seed, options.seed + options.files):
            kind = options.only or list(KINDS)[number % len(KINDS)]
            path = Path(folder) / f"{number}-{kind}"
            began = time.process_time()
            outcome, seconds = one_file(Random(f"{kind} {number}"), kind, path)
            slowest = max(slowest, seconds)
            counts[outcome.partition(":")[0]] += 1
            if outcome.partition(":")[0] not in ("read", "refused"):
                print(f"{kind} {number}: {outcome}")
            path.unlink()
            if number % 1000 == 999:
                print(f"{number + 1:,} files, the last in {time.process_time() - began:.2f} s", dict(counts))
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{dict(counts)}; slowest {slowest:.2f} s, memory {peak / 1e6:,.0f} MB")
    sys.exit(bool(set(counts) - {"read", "refused"}) or peak > MAX_BYTES)


def one_file(rng: Random, kind: str, path: Path) -> tuple[str, float]:
    """What became of one file, and the seconds that it took to read it."""
    made = KINDS[kind](rng, path)
    whole = rng.random() < 0.5
    if not whole:
        path.write_bytes(damaged(rng, path.read_bytes()))
    size = path.stat().st_size
    began = time.process_time()
    try:
        outcome = compared(path, made) if whole else accounted(path)
    except mj.MunjangError as error:
        may = not (whole and made.sure) and "\n" not in str(error)
        outcome = f"refused: {error}" if may else f"wrong error: {error}"
    except Exception:
        outcome = "exception: " + traceback.format_exc()
    seconds = time.process_time() - began
    return (f"slow: {seconds:.1f} s for {size:,} bytes" if seconds > 1 + size / 1e6 else outcome), seconds


def damaged(rng: Random, data: bytes) -> bytes:
    """The bytes with a few places changed: cut, doubled, or with something put in."""
    for __ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randrange(len(data) + 1) for __ in range(2))
        match rng.randrange(4):
            case 0:
                data = data[:at] + rng.choice(NOISE) + data[at:]
            case 1:
                data = data[:at] + data[min(to, at + 20) :]
            case 2:
                data = data[:to]
            case 3:
                data = data[:at] + data[at : at + 200] * rng.randint(2, 50) + data[at:]
    return data


def compared(path: Path, made: Made) -> str:
    """A whole file: its rows must be those it was made of, if there is one way to read it."""
    table = open_table(path)
    found = [[cell_text(cell) for cell in row.cells] for row in table.rows()]
    wrong = made.difference(table.columns, found, len(table.rejected))
    return f"read wrong: {table.notes}, {table.rejected[:1]}, {wrong}" if wrong else "read"


def accounted(path: Path) -> str:
    """A damaged file: each of its rows must be an example, kept or removed by cleaning, or set aside."""
    table = open_table(path)
    rows = sum(1 for __ in table.rows()) + len(table.rejected)
    last = table.columns[-1]
    corpus = mj.read_corpus(path, text=table.columns[min(1, len(table.columns) - 1)], label=last)
    examples = sum(map(len, (corpus.train, corpus.validation, corpus.test)))
    if examples + len(corpus.rejected) != rows:
        return f"rows lost: {rows} rows, {examples} examples, {len(corpus.rejected)} set aside"
    cleaned, report = mj.clean_corpus(corpus)
    kept = sum(map(len, (cleaned.train, cleaned.validation, cleaned.test)))
    if kept + len(report.removed) != rows:
        return f"rows lost in cleaning: {rows} rows, {kept} kept, {len(report.removed)} removed"
    return "read"


if __name__ == "__main__":
    main()
