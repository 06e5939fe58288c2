"""Makes a corpus of its files: splits and labels under munjang's names, and a card that says what was read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from munjang.data.corpora.layouts import read_records
from munjang.data.corpora.schema import CorpusRow
from munjang.data.corpora.sources import FoundFile, common_split, find
from munjang.data.memory import gc_paused
from munjang.data.splits import hold_out
from munjang.data.trees.treebanks import read_trees
from munjang.errors import DataError
from munjang.records import SPLITS, Card, Corpus, Example, Label, Tree, names_of
from munjang.translation import _

log = logging.getLogger("munjang")


@gc_paused()
def load_row(row: CorpusRow, data_dir: str | Path | None = None, *, seed: int = 13) -> Corpus:
    """The corpus of a row, from the first source that has it (see `munjang.data.corpora.table.load_corpus`)."""
    source = find(row, data_dir)
    splits: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for file in source.files:
        for split, example in read_file(file, row):
            splits[split].append(example)
    if not any(splits.values()):
        raise DataError(
            _("{source}: no rows of {corpus} in it. Download the files again.", source=source.source, corpus=row.name)
        )
    notes = [*(_(note) for note in (*row.notes, *source.notes)), *partial_notes(row, splits)]
    if not splits["train"] and splits["validation"] and "train" in row.rows:
        splits["train"], splits["validation"] = splits["validation"], []
        notes.append(_("there is no train split here: the validation split is used as train"))
    if row.made_test and splits["train"] and not (splits["test"] or splits["validation"]):
        splits["train"], splits["test"] = hold_out(splits["train"], row.made_test, seed)
        notes.append(made_test_note(row, seed))
    card = Card(row.name, source.source, row.licence, _(row.citation), row.language, row.about, tuple(notes))
    log.info("%s: %s", row.name, source.source)
    for note in notes:
        log.info("%s: %s", row.name, note)
    return Corpus(row.name, row.task, row.labels, splits["train"], splits["validation"], splits["test"], card)


def made_test_note(row: CorpusRow, seed: int) -> str:
    """The note of a test split that was made from the only file of a corpus."""
    if row.label_type is Tree:
        return _("the test split is {share:.0%} of the one file there is, seed {seed}", share=row.made_test, seed=seed)
    return _(
        "the test split is {share:.0%} of the one published file, stratified, seed {seed}",
        share=row.made_test,
        seed=seed,
    )


def row_counts(row: CorpusRow) -> dict[str, int]:
    """Rows per split of the full corpus; the rows of an embedded sample are counted."""
    if not row.embedded:
        return dict(row.rows)
    return dict(Counter(split for file in find(row).files for split, __ in read_file(file, row)))


def read_file(file: FoundFile, row: CorpusRow) -> Iterator[tuple[str, Example]]:
    """(split, example) for every record of a file; labels have the table's names."""
    if row.label_type is Tree:
        for example in read_trees(file.path):
            yield file.split, checked_tree(example, row)
        return
    names, path = LabelReader(row, file.path), str(file.path)
    for text, label, line, split in read_records(file.path, row, file.form):
        yield common_split(split, row) if split else file.split, Example(text, names(label, line), line, path)


def checked_tree(example: Example, row: CorpusRow) -> Example:
    """The example. DataError: the table does not have one of its relations."""
    if unknown := next((name for name in names_of(example.label) if name not in row.labels), None):
        raise DataError(
            _(
                "{file}, line {line}: unknown relation '{relation}'. {corpus} has {labels}.",
                file=example.file,
                line=example.line,
                relation=unknown,
                corpus=row.name,
                labels=row.labels.listing,
            )
        )
    return example


class LabelReader:
    """Turns the labels of one file into the table's names. DataError: a label is not in the table."""

    def __init__(self, row: CorpusRow, path: Path) -> None:
        self.row = row
        self.path = path
        self.known: dict[Any, str] = {}

    def __call__(self, raw: Any, line: int) -> Label:
        if self.row.label_type is not tuple:
            return self.name(raw, line)
        if isinstance(raw, str):
            raw = [part for part in raw.replace("|", ",").split(",") if part.strip()]
        chosen = {self.name(item, line) for item in raw or ()}
        return tuple(name for name in self.row.labels.names if name in chosen)

    def name(self, raw: Any, line: int) -> str:
        if raw not in self.known:
            spelled = "" if raw is None else str(raw).strip()
            if spelled not in self.row.labels:
                raise DataError(
                    _(
                        "{path}, line {line}: unknown label '{label}'. {corpus} has {labels}. Fix the row, or download "
                        "the file again.",
                        path=self.path,
                        line=line,
                        label=spelled,
                        corpus=self.row.name,
                        labels=self.row.labels.listing,
                    )
                )
            self.known[raw] = self.row.labels.resolve(spelled)
        return self.known[raw]


def partial_notes(row: CorpusRow, splits: Mapping[str, Sequence[Example]]) -> list[str]:
    """What differs from the full corpus: "partial: train 36,547 of 45,678 rows; ..."."""
    fewer = [
        _("{split} {rows:,} of {expected:,} rows", split=split, rows=len(splits[split]), expected=expected)
        for split, expected in row.rows.items()
        if len(splits[split]) < expected
    ]
    more = [
        _(
            "{split} has {rows:,} rows, {expected:,} expected: it may be another version",
            split=split,
            rows=len(splits[split]),
            expected=expected,
        )
        for split, expected in row.rows.items()
        if len(splits[split]) > expected
    ]
    return [_("partial: {splits}", splits="; ".join(fewer)), *more] if fewer else more
