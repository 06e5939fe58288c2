"""A full disk at every write: a small file system is filled so that a command gets a little further each time."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")
from kills.cases import cases, make_case
from kills.points import Case, Results, found_in, listing, run, run_again, world

SIZE = 64 * 2**20  # bytes of the file system
FINE, COARSE = 4_096, 16 * 4_096  # bytes from try to try: at first, and beyond 64 KB
TOLD = re.compile(r"munjang: .*\b(m|x|out)\b.*[Ff]ree some space")  # what could not be written, and what to do


@pytest.fixture(scope="module")
def small_disk() -> Iterator[Path]:
    """A file system of SIZE bytes in memory, which only root may make."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder]).returncode:
            pytest.skip("only root may make a small file system")
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


def leave_free(disk: Path, free: int) -> None:
    """Fill the disk up to `free` bytes."""
    status = os.statvfs(disk)
    with (disk / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, status.f_bavail * status.f_frsize - free)


def complaint(case: Case, disk: Path, free: int, results: Results) -> str | None:
    """Run a command with so much free space: what is wrong, "" if nothing is, None if the space was enough."""
    with world(case, under=disk) as path:
        leave_free(disk, free)
        ended, found = run(case, path), found_in(case, path)
        left = set(listing(path)) - set(listing(case.before))
        (disk / "ballast").unlink()
        if not ended.code:
            return None
        last = ended.output.splitlines()[-1]
        if not TOLD.match(last) or "Traceback" in ended.output:
            return f"says {last!r}"
        if found not in (results.old, results.new):  # the new: a model that was not scored yet
            return f"found neither the old nor the new: {found!r:.200}"
        if ended.code not in (2, 5):
            return f"exit code {ended.code}"
        is_run = case.words[0] in ("train", "pretrain")  # its folder stays, for --resume
        if left and not is_run:
            return f"left {sorted(left)}"
        return run_again(case, path, results)


@pytest.mark.parametrize("name", cases())
def test_a_full_disk_costs_nothing(name, tmp_path_factory, small_disk, figures):
    case = make_case(name, tmp_path_factory.mktemp("case"))
    results, wrong, tries, free = Results.of(case), [], 0, 0
    while (found := complaint(case, small_disk, free, results)) is not None:
        tries += 1
        if found:
            wrong.append(f"{free} bytes free: {found}")
        free += FINE if free < 64 * 1024 else COARSE
    figures(f"full disk, {name}", tries=tries)
    assert wrong == [] and tries > 0
