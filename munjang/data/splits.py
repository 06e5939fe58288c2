"""Makes splits that the source does not have: stratified, by distinct text, the same on every machine."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from munjang.data.duplicates import hashes, repeated
from munjang.data.memory import gc_paused
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, Label, Tree, count_labels, names_of
from munjang.translation import _

MIN_KEPT = 3
"""From this many distinct texts on, a class has at least one of them held out."""


@gc_paused()
def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(rest, held): about `share` of the examples held out, each class in its proportion, both in the given order.

    Texts that are equal after NFC and trimming stay on one side, so that no text is in both. A multi-label example
    counts for the rarest of its names, trees are all of one class. Every class keeps an example in the rest; empty
    texts stay there. The choice
    depends on `seed` and the texts alone, not on their order nor on a random generator.
    """
    if not 0 < share < 1:
        raise ConfigError(_("The share to hold out must lie between 0 and 1, found {share}.", share=share))
    keys = [text_key(example.text) for example in examples]
    groups = group(keys)
    frequency = count_labels(examples)
    later = {place for members in groups.values() for place in members[1:]}
    strata: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        if place in groups:
            strata[stratum([examples[member].label for member in groups[place]], frequency)].append(place)
        elif place not in later:
            strata[rarest(example.label, frequency)].append(place)
    held = {place for places in strata.values() for place in draw_texts(places, keys, groups, share, seed)}
    held -= needed_in_rest(examples, keys, groups, held)
    held |= {member for place in held & groups.keys() for member in groups[place]}
    rest = [example for place, example in enumerate(examples) if place not in held]
    return rest, [examples[place] for place in sorted(held)]


def text_key(text: str) -> str:
    """What makes two texts the same: NFC, without white space at the ends."""
    return unicodedata.normalize("NFC", text).strip()


def group(keys: Sequence[str]) -> dict[int, list[int]]:
    """The places of the keys that occur more than once, by the first of them."""
    found: dict[str, list[int]] = defaultdict(list)
    for place in repeated(hashes(keys, len(keys))).tolist():
        found[keys[place]].append(place)
    return {members[0]: members for members in found.values() if len(members) > 1}


def stratum(labels: Sequence[Label | None], frequency: Counter[str]) -> str:
    """The class for which a text counts: its most common label here, of several names the rarest in the corpus."""
    counts = Counter(rarest(label, frequency) for label in labels)
    return min(counts, key=lambda name: (-counts[name], name))


def rarest(label: Label | None, frequency: Counter[str]) -> str:
    """The name for which an example counts; a tree, which has many and often, counts for none."""
    if isinstance(label, str):
        return label
    if isinstance(label, Tree):
        return ""
    return min(names_of(label), key=lambda name: (frequency[name], name), default="")


def draw_texts(
    places: Sequence[int], keys: Sequence[str], groups: Mapping[int, Sequence[int]], share: float, seed: int
) -> list[int]:
    """The texts of one class to hold out: in an order given by hashes until the share of its rows is reached.

    places: where each text stands first.
    """
    filled = [place for place in places if keys[place]]
    target = round(share * sum(len(groups[place]) if place in groups else 1 for place in filled))
    if target == 0 and len(filled) >= MIN_KEPT:
        target = 1
    chosen, rows = [], 0
    for number in hash_order([keys[place] for place in filled], seed):
        if rows == target:
            break
        place = filled[number]
        size = len(groups[place]) if place in groups else 1
        if rows + size <= target:
            chosen.append(place)
            rows += size
    return chosen


def hash_order(keys: Sequence[str], seed: int) -> list[int]:
    """The places of distinct keys in the order of their blake2b hashes; 16 bytes of them tell any two apart."""
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
    """Texts to give back because they carry the only examples of a class. held: where each text stands first."""
    if any(isinstance(example.label, Tree) for example in examples):
        return set()
    away = held.union(*(groups[place] for place in held & groups.keys()))
    labels = {example.label for place, example in enumerate(examples) if place not in away}
    left = {name for label in labels for name in names_of(label)}
    if left >= {name for place in away for name in names_of(examples[place].label)}:
        return set()
    back = set()
    for place in sorted(held, key=keys.__getitem__):
        names = {name for member in groups.get(place, (place,)) for name in names_of(examples[member].label)}
        if names - left:
            back.add(place)
            left |= names
    return back


def with_validation(corpus: Corpus, share: float = 0.1, seed: int = 13) -> Corpus:
    """The corpus with a validation split: its own, or a share of train (never of test)."""
    return with_split(corpus, "validation", share, seed)


def with_test(corpus: Corpus, share: float = 0.1, seed: int = 13) -> Corpus:
    """The corpus with a test split: its own, or a share of train."""
    return with_split(corpus, "test", share, seed)


def validation_as_test(corpus: Corpus) -> Corpus:
    """The corpus with its validation split as test where it has no test split (KLUE hides its own).

    A validation split for training is then made from train, so that nothing is chosen on what is scored.
    """
    if corpus.test or not corpus.validation:
        return corpus
    card = replace(corpus.card, notes=(*corpus.card.notes, "test: the validation split of the source"))
    return replace(corpus, validation=(), test=corpus.validation, card=card)


def with_split(corpus: Corpus, split: str, share: float, seed: int) -> Corpus:
    """The corpus as it is where it has the split; else with one made from train, and a note on its card."""
    if getattr(corpus, split):
        return corpus
    rest, held = hold_out(corpus.split("train"), share, seed)
    if not held:
        raise DataError(
            _(
                "{corpus}: {train} examples are too few to hold out {share:.0%} of them as {split}. "
                "Give more examples, a larger share, or a {split} file of your own.",
                corpus=corpus.name,
                train=len(corpus.train),
                share=share,
                split=split,
            )
        )
    how = "" if corpus.task == "parsing" else "stratified, "
    note = f"{split}: {len(held):,} rows, {share:.0%} of train, {how}by distinct text, seed {seed}"
    card = replace(corpus.card, notes=(*corpus.card.notes, note))
    return replace(corpus, train=rest, card=card, **{split: held})
