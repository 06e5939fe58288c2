"""The labelled texts that an evaluation scores: which rows count, under the model's label names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from munjang.config.settings import TEXT_STEPS
from munjang.errors import DataError
from munjang.evaluation.label_matching import match_labels, translate
from munjang.records import Corpus, Example, LabelSet, Tree, names_of
from munjang.text.cleaning import clean_text
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor


@dataclass(frozen=True)
class References:
    """The examples that are scored, with their cleaned texts and labels as the model names them, (n, L) bool."""

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
    several = model.task == "multi-label"
    kinds = {isinstance(example.label, tuple) for example in examples if example.label is not None}
    if kinds == {not several}:
        have, want = ("one label", "several labels") if several else ("several labels", "one label")
        hint = " Read the data with --multi-label SEPARATOR (in Python, ReadOptions(multi_label=…))." if several else ""
        raise DataError(
            _(
                "The data has {have} a text, the model {model} gives {want} (task {task}).{hint}",
                have=have,
                model=model.name,
                want=want,
                task=model.task,
                hint=hint,
            )
        )
    found = dict.fromkeys(name for example in examples for name in names_of(example.label))
    matched = match_labels(found, model.labels, labels, label_map)
    index = {name: i for i, name in enumerate(model.labels.names)}
    left_out: Counter[str] = Counter()
    kept, texts, rows, lines = [], [], [], []
    for position, example in enumerate(examples, start=1):
        text = clean_text(example.text, TEXT_STEPS)
        names = None if example.label is None else translate(example.label, matched)
        if not text:
            left_out["empty"] += 1
        elif example.label is None:
            left_out["without a label"] += 1
        elif names is None:
            left_out["with a label outside the set"] += 1
        else:
            kept.append(example)
            texts.append(text)
            rows.append([index[name] for name in names])
            lines.append(example.line or position)
    if not kept:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "there are no rows"
        raise DataError(_("Nothing can be scored: {reasons}.", reasons=reasons))
    table = np.zeros((len(kept), len(index)), bool)
    for row, chosen in zip(table, rows, strict=True):
        row[chosen] = True
    return References(kept, texts, table, lines, dict(left_out))


def flaws(references: References, corpus: Corpus | None, split: str) -> list[str]:
    """For each text "conflict" (it also stands with another label), "leak" (train has it too), "duplicate" (it
    stood there before), or "" where nothing speaks against it.

    Texts are the same where they are after the usual text steps. For a test split, validation counts
    as train; without a corpus nothing is known of it.
    """
    seen_in = [] if corpus is None else [corpus.train] * (split != "train") + [corpus.validation] * (split == "test")
    seen = {clean_text(example.text, TEXT_STEPS) for examples in seen_in for example in examples}
    labels_of: dict[str, set[bytes]] = {}
    for text, row in zip(references.texts, references.table, strict=True):
        labels_of.setdefault(text, set()).add(row.tobytes())
    return list(find_flaws(references.texts, labels_of, seen))


def find_flaws(texts: Sequence[str], labels_of: Mapping[str, set[bytes]], seen: set[str]) -> Iterator[str]:
    """What `flaws` says, text by text; of repeats the first is none."""
    before: set[str] = set()
    for text in texts:
        if len(labels_of[text]) > 1:
            yield "conflict"
        elif text in seen:
            yield "leak"
        else:
            yield "duplicate" if text in before else ""
        before.add(text)


def digest_of(texts: Sequence[str]) -> str:
    """A sha256 over the texts in their order."""
    digest = sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def files_of(examples: Sequence[Example]) -> str:
    """What to call examples that come without a corpus: their file, if they have one."""
    files = {example.file for example in examples}
    only = next(iter(files)) if len(files) == 1 else None
    return only or "given texts"
