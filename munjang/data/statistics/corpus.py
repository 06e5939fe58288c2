"""The numbers on the card of a corpus."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from munjang.data.statistics.common import Stats, common
from munjang.data.statistics.tokens import TokenStats, token_stats
from munjang.data.statistics.trees import TreebankStats, describe_trees
from munjang.records import Corpus, Example, Tree, check_corpus, count_labels, names_of, short_repr
from munjang.tables import format_table
from munjang.translation import N_, _, ngettext

__all__ = ["CorpusStats", "SplitStats", "TokenStats", "describe", "describe_split", "text_lengths", "token_stats"]

HANGUL = re.compile("[\uac00-\ud7a3\u3131-\u318e\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uffa1-\uffdc]")
"""Syllables (가), letters (ㅋ), conjoining jamo of decomposed text, half-width letters."""

DEFINITIONS = N_(
    "Texts are compared character for character, without cleaning. Duplicates: rows whose text occurs earlier in the "
    "same split.\nTwo labels: distinct texts that occur in a split with different labels. Empty: nothing but white "
    "space.\nHangul: syllables or single letters, so ㅋㅋ counts. Characters are Unicode code points."
)


@dataclass(frozen=True)
class SplitStats:
    """One split in numbers. Lengths are in characters (code points) over all rows, empty ones included.

    labels: rows for each name of the label set, in its order, then for names outside the set; a multi-label row counts
    once for each of its names. duplicates: rows whose text occurs earlier in the split. conflicts: distinct texts
    with different labels. unlabelled: rows without any label.
    """

    rows: int
    labels: Mapping[str, int]
    shortest: int
    mean: float
    longest: int
    duplicates: int
    conflicts: int
    empty: int
    not_nfc: int
    without_hangul: int
    unlabelled: int = 0


@dataclass(frozen=True)
class CorpusStats(Stats):
    """The numbers on the card of a corpus; `str()` is the printed card. rejected: rows that could not be read."""

    rejected: int = 0

    __repr__ = short_repr

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CorpusStats:
        """The inverse of `to_dict`, also for values that were stored as JSON."""
        return cls(
            **{
                **values,
                "label_names": tuple(values["label_names"]),
                "notes": tuple(values["notes"]),
                "splits": {name: SplitStats(**split) for name, split in values["splits"].items()},
                "shared": {tuple(pair.split("/")): count for pair, count in values["shared"].items()},
            }
        )

    def __str__(self) -> str:
        labels = ngettext("{count:,} label", "{count:,} labels", len(self.label_names))
        parts = [self.heading(labels), format_table(*self.measures())]
        parts += [format_table(*self.label_counts())] if any(split.labels for split in self.splits.values()) else []
        facts = self.sharing()
        if self.rejected:
            facts.append(_("Rows that could not be read and are in no split: {rows:,}.", rows=self.rejected))
        return "\n\n".join([*parts, "\n".join([*facts, _(DEFINITIONS)])])

    def measures(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the table of measures, one column for each split."""
        splits = list(self.splits.values())
        rows: list[list[object]] = [
            [_("rows"), *(split.rows for split in splits)],
            [_("shortest, characters"), *(split.shortest for split in splits)],
            [_("mean, characters"), *(f"{split.mean:,.1f}" for split in splits)],
            [_("longest, characters"), *(split.longest for split in splits)],
            [_("duplicates"), *(split.duplicates for split in splits)],
            [_("texts with two labels"), *(split.conflicts for split in splits)],
            [_("empty"), *(split.empty for split in splits)],
            [_("not NFC"), *(split.not_nfc for split in splits)],
            [_("without Hangul"), *(split.without_hangul for split in splits)],
        ]
        if any(sum(split.labels.values()) != split.rows - split.unlabelled for split in splits):
            rows.append([_("labels per text, mean"), *(f"{sum(s.labels.values()) / s.rows:.2f}" for s in splits)])
        if any(split.unlabelled for split in splits):
            rows.append([_("without a label"), *(split.unlabelled for split in splits)])
        return ["", *self.splits], rows

    def label_counts(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the table of labels: for each split the count and its share of the split's rows."""
        header = [_("label")]
        for split in self.splits:
            header += [split, _("share")]
        names = dict.fromkeys(name for split in self.splits.values() for name in split.labels)
        rows = []
        for name in names:
            row: list[object] = [name if name in self.label_names else _("{label} (not in the label set)", label=name)]
            for split in self.splits.values():
                count = split.labels.get(name, 0)
                row += [count, f"{100 * count / split.rows:.1f}%"]
            rows.append(row)
        return header, rows


def describe(corpus: Corpus) -> CorpusStats | TreebankStats:
    """The numbers of a corpus, for each split and between splits; for trees also their shape. Changes nothing."""
    check_corpus(corpus)
    if corpus.label_type is Tree:
        return describe_trees(corpus)
    return CorpusStats(**common(corpus, describe_split), rejected=len(corpus.rejected))


def describe_split(examples: Sequence[Example], label_names: Sequence[str]) -> SplitStats:
    """The numbers of one split; it must have at least one row."""
    lengths = text_lengths(examples)
    counts = count_labels(examples)
    return SplitStats(
        rows=len(examples),
        labels={name: counts[name] for name in dict.fromkeys([*label_names, *sorted(counts)])},
        shortest=min(lengths),
        mean=sum(lengths) / len(lengths),
        longest=max(lengths),
        duplicates=len(examples) - len({example.text for example in examples}),
        conflicts=count_conflicts(examples),
        empty=sum(not example.text.strip() for example in examples),
        not_nfc=sum(not unicodedata.is_normalized("NFC", example.text) for example in examples),
        without_hangul=sum(not HANGUL.search(example.text) for example in examples),
        unlabelled=sum(example.label is None for example in examples),
    )


def count_conflicts(examples: Sequence[Example]) -> int:
    """Distinct texts that occur with different labels (for multi-label data: with different sets of names)."""
    repeated = {text for text, n in Counter(example.text for example in examples).items() if n > 1}
    labels = defaultdict(set)
    for example in examples:
        if example.text in repeated and example.label is not None:
            labels[example.text].add(frozenset(names_of(example.label)))
    return sum(len(kinds) > 1 for kinds in labels.values())


def text_lengths(examples: Sequence[Example]) -> list[int]:
    """Characters (code points) of each text, in order."""
    return [len(example.text) for example in examples]
