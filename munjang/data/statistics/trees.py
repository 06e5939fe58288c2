"""The numbers on the card of a corpus of dependency trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from munjang.data.statistics.common import Stats, common
from munjang.data.trees.shapes import depths, is_head_final, is_projective
from munjang.records import Corpus, Example, short_repr
from munjang.tables import format_table
from munjang.translation import N_, _, ngettext

TREE_DEFINITIONS = N_(
    "Depth: arcs from the root to the deepest word; 1 for the word at the root. Arc length: words from a word to its "
    "head, without the root.\nProjective: no arcs cross. Head-final: every head is to the right, and the last word is "
    "the root. On the next word: the share of words whose head is the next word, or the root for the last word."
)


@dataclass(frozen=True)
class TreeSplitStats:
    """One split in numbers. projective, head_final: shares of the sentences; next_word: of the words.

    relations: how many words have each relation of the table, in its order. duplicates: sentences that occur earlier
    in the split.
    """

    rows: int
    words: int
    longest: int
    mean_depth: float
    deepest: int
    mean_arc: float
    longest_arc: int
    projective: float
    head_final: float
    next_word: float
    duplicates: int
    relations: Mapping[str, int]


@dataclass(frozen=True)
class TreebankStats(Stats):
    """The numbers on the card of a treebank; `str()` is the printed card."""

    __repr__ = short_repr

    def __str__(self) -> str:
        relations = ngettext("{count:,} relation", "{count:,} relations", len(self.label_names))
        parts = [self.heading(relations), format_table(*self.measures()), format_table(*self.label_counts())]
        return "\n\n".join([*parts, "\n".join([*self.sharing(), _(TREE_DEFINITIONS)])])

    def measures(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the table of measures, one column for each split."""
        splits = list(self.splits.values())
        rows: list[list[object]] = [
            [_("sentences"), *(split.rows for split in splits)],
            [_("words"), *(split.words for split in splits)],
            [_("words a sentence, mean"), *(f"{split.words / split.rows:.1f}" for split in splits)],
            [_("words a sentence, most"), *(split.longest for split in splits)],
            [_("depth, mean"), *(f"{split.mean_depth:.2f}" for split in splits)],
            [_("depth, most"), *(split.deepest for split in splits)],
            [_("arc length, mean"), *(f"{split.mean_arc:.2f}" for split in splits)],
            [_("arc length, most"), *(split.longest_arc for split in splits)],
            [_("projective"), *(f"{split.projective:.1%}" for split in splits)],
            [_("head-final"), *(f"{split.head_final:.1%}" for split in splits)],
            [_("on the next word"), *(f"{split.next_word:.1%}" for split in splits)],
            [_("duplicates"), *(split.duplicates for split in splits)],
        ]
        return ["", *self.splits], rows

    def label_counts(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the table of relations: for each split the count and its share of the split's words."""
        header = [_("relation"), *(title for split in self.splits for title in (split, _("share")))]
        rows = []
        for name in self.label_names:
            counts = [split.relations.get(name, 0) for split in self.splits.values()]
            shares = [f"{n / split.words:.1%}" for n, split in zip(counts, self.splits.values(), strict=True)]
            rows.append([name, *(cell for pair in zip(counts, shares, strict=True) for cell in pair)])
        return header, rows


def describe_trees(corpus: Corpus) -> TreebankStats:
    """The numbers of a treebank, for each split."""
    return TreebankStats(**common(corpus, split_stats))


def split_stats(examples: Sequence[Example], names: Sequence[str]) -> TreeSplitStats:
    """The numbers of one split; it must have at least one sentence."""
    trees = [example.label for example in examples]
    counts = Counter(name for tree in trees for name in tree.relations)
    deepest = np.array([max(depths(tree.heads)) for tree in trees])
    arcs = np.array([abs(head - word) for tree in trees for word, head in enumerate(tree.heads, 1) if head] or [0])
    onward = sum(head == (word + 1) % (len(tree) + 1) for tree in trees for word, head in enumerate(tree.heads, 1))
    words = sum(map(len, trees))
    return TreeSplitStats(
        rows=len(trees),
        words=words,
        longest=max(map(len, trees)),
        mean_depth=float(deepest.mean()),
        deepest=int(deepest.max()),
        mean_arc=float(arcs.mean()),
        longest_arc=int(arcs.max()),
        projective=float(np.mean([is_projective(tree.heads) for tree in trees])),
        head_final=float(np.mean([is_head_final(tree.heads) for tree in trees])),
        next_word=onward / words,
        duplicates=len(examples) - len({example.text for example in examples}),
        relations={name: counts[name] for name in names},
    )
