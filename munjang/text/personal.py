"""Masks personal data in a text: phone numbers, resident registration numbers and e-mail addresses."""

from __future__ import annotations

import re
from collections import Counter

HYPHEN = "-‐-―"  # the hyphen of the keyboard, and Unicode's from hyphen to horizontal bar (inside a character class)
EMAIL = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}"

# Birth date, then 1-8 and six digits, or asterisks instead of them: 900101-1234567, 900101-1******, 9001011234568.
BIRTH_DATE = r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
RESIDENT = rf"(?<!\d){BIRTH_DATE}(?:(?:\s?[{HYPHEN}]\s?|\s)[1-8][\d*]{{6}}|[1-8]\d{{6}})(?!\d)"

# Mobile numbers with or without separators: 010-1234-5678, 010.1234.5678, 010)1234-5678, 01012345678, +82 10-1234-5678.
SEPARATOR = rf"[{HYPHEN}.·\s)]{{0,3}}"
MOBILE = rf"(?:\+?82[{HYPHEN}.\s]{{0,2}}(?:\(?0\)?)?|\(?0)1[016-9]{SEPARATOR}\d{{3,4}}{SEPARATOR}\d{{4}}"

# Others only with their separators: 02-123-4567, 02)123-4567, 031.123.4567, (02) 123-4567, 070 1234 5678.
AREA = r"(?:2|[3-6][1-5]|70|80|50[2-8]?)"
ABROAD = rf"\+?82[{HYPHEN}.\s]{{1,2}}(?:\(?0\)?)?"
DASHED = rf"(?:{ABROAD}|\(?0){AREA}[{HYPHEN}.)]\s?\d{{3,4}}[{HYPHEN}.]\d{{4}}"
SPACED = rf"\(?0{AREA}\)?\s\d{{3,4}}\s\d{{4}}"

# No digit on either side, and no group of one to three before it, so that parts of ISBNs and decimals stay.
NO_GROUP = "".join(rf"(?<!(?<!\d)\d{{{n}}}[-.])" for n in (1, 2, 3))
PHONE = rf"(?<!\d){NO_GROUP}(?:{MOBILE}|{DASHED}|{SPACED})(?!\d)"

PERSONAL = re.compile(rf"(?P<이메일>{EMAIL})|(?P<주민번호>{RESIDENT})|(?P<전화번호>{PHONE})")
MAY_BE_PERSONAL = re.compile(r"\d{4}|[@＠]|\*{6}")
NARROW = str.maketrans("０１２３４５６７８９＠－．＋（）＊", "0123456789@-.+()*")


def mask_personal(text: str) -> str:
    """The text with 〈전화번호〉, 〈주민번호〉, 〈이메일〉 for phone numbers, resident registration numbers, e-mails.

    Full-width digits count as digits. Dates, years, prices, scores and the short numbers of companies (1588-1234,
    which look like 1592-1598) stay. A resident number without its hyphen must have the right check digit.
    """
    while MAY_BE_PERSONAL.search(text):
        narrow = text if text.isascii() else text.translate(NARROW)  # character by character: the spans stay the same
        parts: list[str] = []
        end = 0
        for match in PERSONAL.finditer(narrow):
            if match.lastgroup == "주민번호" and not may_be_resident_number(match[0]):
                continue
            parts += (text[end : match.start()], f"〈{match.lastgroup}〉")
            end = match.end()
        if not parts:
            break
        text = "".join(parts) + text[end:]
    return text


def count_personal(text: str) -> Counter[str]:
    """How often each kind of personal data is in a text: 전화번호, 주민번호, 이메일."""
    masked = mask_personal(text)
    if masked is text:
        return Counter()
    return Counter({kind: masked.count(f"〈{kind}〉") - text.count(f"〈{kind}〉") for kind in PERSONAL.groupindex})


def may_be_resident_number(number: str) -> bool:
    """False for 13 digits in a row whose check digit is wrong, such as a time in milliseconds."""
    if not number.isdecimal():
        return True
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
    return (11 - total % 11) % 10 == int(number[12])
