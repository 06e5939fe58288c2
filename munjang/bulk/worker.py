"""One worker: it loads the model once, and then makes parts from rows of files.

A part is made by the same code as `munjang predict FILE --out PART`. It is written in a folder of this attempt and then
renamed, so a worker that dies leaves no half part, and a second attempt writes the same part. The receipt is written
after the part; a part with a receipt is done.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
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
from munjang.data.readers.columns import find_columns
from munjang.errors import BundleError, ConfigError, MunjangError
from munjang.files import first_line, temporary_folder
from munjang.inference.files.predict import predict_table
from munjang.inference.files.write import rejected_path
from munjang.inference.predictor import Predictor, load
from munjang.translation import OptionForm, _, options_as, set_language

WORK_FOLDER = "_work"
"""Folder of an unfinished run: its receipts, and the files that are being written."""
ATTEMPTS = f"{WORK_FOLDER}/attempts"
REJECTED = "_rejected"
MOST_ATTEMPTS = 3
"""How many workers may die at one part; after that the part itself is the likely cause."""


@dataclass(frozen=True)
class Failure:
    """Why a part cannot be made. kind: the name of an error in munjang.errors."""

    kind: str
    message: str


class Worker:
    """A Ray actor that makes parts. form: how its messages show settings. language: what they are in. threads: the
    processors that it may use."""

    def __init__(self, plan: Plan, out: str, form: OptionForm, language: str, threads: int) -> None:
        set_language(language)
        self.plan, self.form, self.threads = plan, form, threads
        self.out = find_location(out)
        self.partitions = plan.partitions()
        self.model: Predictor | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """For Ray Data: takes numbers of parts, gives a JSON object for each: its receipt, or a Failure."""
        return {"result": [json.dumps(self.result(self.partitions[int(number)])) for number in batch["number"]]}

    def result(self, partition: Partition) -> dict[str, Any]:
        """The receipt of a part, made now or before; a Failure as a dict if the part cannot be made."""
        try:
            with options_as(self.form):
                return make_part(self.plan, partition, self.out, self.opened)
        except MunjangError as error:
            return asdict(Failure(type(error).__name__, str(error)))
        except OSError as error:
            return asdict(Failure("MunjangError", f"{partition.source.name}, {partition.name}: {first_line(error)}"))

    def opened(self) -> Predictor:
        """The model, loaded for the first part. BundleError: it is missing, or not the model of the plan.

        ConfigError: another version of munjang.
        """
        if self.model is None:
            if self.plan.munjang != __version__:
                raise ConfigError(
                    _(
                        "{host} has munjang {version}, but the run was begun with {planned}. Install the same version "
                        "on every machine.",
                        host=socket.gethostname(),
                        version=__version__,
                        planned=self.plan.munjang,
                    )
                )
            limit_threads(self.threads)
            __, __, mark = model_facts(self.plan.model)
            if mark != self.plan.mark:
                raise BundleError(
                    _(
                        "{model} on {host} is not the model that the run began with. Copy the same model to every "
                        "machine.",
                        model=self.plan.model,
                        host=socket.gethostname(),
                    )
                )
            self.model = load(self.plan.model, precision=self.plan.precision)
        return self.model


def limit_threads(threads: int) -> None:
    """Let this process, one of several workers, compute on so many processors."""
    import sys

    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by the runtimes of exported models and of torch
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def make_part(plan: Plan, partition: Partition, out: Location, model: Any) -> dict[str, Any]:
    """Write a part and its receipt; returns the receipt. A part that is done stays as it is.

    model: a function that gives the Predictor. MunjangError: rows that cannot be read, or too many workers have died at
    this part.
    """
    receipt = out / receipt_name(partition)
    if receipt.kind():
        return receipt.read_json()
    start = time.monotonic()
    with attempt(partition, out) as (number, folder):
        part = folder / f"{partition.name}.parquet"
        with table_of(partition.source, plan.reading, partition.first, partition.last) as table:
            text = find_columns(plan.text, table.columns, partition.source.name, "text")
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
    """The number of this attempt at the part, and a folder for it.

    During the attempt OUT/_work/attempts/PART.RANDOM/worker.json names the worker. The file remains only if the worker
    dies. MunjangError: MOST_ATTEMPTS workers have died at the part.
    """
    before = {path.partition("/")[0] for path in (out / ATTEMPTS).files() if path.startswith(f"{partition.name}.")}
    if len(before) >= MOST_ATTEMPTS:
        raise too_many_deaths(partition, len(before))
    files = out / f"{ATTEMPTS}/{partition.name}.{secrets.token_hex(4)}"
    files.make()
    (files / "worker.json").write_json({"host": socket.gethostname(), "pid": os.getpid()})
    try:
        if files.local:
            yield len(before) + 1, files.local
        else:
            with temporary_folder() as folder:
                yield len(before) + 1, folder
    finally:
        files.remove()


def too_many_deaths(partition: Partition, workers: int) -> MunjangError:
    """The error for a part that several workers have died at."""
    if partition.last is None:
        return MunjangError(
            _(
                "{file}: {workers} workers died while they worked on it, most likely for lack of memory. Use fewer "
                "workers ({option:workers}) or machines with more memory, and go on with {option:resume=True}.",
                file=partition.source.name,
                workers=workers,
            )
        )
    return MunjangError(
        _(
            "{file}, rows {first:,} to {last:,}: {workers} workers died while they worked on them, most likely for "
            "lack of memory. Use fewer workers ({option:workers}) or machines with more memory, and go on with "
            "{option:resume=True}.",
            file=partition.source.name,
            first=partition.first + 1,
            last=partition.last,
            workers=workers,
        )
    )


def receipt_name(partition: Partition) -> str:
    """The path of a part's receipt in the output folder."""
    return f"{WORK_FOLDER}/{partition.name}.json"
