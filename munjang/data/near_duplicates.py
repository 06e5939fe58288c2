"""Near copies: texts that differ only in spaces and signs, or from 20 letters on by one typing slip or an ending.

Nothing compares all texts with all: each text gets hashes that its near copies share, such as those of the text without
one of its letters, and only texts of one hash are compared. So the time grows with the letters, whatever the texts are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from munjang.data.duplicates import letters_key
from munjang.data.memory import gc_paused
from munjang.text.cleaning import nfc
from munjang.text.keyboard import FINALS, FIRST, LAST, PAIRS, VOWELS, compose, presses
from munjang.text.noise import DRAWN_OUT
from munjang.translation import _

SHORTEST = 20
"""Letters from which a text has near copies that differ in a letter: in a shorter one a letter is another word."""
BLOCK = 1 << 20  # letters that are hashed at once
COMPARED = 3  # texts of one hash with which each other one of it is compared; more cost time and found nothing new
COUNTED = 50_000  # texts in which words are counted; of more texts every second one, and so on
LETTER, DIGIT, BREAK = 1, 2, 3


@dataclass(frozen=True)
class Keys:
    """What near copies have in common: the letters of texts, one after another.

    codes: (letters,) uint32 code points: letters and digits in lower case, a letter once where it is repeated.
    starts: (n + 1,) where each text begins.
    """

    codes: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, row: int) -> np.ndarray:
        return self.codes[self.starts[row] : self.starts[row + 1]]

    def word(self, row: int) -> str:
        return self.of(row).tobytes().decode("utf-32-le")

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)

    def chosen(self, rows: np.ndarray) -> Keys:
        """The keys of some rows."""
        starts = ends(self.sizes[rows])
        return Keys(self.codes[spread(self.starts[:-1][rows], starts)], starts)

    def blocks(self, letters: int = BLOCK) -> Iterator[tuple[int, Keys]]:
        """(first row, keys) of at most so many letters each, or of one text."""
        first = 0
        while first < len(self):
            last = max(first + 1, int(np.searchsorted(self.starts, self.starts[first] + letters, "right")) - 1)
            start, stop = self.starts[first], self.starts[last]
            yield first, Keys(self.codes[start:stop], self.starts[first : last + 1] - start)
            first = last


def ends(sizes: np.ndarray) -> np.ndarray:
    """(n + 1,) where parts of these sizes begin and end, one after another."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def spread(first: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The numbers first[i], first[i] + 1, … for each part i, as many as the part is long."""
    return np.arange(starts[-1]) + np.repeat(first - starts[:-1], np.diff(starts))


@lru_cache(maxsize=1)
def kinds_of_characters() -> np.ndarray:
    """(0x110000,) uint8: LETTER (marks that belong to letters too), DIGIT, BREAK for a line break, 0 for any sign."""
    kinds = np.zeros(0x110000, np.uint8)
    for code in range(0x40000):
        category = unicodedata.category(chr(code))
        kinds[code] = LETTER if category[0] == "L" or category in ("Mn", "Mc") else DIGIT * (category[0] == "N")
    kinds[0xFE00:0xFE10] = 0  # they choose between two pictures of an emoji
    kinds[ord("\n")] = BREAK
    return kinds


def keys_of(texts: Sequence[str], at_once: int = 20_000) -> Keys:
    """The keys of texts; those without letters and digits are empty."""
    parts = [block_of_keys(texts[first : first + at_once]) for first in range(0, len(texts), at_once)]
    sizes = np.concatenate([size for __, size in parts]) if parts else np.zeros(0, np.int64)
    return Keys(np.concatenate([codes for codes, __ in parts]) if parts else np.zeros(0, np.uint32), ends(sizes))


