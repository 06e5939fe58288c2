"""The common part of the cards of all corpora: name, origin, notes, texts shared by splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from munjang.records import SPLITS, Corpus, Example
from munjang.translation import _, ngettext


@dataclass(frozen=True)
class Stats:
    """The part of a card that every corpus has.

    splits: the numbers of each split that has rows. shared: ("train", "test") -> distinct texts that are in both.
    """

    name: str
    task: str
    label_names: tuple[str, ...]
    splits: Mapping[str, Any]
    shared: Mapping[tuple[str, str], int] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `shared` has keys such as "train/test"."""
        return {**asdict(self), "shared": {"/".join(pair): count for pair, count in self.shared.items()}}

    def heading(self, labels: str) -> str:
        """Name, task, origin and notes, one line each. labels: how many there are, such as "2 labels"."""
        licence = _("licence {licence}", licence=self.licence) if self.licence else ""
        origin = ", ".join(part for part in (self.source, licence) if part)
        lines = [f"{self.name}: {self.task}, {labels}", *([origin] if origin else [])]
        return "\n".join([*lines, *(_("note: {note}", note=note) for note in self.notes)])

    def sharing(self) -> list[str]:
        """A sentence for each pair of splits."""
        return [
            ngettext(
                "Shared by {first} and {second}: {count:,} distinct text.",
                "Shared by {first} and {second}: {count:,} distinct texts.",
                count,
                first=first,
                second=second,
            )
            for (first, second), count in self.shared.items()
        ]


def common(corpus: Corpus, describe: Callable[[Sequence[Example], Sequence[str]], Any]) -> dict[str, Any]:
    """The fields of Stats for a corpus. describe: gives the numbers of a split from its rows and the label names."""
    splits = {name: getattr(corpus, name) for name in SPLITS if getattr(corpus, name)}
    texts = {name: {example.text for example in examples} for name, examples in splits.items()}
    return {
        "name": corpus.name,
        "task": corpus.task,
        "label_names": corpus.labels.names,
        "splits": {name: describe(examples, corpus.labels.names) for name, examples in splits.items()},
        "shared": {(a, b): len(texts[a] & texts[b]) for a, b in combinations(splits, 2)},
        "source": corpus.card.source,
        "licence": corpus.card.licence,
        "notes": corpus.card.notes,
    }
