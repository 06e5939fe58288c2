"""The only module that uses Ray: starts Ray on this machine or joins a running cluster, and runs workers.

By default Ray reports its use to its makers and opens a web page. Here it does neither, and Ray started by munjang
can be reached only from this machine.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from munjang.errors import ConfigError, MunjangError
from munjang.files import first_line, make_socket_folder
from munjang.inference.backends.onnx import cores
from munjang.models.silence import silent_stderr
from munjang.translation import _

log = logging.getLogger("munjang")

STORE = 100_000_000
"""Bytes of shared memory for Ray on this machine: workers send numbers of parts and counts, no texts."""
STARTS_S = 120  # seconds for Ray's first process to start, even on a busy machine
HEAD_COMMAND = "ray start --head"  # Ray's own
ANSWERS_S = 10.0  # seconds for a cluster's port to open
IN_FLIGHT = 2  # parts given to a worker at once, so that the next is ready when one is done


@dataclass(frozen=True)
class WorkerPool:
    """The workers of one run. threads: processors for each worker."""

    workers: int
    threads: int


@contextmanager
def ray_running(address: str | None, workers: int | None) -> Iterator[WorkerPool]:
    """Ray within the block; gives the number and the size of its workers.

    address: of a cluster, "auto" for the cluster of this machine; None starts Ray on this machine, or uses Ray that
    this program has started before. ConfigError: no cluster answers, or it has no processors.
    """
    with ray_settings(private=address is None):
        import ray

        before = ray.is_initialized()
        folder = None if before or address else make_socket_folder()
        try:
            if folder:
                pool = WorkerPool(*own_size(workers))
                start(
                    address="local", num_cpus=pool.workers * pool.threads, num_gpus=0, include_dashboard=False,
                    _node_ip_address="127.0.0.1", object_store_memory=STORE,
                    _temp_dir=str(folder / "r"),  # Ray lets everyone write into its folder
                )  # fmt: skip
            elif not before:
                connect(address or "auto")
            yield pool_of([node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]], workers)
        finally:
            if not before:
                ray.shutdown()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def own_size(workers: int | None) -> tuple[int, int]:
    """(workers, processors for each) on this machine; by default one worker for each processor."""
    count = workers or cores()
    return count, max(1, cores() // count)


def pool_of(nodes: Sequence[float], workers: int | None) -> WorkerPool:
    """The workers for machines with so many processors: one for each, or `workers` with as many threads as fit."""
    total = int(sum(nodes))
    if total < 1:
        raise ConfigError(_("The cluster has no processors that are free to use."))
    count = workers or total
    if count > total:
        log.warning("%d workers on %d processors: some wait until the cluster grows.", count, total)
    widths = range(max(1, total // count), 0, -1)
    return WorkerPool(count, next((width for width in widths if sum(int(node) // width for node in nodes) >= count), 1))


def connect(address: str) -> None:
    """Join a cluster. ConfigError: none answers at the address."""
    if address.startswith("ray://"):
        raise ConfigError(
            _(
                "{address} is the address of a Ray client, which does not stream data. Run munjang on a machine of the "
                "cluster with {option:address=auto} (ray job submit does that), or give HOST:6379.",
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
    """The error if no cluster answers."""
    return ConfigError(
        _(
            "No Ray cluster answers at {address} ({reason}). Start one with {command}, "
            "check the address, or leave out {option:address} to use only this machine.",
            address=address,
            command=HEAD_COMMAND,
            reason=first_line(error),
        )
    )


def start(**options: Any) -> None:
    """`ray.init` without output; the handling of signals stays as it was."""
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
def ray_settings(private: bool) -> Iterator[None]:
    """Ray's environment variables within the block; the user's own values stay, except for usage reports.

    private: Ray is started on this machine; it listens only on the loopback and has a secret of its own for this run.
    """
    level = os.environ.get("RAY_BACKEND_LOG_LEVEL", "fatal")
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": level}
    settings["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."  # so Ray prints nothing on stdout about a dead worker
    if private:
        # The first is Ray's own switch for machines that may not listen on their network. The second keeps Ray from
        # writing a secret into the home folder, the third from installing an environment again for each worker.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        settings["RAY_AUTH_MODE"], settings["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
        settings["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
        settings["RAY_gcs_server_port_wait_time_s"] = str(STARTS_S)
    elif "RAY_AUTH_MODE" not in os.environ and has_token():
        # Ray's own rule. Ray 2.60 applies it too late if an address is given, and then no cluster seems to answer.
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
    """Whether the user has a secret for clusters in one of the places where Ray looks for it."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token")
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or os.path.isfile(path)


def results(worker: type, arguments: tuple, numbers: Sequence[int], pool: WorkerPool) -> Iterator[dict[str, Any]]:
    """The workers' result for each number, as soon as it is done.

    worker: a class whose instances are called with {"number": array}.
    If an actor of a pool dies, it is started again and its numbers are given out again, without a limit (Ray Data's own
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
            raise MunjangError(_("Ray gave up: {reason}", reason=last_line(error))) from error


@contextmanager
def quiet_data() -> Iterator[None]:
    """Ray Data without progress bars and reports within the block."""
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
    """The last line of a worker's traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
