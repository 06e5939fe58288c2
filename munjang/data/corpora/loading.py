"""From found files to a corpus: splits under their common names, labels by name, a card that says what was read."""

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
from munjang.records import SPLITS, Card, Corpus, Example, Label
from munjang.translation import _

log = logging.getLogger("munjang")


@gc_paused()
def load_row(row: CorpusRow, data_dir: str | Path | None = None, *, seed: int = 13) -> Corpus:
    """The corpus of a row, from the first source that has it (see `munjang.data.corpora.table.load_corpus`)."""
    found = find(row, data_dir)
    splits: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for file in found.files:
        for split, example in read_file(file, row):
            splits[split].append(example)
    if not any(splits.values()):
        raise DataError(_("{source}: no rows of {row} in it. Fetch the files anew.", source=found.source, row=row.name))
    notes = [*row.notes, *found.notes, *partial_notes(row, splits)]
    if not splits["train"] and splits["validation"] and "train" in row.rows:
        splits["train"], splits["validation"] = splits["validation"], []
        notes.append("there is no train split here: the validation split is used as train")
    if row.made_test and splits["train"] and not (splits["test"] or splits["validation"]):
        splits["train"], splits["test"] = hold_out(splits["train"], row.made_test, seed)
        how = "" if row.task == "parsing" else "stratified, "
        one = "one published file" if len(row.rows) == 1 else "one file there is"
        notes.append(f"the test split is {row.made_test:.0%} of the {one}, {how}seed {seed}")
    card = Card(row.name, found.source, row.licence, row.citation, row.language, row.about, tuple(notes))
    log.info("%s: %s", row.name, found.source)
    for note in notes:
        log.info("%s: %s", row.name, note)
    return Corpus(row.name, row.task, row.labels, **splits, card=card)


def row_counts(row: CorpusRow) -> dict[str, int]:
    """Rows per split of the full corpus; those of an embedded sample are counted."""
    if not row.embedded:
        return dict(row.rows)
    return dict(Counter(split for file in find(row).files for split, __ in read_file(file, row)))


def read_file(file: FoundFile, row: CorpusRow) -> Iterator[tuple[str, Example]]:
    """(split, example) for every record of a file; labels under the table's names."""
    if row.task == "parsing":
        for example in read_trees(file.path):
            yield file.split, checked_tree(example, row)
        return
    names, path = LabelReader(row, file.path), str(file.path)
    for text, label, line, split in read_records(file.path, row, file.form):
        yield common_split(split, row) if split else file.split, Example(text, names(label, line), line, path)


def checked_tree(example: Example, row: CorpusRow) -> Example:
    """The example, if all its relations are in the table; else a DataError."""
    if strange := next((name for name in example.label.relations if name not in row.labels), None):
        raise DataError(
            _(
                "{file}, line {line}: unknown relation '{strange}'. {row} has {labels}.",
                file=example.file,
                line=example.line,
                strange=strange,
                row=row.name,
                labels=row.labels.listing,
            )
        )
    return example


class LabelReader:
    """Turns the labels of one file into the table's names; a label outside the table is a DataError."""

    def __init__(self, row: CorpusRow, path: Path) -> None:
        self.row = row
        self.path = path
        self.known: dict[Any, str] = {}

    def __call__(self, raw: Any, line: int) -> Label:
        if self.row.task != "multi-label":
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
                        "{path}, line {line}: unknown label '{spelled}'. {row} has {labels}. Mend the row, "
                        "or fetch the file anew.",
                        path=self.path,
                        line=line,
                        spelled=spelled,
                        row=self.row.name,
                        labels=self.row.labels.listing,
                    )
                )
            self.known[raw] = self.row.labels.resolve(spelled)
        return self.known[raw]


def partial_notes(row: CorpusRow, splits: Mapping[str, Sequence[Example]]) -> list[str]:
    """What differs from the full corpus: "partial: train 36,547 of 45,678 rows; ..."."""
    fewer = [
        f"{split} {len(splits[split]):,} of {rows:,} rows"
        for split, rows in row.rows.items()
        if len(splits[split]) < rows
    ]
    more = [
        f"{split} has {len(splits[split]):,} rows, {rows:,} expected: it may be another version"
        for split, rows in row.rows.items()
        if len(splits[split]) > rows
    ]
    return [f"partial: {'; '.join(fewer)}", *more] if fewer else more
