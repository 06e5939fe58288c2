"""Reads a user's file or folder as a corpus: finds columns, reads labels, sets unusable rows aside and counts them."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from munjang.config.settings import ReadOptions
from munjang.data.memory import gc_paused
from munjang.data.readers.columns import find_column, guess_label, guess_text, normal_name
from munjang.data.readers.labels import LabelRules, Refused, choose_label_set, refused
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Row, Table, cell_text, describe_rejected
from munjang.data.splits import SPLIT_NAMES
from munjang.data.trees.relations import relation_set
from munjang.data.trees.treebanks import is_treebank, read_trees
from munjang.errors import ConfigError, DataError
from munjang.records import Card, Corpus, Example, Removed
from munjang.translation import _, ngettext

log = logging.getLogger("munjang")

SAMPLED_ROWS = 1_000  # rows to look at for guessing the text column
LABEL_SAMPLE = 100_000  # and for guessing the label column: files are often sorted by label


@dataclass(frozen=True)
class Columns:
    """Indices of the columns to read; split: None if the file has no such column."""

    text: int
    label: int
    split: int | None = None


@dataclass
class Parts:
    """What was read so far: examples by split, rows set aside, and notes for the user.

    named: split -> the file with rows for it, usable or not.
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
    delimiter: str | None = None,
    header_row: int | None = None,
    options: ReadOptions | None = None,
    validation: str | Path | None = None,
    test: str | Path | None = None,
) -> Corpus:
    """The corpus in a file (CSV, TSV, JSONL, Parquet, Excel, each also .gz) or in a folder of texts.

    text, label: column names; delimiter: between the fields of CSV; header_row: counted from 1, 0 for none. They
    override those of `options`; what is given nowhere is detected and reported. A column `split` fills the splits, else
    all rows are train; `validation` and `test` are further files. If `options` fixes the label set, rows with other
    labels stay, and cleaning removes them; else the set has the labels that occur, and classes with a single example
    are set aside. DataError: no such column, no usable row, or only one label.
    """
    options = options or ReadOptions()
    given = {"text": text, "label": label, "delimiter": delimiter, "header_row": header_row}
    options = replace(options, **{name: value for name, value in given.items() if value is not None})
    if is_treebank(path):
        return read_treebank(path, options, validation=validation, test=test)
    rules, parts = LabelRules.from_options(options), Parts()
    names = read_into(parts, path, options, rules, None)
    for split, further in (("validation", validation), ("test", test)):
        if further is not None and parts.examples[split]:
            raise ConfigError(
                _(
                    "{path} has {split} rows in its column split; leave out {option:{split}={further}}.",
                    path=path,
                    split=split,
                    further=further,
                )
            )
        if further is not None:
            read_into(parts, further, replace(options, **names), rules, split)
    labels = choose_label_set(parts.examples, parts.rejected, parts.notes, rules, str(path))
    for split, file in parts.named.items():
        if not parts.examples[split]:  # train must not silently replace it
            reasons = describe_rejected([row for row in parts.rejected if row.split == split])
            raise DataError(
                _("{file}: no row can be the {split} split. {reasons}", file=file, split=split, reasons=reasons).strip()
            )
    for note in parts.notes:
        log.info("%s", note)
    if parts.rejected:
        log.warning("%s", describe_rejected(parts.rejected))
    name = Path(path).name.removesuffix(".gz")
    name = name.rpartition(".")[0] or name
    task = "classification" if rules.separator is None else "multi-label"
    card = Card(name, str(path), licence=_("your own data"), notes=tuple(parts.notes))
    return Corpus(name, task, labels, **parts.examples, card=card, rejected=tuple(parts.rejected))


def read_treebank(
    path: str | Path, options: ReadOptions, *, validation: str | Path | None, test: str | Path | None
) -> Corpus:
    """The corpus in CoNLL-U files. Its label set is the whole table of UD or KLUE if its relations belong to one."""
    given = [name for name in ("text", "label", "labels", "map", "multi_label", "sheet", "header_row", "delimiter")
             if getattr(options, name) is not None]  # fmt: skip
    if given:
        raise ConfigError(
            _(
                "{option:{name}} is for tables; {path} is a treebank in CoNLL-U.",
                name=given[0],
                path=path,
            )
        )
    files = {"train": path, "validation": validation, "test": test}
    splits = {split: list(read_trees(file)) for split, file in files.items() if file is not None}
    if not splits["train"]:
        raise DataError(_("{path} has no sentences.", path=path))
    labels = relation_set(name for examples in splits.values() for item in examples for name in item.label.relations)
    name = Path(path).name.removesuffix(".gz").rpartition(".")[0]
    return Corpus(name, "parsing", labels, **splits, card=Card(name, str(path), _("your own data"), about="structure"))


