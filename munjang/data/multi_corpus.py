"""Several corpora made ready to be learnt from together: each as alone, and none with what another is scored on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from munjang.config.settings import TrainConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.cleaning.report import CleaningReport, place
from munjang.data.memory import gc_paused
from munjang.data.prepare import Prepared, corpus_fingerprint, prepare_corpus
from munjang.data.splits import text_key
from munjang.errors import ConfigError, DataError
from munjang.records import SPLITS, Card, Corpus, Example, LabelSet, Removed
from munjang.tables import format_table
from munjang.translation import _

log = logging.getLogger("munjang")

HEAD_NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""What a head may be called: it stands on command lines and before the "/" of a flat label."""

HELD_OUT_SPLITS = ("test", "validation")
LEAK_STEP = "leak between corpora"

Places = dict[str, list[tuple[str, str]]]
"""Text -> where it is scored: (head, split)."""


@dataclass(frozen=True)
class Addition:
    """Further training rows of one head. cleaning_report: their cleaning. rows: those that stayed, in train already."""

    corpus: Corpus
    cleaning_report: CleaningReport
    removed: tuple[Removed, ...]
    rows: int


@dataclass(frozen=True)
class MultiCorpus:
    """Corpora ready to be learnt from together, by head.

    parts: each as `prepare_corpus` makes it alone, its train without texts that another is scored on, and with its
    addition. cross_leaks: head -> the rows of train that went because of another corpus. additions: head -> its further
    rows.
    """

    parts: Mapping[str, Prepared]
    cross_leaks: Mapping[str, tuple[Removed, ...]]
    additions: Mapping[str, Addition] = field(default_factory=dict)

    @cached_property
    def corpus(self) -> Corpus:
        """All of them as one corpus of the task `heads`: labels HEAD/LABEL, splits one after another."""
        corpora = {head: part.corpus for head, part in self.parts.items()}
        flat = {head: {name: f"{head}/{name}" for name in corpus.labels} for head, corpus in corpora.items()}
        splits = {
            split: [
                Example(row.text, flat[head][row.label], row.line, row.file)
                for head, corpus in corpora.items()
                for row in getattr(corpus, split)
            ]
            for split in SPLITS
        }
        name = ", ".join(dict.fromkeys(corpus.name for corpus in corpora.values()))
        labels = LabelSet(tuple(label for names in flat.values() for label in names.values()))
        return Corpus(name, "heads", labels, **splits, card=Card(name, ""))

    @property
    def sources(self) -> np.ndarray:
        """(n,) the number of the head of each row of train."""
        sizes = [len(part.corpus.train) for part in self.parts.values()]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def cleaning_report(self) -> MultiCorpus:
        """What the cleaning did to all of them: `removed`, `to_dict()`, `str()`."""
        return self

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What a resumed run must find again."""
        return corpus_fingerprint(self.corpus)

    @property
    def removed(self) -> Iterator[Removed]:
        """Every row of any corpus that did not stay."""
        for head, part in self.parts.items():
            yield from part.cleaning_report.removed
            if head in self.additions:
                yield from self.additions[head].cleaning_report.removed
                yield from self.additions[head].removed
            yield from self.cross_leaks[head]

    def to_dict(self) -> dict[str, Any]:
        """The counts of each head as plain JSON values, without the texts."""
        found: dict[str, Any] = {}
        for head, part in self.parts.items():
            found[head] = {**part.cleaning_report.to_dict(), "removed_for_other_corpora": len(self.cross_leaks[head])}
            if addition := self.additions.get(head):
                counts = {"in_use_already": len(addition.removed), "added": addition.rows}
                found[head]["more"] = {**addition.cleaning_report.to_dict(), **counts}
        return found

    def __str__(self) -> str:
        reports = []
        for head, part in self.parts.items():
            reports.append(str(part.cleaning_report))
            if addition := self.additions.get(head):
                reports.append(
                    f"{addition.cleaning_report}\nOf these {len(addition.removed):,} stand in the corpora already; "
                    f"{addition.rows:,} are added to the train of {head}."
                )
        return "\n\n".join([*reports, self.table()])

    def table(self) -> str:
        """Rows of each head."""
        header = ["head", "corpus", "labels", "train", "validation", "test", "removed for another corpus"]
        rows = [
            [head, part.corpus.name, len(part.corpus.labels), *(len(getattr(part.corpus, name)) for name in SPLITS),
             len(self.cross_leaks[head])]
            for head, part in self.parts.items()
        ]  # fmt: skip
        return format_table(header, rows)


@gc_paused()
def prepare_multi_corpus(
    corpora: Mapping[str, Corpus], config: TrainConfig, more: Mapping[str, Corpus] | None = None
) -> MultiCorpus:
    """Prepare each corpus as alone, then take out of each train what another one is scored on, and count it.

    corpora: head -> corpus. more: head -> further rows for its train, less what is held out anywhere or stands in its
    train already. With clean.leaks off nothing is taken out for another corpus. ConfigError: `check_heads`.
    """
    more = more or {}
    check_heads(corpora, more)
    parts = {head: prepare_corpus(corpus, config) for head, corpus in corpora.items()}
    held = held_out_texts(parts)
    additions = {}
    for head, corpus in more.items():
        own = parts[head].corpus
        additions[head], rows = added(head, own, corpus, config, held)
        note = f"train: {len(rows):,} further rows of {corpus.name} ({corpus.card.licence})"
        card = replace(own.card, notes=(*own.card.notes, note))
        parts[head] = replace(parts[head], corpus=own.with_splits(train=[*own.train, *rows], card=card))
    cross_leaks = dict.fromkeys(parts, ())
    if config.clean.leaks:
        for head, part in parts.items():
            rest, cross_leaks[head] = without_held_out(part.corpus, head, held)
            if not rest:
                raise DataError(
                    _("{head}: every sentence of train stands in another corpus's test or validation.", head=head)
                )
            parts[head] = replace(part, corpus=part.corpus.with_splits(train=rest))
    return MultiCorpus(parts, cross_leaks, additions)


def check_heads(corpora: Mapping[str, Corpus], more: Mapping[str, Corpus]) -> None:
    """Refuse names that no head can have, corpora of several labels a sentence, and more rows for no head."""
    if not corpora:
        raise ConfigError(_("A many-headed model needs at least one corpus."))
    for head, corpus in (*corpora.items(), *more.items()):
        check_head_name(head)
        if corpus.task != "classification":
            gives = "a tree" if corpus.task == "parsing" else "several labels"
            raise ConfigError(
                _(
                    "{corpus} gives a sentence {gives}; a head gives one label. Train a model for it alone.",
                    corpus=corpus.name,
                    gives=gives,
                )
            )
    for head, corpus in more.items():
        if head not in corpora:
            raise ConfigError(
                _(
                    "There is no head {head} to give more rows to; the heads are {corpora}.",
                    head=head,
                    corpora=", ".join(corpora),
                )
            )
        strange = [name for name in corpus.labels if name not in corpora[head].labels]
        if strange:
            raise ConfigError(
                _(
                    "{corpus} has the label '{strange}'; {head} has {labels}. Say with --map (in Python "
                    "ReadOptions.map) what its values mean.",
                    corpus=corpus.name,
                    strange=strange[0],
                    head=head,
                    labels=corpora[head].labels.listing,
                )
            )


def check_head_name(head: str) -> str:
    """The name of a head, if it can be one."""
    if not HEAD_NAME.fullmatch(head):
        raise ConfigError(
            _(
                "'{head}' cannot name a head; names are made of a-z, 0-9, _ and -, a letter first, "
                "such as NAME=CORPUS.",
                head=head,
            )
        )
    return head


def held_out_texts(parts: Mapping[str, Prepared]) -> Places:
    """Every text that is held out of some train split."""
    found: Places = {}
    for head, part in parts.items():
        for split in HELD_OUT_SPLITS:
            for row in getattr(part.corpus, split):
                found.setdefault(text_key(row.text), []).append((head, split))
    return found


def without_held_out(corpus: Corpus, head: str, held: Places) -> tuple[list[Example], tuple[Removed, ...]]:
    """The rows of a head's train that no other head is scored on, and the others."""
    rest, gone = [], []
    for number, row in enumerate(corpus.train):
        other = next(((name, split) for name, split in held.get(text_key(row.text), ()) if name != head), None)
        if other is None:
            rest.append(row)
        else:
            gone.append(removal(row, number, corpus, f"same text in {other[1]} of {other[0]}"))
    return rest, tuple(gone)


def added(head: str, own: Corpus, more: Corpus, config: TrainConfig, held: Places) -> tuple[Addition, list[Example]]:
    """Further rows for the train of a head, cleaned; those go that are held out anywhere or that its train has."""
    further = replace(own, name=more.name, train=more.train, validation=(), test=(), rejected=more.rejected)
    cleaned, cleaning_report = clean_corpus(further, config.clean)
    known = {text_key(row.text) for row in own.train}
    rows, gone = [], []
    for number, row in enumerate(cleaned.train):
        key = text_key(row.text)
        if key in held:
            name, split = held[key][0]
            gone.append(removal(row, number, cleaned, f"same text in {split} of {name}"))
        elif key in known:
            gone.append(removal(row, number, cleaned, f"same text in train of {head}", "duplicate"))
        else:
            rows.append(row)
    return Addition(more, cleaning_report, tuple(gone), len(rows)), rows


def removal(row: Example, number: int, corpus: Corpus, reason: str, step: str = LEAK_STEP) -> Removed:
    """The record of a row that goes."""
    return Removed(*place(row, number, f"{corpus.name}/train"), row.text, str(row.label), step, reason, "train")
