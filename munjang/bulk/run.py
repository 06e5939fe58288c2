"""Classify files with several workers, on one machine or many, into a folder of Parquet parts with a manifest."""

from __future__ import annotations

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from munjang import errors
from munjang.bulk.locations import Location, find_location
from munjang.bulk.plan import Partition, Plan, make_plan, with_part_rows
from munjang.bulk.worker import ATTEMPTS, REJECTED, WORK_FOLDER, Worker
from munjang.config.arguments import checked
from munjang.config.settings import ReadOptions
from munjang.errors import ConfigError, DataError, MunjangError, require
from munjang.files.outputs import WORK, sole_writer, work_of_folder
from munjang.inference.files.predict import Answering
from munjang.inference.files.write import Counts
from munjang.translation import _, language, option_form

log = logging.getLogger("munjang")

BULK_MANIFEST = "_manifest.json"
"""Written last: a folder with this file holds a finished run."""
PLAN = f"{WORK_FOLDER}/run.json"
PART_NAMES = re.compile(r"part-\d{6,}\.parquet|" + REJECTED + r"/part-\d{6,}\.csv")
"""The names of files that a run writes."""
NUMBERS = ("rows", "written", "empty", "truncated", "held", "rejected")


@checked()
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
    can reach, or URIs such as s3://. The parts hold the rows in the order of the files. OUT/_manifest.json, written
    last, describes each part, and OUT/_rejected has the rows that could not be used. A worker that dies is replaced.
    workers: by default one for each processor. address: of a Ray cluster, "auto" for the cluster of this machine; None
    starts Ray on this machine for the run. part_rows: rows of a part, chosen if left out. resume: go on with an
    interrupted run, or leave a finished one as it is. overwrite: delete an earlier run in `out`.
    Returns the counts of the rows. ConfigError, DataError, BundleError, MissingExtra; InUse: on disks, another process
    writes there.
    """
    require(_("classifying with several workers"), "scale", "ray")
    names = [sources] if isinstance(sources, (str, Path)) else list(sources)
    check_numbers(workers, part_rows, resume, overwrite)
    target = find_location(out)
    check_state(state_of(target), target, resume, overwrite)
    plan = make_plan(model, names, answering or Answering(), reading or ReadOptions(), precision, part_rows or 0)
    with sole_writer(work_of_folder(target.local)) if target.local else nullcontext():
        state = state_of(target)  # again: another process may have written meanwhile
        check_state(state, target, resume, overwrite)
        going_on = resume and state != "new"
        if going_on:
            stored = (target / (PLAN if state == "begun" else BULK_MANIFEST)).read_json()
            plan = same_plan(plan, stored, target, part_rows)
        if going_on and state == "finished":
            log.info("%s: this run is finished; there is nothing left to do.", target.name)
            return total((target / BULK_MANIFEST).read_json()["parts"])
        return carry_out(plan, target, workers, address, going_on, progress)


def check_numbers(workers: int | None, part_rows: int | None, resume: bool, overwrite: bool) -> None:
    """Refuse numbers below 1, and `resume` with `overwrite`."""
    for name, value in (("workers", workers), ("part_rows", part_rows)):
        if value is not None and value < 1:
            raise ConfigError(_("{option:{name}} must be 1 or more, found {value}.", name=name, value=value))
    if resume and overwrite:
        raise ConfigError(
            _("{option:resume=True} goes on with a run and {option:overwrite=True} deletes it: give one of them.")
        )


def state_of(target: Location) -> str:
    """What a folder holds: new (nothing), a begun or a finished run, or other (files that are not from a run)."""
    if target.kind() == "file":
        return "other"
    if (target / BULK_MANIFEST).kind():
        return "finished"
    if (target / PLAN).kind():
        return "begun"
    return "other" if any(not name.startswith(f"{WORK}/") for name in target.files()) else "new"


def check_state(state: str, target: Location, resume: bool, overwrite: bool) -> None:
    """Refuse a folder with another run or other files, unless `resume` or `overwrite` says what to do with a run."""
    if state == "other":
        raise DataError(
            _(
                "{folder} exists and is no folder of an earlier run. Name another folder with {option:out}.",
                folder=target.name,
            )
        )
    if state == "finished" and not (resume or overwrite):
        raise DataError(
            _(
                "{folder} holds a finished run. Say {option:overwrite=True} to replace it, or name another folder.",
                folder=target.name,
            )
        )
    if state == "begun" and not (resume or overwrite):
        raise DataError(
            _(
                "{folder} holds an interrupted run. Say {option:resume=True} to go on, or {option:overwrite=True} to "
                "start again.",
                folder=target.name,
            )
        )


def same_plan(plan: Plan, stored: Mapping[str, Any], target: Location, part_rows: int | None) -> Plan:
    """The plan with the stored size of parts. ConfigError: something else differs, so parts would not fit together."""
    stored = stored.get("plan", stored)
    if part_rows is None:
        plan = replace(plan, part_rows=int(stored["part_rows"]))
    settings = plan.to_dict()
    different = [key for key in settings if settings[key] != stored.get(key)]
    if not different:
        return plan
    key = "model" if different[0] == "mark" else different[0]
    before, now = (json.dumps(value, ensure_ascii=False)[:200] for value in (stored.get(key), settings[key]))
    if before == now:
        raise ConfigError(
            _(
                "The model's files have changed since the run in {folder} was started. Use the same model, "
                "or start again with {option:overwrite=True}.",
                folder=target.name,
            )
        )
    raise ConfigError(
        _(
            "The run in {folder} was started with another setting: {setting} was {before}, now it is {now}. "
            "Use the same settings, or start again with {option:overwrite=True}.",
            folder=target.name,
            setting=key,
            before=before,
            now=now,
        )
    )


def carry_out(
    plan: Plan,
    target: Location,
    workers: int | None,
    address: str | None,
    going_on: bool,
    progress: Callable[[Counts], None],
) -> Counts:
    """Make the missing parts and write the manifest."""
    from munjang.bulk.cluster import WorkerPool, ray_running, results

    start = time.time()
    done = kept_receipts(target) if going_on else {}
    pool = WorkerPool(0, 0)
    if not (going_on and len(done) == len(plan.partitions())):
        with ray_running(address, workers) as pool:
            if not going_on:
                plan = plan if plan.part_rows else with_part_rows(plan, pool.workers)
                start_bulk_run(plan, target)
            missing = [partition.number for partition in plan.partitions() if partition.number not in done]
            if done:
                log.info("%s: %d of %d parts were done before", target.name, len(done), len(plan.partitions()))
            log.info("parts: %d, workers: %d, processors of each: %d", len(missing), pool.workers, pool.threads)
            with (
                resume_advice(target),
                closing(results(Worker, (plan, reach(target), option_form(), language()), missing, pool)) as receipts,
            ):
                done |= collected(receipts, done, progress)
    return finish_bulk_run(plan, target, done, pool, start)


def reach(target: Location) -> str:
    """The name of the output for workers, which may run in other folders."""
    return target.path if target.local else target.name


def start_bulk_run(plan: Plan, target: Location) -> None:
    """Write the plan into the folder and delete the parts of an earlier run; other files stay.

    In this order: receipts, new plan, old manifest, old parts. If it is interrupted, the folder holds either the old
    run, or the new run without any finished part.
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
        if PART_NAMES.fullmatch(path) and path not in wanted:
            (target / path).remove()


