"""How fast files are read: munjang's readers against the csv module, and against another checkout of munjang.

    python bench/reading.py --data-dir DIR [--against BASE] [--reviews 650000] [--rounds 3]

Writes NSMC reviews (repeated as often as needed) as CSV with quotes where needed, CSV with all fields quoted, TSV, JSON
Lines, Parquet and Excel (at most 100,000 rows), and reads each with `open_table` from detection to the last row, in a
process of its own and in turn with BASE and with the csv module (pyarrow, json and openpyxl for the others). Imports of
munjang are not counted. Gives the best of the rounds, checks the number of rows, and writes bench/results/reading.json.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from against import commit
from machine import machine
from options import bench_parser

import munjang as mj
from munjang.data.readers.writers import open_writer
from munjang.files import write_json
from munjang.tables import format_table

HERE = Path(__file__).parents[1]
EXCEL_ROWS = 100_000
COLUMNS = ("id", "document", "label")
OURS = """
import sys, time
from munjang.data.readers.open import open_table
start = time.perf_counter()
table = open_table(sys.argv[1])
rows = sum(1 for row in table.rows())
print(time.perf_counter() - start, rows)
"""
PLAIN = """
import sys, time
start, path = time.perf_counter(), sys.argv[1]
if path.endswith(("csv", "tsv")):
    import csv
    stream = open(path, encoding="utf-8-sig", newline="")
    quoting = {} if path.endswith("csv") else {"delimiter": "\\t", "quoting": csv.QUOTE_NONE}
    rows = sum(1 for row in csv.reader(stream, **quoting)) - 1
elif path.endswith("jsonl"):
    import json
    rows = sum(1 for row in map(json.loads, open(path, encoding="utf-8")))
elif path.endswith("parquet"):
    import pyarrow.parquet
    rows = sum(len(batch.to_pylist()) for batch in pyarrow.parquet.ParquetFile(path).iter_batches())
else:
    import openpyxl
    rows = sum(1 for row in openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True)) - 1
print(time.perf_counter() - start, rows)
"""


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--against", type=Path, help="the folder of another checkout")
    parser.add_argument("--reviews", type=int, default=650_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    corpus = mj.load_corpus("nsmc", data_dir=options.data_dir)
    texts = [example.text for example in (*corpus.train, *corpus.test)]
    rows = [(str(i), texts[i % len(texts)], str(i % 2)) for i in range(options.reviews)]
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        files = {path: write(path, rows) for path in map(Path(folder).joinpath, FILES)}
        found = {path.name: compared(path, count, options) for path, count in files.items()}
    base = commit(options.against) if options.against else None
    figures = {"base": base, "this": commit(HERE), "reviews": options.reviews, "rounds": options.rounds}
    write_json(options.results / "reading.json", {**figures, "files": found, "machine": machine()})
    header = ["file", "rows", "plain s", "this s", "of plain", *(["base s", "of base"] if base else [])]
    print(format_table(header, [[name, *map(shown, row.values())] for name, row in found.items()]))


FILES = ("quoted where needed.csv", "quoted.csv", "reviews.tsv", "reviews.jsonl", "reviews.parquet", "reviews.xlsx")


def write(path: Path, rows: Sequence[tuple[str, str, str]]) -> int:
    """Write the reviews; gives their number."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            quoting = csv.QUOTE_ALL if path.stem == "quoted" else csv.QUOTE_MINIMAL
            csv.writer(stream, quoting=quoting).writerows([COLUMNS, *rows])
        return len(rows)
    rows = rows[:EXCEL_ROWS] if path.suffix == ".xlsx" else rows
    with open_writer(path, COLUMNS, quoted=False) as writer:
        for row in rows:
            writer.write(row)
    return len(rows)


def compared(path: Path, count: int, options: Any) -> dict[str, Any]:
    """The best seconds of each way of reading, and their ratios."""
    ways = {"plain": (PLAIN, HERE), "this": (OURS, HERE)}
    if options.against:
        ways["base"] = (OURS, options.against.resolve())
    times: dict[str, list[float]] = {name: [] for name in ways}
    for __ in range(options.rounds):
        for name, (code, checkout) in ways.items():
            times[name].append(seconds(code, path, checkout, count))
    best = {name: min(values) for name, values in times.items()}
    figures = {"rows": count, "plain_s": best["plain"], "this_s": best["this"]}
    figures["of_plain"] = best["this"] / best["plain"]
    return figures | ({"base_s": best["base"], "of_base": best["this"] / best["base"]} if "base" in best else {})


def seconds(code: str, path: Path, checkout: Path, count: int) -> float:
    """The seconds that a process of its own took; a wrong number of rows ends the bench."""
    places = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
    words = [sys.executable, "-c", code, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd="/")
    if done.returncode:
        sys.exit(f"{checkout}: {done.stderr}")
    took, rows = done.stdout.split()
    if int(rows) != count:
        sys.exit(f"{checkout} read {rows} of {count:,} rows of {path.name}.")
    return float(took)


def shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


if __name__ == "__main__":
    main()
