"""Cleaning a corpus: texts through the text steps, rows through the row steps, with an account of it all."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.filters import ROW_STEPS, SplitRows, State, applies, count_votes
from munjang.data.cleaning.report import CleaningReport, SplitCounts, StepCount
from munjang.data.duplicates import repeated, shared
from munjang.data.memory import gc_paused
from munjang.records import SPLITS, Corpus, Example, Label, LabelSet, Removed, Tree, label_text, names_of
from munjang.text.cleaning import clean_and_trace, clean_text, ordered_steps
from munjang.text.personal import mask_personal


@gc_paused()
def clean_corpus(corpus: Corpus, config: CleanConfig | None = None) -> tuple[Corpus, CleaningReport]:
    """The corpus as `config` cleans it, and the account.

    Examples of the result carry cleaned texts and the label set's own names (aliases resolved; several labels in the
    set's order). Rows that the reader rejected are in the account and no longer in the corpus. With the step
    mask_personal the account holds no personal data either.
    """
    config = config or CleanConfig()
    steps = ordered_steps(config.steps)
    changed = dict.fromkeys(steps, 0)
    rows = {
        split: to_rows(examples, corpus, split, steps, changed)
        for split in SPLITS
        if (examples := getattr(corpus, split))
    }
    texts = sum(map(len, rows.values()))
    found = {split: look_at(split, rows) for split in rows}
    state = State(config, rows, has_labels=bool(corpus.labels.names))
    counts, removed = [*count_rejected(corpus)], list(corpus.rejected)
    for step in ROW_STEPS:
        count, taken = run_step(step, state, counts[-1].left)
        counts.append(count)
        removed += taken
    if "mask_personal" in steps:
        removed = [hide_personal(row, steps) for row in removed]
    cleaned = replace(corpus, rejected=(), **{split: to_examples(rows) for split, rows in state.rows.items()})
    cleaning_report = CleaningReport(
        corpus=corpus.name,
        config=replace(config, steps=steps),
        texts=texts,
        steps=tuple(counts),
        changed=changed,
        found=found,
        removed=tuple(removed),
        kept={split: array("q", rows.positions.tobytes()) for split, rows in state.rows.items()},
        outlier_limit=state.outlier_limit,
        notes=tuple(cleaning_remarks(state, corpus.labels)),
    )
    return cleaned, cleaning_report


def run_step(step: str, state: State, before: Mapping[str, int]) -> tuple[StepCount, list[Removed]]:
    """Run one row step over all splits: rows leave `state.rows`; its counts and the removed rows come back."""
    removed: list[Removed] = []
    counts: dict[str, int | None] = dict.fromkeys(before, 0)
    for split, rows in state.rows.items():
        if not applies(step, split, state.config):
            counts[split] = None
            continue
        reasons = ROW_STEPS[step](state, split)
        counts[split] = len(reasons)
        if reasons:
            removed += (to_removed(rows, i, step, reasons[i]) for i in sorted(reasons))
            state.rows[split] = rows.without(reasons)
    return StepCount(step, counts, {split: len(state.rows.get(split, ())) for split in before}), removed


def to_rows(
    examples: Sequence[Example], corpus: Corpus, split: str, steps: tuple[str, ...], changed: dict[str, int]
) -> SplitRows:
    """The examples of a split with cleaned texts and resolved labels; counts into `changed` what each step changed."""
    texts: list[str] = []
    for example in examples:
        text, names = clean_and_trace(example.text, steps)
        texts.append(text)
        for name in names:
            changed[name] += 1
    known = {label: resolve(label, corpus.labels) for label in {example.label for example in examples}}
    labels = [known[example.label] for example in examples]
    if corpus.task == "parsing":
        labels = [with_words(label, text) for label, text in zip(labels, texts, strict=True)]
    return SplitRows(tuple(examples), f"{corpus.name}/{split}", np.arange(len(texts), dtype=np.int64), texts, labels)


def resolve(label: Label | None, labels: LabelSet) -> Label | None:
    """The label under the set's own names, several in the set's order; None where one of them is not in the set."""
    if label is None or not labels.names:
        return label
    if any(name not in labels for name in names_of(label)):
        return None
    if isinstance(label, str):
        return labels.resolve(label)
    if isinstance(label, Tree):
        return replace(label, relations=tuple(map(labels.resolve, label.relations)))
    return tuple(sorted({labels.resolve(name) for name in label}, key=labels.names.index))


def with_words(label: Label | None, text: str) -> Label | None:
    """The tree over the words of the cleaned text; None where they are no longer as many."""
    words = tuple(text.split())
    if not isinstance(label, Tree) or len(label) != len(words):
        return None
    return label if label.words == words else replace(label, words=words)


def look_at(split: str, rows: Mapping[str, SplitRows]) -> SplitCounts:
    """What a split holds before rows are removed."""
    own = rows[split]
    bare = {i for i, text in enumerate(own.texts) if not text.strip()}
    usable = {i for i in repeated(own.hashes).tolist() if i not in bare}
    return SplitCounts(
        rows=len(own),
        empty=len(bare),
        duplicates=len(usable) - len({own.texts[i] for i in usable}),
        conflicts=sum(
            len(votes) - (None in votes) > 1 and bool(text.strip()) for text, votes in count_votes(own).items()
        ),
        shared={other: count_shared(own, rows[other]) for other in rows if other != split},
    )


def count_shared(own: SplitRows, other: SplitRows) -> int:
    """How many distinct texts, empty ones apart, stand in both splits."""
    suspects = shared(own.hashes, other.hashes).tolist()
    texts = {own.texts[i] for i in suspects if own.texts[i].strip()}
    return len(texts & {other.texts[i] for i in shared(other.hashes, own.hashes[suspects]).tolist()})


def count_rejected(corpus: Corpus) -> list[StepCount]:
    """The reader's rejections as steps: "read" for lines it could not read, then "read: label" and the like.

    Each counts for its split where the reader knew it, else for the first split that has its file, else for train.
    """
    splits = [split for split in SPLITS if getattr(corpus, split)] or ["train"]
    split_of = {example.file: split for split in reversed(splits) for example in getattr(corpus, split)}
    taken = {"read": Counter()}
    for row in corpus.rejected:
        taken.setdefault("read" if row.step == "read" else f"read: {row.step}", Counter())[
            row.split if row.split in splits else split_of.get(row.file, splits[0])
        ] += 1
    left = {split: len(getattr(corpus, split)) + sum(counts[split] for counts in taken.values()) for split in splits}
    steps = []
    for step, counts in taken.items():
        left = {split: rows - counts[split] for split, rows in left.items()}
        steps.append(StepCount(step, {split: counts[split] for split in splits}, left))
    return steps


def to_removed(rows: SplitRows, i: int, step: str, reason: str) -> Removed:
    """The record of a row that goes, with text and label as they stood in the file."""
    source = rows.original(i)
    return Removed(*rows.place(i), source.text, label_text(source.label), step, reason)


def to_examples(rows: SplitRows) -> Iterator[Example]:
    """The cleaned examples; the same objects where cleaning changed nothing."""
    for position, text, label in zip(rows.positions.tolist(), rows.texts, rows.labels, strict=True):
        source = rows.source[position]
        is_same = text == source.text and label == source.label
        yield source if is_same else replace(source, text=text, label=label)


def hide_personal(row: Removed, steps: tuple[str, ...]) -> Removed:
    """The record without personal data."""
    return replace(
        row,
        text=hide_in(row.text, steps),
        label=hide_in(row.label, steps),
        reason=hide_in(row.reason, steps),
    )


def hide_in(original: str, steps: tuple[str, ...]) -> str:
    """The original text with personal data masked.

    Where it shows its number only once it is cleaned (010-&#49;234-5678, or with zero-width characters between the
    digits), the cleaned text stands in for the original.
    """
    text = mask_personal(original)
    bare = clean_text(text, [step for step in steps if step != "mask_personal"])
    return text if mask_personal(bare) == bare else clean_text(original, steps)


def cleaning_remarks(state: State, labels: LabelSet) -> Iterator[str]:
    """What the user should know beside the numbers."""
    if "test" in state.rows:
        yield (
            "The test split was cleaned like train (clean_test)."
            if state.config.clean_test
            else "The test split lost only empty texts and labels outside the set, so that its scores stay comparable."
        )
    if state.outlier_limit is not None:
        yield f"Outliers: more than Q3 + {state.config.outliers:g} × (Q3 − Q1) = {state.outlier_limit:,g} characters."
    if "train" in state.rows:
        left = {name for label in set(state.rows["train"].labels) for name in names_of(label)}
        if gone := [name for name in labels.names if name not in left]:
            yield f"No row of train is left with the label {', '.join(gone)}."
