"""Finding columns, and cells as labels."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from munjang.data.readers.columns import (
    cells_text,
    column_names,
    find_column,
    find_columns,
    guess_label,
    guess_text,
    prose_length,
)
from munjang.data.readers.labels import normal_label, sorted_labels, split_labels
from munjang.errors import ConfigError, DataError
from munjang.text.names import parse_map


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
        (["작성일시", "상품평", "만족도"], 1, 2),
        (["구분", "코멘트"], 1, 0),
        (["문의내용", "분류명"], 0, 1),
        (["reviewText", "reviewerId", "overallRating"], 0, 2),
        (["긍부정", "고객 요청사항"], 1, 0),
        (["sentiment_confidence", "airline_sentiment", "text"], 2, 1),
        (["평가", "평가 내용"], 1, 0),
    ],
)
def test_known_names_are_guessed(columns, text, label):
    sample = [["글" * 5 for _ in columns]] * 4
    assert guess_text(columns, sample).best[0] == text
    assert guess_label(columns, sample, [text], "a.csv") == (label, "by its name")


def test_other_columns_are_guessed_by_content():
    sample = [[str(n), f"아주 긴 문장이 {n}번 있다", "가나"[n % 2], f"사용자{n}"] for n in range(20)]
    columns = ["c1", "c2", "c3", "c4"]
    assert guess_text(columns, sample)[:3] == ((1,), (), "it has the longest texts")
    assert guess_label(columns, sample, [1], "a.csv") == (2, "it has 2 values")


def test_a_count_called_comments_is_no_text():
    sample = [["기사 본문입니다", "12", "경제"]] * 3
    assert guess_text(["story", "comments", "label"], sample).best == (0,)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("review_id", "ko_{}"), ("reviewId", "R{}AbC"), ("댓글_ID", "Ugx{}AaBbCcDdEeFfGg"),
        ("comment_date", "2024-03-{}"),
        ("리뷰 작성일", "2024-03-{} 12:00:00"), ("리뷰 작성일시", "2024년 3월 {}일 오후 3시 20분"),
        ("댓글 작성자", "아주 긴 이름의 작성자 {}"), ("review_url", "https://example.com/reviews/of/a/thing/{}"),
        ("review_author", "someone@a{}.example.com"), ("댓글수", "{}"), ("comment_count", "more than {} comments"),
        ("review_score", "a score of {} out of 10"), ("text_confidence", "about {} percent, roughly"),
        ("리뷰 번호", "번호가 아주 긴 리뷰 {}"), ("리뷰 상품명", "아주 긴 이름을 가진 상품 {}"),
    ],
)  # fmt: skip
def test_a_column_of_ids_dates_people_or_numbers_holds_no_texts(name, cell):
    sample = [[cell.format(n), f"좋아요 {n}", "ab"[n % 2]] for n in range(20)]
    for other in ("내용", "review_body", "값"):
        guess = guess_text([name, other, "c"], sample)
        assert (guess.best, guess.others) == ((1,), ())


def test_of_several_matches_the_longest_real_text_decides():
    sample = [[f"제목 {n}", f"아주 길게 쓴 리뷰의 본문 {n}번", f"리뷰에 대한 답변입니다 {n}"] for n in range(20)]
    assert guess_text(["리뷰 제목", "리뷰 본문", "x"], sample)[:2] == ((1,), (0, 2))
    assert guess_text(["review_title", "review_body", "label"], sample)[:2] == ((1,), (0,))
    assert guess_text(["본문", "리뷰 내용", "x"], sample)[:2] == ((1,), (0, 2))
    assert guess_text(["a", "문의내용", "답변내용"], sample)[:2] == ((1,), (2,))  # the whole name is known
    assert guess_text(["a", "질문 내용", "답변 내용"], sample)[:2] == ((1, 2), ())
    assert guess_text(["a", "b", "c"], sample)[:2] == ((1, 2), ())


@pytest.mark.parametrize("name", ["리뷰", "내용", "본문", "text", "Review Text"])
@pytest.mark.parametrize(
    "other", ["Developer Reply Text", "상품평 답글", "판매자 코멘트", "reply_text", "답변", "답변내용", "title", "제목"]
)
def test_a_longer_answer_or_title_does_not_win_against_a_known_name(name, other):
    sample = [[f"고객님 소중한 의견 감사드리며 더 노력하겠습니다 {n}", f"별로예요 {n}", "ab"[n % 2]] for n in range(20)]
    assert guess_text([other, name, "label"], sample)[:2] == ((1,), (0,))
    assert guess_text([other, "x", "label"], sample).best == (0,)


@pytest.mark.parametrize(
    "cell",
    [
        "2026/11/{:02} 15:04:12 GMT+9", "2026. 11. {:02} 오후 3:04:12", "Sat, {:02} Nov 2026 15:04:12 GMT",
        "2026.11.{:02}(월)", "오후 3:{:02}", "₩{:02},001원", "11월 {}일 토요일 3시",
    ],
)  # fmt: skip
def test_dates_times_and_sums_in_words_are_no_texts(cell):
    sample = [[cell.format(n), f"좋아요{n}", "ab"[n % 2]] for n in range(20)]
    assert guess_text(["a", "b", "c"], sample)[:2] == ((1,), ())
    assert prose_length([cell.format(1)]) == 0
    assert all(prose_length([text]) for text in ("시원 10도", "5월 내내 좋아요", "시원", "일월"))


def test_columns_that_repeat_a_few_values_are_no_second_text():
    sample = [["문의합니다", f"배송이 {n}일 늦어요", "생활 가전 제품"] for n in range(20)]
    assert guess_text(["제목", "본문", "b"], sample)[:2] == ((1,), ())
    assert guess_text(["a", "b", "c"], sample)[:2] == ((1,), ())
    assert guess_text(["question", "b", "c"], sample)[:2] == ((1,), ())


def test_a_title_or_question_is_the_text_only_if_nothing_longer_is_there():
    sample = [[f"질문 {n}?", f"질문에 답할 수 있는 아주 긴 단락 {n}", f"{n}부"] for n in range(20)]
    assert guess_text(["question", "paragraph", "c"], sample)[:2] == ((1,), (0,))
    assert guess_text(["question", "a", "c"], [[row[0], "", row[2]] for row in sample])[0] == (0,)


def test_columns_are_named_together():
    columns = ["제목", "본문", "a,b", "감정"]
    assert find_columns("제목, 본문", columns, "a.csv", "text") == (0, 1)
    assert find_columns(["본문", "제목"], columns, "a.csv", "text") == (1, 0)
    assert find_columns("a,b", columns, "a.csv", "text") == find_columns('"a,b"', columns, "a.csv", "text") == 2
    assert find_columns('2,"a,b"', columns, "a.csv", "text") == (1, 2)
    assert column_names(columns, (1, 2)) == '본문,"a,b"' and column_names(columns, 2) == "a,b"
    with pytest.raises(DataError, match=r"No column '내용' .* has 제목, 본문, a,b, 감정\. Did you mean text=.본문."):
        find_columns("제목,내용", columns, "a.csv", "text")
    assert [cells_text([" 가\n", "", 3.0], chosen) for chosen in (0, (0, 1, 2))] == [" 가\n", "가 3"]


def test_two_label_columns_are_asked_about_and_a_plain_name_wins():
    sample = [["글글글글", "ab"[n % 2], "12345"[n % 5]] for n in range(12)]
    with pytest.raises(DataError, match=r"감정 \(2 values\), 별점 \(5 values\)\. Say which with label=.COLUMN.\.$"):
        guess_label(["본문", "감정", "별점"], sample, [0], "a.csv")
    assert guess_label(["본문", "라벨", "별점"], sample, [0], "a.csv") == (1, "by its name; or is it 별점?")
    assert guess_label(["본문", "감정", "주제"], [[*row[:2], "하나"] for row in sample], [0], "a.csv")[0] == 1


def test_columns_of_ones_and_zeros_are_proposed_together():
    sample = [["글글글글", str(n % 2), "OX"[n % 3 == 0]] for n in range(12)]
    with pytest.raises(DataError, match=r"several of them as its labels: label=.여성/가족,남 성.\.$"):
        guess_label(["문장", "여성/가족", "남 성"], sample, [0], "a.csv")
    never = [[*row, "0", "1", ""] for row in sample]
    with pytest.raises(DataError, match=r"several of them as its labels: label=.여성/가족,남 성,노인.\.$"):
        guess_label(["문장", "여성/가족", "남 성", "노인", "version", "비고"], never, [0], "a.csv")
    blank = [["글글글글", "O" * (n % 2), "V" * (n % 3 == 0)] for n in range(12)]
    with pytest.raises(DataError, match=r"several of them as its labels: label=.여성,남성.\.$"):
        guess_label(["문장", "여성", "남성"], blank, [0], "a.csv")


def test_several_possible_label_columns_are_listed_rather_than_picked():
    sample = [["글글글글", "ab"[n % 2], "xyz"[n % 3]] for n in range(12)]
    with pytest.raises(DataError, match=r"bias \(2 values\), hate \(3 values\)\. Say which with label=.COLUMN."):
        guess_label(["text", "bias", "hate"], sample, [0], "a.csv")
    with pytest.raises(DataError, match="has no column that looks like labels; it has text, id"):
        guess_label(["text", "id"], [["글", str(n)] for n in range(9)], [0], "a.csv")


def test_labels_are_normal():
    cells = [1.0, "1.0", " 긍정 ", unicodedata.normalize("NFD", "긍정"), True, "TRUE", None, float("nan"), "NA", "1.5"]
    assert [normal_label(cell) for cell in cells] == ["1", "1", "긍정", "긍정", "True", "True", "", "", "NA", "1.5"]


def test_several_labels_in_a_cell():
    assert split_labels("분노| 슬픔 ||분노", "|") == ("분노", "슬픔")
    assert split_labels(["a", "b"], "|") == ("a", "b")
    assert split_labels(None, "|") == ()


@pytest.mark.parametrize(
    "cell",
    [["배송", "가격, 값"], '["배송", "가격, 값"]', "['배송', '가격, 값']", "('배송', \"가격, 값\")", 
     "['배송' '가격, 값']", '["\\ubc30\\uc1a1", "\\uac00\\uaca9, \\uac12"]', " ['배송', '가격, 값', '배송'] "],
)  # fmt: skip
def test_a_list_written_as_text_is_a_list(cell):
    assert split_labels(cell, ",") == ("배송", "가격, 값")


@given(st.lists(st.text("가b'\"[]\\\\,", min_size=1, max_size=4).map(normal_label).filter(bool), unique=True))
def test_lists_that_python_and_json_write_are_read(labels):
    for cell in (str(labels), json.dumps(labels), json.dumps(labels, ensure_ascii=False)):
        assert split_labels(cell, "|") == tuple(labels)


@pytest.mark.filterwarnings("error")
def test_what_only_looks_like_a_list_is_split_as_asked():
    assert split_labels(r"['a\d', 'b']", "|") == (r"a\d", "b")
    assert split_labels("[기타]|(보류)", "|") == ("[기타]", "(보류)")
    assert split_labels("[" * 5000 + "]" * 5000, "|")[0].startswith("[[")
    assert split_labels("[]", "|") == () and split_labels("[1, 2.0, null, true]", "|") == ("1", "2", "True")


def test_a_map_is_read_and_its_slips_named():
    assert parse_map("1, 2=부정;4,5.0=긍정").pairs(()) == {"1": "부정", "2": "부정", "4": "긍정", "5": "긍정"}
    for wrong in ("1", "=부정", "1=", "1=부정;1=긍정", ";"):
        with pytest.raises(ConfigError, match="map="):
            parse_map(wrong)


def test_numbers_are_ordered_as_numbers():
    assert sorted_labels({"10": 1, "9": 1, "-1": 1}) == ("-1", "9", "10")
    assert sorted_labels({"나": 1, "가": 1, "1": 1}) == ("1", "가", "나")
