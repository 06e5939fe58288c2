"""Delimiter, quoting and header are found by what the records of a file agree on."""

import csv
import io

import pytest

from munjang.data.readers.dialect import find_header, find_layout
from munjang.data.readers.lines import Line

REVIEWS = ["배송이 정말 빨라요", "포장이, 조금 찢어졌어요", "다시는 안 삽니다", "색이 예뻐요", "한 달 만에 고장 났어요"]


def layout(text, kind="csv", **options):
    return find_layout([Line(number, line) for number, line in enumerate(text.split("\n"), 1)], False, kind, **options)


def dialect(text, kind="csv"):
    found = layout(text, kind).dialect
    return (found.delimiter, found.quoted, found.escaped)


def written(rows, **options):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", **options).writerows(rows)
    return stream.getvalue()[:-1]


def test_delimiters_are_found():
    assert dialect("본문;감정\n가, 나;긍정\n다;부정")[0] == ";"
    assert dialect('text,label\n"a, b",1\nc,0')[0] == ","
    assert dialect("text\tlabel\na, b, c\t1")[0] == "\t"
    assert dialect("본문\n좋아요, 정말\n나빠요")[0] is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_sought_among_records_of_many_lines(delimiter):
    rows = [["번호", "내용", "감정"]]
    rows += [[i, f"{text}\n둘째, 줄;\n\n셋째 줄|", "긍정"] for i, text in enumerate(REVIEWS)]
    found = layout(written(rows, delimiter=delimiter))
    assert (found.dialect.delimiter, found.shape.width, len(found.rows), found.score) == (delimiter, 3, 5, 1.0)


def test_rows_may_end_with_a_delimiter_or_without_their_last_cells():
    found = layout("내용,감정\n" + "".join(f"{text.replace(',', '')},긍정,\n" for text in REVIEWS))
    assert (found.dialect.delimiter, found.header) == (",", ("내용", "감정"))
    found = layout("내용,감정,비고\n좋아요,긍정,메모\n별로,부정\n그냥,부정\n최고,긍정")
    assert (found.shape.width, found.shape.least, found.score) == (3, 2, 1.0)


def test_a_single_row_may_lack_its_last_cell():
    assert layout("내용,감정,비고\n좋아요,긍정").shape.least == 2


def test_a_record_that_the_sample_cuts_does_not_count():
    rows = [["본문", "감정"], *[["첫 줄\n" + "긴 줄, 쉼표, 또\n" * 40, "긍정"]] * 3]
    lines = [Line(number, line) for number, line in enumerate(written(rows).split("\n"), 1)]
    assert find_layout(lines[:-20], True, "csv").score == 1.0
    assert find_layout(lines[:-20], False, "csv").score < 1.0


def test_rows_are_not_filled_up_to_a_header_without_end():
    names = ",".join(["본문", "감정", *(f"c{i}" for i in range(50_000))])
    assert layout(names + "\n" + "가,나\n" * 5).shape.least == 50_002


def test_long_numbers_are_known_in_linear_time():
    assert find_header([["본문", "감정"], ["1" * 900_000 + "x", "가"]]) == 0


def test_one_broken_row_is_not_taken_for_missing_last_cells():
    found = layout("번호,내용,감정\n1,좋아요,긍정\n2,둘로\n3,별로,부정\n4,그냥,부정\n5,최고,긍정")
    assert found.shape.least == 3


def test_a_text_file_is_a_table_only_where_that_is_sure():
    assert layout("재밌어요, 정말\n별로, 진짜\n그냥, 뭐", "txt") is None
    assert layout("재밌어요|1\n별로|0\n그냥|0", "txt").dialect.delimiter == "|"
    assert layout("본문,감정\n재밌어요,긍정\n별로,부정", "txt").dialect.delimiter == ","


def test_review_files_with_quotes_in_the_texts_are_unquoted():
    assert not dialect('id\ttext\n1\t"""정말 """"최고"""""""\n2\t"명작"\n3\t나', "tsv")[1]
    assert not dialect('id\ttext\n1\t"열림\n2\t나\n3\t다', "tsv")[1]


def test_quotes_that_are_needed_make_a_quoted_file():
    assert dialect('id\ttext\n1\t"줄\n바꿈"\n2\t나', "tsv")[1]
    assert dialect('id\ttext\n1\t"탭\t안"\n2\t나', "tsv")[1]
    assert dialect('"id"\t"text"\n"1"\t"가"\n"2"\t"나"', "tsv")[1]
    assert dialect('text,label\n"가, 나",1\n다,0')[1]


def test_backslashes_before_quotes_are_escapes_and_in_paths_are_not():
    rows = [["id", "본문"], *[[i, f'{text} "최고", 네'] for i, text in enumerate(REVIEWS)]]
    spark = written(rows, quoting=csv.QUOTE_ALL, escapechar="\\", doublequote=False)
    assert dialect(spark) == (",", True, True)
    assert dialect('"id","본문"\n"1","그는 \\"최고\\" 라며"\n"2","네"') == (",", True, True)
    assert dialect("id,본문\n1,C:\\dir\n2,가") == (",", True, False)
    assert dialect("id\t본문\n1\t가\\\n나\n2\t\\N\n3\t다", "tsv") == ("\t", False, True)


def test_the_delimiter_and_the_header_that_are_given_count():
    text = "가;1,5\n나;2,5\n다;3,5"
    assert layout(text).dialect.delimiter in ";,"
    assert layout(text, delimiter=",").shape.width == 2
    assert layout(text, delimiter=";", header=True).header == ("가", "1,5")
    assert layout("본문;감정\n가;긍정", delimiter=";", header=False).header is None


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["본문", "감정"], ["좋아요", "긍정"]], 0),
        ([[None, "본문", "감정"], [0, "좋아요", "긍정"]], 0),
        ([["2024년 리뷰", "", ""], ["", "", ""], ["번호", "본문", "감정"], ["1", "좋아요", "긍정"]], 2),
        ([["소감", "느낌"], ["별로였다", "악평"], ["또 보고 싶다", "호평"]], 0),
        ([["product_nm", "opinion"], ["청소기", "좋아요"], ["의자", "별로"]], 0),
        ([["ngram", "freq", "0", "1"], ["가*/JKS", "1", "0", "1"], ["나/NP", "2", "1", "0"], ["다", "3", "1", "0"]], 0),
        ([["1", "배송이 빨라요", "부정"], ["2", None, "중립"], ["3", "100%", "긍정"]], None),
        ([["나라", "", "2020", "2021"], ["한국", "KR", "1", "2"], ["일본", "JP", "NA", "3"]], None),
        ([["", "dfb.1", "hat"], ["1", "FALSE", "TRUE"], ["2", "TRUE", "NA"]], 0),
        ([["참 좋았다", "호평"], ["별로였다", "악평"], ["또 보고 싶다", "호평"]], None),
        ([["0", "연두색"], ["1", "불 꺼"]], None),
        ([["고객0번님", "배송이 빨라요"], ["고객1번님", "고장 났어요"]], None),
        ([["배송이 정말 빨라요"], ["고장 났어요"], ["또 사고 싶어요 만족합니다"]], None),
        ([["2024-04-01", "리뷰"], ["2024-04-02", "리뷰"], ["2024-04-03", "문의"]], None),
    ],
)
def test_the_header_is_the_first_row_that_looks_like_names(rows, header):
    assert find_header(rows) == header
