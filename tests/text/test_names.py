"""Labels in cells, lists of names, and maps from values to labels."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from munjang.errors import ConfigError
from munjang.text.names import join_names, number_of, parse_map, shell_word, split_names, tidy_label, write_map

names = st.text('가b ,;="1-~점\\', min_size=1, max_size=6).map(tidy_label).filter(bool)


@given(st.lists(names))
def test_any_list_of_names_can_be_written_and_read(given):
    assert split_names(join_names(given)) == tuple(given)


@given(st.dictionaries(names.filter(lambda name: not set(name) & set("1★")), names, min_size=1))
def test_any_map_of_names_can_be_written_and_read(pairs):
    assert parse_map(write_map(([name], label) for name, label in pairs.items())).pairs(pairs) == pairs


def test_a_name_with_a_comma_is_quoted():
    assert split_names('"배송, 포장",가격 , "5"" 화면", ,끝"') == ("배송, 포장", "가격", '5" 화면', '끝"')
    assert join_names(["배송, 포장", "가격"]) == '"배송, 포장",가격'
    assert shell_word("본문") == "본문" and shell_word("리뷰 내용") == "'리뷰 내용'"


def test_labels_are_compared_without_what_is_not_seen():
    cells = ["긍정", "긍정\u200b", "\ufeff긍정", "긍정\xa0", " 긍정\t", "\u1100\u1173\u11bc\u110c\u1165\u11bc"]
    assert {tidy_label(cell) for cell in cells} == {"긍정"}
    assert tidy_label("\u200b ") == "" and tidy_label("매우\xa0 긍정") == "매우 긍정"


@given(st.integers(-(10**40), 10**40))
def test_long_numbers_keep_their_last_digit(number):
    assert tidy_label(f"{number}.0") == str(number)
    assert number_of(str(number)) == Decimal(number)


def test_a_map_takes_labels_with_commas_quoted_or_not():
    assert parse_map("배송, 포장=A;가격=B").pairs(["배송, 포장", "가격"]) == {"배송, 포장": "A", "가격": "B"}
    assert parse_map("배송, 포장=A;가격=B").pairs(["배송", "가격"]) == {"배송": "A", "포장": "A", "가격": "B"}
    both = parse_map('"배송, 포장"=A;배송="B;=B"')
    assert both.pairs(()) == {"배송, 포장": "A", "배송": "B;=B"} and both.targets == ("A", "B;=B")


@pytest.mark.parametrize(
    ("value", "label"),
    [("1", "불만"), ("2.5", "불만"), ("3.9", "불만"), ("3.95", None), ("4", "만족"), ("4.30", "만족"), ("5점", "만족"),
     ("★★★★☆", "만족"), ("★☆☆☆☆", "불만"), ("0", None), ("모름", "모름"), ("12", None)],
)  # fmt: skip
def test_ranges_hold_the_numbers_between(value, label):
    assert parse_map("1-3.9=불만;4~5=만족;모름=모름").label(value) == label


def test_a_range_is_exact_and_may_be_a_name():
    assert parse_map("0-12345678901234567=낮음").label("12345678901234568") is None
    assert parse_map("1-2=저학년;3-4=고학년").pairs(["1-2", "3-4"]) == {"1-2": "저학년", "3-4": "고학년"}
    assert parse_map("-2--1=아래").label("-1.5") == "아래"
    months = parse_map('"2024-01"=1월;"1-3"=봄')
    assert [months.label(value) for value in ("2024-01", "2000", "1-3", "2")] == ["1월", None, "봄", None]
    assert parse_map(write_map([(["5-4", "1,2"], "a")])).label("5-4") == "a"


@pytest.mark.parametrize("wrong", ["1-3=a;3-5=b", "1-5=a;3=b", "5=b;1-5=a", "1-9=a;2-3=a;9-10=b"])
def test_a_number_in_two_ranges_is_a_contradiction(wrong):
    with pytest.raises(ConfigError, match=r"map=.*: '\d' becomes both [ab] and [ab]"):
        parse_map(wrong)
