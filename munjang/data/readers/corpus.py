"""A user's own file or folder as a corpus: columns found, labels read, unusable rows set aside and counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from munjang.config.settings import ReadOptions
from munjang.data.memory import gc_paused
from munjang.data.readers.columns import find_column, guess_label, guess_text, normal_name
from munjang.data.readers.labels import NOT_MAPPED, LabelRules, Refused, choose_label_set, refused
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Row, Table, cell_text, describe_rejected
from munjang.data.trees.relations import relation_set
from munjang.data.trees.treebanks import is_treebank, read_trees
from munjang.errors import ConfigError, DataError
from munjang.records import Card, Corpus, Example, Removed
from munjang.translation import _

log = logging.getLogger("munjang")

SAMPLED_ROWS = 1_000  # rows looked at when the text column is guessed
LABEL_SAMPLE = 100_000  # and the label column: files are often sorted by label
SPLIT_NAMES = {
    "train": "train", "training": "train", "학습": "train", "훈련": "train", "validation": "validation",
    "valid": "validation", "val": "validation", "dev": "validation", "검증": "validation", "test": "test",
    "eval": "test", "평가": "test", "시험": "test", "테스트": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Places of the columns that are read; split None: the file has no column of splits."""

    text: int
    label: int
    split: int | None = None


@dataclass
class Parts:
    """What was read so far: examples by split, rows set aside, and notes for the user.

    named: split -> the file that has rows for it, usable or not.
    """

    examples: dict[str, list[Example]] = field(default_factory=lambda: {"train": [], "validation": [], "test": []})
    rejected: list[Removed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)


@gc_paused()
def read_corpus(
    path: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    options: ReadOptions | None = None,
    validation: str | Path | None = None,
    test: str | Path | None = None,
) -> Corpus:
    """The corpus in a file (CSV, TSV, JSONL, Parquet, Excel, each also .gz) or in a folder of texts.

    text, label: column names, over those of `options`; guessed, and said, where neither is given. A column `split`
    fills the splits, else all rows are train; `validation` and `test` are further files. Labels outside a set that
    `options` fixes stay for cleaning to remove; without one the set is what is found, and a class with a single
    example is set aside. No such column, no usable row or one label only is a DataError.
    """
    options = options or ReadOptions()
    options = replace(options, text=text or options.text, label=label or options.label)
    if is_treebank(path):
        return read_treebank(path, options, validation=validation, test=test)
    rules, parts = LabelRules.from_options(options), Parts()
    names = read_into(parts, path, options, rules, None)
    for split, further in (("validation", validation), ("test", test)):
        if further is not None and parts.examples[split]:
            raise ConfigError(
                _(
                    "{path} has {split} rows in its column split; --{split} {further} is one too many.",
                    path=path,
                    split=split,
                    further=further,
                )
            )
        if further is not None:
            read_into(parts, further, replace(options, **names), rules, split)
    labels = choose_label_set(parts.examples, parts.rejected, parts.notes, rules, str(path))
    for split, file in parts.named.items():
        if not parts.examples[split]:  # not to be made from train in silence
            aside = [row for row in parts.rejected if row.split == split]
            raise DataError(f"{file}: no row can be the {split} split. {describe_rejected(aside)}".strip())
    for note in parts.notes:
        log.info("%s", note)
    if parts.rejected:
        log.warning("%s", describe_rejected(parts.rejected))
    name = Path(path).name.removesuffix(".gz")
    name = name.rpartition(".")[0] or name
    task = "classification" if rules.separator is None else "multi-label"
    card = Card(name, str(path), licence="your own data", notes=tuple(parts.notes))
    return Corpus(name, task, labels, **parts.examples, card=card, rejected=tuple(parts.rejected))


def read_treebank(
    path: str | Path, options: ReadOptions, *, validation: str | Path | None, test: str | Path | None
) -> Corpus:
    """The corpus in CoNLL-U files. Its relations are UD's or KLUE's whole table where they belong to it."""
    given = [name for name in ("text", "label", "labels", "map", "multi_label", "sheet", "header_row")
             if getattr(options, name) is not None]  # fmt: skip
    if given:
        raise ConfigError(
            _(
                "--{replace} is for tables; {path} is a treebank in CoNLL-U.",
                replace=given[0].replace("_", "-"),
                path=path,
            )
        )
    files = {"train": path, "validation": validation, "test": test}
    splits = {split: list(read_trees(file)) for split, file in files.items() if file is not None}
    if not splits["train"]:
        raise DataError(_("{path} has no sentences.", path=path))
    labels = relation_set(name for examples in splits.values() for item in examples for name in item.label.relations)
    name = Path(path).name.removesuffix(".gz").rpartition(".")[0]
    return Corpus(name, "parsing", labels, **splits, card=Card(name, str(path), "your own data", about="structure"))


