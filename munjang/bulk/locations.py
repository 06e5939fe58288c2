"""Folders and files that every worker reaches: paths on a shared disk, or URIs of a store such as s3://bucket/folder.

What is written appears whole or not at all: on disks it is written beside and renamed, and stores show an object when
its upload has ended.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from munjang.errors import ConfigError, DataError
from munjang.files import first_line
from munjang.translation import _

OBJECTS = ("s3", "gcs", "abfs")
"""Kinds of file systems where an upload shows when it is complete, and where renaming would copy."""


@dataclass(frozen=True)
class Location:
    """A file or folder. name: as messages show it. path: as its file system (of pyarrow) knows it."""

    name: str
    path: str
    filesystem: Any

    @property
    def local(self) -> Path | None:
        """The path on this machine's disks, or None for a store."""
        return Path(self.path) if self.filesystem.type_name == "local" else None

    def __truediv__(self, name: str) -> Location:
        return replace(self, name=f"{self.name.rstrip('/')}/{name}", path=f"{self.path.rstrip('/')}/{name}")

    def kind(self) -> str:
        """file, folder, or "" where nothing is."""
        kinds = {"File": "file", "Directory": "folder"}
        return kinds.get(self.filesystem.get_file_info(self.path).type.name, "")

    def files(self) -> dict[str, int]:
        """The files anywhere below a folder by their path in it, sorted, with their sizes; {} where there is none."""
        from pyarrow.fs import FileSelector

        found = self.filesystem.get_file_info(FileSelector(self.path, allow_not_found=True, recursive=True))
        start = len(self.path.rstrip("/")) + 1
        return dict(sorted((item.path[start:], item.size) for item in found if item.type.name == "File"))

    def read_json(self) -> Any:
        """What a JSON file holds. DataError: it is none."""
        try:
            with self.filesystem.open_input_stream(self.path) as stream:
                return json.loads(stream.read())
        except (OSError, ValueError) as error:
            raise DataError(_("{name} cannot be read: {reason}.", name=self.name, reason=first_line(error))) from error

    def write_json(self, value: Any) -> None:
        """Write a JSON file, whole or not at all."""
        content = json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
        direct = self.filesystem.type_name in OBJECTS
        path = self.path if direct else f"{self.path}.{secrets.token_hex(4)}.beside"
        with self.filesystem.open_output_stream(path) as stream:
            stream.write(content)
        if not direct:
            self.filesystem.move(path, self.path)

    def take(self, file: Path) -> None:
        """Move a finished file of this machine here, over what may be here."""
        if self.local:
            os.replace(file, self.local)
            return
        direct = self.filesystem.type_name in OBJECTS
        path = self.path if direct else f"{self.path}.{secrets.token_hex(4)}.beside"
        with file.open("rb") as source, self.filesystem.open_output_stream(path) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        if not direct:
            self.filesystem.move(path, self.path)
        file.unlink()

    def make(self) -> None:
        """Make the folder and those above it."""
        self.filesystem.create_dir(self.path, recursive=True)

    def remove(self) -> None:
        """Delete a file or a folder with all that is in it; nothing where it is gone."""
        kind = self.kind()
        if kind == "folder":
            self.filesystem.delete_dir(self.path)
        elif kind == "file":
            self.filesystem.delete_file(self.path)


def find_location(name: str | Path) -> Location:
    """The place of a path or URI. ConfigError: a URI of no known kind."""
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
                "{text} cannot be opened: {reason}. Known are paths, s3://, gs://, abfs:// and hdfs://.",
                text=text,
                reason=first_line(error),
            )
        ) from error
    return Location(text, path, filesystem)
