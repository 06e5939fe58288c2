"""The texts of a pre-training: read from files, cleaned, each once, without the texts of evaluation files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from munjang.data.compressed import open_bytes, reading, unpacked_file
from munjang.data.duplicates import letters_key, text_hash
from munjang.data.readers.kinds.signatures import file_kind
from munjang.data.readers.lines import CHUNK_BYTES, Encoding
from munjang.data.readers.open import open_table
from munjang.data.readers.parquet import parquet_file, parquet_table
from munjang.data.readers.table import Bad
from munjang.data.readers.text import open_bare
from munjang.errors import ConfigError, DataError
from munjang.tables import format_table
from munjang.text.cleaning import clean_text
from munjang.translation import _, ngettext

LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class TextSource:
    """Where texts come from: a file (column: of a Parquet file), or the train texts of a known corpus.

    weight: how often each text is used in a pass; with 1.5, half of the texts are used twice. licence, origin: for the
    card.
    """

    name: str
    column: str | None = None
    weight: float = 1.0
    licence: str = ""
    origin: str = ""

    def __str__(self) -> str:
        """The name with only its last folder, so that it does not show the folders of this machine."""
        return "/".join(Path(self.name).parts[-2:]) + (f":{self.column}" if self.column else "")


def parse_source(spec: str, *, data_dir: str | None = None, licence: str = "", origin: str = "") -> TextSource:
    """The source for `FILE`, `FILE.parquet:COLUMN` or `CORPUS`, each with an optional `@WEIGHT` at the end.

    If there is no file with this name, it is looked for in `data_dir`.
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
    """`name`, or the file with that name in data_dir if only that one exists."""
    inside = Path(data_dir or ".") / name
    return str(inside) if inside.is_file() and not Path(name).exists() else name


def source_files(sources: Sequence[TextSource]) -> list[str]:
    """The names of the sources that are files."""
    return [source.name for source in sources if Path(source.name).is_file()]


@dataclass
class SourceStats:
    """Counts of what happened to the texts of one source."""

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
        """The cells of this source in the printed table."""
        return [self.source, self.read, self.no_letters, self.duplicates, self.excluded, self.kept]


@dataclass
class Texts:
    """The result of `clean_texts`. sources[i]: the index of texts[i]'s source in `stats` and `weights`."""

    texts: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    stats: list[SourceStats] = field(default_factory=list)

    def weighted(self) -> list[str]:
        """Every text as often as it is used in a pass."""
        return [text for i, text in enumerate(self.texts) for __ in range(copies(text, self.weights[self.sources[i]]))]

    def __str__(self) -> str:
        header = [_("source"), _("read"), _("no letters"), _("duplicates"), _("in evaluation"), _("kept")]
        rows = [stats.row() for stats in self.stats]
        total = [_("all"), *(sum(row[i] for row in rows) for i in range(1, 6))]
        return format_table(header, [*rows, total])


def clean_texts(
    sources: Sequence[TextSource],
    steps: Sequence[str],
    excluded: frozenset[bytes] | set[bytes],
    data_dir: str | None = None,
) -> Texts:
    """Read and clean every source; leave out texts without letters, duplicates and texts with a key in `excluded`."""
    texts, seen = Texts(), set()
    for index, source in enumerate(sources):
        lines, licence = open_text_source(source, data_dir)
        stats = SourceStats(str(source), weight=source.weight, licence=licence, origin=source.origin)
        texts.stats.append(stats)
        texts.weights.append(source.weight)
        for line in lines:
            stats.read += 1
            text = clean_text(line, steps)
            if not LETTER.search(text):
                stats.no_letters += 1
                continue
            digest = text_hash(text)
            if digest in seen:
                stats.duplicates += 1
                continue
            if excluded and text_hash(letters_key(text)) in excluded:
                stats.excluded += 1
                continue
            seen.add(digest)
            stats.kept += 1
            texts.texts.append(text)
            texts.sources.append(index)
        if not stats.kept:
            raise DataError(
                ngettext(
                    "{source}: none of its texts can be learnt from ({count:,} line was read).",
                    "{source}: none of its texts can be learnt from ({count:,} lines were read).",
                    stats.read,
                    source=source,
                )
            )
    return texts


