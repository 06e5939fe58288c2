"""Files as bytes, unpacked as their content says (gzip, zstd); damaged and cut ones are refused, and bombs."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from munjang.errors import DataError, missing_extra
from munjang.files import first_line
from munjang.translation import _

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
MEMBER = GZIP + b"\x08"  # how each part of a gzip file begins
BUFFER_BYTES = 1 << 20
FREE_PARTS, PART_BYTES = 10_000, 200  # a packed file may have so many parts, or one for so many of its bytes
FREE_BYTES, MAX_RATIO = 20_000_000, 100  # a packed file may unpack to so many bytes, or to so many times its size


class Bounded(io.RawIOBase):
    """The bytes of an unpacked stream. DataError: far more of them than a file of texts or numbers packs."""

    def __init__(self, stream: Any, path: Path) -> None:
        self.stream, self.path, self.packed, self.size = stream, path, path.stat().st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.stream.readinto(buffer)
        self.size += count
        refuse_bomb(self.size, self.packed, self.path)
        return count

    def close(self) -> None:
        self.stream.close()
        super().close()


def refuse_bomb(size: int, packed: int, path: object) -> None:
    """A DataError if so many bytes have come from a file of `packed` bytes that it cannot be one of texts."""
    if size > max(FREE_BYTES, MAX_RATIO * packed):
        raise DataError(
            _(
                "{path} unpacks to more than {ratio} times its size; no file of texts does. Unpack it yourself if "
                "you trust it, or save it as CSV.",
                path=path,
                ratio=MAX_RATIO,
            )
        )


def refuse_parts(parts: int, packed: int, path: object) -> None:
    """A DataError if a file of `packed` bytes has so many parts that hardly any holds much; each takes time."""
    if parts > FREE_PARTS + packed // PART_BYTES:
        raise DataError(
            _(
                "{path} is packed in more than {parts:,} parts, most of them empty or tiny. Unpack it and pack it "
                "again.",
                path=path,
                parts=FREE_PARTS + packed // PART_BYTES,
            )
        )


def as_on_disk(path: Path) -> Path:
    """The path as the disk spells it: macOS decomposes Hangul in the names of files, and Linux keeps them so."""
    if str(path).isascii() or path.exists():
        return path
    folder = as_on_disk(path.parent)
    name = unicodedata.normalize("NFC", path.name)
    if not folder.is_dir():
        return path
    return next((item for item in folder.iterdir() if unicodedata.normalize("NFC", item.name) == name), path)


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if its content (not its name) says that it is packed."""
    try:
        raw = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(_("No file {path}.", path=path)) from error
    except OSError as error:
        raise DataError(_("{path} cannot be opened: {reason}.", path=path, reason=error.strerror or error)) from error
    head = raw.read(4)
    raw.seek(0)
    if head.startswith(GZIP):
        with reading(path):
            check_members(raw, path)
        return io.BufferedReader(Bounded(gzip.GzipFile(fileobj=raw), path), BUFFER_BYTES)
    if not head.startswith(ZSTD):
        return raw
    try:
        import zstandard
    except ImportError as error:
        raise missing_extra(_("a .zst file"), "train") from error
    with reading(path):
        check_frames(raw, path)
    stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return io.BufferedReader(Bounded(stream, path), BUFFER_BYTES)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading bytes (a cut file, a failing disk) into a DataError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            _("{path} is a damaged or cut packed file ({reason}). Copy or download it again.", path=path, reason=error)
        ) from error
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "zstandard":  # which a base install need not have
            raise
        raise DataError(
            _(
                "{path} is a damaged or cut packed file ({reason}). Copy or download it again.",
                path=path,
                reason=first_line(error),
            )
        ) from error


def unpacked_file(path: Path) -> IO[bytes] | str:
    """Something seekable: the path itself, or a temporary file with the content of a packed file."""
    with reading(path), open_bytes(path) as stream:
        if not isinstance(stream.raw, Bounded):
            return str(path)
        copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the table)
        shutil.copyfileobj(stream, copy, BUFFER_BYTES)
        copy.seek(0)
        return copy


def check_members(raw: BinaryIO, path: Path) -> None:
    """`refuse_parts` for a gzip file, by the marks of its members; one in 16 million other bytes looks like one."""
    count, end = 0, b""
    while chunk := raw.read(BUFFER_BYTES):
        count += (end + chunk).count(MEMBER)
        end = chunk[-2:]
    refuse_parts(count, raw.seek(0, os.SEEK_END), path)
    raw.seek(0)


def check_frames(raw: Any, path: Path) -> None:
    """`refuse_parts` for a zstd file, by its frames and blocks.

    EOFError: it ends within a frame, where its reader would just stop (RFC 8878, 3.1).
    """
    import zstandard

    size, position, parts = raw.seek(0, os.SEEK_END), 0, 0
    while position < size:
        parts += 1
        refuse_parts(parts, size, path)
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
            parts += 1
            refuse_parts(parts, size, path)
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
