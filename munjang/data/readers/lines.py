"""Physical lines of a text file of any size: detects the encoding, and marks bad lines instead of raising."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, count, repeat, starmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from munjang.data.compressed import open_bytes, reading
from munjang.errors import ConfigError, DataError
from munjang.translation import _

MAX_LINE = 1_000_000  # bytes; of a longer line only the first KEPT_BYTES are kept, so that memory stays bounded
KEPT_BYTES = 1_000
CHUNK_BYTES = 1 << 19  # less than MAX_LINE, so that only the first line of a chunk can be longer
FREE_LINES, LEAST_LINE = 1_000_000, 4  # so many lines may be empty; more if a line has so many bytes on average
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
ACCENTED = re.compile(r"(?m)^[^A-Za-z\xb7\u0250-\U0010ffff\n]*[\xa1-\xb6\xb8-\u024f][^A-Za-z\xb7\u0250-\U0010ffff\n]*$")
"""A line with such letters or signs as Hangul in cp949 gives in utf-8, without plain letters and the middle dot."""
SYLLABLE = re.compile("[가-힣]")
SUPERSETS = {"euc_kr": "cp949", "utf-8-sig": "utf-8"}  # files called euc-kr often have syllables that only cp949 has


class Line(NamedTuple):
    """One physical line without its line feed; `problem` says why it cannot be used ("": it can)."""

    number: int
    text: str
    problem: str = ""


class Encoding(NamedTuple):
    """How the bytes of a file become lines.

    newline: b"" where lines end in each of the usual ways. mixed: some lines may be in another encoding, in which they
    are valid, too.
    """

    name: str
    newline: bytes = b"\n"
    mixed: bool = False


class CountedLines:
    """The bytes of a text file. DataError: it has many lines with hardly anything in them, each of which takes time."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream, self.path, self.lines, self.size = stream, path, 0, 0

    def read1(self, size: int) -> bytes:
        """The next bytes; b"" only at the end."""
        chunk = self.stream.read1(size)
        self.lines, self.size = self.lines + max(chunk.count(b"\n"), chunk.count(b"\r")), self.size + len(chunk)
        if self.lines > FREE_LINES and self.size < LEAST_LINE * self.lines:
            raise DataError(
                _(
                    "{path} has {lines:,} lines in its first {size:,} bytes; hardly anything is in them, so it is no "
                    "file of texts. Delete the lines without text.",
                    path=self.path,
                    lines=self.lines,
                    size=self.size,
                )
            )
        return chunk


class AsUtf8:
    """A utf-16 or utf-32 stream recoded to utf-8; invalid bytes stay invalid, so that their line can be marked."""

    def __init__(self, stream: BinaryIO | CountedLines, encoding: str) -> None:
        self.stream, self.encoding = stream, encoding
        self.decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")

    def read1(self, size: int) -> bytes:
        """The next bytes; b"" only at the end. DataError: what comes is clearly not in this encoding."""
        while chunk := self.stream.read1(size):
            try:
                text = self.decoder.decode(chunk)
            except UnicodeError as error:
                raise DataError(
                    _(
                        "This is not {encoding}: {reason}. Leave out {option:encoding}.",
                        encoding=self.encoding,
                        reason=error,
                    )
                ) from error
            if text:
                return text.encode("utf-8", "surrogatepass")
        rest = self.decoder.getstate()[0]
        self.decoder.reset()
        return b"\xff" if rest else b""


class AnyNewline:
    """A stream in which every carriage return, alone or before a line feed, has become a line feed."""

    def __init__(self, stream: BinaryIO | CountedLines | AsUtf8) -> None:
        self.stream, self.held = stream, b""

    def read1(self, size: int) -> bytes:
        """The next bytes; b"" only at the end."""
        while chunk := self.stream.read1(size):
            chunk, self.held = self.held + chunk, b""
            if chunk.endswith(b"\r"):
                chunk, self.held = chunk[:-1], b"\r"
            if chunk:
                return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        rest, self.held = self.held, b""
        return rest.replace(b"\r", b"\n")


