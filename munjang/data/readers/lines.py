"""Physical lines of a text file of any size: encoding found by reading it, bad lines marked instead of raised."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from munjang.errors import ConfigError, DataError
from munjang.translation import _

MAX_LINE = 1_000_000  # bytes; a longer line is set aside with its first KEPT bytes, so that memory stays bounded
KEPT_CHARACTERS = 1_000
CHUNK_BYTES = 1 << 20
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SUPERSETS = {"euc_kr": "cp949", "utf-8-sig": "utf-8"}  # files that say euc-kr often hold cp949's further syllables


class Line(NamedTuple):
    """One physical line without its line feed; `problem` says why it cannot be used ("" = it can)."""

    number: int
    text: str
    problem: str = ""


class Encoding(NamedTuple):
    """How the bytes of a file become lines."""

    name: str
    newline: bytes = b"\n"


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where it is a gzip file (told by its content, not its name)."""
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(_("No file {path}.", path=path)) from error
    except OSError as error:
        raise DataError(_("{path} cannot be opened: {reason}.", path=path, reason=error.strerror or error)) from error
    magic = stream.read(2)
    stream.seek(0)
    return io.BufferedReader(gzip.GzipFile(fileobj=stream), CHUNK_BYTES) if magic == b"\x1f\x8b" else stream


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while bytes are read (a cut gzip file, a failing disk) into a DataError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            _("{path} is a damaged or cut gzip file ({reason}). Copy or download it again.", path=path, reason=error)
        ) from error
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)) from error


class AsUtf8:
    """A utf-16 or utf-32 stream recoded to utf-8; what is invalid stays invalid, so that its line can be marked."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")

    def read1(self, size: int) -> bytes:
        """The next bytes, b"" at the end only."""
        while chunk := self.stream.read1(size):
            if text := self.decoder.decode(chunk):
                return text.encode("utf-8", "surrogatepass")
        rest = self.decoder.getstate()[0]
        self.decoder.reset()
        return b"\xff" if rest else b""


def wide(encoding: str) -> bool:
    """Whether characters take two or four bytes, so that a line feed is no single byte."""
    return encoding.startswith(("utf-16", "utf-32"))


def check_encoding(name: str) -> str:
    """Python's name of the encoding that --encoding asks for; an unknown one is a ConfigError."""
    try:
        known = codecs.lookup(name).name
        "".encode(known)  # refuses codecs that are no text encoding, such as hex
    except LookupError as error:
        raise ConfigError(
            _("Unknown encoding '{name}'. Usual ones are utf-8, utf-8-sig, utf-16 and cp949.", name=name)
        ) from error
    return SUPERSETS.get(known, known)


def line_blocks(stream: BinaryIO, newline: bytes = b"\n") -> Iterator[tuple[int, list[bytes], int]]:
    """Whole lines, many at a time: (number of the first, the lines without line feed, bytes of a line that was cut).

    The third is 0 for ordinary lines; a line over MAX_LINE comes alone, as its first KEPT bytes, with its full size.
    """
    number, carry, skipped = 1, b"", 0
    while chunk := stream.read1(CHUNK_BYTES):
        if skipped:
            head, found, chunk = chunk.partition(newline)
            skipped += len(head)
            if not found:
                continue
            yield number, [carry], skipped
            number, carry, skipped = number + 1, b"", 0
        *lines, carry = (carry + chunk).split(newline)
        if any(len(line) > MAX_LINE for line in lines):
            for line in lines:
                long = len(line) > MAX_LINE
                yield number, [line[:KEPT_CHARACTERS] if long else line], len(line) if long else 0
                number += 1
        elif lines:
            yield number, lines, 0
            number += len(lines)
        if len(carry) > MAX_LINE:
            skipped, carry = len(carry), carry[:KEPT_CHARACTERS]
    if carry:
        yield number, [carry], skipped


def read_lines(stream: BinaryIO, encoding: str, newline: bytes = b"\n") -> Iterator[Line]:
    """Every line of a stream, in order, with its number; none is dropped, none raises."""
    source = AsUtf8(stream, encoding) if wide(encoding) else stream
    codec = "utf-8" if wide(encoding) else SUPERSETS.get(encoding, encoding)
    for first, lines, cut in line_blocks(source, newline):
        if first == 1 and codec == "utf-8":
            lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
        block = b"\n".join(lines)
        try:
            text = block.decode(codec)
        except UnicodeDecodeError:
            text = "\0"
        if cut:
            shown = block.decode(codec, "backslashreplace")
            yield Line(first, shown + " …", f"the line is {cut:,} bytes long, the limit is {MAX_LINE:,}")
        elif "\0" in text:
            for number, line in enumerate(lines, first):
                yield decode_line(number, line, codec, encoding)
        elif newline != b"\n" and "\n" in text:
            yield from (Line(number, line.decode(codec)) for number, line in enumerate(lines, first))
        else:
            yield from map(Line, range(first, first + len(lines)), text.split("\n"))


