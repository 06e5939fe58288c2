"""Many processes that want to write one output, some of which die while they do."""

from __future__ import annotations

import os
import random
import signal
import traceback
from pathlib import Path

import pytest

from munjang.errors import InUse
from munjang.files.outputs import sole_writer, work_of_folder

PROCESSES, ATTEMPTS, DEATHS = 8, 2_000, 0.02


def write_often(folder: Path, seed: int) -> None:
    """Try to write again and again, and note it in the file `writer`. Exit code 1: another process was writing."""
    luck, writer = random.Random(seed), folder.parent / "writer"
    for __ in range(ATTEMPTS):
        try:
            with sole_writer(work_of_folder(folder)):
                if writer.exists() and writer.read_text() != "dead":
                    os._exit(1)
                writer.write_text("alive")
                with (folder.parent / "written").open("a") as file:
                    file.write("x")
                if luck.random() < DEATHS:
                    writer.write_text("dead")
                    os.kill(os.getpid(), signal.SIGKILL)
                writer.unlink()
        except InUse:
            pass
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_two_processes_ever_write_the_same_output(tmp_path, figures):
    seeds = iter(range(10_000))
    running, deaths = set(), 0

    def start() -> None:
        seed = next(seeds)
        child = os.fork()
        if child == 0:
            try:
                write_often(tmp_path / "out", seed)
            except BaseException:
                traceback.print_exc()
            os._exit(2)
        running.add(child)

    for __ in range(PROCESSES):
        start()
    while running:
        child, status = os.wait()
        running.discard(child)
        assert status in (0, signal.SIGKILL), "two processes were writing"
        if status:
            deaths += 1
            if deaths < 200:
                start()
    written = (tmp_path / "written").stat().st_size
    figures("one writer", processes=PROCESSES, written=written, deaths=deaths)
    assert written > 1_000 and deaths > 50
