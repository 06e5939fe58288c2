"""The Korean catalogue: whole, with the same fields, compiled; particles; and which language is taken."""

import os
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

pytest.importorskip("babel")
sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import catalogue

import munjang
from munjang import translation
from munjang.cli.language import without_language
from munjang.cli.rows import shown_note
from munjang.data.cleaning.filters import ROW_STEPS
from munjang.data.cleaning.report import STEP_NAMES, shown_step
from munjang.errors import ConfigError
from munjang.inference.files.write import Counts
from munjang.text.cleaning import STEPS
from munjang.translation import _, chosen_language, final_sound, ngettext, options_as, set_language

KOREAN = catalogue.stored()
MESSAGES = [message for message in KOREAN if message.id]
NO_HANGUL = {
    "F1", "UAS", "LAS", "{metric}, {model}", "munjang {version}", "{metric} {score} ({points:+.1f} points)",
    "{encoding}, JSON ({shape})", "{endpoint} {repo} at {revision} ({reason})",
    *(f"{name}: {{reason}}" for name in ("munjang", "{flag}", "{path}", "{file}", "{folder}", "{where}")),
}  # fmt: skip
"""Texts that are names, numbers and fields."""


VALUES = re.compile(r"%[.\d]*[sdgf](?![a-z])")
"""Where a message of the log has its values, which stay in their order."""


def fields_of(text: str) -> set[tuple[str, str]]:
    """The fields of a text with their formats; of one that braces belong to, none."""
    try:
        return {(name, form or "") for __, name, form, __ in Formatter().parse(text) if name is not None}
    except ValueError:
        return set()


def forms(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def test_every_marked_text_is_translated_and_nothing_else_is():
    assert catalogue.missing(KOREAN) == []


def test_translations_have_the_same_fields_and_are_korean():
    wrong = []
    for message in MESSAGES:
        first, last = forms(message.id)[0], forms(message.id)[-1]
        for korean in forms(message.string):
            same = fields_of(korean) == fields_of(last) and VALUES.findall(korean) == VALUES.findall(first)
            is_korean = re.search("[가-힣]", korean) and korean not in forms(message.id)
            wrong += [] if same and (is_korean or first in NO_HANGUL) else [f"{last}: {korean}"]
    assert len(MESSAGES) > 1000 and not wrong, "\n".join(wrong)


def test_the_program_reads_what_people_write():
    assert catalogue.PO.read_bytes() == catalogue.po_bytes(KOREAN)
    assert catalogue.PO.with_suffix(".mo").read_bytes() == catalogue.mo_bytes(KOREAN)


@pytest.fixture
def korean_words(monkeypatch):
    """Korean, with a catalogue in which each text is its own translation."""

    class Same:
        gettext = staticmethod(lambda text: text)
        ngettext = staticmethod(lambda one, many, n: many)

    monkeypatch.setattr(translation, "_catalogue", Same())


@pytest.mark.parametrize(
    ("value", "particles"),
    [
        ("감정", "감정을 감정이 감정은 감정과 감정으로"),
        ("파일", "파일을 파일이 파일은 파일과 파일로"),
        ("리뷰", "리뷰를 리뷰가 리뷰는 리뷰와 리뷰로"),
        ("1,200", "1,200을 1,200이 1,200은 1,200과 1,200으로"),
        (7, "7을 7이 7은 7과 7로"),
        (2, "2를 2가 2는 2와 2로"),
        ("reviews.csv", "reviews.csv를 reviews.csv가 reviews.csv는 reviews.csv와 reviews.csv로"),
        ("a.xlsx", "a.xlsx를 a.xlsx가 a.xlsx는 a.xlsx와 a.xlsx로"),
        ("model", "model을 model이 model은 model과 model로"),
        ("token", "token을 token이 token은 token과 token으로"),
        ("mini", "mini를 mini가 mini는 mini와 mini로"),
        ("sentiment", "sentiment를 sentiment가 sentiment는 sentiment와 sentiment로"),
        ("net", "net을 net이 net은 net과 net으로"),
        ("URL", "URL을 URL이 URL은 URL과 URL로"),
        ("95%", "95%를 95%가 95%는 95%와 95%로"),
        ("R", "R을 R이 R은 R과 R로"),
        ("backbone", "backbone을 backbone이 backbone은 backbone과 backbone으로"),
        ("file", "file을 file이 file은 file과 file로"),
        ("text", "text를 text가 text는 text와 text로"),
        ("FORMAT", "FORMAT을 FORMAT이 FORMAT은 FORMAT과 FORMAT으로"),
        ("NSMC", "NSMC를 NSMC가 NSMC는 NSMC와 NSMC로"),
        ("ㅋㅋ", "ㅋㅋ을 ㅋㅋ이 ㅋㅋ은 ㅋㅋ과 ㅋㅋ으로"),
        ("", "을(를) 이(가) 은(는) 과(와) (으)로"),
    ],
)
def test_the_value_decides_the_particle_behind_it(korean_words, value, particles):
    assert _("{x}을(를) {x}이(가) {x}은(는) {x}과(와) {x}(으)로", x=value) == particles


def test_a_particle_stands_behind_a_closing_quote_too_and_a_value_keeps_its_own(korean_words):
    assert _("'{label}'을(를) {n:,}번, ({path})이(가)", label="중립", n=2, path="a/감정") == "'중립'을 2번, (a/감정)이"
    assert _("{text}은(는) 그대로", text="값을(를)") == "값을(를)은 그대로"
    assert final_sound("값을(를)") == "ㄹ"  # what is said last is 를 in brackets; people read 을
    assert ngettext("{count}개를", "{count}개을(를) 셈", 3) == "3개을(를) 셈"


@pytest.mark.parametrize(
    ("words", "final"),
    [
        ("topic check map set web group book input column string pipeline checkpoint.zip a.json train", "consonant"),
        ("model label table url HTML a.jsonl R", "ㄹ"),
        ("task mask test checkpoint bert root float week hub github seed batch epoch csv a.txt a.pt png x ko", ""),
    ],
)
def test_latin_words_end_as_koreans_say_them(words, final):
    assert {word: final_sound(word) for word in words.split()} == dict.fromkeys(words.split(), final)


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ko_KR.UTF-8"}, "ko"),
        ([], {"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.eucKR"}, "ko"),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ([], {"LANG": "kok_IN"}, "en"),
        ([], {"MUNJANG_LANG": "ko", "LC_ALL": "en_US"}, "ko"),
        (["clean", "a.csv", "--lang", "ko"], {"MUNJANG_LANG": "en"}, "ko"),
        (["--lang=en", "clean"], {"LANG": "ko_KR"}, "en"),
        (["--lang", "fr", "clean"], {"LANG": "ko_KR"}, "ko"),  # which says that there is no such language
        (["predict", "m", "--", "--lang", "ko"], {}, "en"),
    ],
)
def test_the_language_comes_from_the_line_then_the_variable_then_the_locale(words, environment, language):
    assert chosen_language(words, environment) == language


