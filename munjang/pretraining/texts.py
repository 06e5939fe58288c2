"""The texts of a pre-training: read from files, cleaned, each once, and none that stands in an evaluation file."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from munjang.errors import ConfigError, DataError
from munjang.files import first_line
from munjang.pretraining.compressed import text_stream
from munjang.tables import format_table
from munjang.text.cleaning import clean_text
from munjang.translation import _

log = logging.getLogger("munjang")

LETTER = re.compile(r"[^\W\d_]")
NOT_A_KEY = re.compile(r"[\W_]+")
PARQUET_SIGNATURE = b"PAR1"


@dataclass(frozen=True)
class TextSource:
    """Where texts come from: a file (column: of a Parquet file), or a corpus of the table (its train texts).

    weight: how often each text comes in a pass; of 1.5, half of the texts come twice. licence, origin: for the card.
    """

    name: str
    column: str | None = None
    weight: float = 1.0
    licence: str = ""
    origin: str = ""

    def __str__(self) -> str:
        """As it may be shown anywhere: with the folder it lies in, without those of this machine."""
        return "/".join(Path(self.name).parts[-2:]) + (f":{self.column}" if self.column else "")


def parse_source(spec: str, *, data_dir: str | None = None, licence: str = "", origin: str = "") -> TextSource:
    """`FILE`, `FILE.parquet:COLUMN`, `CORPUS`, each with `@WEIGHT` after it if need be.

    A file that is not found as it is named is looked for in `data_dir`.
    """
    name, at, weight = spec.rpartition("@")
    try:
        times = float(weight) if at else 1.0
    except ValueError:
        name, times = spec, 1.0
    name = name if at and name else spec
    if not 0 < times < math.inf:
        raise ConfigError(_("{spec}: the weight after @ must be a number above 0.", spec=spec))
    file, colon, column = name.rpartition(":")
    if colon and file.lower().endswith((".parquet", ".pq")):
        return TextSource(find_file(file, data_dir), column, times, licence, origin)
    return TextSource(find_file(name, data_dir), None, times, licence, origin)


def find_file(name: str, data_dir: str | None) -> str:
    """`name`, or the file of that name in data_dir where only that exists."""
    inside = Path(data_dir or ".") / name
    return str(inside) if inside.is_file() and not Path(name).exists() else name


def source_files(sources: Sequence[TextSource]) -> list[str]:
    """Those of the sources that are files."""
    return [source.name for source in sources if Path(source.name).is_file()]


@dataclass
class SourceStats:
    """What became of the texts of one source."""

    source: str
    read: int = 0
    no_letters: int = 0
    duplicates: int = 0
    excluded: int = 0
    kept: int = 0
    weight: float = 1.0
    licence: str = ""
    origin: str = ""

    def row(self) -> list[Any]:
        return [self.source, self.read, self.no_letters, self.duplicates, self.excluded, self.kept]


@dataclass
class Texts:
    """Texts as `clean_texts` leaves them. sources[i]: the place of texts[i]'s source in `accounts` and `weights`."""

    texts: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    accounts: list[SourceStats] = field(default_factory=list)

    def weighted(self) -> list[str]:
        """Every text as often as it comes in a pass."""
        return [text for i, text in enumerate(self.texts) for __ in range(copies(text, self.weights[self.sources[i]]))]

    def __str__(self) -> str:
        header = ["source", "read", "no letters", "duplicates", "in evaluation", "kept"]
        total = ["all", *(sum(row.row()[i] for row in self.accounts) for i in range(1, 6))]
        return format_table(header, [*(row.row() for row in self.accounts), total])


def clean_texts(
    sources: Sequence[TextSource],
    steps: Sequence[str],
    excluded: frozenset[bytes] | set[bytes],
    data_dir: str | None = None,
) -> Texts:
    """Read every source; a text without letters, seen before, or whose key is in `excluded` is left out and counted."""
    found, seen = Texts(), set()
    for place, source in enumerate(sources):
        lines, licence = open_text_source(source, data_dir)
        account = SourceStats(str(source), weight=source.weight, licence=licence, origin=source.origin)
        found.accounts.append(account)
        found.weights.append(source.weight)
        for line in lines:
            account.read += 1
            text = clean_text(line, steps)
            if not LETTER.search(text):
                account.no_letters += 1
                continue
            digest = text_hash(text)
            if digest in seen:
                account.duplicates += 1
                continue
            if excluded and key(text) in excluded:
                account.excluded += 1
                continue
            seen.add(digest)
            account.kept += 1
            found.texts.append(text)
            found.sources.append(place)
        if not account.kept:
            raise DataError(
                _("{source}: none of its {read:,} lines can be learnt from.", source=source, read=account.read)
            )
    return found


