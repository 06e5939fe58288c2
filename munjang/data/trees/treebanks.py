"""Reads and writes dependency trees: KLUE's tab-separated form, CoNLL-U, and KLUE's parquet on the hub. Strictly.

Every sentence becomes an Example with its words between single spaces as text and a Tree as label. Anything else is a
DataError that names the file, the line and the sentence.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from munjang.data.readers.parquet import parquet_file, parquet_table
from munjang.data.readers.table import Bad
from munjang.data.trees.shapes import flaw
from munjang.errors import DataError
from munjang.records import Example, Tree
from munjang.translation import _, ngettext

KLUE_COLUMNS = ("INDEX", "WORD_FORM", "LEMMA", "POS", "HEAD", "DEPREL")
CONLLU_COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")


@dataclass(frozen=True)
class TreeFileLayout:
    """A form of tree file.

    columns: their names. word, head, relation: indices of the columns that are read. pos: indices of the columns with
    parts of speech; the first one that is filled is used.
    """

    columns: tuple[str, ...]
    word: int
    head: int
    relation: int
    pos: tuple[int, ...]


KLUE_LAYOUT = TreeFileLayout(KLUE_COLUMNS, 1, 4, 5, (3,))
CONLLU_LAYOUT = TreeFileLayout(CONLLU_COLUMNS, 1, 6, 7, (4, 3))


def is_treebank(path: str | Path) -> bool:
    """Whether a file has trees: its name ends like a file of CoNLL-U, or it begins with KLUE's `##`."""
    path = Path(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".tsv") and path.is_file():
        with path.open("rb") as stream:
            return stream.read(5).removeprefix(b"\xef\xbb\xbf").startswith(b"##")
    return name.endswith((".conllu", ".conll"))


def read_trees(path: str | Path) -> Iterator[Example]:
    """The sentences of a tree file: parquet, or text in the form of CoNLL-U (ten columns) or KLUE (six columns).

    `.gz` after the name is fine. In CoNLL-U, ranges (`1-2`) and empty nodes (`1.1`) are skipped.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        yield from read_klue_parquet(path)
        return
    for number, comments, rows in sentence_blocks(path):
        yield read_block(path, number, comments, rows)


def sentence_blocks(path: Path) -> Iterator[tuple[int, list[str], list[tuple[int, list[str]]]]]:
    """Sentence by sentence: its number from 1, its comment lines, and its rows as (line, fields)."""
    comments: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    number = 0
    for line, text in enumerate([*read_tree_file(path).split("\n"), ""], start=1):
        text = text.removesuffix("\r")
        if text.startswith("#") and not rows:
            comments.append(text.lstrip("#").strip())
        elif text.strip():
            rows.append((line, text.split("\t")))
        elif rows:
            number += 1
            yield number, comments, rows
            comments, rows = [], []


def read_tree_file(path: Path) -> str:
    """The text of a file in utf-8, plain or gzipped."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            _(
                "{path} is not utf-8 ({reason} at byte {position}). Save it as utf-8.",
                path=path,
                reason=error.reason,
                position=error.start,
            )
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            _("{path} is not a complete gzip file ({reason}). Download it again.", path=path, reason=error)
        ) from error
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)) from error