def read_into(
    parts: Parts, path: str | Path, options: ReadOptions, rules: LabelRules, split: str | None
) -> dict[str, str]:
    """Read one file into `parts`. Its rows go to `split`; if that is None, by its split column, else to train.

    Returns the names of the columns, {"text": …, "label": …}.
    """
    table = open_table(path, options)
    sample = sample_rows(table)
    text = find_text(table, options, sample)
    label = find_label(table, options, text)
    columns = Columns(text, label, None if split else find_split(table))
    refusals: list[Removed] = []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    count = 0
    for row in table.rows():
        count += 1
        target, content = "", cell_text(row.cells[text])
        try:
            target = split_of(row.cells[columns.split]) if columns.split is not None else split or "train"
            parts.named.setdefault(target, str(path))
            parts.examples[target].append(Example(content, rules.label(row.cells[label]), row.line, row.file))
        except Refused as error:
            refusals.append(refused(row, target, content, row.cells[label], error))
            counts[error.step][error.listed] += 1
    unusable = table.take_rejected()
    parts.rejected.extend(sorted([*unusable, *refusals], key=lambda item: item.line))
    parts.notes.extend(table.notes)
    parts.notes.append(
        ngettext("{file}: {count:,} record", "{file}: {count:,} records", count + len(unusable), file=str(path))
    )
    parts.notes.extend(refusal_notes(counts, str(path)))
    return {"text": table.columns[text], "label": table.columns[label]}


def sample_rows(table: Table) -> list[Row]:
    """The first rows. DataError: there is no usable row; it says why."""
    sample = list(islice(table.rows(), SAMPLED_ROWS))
    if not sample:
        only_names = _("{file} has only column names ({columns}).", file=table.file, columns=", ".join(table.columns))
        reasons = describe_rejected(table.rejected) or only_names
        raise DataError(_("{file}: no row can be used. {reasons}", file=table.file, reasons=reasons))
    return sample


def find_text(table: Table, options: ReadOptions, sample: Sequence[Row]) -> int:
    """The index of the text column, as given or guessed; a guess is added to the notes of the table."""
    if options.text is not None:
        return find_column(options.text, table.columns, table.file, "text")
    label = find_column(options.label, table.columns, table.file, "label") if options.label else None
    index, reason = guess_text(table.columns, [row.cells for row in sample], but=label)
    if len(table.columns) > 1:
        note = _(
            "{file}: texts in column {column} ({reason}; {option:text} says otherwise)",
            file=table.file,
            column=table.columns[index],
            reason=reason,
        )
        table.notes.append(note)
    return index


def find_label(table: Table, options: ReadOptions, text: int) -> int:
    """The index of the label column, as given or guessed; a guess is added to the notes of the table."""
    if options.label is not None:
        index = find_column(options.label, table.columns, table.file, "label")
        if index == text:
            raise ConfigError(
                _(
                    "{option:text} and {option:label} both name the column {column} of {file}.",
                    column=table.columns[text],
                    file=table.file,
                )
            )
        return index
    sample = [row.cells for row in islice(table.rows(), LABEL_SAMPLE)]
    index, reason = guess_label(table.columns, sample, text, table.file)
    note = _(
        "{file}: labels in column {column} ({reason}; {option:label} says otherwise)",
        file=table.file,
        column=table.columns[index],
        reason=reason,
    )
    table.notes.append(note)
    return index


def find_split(table: Table) -> int | None:
    """The index of the column `split`, if there is one."""
    return next((index for index, name in enumerate(table.columns) if normal_name(name) == "split"), None)


def split_of(value: object) -> str:
    """The split that a cell names; raises Refused."""
    name = cell_text(value).strip().casefold()
    if name not in SPLIT_NAMES:
        reason = _("'{name}' in column split is not train, validation or test", name=name)
        raise Refused("split", reason, listed=reason)
    return SPLIT_NAMES[name]


def refusal_notes(counts: Mapping[str, Counter[str]], file: str) -> list[str]:
    """What was dropped by each step: `stars.csv: dropped by --map: '3' (120), 120 rows in all`."""
    listings = {
        step: ", ".join(f"{listed} ({count:,})" for listed, count in refused.most_common(10))
        for step, refused in counts.items()
    }
    totals = {step: sum(refused.values()) for step, refused in counts.items()}
    notes = []
    if "map" in counts:
        note = ngettext(
            "{file}: dropped by {option:map}: {listing}, {count:,} row in all",
            "{file}: dropped by {option:map}: {listing}, {count:,} rows in all",
            totals["map"],
            file=file,
            listing=listings["map"],
        )
        notes.append(note)
    if "label" in counts:
        note = ngettext(
            "{file}: dropped without a label: {listing}, {count:,} row in all",
            "{file}: dropped without a label: {listing}, {count:,} rows in all",
            totals["label"],
            file=file,
            listing=listings["label"],
        )
        notes.append(note)
    if "split" in counts:
        note = ngettext(
            "{file}: dropped by split: {listing}, {count:,} row in all",
            "{file}: dropped by split: {listing}, {count:,} rows in all",
            totals["split"],
            file=file,
            listing=listings["split"],
        )
        notes.append(note)
    return notes
