"""Opens a user's file or folder of any kind as a table."""

from __future__ import annotations

from pathlib import Path

from munjang.config.arguments import checked
from munjang.config.settings import ReadOptions
from munjang.data.compressed import as_on_disk
from munjang.data.readers.kinds.folders import open_folder
from munjang.data.readers.kinds.signatures import file_kind
from munjang.data.readers.table import Row, Table, cell_text
from munjang.data.readers.text import open_delimited
from munjang.translation import _

__all__ = ["Row", "Table", "cell_text", "open_table"]

READ_ONLY_FOR = {
    "sheet": ("excel",), "header_row": ("excel", "csv", "tsv", "txt"), "delimiter": ("csv", "tsv", "txt"),
}  # fmt: skip
"""Options that only some kinds of files have."""


@checked()
def open_table(path: str | Path, options: ReadOptions | None = None) -> Table:
    """The file as a table. Its first bytes tell its kind, else its ending (which may have `.gz` or `.zst` after it).

    A folder is read as a whole: see `open_folder`. DataError: the file is missing, empty or of no known kind.
    """
    path, options = as_on_disk(Path(path)), options or ReadOptions()
    if path.is_dir():
        return open_folder(path, options, open_table)
    kind = file_kind(path)
    table = open_kind(path, kind, options)
    for name, kinds in READ_ONLY_FOR.items():
        if getattr(options, name) is not None and kind not in kinds:
            table.notes.append(_("{path}: {option:{name}} is not for this kind of file", path=path, name=name))
    return table


def open_kind(path: Path, kind: str, options: ReadOptions) -> Table:
    """The file as a table of its kind."""
    if kind == "parquet":
        from munjang.data.readers.parquet import open_parquet

        return open_parquet(path)
    if kind == "excel":
        from munjang.data.readers.excel import open_sheet

        return open_sheet(path, options)
    if kind == "json":
        from munjang.data.readers.json import open_json

        return open_json(path, options)
    return open_delimited(path, kind, options)
