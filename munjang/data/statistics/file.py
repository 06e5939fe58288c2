"""What is in a file of the user's own, beside its numbers as a corpus: columns, personal data, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import column_names, prose_length
from munjang.data.readers.corpus import find_label, find_text, indices, read_corpus, sample_rows
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Table, cell_text
from munjang.data.trees.treebanks import is_treebank
from munjang.records import SPLITS, Corpus, short_repr
from munjang.tables import format_table
from munjang.text.names import join_names, shell_word
from munjang.text.personal import count_personal, mask_personal
from munjang.translation import _

MOST_VALUES = 100_000  # distinct values of a column that are counted


@dataclass(frozen=True)
class ColumnStats:
    """One column. filled: rows with a cell that is not empty. distinct: values, up to MOST_VALUES. first: its first.

    prose: mean characters of its texts; 0 for numbers, dates and codes. role: "text", "label" or "".
    """

    name: str
    filled: int
    distinct: int
    prose: float
    first: str
    role: str


@dataclass(frozen=True)
class FileLook:
    """What `look_at_file` found; `str()` is printed below the numbers of the corpus.

    corpus: the rows as examples, without labels where no column is clearly the label. personal: kind -> how often it
    is in the texts. commands: what to do next, with the name of the file.
    """

    columns: tuple[ColumnStats, ...]
    corpus: Corpus
    personal: Mapping[str, int]
    commands: tuple[str, ...]

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without the texts."""
        return {
            "columns": [asdict(column) for column in self.columns],
            "personal": dict(self.personal),
            "next": list(self.commands),
        }

    def __str__(self) -> str:
        parts = []
        if self.columns:
            roles = {"text": _("texts"), "label": _("labels"), "": ""}
            rows = [
                [item.name, item.filled, item.distinct, f"{item.prose:.1f}" if item.prose else "", item.first,
                 roles[item.role]]
                for item in self.columns
            ]  # fmt: skip
            header = [_("column"), _("filled"), _("distinct"), _("characters"), _("first value"), _("used as")]
            parts.append(format_table(header, rows, max_width=40))
        if self.personal:
            found = ", ".join(f"{kind} {count:,}" for kind, count in self.personal.items())
            parts.append(_("Personal data in the texts: {found}. {option:mask_personal=True} masks it.", found=found))
        parts.append("\n".join([_("Next:"), *(f"  {command}" for command in self.commands)]))
        return "\n\n".join(parts)


def look_at_file(path: str | Path, options: ReadOptions | None = None) -> FileLook:
    """What is in a file or folder, with or without labels. DataError: it cannot be read, or has no usable row."""
    options = options or ReadOptions()
    corpus = read_corpus(path, options=options, purpose="look")
    if is_treebank(path):
        return FileLook((), corpus, {}, (command("train", path, "--out", "runs/parser"),))
    table = open_table(path, options)
    text = find_text(table, options, sample_rows(table), ask=False)
    label = find_label(table, options, text, "look")
    roles = {index: "text" for index in indices(text)}
    roles |= {} if label is None else {index: "label" for index in indices(label)}
    personal: Counter[str] = Counter()
    for split in SPLITS:
        for example in getattr(corpus, split):
            personal += count_personal(example.text)
    named = replace(
        options,
        text=column_names(table.columns, text) if len(table.columns) > 1 else options.text,
        label=None if label is None else column_names(table.columns, label),
    )
    commands = next_commands(path, named, corpus, masks=bool(personal))
    return FileLook(tuple(column_stats(table, roles)), corpus, personal, commands)


def column_stats(table: Table, roles: Mapping[int, str]) -> list[ColumnStats]:
    """The numbers of each column, from one pass over the rows."""
    filled, first = [0] * len(table.columns), [""] * len(table.columns)
    values: list[set[int]] = [set() for __ in table.columns]
    prose = [0.0] * len(table.columns)
    rows = 0
    for row in table.rows():
        rows += 1
        for index, cell in enumerate(row.cells):
            prose[index] += prose_length([cell])
            if shown := cell_text(cell).strip():
                filled[index] += 1
                first[index] = first[index] or mask_personal(shown[:100])
                if len(values[index]) < MOST_VALUES:
                    values[index].add(hash(shown))
    return [
        ColumnStats(name, filled[i], len(values[i]), prose[i] / max(1, rows), first[i], roles.get(i, ""))
        for i, name in enumerate(table.columns)
    ]


def next_commands(path: str | Path, options: ReadOptions, corpus: Corpus, *, masks: bool) -> tuple[str, ...]:
    """The commands that lead on from here. masks: whether there is personal data to mask."""
    mask = ["--mask-personal"] if masks else []
    clean = ["clean", path, *option_words(options), *mask, "--out", f"cleaned/{corpus.name}"]
    if len(corpus.labels) > 1:
        follows = ["train", path, *option_words(options), *mask, "--baseline", "--out", f"runs/{corpus.name}"]
    else:
        texts = option_words(replace(options, label=None, labels=None, map=None, multi_label=None))
        follows = ["predict", "mini/sentiment", path, *texts, "--out", f"{corpus.name}.predicted.csv"]
    return command(*clean), command(*follows)


def command(*words: object) -> str:
    """A command of munjang as a user types it."""
    return " ".join(["munjang", *(shell_word(str(word)) for word in words)])


def option_words(options: ReadOptions) -> list[str]:
    """The options as words of a command line."""
    words = []
    for item in fields(options):
        value = getattr(options, item.name)
        if value is not None:
            words += [f"--{item.name.replace('_', '-')}", join_names(value) if isinstance(value, tuple) else str(value)]
    return words
