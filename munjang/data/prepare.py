"""Prepares a corpus for training: cleans it, and makes the splits that it lacks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from munjang.config.settings import TrainConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.cleaning.report import CleaningReport
from munjang.data.duplicates import rows_hash
from munjang.data.memory import gc_paused
from munjang.data.splits import with_test, with_validation
from munjang.errors import DataError
from munjang.records import Corpus, Tree, count_labels, label_text, short_repr
from munjang.translation import _

log = logging.getLogger("munjang")


@dataclass(frozen=True)
class Prepared:
    """A corpus ready for training: cleaned, with train, validation and test.

    source: the corpus as it was read. cleaning_report: what the cleaning did.
    """

    source: Corpus
    corpus: Corpus
    cleaning_report: CleaningReport

    __repr__ = short_repr

    @property
    def published(self) -> Corpus:
        """The corpus to evaluate on: its own test split with its own train split, so that leaks can be reported."""
        return self.corpus.with_splits(train=self.source.train) if self.source.test else self.corpus

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What must be unchanged when a run is resumed."""
        return corpus_fingerprint(self.corpus)


@gc_paused()
def prepare_corpus(corpus: Corpus, config: TrainConfig) -> Prepared:
    """Clean the corpus and make the splits that it lacks. DataError: a split is empty, or too few labels are left."""
    cleaned, cleaning_report = clean_corpus(corpus, config.clean)
    for split in ("test", "validation"):
        if getattr(corpus, split) and not getattr(cleaned, split):
            reasons = sorted({f"{row.step}: {row.reason}" for row in cleaning_report.removed})[:3]
            raise DataError(
                _(
                    "{corpus}: cleaning leaves nothing of the {split} split ({reasons}).",
                    corpus=corpus.name,
                    split=split,
                    reasons="; ".join(reasons),
                )
            )
    if not cleaned.test and config.test_share and not config.folds:
        cleaned = with_test(cleaned, config.test_share, config.seed)
        log.info("No test split: %s sentences of train held out for it.", f"{len(cleaned.test):,}")
    if not cleaned.validation:
        cleaned = with_validation(cleaned, config.validation_share, config.seed)
        log.info("Validation split: %s sentences of train.", f"{len(cleaned.validation):,}")
    counts = count_labels(cleaned.train)
    if cleaned.label_type is not tuple and len(counts) < 2:
        names = ", ".join(counts) or _("none")
        raise DataError(
            _(
                "{corpus}: a classifier needs at least two labels in train, found {labels}.",
                corpus=corpus.name,
                labels=names,
            )
        )
    for name in cleaned.labels if cleaned.label_type is not Tree else ():  # every treebank lacks some rare relations
        if not counts[name]:
            log.warning("No sentence in train has the label %s.", name)
    return Prepared(corpus, cleaned, cleaning_report)


def corpus_fingerprint(corpus: Corpus) -> dict[str, Any]:
    """Name, sizes, and a sha256 of all texts and labels of train and validation, in order."""
    rows = (
        (example.text, label_text(example.label)) for split in (corpus.train, corpus.validation) for example in split
    )
    sizes = {"train": len(corpus.train), "validation": len(corpus.validation), "test": len(corpus.test)}
    return {"corpus": corpus.name, **sizes, "sha256": rows_hash(rows)}