def wide(encoding: str) -> bool:
    """Whether characters take two or four bytes, so that a line feed is not a single byte."""
    return encoding.startswith(("utf-16", "utf-32"))


def check_encoding(name: str) -> str:
    """Python's name of the encoding given by --encoding. ConfigError: unknown, or not for files, such as hex."""
    try:
        known = codecs.lookup(name).name
        if not wide(known) and ("a,\n".encode(known) != b"a,\n" or known in ("idna", "raw-unicode-escape")):
            raise LookupError
    except (LookupError, ValueError) as error:
        raise ConfigError(
            _("Unknown encoding '{name}'. Usual ones are utf-8, utf-8-sig, utf-16 and cp949.", name=name)
        ) from error
    return SUPERSETS.get(known, known)


def line_blocks(stream: BinaryIO | CountedLines, newline: bytes = b"\n") -> Iterator[tuple[int, bytes, int]]:
    """Whole lines, many at a time: (number of the first, the lines without the last end, size of a line that was cut).

    The size is 0 for ordinary lines. A line over MAX_LINE comes alone: its first KEPT_BYTES bytes, and its full size.
    """
    number, carry, skipped = 1, b"", 0
    while chunk := stream.read1(CHUNK_BYTES):
        if skipped:
            head, end, chunk = chunk.partition(newline)
            skipped += len(head)
            if not end:
                continue
            yield number, carry, skipped
            number, carry, skipped = number + 1, b"", 0
        block = carry + chunk
        start, last = 0, block.rfind(newline)
        first = block.find(newline)
        if first > MAX_LINE:  # the others are shorter than a chunk
            yield number, block[:KEPT_BYTES], first
            number, start = number + 1, first + 1
        if start <= last:
            lines = block[start:last]
            yield number, lines, 0
            number += lines.count(newline) + 1
        carry = block[last + 1 :]
        if len(carry) > MAX_LINE:
            skipped, carry = len(carry), carry[:KEPT_BYTES]
    if carry:
        yield number, carry, skipped


def read_lines(stream: BinaryIO, encoding: str, newline: bytes = b"\n") -> Iterator[Line]:
    """Every line of a stream, in order, with its number. No line is dropped, and none raises an error."""
    return starmap(Line, bare_lines(stream, encoding, newline))


def bare_lines(stream: BinaryIO, encoding: str, newline: bytes = b"\n") -> Iterator[tuple[int, str, str]]:
    """The lines of `read_lines` as plain tuples, which are made five times as fast."""
    return chain.from_iterable(line_groups(stream, Encoding(encoding, newline)))


def line_groups(stream: BinaryIO | CountedLines, given: Encoding) -> Iterator[Iterable[tuple[int, str, str]]]:
    """The lines of `bare_lines`, many at a time."""
    encoding, newline, mixed = given
    source = AsUtf8(stream, encoding) if wide(encoding) else stream
    if not newline:
        source, newline = AnyNewline(source), b"\n"
    codec = "utf-8" if wide(encoding) else SUPERSETS.get(encoding, encoding)
    for first, block, cut in line_blocks(source, newline):
        if codec == "utf-8" and codecs.BOM_UTF8 in block:  # also where a file was joined to another one
            block = block.replace(newline + codecs.BOM_UTF8, newline).removeprefix(codecs.BOM_UTF8)
        try:
            text = block.decode(codec)
        except UnicodeDecodeError:
            text = "\0"
        if cut:
            shown = block.decode(codec, "backslashreplace")
            problem = _("the line is {size:,} bytes long, the limit is {limit:,}", size=cut, limit=MAX_LINE)
            yield [(first, shown + " …", problem)]
        elif "\0" in text or (mixed and (codec != "utf-8" or ACCENTED.search(text))):
            lines = enumerate(block.split(newline), first)
            yield [decode_line(number, line, codec, encoding, mixed) for number, line in lines]
        else:
            yield zip(count(first), text.split(newline.decode()), repeat(""))


