"""What the report of a classifier says, in sentences with the user's own labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from munjang.metrics.report import LabelScore
from munjang.metrics.scores import SEVERAL
from munjang.translation import _, ngettext

HARDLY = 0.2  # recall
FEW_TEXTS, FEW_OF_LABEL = 200, 10  # texts of a test split, and of one label in it, that say little
NAMED = 5  # labels that a sentence names


class ScoredLabels(Protocol):
    """What the sentences need of a `munjang.metrics.label_report.LabelReport`."""

    @property
    def n(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]: ...
    @property
    def per_label(self) -> Sequence[LabelScore]: ...
    @property
    def confusion(self) -> np.ndarray | None: ...


def report_in_words(report: ScoredLabels) -> list[str]:
    """The sentences: how much is right, what that is worth, and which labels suffer."""
    several = report.kind in SEVERAL
    parts = [found_and_given(report)] if several else [share_right(report), *largest_label(report)]
    return [*parts, *missed_labels(report), *([] if several else confused(report)), *too_few(report)]


def share_right(report: ScoredLabels) -> str:
    """Accuracy as a person says it."""
    low, high = report.intervals["accuracy"]
    return _(
        "{right:.0f} of 100 texts get the right label ({low:.0f} to {high:.0f}, judging by {n:,} texts).",
        right=100 * report.metrics["accuracy"],
        low=100 * low,
        high=100 * high,
        n=report.n,
    )


def found_and_given(report: ScoredLabels) -> str:
    """Precision and recall over all labels as a person says them."""
    return _(
        "Of 100 labels that it gives, {right:.0f} are right; of 100 that the texts have, it finds {found:.0f} "
        "({n:,} texts).",
        right=100 * report.metrics["micro_precision"],
        found=100 * report.metrics["micro_recall"],
        n=report.n,
    )


def largest_label(report: ScoredLabels) -> Iterator[str]:
    """What a model would reach that always gives the commonest label."""
    largest = max(report.per_label, key=lambda score: score.support)
    share = 100 * largest.support / report.n
    yield _("Always answering '{label}' would be right for {share:.0f} of 100.", label=largest.name, share=share)


def missed_labels(report: ScoredLabels) -> Iterator[str]:
    """The labels that the model never finds, or hardly ever."""
    missed = [score for score in report.per_label if score.support and score.recall < HARDLY]
    if missed:
        shown = [
            _("'{label}' ({found:,} of {support:,})", label=score.name, found=round(score.recall * score.support),
              support=score.support)
            for score in missed[:NAMED]
        ]  # fmt: skip
        shown += ["…"] * (len(missed) > NAMED)
        yield _("Hardly ever found: {labels}. Such texts get other labels.", labels=", ".join(shown))


def confused(report: ScoredLabels) -> Iterator[str]:
    """The two labels that are most often taken for each other."""
    if report.confusion is None:
        return
    wrong = np.array(report.confusion)
    np.fill_diagonal(wrong, 0)
    both = wrong + wrong.T
    first, second = divmod(int(np.argmax(np.triu(both))), len(report.labels))
    if both[first, second]:
        yield ngettext(
            "Most often confused: '{first}' and '{second}' ({count:,} text).",
            "Most often confused: '{first}' and '{second}' ({count:,} texts).",
            int(both[first, second]),
            first=report.labels[first],
            second=report.labels[second],
        )


def too_few(report: ScoredLabels) -> Iterator[str]:
    """Whether there are enough texts to judge the model, and each label."""
    if report.n < FEW_TEXTS:
        yield _(
            "{n:,} texts are few: another such file could give quite another score. Test with {enough:,} or more.",
            n=report.n,
            enough=FEW_TEXTS,
        )
    few = [score.name for score in report.per_label if score.support < FEW_OF_LABEL]
    if few and report.n >= FEW_TEXTS:
        names = ", ".join(f"'{name}'" for name in few[:NAMED]) + ", …" * (len(few) > NAMED)
        yield _("Too few to judge, fewer than {fewest} texts each: {labels}.", fewest=FEW_OF_LABEL, labels=names)