def kept_receipts(target: Location) -> dict[int, dict[str, Any]]:
    """The receipts of finished parts that have their full size; the rest of dead workers is deleted."""
    (target / ATTEMPTS).remove()
    (target / ATTEMPTS).make()
    sizes = target.files()
    receipts: dict[int, dict[str, Any]] = {}
    for path in sizes:
        if not path.startswith(f"{WORK_FOLDER}/part-") or not path.endswith(".json"):
            continue
        receipt = (target / path).read_json()
        if sizes.get(receipt["name"]) == receipt["bytes"]:
            receipts[receipt["number"]] = receipt
        else:
            (target / path).remove()
    return receipts


def collected(
    receipts: Iterator[dict[str, Any]], before: Mapping[int, Any], progress: Callable[[Counts], None]
) -> dict[int, dict[str, Any]]:
    """The receipts by number of part. A worker's failure is raised as the same error here."""
    counts, done = total(list(before.values())), {}
    for receipt in receipts:
        if "kind" in receipt:
            raise getattr(errors, receipt["kind"], MunjangError)(receipt["message"])
        done[receipt["number"]] = receipt
        add(counts, receipt["counts"])
        progress(counts)
    return done


@contextmanager
def resume_advice(target: Location) -> Iterator[None]:
    """If the block ends with an error or by Ctrl-C, log what stays and how to go on."""
    try:
        yield
    except BaseException:
        log.warning(
            _("{folder} is not finished; the parts in it stay. Go on with {option:resume=True}.", folder=target.name)
        )
        raise


def finish_bulk_run(
    plan: Plan, target: Location, done: Mapping[int, Mapping[str, Any]], pool: Any, start: float
) -> Counts:
    """Check that every part exists with all its rows, write the manifest and delete the work folder."""
    partitions = plan.partitions()
    for partition in partitions:
        check_part(partition, done.get(partition.number), target)
    parts = [
        {key: value for key, value in done[partition.number].items() if key != "number"} for partition in partitions
    ]
    lists = {
        f"{REJECTED}/{partition.name}.csv" for partition in partitions if done[partition.number]["counts"]["rejected"]
    }
    clear_parts(target, {part["name"] for part in parts} | lists)  # parts of an earlier run may still be there
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
    """Refuse to finish a run in which a part is missing or has lost rows. MunjangError, DataError."""
    if receipt is None:
        raise MunjangError(
            _(
                "{folder}: no worker finished {part}. Go on with {option:resume=True}.",
                folder=target.name,
                part=partition.name,
            )
        )
    rows = receipt["counts"]["rows"] + receipt["counts"]["rejected"]
    if partition.last is not None and rows != partition.last - partition.first:
        raise DataError(
            _(
                "{file}, rows {first:,} to {last:,}: expected {expected:,} rows, found {found:,}. The file was "
                "probably changed during the run. Start again with {option:overwrite=True}.",
                file=partition.source.name,
                first=partition.first + 1,
                last=partition.last,
                expected=partition.last - partition.first,
                found=rows,
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
