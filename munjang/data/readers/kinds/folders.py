"""Folders as tables: texts in folders and files named by their labels, or files that are parts of one table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import KNOWN_NAMES, normal_name
from munjang.data.readers.kinds.signatures import FILE_KINDS, suffix_of
from munjang.data.readers.table import Bad, Row, Table, short_list, text_problem
from munjang.data.readers.text import encoding_of, lines_table, open_delimited, open_lines
from munjang.data.splits import SPLIT_NAMES
from munjang.errors import DataError
from munjang.translation import _, ngettext

ABOUT = ("readme", "license", "licence", "copying", "notice", "changelog", "citation", "requirements", "authors")
"""Names of files that say something about the others."""
OpenFile = Callable[[Path, ReadOptions], Table]


def open_folder(path: Path, options: ReadOptions, open_file: OpenFile) -> Table:
    """A folder as a table: of texts (`open_text_folder`), or of the tables in it (`joined_tables`).

    What is not read is named in a note. open_file: opens one file as a table.
    """
    splits = [item for item in folders(path) if item.name.lower() in SPLIT_NAMES]
    parts = [(item.name.lower(), item) for item in splits] or [("", path)]
    texts = [(split, label, file, whole) for split, part in parts for label, file, whole in labelled_files(part)]
    tables = [(split, file) for split, part in parts for file in table_files(part)]
    tables += [(split, file) for split, __, file, whole in texts if not whole and is_table(file, options)]
    texts = [item for item in texts if (item[0], item[2]) not in tables]
    if not texts and not tables:
        raise DataError(
            _(
                "{path} holds no texts. Expected {path}/LABEL/*.txt, or {path}/LABEL.txt with one text per line.",
                path=path,
            )
        )
    table = open_text_folder(path, texts, options) if texts else joined_tables(path, tables, options, open_file)
    used = {file for __, __, file, __ in texts} or {file for __, file in tables}
    rest = [str(item.relative_to(path)) for __, part in parts for item in visible_files(part) if item not in used]
    if rest:
        table.notes.append(_("{path}: not read: {names}", path=path, names=short_list(rest)))
    return table


def joined_tables(path: Path, files: Sequence[tuple[str, Path]], options: ReadOptions, open_file: OpenFile) -> Table:
    """The rows of files with the same columns, one file after the other; (split, file), where the folder names one.

    Files that are called ratings_train.txt and ratings_test.txt give a column `split`. DataError: their columns differ,
    or only some of them name a split.
    """
    files = sorted((split or split_named(file), file) for split, file in files)
    files.sort(key=lambda item: item[1])
    tables = [open_file(file, options) for __, file in files]
    first = tables[0]
    for table in tables[1:]:
        if table.columns != first.columns:
            raise DataError(
                _(
                    "{path} holds files with different columns: {file} ({names}), {other} ({others}). Name one of them "
                    "instead of the folder.",
                    path=path,
                    file=Path(first.file).name,
                    names=short_list(first.columns),
                    other=Path(table.file).name,
                    others=short_list(table.columns),
                )
            )
    named = [split for split, __ in files if split]
    if named and len(named) < len(files):
        raise DataError(
            _(
                "{path}: only some of its files name a split in their names: {names}. Name one of them, and the others "
                "with {option:validation=FILE} and {option:test=FILE}.",
                path=path,
                names=short_list([file.name for __, file in files]),
            )
        )
    has_split = len(set(named)) > 1 and "split" not in map(normal_name, first.columns)

    def read() -> Iterator[Row | Bad]:
        for (split, __), table in zip(files, tables, strict=True):
            for item in table.read():
                yield item._replace(cells=(*item.cells, split)) if has_split and isinstance(item, Row) else item

    count = ngettext("{path}: {count:,} file of a table", "{path}: {count:,} files of one table", len(files), path=path)
    notes = [count, *first.notes]
    columns = (*first.columns, "split") if has_split else first.columns
    types = first.types if all(table.types == first.types for table in tables) else None
    return Table(str(path), columns, read, notes, types=types, quoted=first.quoted)


def split_named(file: Path) -> str:
    """The split that one of the words of a file name names, or ""."""
    words = re.split(r"[^a-z가-힣]+", composed(file.name).lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "")


def open_text_folder(path: Path, files: Sequence[tuple[str, str, Path, bool]], options: ReadOptions) -> Table:
    """A folder of texts as a table with the columns text, label, file, and split if there are folders for splits.

    `FOLDER/LABEL/*.txt`: every file is one text. `FOLDER/LABEL.txt`: a file of lines, every line is one text.
    `FOLDER/train/LABEL/…` and so on give the split. files: (split, label, file, whether the whole file is one text).
    """
    splits = any(split for split, *__ in files)

    def read() -> Iterator[Row | Bad]:
        for split, label, file, whole in files:
            name = str(file.relative_to(path))
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


def visible_files(path: Path) -> list[Path]:
    """The files straight in a folder, sorted, without hidden ones and without marks such as _SUCCESS."""
    return sorted(item for item in path.iterdir() if item.is_file() and item.name[0] not in "._")


def is_about(file: Path) -> bool:
    """Whether a file says something about the others, by its name."""
    return file.name.partition(".")[0].casefold() in ABOUT


def table_files(path: Path) -> list[Path]:
    """The files straight in a folder whose endings are of tables."""
    kinds = [(file, FILE_KINDS.get(suffix_of(file), "txt")) for file in visible_files(path) if not is_about(file)]
    return [file for file, kind in kinds if kind != "txt"]


def is_table(file: Path, options: ReadOptions) -> bool:
    """Whether a .txt file is a table with names of columns that many files use."""
    columns = open_delimited(file, "txt", options).columns if file.stat().st_size else ()
    return len(columns) > 1 and any(normal_name(name) in KNOWN_NAMES for name in columns)


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
        if file.parent == path and not is_about(file):
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
