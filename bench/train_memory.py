"""How much memory it takes to read, clean, split and tokenise a large file, by number of rows.

    python bench/train_memory.py --rows 1000000 [--rows 3000000] [--data-dir FOLDER]

Writes a TSV of NSMC's train reviews, repeated, with a number after each so that no two are equal. Runs all stages of
`munjang train` before the first step on it, in its own process for each number of rows. Current and peak resident
memory after each stage go to bench/results/train-memory.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from machine import machine
from options import bench_parser


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        through(options.child)
        return
    results = {}
    for rows in options.rows or [1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "large.tsv"
            make_file(table, rows, options.data_dir)
            child = [sys.executable, __file__, "--child", str(table)]
            environment = {**os.environ, "MUNJANG_CACHE": folder}
            done = subprocess.run(child, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            stages = json.loads(done.stdout.splitlines()[-1])
            results[f"{rows:,}"] = {"file MB": table.stat().st_size // 2**20, **stages}
            print(rows, json.dumps(results[f"{rows:,}"], indent=1), flush=True)
    path = options.results / "train-memory.json"
    known = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    report = {"rows": {**known, **results}, "machine": machine()}
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def make_file(path: Path, rows: int, data_dir: str) -> None:
    """A TSV of `rows` different reviews."""
    import munjang as mj

    reviews = [(row.text.strip(), row.label) for row in mj.load_corpus("nsmc", data_dir=data_dir).train]
    with path.open("w", encoding="utf-8") as stream:
        stream.write("text\tlabel\n")
        for number, (text, label) in enumerate(islice(cycle(reviews), rows)):
            stream.write(f"{text} {number}\t{label}\n")


def through(path: str) -> None:
    """Read, clean, split and tokenise a file; prints the memory after each stage as JSON."""
    from munjang.config.settings import ReadOptions, TrainConfig
    from munjang.data.prepare import prepare_corpus
    from munjang.data.readers.corpus import read_corpus
    from munjang.tasks.classification import Classification
    from munjang.text.vocabulary import train_wordpiece
    from munjang.training.token_cache import token_cache

    stages: dict[str, Any] = {}

    def note(stage: str) -> None:
        stages[stage] = {"MB": resident(), "peak MB": peak(), "s": round(time.monotonic() - began, 1)}

    began = time.monotonic()
    note("imports")
    corpus = read_corpus(path, options=ReadOptions(text="text", label="label"))
    note("reading")
    prepared = prepare_corpus(corpus, TrainConfig())
    note("cleaning and splitting")
    sample = [example.text for example in prepared.corpus.train[:100_000]]
    tokenizer = train_wordpiece(sample, 16_000).backend_tokenizer
    del sample
    note("vocabulary (of 100,000 texts)")
    task = Classification(corpus.labels)
    encoded = task.encode(prepared.corpus.train, tokenizer, 128, encode=token_cache().encode)
    note("token ids")
    stages["rows of train"] = len(encoded)
    stages["bytes of token ids"] = encoded.ids.nbytes
    seen = {id(example.text): example.text for example in (*corpus.train, *prepared.corpus.train)}
    stages["bytes of texts held"] = sum(map(sys.getsizeof, seen.values()))
    stages["bytes of texts read"] = sum(sys.getsizeof(example.text) for example in corpus.train)
    print(json.dumps(stages), flush=True)


def resident() -> int:
    """Resident memory in MB, including memory that the allocator keeps."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def peak() -> int:
    """The largest resident memory until now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
