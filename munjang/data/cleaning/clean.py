"""Cleans a corpus: texts pass the text steps, rows pass the row steps, and a report tells what they did."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from munjang.config.arguments import checked
from munjang.config.settings import CleanConfig
from munjang.data.cleaning.filters import ROW_STEPS, SplitRows, State, applies, count_votes
from munjang.data.cleaning.fixes import apply_fixes
from munjang.data.cleaning.report import CleaningReport, NearCopy, SplitCounts, StepCount
from munjang.data.duplicates import repeated, shared
from munjang.data.memory import gc_paused
from munjang.records import SPLITS, Corpus, Example, Label, LabelSet, Removed, Tree, check_corpus, label_text, names_of
from munjang.text.cleaning import clean_and_trace, clean_text, ordered_steps
from munjang.text.personal import mask_personal
from munjang.translation import _, ngettext


@gc_paused()
@checked("corpus")
def clean_corpus(corpus: Corpus, config: CleanConfig | None = None) -> tuple[Corpus, CleaningReport]:
    """The corpus as `config` cleans it, and the report.

    Examples of the result have cleaned texts and the names of the label set (aliases resolved; several labels in the
    order of the set). Rows that the reader rejected are in the report and no longer in the corpus. With the step
    mask_personal the report holds no personal data either.
    """
    check_corpus(corpus)
    config = config or CleanConfig()
    corpus, fixes = (corpus, None) if config.fixes is None else apply_fixes(corpus, config.fixes)
    steps = ordered_steps(config.steps)
    changed = dict.fromkeys(steps, 0)
    rows = {
        split: to_rows(examples, corpus, split, steps, changed)
        for split in SPLITS
        if (examples := getattr(corpus, split))
    }
    texts = sum(map(len, rows.values()))
    before = {split: look_at(split, rows) for split in rows}
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
        found=before,
        removed=tuple(removed),
        kept={split: array("q", rows.positions.tobytes()) for split, rows in state.rows.items()},
        outlier_limit=state.outlier_limit,
        near_duplicates=tuple(state.near),
        notes=tuple(cleaning_remarks(state, corpus.labels)),
        fixes=fixes,
    )
    return cleaned, cleaning_report


def run_step(step: str, state: State, before: Mapping[str, int]) -> tuple[StepCount, list[Removed]]:
    """Run one row step over all splits: takes rows out of `state.rows`; returns the counts and the removed rows."""
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
    """The examples of a split with cleaned texts and resolved labels; counts the changes of each step in `changed`."""
    texts: list[str] = []
    for example in examples:
        text, names = clean_and_trace(example.text, steps)
        texts.append(text)
        for name in names:
            changed[name] += 1
    known = {label: corpus.labels.resolved(label) for label in {example.label for example in examples}}
    labels = [known[example.label] for example in examples]
    if corpus.label_type is Tree:
        labels = [with_words(label, text) for label, text in zip(labels, texts, strict=True)]
    return SplitRows(tuple(examples), f"{corpus.name}/{split}", np.arange(len(texts), dtype=np.int64), texts, labels)


def with_words(label: Label | None, text: str) -> Label | None:
    """The tree over the words of the cleaned text; None where their number has changed."""
    words = tuple(text.split())
    if not isinstance(label, Tree) or len(label) != len(words):
        return None
    return label if label.words == words else replace(label, words=words)


def look_at(split: str, splits: Mapping[str, SplitRows]) -> SplitCounts:
    """What a split holds before rows are removed."""
    rows = splits[split]
    empty = {i for i, text in enumerate(rows.texts) if not text.strip()}
    suspects = {i for i in repeated(rows.hashes).tolist() if i not in empty}
    return SplitCounts(
        rows=len(rows),
        empty=len(empty),
        duplicates=len(suspects) - len({rows.texts[i] for i in suspects}),
        conflicts=sum(
            len(votes) - (None in votes) > 1 and bool(text.strip()) for text, votes in count_votes(rows).items()
        ),
        shared={other: count_shared(rows, splits[other]) for other in splits if other != split},
    )


def count_shared(rows: SplitRows, other: SplitRows) -> int:
    """The number of distinct texts that are in both splits, without empty ones."""
    suspects = shared(rows.hashes, other.hashes).tolist()
    texts = {rows.texts[i] for i in suspects if rows.texts[i].strip()}
    return len(texts & {other.texts[i] for i in shared(other.hashes, rows.hashes[suspects]).tolist()})


def count_rejected(corpus: Corpus) -> list[StepCount]:
    """The rows rejected by the reader as steps: "read" for unreadable lines, then "read: label" and the like.

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
    """The record of a removed row, with text and label as in the file."""
    source = rows.original(i)
    return Removed(*rows.location(i), source.text, label_text(source.label), step, reason)


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

    If a number shows only after cleaning (010-&#49;234-5678, or zero-width characters between the digits), the cleaned
    text replaces the original.
    """
    text = mask_personal(original)
    bare = clean_text(text, [step for step in steps if step != "mask_personal"])
    return text if mask_personal(bare) == bare else clean_text(original, steps)


def cleaning_remarks(state: State, labels: LabelSet) -> Iterator[str]:
    """What the user should know in addition to the numbers."""
    if "test" in state.rows:
        if state.config.clean_test:
            yield _("The test split was cleaned like train (clean_test).")
        else:
            yield _(
                "The test split lost only empty texts and labels outside the set, so that its scores stay comparable."
            )
    for split in state.rows if state.config.near_duplicates else ():
        if found := [copy for copy in state.near if copy.split == split]:
            yield near_remark(split, found)
    if state.outlier_limit is not None:
        yield _(
            "Outliers: more than Q3 + {factor:g} × (Q3 − Q1) = {limit:,g} characters.",
            factor=state.config.outliers,
            limit=state.outlier_limit,
        )
    if "train" in state.rows:
        left = {name for label in set(state.rows["train"].labels) for name in names_of(label)}
        if missing := [name for name in labels.names if name not in left]:
            yield ngettext(
                "No row of train is left with the label {labels}.",
                "No row of train is left with the labels {labels}.",
                len(missing),
                labels=", ".join(missing),
            )


def near_remark(split: str, found: Sequence[NearCopy]) -> str:
    """How many near copies a split has, and of what. found: at least one."""
    leaks = sum(copy.other_split != split for copy in found)
    return ngettext(
        "{count:,} row of {split} is a near copy: {within:,} of an earlier row of it, {leaks:,} of another split; "
        "{conflicts:,} with another label than the row it is like.",
        "{count:,} rows of {split} are near copies: {within:,} of an earlier row of it, {leaks:,} of another split; "
        "{conflicts:,} with another label than the row they are like.",
        len(found),
        split=split,
        within=len(found) - leaks,
        leaks=leaks,
        conflicts=sum(not copy.same_label for copy in found),
    )
