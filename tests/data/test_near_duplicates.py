"""Near copies: which texts are, which are not, in groups, across splits, in cleaning, in splits and in the report."""

from __future__ import annotations

import re

import numpy as np
import pytest

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.near.copies import near_copies
from munjang.data.near.words import difference
from munjang.data.splits import folds_of, hold_out
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, LabelSet
from munjang.text import noise
from munjang.text.keyboard import slip

LONG = "배송이 하루 만에 왔고 포장도 아주 꼼꼼해서 마음에 들었습니다"
TEXTS = [
    "처음 주문했는데 생각보다 색이 어두워서 조금 아쉬웠어요",
    "상담원이 친절하게 설명해 주셔서 문제를 금방 해결했습니다",
    "두 번이나 연락했지만 아무도 답을 해 주지 않아서 화가 났다",
    "가격은 조금 비싸지만 품질이 좋아서 다음에도 살 생각입니다",
    "화면이 자꾸 꺼져서 수리를 맡겼는데 한 달째 소식이 없네요",
    LONG,
]


def are_near(first: str, second: str) -> bool:
    return near_copies([first, second]).first_of(range(2)) == {1: 0}


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ("좋아요!", "좋아요", "spaces and signs"),
        ("정말좋아요", "정말 좋아요", "spaces"),
        ("ㅋㅋㅋ", "ㅋㅋㅋㅋㅋ", "repeated letters"),
        ("재밌어요", "재밌어요오오", "repeated letters"),
        ("BEST 영화", "best 영화", "upper and lower case"),
    ],
)
def test_texts_that_differ_in_spaces_signs_case_or_repeats_are_copies(first, second, how):
    assert are_near(first, second)
    assert difference(first, second, None) == how


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [
        ("코로나19 국내 발생 현황(12.7., 0시 기준)", "코로나19 국내 발생 현황 (1.27., 0시 기준)", False),
        ("평점 3.5 영화", "평점 35 영화", False),
        ("1,000원 할인", "1000원 할인!", True),
        ("2 0분 걸림", "20분 걸림", True),
        ("3류영화.", "3류 영화", True),
        ("12,5", "125", False),
    ],
)
def test_a_sign_between_digits_makes_another_number_and_the_comma_of_thousands_does_not(first, second, near):
    assert are_near(first, second) is near


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (("포장도", "포잔도"), "one letter: '포장도' and '포잔도'"),
        (("꼼꼼해서", "꼼꼼서"), "one letter: '꼼꼼해서' and '꼼꼼서'"),
        (("마음에", "마은메"), None),
        (("들었습니다", "들어요"), "ending: '들었습니다' and '들어요'"),
        (("들었습니다", "들었네요!"), "ending: '들었습니다' and '들었네요!'"),
    ],
)
def test_long_texts_that_differ_by_a_slip_or_an_ending_are_copies(change, how):
    other = LONG.replace(*change)
    near = near_copies([LONG, other])
    assert bool(near.first_of(range(2))) is (how is not None)
    assert how is None or difference(LONG, other, near.kind(0, 1)) == how


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1점", "2점"),
        ("굿", "꿋"),
        ("!!!", "???"),
        ("", ""),
        ("3월 2일 정기 점검 때문에 서비스를 잠시 멈춥니다", "3월 5일 정기 점검 때문에 서비스를 잠시 멈춥니다"),
        ("올해 상반기 지역별 고용조사 결과를 발표했습니다", "올해 하반기 지역별 고용조사 결과를 발표했습니다"),
        ("이 회사 제품은 언제나 믿고 살 수 있다고 생각해요", "이 회사 제품은 언제나 믿고 살 수 없다고 생각해요"),
        ("다음에도 여기서 주문할 생각이고 배송도 마음에 든다", "다음에도 여기서 주문할 생각이고 배송도 안 마음에 든다"),
    ],
)
def test_other_numbers_and_other_words_are_no_copies(first, second):
    assert not are_near(first, second)


def test_letters_that_make_two_known_words_are_no_slip():
    pair = ["춘천 시장에서 열린 축제에 많은 사람이 다녀갔습니다", "포천 시장에서 열린 축제에 많은 사람이 다녀갔습니다"]
    known = [f"{place} 여행 {number}번째 이야기" for place in ("춘천", "포천") for number in range(5)]
    assert near_copies(pair).first_of(range(2)) == {1: 0}
    assert 1 not in near_copies([*pair, *known]).first_of(range(2))


def test_planted_copies_are_found_by_kind():
    texts, rng = (
        [text + end for text in TEXTS for end in ("", " 그리고 고맙습니다", " 다시 볼게요")],
        np.random.default_rng(1),
    )
    always = {
        "spaces": lambda text: noise.random_spaces(text, rng),
        "signs": lambda text: re.sub(" ", "~ ", text) + "!!",
        "repeats": lambda text: noise.repeated_letters(text, rng),
        "nfd": noise.separate_jamo,
    }
    for kind, change in always.items():
        near = near_copies([*texts, *map(change, texts)])
        assert [near.same[len(texts) + i] for i in range(len(texts))] == list(range(len(texts))), kind
    slips = [(text, slip(text, rng)) for text in texts for __ in range(5)]
    assert np.mean([are_near(*pair) for pair in slips]) >= 0.95


