"""Texts that differ by the ending of their last word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from munjang.data.near.hashes import FACTOR, Hashes, candidates, shared_by_rows
from munjang.data.near.letters import Keys, as_presses
from munjang.text.keyboard import FIRST, LAST, PAIRS, presses

LONGEST_ENDING = 6  # syllables
LAST_KEYS = 5 * LONGEST_ENDING
PREFIX_STEP = 8


def before_ending(keys: Keys) -> np.ndarray:
    """The rows that share what comes before any ending with another row; ascending."""
    hashes, rows = [], []
    for first, block in keys.blocks():
        of, start = Hashes(block.codes).of, block.starts[:-1]
        for less in (0, PREFIX_STEP):
            size = (block.sizes - LONGEST_ENDING) // PREFIX_STEP * PREFIX_STEP - less
            enough = np.flatnonzero(size > 0)
            salt = size[enough].astype(np.uint64) * np.uint64(FACTOR)
            hashes.append(of(start[enough], start[enough] + size[enough]) ^ salt)
            rows.append(first + enough)
    return np.unique(shared_by_rows(np.concatenate(hashes), np.concatenate(rows))[1]) if rows else np.zeros(0, int)


ENDINGS = """
다 ㄴ다 는다 니다 습니다 읍니다 ㅂ니다 습니당 ㅂ니당 당 ㄴ당 슴다 ㅂ니다만 습니다만 다고 다고요 ㄴ다고
는다고 다는 다니 다니까 다만 요 여 용 염 네 네요 네여 네용 죠 지 지요 쥬 지만 지만요 군 군요 군여 구나
구만 구먼 고 고요 구요 구 며 면 면서 서 라 라고 라구요 까 까요 ㄹ까 ㄹ까요 을까 을까요 ㅂ니까 습니까 나
나요 냐 느냐 니 니까 니까요 거든 거든요 ㄴ데 ㄴ데요 는데 는데요 은데 은데요 던데 던데요 ㄴ지 는지 은지
더라 더라고 더라고요 더라구 더라구요 더군요 던 어 아 어요 아요 어여 아여 어용 아용 에요 예요 에용 예용
어서 아서 세요 셔요 십시오 시오 ㅂ시오 ㅂ시다 읍시다 자 라며 길 기를 기 ㄴ 은 는 ㄹ 을 ㄹ게 ㄹ게요
을게요 ㄹ래 ㄹ래요 ㄹ듯 을듯 ㄴ듯 는듯 은듯 듯 듯요 음 ㅁ 움 임 슴 ㅁ요 음요 이 가 를 에 의 도 만 로
으로 에서
"""
"""Endings of verbs and particles; one that begins with a letter is written after a syllable without a final."""


def make_ending() -> re.Pattern[str]:
    """What ends a word: the copula, a tense, an ending or particle. The search from the left finds the longest."""
    typed = ["".join(key for one in ending for key in typed_letter(one)) for ending in ENDINGS.split()]
    tense = "(?:(?:ㅇㅡ)?ㅅㅣ)?(?:ㅇㅓㅆ|ㅇㅏㅆ|(?<!ㅇㅣ)ㅆ|ㄱㅔㅆ)*"
    return re.compile(f"{tense}(?:{'|'.join(sorted(set(typed)))})?$")


def typed_letter(letter: str) -> Sequence[str]:
    return presses(letter) if FIRST <= letter <= LAST else PAIRS.get(letter, letter)


ENDING = make_ending()
STEMS = [
    (re.compile(pattern), stem)
    for pattern, stem in (
        ("ㅕ$", "ㅣ"),
        ("ㅇㅣ$", ""),
        ("ㅎㅐ$", "ㅎㅏ"),
        ("ㄷㅗㅐ$", "ㄷㅗㅣ"),
        ("ㅗㅏ$", "ㅗ"),
        ("ㅇㅜㅓ$", "ㅂ"),
        ("ㅜㅓ$", "ㅜ"),
        ("ㅇ[ㅗㅜ]$", "ㅂ"),
        ("ㅓ$", "ㅡ"),
    )
]
"""What contractions make of a stem before an ending: 마셔, the copula, 해, 돼, 봐, 고마워, 줘, 고마우, 써."""


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


def ending_pairs(keys: Keys) -> Iterator[tuple[int, int]]:
    """The rows of the keys that differ by an ending."""
    rows = before_ending(keys)
    for first, second in candidates(*without_ending(as_presses(keys.chosen(rows)))).tolist():
        yield int(rows[first]), int(rows[second])
