"""Noise on texts, worked out by hand."""

import re

import numpy as np
import pytest

from munjang.text.cleaning import clean_text
from munjang.text.noise import NOISES, random_spaces, repeated_letters, with_noise


def test_spaces_go_and_come_at_random_and_nothing_else_changes():
    text = "너무 재미 있어서 두 번 봤어요 " * 200
    noisy = random_spaces(text, np.random.default_rng(13))
    assert "".join(noisy.split()) == "".join(text.split())
    old = [match.end() for match in re.finditer(r"\S", text) if text[match.end()] == " "]
    assert len(old) == 1200
    letters = [match.start() for match in re.finditer(r"\S", noisy)]
    kept = [noisy[at + 1] == " " for at in letters]
    was = [text[match.end()] == " " for match in re.finditer(r"\S", text)]
    lost = np.mean([not now for now, before in zip(kept, was, strict=True) if before])
    added = np.mean([now for now, before in zip(kept, was, strict=True) if not before])
    assert lost == pytest.approx(0.5, abs=0.05) and added == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("좋아요", "좋아요오{1,3}"), ("최고ㅋㅋ", "최고오{1,3}ㅋㅋㅋ{1,3}"), ("와", "와아{1,3}"),
        ("최악!", "최악!!{1,3}"),
        ("123", "123"), ("네!? 진짜", r"네!!{1,3}\?\?{1,3} 진짜아{1,3}"),
    ],
)  # fmt: skip
def test_letters_and_signs_are_repeated_and_the_last_open_syllable_drawn_out(text, pattern):
    found = {repeated_letters(text, np.random.default_rng(seed)) for seed in range(40)}
    assert all(re.fullmatch(pattern, one) for one in found)
    assert len(found) >= 3 or text == pattern


def test_each_noise_gives_the_same_for_the_same_seed():
    texts = ["배송이 정말 빨라요!", "별로예요 ㅠㅠ", ""]
    for name in NOISES:
        assert with_noise(texts, name, seed=13) == with_noise(texts, name, seed=13)
        assert with_noise(texts, name, seed=13) != texts
    assert with_noise(texts, "without_spaces", seed=1) == ["배송이정말빨라요!", "별로예요ㅠㅠ", ""]
    separate = with_noise(texts, "nfd", seed=1)
    assert [clean_text(text, ("nfc",)) for text in separate] == texts and len(separate[0]) > 11