def read_block(path: Path, number: int, comments: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Example:
    """One sentence, checked."""
    name = sentence_name(comments, number)
    first = rows[0][0]
    layouts = {len(layout.columns): layout for layout in (KLUE_LAYOUT, CONLLU_LAYOUT)}
    layout = layouts.get(len(rows[0][1]))
    if layout is None:
        raise DataError(
            ngettext(
                "{path}, line {line}, sentence {sentence}: {count} column between tabs; KLUE's form has 6 "
                "({columns}), CoNLL-U has 10.",
                "{path}, line {line}, sentence {sentence}: {count} columns between tabs; KLUE's form has 6 "
                "({columns}), CoNLL-U has 10.",
                len(rows[0][1]),
                path=path,
                line=first,
                sentence=name,
                columns=", ".join(KLUE_COLUMNS),
            )
        )
    words: list[str] = []
    heads: list[int] = []
    relations: list[str] = []
    pos: list[str] = []
    lines: list[int] = []
    for line, fields in rows:
        if len(fields) != len(layout.columns):
            raise DataError(
                ngettext(
                    "{path}, line {line}, sentence {sentence}: {count} column, the sentence began with {expected}.",
                    "{path}, line {line}, sentence {sentence}: {count} columns, the sentence began with {expected}.",
                    len(fields),
                    path=path,
                    line=line,
                    sentence=name,
                    expected=len(layout.columns),
                )
            )
        if layout is CONLLU_LAYOUT and not fields[0].isdigit() and is_skipped(fields[0]):
            continue
        number = len(words) + 1
        if fields[0] != str(number):
            raise DataError(
                _(
                    "{path}, line {line}, sentence {sentence}: index '{index}', expected {number}: there is a gap.",
                    path=path,
                    line=line,
                    sentence=name,
                    index=fields[0],
                    number=number,
                )
            )
        word = "".join(fields[layout.word].split())  # a form with a space inside is still one word
        if not word:
            raise DataError(
                _(
                    "{path}, line {line}, sentence {sentence}: word {number} is empty.",
                    path=path,
                    line=line,
                    sentence=name,
                    number=number,
                )
            )
        head = fields[layout.head]
        if not head.isascii() or not head.isdigit():
            raise DataError(
                _(
                    "{path}, line {line}, sentence {sentence}: the head of word {number} is '{head}', not a number.",
                    path=path,
                    line=line,
                    sentence=name,
                    number=number,
                    head=head,
                )
            )
        words.append(word)
        heads.append(int(head))
        relations.append("" if fields[layout.relation] == "_" else fields[layout.relation].strip())
        pos.append(next((fields[column] for column in layout.pos if fields[column] not in ("", "_")), ""))
        lines.append(line)
    return make_example((words, heads, relations, pos), str(path), first if not lines else lines[0], name)


def is_skipped(index: str) -> bool:
    """Whether an index of CoNLL-U is a range of words (`1-2`) or an empty node (`1.1`)."""
    return any(all(part.isdigit() for part in index.split(sign)) and sign in index for sign in "-.")


def sentence_name(comments: Sequence[str], number: int) -> str:
    """A sentence's name in messages: its number, and its id if a comment has one (`sent_id =`, KLUE's first word)."""
    for comment in comments:
        key, equals, value = comment.partition("=")
        if equals and key.strip() == "sent_id":
            return f"{number} ({value.strip()})"
        if comment.startswith("klue-dp"):
            return f"{number} ({comment.split()[0]})"
    return str(number)


def make_example(
    columns: tuple[Sequence[str], Sequence[int], Sequence[str], Sequence[str]], file: str, line: int, name: str
) -> Example:
    """An Example with a tree from its words, heads, relations and parts of speech. DataError: they are not a tree."""
    words, heads, relations, pos = columns
    if reason := flaw(heads, relations):
        raise DataError(
            _(
                "{file}, line {line}, sentence {sentence} is not a tree. {reason} Fix the file, or leave it out.",
                file=file,
                line=line,
                sentence=name,
                reason=reason,
            )
        )
    tree = Tree(tuple(words), tuple(heads), tuple(relations), tuple(pos) if all(pos) else ())
    return Example(" ".join(words), tree, line, file)


def read_klue_parquet(path: Path) -> Iterator[Example]:
    """The sentences of KLUE's parquet on the hub: columns word_form, head, deprel and maybe pos, a list in each row."""
    wanted = ["word_form", "head", "deprel"]
    parquet = parquet_file(str(path), str(path))
    names = parquet.schema_arrow.names
    if missing := [name for name in wanted if name not in names]:
        raise DataError(
            _(
                "{path} has no column '{column}'; it has {columns}.",
                path=path,
                column=missing[0],
                columns=", ".join(names),
            )
        )
    table = parquet_table(parquet, str(path), wanted=[*wanted, *(["pos"] if "pos" in names else [])])
    for item in table.read():
        if isinstance(item, Bad):
            raise DataError(_("{path}, row {row}: {reason}.", path=path, row=item.line, reason=item.reason))
        line, row = item.line, dict(zip(table.columns, item.cells, strict=True))
        words = ["".join(word.split()) for word in row["word_form"]]
        if not len(words) == len(row["head"]) == len(row["deprel"]):
            raise DataError(
                _(
                    "{path}, row {row}: {words} words, {heads} heads, {relations} relations; expected equal numbers.",
                    path=path,
                    row=line,
                    words=len(words),
                    heads=len(row["head"]),
                    relations=len(row["deprel"]),
                )
            )
        pos = row.get("pos") or [""] * len(words)
        if len(pos) != len(words):
            raise DataError(
                _(
                    "{path}, row {row}: {words} words, {pos} parts of speech; expected equal numbers.",
                    path=path,
                    row=line,
                    words=len(words),
                    pos=len(pos),
                )
            )
        yield make_example((words, row["head"], row["deprel"], pos), str(path), line, str(line))


def sentence_conllu(tree: Tree, number: int, text: str) -> str:
    """One tree in CoNLL-U with the empty line after it. text: as it was given; white space becomes single spaces."""
    lines = [f"# sent_id = {number}", f"# text = {' '.join(text.split())}"]
    for index, (word, head, name) in enumerate(zip(tree.words, tree.heads, tree.relations, strict=True), start=1):
        lines.append("\t".join([str(index), word, "_", "_", "_", "_", str(head), name, "_", "_"]))
    return "\n".join(lines) + "\n\n"
