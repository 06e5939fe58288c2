"""Finding columns, and cells as labels."""

import unicodedata

import pytest

from munjang.data.readers.columns import (
    find_column,
    guess_label,
    guess_text,
    normal_label,
    parse_map,
    sorted_labels,
    split_labels,
)
from munjang.errors import ConfigError, DataError


def test_names_are_compared_composed_trimmed_and_without_case():
    columns = ["id", unicodedata.normalize("NFD", " 본문 "), "Label"]
    assert find_column("본문", columns, "a.csv", "text") == 1
    assert find_column("label", columns, "a.csv", "label") == 2
    assert find_column("1", columns, "a.csv", "text") == 0


def test_a_missing_column_lists_the_columns_and_suggests():
    with pytest.raises(DataError) as caught:
        find_column("text", ["번호", "본문", "감정"], "reviews.csv", "text")
    assert str(caught.value) == (
        'No column \'text\' in reviews.csv; it has 번호, 본문, 감정. Did you mean text="본문", label="감정"?'
    )


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (["번호", "리뷰", "평점"], 1, 2),
        (["id", "document", "label"], 1, 2),
        (["댓글", "내용", "분류"], 0, 2),
        (["제목", "리뷰 내용", "감정분류"], 1, 2),
        (["review_text", "label_id"], 0, 1),
        (["title", "topic"], 0, 1),
    ],
)
def test_known_names_are_guessed(columns, text, label):
    sample = [["글" * 5 for _ in columns]] * 4
    assert guess_text(columns, sample)[0] == text
    assert guess_label(columns, sample, text, "a.csv") == (label, "by its name")


def test_other_columns_are_guessed_by_content():
    sample = [[str(n), "아주 긴 문장이 여기에 있다", "가나"[n % 2], f"사용자{n}"] for n in range(20)]
    columns = ["c1", "c2", "c3", "c4"]
    assert guess_text(columns, sample) == (1, "it has the longest texts")
    assert guess_label(columns, sample, 1, "a.csv") == (2, "it has 2 values")


def test_a_count_called_comments_is_no_text():
    sample = [["기사 본문입니다", "12", "경제"]] * 3
    assert guess_text(["story", "comments", "label"], sample)[0] == 0


def test_several_possible_label_columns_are_listed_rather_than_picked():
    sample = [["글글글글", "ab"[n % 2], "xyz"[n % 3]] for n in range(12)]
    with pytest.raises(DataError, match=r"bias \(2 values\), hate \(3 values\)\. Say which with label=.COLUMN."):
        guess_label(["text", "bias", "hate"], sample, 0, "a.csv")
    with pytest.raises(DataError, match="has no column that looks like labels; it has text, id"):
        guess_label(["text", "id"], [["글", str(n)] for n in range(9)], 0, "a.csv")


def test_labels_are_normal():
    cells = [1.0, "1.0", " 긍정 ", unicodedata.normalize("NFD", "긍정"), True, "TRUE", None, float("nan"), "NA", "1.5"]
    assert [normal_label(cell) for cell in cells] == ["1", "1", "긍정", "긍정", "True", "True", "", "", "NA", "1.5"]


def test_several_labels_in_a_cell():
    assert split_labels("분노| 슬픔 ||분노", "|") == ("분노", "슬픔")
    assert split_labels(["a", "b"], "|") == ("a", "b")
    assert split_labels(None, "|") == ()


def test_a_map_is_read_and_its_slips_named():
    assert parse_map("1, 2=부정;4,5.0=긍정") == {"1": "부정", "2": "부정", "4": "긍정", "5": "긍정"}
    for wrong in ("1", "=부정", "1=", "1=부정;1=긍정", ";"):
        with pytest.raises(ConfigError, match="map="):
            parse_map(wrong)


def test_numbers_are_ordered_as_numbers():
    assert sorted_labels({"10": 1, "9": 1, "-1": 1}) == ("-1", "9", "10")
    assert sorted_labels({"나": 1, "가": 1, "1": 1}) == ("1", "가", "나")