def evaluation_keys(files: Iterable[str | Path], steps: Sequence[str]) -> set[bytes]:
    """The keys of every cell of these files: text columns of Parquet, tab-separated and CSV cells, whole lines.

    So the texts are included whatever their column is, also quoted texts of several lines.
    """
    keys = set()
    for file in files:
        before = len(keys)
        texts = (clean_text(cell, steps) for cell in file_texts(Path(file)))
        keys |= {text_hash(letters_key(text)) for text in texts if LETTER.search(text)}
        if len(keys) == before:
            raise DataError(_("{file} holds no texts to exclude.", file=file))
    return keys


def copies(text: str, weight: float) -> int:
    """How often a text is used in a pass; for the fraction of the weight, the text's hash decides."""
    lot = int.from_bytes(text_hash(text)[4:], "little") / 2**32
    return int(weight) + (lot < weight % 1)


def open_text_source(source: TextSource, data_dir: str | None) -> tuple[Iterator[str], str]:
    """The raw texts of a source, and its licence: as given, or as in the table of corpora."""
    path = Path(source.name)
    if path.is_file():
        is_parquet = file_kind(path) == "parquet"
        return parquet_column(path, source.column) if is_parquet else lines_of(path), source.licence
    from munjang.data.corpora.table import CORPORA, load_corpus

    if source.name.partition(":")[0] not in {name.partition(":")[0] for name in CORPORA}:
        raise DataError(
            _("There is no file {source}, nor a corpus with this name (see munjang corpora).", source=source.name)
        )
    corpus = load_corpus(source.name, data_dir)
    return (example.text for example in corpus.train), source.licence or corpus.card.licence


def file_texts(path: Path) -> Iterator[str]:
    """Every text in a file, from all columns; of a file of text also its lines, and their parts between tabs."""
    kind = file_kind(path)
    if kind not in ("parquet", "excel"):
        for line in lines_of(path):
            yield line.removeprefix("# text = ")  # as in CoNLL-U files
            yield from line.split("\t")
    if kind != "txt":
        for row in open_table(path).rows():
            yield from (cell for cell in row.cells if isinstance(cell, str))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a text file in utf-8, compressed or not. DataError: another encoding, or a line without end."""
    for number, text, problem in open_bare(path, Encoding("utf-8")):
        if problem:
            with reading(path), open_bytes(path) as stream:  # the checksum tells damage from another encoding
                while stream.read(CHUNK_BYTES):
                    pass
            raise DataError(
                _(
                    "{path}, line {line}: {problem}. Convert the file to utf-8 with one text a line.",
                    path=path,
                    line=number,
                    problem=problem,
                )
            )
        yield text


def parquet_column(path: Path, column: str | None) -> Iterator[str]:
    """The texts of a column of a Parquet file; `column` may be None if there is only one text column."""
    parquet = parquet_file(unpacked_file(path), str(path))
    types = parquet_table(parquet, str(path)).types or {}
    names = [name for name, kind in types.items() if str(kind) in ("string", "large_string")]
    if column not in names and (column is not None or len(names) != 1):
        raise DataError(
            _(
                "{path}: name the column of the texts as {file}:COLUMN; its text columns: {columns}.",
                path=path,
                file=path.name,
                columns=", ".join(names) or _("none"),
            )
        )
    for item in parquet_table(parquet, str(path), wanted=[column or names[0]]).read():
        if isinstance(item, Bad):
            raise DataError(
                _("{path}, row {row}: {problem}. Correct it first.", path=path, row=item.line, problem=item.reason)
            )
        if item.cells[0] is not None:
            yield item.cells[0]
