"""Text steps: what each does, and what none of them may do."""

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from munjang.config.settings import TEXT_STEPS
from munjang.errors import UnknownName
from munjang.text.cleaning import (
    PLAIN_STEPS,
    STEPS,
    clean_text,
    fold_repeats,
    html,
    invisible,
    is_settled,
    nfc,
    ordered_steps,
    spaces,
)

AWKWARD = "가각힣ㅋㅎㅠㅡ\u110f\u1112\u1161\u119e\u11ab\u11f0\uffa1\uffdc"
AWKWARD += "\u3164\u115f\u200b\u200c\u200d\ufeff\xad\u00a0\u3000\n\r\t\x00\x1f\u2800ab19"
AWKWARD += "&;#<>/brx38amplt!~._-@?👨👩❤\ufe0f👍🏻🇰🇷🏴\U000e0067\U000e007fم‍خक्ीि\u0338\u037e\u0344\u202e\ud800"
PIECES = ["&amp;", "&lt", "&#8203;", "<br>", "</b>", "ㅋㅋㅋ", "&amp;lt;", "010-1234-5678", "a.b@naver.com", "900101-1"]
texts = st.lists(st.text(AWKWARD, max_size=6) | st.sampled_from(PIECES) | st.text(max_size=4), max_size=6).map("".join)


@pytest.mark.parametrize("name", STEPS)
@given(text=texts)
@settings(max_examples=150)
def test_every_step_done_twice_is_done_once(name, text):
    once = STEPS[name](text)
    assert STEPS[name](once) == once


@given(text=texts, steps=st.sets(st.sampled_from(list(STEPS))))
@settings(max_examples=400)
def test_cleaning_a_cleaned_text_changes_nothing(text, steps):
    once = clean_text(text, steps)
    assert clean_text(once, steps) == once


@given(text=texts, steps=st.sets(st.sampled_from(sorted(PLAIN_STEPS))))
@settings(max_examples=400)
def test_a_text_that_looks_settled_is_one_that_no_step_changes(text, steps):
    for piece in (text, clean_text(text, STEPS), text[:3]):
        if is_settled(piece):
            assert all(STEPS[name](piece) == piece for name in steps)


@given(text=st.text("영화하ㅋㅎㅠ!.~ 👍\n가1a<>&", max_size=30))
@settings(max_examples=300)
def test_no_step_eats_or_adds_a_syllable(text):
    syllables = re.sub("[^가-힣]", "", text)
    assert re.sub("[^가-힣]", "", clean_text(text, STEPS)) == syllables


@given(text=st.text(AWKWARD, max_size=30))
def test_the_usual_steps_leave_composed_single_spaced_text(text):
    cleaned = clean_text(text, TEXT_STEPS)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not re.search("[\x00-\x1f\x7f-\x9f\xad\u115f\u1160\u200b\u2060\u3164\ufeff\uffa0\ud800-\udfff]", cleaned)
    cleaned.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("재밌다 &amp; 좋다", "재밌다 & 좋다"),
        ("&lt;기생충&gt; &quot;최고&quot; &#39;굿&#39; &#x2665;", "<기생충> \"최고\" '굿' ♥"),
        ("&amp;amp;lt;3", "<3"),
        ("한 줄<br>두 줄<BR/>세 줄<br />끝", "한 줄 두 줄 세 줄 끝"),
        ("<p>문단</p>", " 문단 "),
        ("서울 <b>맛집</b> 추천", "서울 맛집 추천"),
        ("&lt대부&gt에 맞먹는 -&gtLittle", "<대부>에 맞먹는 ->Little"),
        ("&#8203", "\u200b"),
    ],
)
def test_html_resolves_entities_and_drops_line_tags(text, expected):
    assert html(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a < b", "AT&T", "<3", "<기생충> 봤다", "?a=1&copy=2&lt=3&gt2=4", "R&B;힙합 &foo; &notit;", "1 &lt2", "&;&#;"],
)
def test_html_leaves_what_only_looks_like_html(text):
    assert html(text) == text


