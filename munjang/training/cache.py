"""Arrays kept on disk between runs: safetensors files, checked before use, limited in size together.

An entry is memory-mapped, never unpickled, and may be deleted at any time. If one cannot be written, the run goes on.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from munjang.errors import BundleError
from munjang.files import disk_errors, first_line, whole_file
from munjang.translation import _

log = logging.getLogger("munjang")

LIMIT = 2 * 10**9  # bytes of all entries together
# Finished entries, those being written, and safetensors' own temporary files.
ENTRY_NAMES = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.\w+|\.tmp\w{6}")
STALE_S = 3600.0  # an unfinished file older than this belongs to a process that died

Arrays = Mapping[str, np.ndarray]
"""Named arrays of one dimension, contiguous."""


@dataclass
class Cache:
    """Entries in a folder, each under a key of 64 hexadecimal digits; files with other names are left alone.

    limit: bytes of all entries together. has_failed: writing has failed once; nothing more is written then.
    """

    folder: Path
    limit: int = LIMIT
    has_failed: bool = False

    def read(self, key: str) -> Arrays | None:
        """The arrays of an entry, memory-mapped (writing never changes the file); None if there is no usable one."""
        path = self.folder / key
        try:
            arrays = open_entry(path, key)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, TypeError) as error:  # TypeError: a type that NumPy does not have
            log.warning("%s is not used: %s. It is made again.", path, first_line(error))
            return None
        with suppress(OSError):
            os.utime(path)  # the entries unused for longest are deleted first
        return arrays

    def write(self, key: str, arrays: Arrays) -> None:
        """Write arrays under a key and delete the entries unused for longest; one warning if that fails."""
        if self.has_failed or sum(array.nbytes for array in arrays.values()) > self.limit:
            return
        remedy = _("Free some space, or set MUNJANG_CACHE to a folder on another disk.")
        try:
            with disk_errors(self.folder / key, remedy):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with whole_file(self.folder / key) as temporary:
                    save_file(dict(arrays), temporary, {"sha256": contents_hash(key, arrays)})
                    temporary.chmod(0o600)  # readable by this user only
            self.prune(key)
        except (BundleError, OSError) as error:
            self.has_failed = True
            log.warning("Nothing is kept for the next run; this run goes on. %s", error)

    def prune(self, newest: str) -> None:
        """Delete files of dead processes, and the entries unused for longest until the rest fit; never `newest`."""
        entries = sorted(self.entries(), reverse=True)
        total = sum(size for used, size, path in entries if path.name == newest)
        for used, size, path in entries:
            if path.name == newest:
                continue
            if path.name.startswith("."):
                is_due = time.time() - used > STALE_S
            else:
                total += size
                is_due = total > self.limit
            if is_due:
                path.unlink(missing_ok=True)

    def entries(self) -> Iterator[tuple[float, int, Path]]:
        """(time of last use, bytes, path) of every file that this module wrote."""
        for path in self.folder.iterdir():
            if not ENTRY_NAMES.fullmatch(path.name):
                continue
            try:
                status = path.stat(follow_symlinks=False)
            except FileNotFoundError:  # another process has deleted it
                continue
            if stat.S_ISREG(status.st_mode):
                yield status.st_mtime, status.st_size, path


def open_entry(path: Path, key: str) -> Arrays:
    """The arrays of the entry in a file, memory-mapped; SafetensorError if it is damaged or belongs to another key."""
    with safe_open(path, "pt") as file:  # torch's arrays are mapped; those of "np" would be copies
        arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118 (it is no dict)
        if (file.metadata() or {}).get("sha256") != contents_hash(key, arrays):
            raise SafetensorError("it is damaged or belongs to another entry")
    return arrays


def contents_hash(key: str, arrays: Arrays) -> str:
    """The sha256 of an entry: of its key and of its arrays' names, types, shapes and bytes."""
    digest = hashlib.sha256(key.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()
