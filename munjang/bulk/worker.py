"""One worker: it loads the model once and turns rows of a file into one part, again and again.

A part goes through the same code as `munjang predict FILE --out PART`. It is written in a folder of this attempt and
then renamed, so that a worker that dies leaves none, and a second attempt writes the same part. A part is done when
its receipt, which is written after it, is there.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from munjang import __version__
from munjang.bulk.inputs import table_of
from munjang.bulk.locations import Location, find_location
from munjang.bulk.plan import Partition, Plan, model_facts
from munjang.data.readers.columns import find_column
from munjang.errors import BundleError, ConfigError, MunjangError
from munjang.files import first_line
from munjang.inference.files.predict import predict_table
from munjang.inference.files.write import rejected_path
from munjang.inference.predictor import Predictor, load
from munjang.translation import _

WORK_FOLDER = "_work"
"""Folder of a run that is not finished: receipts, and what is being written."""
ATTEMPTS = f"{WORK_FOLDER}/attempts"
REJECTED = "_rejected"
MOST_ATTEMPTS = 3
"""How many workers may die at one part: then the part is what kills them."""


@dataclass(frozen=True)
class Failure:
    """Why a part cannot be made; `kind` names an error of munjang.errors."""

    kind: str
    message: str


class Worker:
    """What an actor holds. threads: processors that it may use."""

    def __init__(self, plan: Plan, out: str, threads: int) -> None:
        self.plan, self.threads = plan, threads
        self.out = find_location(out)
        self.partitions = plan.partitions()
        self.model: Predictor | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """For Ray Data: numbers of parts in, a JSON object for each out: its receipt, or a Failure."""
        return {"result": [json.dumps(self.result(self.partitions[int(number)])) for number in batch["number"]]}

    def result(self, partition: Partition) -> dict[str, Any]:
        """The receipt of a part, made now or found; of one that cannot be made, its Failure as a dict."""
        try:
            return make_part(self.plan, partition, self.out, self.opened)
        except MunjangError as error:
            return asdict(Failure(type(error).__name__, str(error)))
        except OSError as error:
            return asdict(Failure("MunjangError", f"{partition.source.name}, {partition.name}: {first_line(error)}"))

    def opened(self) -> Predictor:
        """The model, loaded at the first part. BundleError: it is not there, or not the one of the plan."""
        if self.model is None:
            if self.plan.munjang != __version__:
                raise ConfigError(
                    _(
                        "{socket} has munjang {version}, the run was begun with {munjang}. Install the same "
                        "version everywhere.",
                        socket=socket.gethostname(),
                        version=__version__,
                        munjang=self.plan.munjang,
                    )
                )
            limit_threads(self.threads)
            __, __, mark = model_facts(self.plan.model)
            if mark != self.plan.mark:
                raise BundleError(
                    _(
                        "{model} on {socket} is not the model that the run began with.",
                        model=self.plan.model,
                        socket=socket.gethostname(),
                    )
                )
            self.model = load(self.plan.model, precision=self.plan.precision)
        return self.model


def limit_threads(threads: int) -> None:
    """Have this process, a worker among others, compute on so many processors."""
    import sys

    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by the runtimes of exported models and of torch
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def make_part(plan: Plan, partition: Partition, out: Location, model: Any) -> dict[str, Any]:
    """Write a part and its receipt, which is returned; a part that is done is left as it is.

    model: gives the Predictor. MunjangError: rows that cannot be read, or workers have died at this part before.
    """
    receipt = out / receipt_name(partition)
    if receipt.kind():
        return receipt.read_json()
    start = time.monotonic()
    with attempt(partition, out) as (number, folder):
        part = folder / f"{partition.name}.parquet"
        with table_of(partition.source, plan.reading, partition.first, partition.last) as table:
            text = find_column(plan.text, table.columns, partition.source.name, "--text")
            counts = predict_table(model(), table, text, part, answering=plan.answering)
        size = part.stat().st_size
        if counts.rejected:
            (out / REJECTED).make()
            (out / f"{REJECTED}/{partition.name}.csv").take(rejected_path(part))
        (out / part.name).take(part)
        facts = {
            "name": part.name, "number": partition.number, "file": partition.source.name,
            "first": partition.first + 1, "bytes": size,
            "attempt": number, "host": socket.gethostname(), "seconds": round(time.monotonic() - start, 3),
            "counts": vars(counts),
        }  # fmt: skip
        receipt.write_json(facts)
    return facts


@contextmanager
def attempt(partition: Partition, out: Location) -> Iterator[tuple[int, Path]]:
    """(which attempt at the part this is, a folder for it). While it lasts OUT/_work/attempts/PART.RANDOM/worker.json
    tells whose it is; it stays behind only where the worker dies."""
    before = {path.partition("/")[0] for path in (out / ATTEMPTS).files() if path.startswith(f"{partition.name}.")}
    if len(before) >= MOST_ATTEMPTS:
        last = "the end" if partition.last is None else f"{partition.last:,}"
        raise MunjangError(
            _(
                "{source}, rows {first:,} to {last}: {before} workers died at them, most likely for "
                "want of memory. Use fewer workers (--workers) or machines with more memory, and go "
                "on with --resume.",
                source=partition.source.name,
                first=partition.first + 1,
                last=last,
                before=len(before),
            )
        )
    own = out / f"{ATTEMPTS}/{partition.name}.{secrets.token_hex(4)}"
    own.make()
    (own / "worker.json").write_json({"host": socket.gethostname(), "pid": os.getpid()})
    try:
        if own.local:
            yield len(before) + 1, own.local
        else:
            with tempfile.TemporaryDirectory(prefix="munjang-part-") as folder:
                yield len(before) + 1, Path(folder)
    finally:
        own.remove()


def receipt_name(partition: Partition) -> str:
    """Where in the output folder the receipt of a part stands."""
    return f"{WORK_FOLDER}/{partition.name}.json"
