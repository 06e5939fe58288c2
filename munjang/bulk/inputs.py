"""What is to be classified: files found in folders and stores, alike in their columns, and rows of them as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from munjang.bulk.locations import Place, find_place
from munjang.config.settings import ReadOptions
from munjang.data.readers.open import KINDS, open_table, suffix_of
from munjang.data.readers.parquet import parquet_file, parquet_table
from munjang.data.readers.table import Table
from munjang.errors import DataError

PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """A file. root: opens its file system; path: in that file system; name: for messages; rows: None unless Parquet."""

    root: str
    path: str
    name: str
    bytes: int
    modified: str
    rows: int | None = None


def find_sources(names: Sequence[str]) -> list[Source]:
    """The files that names mean: files, and of a folder its Parquet files at any depth, or else its files of one other
    kind that munjang reads; hidden ones (._) are left out. DataError: nothing there.
    """
    found: list[Source] = []
    for name in names:
        place = find_place(name)
        kind = place.kind()
        if not kind:
            raise DataError(f"No file or folder {name}.")
        found += [source_of(name, place)] if kind == "file" else folder_sources(name, place)
    paths = [(source.root, source.path) for source in found]
    if twice := next((source for source in found if paths.count((source.root, source.path)) > 1), None):
        raise DataError(f"{twice.name} is named twice.")
    return found


def folder_sources(name: str, place: Place) -> list[Source]:
    """The files of a folder in the order of their paths."""
    files = [path for path in place.files() if not any(part[0] in "._" for part in PurePosixPath(path).parts)]
    by_kind: dict[str, list[str]] = {}
    for path in files:
        by_kind.setdefault(KINDS.get(suffix_of(Path(path)), ""), []).append(path)
    by_kind.pop("", None)
    if not by_kind:
        raise DataError(f"{name} holds no file that can be read: expected Parquet, CSV, TSV, JSON Lines or Excel.")
    kind = "parquet" if "parquet" in by_kind else next(iter(by_kind))
    if kind != "parquet" and len(by_kind) > 1:
        raise DataError(
            f"{name} holds files of several kinds ({', '.join(sorted(by_kind))}). Name those that are meant."
        )
    return [source_of(name, place / path) for path in by_kind[kind]]


def source_of(root: str, place: Place) -> Source:
    """A file with its size, and of Parquet its rows. DataError: a text file in a store, or no Parquet file."""
    info = place.filesystem.get_file_info(place.path)
    rows = None
    if is_parquet(place.path):
        with opened(place) as stream:
            rows = parquet_file(stream, place.name).metadata.num_rows
    elif place.local is None:
        raise DataError(f"{place.name}: of a store only Parquet files are read. Copy it to a disk, or make it Parquet.")
    modified = "" if info.mtime is None else info.mtime.isoformat()
    return Source(place.path if place.local else root, place.path, place.name, info.size, modified, rows)


def is_parquet(path: str) -> bool:
    """Whether a file can be read from any row on: Parquet that is not packed in gzip."""
    return path.lower().endswith(PARQUET)


@contextmanager
def opened(place: Place) -> Iterator:
    """The file as a stream in which can be sought. DataError: it cannot be opened."""
    try:
        stream = place.filesystem.open_input_file(place.path)
    except OSError as error:
        raise DataError(f"{place.name} cannot be opened: {error.strerror or error}.") from error
    with stream:
        yield stream


@contextmanager
def table_of(source: Source, options: ReadOptions, first: int = 0, last: int | None = None) -> Iterator[Table]:
    """The rows of a file from `first` (from 0) to before `last`; a file that is not Parquet always whole."""
    place = Place(source.name, source.path, find_place(source.root).filesystem)
    if not is_parquet(source.path):
        yield open_table(source.path, options)
        return
    with opened(place) as stream:
        yield parquet_table(parquet_file(stream, source.name), source.name, first, last)
