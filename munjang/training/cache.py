"""Arrays kept on disk between runs: written to a temporary name and renamed, checked before use, limited in size.

An entry is one file: a line that names the format, a JSON header with sizes and a sha256, the arrays as raw bytes. It
is memory-mapped, never unpickled, and may be deleted at any time. If an entry cannot be written, the run goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from munjang.files import whole_file

log = logging.getLogger("munjang")

CACHE_SIGNATURE = b"munjang cache 1\n"
LIMIT = 2 * 10**9  # bytes of all entries together
ALIGNED = 64  # bytes; each array begins at a multiple of this
MAX_HEADER = 2**16  # bytes
ENTRY_NAMES = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.\w+")  # finished entries, and those being written
STALE_S = 3600.0  # an unfinished file older than this belongs to a process that died
ARRAY_TYPES = ("uint8", "bool", "uint16", "int32", "int64")

Arrays = Mapping[str, np.ndarray]
"""Named arrays of one dimension, with a type of ARRAY_TYPES."""


class Damaged(Exception):
    """A file is not as this module wrote it."""


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
        except (Damaged, OSError) as error:
            log.warning("%s is not used: %s. It is made again.", path, error)
            return None
        with suppress(OSError):
            os.utime(path)  # the entries unused for longest are deleted first
        return arrays

    def write(self, key: str, arrays: Arrays) -> None:
        """Write arrays under a key and delete the entries unused for longest; one warning if that fails."""
        if self.has_failed or sum(array.nbytes for array in arrays.values()) > self.limit:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(self.folder / key) as temporary:
                temporary.touch(0o600)  # readable by this user only
                with temporary.open("wb") as stream:
                    write_entry(stream, key, arrays)
            self.prune(key)
        except OSError as error:
            self.has_failed = True
            reason = error.strerror or error
            log.warning("Nothing is kept in %s for the next run (%s); this run goes on.", self.folder, reason)

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
    """The arrays of the entry in a file; Damaged if it is incomplete or belongs to another key."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise Damaged("it is not a regular file")
    with path.open("rb") as stream:
        header, begin = read_header(stream)
        if header["key"] != key:
            raise Damaged("it belongs to another entry")
        spans, end = layout(header["arrays"])
        size = begin + end
        if os.fstat(stream.fileno()).st_size != size:
            raise Damaged("it was cut short or added to")
        body = np.memmap(stream, np.uint8, "c", shape=(size,)).view(np.ndarray)[begin:]
    if hashlib.sha256(body).hexdigest() != header["sha256"]:
        raise Damaged("it is damaged")
    return {name: body[span].view(kind) for (name, kind, __), span in zip(header["arrays"], spans, strict=True)}


def read_header(stream: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header of an entry, with checked types, and the byte where the arrays begin; else Damaged."""
    if stream.read(len(CACHE_SIGNATURE)) != CACHE_SIGNATURE:
        raise Damaged("it has another format or version")
    line = stream.readline(MAX_HEADER)
    try:
        header = json.loads(line)
        arrays = [(str(name), str(kind), int(length)) for name, kind, length in header["arrays"]]
        header = {"key": str(header["key"]), "sha256": str(header["sha256"]), "arrays": arrays}
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise Damaged("its header cannot be read") from error
    if any(kind not in ARRAY_TYPES or length < 0 for __, kind, length in arrays):
        raise Damaged("its header has an impossible type or length")
    return header, aligned(len(CACHE_SIGNATURE) + len(line))


def write_entry(stream: BinaryIO, key: str, arrays: Arrays) -> None:
    """Write header and arrays, each array at a multiple of ALIGNED bytes."""
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    listing = [(name, array.dtype.name, len(array)) for name, array in plain.items()]
    digest = hashlib.sha256()
    gaps = [bytes(aligned(array.nbytes) - array.nbytes) for array in plain.values()]
    for array, gap in zip(plain.values(), gaps, strict=True):
        digest.update(array.data)
        digest.update(gap)
    line = json.dumps({"key": key, "sha256": digest.hexdigest(), "arrays": listing}).encode() + b"\n"
    begin = len(CACHE_SIGNATURE) + len(line)
    stream.write(CACHE_SIGNATURE + line + bytes(aligned(begin) - begin))
    for array, gap in zip(plain.values(), gaps, strict=True):
        stream.write(array.data)
        stream.write(gap)
    stream.flush()


def layout(arrays: list[tuple[str, str, int]]) -> tuple[list[slice], int]:
    """The byte span of each array, counted from where the arrays begin, and where the last one ends."""
    spans, begin = [], 0
    for __, kind, length in arrays:
        size = np.dtype(kind).itemsize * length
        spans.append(slice(begin, begin + size))
        begin += aligned(size)
    return spans, begin


def aligned(size: int) -> int:
    """The next multiple of ALIGNED."""
    return -(-size // ALIGNED) * ALIGNED