def decode_line(number: int, line: bytes, codec: str, encoding: str, mixed: bool = False) -> Line:
    """Decode one line; undecodable bytes are shown as \\xb0. `problem` names them, or a NUL byte.

    mixed: a line that is valid, but rather in another encoding, has a problem, too.
    """
    try:
        text = line.decode(codec)
    except UnicodeDecodeError as error:
        shown = line.decode(codec, "backslashreplace").replace("\0", "\\x00")
        byte, position = line[error.start], error.start + 1
        other = next((name for name in ("utf-8", "cp949") if reads_as(line, name)), None)
        if other is None:
            problem = _(
                "not {encoding}: byte 0x{byte:02X} at byte {position} of the line",
                encoding=encoding,
                byte=byte,
                position=position,
            )
        else:
            problem = _(
                "not {encoding}: byte 0x{byte:02X} at byte {position} of the line, it reads as {other}",
                encoding=encoding,
                byte=byte,
                position=position,
                other=other,
            )
        return Line(number, shown, problem)
    if mixed and (other := rather_in(line, codec)):
        problem = _("not {encoding}: it reads better as {other}", encoding=encoding, other=other)
        return Line(number, text.replace("\0", "\\x00"), problem)
    if "\0" in text:
        return Line(number, text.replace("\0", "\\x00"), _("it holds a NUL byte"))
    return Line(number, text)


def rather_in(line: bytes, codec: str) -> str:
    """utf-8 or cp949 if a line that is valid in `codec`, the other one, must be in that; else "".

    Hangul in utf-8 can be valid cp949, where it reads as rare hanja. Hardly any Hangul in cp949 is valid utf-8; where
    it is, it reads as accented letters, without plain ones.
    """
    if line.isascii() or codec not in ("utf-8", "cp949"):
        return ""
    try:
        text, korean = line.decode("utf-8"), line.decode("cp949")
    except UnicodeDecodeError:
        return ""
    if codec == "cp949":
        return "utf-8" if any("\u3130" < char <= "\u318f" or "가" <= char <= "힣" for char in text) else ""
    is_korean = all("가" <= char <= "힣" for char in korean if not char.isascii())
    return "cp949" if is_korean and ACCENTED.fullmatch(text) else ""


