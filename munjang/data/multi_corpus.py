"""Prepares several corpora for joint training: each as if alone, then without the texts that another is scored on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from munjang.config.checks import HEAD_NAME
from munjang.config.settings import TrainConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.cleaning.report import CleaningReport, location
from munjang.data.duplicates import text_key
from munjang.data.memory import gc_paused
from munjang.data.prepare import Prepared, corpus_fingerprint, prepare_corpus
from munjang.errors import ConfigError, DataError
from munjang.records import SPLITS, Card, Corpus, Example, LabelSet, Removed, Tree, check_corpus, short_repr
from munjang.tables import format_table
from munjang.translation import _, ngettext

HELD_OUT_SPLITS = ("test", "validation")
LEAK_STEP = "leak between corpora"

HeldOutTexts = dict[str, list[tuple[str, str]]]
"""Text -> the splits it is scored in: (head, split)."""


@dataclass(frozen=True)
class Addition:
    """More training rows for one head. cleaning_report: their cleaning. rows: how many were added to train."""

    corpus: Corpus
    cleaning_report: CleaningReport
    removed: tuple[Removed, ...]
    rows: int


@dataclass(frozen=True)
class MultiCorpus:
    """Corpora prepared for joint training, by head.

    parts: each as `prepare_corpus` makes it, but train lacks the texts that another is scored on, and has its addition.
    cross_leaks: head -> the rows of train that were removed because of another corpus. additions: head -> its added
    rows.
    """

    parts: Mapping[str, Prepared]
    cross_leaks: Mapping[str, tuple[Removed, ...]]
    additions: Mapping[str, Addition] = field(default_factory=dict)

    __repr__ = short_repr

    @cached_property
    def corpus(self) -> Corpus:
        """All corpora as one of the task `heads`: labels HEAD/LABEL, the splits joined in order."""
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
        """(n,) the index of the head of each row of train."""
        sizes = [len(part.corpus.train) for part in self.parts.values()]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def cleaning_report(self) -> MultiCorpus:
        """The report of the cleaning of all corpora: `removed`, `to_dict()`, `str()`."""
        return self

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What must be unchanged when a run is resumed."""
        return corpus_fingerprint(self.corpus)

    @property
    def removed(self) -> Iterator[Removed]:
        """Every removed row of all corpora."""
        for head, part in self.parts.items():
            yield from part.cleaning_report.removed
            if head in self.additions:
                yield from self.additions[head].cleaning_report.removed
                yield from self.additions[head].removed
            yield from self.cross_leaks[head]

    def to_dict(self) -> dict[str, Any]:
        """The counts of each head as plain JSON values, without the texts."""
        by_head: dict[str, Any] = {}
        for head, part in self.parts.items():
            by_head[head] = {**part.cleaning_report.to_dict(), "removed_for_other_corpora": len(self.cross_leaks[head])}
            if addition := self.additions.get(head):
                counts = {"in_use_already": len(addition.removed), "added": addition.rows}
                by_head[head]["more"] = {**addition.cleaning_report.to_dict(), **counts}
        return by_head

    def __str__(self) -> str:
        reports = []
        for head, part in self.parts.items():
            reports.append(str(part.cleaning_report))
            if addition := self.additions.get(head):
                in_use = ngettext(
                    "{count:,} of these rows is in the corpora already.",
                    "{count:,} of these rows are in the corpora already.",
                    len(addition.removed),
                )
                in_train = ngettext(
                    "{count:,} is added to the train of {head}.",
                    "{count:,} are added to the train of {head}.",
                    addition.rows,
                    head=head,
                )
                reports.append(f"{addition.cleaning_report}\n{in_use} {in_train}")
        return "\n\n".join([*reports, self.table()])

    def table(self) -> str:
        """Rows of each head, as a printed table."""
        header = [_("head"), _("corpus"), _("labels"), *SPLITS, _("removed for another corpus")]
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
    """Prepare each corpus as if alone, then remove and count the rows of train that another corpus is scored on.

    corpora: head -> corpus. more: head -> further rows for its train; texts that are held out anywhere or are already
    in its train are not added. With clean.leaks off nothing is removed for another corpus. ConfigError: `check_heads`.
    """
    more = more or {}
    check_heads(corpora, more)
    parts = {head: prepare_corpus(corpus, config) for head, corpus in corpora.items()}
    held = held_out_texts(parts)
    additions = {}
    for head, corpus in more.items():
        base = parts[head].corpus
        additions[head], rows = added(head, base, corpus, config, held)
        note = ngettext(
            "train: {count:,} further row of {corpus} ({licence})",
            "train: {count:,} further rows of {corpus} ({licence})",
            len(rows),
            corpus=corpus.name,
            licence=corpus.card.licence,
        )
        card = replace(base.card, notes=(*base.card.notes, note))
        parts[head] = replace(parts[head], corpus=base.with_splits(train=[*base.train, *rows], card=card))
    cross_leaks = dict.fromkeys(parts, ())
    if config.clean.leaks:
        for head, part in parts.items():
            rest, cross_leaks[head] = without_held_out(part.corpus, head, held)
            if not rest:
                raise DataError(
                    _(
                        "{head}: every sentence of train is in the test or validation split of another corpus.",
                        head=head,
                    )
                )
            parts[head] = replace(part, corpus=part.corpus.with_splits(train=rest))
    return MultiCorpus(parts, cross_leaks, additions)


