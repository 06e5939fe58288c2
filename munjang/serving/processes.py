"""Work with a client's file, each in a process of its own: whatever a file does to it, the server answers and stops."""

from __future__ import annotations

import asyncio
import atexit
import json
import math
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from munjang.errors import DataError
from munjang.files import make_socket_folder, temporary_folder
from munjang.serving.failures import failure
from munjang.serving.settings import Limits
from munjang.translation import _, language, set_language

AT_ONCE = 2  # files
LEAST_MEMORY = 1_000_000_000  # bytes of a process
MEMORY_PER_BYTE = 60  # of the largest file: short cells are Python objects of this size
METHODS = multiprocessing.get_all_start_methods()
# A fork of a small process without threads is made in milliseconds; a new Python needs most of a second.
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
# The second is what the main module of a child imports, when the command `munjang` is its parent.
PRELOADED = ["munjang.serving.playground.routes", "munjang.cli"]


@dataclass(frozen=True)
class FileWork:
    """`work(path, *args, limits)` gives the response to a file, which lies at `path` under its `name` meanwhile.

    work: a function of a module. It may leave files beside `path`.
    """

    work: Callable[..., Response | BaseModel]
    name: str
    data: bytes
    args: tuple[Any, ...] = ()


class FileProcesses:
    """Runs the work of requests, a few at once. Who no longer waits for his work ends its process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="munjang-files")
        if hasattr(CONTEXT, "set_forkserver_preload"):
            CONTEXT.set_forkserver_preload(PRELOADED)
            name_socket_folder()

    async def answer(self, work: FileWork) -> Response:
        """The response to a file. DataError: its process died, most likely of its limits."""
        process = FileProcess(work, self.limits)
        try:
            return await asyncio.get_running_loop().run_in_executor(self.executor, process.run)
        finally:
            process.end()

    def close(self) -> None:
        """Wait for the threads; by then, no one waits for any work."""
        self.executor.shutdown(cancel_futures=True)


@cache
def name_socket_folder() -> None:
    """Let the socket, through which children are asked for, lie where the next server finds it after a kill."""
    folder = str(make_socket_folder())
    multiprocessing.current_process()._config["tempdir"] = folder  # type: ignore[attr-defined]  # there is no public way
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


class FileProcess:
    """One process with its file. `run` is called in a thread, `end` from any thread, also before `run`."""

    def __init__(self, work: FileWork, limits: Limits) -> None:
        self.work, self.limits = work, limits
        self.ended = threading.Event()
        self.child: Any = None

    def run(self) -> Response:
        with temporary_folder() as folder:
            path = folder / self.work.name
            path.write_bytes(self.work.data)
            results, inlet = CONTEXT.Pipe(duplex=False)
            order = (inlet, self.work.work, path, self.work.args, self.limits, language())
            with results:
                with inlet:  # the child has its own: when it dies, the pipe ends
                    self.child = CONTEXT.Process(target=work_alone, args=order, daemon=True)
                    self.child.start()
                try:
                    if self.ended.is_set():
                        self.end()
                    return read_response(results)
                except EOFError as error:
                    raise DataError(
                        _(
                            "{name} could not be processed here: it takes more memory or time than this server allows. "
                            "Send a part of it, or use munjang predict.",
                            name=self.work.name,
                        )
                    ) from error
                finally:
                    self.end()
                    self.child.join()  # it writes no more into the folder

    def end(self) -> None:
        """Kill the process, if there is one."""
        self.ended.set()
        with suppress(AttributeError, ValueError, ProcessLookupError):  # it is not yet, or no longer there
            self.child.kill()


def work_alone(
    inlet: Connection,
    work: Callable[..., Response | BaseModel],
    path: Path,
    args: tuple[Any, ...],
    limits: Limits,
    language: str,
) -> None:
    """In the process: do the work within the limits, and send the response."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are the server's, which still waits for this response
    threading.Thread(target=end_with_server, args=[path.parent], daemon=True).start()
    set_language(language)
    limit_process(limits)
    try:
        value = work(path, *args, limits)
        response = value if isinstance(value, Response) else json_response(value)
    except MemoryError:
        return  # to send an error needs memory, too
    except Exception as error:
        response = failure(error, {})
    inlet.send_bytes(json.dumps([response.status_code, dict(response.headers)]).encode())
    inlet.send_bytes(response.body)


def end_with_server(folder: Path) -> None:
    """In a thread: when the server has died, delete the folder with its file and end this process."""
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    while folder.exists():  # the work may still be writing into it
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def json_response(value: BaseModel) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")


def read_response(results: Connection) -> Response:
    """The response that a process sends. EOFError: it has died."""
    status, headers = json.loads(results.recv_bytes())
    return Response(results.recv_bytes(), status, headers)


def limit_process(limits: Limits) -> None:
    """Limit the memory and the processor time of this process, where the system can."""
    if os.name != "posix":
        return
    import resource

    memory = max(LEAST_MEMORY, MEMORY_PER_BYTE * limits.file_bytes)
    seconds = math.ceil(limits.timeout_s) + 1  # also when the server has died
    for kind, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
