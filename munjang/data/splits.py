"""Makes the splits that a source lacks: stratified, by distinct text, the same on every machine."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from munjang.config.arguments import checked
from munjang.data.duplicates import text_key
from munjang.data.memory import gc_paused
from munjang.data.near.copies import near_copies
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, Label, Tree, check_corpus, count_labels, names_of
from munjang.translation import _, ngettext

SPLIT_NAMES = {
    "train": "train", "training": "train", "학습": "train", "훈련": "train", "validation": "validation",
    "valid": "validation", "val": "validation", "dev": "validation", "검증": "validation", "test": "test",
    "eval": "test", "평가": "test", "시험": "test", "테스트": "test",
}  # fmt: skip
"""What files, folders and cells call a split -> its name in munjang."""
MIN_KEPT = 3
"""A class with at least this many distinct texts has at least one of them held out."""


@gc_paused()
def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(rest, held): about `share` of the examples of each class held out; both keep the given order.

    Near copies stay on one side, so that no text is in both. A multi-label example counts for the rarest of its
    names; all trees are one class. Every class keeps an example in the rest, and so do empty texts. The choice depends
    only on `seed` and the texts, not on their order or on a random generator.
    """
    if not 0 < share < 1:
        raise ConfigError(_("The share to hold out must lie between 0 and 1, found {share}.", share=share))
    keys, groups = grouped(examples)
    strata = stratified(examples, groups)
    held = {index for members in strata.values() for index in draw_texts(members, keys, groups, share, seed)}
    held -= needed_in_rest(examples, keys, groups, held)
    held |= {member for index in held & groups.keys() for member in groups[index]}
    rest = [example for index, example in enumerate(examples) if index not in held]
    return rest, [examples[index] for index in sorted(held)]


@gc_paused()
def folds_of(examples: Sequence[Example], folds: int, seed: int) -> np.ndarray:
    """(examples,) int: the fold of each example, from 0; each fold has about the same number of each class.

    Near copies are in one fold, and so are empty texts. As in `hold_out` the folds depend only on `seed` and the texts.
    ConfigError: fewer than two folds. DataError: fewer texts than folds.
    """
    if folds < 2:
        raise ConfigError(_("The number of folds must be at least 2, found {folds}.", folds=folds))
    keys, groups = grouped(examples)
    strata = stratified(examples, groups)
    if (texts := sum(map(len, strata.values()))) < folds:
        raise DataError(
            ngettext(
                "{count:,} text is too few for {folds} folds: each fold needs one. Give more texts or fewer folds.",
                "{count:,} different texts are too few for {folds} folds: each fold needs one. "
                "Give more texts or fewer folds.",
                texts,
                folds=folds,
            )
        )
    fold_of = np.zeros(len(examples), dtype=int)
    total = [0] * folds
    for name in sorted(strata):
        rows = [0] * folds
        for number in hash_order([keys[index] for index in strata[name]], seed):
            members = groups.get(strata[name][number], [strata[name][number]])
            fold = min(range(folds), key=lambda fold: (rows[fold], total[fold]))
            fold_of[members] = fold
            rows[fold] += len(members)
            total[fold] += len(members)
    return fold_of


def grouped(examples: Sequence[Example]) -> tuple[list[str], dict[int, list[int]]]:
    """(keys, groups): what each text is drawn by, and the indices of near copies, by the first of each group.

    The key of a first one is the least of its group, so that no draw depends on the order of the examples.
    """
    texts = [example.text for example in examples]
    keys = list(map(text_key, texts))
    groups: dict[int, list[int]] = defaultdict(list)
    first = near_copies(texts).together()
    for index in np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1).tolist():
        groups[int(first[index])].append(index)
    for first, members in groups.items():
        keys[first] = min(keys[member] for member in members)
    return keys, dict(groups)


def stratified(examples: Sequence[Example], groups: Mapping[int, Sequence[int]]) -> dict[str, list[int]]:
    """The first index of each text, by the class for which the text counts."""
    frequency = count_labels(examples)
    later = {index for members in groups.values() for index in members[1:]}
    strata: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        if index in groups:
            strata[stratum([examples[member].label for member in groups[index]], frequency)].append(index)
        elif index not in later:
            strata[rarest(example.label, frequency)].append(index)
    return strata


def stratum(labels: Sequence[Label | None], frequency: Counter[str]) -> str:
    """The class that a text counts for: its most common label here; of several names the rarest in the corpus."""
    counts = Counter(rarest(label, frequency) for label in labels)
    return min(counts, key=lambda name: (-counts[name], name))


def rarest(label: Label | None, frequency: Counter[str]) -> str:
    """The name that an example counts for; "" for a tree, which has many names."""
    if isinstance(label, str):
        return label
    if isinstance(label, Tree):
        return ""
    return min(names_of(label), key=lambda name: (frequency[name], name), default="")


