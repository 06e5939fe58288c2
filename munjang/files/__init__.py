"""Writes files whole or not at all, and identifies them by their hash."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from munjang.errors import BundleError
from munjang.files.processes import is_running, machine, start_of
from munjang.translation import _

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows
    flock = None

DAY_S = 86_400
TEMPORARY = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})_(?P<pid>\d+)_(?P<start>\d*)_[0-9a-f]{4,16}", re.DOTALL)
"""The names that `temporary_name` gives."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ASSETS = Path(__file__).parents[1] / "assets"
PACKAGED_ENCODER = ASSETS / "mini" / "encoder"
"""What comes with munjang: models, sample corpora, a font."""


def comes_with_munjang(path: Path) -> bool:
    """Whether a file or folder is a part of the package: who can change it can change munjang itself."""
    return path.resolve().is_relative_to(ASSETS)


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_regular(path: Path) -> BinaryIO:
    """A file to read bytes from. OSError, such as no file; ValueError: a device or a pipe, which may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(_("it is no file"))
    return path.open("rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The content of a file; most: bytes. OSError, ValueError: see `open_regular`, or it has more."""
    with open_regular(path) as file:
        if most is not None and os.fstat(file.fileno()).st_size > most:
            raise ValueError(_("it has more than {most:,} bytes", most=most))
        return file.read()


def file_facts(path: Path) -> dict[str, Any]:
    """A file's size and hash, as manifests and checkpoints list them."""
    return {"bytes": path.stat().st_size, "sha256": file_hash(path)}


def cache_root() -> Path:
    """Where munjang keeps what it can download or make again: MUNJANG_CACHE, else a folder in the user's cache."""
    given = os.environ.get("MUNJANG_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "munjang"


def is_first_process() -> bool:
    """Whether this process writes files: it is the only one, or the first that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def first_line(error: BaseException) -> str:
    """The first line of another library's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def fault_in_file(error: BaseException) -> str:
    """`first_line` of what came of a file of values; where Python itself met a wrong one, its words say nothing."""
    if isinstance(error, LookupError | TypeError | AttributeError | ZeroDivisionError):
        return _("a value in it is missing or of a wrong kind")
    return first_line(error)


@contextmanager
def disk_errors(target: Path, remedy: str) -> Iterator[None]:
    """Within the block a full disk gives one line: a BundleError that names `target` and the remedy.

    remedy: a sentence in the language of the user. safetensors and tokenizers write files themselves and raise errors
    of their own for a full disk; these become a BundleError too.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise BundleError(
                _("The disk is full: {target} could not be written. {remedy}", target=target, remedy=remedy)
            ) from error
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("safetensors", "safetensors_rust", "tokenizers", "builtins") and (
            "os error" in str(error) or "No space left" in str(error)
        ):
            raise BundleError(
                _(
                    "{target} could not be written: {reason}. {remedy}",
                    target=target,
                    reason=first_line(error),
                    remedy=remedy,
                )
            ) from error
        raise


def sync(path: Path) -> None:
    """Make the system write a file or folder to disk; only files on Windows, where folders cannot be opened."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` a new folder with all that is in it, and give its files the mode of any new file.

    safetensors and others write through private temporary files; the folder's own mode tells what the umask allows.
    """
    mode = folder.stat().st_mode & 0o666
    for path in (*folder.rglob("*"), folder):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)
        sync(path)


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with its content; do nothing if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file for this process, until the descriptor is closed or the process dies.

    False: another process has locked it. None: the system or the file system has no such locks.
    """
    if flock is None:
        return None
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def temporary_name(path: Path, bits: int = 64) -> Path:
    """A hidden name that no one can guess, in the folder of `path`: from there a rename is one step.

    It says which process gave it, for `remove_abandoned`. bits: of chance.
    """
    owner = f"{machine()}_{os.getpid()}_{start_of(os.getpid())}_{os.urandom(bits // 8).hex()}"
    return path.with_name(f"{temporary_stem(path)}{owner}")


def temporary_stem(path: Path) -> str:
    """How temporary names for `path` begin; a long name is cut, because file systems take 255 bytes."""
    return f".{os.fsencode(path.name)[:180].decode(errors='ignore')}."


def remove_abandoned(path: Path) -> None:
    """Delete what processes left that died while they wrote `path`.

    What another machine wrote, or one that does not tell who lives, is deleted when it is older than a day.
    """
    for left in path.parent.glob(glob.escape(temporary_stem(path)) + "*"):
        if owner := TEMPORARY.fullmatch(left.name):
            with suppress(OSError):  # another process deletes it too, or it is another user's
                is_alive = is_running(int(owner["pid"]), owner["start"]) if owner["machine"] == machine() else None
                if is_alive is False or (is_alive is None and time.time() - left.lstat().st_mtime > DAY_S):
                    remove(left)


def make_temporary_folder() -> Path:
    """A new folder among the system's temporary files, for this user only; the caller deletes it."""
    remove_abandoned(temporary_files())
    folder = temporary_name(temporary_files())
    folder.mkdir(mode=0o700)
    return folder


def make_socket_folder() -> Path:
    """The same with a name of 40 bytes at most: of the 107 that the name of a socket may have, Ray takes 66."""
    remove_abandoned(socket_files())
    folder = temporary_name(socket_files(), bits=16)
    folder.mkdir(mode=0o700)
    return folder


def temporary_files() -> Path:
    """What the folders of `make_temporary_folder` are named after; `remove_abandoned` deletes those of the dead."""
    import tempfile  # its imports would slow `munjang --help`

    return Path(tempfile.gettempdir()) / "munjang"


def socket_files() -> Path:
    """What the folders of `make_socket_folder` are named after: in /tmp, where there is one."""
    short = Path("/tmp")
    return (short if os.access(short, os.W_OK) else temporary_files().parent) / "m"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of `make_temporary_folder`, which is there within the block."""
    folder = make_temporary_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path to write to instead of `path`: a name beside it, renamed to `path` when the block ends without error.

    The block closes what it opens. Readers, a kill and a power cut meet the old file or the new one, never a part;
    after an error nothing of the new one stays, and what a kill left goes with the next write. A link at `path` is
    replaced, not followed.
    """
    remove_abandoned(path)
    temporary = temporary_name(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary) or error.errno in DISK_FULL:
            error.filename = str(path)  # the file that the user named
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill; when the block ends without error it stands at `folder`, instead of what stood there.

    A kill and a power cut leave the old folder or the new one, or for the moment between two renames none; what they
    left beside goes with the next write. After an error the old one stays. One process at a time writes a folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    temporary, before = temporary_name(folder), temporary_name(folder)
    try:
        temporary.mkdir()
        yield temporary
        sync_tree(temporary)
        if folder.exists():
            folder.replace(before)
        temporary.replace(folder)
        sync(folder.parent)
    finally:
        if before.exists() and not folder.exists():
            before.replace(folder)
        shutil.rmtree(before, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in utf-8 as a `whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON as a `whole_file`."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")
