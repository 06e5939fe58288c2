"""The score on slices of the scored texts: by a column of the file, and by length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from munjang.errors import DataError
from munjang.evaluation.references import References
from munjang.metrics.breakdown import Slice, Slicing
from munjang.metrics.label_report import LabelReport
from munjang.metrics.significance import bootstrap, fisher_less, holm, permutation_less
from munjang.records import Example
from munjang.translation import _

MOST_SLICES = 50  # values of a column; those with the most texts
CLASSES = 3  # of length, with about as many texts each


def slices_of(report: LabelReport, references: References, by: str | None, *, seed: int) -> tuple[Slicing, ...]:
    """The scores by the column `by`, if one is named, and by length, unless all texts are equally long.

    Whether a slice is worse than the other texts is tested by the score that is shown: accuracy by Fisher's exact test,
    another one by a permutation test.
    """
    slicings = []
    if by is not None:
        values = column_values(references.examples, by)
        commonest = [value for value, __ in Counter(values).most_common(MOST_SLICES)]
        slicings.append(slicing(report, by, values, commonest, seed))
    classes = length_classes([len(text) for text in references.texts])
    if len(set(classes)) > 1:
        slicings.append(slicing(report, None, classes, sorted(set(classes), key=lower_bound), seed))
    return tuple(corrected(slicings))


def column_values(examples: Sequence[Example], by: str) -> list[str]:
    """The value of each text in a column, "" where it has none. DataError: no text has the column."""
    if not any(by in (example.columns or ()) for example in examples):
        raise DataError(
            _(
                "The texts come without a column '{by}'. Name it when you read them, "
                "munjang.read_corpus(path, columns=['{by}']), or give each one Example(…, columns={{'{by}': …}}).",
                by=by,
            )
        )
    return [(example.columns or {}).get(by, "") for example in examples]


def length_classes(lengths: Sequence[int]) -> list[str]:
    """The class of each length, with its bounds as its name: "1-17", "18-32", "33-" for those above."""
    bounds = np.unique(np.quantile(lengths, np.arange(1, CLASSES) / CLASSES, method="inverted_cdf"))
    lows = [min(lengths), *(int(bound) + 1 for bound in bounds)]
    names = [f"{low}-{bound}" for low, bound in zip(lows, bounds, strict=False)] + [f"{lows[-1]}-"]
    return [names[index] for index in np.searchsorted(bounds, lengths)]


def lower_bound(name: str) -> int:
    """The shortest length in a class of `length_classes`."""
    return int(name.partition("-")[0])


def slicing(report: LabelReport, by: str | None, values: Sequence[str], chosen: Sequence[str], seed: int) -> Slicing:
    """The chosen values as slices, their p not yet corrected. values: of every text of the report."""
    counts, right, column = report.counts(), report.right(), np.array(values, dtype=object)
    slices = [slice_score(report, value, column == value, counts, right, seed) for value in chosen]
    covered = sum(item.n for item in slices)
    return Slicing(
        by, report.main[0], tuple(slices), len(slices), len(set(values)) - len(slices), len(values) - covered
    )


def slice_score(
    report: LabelReport, value: str, mask: np.ndarray, counts: np.ndarray, right: np.ndarray, seed: int
) -> Slice:
    """The score of the texts in `mask`, (n,) bool, against that of the others."""
    metric, n, others = report.main[0], int(mask.sum()), int((~mask).sum())
    score, rest = (float(report.scores(counts[part].sum(axis=0))[metric]) for part in (mask, ~mask))
    interval = bootstrap(counts[mask], report.scores, seed=seed)[metric]
    if not others:
        return Slice(value, n, score, interval, None, None)
    if metric == "accuracy":
        p = fisher_less(int(right[mask].sum()), n, int(right[~mask].sum()), others)
    else:
        p = permutation_less(counts, mask, lambda sums: np.asarray(report.scores(sums)[metric]), seed=seed)
    return Slice(value, n, score, interval, score - rest, p)


def corrected(slicings: Sequence[Slicing]) -> Iterable[Slicing]:
    """The same slicings, each p corrected for the slices of all of them."""
    raw = [item.p for part in slicings for item in part.slices if item.p is not None]
    adjusted = iter(holm(raw))
    for part in slicings:
        slices = tuple(item if item.p is None else replace(item, p=next(adjusted)) for item in part.slices)
        yield replace(part, slices=slices, tested=len(raw))
