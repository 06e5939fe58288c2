"""Delimiter and quoting are found out by what a file holds."""

from munjang.data.readers.dialect import find_delimiter, find_quoting
from munjang.data.readers.lines import Line


def numbered(text):
    return [Line(number, line) for number, line in enumerate(text.split("\n"), 1)]


def test_delimiters_are_found():
    assert find_delimiter(["본문;감정", "가, 나;긍정", "다;부정"], ",") == ";"
    assert find_delimiter(["text,label", '"a, b",1', "c,0"], ",") == ","
    assert find_delimiter(["text\tlabel", "a, b, c\t1"], ",") == "\t"
    assert find_delimiter(["본문", "좋아요, 정말", "나빠요"], ",") is None


def quoting(text, delimiter, width):
    return find_quoting(numbered(text), delimiter, width, by_default=delimiter == ",")


def test_review_files_with_quotes_in_the_texts_are_unquoted():
    assert not quoting('id\ttext\n1\t"""정말 """"최고"""""""\n2\t"명작"\n3\t나', "\t", 2)
    assert not quoting('id\ttext\n1\t"열림\n2\t나\n3\t다', "\t", 2)


def test_quotes_that_are_needed_make_a_quoted_file():
    assert quoting('id\ttext\n1\t"줄\n바꿈"\n2\t나', "\t", 2)
    assert quoting('id\ttext\n1\t"탭\t안"\n2\t나', "\t", 2)
    assert quoting('"id"\t"text"\n"1"\t"가"\n"2"\t"나"', "\t", 2)
    assert quoting('text,label\n"가, 나",1\n다,0', ",", 2)