def read_into(
    parts: Parts, path: str | Path, options: ReadOptions, rules: LabelRules, split: str | None
) -> dict[str, str]:
    """Read one file into `parts`; its rows go to `split`, or where None by its split column, or to train.

    Returns the names of the columns used, {"text": …, "label": …}.
    """
    table = open_table(path, options)
    sample = sample_rows(table)
    text = find_text(table, options, sample)
    label = find_label(table, options, text)
    columns = Columns(text, label, None if split else find_split(table))
    refusals: list[Removed] = []
    for row in table.rows():
        target, content = "", cell_text(row.cells[text])
        try:
            target = split_of(row.cells[columns.split]) if columns.split is not None else split or "train"
            parts.named.setdefault(target, str(path))
            parts.examples[target].append(Example(content, rules.label(row.cells[label]), row.line, row.file))
        except Refused as error:
            refusals.append(refused(row, target, content, row.cells[label], error))
    parts.rejected.extend(sorted([*table.take_rejected(), *refusals], key=lambda item: item.line))
    parts.notes.extend(table.notes)
    parts.notes.extend(refusal_notes(refusals, str(path)))
    return {"text": table.columns[text], "label": table.columns[label]}


def sample_rows(table: Table) -> list[Row]:
    """The first rows; a table without a usable one is a DataError that says what became of its rows."""
    sample = list(islice(table.rows(), SAMPLED_ROWS))
    if not sample:
        why = describe_rejected(table.rejected) or f"{table.file} has column names ({', '.join(table.columns)}) only."
        raise DataError(_("{file}: no row can be used. {why}", file=table.file, why=why))
    return sample


def find_text(table: Table, options: ReadOptions, sample: Sequence[Row]) -> int:
    """The place of the text column, as asked for or guessed; a guess is noted on the table."""
    if options.text is not None:
        return find_column(options.text, table.columns, table.file, "--text")
    asked = options.label and find_column(options.label, table.columns, table.file, "--label")
    place, why = guess_text(table.columns, [row.cells for row in sample], but=asked)
    if len(table.columns) > 1:
        table.notes.append(f"{table.file}: texts in column {table.columns[place]} ({why}; --text says otherwise)")
    return place


def find_label(table: Table, options: ReadOptions, text: int) -> int:
    """The place of the label column, as asked for or guessed; a guess is noted on the table."""
    if options.label is not None:
        place = find_column(options.label, table.columns, table.file, "--label")
        if place == text:
            raise ConfigError(
                _(
                    "--text and --label both name the column {columns} of {file}.",
                    columns=table.columns[text],
                    file=table.file,
                )
            )
        return place
    sample = [row.cells for row in islice(table.rows(), LABEL_SAMPLE)]
    place, why = guess_label(table.columns, sample, text, table.file)
    table.notes.append(f"{table.file}: labels in column {table.columns[place]} ({why}; --label says otherwise)")
    return place


def find_split(table: Table) -> int | None:
    """The place of the column `split`, if there is one."""
    return next((place for place, name in enumerate(table.columns) if normal_name(name) == "split"), None)


def split_of(value: object) -> str:
    """The split that a cell names; raises Refused."""
    name = cell_text(value).strip().casefold()
    if name not in SPLIT_NAMES:
        raise Refused("split", f"'{name}' in column split is none of train, validation, test")
    return SPLIT_NAMES[name]


def refusal_notes(refusals: Sequence[Removed], file: str) -> list[str]:
    """What was dropped because of labels, with counts: `3.csv: dropped by --map: '3' 120 rows`."""
    notes = []
    for step, what in (
        ("map", "dropped by --map"),
        ("label", "dropped without a label"),
        ("split", "dropped by split"),
    ):
        reasons = Counter(item.reason for item in refusals if item.step == step)
        if reasons:
            common = [(reason.removesuffix(NOT_MAPPED), count) for reason, count in reasons.most_common(10)]
            listing = ", ".join(f"{reason} ({count:,})" for reason, count in common)
            total = sum(reasons.values())
            notes.append(f"{file}: {what}: {listing}, {total:,} row{'s' * (total != 1)} in all")
    return notes


def read_texts(path: str | Path, options: ReadOptions | None = None) -> Iterator[Example]:
    """The texts of a file, one after another in bounded memory, without labels; rows set aside are said at the end."""
    options = options or ReadOptions()
    table = open_table(path, options)
    text = find_text(table, options, sample_rows(table))
    for note in table.notes:
        log.info("%s", note)
    for row in table.rows():
        yield Example(cell_text(row.cells[text]), None, row.line, row.file)
    if table.rejected:
        log.warning("%s", describe_rejected(table.rejected))
