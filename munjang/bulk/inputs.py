"""The input of a run: files from folders and stores with the same columns, and their rows as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from munjang.bulk.locations import Location, find_location
from munjang.config.settings import ReadOptions
from munjang.data.readers.kinds.signatures import FILE_KINDS, suffix_of
from munjang.data.readers.open import open_table
from munjang.data.readers.parquet import parquet_file, parquet_table
from munjang.data.readers.table import Table
from munjang.errors import DataError
from munjang.translation import _

PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class InputFile:
    """A file. root: the name that opens its file system; path: in that file system; name: for messages.

    rows: None unless it is Parquet.
    """

    root: str
    path: str
    name: str
    bytes: int
    modified: str
    rows: int | None = None


def find_sources(names: Sequence[str]) -> list[InputFile]:
    """The files behind names of files and folders.

    A folder gives its Parquet files at any depth, or if it has none, its files of one other kind that munjang reads.
    Hidden files (names with . or _ first) are left out. DataError: a name without files, or a file that is named twice.
    """
    sources: list[InputFile] = []
    for name in names:
        location = find_location(name)
        kind = location.kind()
        if not kind:
            raise DataError(_("No file or folder {name}.", name=name))
        sources += [source_of(name, location)] if kind == "file" else folder_sources(name, location)
    paths = [(source.root, source.path) for source in sources]
    if repeated := next((source for source in sources if paths.count((source.root, source.path)) > 1), None):
        raise DataError(_("{file} is named twice.", file=repeated.name))
    return sources


def folder_sources(name: str, location: Location) -> list[InputFile]:
    """The files of a folder in the order of their paths."""
    files = [path for path in location.files() if not any(part[0] in "._" for part in PurePosixPath(path).parts)]
    by_kind: dict[str, list[str]] = {}
    for path in files:
        by_kind.setdefault(FILE_KINDS.get(suffix_of(Path(path)), ""), []).append(path)
    by_kind.pop("", None)
    if not by_kind:
        raise DataError(
            _("{folder} holds no file that can be read: expected Parquet, CSV, TSV, JSON Lines or Excel.", folder=name)
        )
    kind = "parquet" if "parquet" in by_kind else next(iter(by_kind))
    if kind != "parquet" and len(by_kind) > 1:
        raise DataError(
            _(
                "{folder} holds files of several kinds ({kinds}). Name the files to classify.",
                folder=name,
                kinds=", ".join(sorted(by_kind)),
            )
        )
    return [source_of(name, location / path) for path in by_kind[kind]]


def source_of(root: str, location: Location) -> InputFile:
    """A file with its size, and its rows if it is Parquet. DataError: a text file in a store, or broken Parquet."""
    info = location.filesystem.get_file_info(location.path)
    rows = None
    if is_parquet(location.path):
        with opened(location) as stream:
            rows = parquet_file(stream, location.name).metadata.num_rows
    elif location.local is None:
        raise DataError(
            _(
                "{file}: only Parquet files are read from a store. Copy it to a disk, or convert it to Parquet.",
                file=location.name,
            )
        )
    modified = "" if info.mtime is None else info.mtime.isoformat()
    return InputFile(location.path if location.local else root, location.path, location.name, info.size, modified, rows)


def is_parquet(path: str) -> bool:
    """Whether reading can begin at any row: a Parquet file without gzip around it."""
    return path.lower().endswith(PARQUET_SUFFIXES)


@contextmanager
def opened(location: Location) -> Iterator:
    """The file as a seekable stream. DataError: it cannot be opened."""
    try:
        stream = location.filesystem.open_input_file(location.path)
    except OSError as error:
        raise DataError(
            _("{file} cannot be opened: {reason}.", file=location.name, reason=error.strerror or error)
        ) from error
    with stream:
        yield stream


@contextmanager
def table_of(source: InputFile, options: ReadOptions, first: int = 0, last: int | None = None) -> Iterator[Table]:
    """The rows of a file from `first` (counted from 0) to before `last`; a file that is not Parquet is given whole."""
    location = Location(source.name, source.path, find_location(source.root).filesystem)
    if not is_parquet(source.path):
        yield open_table(source.path, options)
        return
    with opened(location) as stream:
        yield parquet_table(parquet_file(stream, source.name), source.name, first, last)