def decode_line(number: int, line: bytes, codec: str, encoding: str) -> Line:
    """Decode one line; undecodable bytes are shown as \\xb0 and named in `problem`, as a NUL byte is."""
    try:
        text = line.decode(codec)
    except UnicodeDecodeError as error:
        also = next((f", it reads as {other}" for other in ("utf-8", "cp949") if reads_as(line, other)), "")
        where = f"byte 0x{line[error.start]:02X} at byte {error.start + 1} of the line{also}"
        return Line(number, line.decode(codec, "backslashreplace").replace("\0", "\\x00"), f"not {encoding}: {where}")
    if "\0" in text:
        return Line(number, text.replace("\0", "\\x00"), "it holds a NUL byte")
    return Line(number, text)


def reads_as(data: bytes, encoding: str) -> bool:
    """Whether the bytes are valid in `encoding`."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def find_encoding(path: Path) -> Encoding:
    """Read the whole file once and say its encoding: utf-8, utf-8-sig, utf-16 or cp949.

    Lines are counted by what they are valid in, so that a few damaged ones at any place do not sway the answer; they
    are marked later, by `read_lines`. A file most of whose lines fit none of these is a DataError.
    """
    with reading(path), open_bytes(path) as stream:
        head = stream.read(CHUNK_BYTES)
        if not head:
            raise DataError(_("{path} is empty (0 bytes).", path=path))
        name = next((name for bom, name in BOMS.items() if head.startswith(bom)), None) or without_bom(head)
        newline = newline_of(head)
        if name and wide(name):
            return Encoding(name, newline)
        stream.seek(0)
        counts = count_valid(stream, newline)
    if name:
        return Encoding(name, newline)
    if counts["neither"] > counts["utf-8"] + counts["cp949"]:
        raise DataError(
            _(
                "{path} is text in no encoding that munjang finds by itself (utf-8, utf-16, cp949). "
                "Name it with --encoding, or save the file as UTF-8.",
                path=path,
            )
        )
    return Encoding("cp949" if counts["cp949"] > counts["utf-8"] else "utf-8", newline)


def given_encoding(path: Path, name: str) -> Encoding:
    """The encoding that the user names, checked; the file is opened only for its line ends."""
    with reading(path), open_bytes(path) as stream:
        return Encoding(check_encoding(name), newline_of(stream.read(CHUNK_BYTES)))


def newline_of(head: bytes) -> bytes:
    """What ends a line: a line feed, or a lone carriage return in files from old Macs."""
    return b"\r" if b"\n" not in head and b"\r" in head else b"\n"


def count_valid(stream: BinaryIO, newline: bytes) -> Counter[str]:
    """How many lines beyond ASCII are valid utf-8, else cp949, else neither."""
    counts: Counter[str] = Counter()
    for __, lines, cut in line_blocks(stream, newline):
        block = b"\n".join(lines)
        if block.isascii() or cut:
            continue
        if reads_as(block, "utf-8"):
            counts["utf-8"] += sum(not line.isascii() for line in lines)
            continue
        for line in lines:
            if not line.isascii():
                counts[next((name for name in ("utf-8", "cp949") if reads_as(line, name)), "neither")] += 1
    return counts


def without_bom(head: bytes) -> str | None:
    """utf-16-le or utf-16-be where a file without byte-order mark plainly is one, else None."""
    sample = head[:4096]
    for name, feed in (("utf-16-le", b"\n\0"), ("utf-16-be", b"\0\n")):
        places = [place for place in range(0, len(sample) - 1, 2) if sample[place : place + 2] == feed]
        if places and usual(sample[: len(sample) // 2 * 2].decode(name, "replace")) > 0.9:
            return name
    return None


def usual(text: str) -> float:
    """The share of characters that Korean text files are made of: printable ASCII, Hangul, space."""
    good = sum(" " <= char <= "~" or char in "\r\n\t" or "ㄱ" <= char <= "ㆎ" or "가" <= char <= "힣" for char in text)
    return good / max(1, len(text))
