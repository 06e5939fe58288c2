"""Text files, packed or not, as lines of utf-8; a damaged or cut one is refused."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from munjang.errors import DataError, missing_extra
from munjang.files import first_line
from munjang.translation import _

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


@contextmanager
def text_stream(path: Path) -> Iterator[Any]:
    """A utf-8 text file, unpacked by its first bytes (zstd, gzip); what goes wrong is a DataError that names it."""
    damage: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, csv.Error)
    try:
        with path.open("rb") as raw:
            stream, kinds = unpacked_stream(raw)
            damage += kinds
            try:
                yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="\n")
            except UnicodeDecodeError as error:
                read_to_end(raw)  # the checksum of a packed file tells damage from another encoding
                raise DataError(
                    _(
                        "{path} is not utf-8 (byte {start:,} of a block). Convert it to utf-8 first.",
                        path=path,
                        start=error.start,
                    )
                ) from error
    except FileNotFoundError as error:
        raise DataError(_("No file {path}.", path=path)) from error
    except damage as error:
        raise DataError(
            _("{path} cannot be read, it may be damaged: {reason}.", path=path, reason=first_line(error))
        ) from error


def unpacked_stream(raw: Any) -> tuple[Any, tuple[type[Exception], ...]]:
    """The bytes of an open file, unpacked, and the errors of its own that the unpacking may raise."""
    raw.seek(0)
    head = raw.read(4)
    raw.seek(0)
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=raw), ()
    if not head.startswith(ZSTD):
        return raw, ()
    try:
        import zstandard
    except ImportError as error:
        raise missing_extra("a .zst file", "train") from error
    check_frames(raw)
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True), (zstandard.ZstdError,)


def read_to_end(raw: Any) -> None:
    """Unpack an open file once more, so that damage in it is found, whatever comes out."""
    stream, __ = unpacked_stream(raw)
    while stream.read(2**20):
        pass


def check_frames(raw: Any) -> None:
    """An EOFError where a zstd file ends within a frame, which its reader takes for the end (RFC 8878, 3.1)."""
    import zstandard

    size, place = raw.seek(0, os.SEEK_END), 0
    while place < size:
        raw.seek(place)
        head = raw.read(18)  # the longest frame header
        if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:  # a frame to be skipped: its size follows
            place += 8 + int.from_bytes(head[4:8], "little")
            continue
        if not head.startswith(ZSTD):
            raise EOFError("its frames are not whole")
        try:
            facts = zstandard.get_frame_parameters(head)
            place, is_last = place + zstandard.frame_header_size(head), False
        except zstandard.ZstdError as error:
            raise EOFError("it has a frame without a whole header") from error
        while not is_last and place < size:
            raw.seek(place)
            block = int.from_bytes(raw.read(3), "little")
            is_last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
            place += 3 + (1 if kind == 1 else length)  # of a run of one byte only that byte is stored
        place += 4 * facts.has_checksum
        if not is_last:
            raise EOFError("it ends within a frame")
    if place > size:
        raise EOFError("it ends within a frame")
    raw.seek(0)
