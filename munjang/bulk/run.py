"""Classify files with several workers, on one machine or many, into a folder of Parquet parts with a manifest."""

from __future__ import annotations

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from munjang import errors
from munjang.bulk.locations import Location, find_location
from munjang.bulk.plan import Partition, Plan, make_plan, with_part_rows
from munjang.bulk.worker import ATTEMPTS, REJECTED, WORK_FOLDER, Worker
from munjang.config.settings import ReadOptions
from munjang.errors import ConfigError, DataError, MunjangError, require
from munjang.inference.files.predict import Answering
from munjang.inference.files.write import Counts
from munjang.translation import _

log = logging.getLogger("munjang")

BULK_MANIFEST = "_manifest.json"
"""Written last: a folder that has it holds a finished run."""
PLAN = f"{WORK_FOLDER}/run.json"
OWN = re.compile(r"part-\d{6,}\.parquet|" + REJECTED + r"/part-\d{6,}\.csv")
"""Names that a run gives."""
NUMBERS = ("rows", "written", "empty", "truncated", "held", "rejected")


def predict_files(
    model: str | Path,
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    answering: Answering | None = None,
    reading: ReadOptions | None = None,
    workers: int | None = None,
    address: str | None = None,
    part_rows: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    precision: str = "fp32",
    progress: Callable[[Counts], None] = lambda counts: None,
) -> Counts:
    """Classify files of any size on Ray Data: OUT/part-000000.parquet, … with the columns of `munjang predict --out`.

    sources: Parquet files, other files that munjang reads (each is one part), folders of them; paths that all workers
    reach, or URIs such as s3://. The parts hold the rows in the order of the files; OUT/_manifest.json, written last,
    says what each holds, and OUT/_rejected has the rows that could not be used. A worker that dies is replaced.
    workers: one a processor if left out. address: of a Ray cluster, "auto" for the one this machine is in; None starts
    Ray on this machine for as long as it takes. part_rows: rows of a part, chosen if left out. resume: go on with a run
    that was cut short, or leave a finished one as it is. overwrite: delete an earlier run in `out`.
    Returns what became of the rows. ConfigError, DataError, BundleError, MissingExtra.
    """
    require("classifying with several workers", "scale", "ray")
    names = [sources] if isinstance(sources, (str, Path)) else list(sources)
    check_numbers(workers, part_rows, resume, overwrite)
    target = find_location(out)
    state = state_of(target)
    check_state(state, target, resume, overwrite)
    plan = make_plan(model, names, answering or Answering(), reading or ReadOptions(), precision, part_rows or 0)
    going_on = resume and state != "new"
    if going_on:
        plan = same_plan(plan, (target / (PLAN if state == "begun" else BULK_MANIFEST)).read_json(), target, part_rows)
    if going_on and state == "finished":
        log.info("%s: finished before; nothing is left to do.", target.name)
        return total((target / BULK_MANIFEST).read_json()["parts"])
    return carry_out(plan, target, workers, address, going_on, progress)


def check_numbers(workers: int | None, part_rows: int | None, resume: bool, overwrite: bool) -> None:
    """Refuse what cannot be meant."""
    for flag, value in (("workers", workers), ("part-rows", part_rows)):
        if value is not None and value < 1:
            raise ConfigError(_("--{flag} must be 1 or more, found {value}.", flag=flag, value=value))
    if resume and overwrite:
        raise ConfigError(_("--resume goes on with a run and --overwrite deletes it: give one of them."))


def state_of(target: Location) -> str:
    """What a folder holds: new (nothing), begun, finished, or other (what no run has written)."""
    if target.kind() == "file":
        return "other"
    if (target / BULK_MANIFEST).kind():
        return "finished"
    if (target / PLAN).kind():
        return "begun"
    return "other" if target.files() else "new"


