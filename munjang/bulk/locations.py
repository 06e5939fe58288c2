"""Folders and files that every worker can reach: paths on a shared disk, or URIs of a store such as s3://bucket/folder.

Files appear whole or not at all. On disks they are written under another name and renamed; stores show an object when
its upload is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from munjang.errors import ConfigError, DataError
from munjang.files import first_line, whole_file
from munjang.translation import _

OBJECTS = ("s3", "gcs", "abfs")
"""Kinds of file systems that show an upload only when it is complete, and where renaming would copy."""


@dataclass(frozen=True)
class Location:
    """A file or folder. name: as messages show it. path: as its file system (from pyarrow) uses it."""

    name: str
    path: str
    filesystem: Any

    @property
    def local(self) -> Path | None:
        """The path on this machine's disks, None for a store."""
        return Path(self.path) if self.filesystem.type_name == "local" else None

    def __truediv__(self, name: str) -> Location:
        return replace(self, name=f"{self.name.rstrip('/')}/{name}", path=f"{self.path.rstrip('/')}/{name}")

    def kind(self) -> str:
        """One of file, folder, or "" if there is nothing."""
        kinds = {"File": "file", "Directory": "folder"}
        return kinds.get(self.filesystem.get_file_info(self.path).type.name, "")

    def files(self) -> dict[str, int]:
        """The files at any depth in a folder: path in the folder -> size, sorted; {} if there are none."""
        from pyarrow.fs import FileSelector

        entries = self.filesystem.get_file_info(FileSelector(self.path, allow_not_found=True, recursive=True))
        start = len(self.path.rstrip("/")) + 1
        return dict(sorted((entry.path[start:], entry.size) for entry in entries if entry.type.name == "File"))

    def read_json(self) -> Any:
        """The content of a JSON file. DataError: it cannot be read, or is not JSON."""
        try:
            with self.filesystem.open_input_stream(self.path) as stream:
                return json.loads(stream.read())
        except (OSError, ValueError) as error:
            raise DataError(_("{file} cannot be read: {reason}.", file=self.name, reason=first_line(error))) from error

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """A stream to write a file with; it appears here, over what may be here, when the block ends without error."""
        if self.local:
            with whole_file(self.local) as temporary, temporary.open("wb") as stream:
                yield stream
            return
        direct = self.filesystem.type_name in OBJECTS
        path = self.path if direct else f"{self.path}.{os.urandom(4).hex()}.beside"
        with self.filesystem.open_output_stream(path) as stream:
            yield stream
        if not direct:
            self.filesystem.move(path, self.path)

    def write_json(self, value: Any) -> None:
        """Write a JSON file, whole or not at all."""
        with self.stream() as stream:
            stream.write(json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")

    def take(self, file: Path) -> None:
        """Move a finished local file to this location, and replace a file that is there."""
        if self.local:
            file.replace(self.local)
            return
        with file.open("rb") as source, self.stream() as target:
            shutil.copyfileobj(source, target, 1 << 20)
        file.unlink()

    def make(self) -> None:
        """Make the folder and its parents."""
        self.filesystem.create_dir(self.path, recursive=True)

    def remove(self) -> None:
        """Delete a file, or a folder with its content; do nothing if it does not exist."""
        kind = self.kind()
        if kind == "folder":
            self.filesystem.delete_dir(self.path)
        elif kind == "file":
            self.filesystem.delete_file(self.path)


def find_location(name: str | Path) -> Location:
    """The location of a path or URI. ConfigError: a URI of an unknown kind."""
    import pyarrow
    from pyarrow.fs import FileSystem, LocalFileSystem

    text = str(name)
    if "://" not in text:
        return Location(text, os.path.abspath(text), LocalFileSystem())
    try:
        filesystem, path = FileSystem.from_uri(text)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ConfigError(
            _(
                "{uri} cannot be opened: {reason}. Known are paths, s3://, gs://, abfs:// and hdfs://.",
                uri=text,
                reason=first_line(error),
            )
        ) from error
    return Location(text, path, filesystem)