def test_each_copy_is_near_to_the_first_of_its_group_and_chains_do_not_join_it():
    chain = [LONG, LONG.replace("하루", "하류"), LONG.replace("하루", "하류").replace("포장", "포잔")]
    near = near_copies(chain)
    assert near.first_of(range(3)) == {1: 0}
    assert near.together().tolist() == [0, 0, 0]


def test_time_grows_with_the_letters_and_not_with_their_square():
    common = "앞이 모두 같은 글입니다 그래서 나누기 어렵습니다 "
    letters = [chr(0xAC00 + i) for i in range(0, 11172, 7)]
    shared = [common + one + two for one in letters[:100] for two in letters[100:120]]
    near = near_copies([*shared, *[LONG] * 5000, "가나" * 50_000, "가나" * 50_000 + "다"])
    assert near.same[2000:7000].tolist() == [2000] * 5000
    assert near.first_of([7000, 7001]) == {7001: 7000}


def labelled(*rows: tuple[str, str]) -> list[Example]:
    return [Example(text, label, line=number) for number, (text, label) in enumerate(rows, start=2)]


NEAR = Corpus(
    "films",
    "classification",
    LabelSet(("부정", "긍정")),
    train=labelled(
        ("배송이 빨라요!", "긍정"),
        (LONG, "긍정"),
        (LONG.replace("포장", "포잔"), "긍정"),
        (LONG + "!!", "부정"),
        ("별로", "부정"),
    ),
    test=labelled(("배송이 빨라요", "긍정")),
)


def test_cleaning_drops_near_copies_and_says_of_what():
    cleaned, report = clean_corpus(NEAR, CleanConfig(near_duplicates="drop"))
    assert [(row.line, row.step, row.reason) for row in report.removed] == [
        (2, "near_duplicate", "near copy of test, line 2 of films/test (spaces and signs)"),
        (4, "near_duplicate", "near copy of line 3 (one letter: '포잔도' and '포장도')"),
    ]
    assert [example.text for example in cleaned.train] == [LONG, LONG + "!!", "별로"]
    remark = (
        "3 rows of train are near copies: 2 of an earlier row of it, 1 of another split; "
        "1 with another label than the row they are like."
    )
    assert remark in str(report)


def test_cleaning_reports_near_copies_and_keeps_them_or_does_not_look():
    cleaned, report = clean_corpus(NEAR, CleanConfig(near_duplicates="report"))
    assert len(cleaned.train) == 5
    found = report.to_dict()["near_duplicates"]
    assert [(copy["line"], copy["other_split"], copy["same_label"]) for copy in found] == [
        (2, "test", True), (4, "train", True), (5, "train", False)
    ]  # fmt: skip
    assert clean_corpus(NEAR)[1].to_dict()["near_duplicates"] == []
    with pytest.raises(ConfigError, match=r"clean.near_duplicates is 'yes'; it must be one of None, report, drop"):
        CleanConfig(near_duplicates="yes")


def test_splits_and_folds_keep_near_copies_together():
    rng = np.random.default_rng(3)
    examples = [
        Example(copy, "긍정" if i % 2 else "부정")
        for i in range(60)
        for text in [f"{TEXTS[i % 6]} {'가나다라마바사아자차'[i // 6]}"]
        for copy in (text, slip(text, rng), text + "!!")
    ]
    first = near_copies([example.text for example in examples]).together()
    of = {example.text: group for example, group in zip(examples, first.tolist(), strict=True)}
    rest, held = hold_out(examples, 0.2, 13)
    assert held
    assert not {of[example.text] for example in rest} & {of[example.text] for example in held}
    folds = folds_of(examples, 5, 13)
    assert all(len(set(folds[first == group])) == 1 for group in set(first.tolist()))


def test_folds_have_as_many_of_each_class_and_depend_on_the_texts_alone():
    examples = [Example(f"글 {i}", "가" if i % 4 else "나") for i in range(200)]
    folds = folds_of(examples, 5, 13)
    for label, count in (("가", 30), ("나", 10)):
        mine = [fold for fold, example in zip(folds, examples, strict=True) if example.label == label]
        assert np.bincount(mine).tolist() == [count] * 5
    assert folds_of(examples[::-1], 5, 13).tolist() == folds[::-1].tolist()
    assert folds_of(examples, 5, 14).tolist() != folds.tolist()
    with pytest.raises(ConfigError, match=r"The number of folds must be at least 2, found 1."):
        folds_of(examples, 1, 13)
    with pytest.raises(DataError, match=r"3 different texts are too few for 5 folds: each fold needs one."):
        folds_of(examples[:3], 5, 13)
