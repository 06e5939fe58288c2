"""Opens a user's file or folder of any kind as a table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from munjang.config.arguments import checked
from munjang.config.settings import ReadOptions
from munjang.data.compressed import open_bytes, reading
from munjang.data.readers.table import Bad, Row, Table, cell_text, text_problem
from munjang.data.readers.text import encoding_of, lines_table, open_delimited, open_lines
from munjang.data.splits import SPLIT_NAMES
from munjang.errors import DataError
from munjang.translation import _, ngettext

__all__ = ["Row", "Table", "cell_text", "open_table"]

FILE_KINDS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "txt", ".text": "txt", ".jsonl": "json", ".ndjson": "json",
    ".json": "json", ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
READ_ONLY_FOR = {
    "sheet": ("excel",), "header_row": ("excel", "csv", "tsv", "txt"), "delimiter": ("csv", "tsv", "txt"),
}  # fmt: skip
"""Options that only some kinds of files have."""
FILE_SIGNATURES = {b"PK\x03\x04": "excel", b"PAR1": "parquet", b"\xd0\xcf\x11\xe0": "old excel"}


@checked()
def open_table(path: str | Path, options: ReadOptions | None = None) -> Table:
    """The file as a table. Its first bytes tell its kind, else its ending (which may have `.gz` or `.zst` after it).

    A folder is read as texts: see `open_text_folder`. DataError: the file is missing, empty or of no known kind.
    """
    path, options = Path(path), options or ReadOptions()
    if path.is_dir():
        return open_text_folder(path, options)
    kind = file_kind(path)
    table = open_kind(path, kind, options)
    for name, kinds in READ_ONLY_FOR.items():
        if getattr(options, name) is not None and kind not in kinds:
            table.notes.append(_("{path}: {option:{name}} is not for this kind of file", path=path, name=name))
    return table


def open_kind(path: Path, kind: str, options: ReadOptions) -> Table:
    """The file as a table of its kind."""
    if kind == "old excel":
        raise DataError(
            _("{path} is an old or protected Excel file. Save it as .xlsx without a password, or as CSV.", path=path)
        )
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


def file_kind(path: Path) -> str:
    """csv, tsv, txt, json, parquet, excel or "old excel"."""
    with reading(path), open_bytes(path) as stream:
        head = stream.read(512)
    if not head:
        raise DataError(_("{path} is empty (0 bytes).", path=path))
    by_magic = next((kind for magic, kind in FILE_SIGNATURES.items() if head.startswith(magic)), None)
    if by_magic:
        return by_magic
    if head.lstrip().lower().startswith((b"<html", b"<!doctype html", b"<table")):
        raise DataError(
            _("{path} is a web page (some programs call that Excel). Open it in Excel and save it as .xlsx.", path=path)
        )
    ending = suffix_of(path)
    kind = FILE_KINDS.get(ending)
    if kind in ("parquet", "excel") or ending == ".xls":
        raise DataError(
            _(
                "{path} has the ending {ending}, but it is not such a file. Give it the ending of its real kind.",
                path=path,
                ending=ending,
            )
        )
    return kind or "txt"


def suffix_of(path: Path) -> str:
    """The ending that tells the kind, in lower case, without a `.gz` or `.zst` after it."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return Path(name).suffix


def open_text_folder(path: Path, options: ReadOptions) -> Table:
    """A folder of texts as a table with the columns text, label, file, and split if there are folders for splits.

    `FOLDER/LABEL/*.txt`: every file is one text. `FOLDER/LABEL.txt`: a file of lines, every line is one text.
    `FOLDER/train/LABEL/…` and so on give the split. Files whose names begin with a dot are skipped.
    """
    root = path
    splits = [item for item in folders(path) if item.name.lower() in SPLIT_NAMES]
    parts = [(item.name.lower(), item) for item in splits] or [("", path)]
    files = [(split, label, file, whole) for split, part in parts for label, file, whole in labelled_files(part)]
    if not files:
        raise DataError(
            _(
                "{path} holds no texts. Expected {path}/LABEL/*.txt, or {path}/LABEL.txt with one text per line.",
                path=path,
            )
        )

    def read() -> Iterator[Row | Bad]:
        for split, label, file, whole in files:
            name = str(file.relative_to(root))
            for line, text, problem in whole_text(file, options) if whole else text_lines(file, options):
                cells = (text, label, name, split) if splits else (text, label, name)
                yield Bad(line, problem, text, str(file)) if problem else Row(line, cells, str(file))

    whole_texts = sum(whole for *__, whole in files)
    kinds = []
    if whole_texts:
        kinds.append(ngettext("{count:,} file of one text", "{count:,} files of one text each", whole_texts))
    if len(files) > whole_texts:
        kinds.append(ngettext("{count:,} file of lines", "{count:,} files of lines", len(files) - whole_texts))
    if whole_texts:
        note = _("{path}: {files}; labels by folder name", path=path, files=", ".join(kinds))
    else:
        note = _("{path}: {files}; labels by file name", path=path, files=", ".join(kinds))
    columns = ("text", "label", "file", "split") if splits else ("text", "label", "file")
    return Table(str(path), columns, read, [note])


def folders(path: Path) -> list[Path]:
    """The folders in a folder, sorted, without hidden ones."""
    return sorted(item for item in path.iterdir() if item.is_dir() and not item.name.startswith("."))


def text_files(path: Path) -> list[Path]:
    """The .txt and .txt.gz files anywhere below a folder, sorted, without hidden ones."""
    return sorted(
        item for item in path.rglob("*") if item.is_file() and suffix_of(item) == ".txt" and item.name[0] != "."
    )


def labelled_files(path: Path) -> Iterator[tuple[str, Path, bool]]:
    """(label, file, whether the whole file is one text), for both layouts of a folder."""
    for folder in folders(path):
        yield from ((composed(folder.name), file, True) for file in text_files(folder))
    for file in text_files(path):
        if file.parent == path:
            yield composed(file.name.removesuffix(".gz").rpartition(".")[0]), file, False


def composed(name: str) -> str:
    """A file name as a label: macOS stores Hangul decomposed."""
    return unicodedata.normalize("NFC", name)


def whole_text(path: Path, options: ReadOptions) -> Iterator[tuple[int, str, str]]:
    """The text of a file as one (line, text, problem); line breaks stay, except at its end."""
    if path.stat().st_size == 0:
        yield 1, "", ""
        return
    parts = list(open_lines(path, encoding_of(path, options)))
    text = "\n".join(part.text.removesuffix("\r") for part in parts)
    bad = next((part for part in parts if part.problem), None)
    problem = _("line {line}: {reason}", line=bad.number, reason=bad.problem) if bad else ""
    yield 1, text.rstrip("\n") if len(text) < 1_000_000 else text[:1000] + " …", problem or text_problem(text)


def text_lines(path: Path, options: ReadOptions) -> Iterator[tuple[int, str, str]]:
    """Every line of a file of lines as (line, text, problem); an empty file has none."""
    if path.stat().st_size:
        for item in lines_table(path, encoding_of(path, options)).read():
            yield (item.line, item.raw, item.reason) if isinstance(item, Bad) else (item.line, item.cells[0], "")
