"""Text files, compressed or not, as lines of utf-8; damaged or cut files are refused."""

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
    """A utf-8 text file, decompressed as its first bytes say (zstd, gzip); errors are DataErrors with its name."""
    damage: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, csv.Error)
    try:
        with path.open("rb") as raw:
            stream, kinds = unpacked_stream(raw)
            damage += kinds
            try:
                yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="\n")
            except UnicodeDecodeError as error:
                read_to_end(raw)  # the checksum of a compressed file tells damage from another encoding
                raise DataError(
                    _(
                        "{path} is not utf-8 (byte {position:,} of a block). Convert it to utf-8 first.",
                        path=path,
                        position=error.start,
                    )
                ) from error
    except FileNotFoundError as error:
        raise DataError(_("There is no file {path}.", path=path)) from error
    except damage as error:
        raise DataError(
            _("{path} cannot be read, it may be damaged: {reason}.", path=path, reason=first_line(error))
        ) from error


def unpacked_stream(raw: Any) -> tuple[Any, tuple[type[Exception], ...]]:
    """The decompressed bytes of an open file, and the errors that decompressing may raise."""
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
        raise missing_extra(_("a .zst file"), "train") from error
    check_frames(raw)
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True), (zstandard.ZstdError,)


def read_to_end(raw: Any) -> None:
    """Decompress an open file once more, which raises an error if it is damaged."""
    stream, __ = unpacked_stream(raw)
    while stream.read(2**20):
        pass


def check_frames(raw: Any) -> None:
    """An EOFError if a zstd file ends within a frame, where its reader would just stop (RFC 8878, 3.1)."""
    import zstandard

    size, position = raw.seek(0, os.SEEK_END), 0
    while position < size:
        raw.seek(position)
        head = raw.read(18)  # the longest frame header
        if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:  # a skippable frame: its size follows
            position += 8 + int.from_bytes(head[4:8], "little")
            continue
        if not head.startswith(ZSTD):
            raise EOFError(_("its frames are incomplete"))
        try:
            facts = zstandard.get_frame_parameters(head)
            position, is_last = position + zstandard.frame_header_size(head), False
        except zstandard.ZstdError as error:
            raise EOFError(_("the header of a frame is incomplete")) from error
        while not is_last and position < size:
            raw.seek(position)
            block = int.from_bytes(raw.read(3), "little")
            is_last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
            position += 3 + (1 if kind == 1 else length)  # a run of one byte stores only that byte
        position += 4 * facts.has_checksum
        if not is_last:
            raise EOFError(_("it ends within a frame"))
    if position > size:
        raise EOFError(_("it ends within a frame"))
    raw.seek(0)
