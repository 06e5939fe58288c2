"""The two-set keyboard: syllables as key presses and back, and slips, worked out by hand."""

import random
import unicodedata

import numpy as np
import pytest

from munjang.text.keyboard import NEIGHBOURS, SYLLABLES, letters_of, presses, slip, slipped, typed


@pytest.mark.parametrize(
    ("syllables", "keys"),
    [
        ("값", "ㄱㅏㅂㅅ"),
        ("까", "ㄲㅏ"),
        ("의원", "ㅇㅡㅣㅇㅜㅓㄴ"),
        ("괜찮아", "ㄱㅗㅐㄴㅊㅏㄴㅎㅇㅏ"),
        ("예쁘다", "ㅇㅖㅃㅡㄷㅏ"),
    ],
)
def test_syllables_are_typed_key_by_key(syllables, keys):
    assert "".join(presses(syllables)) == keys
    assert typed(keys) == syllables


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("ㄱㅏㅂㅅㅣ", "갑시"),
        ("ㄱㅏㅂㅣ", "가비"),
        ("ㄷㅏㄹㄱ", "닭"),
        ("ㄱㅏㄸㅏ", "가따"),
        ("ㄱㅏㄸ", "가ㄸ"),
        ("ㅋㅋ", "ㅋㅋ"),
        ("ㄱㅏㅏ", "가ㅏ"),
        ("ㅗㅏ", "ㅘ"),
        ("ㅏㄱ", "ㅏㄱ"),
        ("ㄱㄱㅏ", "ㄱ가"),
        ("ㄱㅏㄴㄴ", "간ㄴ"),
        ("ㄱㅏㄱㅅㄱ", "갃ㄱ"),
        ("", ""),
    ],
)
def test_an_input_method_joins_letters_from_left_to_right(keys, text):
    assert typed(keys) == text


def test_every_syllable_comes_back_also_beside_any_other():
    every = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
    assert [typed(presses(one)) for one in every] == every
    random.Random(13).shuffle(every)
    assert typed(presses("".join(every))) == "".join(every)


def test_the_letters_of_a_syllable_are_those_of_unicode():
    for one in "각뷁힣쐐":
        names = [unicodedata.name(jamo).split()[-1] for jamo in unicodedata.normalize("NFD", one)]
        assert [unicodedata.name(letter).split()[-1] for letter in letters_of(one) if letter] == names


def test_neighbours_touch_each_other_on_the_keyboard():
    assert set(NEIGHBOURS["ㄱ"]) == set("ㄷㅅㅇㄹ") and set(NEIGHBOURS["ㅁ"]) == set("ㅂㅈㄴㅋ")
    assert set(NEIGHBOURS["ㅡ"]) == set("ㅜㅓㅏ") and set(NEIGHBOURS["ㄲ"]) == {"ㄱ", *NEIGHBOURS["ㄱ"]}
    assert len(NEIGHBOURS) == 26 + 7
    assert all(
        key in NEIGHBOURS[other] for key in NEIGHBOURS for other in NEIGHBOURS[key] if key not in "ㅃㅉㄸㄲㅆㅒㅖ"
    )


class Dice:
    """Gives the numbers that it was made with, one after another."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def integers(self, *limits: int) -> int:
        return self.numbers.pop(0)


@pytest.mark.parametrize(
    ("dice", "text"),
    [
        ((1, 0), "ㄱㅁ"),
        ((1, 1), "가ㅏㅁ"),
        ((1, 2), "ㄱ마"),
        ((2, 0), "가"),
        ((2, 1), "감ㅁ"),
        ((2, 2, 0), "갑"),  # there is no key after it to be too early
        ((0, 3, 0), "담"),
    ],
)
def test_a_key_is_left_out_hit_twice_too_early_or_beside_the_right_one(dice, text):
    assert slip("1 감", Dice(*dice)) == f"1 {text}"


def test_a_slip_is_one_key_in_one_word_and_the_same_for_the_same_seed():
    text = "배송이 정말 빨라요! ㅋㅋ good"
    found = [slip(text, np.random.default_rng(seed)) for seed in range(200)]
    assert found == [slip(text, np.random.default_rng(seed)) for seed in range(200)]
    assert text not in found and len(set(found)) > 50
    for one in found:
        words, others = text.split(" "), one.split(" ")
        assert len(words) == len(others) and sum(a != b for a, b in zip(words, others, strict=True)) == 1
    assert slip("ㅋㅋㅋ 123", np.random.default_rng(1)) == "ㅋㅋㅋ 123"


def test_a_slip_changes_the_number_of_keys_by_one_at_most():
    keys, rng = presses("안녕하세요"), np.random.default_rng(13)
    lengths = {len(slipped(keys, at, rng)) - len(keys) for at in range(len(keys)) for _ in range(40)}
    assert lengths == {-1, 0, 1}
    assert SYLLABLES.fullmatch("안녕하세요")