def evaluation_keys(files: Iterable[str | Path], steps: Sequence[str]) -> set[bytes]:
    """The keys of every cell of the named files: of Parquet columns of text, of tab-separated and CSV cells, of lines.

    Whatever column holds the texts, they are among these; and so are texts that span lines in quotes.
    """
    keys = set()
    for file in files:
        before = len(keys)
        keys |= {key(text) for cell in file_texts(Path(file)) if LETTER.search(text := clean_text(cell, steps))}
        if len(keys) == before:
            raise DataError(_("{file} holds no texts to exclude.", file=file))
    return keys


def key(text: str) -> bytes:
    """What two texts share that differ in spaces, punctuation or the case of letters alone."""
    return text_hash(NOT_A_KEY.sub("", text).casefold())


def copies(text: str, weight: float) -> int:
    """How often a text comes in a pass: the part of the weight after the point is decided by the text's hash alone."""
    lot = int.from_bytes(text_hash(text)[4:], "little") / 2**32
    return int(weight) + (lot < weight % 1)


def text_hash(text: str) -> bytes:
    """Eight bytes by which a text is known."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def open_text_source(source: TextSource, data_dir: str | None) -> tuple[Iterator[str], str]:
    """The raw texts of a source, and its licence: as given, or the table's."""
    path = Path(source.name)
    if path.is_file():
        return (
            parquet_column(path, source.column) if begins_with(path, PARQUET_SIGNATURE) else lines_of(path)
        ), source.licence
    from munjang.data.corpora.table import CORPORA, load_corpus

    if source.name.partition(":")[0] not in {name.partition(":")[0] for name in CORPORA}:
        raise DataError(_("No file {source}, nor a corpus of that name (see munjang corpora).", source=source.name))
    corpus = load_corpus(source.name, data_dir)
    return (example.text for example in corpus.train), source.licence or corpus.card.licence


def file_texts(path: Path) -> Iterator[str]:
    """Every text in a file, whatever its columns are."""
    if begins_with(path, PARQUET_SIGNATURE):
        yield from parquet_texts(path, text_columns(path))
        return
    for line in lines_of(path):
        yield line.removeprefix("# text = ")  # so in CoNLL-U files
        yield from line.split("\t")
        if line.startswith("{"):
            yield from json_texts(line)
    if ".csv" in path.suffixes:
        with text_stream(path) as stream:
            for row in csv.reader(stream):
                yield from row


def json_texts(line: str) -> Iterator[str]:
    """The texts among the values of a JSON object; none where it is no JSON."""
    try:
        values = json.loads(line).values()
    except ValueError:
        return
    yield from (value for value in values if isinstance(value, str))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text file, packed or not; utf-8."""
    with text_stream(path) as stream:
        for line in stream:
            yield line.rstrip("\n")


def parquet_column(path: Path, column: str | None) -> Iterator[str]:
    """The texts of a column of a Parquet file; the column need not be named where there is one of texts only."""
    names = text_columns(path)
    if column not in names and (column is not None or len(names) != 1):
        found = ", ".join(names) or "none"
        raise DataError(
            _(
                "{path}: name the column of the texts as {path2}:COLUMN; its text columns: {found}.",
                path=path,
                path2=path.name,
                found=found,
            )
        )
    return parquet_texts(path, [column or names[0]])


def text_columns(path: Path) -> list[str]:
    """The names of the text columns of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            _("{path} is no readable Parquet file ({reason}).", path=path, reason=first_line(error))
        ) from error
    return [item.name for item in schema if item.type in (pyarrow.string(), pyarrow.large_string())]


def parquet_texts(path: Path, columns: Sequence[str]) -> Iterator[str]:
    """The texts of columns of a Parquet file, column by column in each batch of rows; empty cells are passed over."""
    import pyarrow
    from pyarrow import parquet

    try:
        for batch in parquet.ParquetFile(path).iter_batches(8192, columns=list(columns)):
            for values in batch.columns:
                yield from (value for value in values.to_pylist() if value is not None)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            _("{path} is no readable Parquet file ({reason}).", path=path, reason=first_line(error))
        ) from error


def begins_with(path: Path, magic: bytes) -> bool:
    """Whether a file's first bytes are `magic`."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(magic)) == magic
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)) from error
