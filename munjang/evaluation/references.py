"""The labelled texts that an evaluation scores: the rows that count, with the model's label names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from munjang.config.settings import TEXT_STEPS
from munjang.data.near.copies import near_copies
from munjang.errors import DataError
from munjang.evaluation.label_matching import match_labels, translate
from munjang.metrics.report import left_out_text
from munjang.records import Corpus, Example, LabelSet, Tree, names_of
from munjang.text.cleaning import clean_text
from munjang.translation import N_, _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor


EMPTY_TEXT, NO_LABEL, LABEL_OUTSIDE = N_("empty"), N_("without a label"), N_("with a label outside the set")
"""Why a row is left out; as keys of a report's JSON they stay English."""


@dataclass(frozen=True)
class References:
    """The examples that are scored, their cleaned texts, and the model's labels for them: `table`, (n, L) bool."""

    examples: Sequence[Example]
    texts: Sequence[str]
    table: np.ndarray
    lines: Sequence[int]
    left_out: Mapping[str, int]


def read_references(
    examples: Sequence[Example], model: Predictor, labels: LabelSet | None, label_map: Mapping[str, str] | None
) -> References:
    """The rows that can be scored, their labels translated to the model's; a DataError where none can."""
    if any(isinstance(example.label, Tree) for example in examples):
        raise DataError(
            _("The data has trees, the model {model} gives labels (task {task}).", model=model.name, task=model.task)
        )
    several = model.decoder.several
    kinds = {isinstance(example.label, tuple) for example in examples if example.label is not None}
    if kinds == {not several}:
        if several:
            raise DataError(
                _(
                    "The data has one label a text, the model {model} gives several labels (task {task}). "
                    "Read the data with {option:multi_label=SEPARATOR}.",
                    model=model.name,
                    task=model.task,
                )
            )
        raise DataError(
            _(
                "The data has several labels a text, the model {model} gives one label (task {task}).",
                model=model.name,
                task=model.task,
            )
        )
    in_data = dict.fromkeys(name for example in examples for name in names_of(example.label))
    matched = match_labels(in_data, model.labels, labels, label_map)
    index = {name: i for i, name in enumerate(model.labels.names)}
    left_out: Counter[str] = Counter()
    kept, texts, rows, lines = [], [], [], []
    for position, example in enumerate(examples, start=1):
        text = clean_text(example.text, TEXT_STEPS)
        names = None if example.label is None else translate(example.label, matched)
        if not text:
            left_out[EMPTY_TEXT] += 1
        elif example.label is None:
            left_out[NO_LABEL] += 1
        elif names is None:
            left_out[LABEL_OUTSIDE] += 1
        else:
            kept.append(example)
            texts.append(text)
            rows.append([index[name] for name in names])
            lines.append(example.line or position)
    if not kept:
        if not left_out:
            raise DataError(_("Nothing can be scored: there are no rows."))
        raise DataError(_("Nothing can be scored: {reasons}.", reasons=left_out_text(left_out)))
    table = np.zeros((len(kept), len(index)), bool)
    for row, chosen in zip(table, rows, strict=True):
        row[chosen] = True
    return References(kept, texts, table, lines, dict(left_out))


def flaws(references: References, corpus: Corpus | None, split: str) -> list[str]:
    """For each text "conflict" (it occurs with another label too), "leak" (it is also in train), "duplicate" (it
    occurred before), "near" (a near copy is in train), or "" where it has no flaw.

    Texts are compared after the usual text steps. For a test split, validation counts as train; without a corpus,
    train is not known.
    """
    seen_in = [] if corpus is None else [corpus.train] * (split != "train") + [corpus.validation] * (split == "test")
    seen = dict.fromkeys(clean_text(example.text, TEXT_STEPS) for examples in seen_in for example in examples)
    labels_of: dict[str, set[bytes]] = {}
    for text, row in zip(references.texts, references.table, strict=True):
        labels_of.setdefault(text, set()).add(row.tobytes())
    found = list(find_flaws(references.texts, labels_of, seen))
    scored = range(len(found))
    near = near_copies([*references.texts, *seen]) if seen else None
    for row in near.copy_in(scored, range(len(found), len(found) + len(seen))) if near else ():
        found[row] = found[row] or "near"
    return found


def find_flaws(texts: Sequence[str], labels_of: Mapping[str, set[bytes]], seen: Container[str]) -> Iterator[str]:
    """The flaw of each text, as `flaws` gives it; the first of several equal texts is no duplicate."""
    before: set[str] = set()
    for text in texts:
        if len(labels_of[text]) > 1:
            yield "conflict"
        elif text in seen:
            yield "leak"
        else:
            yield "duplicate" if text in before else ""
        before.add(text)


def files_of(examples: Sequence[Example]) -> str:
    """What to call examples that come without a corpus: their file, if all have the same one."""
    files = {example.file for example in examples}
    only = next(iter(files)) if len(files) == 1 else None
    return only or _("given texts")
