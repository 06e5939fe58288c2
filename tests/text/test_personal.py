"""Personal data: what is masked, and what only looks like it."""

import time

import pytest

from munjang.text.personal import count_personal, mask_personal

PHONES = [
    "010-1234-5678", "010.1234.5678", "010 1234 5678", "01012345678", "010)1234-5678", "(010)1234-5678", "016-234-5678",
    "010 - 1234 - 5678", "010‑1234‑5678", "+82 10-1234-5678", "+82-10-1234-5678", "+821012345678",
    "+82 (0)10-1234-5678", "02-123-4567", "02)1234-5678", "(02) 123-4567", "031-123-4567", "064.123.4567",
    "070-1234-5678", "0505-123-4567", "+82-2-123-4567", "０１０－１２３４－５６７８",
]  # fmt: skip


@pytest.mark.parametrize("phone", PHONES)
def test_phone_numbers_are_masked_inside_korean_text(phone):
    assert mask_personal(f"연락처는{phone}이에요") == "연락처는〈전화번호〉이에요"


@pytest.mark.parametrize(
    "number", ["900101-1234567", "900101 - 1234567", "001231-4******", "900101 2345678", "９００１０１－１２３４５６７"]
)
def test_resident_numbers_are_masked(number):
    assert mask_personal(f"주민번호 {number}입니다") == "주민번호 〈주민번호〉입니다"


def test_a_resident_number_without_hyphen_needs_its_check_digit():
    assert mask_personal("9001011234568") == "〈주민번호〉"
    assert mask_personal("9001011234567") == "9001011234567"


@pytest.mark.parametrize("email", ["abc@naver.com", "kim.minsu_90+x@mail.co.kr", "a@b.io"])
def test_addresses_of_email_are_masked(email):
    assert mask_personal(f"자막...{email}으로 보내줘") == "자막...〈이메일〉으로 보내줘"


@pytest.mark.parametrize(
    "text",
    [
        "2019-2020 시즌", "10-0으로 이김", "12,000원", "1,234,567,890원", "2019-01-01", "2019.01.01 12:30", "20190101",
        "임진왜란 1592-1598", "고객센터 1588-1234", "ISBN 978-89-010-1234-5", "9788954651135", "3.14159265358",
        "1510101234567", "10101010101010", "12345678901122334455", "계좌 110-010-12345678", "@홍길동 안녕", "a@b",
        "시***", "100점 만점에 100점", "0-0 0:0", "버전 0.10.1234.5678", "010", "1004-1004", "90년 01월 01일",
    ],
)  # fmt: skip
def test_what_only_looks_like_personal_data_stays(text):
    assert mask_personal(text) == text


def test_several_in_one_text_are_all_masked():
    text = "010-1234-5678,02-123-4567/a@b.kr 900101-1234567.010-1234-5678-010-1234-5678"
    assert mask_personal(text) == "〈전화번호〉,〈전화번호〉/〈이메일〉 〈주민번호〉.〈전화번호〉-〈전화번호〉"


@pytest.mark.parametrize("unit", ["a", "1", "a.", "010-", "@", "가", "010 1234 ", "010-1234-5678.", "010-1234-5678-"])
def test_a_text_of_a_million_characters_takes_no_time(unit):
    start = time.perf_counter()
    mask_personal(unit * (1_000_000 // len(unit)) + "@")
    assert time.perf_counter() - start < 5


def test_personal_data_is_counted_by_kind():
    text = "010-1234-5678, 02-123-4567 또는 a.b@naver.com (900101-1234567) 〈전화번호〉"
    assert count_personal(text) == {"전화번호": 2, "이메일": 1, "주민번호": 1}
    assert count_personal("〈전화번호〉 2024-03-01") == {}
