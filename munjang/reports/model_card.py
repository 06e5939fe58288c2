"""Model cards: the README.md of a model folder, in Markdown with the front matter that the hub reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from munjang.config.settings import TrainConfig
from munjang.data.statistics.corpus import describe
from munjang.metrics.scores import CALIBRATION_BINS
from munjang.metrics.tables import title
from munjang.records import SPLITS
from munjang.reports.templates import render
from munjang.tasks import make_task
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.metrics.report import Report
    from munjang.models.folder import Manifest
    from munjang.records import Card, Corpus

HUB_LICENCES = {
    "cc0": "cc0-1.0",
    "cc0-1.0": "cc0-1.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0",
    "mit": "mit",
    "apache-2.0": "apache-2.0",
}
"""Licences of corpora as the hub spells them. Any other is "other" in the YAML; the text gives it in full."""

IDLE_IN_LINEAR = {item.name for item in fields(TrainConfig)} - {
    "backbone", "clean", "class_weights", "validation_share", "test_share", "seed"
}  # fmt: skip
"""Settings of training that a linear model ignores."""


def model_card(
    manifest: Manifest,
    *,
    corpus: Corpus | None = None,
    cleaning_report: CleaningReport | None = None,
    report: Report | None = None,
    baseline_report: Report | None = None,
    folds: str = "",
    promises: Sequence[str] = (),
) -> str:
    """The card of a model as Markdown.

    manifest: the content of munjang.json. corpus: the training data after cleaning. cleaning_report: of that cleaning.
    report: of the test split; baseline_report: the linear model's on the same texts. folds, promises: what these say,
    in words.
    """
    idle = IDLE_IN_LINEAR if manifest.format == "linear" else {"sampling_power"}
    return render(
        "card.md",
        manifest.task,
        manifest=manifest,
        several=make_task(manifest.task, manifest.labels, **manifest.task_options).several,
        corpus=corpus,
        licence=hub_licence([corpus.card] if corpus else []),
        stats=describe(corpus) if corpus else None,
        cleaning_report=cleaning_report,
        report=report,
        baseline=baseline_report,
        folds=folds,
        promises=promises,
        validation=[f"{title(name)} {value:.4g}" for name, value in manifest.validation.items()],
        settings=setting_rows({key: value for key, value in manifest.settings.items() if key not in idle}),
    )


def heads_card(manifest: Manifest, multi_corpus: MultiCorpus) -> str:
    """The card of a model with many heads. manifest: with details["heads"]. multi_corpus: the training data."""
    cards = [part.corpus.card for part in multi_corpus.parts.values()]
    return render(
        "heads.md",
        manifest=manifest,
        multi_corpus=multi_corpus,
        languages=list(dict.fromkeys(card.language for card in cards)),
        licence=hub_licence(cards),
        bins=CALIBRATION_BINS,
        split_sizes=split_sizes,
        settings=setting_rows(manifest.settings),
    )


def hub_licence(cards: Iterable[Card]) -> str:
    """The licence of corpora as the hub spells it; "other" where they have several, or one that it does not have."""
    licences = {HUB_LICENCES.get(card.licence.lower().replace(" ", "-"), "other") for card in cards}
    return licences.pop() if len(licences) == 1 else "other"


def split_sizes(corpus: Corpus) -> str:
    """How many sentences each split has."""
    return ", ".join(f"{split} {len(getattr(corpus, split)):,}" for split in SPLITS)


def setting_rows(values: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Name and value of every setting; nested ones as `clean.leaks`."""
    rows = []
    for key, value in values.items():
        nested = isinstance(value, Mapping)
        rows += setting_rows(value, f"{prefix}{key}.") if nested else [[prefix + key, plain_setting(value)]]
    return rows


def plain_setting(value: Any) -> str:
    """A setting as text: lists with commas, yes or no, none."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("none") if value is None else f"{value:g}" if isinstance(value, float) else str(value)
