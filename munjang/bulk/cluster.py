"""The only module that knows Ray: an instance of our own on this machine, or a cluster that is there, and its workers.

Ray tells its makers of its use and opens a web page unless told not to; here it does neither, and an instance of our
own is reached from this machine alone.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from munjang.errors import ConfigError, MunjangError
from munjang.files import first_line
from munjang.inference.backends.onnx import cores
from munjang.translation import _

log = logging.getLogger("munjang")

STORE = 100_000_000
"""Bytes of shared memory of an instance of our own: what travels is numbers of parts and counts, no texts."""
STARTS_S = 120  # seconds in which Ray's first process must be there, even on a busy machine
ANSWERS_S = 10.0  # seconds in which a cluster's port must open
IN_FLIGHT = 2  # parts given to a worker at once: the next stands ready when one is done


@dataclass(frozen=True)
class WorkerPool:
    """Workers of one run. threads: processors for each."""

    workers: int
    threads: int


@contextmanager
def ray_running(address: str | None, workers: int | None) -> Iterator[WorkerPool]:
    """Ray for the length of the block, and how many workers of which size it holds.

    address: of a cluster, "auto" for the one that this machine belongs to; None starts an instance of our own, or takes
    the one that this program has started before. ConfigError: no cluster answers, or it has no processors.
    """
    with ray_settings(own=address is None):
        import ray

        before = ray.is_initialized()
        folder = "" if before else tempfile.mkdtemp(prefix="munjang-ray-", dir=short_folder())
        try:
            if not before and address is None:
                own = WorkerPool(*own_size(workers))
                start(
                    address="local", num_cpus=own.workers * own.threads, num_gpus=0, include_dashboard=False,
                    _node_ip_address="127.0.0.1", object_store_memory=STORE, _temp_dir=folder,
                )  # fmt: skip
            elif not before:
                connect(address or "auto")
            yield pool_of([node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]], workers)
        finally:
            if not before:
                ray.shutdown()
                shutil.rmtree(folder, ignore_errors=True)


def own_size(workers: int | None) -> tuple[int, int]:
    """(workers, processors for each) on this machine: one each where nothing is said."""
    count = workers or cores()
    return count, max(1, cores() // count)


def pool_of(nodes: Sequence[float], workers: int | None) -> WorkerPool:
    """The workers that machines with so many processors hold: one a processor, or `workers`, as wide as all fit."""
    total = int(sum(nodes))
    if total < 1:
        raise ConfigError(_("The cluster has no processors that are free to use."))
    count = workers or total
    if count > total:
        log.warning("%d workers on %d processors: some wait until the cluster grows.", count, total)
    widths = range(max(1, total // count), 0, -1)
    return WorkerPool(count, next((width for width in widths if sum(int(node) // width for node in nodes) >= count), 1))


def short_folder() -> str | None:
    """Where Ray's sockets go: the system's temporary folder, or /tmp where its name is too long for them."""
    folder = tempfile.gettempdir()
    return folder if len(folder) < 30 or not os.path.isdir("/tmp") else "/tmp"


def connect(address: str) -> None:
    """Join a cluster. ConfigError: none answers there."""
    if address.startswith("ray://"):
        raise ConfigError(
            _(
                "{address} is the address of a Ray client, through which data is not streamed. Run "
                "munjang on a machine of the cluster with --address auto (ray job submit does that), "
                "or name HOST:6379.",
                address=address,
            )
        )
    if address != "auto":
        host, __, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), ANSWERS_S).close()
        except (OSError, ValueError, OverflowError) as error:
            raise no_cluster(address, error) from error
    start(address=address)


def no_cluster(address: str, error: Exception) -> ConfigError:
    """The error where no cluster answers."""
    return ConfigError(
        _(
            "No Ray cluster answers at {address} ({reason}). Start one with ray start --head, "
            "check the address, or leave --address away to use this machine alone.",
            address=address,
            reason=first_line(error),
        )
    )


def start(**options: Any) -> None:
    """`ray.init` that prints nothing and leaves the handling of signals as it was."""
    import ray

    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    try:
        with silent_stderr():
            ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        if options["address"] != "local":
            raise no_cluster(options["address"], error) from error
        raise MunjangError(_("Ray could not be started on this machine: {reason}", reason=first_line(error))) from error
    finally:
        if main and handler is not None:
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Within the block nothing is printed on stderr, not even by libraries in C++, which know of no Python logging."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


@contextmanager
def ray_settings(own: bool) -> Iterator[None]:
    """Ray's variables of the environment for the length of the block; the user's own values stay, except reporting.

    own: an instance of our own, which listens on the loopback alone and has a secret that lives as long as it does.
    """
    level = os.environ.get("RAY_BACKEND_LOG_LEVEL", "fatal")
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": level}
    settings["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."  # what Ray would print on stdout of a worker that died: nothing
    if own:
        # The first is Ray's own switch for machines that may not listen on their network; the second keeps Ray from
        # writing a secret into the home folder; the third from installing an environment again for each worker.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        settings["RAY_AUTH_MODE"], settings["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
        settings["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
        settings["RAY_gcs_server_port_wait_time_s"] = str(STARTS_S)
    elif "RAY_AUTH_MODE" not in os.environ and has_token():
        # Ray's own rule, which Ray 2.60 applies too late where an address is given: no cluster seems to answer then.
        settings["RAY_AUTH_MODE"] = "token"
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def has_token() -> bool:
    """Whether the user has a secret for clusters, where Ray looks for it."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token")
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or os.path.isfile(path)


def results(worker: type, arguments: tuple, numbers: Sequence[int], pool: WorkerPool) -> Iterator[dict[str, Any]]:
    """What the workers say of each number, as it is done. worker: a class that is called with {"number": array}.

    An actor of a pool that dies is started again, and what it had is given out again, however often (Ray Data's own
    settings). MunjangError: Ray itself gave up.
    """
    import ray
    import ray.data

    pool = WorkerPool(min(pool.workers, len(numbers)), pool.threads)
    with quiet_data():
        items = ray.data.from_items([{"number": number} for number in numbers], override_num_blocks=len(numbers))
        answers = items.map_batches(
            worker,
            fn_constructor_args=(*arguments, pool.threads),
            batch_size=1,
            num_cpus=pool.threads,
            compute=ray.data.ActorPoolStrategy(size=pool.workers, max_tasks_in_flight_per_actor=IN_FLIGHT),
        )
        try:
            for answer in answers.iter_rows():
                yield json.loads(answer["result"])
        except ray.exceptions.RayError as error:
            raise MunjangError(_("Ray gave up: {last_line}", last_line=last_line(error))) from error


@contextmanager
def quiet_data() -> Iterator[None]:
    """Ray Data without bars and reports for the length of the block."""
    import ray.data

    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    bars, level = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.enable_progress_bars = bars
        logger.setLevel(level)


def last_line(error: Exception) -> str:
    """What a worker's traceback ends in."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
