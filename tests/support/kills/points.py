"""kill -9 at every step of a command in the file system.

A forked child of a warm process runs the command and kills itself at one of its steps. Steps are audit events of
Python: something is renamed, deleted or made, or a file is opened for writing. The last gives two points, before it and
after it, when the file is made or cut to nothing. A file of safetensors, which writes without Python, gives one more:
half of it is there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
WRITING = os.O_CREAT | os.O_TRUNC | os.O_APPEND


AT_END: list[Callable[[], None]] = []
"""What a child does before it ends by itself."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, or the negative number of its signal; and what it printed."""

    code: int
    output: str


def in_child(action: Callable[[], Any]) -> Ended:
    """Call `action` in a forked child. What it does to this process' memory is lost."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr = printed
            code = 70
            try:
                one_thread()
                action()
                code = 0
            except SystemExit as exit:
                code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                for last in AT_END:
                    last()
                printed.flush()
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        printed.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), printed.read())


def one_thread() -> None:
    """Threads of the parent do not live on in a forked child, which would wait for them."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@dataclass
class Steps:
    """Counts the points of a process under `root`, and kills it at one.

    last: the number of that point, from 0, or how its name begins; "never" lists the names of all.
    """

    root: str
    last: int | str
    count: int = 0
    is_off: bool = False
    names: list[str] = field(default_factory=list)

    def arm(self) -> None:
        """Begin to count; cannot be undone in this process."""
        sys.addaudithook(self.hook)
        for name in ("safetensors.numpy", "safetensors.torch"):
            if module := sys.modules.get(name):
                module.serialize_file = self.half_written(module.serialize_file)

    def hook(self, event: str, arguments: tuple) -> None:
        if self.is_off or not (event in CHANGES or event == "open"):
            return
        if event == "open":
            path, __, flags = arguments
            if not flags & WRITING or not self.inside(path):
                return
            self.point(f"open {path}")
            self.point(f"opened {path}", lambda: os.open(path, flags, 0o666))
        elif self.inside(arguments[0], arguments[-1]):
            self.point(f"{event} {arguments[0]}")

    def half_written(self, write: Callable) -> Callable:
        def written(tensors: Any, path: Any, *more: Any, **named: Any) -> None:
            write(tensors, path, *more, **named)
            if self.inside(path):
                self.point(f"half {path}", lambda: os.truncate(path, os.path.getsize(path) // 2))

        return written

    def inside(self, path: Any, folder: Any = -1) -> bool:
        """Whether a step is under `root`. folder: the descriptor of the folder that `path` is relative to."""
        if isinstance(path, int):
            return False
        start = os.getcwd() if not isinstance(folder, int) or folder < 0 else os.readlink(f"/proc/self/fd/{folder}")
        return os.path.join(start, os.fsdecode(path)).startswith(self.root)

    def point(self, name: str, before: Callable[[], Any] = lambda: None) -> None:
        name = name.replace(self.root + "/", "")
        self.names.append(name)
        if self.count == self.last or (isinstance(self.last, str) and name.startswith(self.last)):
            self.is_off = True
            before()
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


def munjang(*words: str) -> None:
    """Run the command line in this process; ends with SystemExit."""
    from munjang.cli import main

    sys.argv = ["munjang", *words]
    main()


@dataclass(frozen=True)
class Case:
    """A command, and how to tell what it left.

    before: a folder that is copied for every try; the command runs in the copy. found: what a user finds there
    afterwards, in parts: what counts, then what stands beside it. A part is None where there is nothing, else a value
    that is the same whenever the result is the same.
    """

    name: str
    before: Path
    words: tuple[str, ...]
    found: Callable[[Path], tuple[Any, ...]]

    @property
    def out(self) -> str:
        """The output that the words name."""
        return self.words[self.words.index("--out") + 1] if "--out" in self.words else self.words[3]


@dataclass
class Survey:
    """What the points of a case showed. old, new: how often that was found after a kill. wrong: the complaints."""

    points: int = 0
    kills: int = 0
    old: int = 0
    new: int = 0
    wrong: list[str] = field(default_factory=list)


@contextmanager
def world(case: Case, under: Path | None = None) -> Iterator[Path]:
    """A copy of the case's folder, gone after the block. under: the folder for it."""
    with tempfile.TemporaryDirectory(prefix="kill-", dir=under) as root:
        path = Path(root).resolve() / "world"
        shutil.copytree(case.before, path, symlinks=True)
        yield path


def run(case: Case, path: Path, *more: str, before: Callable[[], None] = lambda: None) -> Ended:
    """The command in a child, in the folder `path`. before: what the child does first."""

    def action() -> None:
        os.chdir(path)
        before()
        munjang(*case.words, *more)

    return in_child(action)


def names_of_points(case: Case) -> list[str]:
    """The points of the command, in order."""
    with world(case) as path, tempfile.NamedTemporaryFile("r", encoding="utf-8") as written:
        steps = Steps(str(path), "never")

        def write_names() -> None:
            Path(written.name).write_text("\n".join(steps.names), encoding="utf-8")

        ended = run(case, path, before=lambda: (steps.arm(), AT_END.append(write_names)))
        assert ended.code == 0, ended.output
        return written.read().splitlines()


def listing(path: Path) -> list[str]:
    """Everything in a folder, by name; TensorBoard's files have the time in their names."""
    every = {re.sub(r"events\.out\.tfevents.*", "events", str(each.relative_to(path))) for each in path.rglob("*")}
    return sorted(every)


@dataclass(frozen=True)
class Results:
    """What is found before a command and after it, and the names that are there after it."""

    old: tuple[Any, ...]
    new: tuple[Any, ...]
    whole: list[str]

    @classmethod
    def of(cls, case: Case) -> Results:
        with world(case) as path:
            old = case.found(path)
            ended = run(case, path)
            assert ended.code == 0, ended.output
            return cls(old, case.found(path), listing(path))


def survey(case: Case, points: Sequence[str] = ()) -> Survey:
    """Kill the command at a point, two times, let it run to its end, and look at what is left; for every point.

    points: how the names of the points begin, if it is not all of them.
    """
    names, results, seen = points or names_of_points(case), Results.of(case), Survey()
    for number, name in enumerate(names):
        seen.points += 1
        with world(case) as path:
            point = name if points else number
            wrong = kill_twice(case, path, point, results, seen) or run_again(case, path, results)
        if wrong:
            seen.wrong.append(f"{number} {name}: {wrong}")
    return seen


def kill_twice(case: Case, path: Path, point: int | str, results: Results, seen: Survey) -> str:
    """Kill the command at a point, two times; returns a complaint, or ""."""
    for time in ("", "second time: "):
        killed = run(case, path, before=Steps(str(path), point).arm)
        if killed.code != -signal.SIGKILL:
            return "" if time else f"not killed ({killed.code}) {killed.output[-300:]}"
        found = found_in(case, path)
        is_old, is_new = is_from(found, results.old), is_from(found, results.new)
        seen.kills, seen.old, seen.new = seen.kills + 1, seen.old + is_old, seen.new + is_new
        if not is_old and not is_new:
            return f"{time}found neither the old nor the new: {found!r:.200}"
    return ""


def run_again(case: Case, path: Path, results: Results) -> str:
    """Run the command to its end, with --resume where it says so; returns a complaint, or ""."""
    again = run(case, path)
    if again.code and "--resume" in again.output and "--overwrite" not in case.words:
        again = run(case, path, "--resume")
    found = found_in(case, path)
    if again.code and not (found == results.new and "--overwrite" in again.output):  # it stands there and stays
        return f"once more: {again.code} {again.output[-300:]}"
    if found != results.new:
        return f"once more gives another result: {found!r:.200}"
    litter = sorted(set(listing(path)) ^ set(results.whole))
    return f"litter: {litter}" if litter else ""


def run_beside(case: Case) -> Ended:
    """The command while this process writes the same output."""
    from munjang.files.outputs import sole_writer, work_of_file, work_of_folder

    with world(case) as path, sole_writer((work_of_file if "." in case.out else work_of_folder)(path / case.out)):
        return run(case, path)


def found_in(case: Case, path: Path) -> tuple[Any, ...]:
    """What is found, or the error of looking for it."""
    try:
        return case.found(path)
    except Exception as error:
        return (error,)


def is_from(found: tuple[Any, ...], result: tuple[Any, ...]) -> bool:
    """Whether all that is found is of one result. What stands beside the first part may not have come yet."""
    return found[0] == result[0] and all(part in (None, other) for part, other in zip(found, result, strict=True))
