"""Whether a letter by which two texts differ is a slip or makes another word; how texts differ, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from munjang.data.duplicates import letters_key
from munjang.data.near.letters import Keys, keys_of
from munjang.text.cleaning import nfc
from munjang.translation import _

SLIP, ENDING_ONLY = "slip", "ending"
COUNTED = 200_000  # texts in which words are counted; of more texts every second one, and so on
WORD = re.compile(r"[^\W_]+")


CONTRASTS = """
상중하 전후 남북동서중 좌우 대소중 장차 신구 일이삼사오육칠팔구십 월화수목금토일 남여 찬반 갑을병정
춘하추동 초중고 한두세네첫 한일중미영러독 있없 많적 올내 유무 흑백 시도군구읍면
"""
"""Letters that make another word of each other: 상반기 and 하반기, 있다 and 없다."""
PREFIXES = "안못불비미무신구재반탈"
"""Letters that make another word when they are put before it: 안 좋다, 신고리, 재개최."""
PERSONS = "장차"
"""Letters that make a person of an office, or another person: 기상청장, 처 차장."""


class Words:
    """Tells slips from other words: a slip makes a word that no other text has, or few beside those with the right one.

    pairs: rows whose keys differ by a letter -> whether one key press explains it. The texts are read once, to count.
    """

    def __init__(self, texts: Sequence[str], keys: Keys, pairs: Mapping[tuple[int, int], bool]) -> None:
        self.typed = pairs
        starts = {row: keys_of(WORD.findall(nfc(texts[row]))).starts for row in {row for pair in pairs for row in pair}}
        self.changes = {pair: change(*map(keys.of, pair), [starts[row] for row in pair]) for pair in pairs}
        parts = {
            part for word, other, at in self.changes.values() for one in (word, other) for part in parts_of(one, at)
        }
        self.counts = count_parts(texts[:: 1 + len(texts) // COUNTED], parts) if parts else Counter()

    def slips(self) -> Iterator[tuple[int, int]]:
        """The pairs that no other word explains."""
        return (pair for pair in self.changes if not self.another(*self.changes[pair], typed=self.typed[pair]))

    def another(self, one: str, other: str, at: int, *, typed: bool) -> bool:
        """Whether both are words of their own."""
        if len(one) != len(other):
            longer, shorter = sorted((one, other), key=len, reverse=True)
            return longer[at] in PERSONS or (at == 0 and longer[0] in PREFIXES and longer[1:] == shorter)
        if one[at + 1 :] == other[at + 1 :] and any(
            {one[at], other[at]} <= set(letters) for letters in CONTRASTS.split()
        ):
            return True
        whole, *parts = zip(parts_of(one, at), parts_of(other, at), strict=True)
        if typed:
            return self.are_words(*whole, 1, 30) or any(self.are_words(*two, 30, 5) for two in parts)
        return self.are_words(*whole, 1, 1000) or any(self.are_words(*two, 2, 100) for two in parts)

    def are_words(self, one: str, other: str, least: int, ratio: int) -> bool:
        """Whether enough other texts have both, and the rarer one often enough not to be a slip for the other."""
        rare, common = sorted(self.counts[part] - 1 for part in (one, other))
        return rare >= least and rare * ratio >= common


def change(mine: np.ndarray, theirs: np.ndarray, words: Sequence[np.ndarray]) -> tuple[str, str, int]:
    """(word, other word, at): the words in which two keys differ, and at which letter.

    words: where the words of each text begin. A word ends where one of the texts has a space or sign.
    """
    size = min(len(mine), len(theirs))
    unlike = np.flatnonzero(mine[:size] != theirs[:size])
    at = int(unlike[0]) if len(unlike) else size
    longer = [len(mine) - size, len(theirs) - size]
    start = max(starts[starts <= at][-1] for starts in words)
    stop = min(
        [
            size,
            *(later[0] - more for starts, more in zip(words, longer, strict=True) if len(later := starts[starts > at])),
        ]
    )
    one, other = (
        side[start : stop + more].tobytes().decode("utf-32-le")
        for side, more in zip((mine, theirs), longer, strict=True)
    )
    return one, other, at - int(start)


def parts_of(word: str, at: int) -> tuple[str, str, str]:
    """A word, what it begins with up to a letter of it, and what it ends with from the letter before on.

    Two letters at least; a star stands for the rest.
    """
    return word, word[: max(at + 1, 2)] + "*", "*" + word[min(max(at - 1, 0), max(len(word) - 2, 0)) :]


def count_parts(texts: Sequence[str], parts: set[str]) -> Counter[str]:
    """How many words of the texts are, begin with or end with each part."""
    starts, ends_ = {part[:2] for part in parts}, {part[-2:] for part in parts}
    sizes = sorted({len(part) - 1 for part in parts if "*" in part})
    counts: Counter[str] = Counter()
    for text in texts:
        for word in WORD.findall(text.casefold()):
            if word in parts:
                counts[word] += 1
            if word[:2] in starts:
                counts.update(part for size in sizes if size <= len(word) and (part := word[:size] + "*") in parts)
            if word[-2:] in ends_:
                counts.update(part for size in sizes if size <= len(word) and (part := "*" + word[-size:]) in parts)
    return counts


def difference(first: str, second: str, kind: str | None) -> str:
    """How two near copies differ, in words. kind: what `NearCopies.pairs` has for their keys, or None."""
    if kind is None:
        return same_but(first, second)
    words = [keep.split() for keep in (first, second)]
    while words[0] and words[1] and letters_key(words[0][0]) == letters_key(words[1][0]):
        words = [side[1:] for side in words]
    while words[0] and words[1] and letters_key(words[0][-1]) == letters_key(words[1][-1]):
        words = [side[:-1] for side in words]
    mine, theirs = (cut_short(" ".join(side)) for side in words)
    if kind == ENDING_ONLY:
        return _("ending: '{first}' and '{second}'", first=mine, second=theirs)
    return _("one letter: '{first}' and '{second}'", first=mine, second=theirs)


def cut_short(text: str, size: int = 40) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def same_but(first: str, second: str) -> str:
    """In what texts of one key differ: the first of these that explains it."""
    first, second = nfc(first), nfc(second)
    if first == second:
        return _("nothing")
    if "".join(first.split()) == "".join(second.split()):
        return _("spaces")
    if first.casefold() == second.casefold():
        return _("upper and lower case")
    return _("spaces and signs") if letters_key(first) == letters_key(second) else _("repeated letters")