def check_state(state: str, target: Location, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that another run or another program has filled, unless it is said what to do with it."""
    if state == "other":
        raise DataError(
            _("{target} exists and is no folder of an earlier run. Name another folder with --out.", target=target.name)
        )
    if state == "finished" and not (resume or overwrite):
        raise DataError(
            _(
                "{target} holds a finished run. Say --overwrite to replace it, or name another folder.",
                target=target.name,
            )
        )
    if state == "begun" and not (resume or overwrite):
        raise DataError(
            _(
                "{target} holds a run that was cut short. Say --resume to go on, or --overwrite to begin anew.",
                target=target.name,
            )
        )


def same_plan(plan: Plan, noted: Mapping[str, Any], target: Location, part_rows: int | None) -> Plan:
    """The plan with the noted size of parts. ConfigError: something else differs, so parts would not fit together."""
    noted = noted.get("plan", noted)
    if part_rows is None:
        plan = replace(plan, part_rows=int(noted["part_rows"]))
    own = plan.to_dict()
    different = [key for key in own if own[key] != noted.get(key)]
    if different:
        key = "model" if different[0] == "mark" else different[0]
        was, now = (json.dumps(value, ensure_ascii=False)[:200] for value in (noted.get(key), own[key]))
        change = "the model's files were changed" if was == now else f"{key} was {was}, now it is {now}"
        raise ConfigError(
            _(
                "{target} was begun otherwise: {change}. Go on as before, or begin anew with --overwrite.",
                target=target.name,
                change=change,
            )
        )
    return plan


def carry_out(
    plan: Plan,
    target: Location,
    workers: int | None,
    address: str | None,
    going_on: bool,
    progress: Callable[[Counts], None],
) -> Counts:
    """Make what parts are missing and write the manifest."""
    from munjang.bulk.cluster import WorkerPool, ray_running, results

    start = time.time()
    done = receipts(target) if going_on else {}
    pool = WorkerPool(0, 0)
    if not (going_on and len(done) == len(plan.partitions())):
        with ray_running(address, workers) as pool:
            if not going_on:
                plan = plan if plan.part_rows else with_part_rows(plan, pool.workers)
                start_bulk_run(plan, target)
            missing = [partition.number for partition in plan.partitions() if partition.number not in done]
            if done:
                log.info("%s: %d of %d parts were done before", target.name, len(done), len(plan.partitions()))
            log.info("%d parts, %d workers with %d processors each", len(missing), pool.workers, pool.threads)
            with said_how_to_go_on(target), closing(results(Worker, (plan, reach(target)), missing, pool)) as found:
                done |= collected(found, done, progress)
    return finish_bulk_run(plan, target, done, pool, start)


def reach(target: Location) -> str:
    """How workers, which may stand in other folders, name the output."""
    return target.path if target.local else target.name


def start_bulk_run(plan: Plan, target: Location) -> None:
    """Write the plan into the folder and delete the parts of an earlier run; files of others stay.

    In this order: receipts, new plan, old manifest, old parts. Whenever it is cut off, the folder is the old run or the
    new one, none of whose parts is done.
    """
    (target / ATTEMPTS).make()
    for path in (target / WORK_FOLDER).files():
        if f"{WORK_FOLDER}/{path}" != PLAN:
            (target / f"{WORK_FOLDER}/{path}").remove()
    (target / PLAN).write_json(plan.to_dict())
    (target / BULK_MANIFEST).remove()
    clear_parts(target, set())


def clear_parts(target: Location, wanted: set[str]) -> None:
    """Delete the parts and lists of rejected rows that are not `wanted`."""
    for path in target.files():
        if OWN.fullmatch(path) and path not in wanted:
            (target / path).remove()


def receipts(target: Location) -> dict[int, dict[str, Any]]:
    """The receipts of parts that are done and there in their full size; what dead workers left is cleared away."""
    (target / ATTEMPTS).remove()
    (target / ATTEMPTS).make()
    sizes = target.files()
    found: dict[int, dict[str, Any]] = {}
    for path in sizes:
        if not path.startswith(f"{WORK_FOLDER}/part-") or not path.endswith(".json"):
            continue
        receipt = (target / path).read_json()
        if sizes.get(receipt["name"]) == receipt["bytes"]:
            found[receipt["number"]] = receipt
        else:
            (target / path).remove()
    return found


def collected(
    found: Iterator[dict[str, Any]], before: Mapping[int, Any], progress: Callable[[Counts], None]
) -> dict[int, dict[str, Any]]:
    """The receipts as they come. A failure of a worker is raised as the error that it was."""
    counts, done = total(list(before.values())), {}
    for receipt in found:
        if "kind" in receipt:
            raise getattr(errors, receipt["kind"], MunjangError)(receipt["message"])
        done[receipt["number"]] = receipt
        add(counts, receipt["counts"])
        progress(counts)
    return done


@contextmanager
def said_how_to_go_on(target: Location) -> Iterator[None]:
    """Where the block is left with an error or by Ctrl-C, say what stays and how to go on."""
    try:
        yield
    except BaseException:
        log.warning("%s is not finished; the parts in it stay. Go on with --resume.", target.name)
        raise


def finish_bulk_run(
    plan: Plan, target: Location, done: Mapping[int, Mapping[str, Any]], pool: Any, start: float
) -> Counts:
    """Check that every part is there with all its rows, write the manifest and clear the work away."""
    partitions = plan.partitions()
    for partition in partitions:
        check_part(partition, done.get(partition.number), target)
    parts = [
        {key: value for key, value in done[partition.number].items() if key != "number"} for partition in partitions
    ]
    lists = {
        f"{REJECTED}/{partition.name}.csv" for partition in partitions if done[partition.number]["counts"]["rejected"]
    }
    clear_parts(target, {part["name"] for part in parts} | lists)  # of an earlier run whose deletion was cut off
    counts = total(parts)
    manifest = {
        "munjang": plan.munjang,
        "plan": plan.to_dict(),
        **{name: getattr(counts, name) for name in NUMBERS},
        "begun_again": sum(part["attempt"] > 1 for part in parts),
        "workers": pool.workers, "threads": pool.threads,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": round(time.time() - start, 1),
        "parts": parts,
    }  # fmt: skip
    (target / BULK_MANIFEST).write_json(manifest)
    (target / WORK_FOLDER).remove()
    if manifest["begun_again"]:
        log.info("%d parts were begun again after their worker died", manifest["begun_again"])
    if counts.rejected:
        log.warning("%d rows could not be used: see %s/%s", counts.rejected, target.name, REJECTED)
    return counts


def check_part(partition: Partition, receipt: Mapping[str, Any] | None, target: Location) -> None:
    """Refuse to call a run finished in which a part is missing or short of rows."""
    if receipt is None:
        raise MunjangError(
            _(
                "{target}: no answer came for {partition}. Go on with --resume.",
                target=target.name,
                partition=partition.name,
            )
        )
    rows = receipt["counts"]["rows"] + receipt["counts"]["rejected"]
    if partition.last is not None and rows != partition.last - partition.first:
        raise DataError(
            _(
                "{source}, rows {first:,} to {last:,}: {rows:,} rows were read. Was the file changed "
                "meanwhile? Begin anew with --overwrite.",
                source=partition.source.name,
                first=partition.first + 1,
                last=partition.last,
                rows=rows,
            )
        )


def total(parts: Sequence[Mapping[str, Any]]) -> Counts:
    """The counts of all parts together."""
    counts = Counts()
    for part in parts:
        add(counts, part["counts"])
    return counts


def add(counts: Counts, more: Mapping[str, Any]) -> None:
    """Add the counts of a part."""
    for name in NUMBERS:
        setattr(counts, name, getattr(counts, name) + more[name])
    counts.sizes.update(more["sizes"])
    for group, labels in more["groups"].items():
        counts.groups.setdefault(group, Counter()).update(labels)
