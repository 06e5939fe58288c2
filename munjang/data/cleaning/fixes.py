"""Corrected labels: what a person wrote into a review file is put into a corpus, with an account of each change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from munjang.config.arguments import checked
from munjang.data.cleaning.report import FixesReport, LabelChange, location
from munjang.data.duplicates import text_key
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Table, cell_text
from munjang.errors import DataError, shortened
from munjang.records import SPLITS, Corpus, Example, Label, Tree, check_corpus, label_text
from munjang.translation import _

REVIEW_COLUMNS = ("file", "line", "text", "label", "suggestion", "sure", "why", "split", "fix")
"""The columns of a review file. A person fills in `fix`."""
NEEDED = ("file", "line", "text", "label", "fix")
"""Those that are read again: which row it is, the label that it had, and the one that it gets."""
NO_LABEL = "-"
"""What stands for no label, where a text can have several."""
SHOWN_LETTERS = 40  # characters of a text in a message


class Fix(NamedTuple):
    """One row of a review file. where: its own line, for messages; the others: its cells, `fix` may be empty."""

    where: str
    file: str
    line: str
    text: str
    label: str
    fix: str


class Place(NamedTuple):
    """One example of a corpus: its split, and its index in it."""

    split: str
    index: int


class Unusable(Exception):
    """A fix that changes nothing; the message says why."""


@checked("corpus", "path")
def apply_fixes(corpus: Corpus, path: str | Path) -> tuple[Corpus, FixesReport]:
    """The corpus with the labels that a person wrote into a review file, and the account of them.

    An example is found by file, line and text; if it has moved, by its text alone, where that leaves one. A fix changes
    nothing, and the account says why, if it fits no example or several, if its label is unknown, if another fix of the
    example differs, or if the example's label is no longer what it was. DataError: it is no review file.
    """
    check_corpus(corpus)
    if corpus.label_type is Tree:
        raise DataError(_("{corpus} has trees; fixes are for labels.", corpus=corpus.name))
    rows = list(read_fixes(path))
    fixes = [row for row in rows if row.fix not in ("", row.label)]
    finder, problems, given = Finder(corpus, fixes), list[str](), defaultdict[Place, list[tuple[Fix, Label]]](list)
    for fix in fixes:
        try:
            place, label = finder.find(fix), new_label(fix.fix, corpus)
            given[place].append((fix, label))
        except Unusable as reason:
            problems.append(_("{where}: {reason}", where=fix.where, reason=reason))
    labels: dict[Place, Label] = {}
    for place, both in given.items():
        try:
            if (new := agreed(both, finder.example(place), corpus)) is not None:
                labels[place] = new
        except Unusable as reason:
            problems.append(_("{where}: {reason}", where=both[-1][0].where, reason=reason))
    changes = tuple(finder.change(place, label) for place, label in labels.items())
    return with_labels(corpus, labels), FixesReport(str(path), len(rows) - len(changes), changes, tuple(problems))


def read_fixes(path: str | Path) -> Iterator[Fix]:
    """The rows of a review file. DataError: it lacks a column, or a row cannot be read."""
    table = open_table(path)
    columns = [column_of(name, table) for name in NEEDED]
    for row in table.rows():
        where = _("{file}, line {line}", file=Path(row.file).name, line=row.line)
        *cells, fix = (cell_text(row.cells[index]) for index in columns)
        yield Fix(where, *cells, fix.strip())
    for row in table.rejected:
        raise DataError(
            _(
                "{file}, line {line}: {reason}. Mend the row, or write the review again.",
                file=row.file,
                line=row.line,
                reason=row.reason,
            )
        )


def column_of(name: str, table: Table) -> int:
    """The index of a column of a review file. DataError: there is none."""
    names = [column.strip().casefold() for column in table.columns]
    if name not in names:
        raise DataError(
            _(
                "{file} has no column {column}. A review file has the columns {needed}; found {found}.",
                file=table.file,
                column=name,
                needed=", ".join(NEEDED),
                found=shortened(", ".join(table.columns), 200),
            )
        )
    return names.index(name)


class Finder:
    """Finds the examples that fixes are for."""

    def __init__(self, corpus: Corpus, fixes: Sequence[Fix]) -> None:
        self.corpus = corpus
        texts, lines = {plain(fix.text) for fix in fixes}, {(Path(fix.file).name, fix.line) for fix in fixes}
        self.by_text: dict[str, list[Place]] = defaultdict(list)
        self.by_line: dict[tuple[str, str], Place] = {}
        for place in (Place(split, i) for split in SPLITS for i in range(len(getattr(corpus, split)) if fixes else 0)):
            if (text := plain(self.example(place).text)) in texts:
                self.by_text[text].append(place)
            if (line := self.line_of(place)) in lines:
                self.by_line[line] = place

    def example(self, place: Place) -> Example:
        return getattr(self.corpus, place.split)[place.index]

    def location(self, place: Place) -> tuple[str, int]:
        return location(self.example(place), place.index, f"{self.corpus.name}/{place.split}")

    def line_of(self, place: Place) -> tuple[str, str]:
        """The name of an example's file without folders, since these change with where a command is given; its line."""
        file, line = self.location(place)
        return Path(file).name, str(line)

    def label_of(self, place: Place) -> str:
        return written_label(self.corpus.labels.resolved(self.example(place).label))

    def find(self, fix: Fix) -> Place:
        """The example that a fix is for. Unusable: none, or more than one could be meant."""
        places = self.by_text.get(plain(fix.text), [])
        line = Path(fix.file).name, fix.line
        places = [place for place in places if self.line_of(place) == line] or places
        places = [place for place in places if self.location(place)[0] == fix.file] or places
        places = [place for place in places if self.label_of(place) == fix.label] or places
        if len(places) == 1:
            return places[0]
        text = shortened(fix.text, SHOWN_LETTERS)
        if places:
            raise Unusable(
                _("{count} rows have the text '{text}', and their lines have changed.", count=len(places), text=text)
            )
        if line not in self.by_line:
            raise Unusable(_("{corpus} has no row with the text '{text}'.", corpus=self.corpus.name, text=text))
        now = shortened(self.example(self.by_line[line]).text, SHOWN_LETTERS)
        raise Unusable(
            _(
                "the text of line {line} of {file} is now '{now}', not '{text}'.",
                line=fix.line,
                file=fix.file,
                now=now,
                text=text,
            )
        )

    def change(self, place: Place, label: Label) -> LabelChange:
        return LabelChange(*self.location(place), self.label_of(place), written_label(label))


