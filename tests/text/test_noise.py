"""Noise on texts, worked out by hand."""

import re

import numpy as np
import pytest

from munjang.text.cleaning import clean_text
from munjang.text.noise import AUGMENTATIONS, NOISES, augmented, random_spaces, repeated_letters, with_noise


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


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_epoch_changes_other_texts_a_share_of_them_and_always_the_same(name):
    texts = [f"정말 재미 있는 영화 였고 배우 들의 연기 도 좋았 어요 {number}" for number in range(2000)]
    first, second = (augmented(texts, [name], seed=13, epoch=epoch) for epoch in (0, 1))
    assert first == augmented(texts, [name], seed=13, epoch=0) != second != augmented(texts, [name], seed=14, epoch=1)
    for epoch in (first, second):
        changed = np.mean([text != clean for text, clean in zip(epoch, texts, strict=True)])
        assert changed == pytest.approx(AUGMENTATIONS[name].share, abs=0.04)


def test_spacing_leaves_the_letters_and_typos_the_spaces():
    texts = ["너무 재미 있어서 두 번 봤어요"] * 300
    spaced, mistyped = (augmented(texts, [name], seed=13, epoch=0) for name in ("spacing", "typos"))
    assert {"".join(text.split()) for text in spaced} == {"너무재미있어서두번봤어요"}
    assert {text.count(" ") for text in mistyped} == {5} and len(set(mistyped)) > 30
    changed = [text for text in spaced if text not in texts]
    assert np.mean([" " not in text for text in changed]) == pytest.approx(0.5, abs=0.15)
    assert {text.count(" ") for text in changed} > {0, 2, 3}
    assert augmented(texts, [], seed=13, epoch=0) == texts
