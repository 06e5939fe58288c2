"""Reads a user's file or folder as a corpus: finds columns, reads labels, sets unusable rows aside and counts them."""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Literal

from munjang.config.arguments import check_path, checked
from munjang.config.settings import ReadOptions
from munjang.data.memory import gc_paused
from munjang.data.readers.columns import (
    UNKNOWN,
    Columns,
    LabelsUnclear,
    cells_text,
    column_names,
    find_column,
    find_columns,
    guess_label,
    guess_text,
    normal_name,
    text_rank,
    tidy_cell,
)
from munjang.data.readers.labels import LabelRules, Refused, choose_label_set, refused, untidy_note
from munjang.data.readers.lines import ungarbled
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
LOST, WORD = re.compile(r"[?\ufffd]"), re.compile(r"\w")
LOST_WORDS = re.compile(r"(?<![?\ufffd])[?\ufffd]{2,}+\s++[?\ufffd]{2}")
SHOWN_TEXT = 20  # characters of a text in a message
LABEL_SAMPLE = 100_000  # and for guessing the label column: files are often sorted by label


Purpose = Literal["train", "clean", "look"]
"""What a file is read for: to train a model, to clean texts with or without labels, or to see what is in it."""


@dataclass
class Parts:
    """What was read so far: examples by split, rows set aside, and notes for the user.

    rules: how labels are read. columns: those whose cells the examples keep. named: split -> the file with rows for it,
    usable or not. has_labels: whether a file has a column of labels.
    """

    rules: LabelRules
    purpose: Purpose
    columns: Sequence[str] = ()
    examples: dict[str, list[Example]] = field(default_factory=lambda: {"train": [], "validation": [], "test": []})
    rejected: list[Removed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    has_labels: bool = False


@checked("path", "text", "label", "delimiter", "header_row")
@gc_paused()
def read_corpus(
    path: str | Path,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    delimiter: str | None = None,
    header_row: int | None = None,
    options: ReadOptions | None = None,
    columns: Sequence[str] = (),
    validation: str | Path | None = None,
    test: str | Path | None = None,
    purpose: Purpose = "train",
) -> Corpus:
    """The corpus in a file (CSV, TSV, JSONL, Parquet, Excel, each also .gz) or in a folder of texts.

    text, label: column names; delimiter: between the fields of CSV; header_row: counted from 1, 0 for none. They
    override those of `options`; what is given nowhere is detected and reported. Several text columns are joined by a
    space; several label columns say each whether a text has this label. columns: further ones whose cells the examples
    keep, to score by them. A column `split` fills the splits, else all rows are train; `validation` and `test` are
    further files. If `options` fixes the label set, rows with other labels
    stay, and cleaning removes them; else the set has the labels that occur, and classes with a single example are set
    aside. purpose: "train" needs labels; "clean" takes a file without them, too; with "look" every label that occurs is
    in the set. DataError: no such column, no usable row, or only one label.
    """
    if not isinstance(path, (str, PathLike)):
        raise DataError(
            _(
                "read_corpus takes the path of a file, found a {type}. Write a table to a file first, such as "
                "frame.to_csv('texts.csv', index=False).",
                type=type(path).__name__,
            )
        )
    check_path("path", path)
    options = options or ReadOptions()
    given = {"text": text, "label": label, "delimiter": delimiter, "header_row": header_row}
    options = replace(options, **{name: value for name, value in given.items() if value is not None})
    if is_treebank(path):
        return read_treebank(path, options, columns, validation=validation, test=test)
    parts = Parts(LabelRules.from_options(options), purpose, columns)
    names = read_into(parts, path, options, None)
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
            read_into(parts, further, replace(options, **names), split)
    labels = choose_label_set(
        parts.examples,
        parts.rejected,
        parts.notes,
        parts.rules if parts.has_labels else None,
        str(path),
        any_label=purpose == "look",
    )
    for split, file in parts.named.items():
        if not parts.examples[split]:  # train must not silently replace it
            reasons = describe_rejected([row for row in parts.rejected if row.split == split])
            raise DataError(
                _("{file}: no row can be the {split} split. {reasons}", file=file, split=split, reasons=reasons).strip()
            )
    for note in parts.notes if purpose != "look" else ():  # the card shows them
        log.info("%s", note)
    if parts.rejected:
        log.warning("%s", describe_rejected(parts.rejected))
    name = Path(path).name.removesuffix(".gz")
    name = name.rpartition(".")[0] or name
    task = "multi-label" if parts.rules.several else "classification"
    card = Card(name, str(path), licence=_("your own data"), notes=tuple(parts.notes))
    return Corpus(name, task, labels, **parts.examples, card=card, rejected=tuple(parts.rejected))


def read_treebank(
    path: str | Path,
    options: ReadOptions,
    columns: Sequence[str],
    *,
    validation: str | Path | None,
    test: str | Path | None,
) -> Corpus:
    """The corpus in CoNLL-U files. Its label set is the whole table of UD or KLUE if its relations belong to one."""
    named = ("text", "label", "labels", "map", "multi_label", "sheet", "header_row", "delimiter")
    given = ["columns"] * bool(columns) + [name for name in named if getattr(options, name) is not None]
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


def read_into(parts: Parts, path: str | Path, options: ReadOptions, split: str | None) -> dict[str, str | None]:
    """Read one file into `parts`. Its rows go to `split`; if that is None, by its split column, else to train.

    Returns the names of the columns, {"text": …, "label": …}.
    """
    table = open_table(path, options)
    text = find_text(table, options, sample_rows(table), ask=parts.purpose != "look")
    label = find_label(table, options, text, parts.purpose)
    split_column = None if split else find_split(table)
    kept = {name: find_column(name, table.columns, table.file, "columns") for name in parts.columns}
    if label is not None:
        parts.has_labels, parts.rules = True, parts.rules.for_columns(table.columns, label)
    rules, refusals = parts.rules, list[Removed]()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    count = 0
    label_cells: Counter[str] = Counter()
    for row in table.rows():
        count += 1
        target, content = "", cells_text(row.cells, text)
        try:
            target = split_of(row.cells[split_column]) if split_column is not None else split or "train"
            parts.named.setdefault(target, str(path))
            meant = None if label is None else rules.label(row.cells, label)
            cells = {name: tidy_cell(row.cells[index]) for name, index in kept.items()} if kept else None
            parts.examples[target].append(Example(content, meant, row.line, row.file, cells))
            if isinstance(meant, str):
                label_cells[cells_text(row.cells, label)] += 1
        except Refused as error:
            if parts.purpose == "look" and error.step == "label":
                parts.examples[target].append(Example(content, None, row.line, row.file))
                if error.reason == _("no label"):  # the card counts them
                    continue
            else:
                shown = "" if label is None else cells_text(row.cells, label)
                refusals.append(refused(row, target, content, shown, error))
            counts[error.step][error.listed] += 1
    unusable = table.take_rejected()
    records = ngettext("{file}: {count:,} record", "{file}: {count:,} records", count + len(unusable), file=str(path))
    parts.rejected.extend(sorted([*unusable, *refusals], key=lambda item: item.line))
    notes = [*table.notes, records, *untidy_note(label_cells, str(path)), *refusal_notes(counts, str(path))]
    parts.notes.extend(notes)
    return {
        "text": column_names(table.columns, text),
        "label": None if label is None else column_names(table.columns, label),
    }


def sample_rows(table: Table) -> list[Row]:
    """The first rows. DataError: there is no usable row; it says why."""
    sample = list(islice(table.rows(), SAMPLED_ROWS))
    if not sample:
        only_names = _("{file} has only column names ({columns}).", file=table.file, columns=", ".join(table.columns))
        reasons = describe_rejected(table.rejected) or only_names
        raise DataError(_("{file}: no row can be used. {reasons}", file=table.file, reasons=reasons))
    return sample


def find_text(table: Table, options: ReadOptions, sample: Sequence[Row], *, ask: bool = True) -> Columns:
    """The text column, as given or guessed; a guess is added to the notes of the table.

    Several if the options name several. DataError: more than one could be it; if not `ask`, the longest is taken.
    """
    if options.text is not None:
        text = find_columns(options.text, table.columns, table.file, "text")
    else:
        text = guessed_text(table, options, sample, ask)
        if all(text_rank(table.columns[index]) >= UNKNOWN for index in indices(text)):  # the right one may be damaged
            for index, column in enumerate(table.columns):
                refuse_damaged(table.file, [cell_text(row.cells[index]) for row in sample], column)
    refuse_damaged(table.file, [cells_text(row.cells, text) for row in sample], column_names(table.columns, text))
    return text


def refuse_damaged(file: str, texts: Sequence[str], column: str) -> None:
    """A DataError if most texts were read or saved in a wrong encoding before they came into the file."""
    filled = [text for text in texts if text.strip()]
    marks = [text for text in filled if LOST.search(text) and not WORD.search(text)]
    if 2 * len(marks) > len(filled) and any(map(LOST_WORDS.search, marks)):
        raise DataError(
            _(
                "{file}: the texts in column {column} are question marks, such as '{text}': they were saved in an "
                "encoding without Hangul. Save them again as UTF-8.",
                file=file,
                column=column,
                text=marks[0][:SHOWN_TEXT],
            )
        )
    garbled = [(text, meant) for text in filled if (meant := ungarbled(text)) != text]
    if 2 * len(garbled) > len(filled):
        text, meant = garbled[0]
        raise DataError(
            _(
                "{file}: the texts in column {column} were read in a wrong encoding before they were saved: '{text}' "
                "is '{meant}'. Save them again as UTF-8 from where they come.",
                file=file,
                column=column,
                text=text[:SHOWN_TEXT],
                meant=meant[:SHOWN_TEXT],
            )
        )


def guessed_text(table: Table, options: ReadOptions, sample: Sequence[Row], ask: bool) -> Columns:
    """The text column by its name or its texts, as in `find_text`."""
    label = find_columns(options.label, table.columns, table.file, "label") if options.label else ()
    guess = guess_text(table.columns, [row.cells for row in sample], but=indices(label))
    best = max(guess.best, key=guess.lengths.__getitem__)
    both = column_names(table.columns, (*guess.best, *guess.others))
    if len(guess.best) > 1 and ask:
        listing = [
            _("{column} ({length:.0f} characters on average)", column=table.columns[index], length=guess.lengths[index])
            for index in guess.best
        ]
        raise DataError(
            _(
                "{file}: several columns could be the texts: {columns}. Say which with {option:text=COLUMN}, or join "
                "them with {option:text={both}}.",
                file=table.file,
                columns=", ".join(listing),
                both=both,
            )
        )
    if len(guess.best) + len(guess.others) > 1:
        note = _(
            "{file}: texts in column {column} ({reason}; {option:text} says otherwise; {option:text={both}} joins the "
            "columns that hold texts)",
            file=table.file,
            column=table.columns[best],
            reason=guess.reason,
            both=both,
        )
        table.notes.append(note)
    elif len(table.columns) > 1:
        note = _(
            "{file}: texts in column {column} ({reason}; {option:text} says otherwise)",
            file=table.file,
            column=table.columns[best],
            reason=guess.reason,
        )
        table.notes.append(note)
    return best


def indices(columns: Columns) -> tuple[int, ...]:
    """The indices of one or several columns."""
    return (columns,) if isinstance(columns, int) else columns


def find_label(table: Table, options: ReadOptions, text: Columns, purpose: Purpose) -> Columns | None:
    """The label column, as given or guessed; a guess is added to the notes of the table.

    Several if the options name several. None: a file without labels, where `purpose` allows it.
    """
    if options.label is not None:
        label = find_columns(options.label, table.columns, table.file, "label")
        for index in set(indices(label)) & set(indices(text)):
            raise ConfigError(
                _(
                    "{option:text} and {option:label} both name the column {column} of {file}.",
                    column=table.columns[index],
                    file=table.file,
                )
            )
        return label
    sample = [row.cells for row in islice(table.rows(), LABEL_SAMPLE)]
    try:
        index, reason = guess_label(table.columns, sample, indices(text), table.file)
    except LabelsUnclear as error:
        if purpose == "train" or (purpose == "clean" and error.candidates):
            raise
        nothing = _("{file}: no column of labels found; {option:label} says otherwise", file=table.file)
        table.notes.append(str(error) if error.candidates else nothing)
        return None
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
    """What was dropped by each step: `stars.csv: dropped by {option:map}: '3' (120), 120 rows in all`."""
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