def draw_texts(
    indices: Sequence[int], keys: Sequence[str], groups: Mapping[int, Sequence[int]], share: float, seed: int
) -> list[int]:
    """The texts of one class to hold out: taken in the order of their hashes until the share of its rows is reached.

    indices: the first index of each text.
    """
    filled = [index for index in indices if keys[index]]
    target = round(share * sum(len(groups[index]) if index in groups else 1 for index in filled))
    if target == 0 and len(filled) >= MIN_KEPT:
        target = 1
    chosen, rows = [], 0
    for number in hash_order([keys[index] for index in filled], seed):
        if rows == target:
            break
        index = filled[number]
        size = len(groups[index]) if index in groups else 1
        if rows + size <= target:
            chosen.append(index)
            rows += size
    return chosen


def hash_order(keys: Sequence[str], seed: int) -> list[int]:
    """The indices of distinct keys in the order of their blake2b hashes; 16 bytes of a hash tell any two apart."""
    start = blake2b(f"{seed}\0".encode())
    halves = bytearray()
    for key in keys:
        digest = start.copy()
        digest.update(key.encode("utf-8", "surrogatepass"))
        halves += digest.digest()[:16]
    first, second = np.frombuffer(halves, dtype=">u8").reshape(-1, 2).T
    return np.lexsort((second, first)).tolist()


def needed_in_rest(
    examples: Sequence[Example], keys: Sequence[str], groups: Mapping[int, Sequence[int]], held: set[int]
) -> set[int]:
    """Texts to give back because they are the only examples of a class. held: the first index of each text."""
    if any(isinstance(example.label, Tree) for example in examples):
        return set()
    away = held.union(*(groups[index] for index in held & groups.keys()))
    labels = {example.label for index, example in enumerate(examples) if index not in away}
    left = {name for label in labels for name in names_of(label)}
    if left >= {name for index in away for name in names_of(examples[index].label)}:
        return set()
    back = set()
    for index in sorted(held, key=keys.__getitem__):
        names = {name for member in groups.get(index, (index,)) for name in names_of(examples[member].label)}
        if names - left:
            back.add(index)
            left |= names
    return back


@checked("corpus")
def with_validation(corpus: Corpus, share: float = 0.1, seed: int = 13) -> Corpus:
    """The corpus with a validation split: its own, or a share of train (never of test)."""
    return with_split(corpus, "validation", share, seed)


def with_test(corpus: Corpus, share: float = 0.1, seed: int = 13) -> Corpus:
    """The corpus with a test split: its own, or a share of train."""
    return with_split(corpus, "test", share, seed)


def validation_as_test(corpus: Corpus) -> Corpus:
    """The corpus with its validation split as test where it has no test split (KLUE does not publish it).

    The validation split for training is then made from train, so that no choice depends on the scored texts.
    """
    if corpus.test or not corpus.validation:
        return corpus
    card = replace(corpus.card, notes=(*corpus.card.notes, _("test: the validation split of the source")))
    return replace(corpus, validation=(), test=corpus.validation, card=card)


def with_split(corpus: Corpus, split: str, share: float, seed: int) -> Corpus:
    """The corpus unchanged if it has the split; else with one made from train, and a note on its card."""
    check_corpus(corpus)
    if getattr(corpus, split):
        return corpus
    rest, held = hold_out(corpus.split("train"), share, seed)
    if not held:
        raise DataError(
            ngettext(
                "{corpus}: {count:,} example is too few to hold out {share:.0%} of it as {split}. "
                "Give more examples, a larger share, or a {split} file of your own.",
                "{corpus}: {count:,} examples are too few to hold out {share:.0%} of them as {split}. "
                "Give more examples, a larger share, or a {split} file of your own.",
                len(corpus.train),
                corpus=corpus.name,
                share=share,
                split=split,
            )
        )
    if corpus.label_type is Tree:
        note = ngettext(
            "{split}: {count:,} row, {share:.0%} of train, by distinct text, seed {seed}",
            "{split}: {count:,} rows, {share:.0%} of train, by distinct text, seed {seed}",
            len(held),
            split=split,
            share=share,
            seed=seed,
        )
    else:
        note = ngettext(
            "{split}: {count:,} row, {share:.0%} of train, stratified, by distinct text, seed {seed}",
            "{split}: {count:,} rows, {share:.0%} of train, stratified, by distinct text, seed {seed}",
            len(held),
            split=split,
            share=share,
            seed=seed,
        )
    card = replace(corpus.card, notes=(*corpus.card.notes, note))
    return replace(corpus, train=rest, card=card, **{split: held})