def reads_as(data: bytes, encoding: str) -> bool:
    """Whether the bytes are valid in `encoding`."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def ungarbled(text: str) -> str:
    """Hangul that was read in a wrong encoding, perhaps twice, as it was; any other text as it is.

    Such as utf-8 or cp949 that was read as latin-1 or as Japanese.
    """
    if text.isascii() or SYLLABLE.search(text):
        return text
    for wrong in (western, partial(str.encode, encoding="cp932")):
        for right in ("utf-8", "euc_kr"):  # cp949 would take much Japanese for rare Hangul
            try:
                meant = wrong(text.replace("\ufffd", "?")).decode(right, "replace" if "\ufffd" in text else "strict")
            except UnicodeError:
                continue
            meant = ungarbled(meant) if right == "utf-8" else meant
            if 2 * len(SYLLABLE.findall(meant)) > sum(char > "\x7f" for char in meant):
                return meant
    return text


def western(text: str) -> bytes:
    """A text in latin-1, or where that has no such character, in cp1252, as browsers mix them. UnicodeError."""
    return b"".join(char.encode("latin-1" if char < "\u0100" else "cp1252") for char in text)


def find_encoding(path: Path) -> Encoding:
    """The encoding of a file, which is read once as a whole: utf-8, utf-8-sig, utf-16 or cp949.

    Lines are counted by the encoding they are valid in, so that a few damaged lines do not change the result;
    `read_lines` marks them later. DataError: most lines are valid in none of these.
    """
    with reading(path), open_bytes(path) as stream:
        head = stream.read(CHUNK_BYTES)
        if not head:
            raise DataError(_("{path} is empty (0 bytes).", path=path))
        name = next((name for bom, name in BOMS.items() if head.startswith(bom)), None) or without_bom(head)
        newline = newline_of(head)
    if name or is_utf8(path):
        return Encoding(name or "utf-8", newline)
    with reading(path), open_bytes(path) as stream:
        counts = count_valid(CountedLines(stream, path), newline)
    if counts["neither"] > counts["utf-8"] + counts["cp949"]:
        raise DataError(
            _(
                "{path} is in no encoding that munjang can detect (utf-8, utf-16, cp949). "
                "Name it with {option:encoding}, or save the file as UTF-8.",
                path=path,
            )
        )
    if counts["cp949"] > counts["utf-8"]:
        return Encoding("cp949", newline, mixed=counts["utf-8"] > 0)
    return Encoding("utf-8", newline, mixed=True)


def is_utf8(path: Path) -> bool:
    """Whether a whole file is valid utf-8, which is known sooner than how many of its lines are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with reading(path), open_bytes(path) as stream:
        try:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def given_encoding(path: Path, name: str) -> Encoding:
    """The encoding that the user gives, checked. ConfigError: the file is Korean in utf-8, or is clearly not in it."""
    known = check_encoding(name)
    with reading(path), open_bytes(path) as stream:
        head = stream.read(CHUNK_BYTES)
    text = head.decode("utf-8", "ignore")
    is_utf8 = reads_as(head, "utf-8") or reads_as(head[: head.rfind(b"\n") + 1], "utf-8")
    if known != "utf-8" and is_utf8 and any("가" <= char <= "힣" for char in text):
        raise ConfigError(_("{path} is in utf-8, not in {name}. Leave out {option:encoding}.", path=path, name=name))
    if wide(known) and b"\0" not in head and not head.startswith(tuple(BOMS)):
        raise ConfigError(_("{path} is not in {name}. Leave out {option:encoding}.", path=path, name=name))
    return Encoding(known, newline_of(head), mixed=known in ("utf-8", "cp949"))


def newline_of(head: bytes) -> bytes:
    """The end of a line: a line feed, or a single carriage return in files from old Macs."""
    return b"\r" if b"\n" not in head and b"\r" in head else b"\n"


def count_valid(stream: BinaryIO | CountedLines, newline: bytes) -> Counter[str]:
    """The number of lines beyond ASCII that are valid in utf-8, else in cp949, else in neither."""
    counts: Counter[str] = Counter()
    for __, block, cut in line_blocks(stream, newline):
        if block.isascii() or cut:
            continue
        lines = block.split(newline)
        if reads_as(block, "utf-8"):
            counts["utf-8"] += len(lines) - sum(map(bytes.isascii, lines))
            continue
        for line in lines:
            if not line.isascii():
                counts[next((name for name in ("utf-8", "cp949") if reads_as(line, name)), "neither")] += 1
    return counts


def without_bom(head: bytes) -> str | None:
    """utf-16-le or utf-16-be if a file without byte-order mark is clearly one of them, else None."""
    sample = head[:4096]
    for name, feed in (("utf-16-le", b"\n\0"), ("utf-16-be", b"\0\n")):
        has_feed = any(sample[start : start + 2] == feed for start in range(0, len(sample) - 1, 2))
        if has_feed and usual(sample[: len(sample) // 2 * 2].decode(name, "replace")) > 0.9:
            return name
    return None


def usual(text: str) -> float:
    """The share of characters that are usual in Korean text files: printable ASCII, Hangul, white space."""
    good = sum(" " <= char <= "~" or char in "\r\n\t" or "ㄱ" <= char <= "ㆎ" or "가" <= char <= "힣" for char in text)
    return good / max(1, len(text))