def written_label(label: Label | None) -> str:
    """A label as review files have it."""
    return label_text(label) or NO_LABEL


def plain(text: str) -> str:
    """A text without what a spreadsheet may change in it: white space, and an apostrophe at its start."""
    return " ".join(text_key(text).removeprefix("'").split())


def new_label(cell: str, corpus: Corpus) -> Label:
    """The label that a person wrote. Unusable: it is not in the set."""
    several = corpus.label_type is tuple
    names = [name.strip() for name in cell.split("|")] if several else [cell]
    names = [] if several and cell == NO_LABEL else names
    for name in names:
        if name not in corpus.labels:
            known = corpus.labels.listing
            raise Unusable(_("unknown label '{label}'. The labels here are {known}.", label=name, known=known))
    label = corpus.labels.resolved(tuple(names) if several else names[0])
    assert label is not None
    return label


def agreed(fixes: Sequence[tuple[Fix, Label]], example: Example, corpus: Corpus) -> Label | None:
    """The new label of an example; None if it has it already. Unusable: see `apply_fixes`."""
    (first, label), old = fixes[0], corpus.labels.resolved(example.label)
    if any(other != label for __, other in fixes):
        raise Unusable(_("{other} gives the same row another label.", other=first.where))
    if label == old:
        return None
    if written_label(old) not in {fix.label for fix, __ in fixes}:
        raise Unusable(_("its label was '{before}' and is now '{now}'.", before=first.label, now=written_label(old)))
    return label


def with_labels(corpus: Corpus, labels: Mapping[Place, Label]) -> Corpus:
    """The corpus with new labels in some places."""
    changed: dict[str, list[Example]] = {place.split: list(getattr(corpus, place.split)) for place in labels}
    for (split, index), label in labels.items():
        changed[split][index] = replace(changed[split][index], label=label)
    return corpus.with_splits(**changed) if changed else corpus