@pytest.mark.parametrize("unit", ["&amp;", "&", "<b", "amp;", "!", "ㅋ", "\u200b", "👍\u200d", "&#38;", "<", " "])
def test_a_text_of_a_million_characters_takes_no_time(unit):
    start = time.process_time()  # not the clock on the wall: other programs may be running
    clean_text("&" + unit * (1_000_000 // len(unit)), STEPS)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("좋\u200b아\ufeff요\u2060", "좋아요"),
        ("빈\u3164칸\u115f\u1160\uffa0", "빈칸"),
        ("하\xad이픈 \u202e뒤집힘\u202c", "하이픈 뒤집힘"),
        ("첫 줄\r\n둘째 줄\u2028셋째\t넷째", "첫 줄 둘째 줄 셋째 넷째"),
        ("종\x07소리\x00", "종소리"),
        ("점자\u2800칸", "점자 칸"),
        ("가족 👨‍👩‍👧 ❤️‍🔥 🏳️‍🌈", "가족 👨‍👩‍👧 ❤️‍🔥 🏳️‍🌈"),
        ("남은\u200d이음 😀\u200d 끝", "남은이음 😀 끝"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("🏴\U000e0067\U000e0062\U000e007f 몰래\U000e0041", "🏴\U000e0067\U000e0062\U000e007f 몰래"),
    ],
)
def test_invisible_characters_go_and_joiners_that_show_stay(text, expected):
    assert invisible(text) == expected


def test_nfc_composes_text_from_macos():
    assert nfc(unicodedata.normalize("NFD", "정말 좋았어요")) == "정말 좋았어요"


@given(text=st.text("ㄱㄲㄸㅇㅋㅎ가각힣 !a", max_size=20) | st.text("ㅏㅠㅡㅢ가각힣 !a", max_size=20))
def test_letters_that_nfkc_makes_jamo_of_are_the_letters_of_a_keyboard_again(text):
    assert nfc(unicodedata.normalize("NFKC", text)) == text


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("\u110f\u110f 재밌다", "ㅋㅋ 재밌다"),
        ("\uffbb\uffbb \uffd7", "ㅋㅋ ㅠ"),  # half-width
        ("\u11a8\u11aa", "ㄱㄳ"),  # final consonants
        ("문화\u119e예술", "문화ㆍ예술"),
        ("\u1112\u119e\u11ab글 듀\u11f0귁", "\u1112\u119e\u11ab글 듀\u11f0귁"),  # syllables of the 15th century
        ("\u1140ㅋ\uffa0", "ㅿㅋ\uffa0"),  # the half-width filler is no letter
        ("\u1113", "\u1113"),  # there is no such letter
    ],
)
def test_jamo_outside_syllables_become_letters(text, letters):
    assert nfc(text) == letters


def test_spaces_become_one_and_none_at_the_ends():
    assert spaces(" \u3000정말\xa0\xa0 좋다\n ") == "정말 좋다"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("영화ㅋㅋㅋㅋ", "영화ㅋㅋ"),
        ("ㅠㅠㅠ ㅜㅜ ㅡㅡㅡ", "ㅠㅠ ㅜㅜ ㅡㅡ"),
        ("대박!!!!! 뭐지??? 음..... ~~~~", "대박!! 뭐지?? 음.. ~~"),
        ("-________-", "-__-"),
        ("👍🏻👍🏻👍🏻👍🏻 ❤️❤️❤️ 🇰🇷🇰🇷🇰🇷 👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "👍🏻👍🏻 ❤️❤️ 🇰🇷🇰🇷 👨‍👩‍👧👨‍👩‍👧"),
        ("하하하하 짱짱짱 1000000원 zzzz www.naver.com", "하하하하 짱짱짱 1000000원 zzzz www.naver.com"),
        ("핰ㅋㅋㅋㅋㅎㅎㅋㅋ", "핰ㅋㅋㅎㅎㅋㅋ"),
    ],
)
def test_repeats_fold_to_two_and_syllables_never(text, expected):
    assert fold_repeats(text) == expected


def test_steps_run_in_the_order_of_the_table_whatever_order_they_are_named_in():
    assert ordered_steps(["spaces", "nfc", "html", "spaces"]) == ("html", "nfc", "spaces")
    assert clean_text("좋다&#8203;&nbsp;", ["spaces", "invisible", "html"]) == "좋다"


def test_what_one_step_uncovers_for_an_earlier_one_is_cleaned_too():
    assert clean_text("&a\u200bmp;", TEXT_STEPS) == "&"


def test_an_unknown_step_lists_the_known_ones():
    with pytest.raises(
        UnknownName, match=r"Unknown text step 'space'\. Did you mean spaces\? Known: fold_repeats, html"
    ):
        clean_text("가", ["space"])


def test_without_steps_a_text_stays_as_it_is():
    assert clean_text(" ㅋㅋㅋㅋ&amp; ", ()) == " ㅋㅋㅋㅋ&amp; "
