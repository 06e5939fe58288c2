"""CSV and TSV records: read as they were written, nothing lost."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from munjang.data.readers.csv import Dialect, records, split_quoted
from munjang.data.readers.lines import Line

CSV, TSV, PLAIN = Dialect(",", True), Dialect("\t", True), Dialect("\t", False)


def numbered(text):
    return [Line(number, line) for number, line in enumerate(text.split("\n"), 1)]


def read(text, dialect, width):
    return list(records(numbered(text), dialect, width))


cell = st.text(st.sampled_from('가a ,"\n\t;|ㅋ'), max_size=8)


@given(st.lists(st.lists(cell, min_size=3, max_size=3), max_size=6))
def test_what_the_csv_module_writes_is_read_back(rows):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    assert [record.fields for record in read(stream.getvalue()[:-1], CSV, 3)] == (rows or [[]])


@given(st.text(st.sampled_from('가,"\n\t\r'), max_size=40), st.sampled_from([CSV, TSV, PLAIN]), st.integers(1, 4))
def test_whatever_the_text_no_line_is_lost(text, dialect, width):
    found = read(text, dialect, width)
    lines = text.split("\n")
    starts = [record.line for record in found]
    assert starts[0] == 1 and starts == sorted(set(starts))
    for record, after in zip(found, [*starts[1:], len(lines) + 1], strict=True):
        assert record.raw == "\n".join(lines[record.line - 1 : after - 1]).removesuffix("\r")
        assert bool(record.problem) != (len(record.fields) == width)


def test_a_record_of_several_lines_starts_on_its_first():
    found = read('1,"첫 줄\n둘째, 줄\n""셋째""",0\n2,나,1', CSV, 3)
    assert [(record.line, record.fields) for record in found] == [
        (1, ["1", '첫 줄\n둘째, 줄\n"셋째"', "0"]),
        (4, ["2", "나", "1"]),
    ]


def test_a_stray_quote_swallows_no_line():
    found = read('1,"여는 따옴표뿐,0\n2,나,1\n3,"다, 라",0\n4,마,1', CSV, 3)
    assert [record.fields for record in found] == [
        ["1", '"여는 따옴표뿐', "0"],
        ["2", "나", "1"],
        ["3", "다, 라", "0"],
        ["4", "마", "1"],
    ]


def test_between_tabs_whole_records_are_never_one_text():
    found = read('1\t"하나\t0\n2\t둘\t1\n3\t셋"\t0', TSV, 3)
    assert [record.fields[1] for record in found] == ['"하나', "둘", '셋"']


def test_a_quote_that_never_closes_costs_only_its_own_line():
    text = "\n".join(['0,"열림'] + [f"{number},나" for number in range(1, 3000)])
    found = read(text, CSV, 2)
    assert len(found) == 3000
    assert found[0].fields == ["0", '"열림']


def test_too_few_and_too_many_fields_say_how_many():
    found = read("a,b\na\na,b,c\n\na,b,,", CSV, 2)
    assert [record.problem for record in found] == [
        "",
        "too few fields, 1 for 2",
        "too many fields, 3 for 2",
        "empty line",
        "",
    ]


def test_a_bad_line_inside_a_record_sets_the_record_aside():
    lines = [Line(1, 'a,"나'), Line(2, '\\xff"', "not utf-8"), Line(3, "c,d")]
    found = list(records(lines, CSV, 2))
    assert [(record.line, record.problem) for record in found] == [(1, "not utf-8"), (3, "")]


def test_split_quoted_keeps_quotes_inside_unquoted_fields():
    assert split_quoted('5" 화면,"a""b",', ",") == ['5" 화면', 'a"b', ""]


def test_a_line_that_fits_only_without_quoting_is_read_so():
    assert read('1,"가,나"', CSV, 3)[0].fields == ["1", '"가', '나"']
    assert read('1,"가,나"', CSV, 2)[0].fields == ["1", "가,나"]