def test_lang_may_stand_anywhere_on_the_line():
    assert without_language(["predict", "--lang", "ko", "m", "글"]) == ["predict", "m", "글"]
    assert without_language(["--lang=ko", "predict", "m", "--", "--lang"]) == ["predict", "m", "--", "--lang"]
    with pytest.raises(ConfigError, match="--lang is 'fr'; it must be one of en, ko"):
        without_language(["clean", "--lang", "fr"])


@pytest.fixture
def korean():
    set_language("ko")
    yield
    set_language("en")


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("empty", "빈 글"),
        ("out of scope; truncated to 128 tokens", "배운 것과 다른 글; 앞에서 128토큰까지만 읽음"),
        ("truncated to 5,000 characters", "앞에서 5,000글자까지만 읽음"),
        ("below the minimum score 0.9", "최소 점수 0.9보다 낮음"),
        ("below 0.98, the threshold for a precision of 0.9", "기준값 0.98보다 낮음(정밀도 0.9에 필요한 값)"),
        ("기쁨 below 0.98, the threshold for a precision of 0.9", "기쁨: 기준값 0.98보다 낮음(정밀도 0.9에 필요한 값)"),
        ("what no one foresaw", "what no one foresaw"),
    ],
)
def test_a_note_is_shown_in_korean_and_kept_in_english(korean, note, shown):
    assert shown_note(note) == shown
    set_language("en")
    assert shown_note(note) == note


def test_steps_of_cleaning_have_korean_names_beside_their_own(korean):
    assert {*ROW_STEPS, *STEPS, "read"} == {*STEP_NAMES}
    assert shown_step("leak") == "다른 데이터에도 있음(leak)"
    assert shown_step("read: label") == "읽기: 레이블(read: label)"
    assert all(re.search("[가-힣]", shown_step(step)) for step in STEP_NAMES)
    set_language("en")
    assert [shown_step(step) for step in ("leak", "read: label")] == ["leak", "read: label"]


def test_counts_of_a_file_are_said_in_korean(korean):
    counts = Counts(rows=3, written=1, empty=1)
    assert counts.with_kept(True) == "3행 예측, 빈 글 1개, 남긴 행 1개"
    assert counts.with_kept(False) == "3행 예측, 빈 글 1개"
    set_language("en")
    assert counts.with_kept(True) == "3 rows predicted, 1 empty, 1 kept"


def in_korean(*words: str, cwd: Path) -> str:
    """What a command says in Korean, on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "munjang", *words], capture_output=True, text=True, cwd=cwd,
        env={**os.environ, "MUNJANG_LANG": "ko", "PYTHONPATH": str(Path(munjang.__file__).parents[1])},
    )  # fmt: skip
    return done.stdout + done.stderr


ENGLISH = re.compile(r"(?:\b[A-Za-z]{2,} ){3,}[A-Za-z]{2,}")
"""Four words of Latin letters in a row."""


def test_no_english_sentence_is_left_in_what_the_verbs_say(tmp_path):
    rows = [f"정말 좋아요 {i},긍정\n아주 별로예요 {i},부정\n" for i in range(40)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows) + ",긍정\n정말 좋아요 1,긍정\n", encoding="utf-8")
    lines = [
        ["--help"], ["train", "--help"], ["predict", "--help"], ["corpora", "a.csv"],
        ["clean", "a.csv", "--out", "c"], ["train", "a.csv", "--backbone", "linear", "--out", "m", "--no-report"],
        ["evaluate", "m", "a.csv"], ["predict", "m", "a.csv", "--out", "p.csv"], ["predict", "m", "좋아요"],
        ["predict", "m", "a.csv", "--out", "p.csv"], ["train", "none.csv", "--out", "n"], ["clean"], ["clean", "--foo"],
    ]  # fmt: skip
    for line in lines:
        said = in_korean(*line, cwd=tmp_path)
        assert re.search("[가-힣]{2}", said), line
        assert not ENGLISH.findall(said), (line, said)
    assert (tmp_path / "p.csv").read_text("utf-8").startswith("\ufefftext,label,munjang_label,")


def test_messages_about_the_line_name_what_is_wrong(tmp_path):
    set_language("en")
    with options_as(translation.python_form):
        assert "--foo" in in_korean("clean", "--foo", cwd=tmp_path)
    assert "--out" in in_korean("clean", "a.csv", cwd=tmp_path)
    assert "--top-errors" in in_korean("evaluate", "m", "a.csv", "--top-errors", "x", cwd=tmp_path)
