"""What is to be classified: files found in folders and stores, alike in their columns, and rows of them as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from munjang.bulk.locations import Location, find_location
from munjang.config.settings import ReadOptions
from munjang.data.readers.open import FILE_KINDS, open_table, suffix_of
from munjang.data.readers.parquet import parquet_file, parquet_table
from munjang.data.readers.table import Table
from munjang.errors import DataError
from munjang.translation import _

PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class InputFile:
    """A file. root: opens its file system; path: in that file system; name: for messages; rows: None unless Parquet."""

    root: str
    path: str
    name: str
    bytes: int
    modified: str
    rows: int | None = None


def find_sources(names: Sequence[str]) -> list[InputFile]:
    """The files that names mean: files, and of a folder its Parquet files at any depth, or else its files of one other
    kind that munjang reads; hidden ones (._) are left out. DataError: nothing there.
    """
    found: list[InputFile] = []
    for name in names:
        location = find_location(name)
        kind = location.kind()
        if not kind:
            raise DataError(_("No file or folder {name}.", name=name))
        found += [source_of(name, location)] if kind == "file" else folder_sources(name, location)
    paths = [(source.root, source.path) for source in found]
    if twice := next((source for source in found if paths.count((source.root, source.path)) > 1), None):
        raise DataError(_("{twice} is named twice.", twice=twice.name))
    return found


def folder_sources(name: str, location: Location) -> list[InputFile]:
    """The files of a folder in the order of their paths."""
    files = [path for path in location.files() if not any(part[0] in "._" for part in PurePosixPath(path).parts)]
    by_kind: dict[str, list[str]] = {}
    for path in files:
        by_kind.setdefault(FILE_KINDS.get(suffix_of(Path(path)), ""), []).append(path)
    by_kind.pop("", None)
    if not by_kind:
        raise DataError(
            _("{name} holds no file that can be read: expected Parquet, CSV, TSV, JSON Lines or Excel.", name=name)
        )
    kind = "parquet" if "parquet" in by_kind else next(iter(by_kind))
    if kind != "parquet" and len(by_kind) > 1:
        raise DataError(
            _(
                "{name} holds files of several kinds ({by_kind}). Name those that are meant.",
                name=name,
                by_kind=", ".join(sorted(by_kind)),
            )
        )
    return [source_of(name, location / path) for path in by_kind[kind]]


def source_of(root: str, location: Location) -> InputFile:
    """A file with its size, and of Parquet its rows. DataError: a text file in a store, or no Parquet file."""
    info = location.filesystem.get_file_info(location.path)
    rows = None
    if is_parquet(location.path):
        with opened(location) as stream:
            rows = parquet_file(stream, location.name).metadata.num_rows
    elif location.local is None:
        raise DataError(
            _(
                "{location}: of a store only Parquet files are read. Copy it to a disk, or make it Parquet.",
                location=location.name,
            )
        )
    modified = "" if info.mtime is None else info.mtime.isoformat()
    return InputFile(location.path if location.local else root, location.path, location.name, info.size, modified, rows)


def is_parquet(path: str) -> bool:
    """Whether a file can be read from any row on: Parquet that is not packed in gzip."""
    return path.lower().endswith(PARQUET_SUFFIXES)


@contextmanager
def opened(location: Location) -> Iterator:
    """The file as a stream in which can be sought. DataError: it cannot be opened."""
    try:
        stream = location.filesystem.open_input_file(location.path)
    except OSError as error:
        raise DataError(
            _("{location} cannot be opened: {reason}.", location=location.name, reason=error.strerror or error)
        ) from error
    with stream:
        yield stream


@contextmanager
def table_of(source: InputFile, options: ReadOptions, first: int = 0, last: int | None = None) -> Iterator[Table]:
    """The rows of a file from `first` (from 0) to before `last`; a file that is not Parquet always whole."""
    location = Location(source.name, source.path, find_location(source.root).filesystem)
    if not is_parquet(source.path):
        yield open_table(source.path, options)
        return
    with opened(location) as stream:
        yield parquet_table(parquet_file(stream, source.name), source.name, first, last)
