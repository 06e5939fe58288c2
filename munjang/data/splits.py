"""Makes splits that the source does not have: stratified, by distinct text, the same on every machine."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, count_labels, names_of

LEAST = 3
"""From this many distinct texts on, a class has at least one of them held out."""


def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(rest, held): about `share` of the examples held out, each class in its proportion, both in the given order.

    Texts that are equal after NFC and trimming stay on one side, so that no text is in both. A multi-label example
    counts for the rarest of its names. Every class keeps an example in the rest; empty texts stay there. The choice
    depends on `seed` and the texts alone, not on their order nor on a random generator.
    """
    if not 0 < share < 1:
        raise ConfigError(f"The share to hold out must lie between 0 and 1, found {share}.")
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[text_key(example.text)].append(example)
    frequency = count_labels(examples)
    strata: dict[str, list[str]] = defaultdict(list)
    for key, members in groups.items():
        strata[stratum(members, frequency)].append(key)
    held = {key for keys in strata.values() for key in draw(keys, groups, share, seed)}
    held -= needed_in_rest(groups, held)
    rest = [example for example in examples if text_key(example.text) not in held]
    return rest, [example for example in examples if text_key(example.text) in held]


def text_key(text: str) -> str:
    """What makes two texts the same: NFC, without white space at the ends."""
    return unicodedata.normalize("NFC", text).strip()


def stratum(members: Sequence[Example], frequency: Counter[str]) -> str:
    """The class for which a text counts: its most common label here, of several names the rarest in the corpus."""
    rarest = Counter(
        min(names_of(item.label), key=lambda name: (frequency[name], name), default="") for item in members
    )
    return min(rarest, key=lambda name: (-rarest[name], name))


def draw(keys: Sequence[str], groups: dict[str, list[Example]], share: float, seed: int) -> list[str]:
    """The texts of one class to hold out: in an order given by hashes until the share of its rows is reached."""
    filled = [key for key in keys if key]
    target = round(share * sum(len(groups[key]) for key in filled))
    if target == 0 and len(filled) >= LEAST:
        target = 1
    chosen, rows = [], 0
    for key in sorted(filled, key=lambda key: blake2b(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()):
        if rows + len(groups[key]) <= target:
            chosen.append(key)
            rows += len(groups[key])
    return chosen


def needed_in_rest(groups: dict[str, list[Example]], held: set[str]) -> set[str]:
    """Texts to give back because they carry the only examples of a class."""
    left = {
        name for key, members in groups.items() if key not in held for item in members for name in names_of(item.label)
    }
    back = set()
    for key in sorted(held):
        names = {name for item in groups[key] for name in names_of(item.label)}
        if names - left:
            back.add(key)
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
            f"{corpus.name}: {len(corpus.train)} examples are too few to hold out {share:.0%} of them as {split}. "
            f"Give more examples, a larger share, or a {split} file of your own."
        )
    note = f"{split}: {len(held):,} rows, {share:.0%} of train, stratified, by distinct text, seed {seed}"
    card = replace(corpus.card, notes=(*corpus.card.notes, note))
    return replace(corpus, train=rest, card=card, **{split: held})