def check_heads(corpora: Mapping[str, Corpus], more: Mapping[str, Corpus]) -> None:
    """Refuse bad names of heads, corpora without exactly one label per sentence, and `more` for an unknown head."""
    if not corpora:
        raise ConfigError(_("A multi-head model needs at least one corpus."))
    for head, corpus in (*corpora.items(), *more.items()):
        check_head_name(head)
        check_corpus(corpus)
        if corpus.label_type is not str:
            if corpus.label_type is Tree:
                message = _(
                    "{corpus} gives each sentence a tree; a head gives one label. Train a model for it alone.",
                    corpus=corpus.name,
                )
            else:
                message = _(
                    "{corpus} gives each sentence several labels; a head gives one label. Train a model for it alone.",
                    corpus=corpus.name,
                )
            raise ConfigError(message)
    for head, corpus in more.items():
        if head not in corpora:
            raise ConfigError(
                _(
                    "There is no head {head} to give more rows to; the heads are {heads}.",
                    head=head,
                    heads=", ".join(corpora),
                )
            )
        unknown = [name for name in corpus.labels if name not in corpora[head].labels]
        if unknown:
            raise ConfigError(
                _(
                    "{corpus} has the label '{label}'; {head} has {labels}. Say with {option:map} what "
                    "its values mean.",
                    corpus=corpus.name,
                    label=unknown[0],
                    head=head,
                    labels=corpora[head].labels.listing,
                )
            )


def check_head_name(head: str) -> str:
    """The name of a head. ConfigError: no head can have this name."""
    if not HEAD_NAME.fullmatch(head):
        raise ConfigError(
            _(
                "'{head}' cannot name a head. A name has a-z, 0-9, _ and -, and begins with a letter. "
                "Write it before the corpus: NAME=CORPUS.",
                head=head,
            )
        )
    return head


def held_out_texts(parts: Mapping[str, Prepared]) -> HeldOutTexts:
    """Every text that is in the test or validation split of any head."""
    held: HeldOutTexts = {}
    for head, part in parts.items():
        for split in HELD_OUT_SPLITS:
            for row in getattr(part.corpus, split):
                held.setdefault(text_key(row.text), []).append((head, split))
    return held


def without_held_out(corpus: Corpus, head: str, held: HeldOutTexts) -> tuple[list[Example], tuple[Removed, ...]]:
    """(rest, removed): the rows of a head's train that no other head is scored on, and the others."""
    rest, removed = [], []
    for number, row in enumerate(corpus.train):
        other = next(((name, split) for name, split in held.get(text_key(row.text), ()) if name != head), None)
        if other is None:
            rest.append(row)
        else:
            reason = _("same text in {split} of {head}", split=other[1], head=other[0])
            removed.append(removal(row, number, corpus, reason))
    return rest, tuple(removed)


def added(
    head: str, corpus: Corpus, more: Corpus, config: TrainConfig, held: HeldOutTexts
) -> tuple[Addition, list[Example]]:
    """Further rows for the train of a head, cleaned, without texts that are held out anywhere or already in train."""
    further = replace(corpus, name=more.name, train=more.train, validation=(), test=(), rejected=more.rejected)
    cleaned, cleaning_report = clean_corpus(further, config.clean)
    known = {text_key(row.text) for row in corpus.train}
    rows, removed = [], []
    in_train = _("same text in {split} of {head}", split="train", head=head)
    for number, row in enumerate(cleaned.train):
        key = text_key(row.text)
        if key in held:
            name, split = held[key][0]
            reason = _("same text in {split} of {head}", split=split, head=name)
            removed.append(removal(row, number, cleaned, reason))
        elif key in known:
            removed.append(removal(row, number, cleaned, in_train, "duplicate"))
        else:
            rows.append(row)
    return Addition(more, cleaning_report, tuple(removed), len(rows)), rows


def removal(row: Example, number: int, corpus: Corpus, reason: str, step: str = LEAK_STEP) -> Removed:
    """The record of a removed row."""
    return Removed(*location(row, number, f"{corpus.name}/train"), row.text, str(row.label), step, reason, "train")