def block_of_keys(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(codes, size of each key) of some texts, made as one long text."""
    joined = "\n".join(texts)
    if joined.count("\n") != len(texts) - 1:
        joined = "\n".join(text.replace("\n", " ") for text in texts)
    joined = nfc(joined).casefold() + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = kinds_of_characters()[codes]
    codes, kinds = codes[kinds > 0], kinds[kinds > 0]
    again = np.zeros(len(codes), bool)
    again[1:] = (codes[1:] == codes[:-1]) & (kinds[1:] == LETTER)
    codes, kinds = codes[~again], kinds[~again]
    again = np.append(False, drawn_out(codes[:-1]) == codes[1:])
    codes, kinds = codes[~again], kinds[~again]
    breaks = np.flatnonzero(kinds == BREAK)
    return codes[kinds != BREAK], np.diff(breaks, prepend=-1) - 1


def drawn_out(codes: np.ndarray) -> np.ndarray:
    """The syllable with which each open syllable is drawn out (다아, 요오); 0 for other letters."""
    number = codes.astype(np.int64) - ord(FIRST)
    is_open = (number >= 0) & (number <= ord(LAST) - ord(FIRST)) & (number % len(FINALS) == 0)
    return np.where(is_open, LONG_VOWELS[np.where(is_open, number, 0) // len(FINALS) % len(VOWELS)], 0)


LONG_VOWELS = np.array([ord(compose("ㅇ", DRAWN_OUT.get(vowel, vowel))) for vowel in VOWELS])
FACTOR = 0x9E3779B97F4A7C15
INVERSE = pow(FACTOR, -1, 1 << 64)


class Hashes:
    """Hashes of any part of some letters, each in one step: polynomials modulo 2 ** 64. Equal hashes are only a hint."""

    def __init__(self, codes: np.ndarray) -> None:
        values = codes.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(0x94D049BB133111EB)
        values = (values ^ (values >> np.uint64(31))) * np.uint64(0xD6E8FEB86659FD93)
        self.back = powers(INVERSE, max(BLOCK, len(codes)) + 1)
        self.sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(
            (values ^ (values >> np.uint64(29))) * powers(FACTOR, max(BLOCK, len(codes)) + 1)[: len(codes)],
            out=self.sums[1:],
        )

    def of(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """The hash of each part from start to stop."""
        return (self.sums[stop] - self.sums[start]) * self.back[start]

    def without(self, start: np.ndarray, at: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """The hash of each part without the letter `at`."""
        after = (self.sums[stop] - self.sums[at + 1]) * np.uint64(INVERSE)
        return (self.sums[at] - self.sums[start] + after) * self.back[start]


@lru_cache(maxsize=2)
def powers(base: int, count: int) -> np.ndarray:
    """base ** 0, base ** 1, … modulo 2 ** 64."""
    values = np.full(count, base, np.uint64)
    values[:1] = 1
    return np.multiply.accumulate(values)


def same_keys(keys: Keys) -> np.ndarray:
    """(n,) the first row with the key of each row; a row of an empty key is its own."""
    whole = np.concatenate(
        [Hashes(block.codes).of(block.starts[:-1], block.starts[1:]) for __, block in keys.blocks()] or [np.zeros(0)]
    )
    first = np.arange(len(keys))
    known: dict[bytes, int] = {}
    for row in shared_by_rows(whole, first)[1].tolist():
        if len(letters := keys.of(row)):
            first[row] = known.setdefault(letters.tobytes(), row)
    return first


def shared_by_rows(hashes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hashes that more than one row has, sorted, and their rows, ascending for each hash."""
    order = np.lexsort((rows, hashes)) if len(hashes) else np.zeros(0, np.int64)
    hashes, rows = hashes[order], rows[order]
    new = np.ones(len(order), bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    hashes, rows = hashes[new], rows[new]
    same = hashes[1:] == hashes[:-1]
    kept = np.append(same, False) | np.append(False, same) if len(hashes) else np.zeros(0, bool)
    return hashes[kept], rows[kept]


def halves(keys: Keys, *, typed: bool) -> np.ndarray:
    """The rows that share the first or the last half with another, as all do that differ by one letter; ascending.

    Two letters at most are changed that stand side by side, and the length changes by one at most. So of lengths n and
    m one half is the same if it is taken as n // 2 and as (n - 1) // 2 letters. typed: a letter is a key press.
    """
    hashes, rows = [], []
    for first, block in keys.blocks():
        block = as_presses(block) if typed else block
        of = Hashes(block.codes).of
        start, stop, number = block.starts[:-1], block.starts[1:], first + np.arange(len(block))
        for half in ((stop - start) // 2, (stop - start - 1) // 2):
            salt = half.astype(np.uint64) * np.uint64(FACTOR)
            hashes += [of(start, start + half) ^ salt, ~of(stop - half, stop) ^ salt]
            rows += [number] * 2
    return np.unique(shared_by_rows(np.concatenate(hashes), np.concatenate(rows))[1]) if rows else np.zeros(0, int)


def one_less(keys: Keys) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(hashes, rows) of each key as it is and without each of its letters, in parts of the hashes' range.

    Two keys that differ by one letter, or by two that change places, share a hash. Digits are never left out: another
    number is no slip.
    """
    parts = 1 + int(keys.starts[-1]) // (4 * BLOCK)
    for part in range(parts):
        hashes, rows = [], []
        for first, block in keys.blocks():
            found, number = hashes_of_one_less(block)
            mine = (found >> np.uint64(32)) % np.uint64(parts) == part if parts > 1 else slice(None)
            hashes.append(found[mine])
            rows.append(first + number[mine])
        if rows:
            yield shared_by_rows(np.concatenate(hashes), np.concatenate(rows))


def hashes_of_one_less(keys: Keys) -> tuple[np.ndarray, np.ndarray]:
    hashes, start, stop = Hashes(keys.codes), keys.starts[:-1], keys.starts[1:]
    number = np.repeat(np.arange(len(keys)), keys.sizes)
    at = np.flatnonzero(kinds_of_characters()[keys.codes] == LETTER)
    number = number[at]
    less = hashes.without(start[number], at, stop[number])
    return np.concatenate([hashes.of(start, stop), less]), np.concatenate([np.arange(len(keys)), number])


@lru_cache(maxsize=1)
def keys_of_characters() -> np.ndarray:
    """(0x10000 - 0x3000, 5) uint32: the keys that type each character from U+3000 on, 0 for none; others: themselves."""
    table = np.zeros((0x10000 - 0x3000, 5), np.uint32)
    table[:, 0] = np.arange(0x3000, 0x10000)
    for letter, pair in PAIRS.items():
        table[ord(letter) - 0x3000, :2] = list(map(ord, pair))
    for code in range(ord(FIRST), ord(LAST) + 1):
        typed = presses(chr(code))
        table[code - 0x3000, : len(typed)] = list(map(ord, typed))
    return table


def as_presses(keys: Keys) -> Keys:
    """The keys as they are typed: each syllable as the letters on the keyboard."""
    asian = (keys.codes >= 0x3000) & (keys.codes < 0x10000)
    table = np.zeros((len(keys.codes), 5), np.uint32)
    table[:, 0] = keys.codes
    table[asian] = keys_of_characters()[keys.codes[asian] - 0x3000]
    sizes = ends((table != 0).sum(axis=1))
    return Keys(table[table != 0], sizes[keys.starts])


LONGEST_ENDING = 6  # syllables
LAST_KEYS = 5 * LONGEST_ENDING
PREFIX = 8


def before_ending(keys: Keys) -> np.ndarray:
    """The rows that share what comes before any ending with another row; ascending."""
    hashes, rows = [], []
    for first, block in keys.blocks():
        of, start = Hashes(block.codes).of, block.starts[:-1]
        for less in (0, PREFIX):
            size = (block.sizes - LONGEST_ENDING) // PREFIX * PREFIX - less
            enough = np.flatnonzero(size > 0)
            salt = size[enough].astype(np.uint64) * np.uint64(FACTOR)
            hashes.append(of(start[enough], start[enough] + size[enough]) ^ salt)
            rows.append(first + enough)
    return np.unique(shared_by_rows(np.concatenate(hashes), np.concatenate(rows))[1]) if rows else np.zeros(0, int)


ENDINGS = (
    "다 ㄴ다 는다 니다 습니다 읍니다 ㅂ니다 습니당 ㅂ니당 당 ㄴ당 슴다 ㅂ니다만 습니다만 다고 다고요 ㄴ다고 는다고 다는 다니 다니까 다만 "
    "요 여 용 염 네 네요 네여 네용 죠 지 지요 쥬 지만 지만요 군 군요 군여 구나 구만 구먼 고 고요 구요 구 며 면 면서 서 라 라고 라구요 "
    "까 까요 ㄹ까 ㄹ까요 을까 을까요 ㅂ니까 습니까 나 나요 냐 느냐 니 니까 니까요 거든 거든요 "
    "ㄴ데 ㄴ데요 는데 는데요 은데 은데요 던데 던데요 ㄴ지 는지 은지 더라 더라고 더라고요 더라구 더라구요 더군요 던 "
    "어 아 어요 아요 어여 아여 어용 아용 에요 예요 에용 예용 어서 아서 "
    "세요 셔요 십시오 시오 ㅂ시오 ㅂ시다 읍시다 자 라며 길 기를 기 ㄴ 은 는 ㄹ 을 ㄹ게 ㄹ게요 을게요 ㄹ래 ㄹ래요 ㄹ듯 을듯 ㄴ듯 는듯 은듯 듯 듯요 "
    "음 ㅁ 움 임 슴 ㅁ요 음요 이 가 를 에 의 도 만 로 으로 에서"
).split()


def make_ending() -> re.Pattern[str]:
    """What ends a word: the copula, a tense, an ending or particle. The search from the left finds the longest."""
    typed = ["".join(key for one in ending for key in typed_letter(one)) for ending in ENDINGS]
    tense = "(?:(?:ㅇㅡ)?ㅅㅣ)?(?:ㅇㅓㅆ|ㅇㅏㅆ|(?<!ㅇㅣ)ㅆ|ㄱㅔㅆ)*"
    return re.compile(f"{tense}(?:{'|'.join(sorted(set(typed)))})?$")


def typed_letter(letter: str) -> Sequence[str]:
    return presses(letter) if FIRST <= letter <= LAST else PAIRS.get(letter, letter)


ENDING = make_ending()
STEMS = [
    (re.compile(pattern), stem)
    for pattern, stem in (
        ("ㅕ$", "ㅣ"), ("ㅇㅣ$", ""), ("ㅎㅐ$", "ㅎㅏ"), ("ㄷㅗㅐ$", "ㄷㅗㅣ"), ("ㅗㅏ$", "ㅗ"), ("ㅇㅜㅓ$", "ㅂ"), ("ㅜㅓ$", "ㅜ"),
        ("ㅇ[ㅗㅜ]$", "ㅂ"), ("ㅓ$", "ㅡ"),
    )
]  # fmt: skip
"""What contractions make of a stem before an ending -> the stem: 마셔, the copula, 해, 돼, 봐, 고마워, 줘, 고마우, 써."""


@lru_cache(maxsize=1 << 16)
def stem(last: str) -> str:
    """The last keys of a text without its ending."""
    kept = ENDING.sub("", last, count=1)
    for pattern, replacement in STEMS:
        kept = pattern.sub(replacement, kept)
    return kept


def without_ending(typed: Keys) -> tuple[np.ndarray, np.ndarray]:
    """(hashes, rows) of keys as they are typed, without their endings, those that two rows share."""
    hashes = np.empty(len(typed), np.int64)
    for row in range(len(typed)):
        text = typed.word(row)
        hashes[row] = hash(text[:-LAST_KEYS] + stem(text[-LAST_KEYS:]))
    return shared_by_rows(hashes, np.arange(len(typed)))


def candidates(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(m, 2) pairs of rows of one hash, the earlier one first: each row with the first COMPARED of its hash."""
    new = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else np.zeros(0, int)
    first = np.repeat(new, np.diff(np.append(new, len(hashes))))
    pairs = []
    for offset in range(COMPARED):
        later = np.flatnonzero(np.arange(len(hashes)) > first + offset)
        pairs.append(np.stack([rows[first[later] + offset], rows[later]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)


def differ(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of two arrays of letters without what they have in common at the start, then at the end."""
    size = min(len(first), len(second))
    unlike = np.flatnonzero(first[:size] != second[:size])
    start = unlike[0] if len(unlike) else size
    first, second = first[start:], second[start:]
    size = min(len(first), len(second))
    unlike = np.flatnonzero(first[::-1][:size] != second[::-1][:size])
    end = unlike[0] if len(unlike) else size
    return first[: len(first) - end], second[: len(second) - end]


def is_slip(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two keys differ by one letter, or by two that change places; never by a digit."""
    left, right = differ(first, second)
    if (kinds_of_characters()[np.concatenate([left, right])] == DIGIT).any():
        return False
    return max(len(left), len(right)) <= 1 or (len(left) == len(right) == 2 and (left == right[::-1]).all())


SLIP, ENDING_ONLY = "slip", "ending"


@dataclass(frozen=True)
class NearCopies:
    """The near copies among n texts.

    same: (n,) the first row with the key of each row. pairs: (first row, later first row) whose keys differ -> how.
    """

    same: np.ndarray
    pairs: Mapping[tuple[int, int], str]

    @cached_property
    def near(self) -> dict[int, list[int]]:
        """First row of a key -> the first rows of the keys near to it, ascending."""
        near: dict[int, list[int]] = {}
        for first, second in sorted(self.pairs):
            near.setdefault(first, []).append(second)
            near.setdefault(second, []).append(first)
        return {row: sorted(others) for row, others in near.items()}

    def kind(self, row: int, other: int) -> str | None:
        """How the keys of two near copies differ; None where they are the same."""
        first, second = sorted((int(self.same[row]), int(self.same[other])))
        return self.pairs.get((first, second))

    def together(self) -> np.ndarray:
        """(n,) for each row the first row that is connected with it by near copies."""
        first = self.same.copy()

        def root(row: int) -> int:
            while first[row] != row:
                first[row] = row = first[first[row]]
            return row

        for pair in self.pairs:
            low, high = sorted(map(root, pair))
            first[high] = low
        return np.fromiter(map(root, range(len(first))), np.int64, len(first))

    def first_of(self, rows: Iterable[int]) -> dict[int, int]:
        """Row -> the earlier one of these rows that it is a near copy of; that one is not a copy itself.

        So no chain of copies joins texts that differ much.
        """
        leader: dict[int, int] = {}
        copies = {}
        for row in rows:
            key = int(self.same[row])
            if key not in leader:
                leader[key] = next((leader[k] for k in self.near.get(key, ()) if self.leads(leader, k)), row)
            if leader[key] != row:
                copies[row] = leader[key]
        return copies

    def leads(self, leader: Mapping[int, int], key: int) -> bool:
        """Whether the rows of a key are copies of one of themselves."""
        return key in leader and self.same[leader[key]] == key

    def copy_in(self, rows: Iterable[int], others: Iterable[int]) -> dict[int, int]:
        """Row -> the first of the other rows that it is a near copy of."""
        first: dict[int, int] = {}
        for other in others:
            first.setdefault(int(self.same[other]), other)
        found = {}
        for row in rows:
            key = int(self.same[row])
            at = [first[k] for k in (key, *self.near.get(key, ())) if k in first]
            if at:
                found[row] = at[0]
        return found


@gc_paused()
def near_copies(texts: Sequence[str]) -> NearCopies:
    """The near copies among the texts; texts without letters and digits have none."""
    keys = keys_of(texts)
    same = same_keys(keys)
    rows = np.flatnonzero((same == np.arange(len(keys))) & (keys.sizes >= SHORTEST))
    long = keys.chosen(rows)
    pairs = dict.fromkeys(ending_pairs(long), ENDING_ONLY)
    slips = {pair: typed for pair, typed in slip_pairs(long) if pair not in pairs}
    named = {(int(rows[first]), int(rows[second])): kind for (first, second), kind in pairs.items()}
    known = Words(
        texts, keys, {(int(rows[first]), int(rows[second])): typed for (first, second), typed in slips.items()}
    )
    return NearCopies(same, named | dict.fromkeys(known.slips(), SLIP))


def ending_pairs(keys: Keys) -> Iterator[tuple[int, int]]:
    """The rows of the keys that differ by an ending."""
    rows = before_ending(keys)
    for first, second in candidates(*without_ending(as_presses(keys.chosen(rows)))).tolist():
        yield int(rows[first]), int(rows[second])


def slip_pairs(keys: Keys) -> Iterator[tuple[tuple[int, int], bool]]:
    """The rows of the keys that differ by one key as they are typed (True), or else by one letter; no pair twice."""
    found = set()
    for typed in (True, False):
        rows = halves(keys, typed=typed)
        some = as_presses(keys.chosen(rows)) if typed else keys.chosen(rows)
        for hashes, numbers in one_less(some):
            for first, second in candidates(hashes, numbers).tolist():
                pair = int(rows[first]), int(rows[second])
                if pair not in found and is_slip(some.of(first), some.of(second)):
                    found.add(pair)
                    yield pair, typed


CONTRASTS = (
    "상중하", "전후", "남북동서중", "좌우", "대소중", "장차", "신구", "일이삼사오육칠팔구십", "월화수목금토일", "남여", "찬반", "갑을병정",
    "춘하추동", "초중고", "한두세네첫", "한일중미영러독", "있없", "많적", "올내", "유무", "흑백", "시도군구읍면",
)  # fmt: skip
"""Letters that make another word of each other: 상반기 and 하반기, 있다 and 없다."""
PREFIXES = "안못불비미무신구재반탈"
"""Letters that make another word when they are put before it: 안 좋다, 신고리, 재개최."""


class Words:
    """Tells slips from other words: a slip makes a word that no other text has, or few beside those with the right one.

    pairs: rows whose keys differ by a letter -> whether one key press explains it. The texts are read once, to count.
    """

    def __init__(self, texts: Sequence[str], keys: Keys, pairs: Mapping[tuple[int, int], bool]) -> None:
        self.typed = pairs
        self.changes = {pair: change(texts, keys, *pair) for pair in pairs}
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
            return at == 0 and longer[0] in PREFIXES and longer[1:] == shorter
        if one[at + 1 :] == other[at + 1 :] and any({one[at], other[at]} <= set(letters) for letters in CONTRASTS):
            return True
        whole, *parts = zip(parts_of(one, at), parts_of(other, at), strict=True)
        return self.are_words(*whole, 1, 30) or (not typed and any(self.are_words(*two, 3, 10) for two in parts))

    def are_words(self, one: str, other: str, least: int, ratio: int) -> bool:
        """Whether enough other texts have both, and the rarer one often enough not to be a slip for the other."""
        rare, common = sorted(self.counts[part] - 1 for part in (one, other))
        return rare >= least and rare * ratio >= common


def change(texts: Sequence[str], keys: Keys, row: int, other: int) -> tuple[str, str, int]:
    """(word, other word, at): the words in which two keys differ, and at which letter.

    A word ends where one of the texts has a space or sign.
    """
    mine, theirs = keys.of(row), keys.of(other)
    size = min(len(mine), len(theirs))
    unlike = np.flatnonzero(mine[:size] != theirs[:size])
    at = int(unlike[0]) if len(unlike) else size
    starts = [0]
    stops = [size]
    for text, whole in ((texts[row], mine), (texts[other], theirs)):
        more = max(0, len(whole) - size)
        for start in keys_of(WORD.findall(nfc(text))).starts.tolist():
            starts += [start] * (start <= at)
            stops += [start - more] * (start > at)
    start, stop = max(starts), min(stops)
    longer = stop + (len(mine) - size), stop + (len(theirs) - size)
    words = [side[start:end].tobytes().decode("utf-32-le") for side, end in zip((mine, theirs), longer, strict=True)]
    return words[0], words[1], at - start


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


WORD = re.compile(r"[^\W_]+")


def difference(first: str, second: str, kind: str | None) -> str:
    """How two near copies differ, in words. kind: what `NearCopies.pairs` has for their keys, or None."""
    if kind is None:
        return same_but(first, second)
    words = [keep.split() for keep in (first, second)]
    while words[0] and words[1] and letters_key(words[0][0]) == letters_key(words[1][0]):
        words = [side[1:] for side in words]
    while words[0] and words[1] and letters_key(words[0][-1]) == letters_key(words[1][-1]):
        words = [side[:-1] for side in words]
    mine, theirs = (cut(" ".join(side)) for side in words)
    if kind == ENDING_ONLY:
        return _("ending: '{first}' and '{second}'", first=mine, second=theirs)
    return _("one letter: '{first}' and '{second}'", first=mine, second=theirs)


def cut(text: str, size: int = 40) -> str:
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
