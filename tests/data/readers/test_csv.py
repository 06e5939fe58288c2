"""CSV and TSV records: read as they were written, nothing lost."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from munjang.data.readers.csv import Dialect, Shape, records
from munjang.data.readers.lines import Line
from munjang.data.readers.table import Bad, Row

CSV, TSV, PLAIN = Dialect(",", True), Dialect("\t", True), Dialect("\t", False)


def numbered(text):
    return [Line(number, line) for number, line in enumerate(text.split("\n"), 1)]


def read(text, dialect, width):
    return list(records(numbered(text), dialect, Shape(width, width)))


def fields(found):
    return [list(item.cells) for item in found if isinstance(item, Row)]


cell = st.text(st.sampled_from('가a ,"\n\t;|ㅋ'), max_size=8)


@given(st.lists(st.lists(cell, min_size=3, max_size=3), max_size=6))
def test_what_the_csv_module_writes_is_read_back(rows):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    assert fields(read(stream.getvalue()[:-1], CSV, 3)) == rows


@given(st.text(st.sampled_from('가,"\n\t\r'), max_size=40), st.sampled_from([CSV, TSV, PLAIN]), st.integers(1, 4))
def test_whatever_the_text_no_line_is_lost(text, dialect, width):
    found = read(text, dialect, width)
    lines = text.split("\n")
    starts = [record.line for record in found]
    assert starts[0] == 1 and starts == sorted(set(starts))
    for record, after in zip(found, [*starts[1:], len(lines) + 1], strict=True):
        raw = "\n".join(lines[record.line - 1 : after - 1]).rstrip("\r")
        if isinstance(record, Bad):
            assert record.raw == raw or not (record.raw or raw.strip()), "empty lines are counted together"
        else:
            assert len(record.cells) == width


def test_a_record_of_several_lines_starts_on_its_first():
    found = read('1,"첫 줄\n둘째, 줄\n""셋째""",0\n2,나,1', CSV, 3)
    assert [(record.line, list(record.cells)) for record in found] == [
        (1, ["1", '첫 줄\n둘째, 줄\n"셋째"', "0"]),
        (4, ["2", "나", "1"]),
    ]


def test_line_ends_inside_a_record_stay_as_they_are():
    assert fields(read('1,"가\r\n나\r\n다",0\r\n2,라,1\r', CSV, 3)) == [["1", "가\r\n나\r\n다", "0"], ["2", "라", "1"]]


def test_a_stray_quote_swallows_no_line():
    found = read('1,"여는 따옴표뿐,0\n2,나,1\n3,"다, 라",0\n4,마,1', CSV, 3)
    assert fields(found) == [
        ["1", '"여는 따옴표뿐', "0"],
        ["2", "나", "1"],
        ["3", "다, 라", "0"],
        ["4", "마", "1"],
    ]


def test_between_tabs_whole_records_are_never_one_text():
    found = read('1\t"하나\t0\n2\t둘\t1\n3\t셋"\t0', TSV, 3)
    assert [cells[1] for cells in fields(found)] == ['"하나', "둘", '셋"']


def test_a_quote_that_never_closes_costs_only_its_own_line():
    text = "\n".join(['0,"열림'] + [f"{number},나" for number in range(1, 3000)])
    found = read(text, CSV, 2)
    assert len(found) == 3000
    assert fields(found)[0] == ["0", '"열림']


def test_too_few_and_too_many_fields_say_how_many():
    found = read("a,b\na\na,b,c\n\na,b,,", CSV, 2)
    assert [item.reason if isinstance(item, Bad) else "" for item in found] == [
        "",
        "too few fields, 1 for 2",
        "too many fields, 3 for 2",
        "empty line",
        "",
    ]


def test_a_bad_line_inside_a_record_sets_the_record_aside():
    lines = [Line(1, 'a,"나'), Line(2, '\\xff"', "not utf-8"), Line(3, "c,d")]
    found = list(records(lines, CSV, Shape(2, 2)))
    assert found[0][:2] == (1, "not utf-8")
    assert found[1] == Row(3, ("c", "d"), "")


def test_quotes_inside_an_unquoted_field_stay():
    assert fields(read('5" 화면,"a""b",', CSV, 3)) == [['5" 화면', 'a"b', ""]]


def test_a_line_that_fits_only_without_quoting_is_read_so():
    assert fields(read('1,"가,나"', CSV, 3)) == [["1", '"가', '나"']]
    assert fields(read('1,"가,나"', CSV, 2)) == [["1", "가,나"]]


def test_a_backslash_escapes_what_spark_and_mysql_escape_and_nothing_else():
    spark = Dialect(",", True, True)
    text = '"1","그는 \\"최고\\" 라며, C:\\dir\\new","끝\\\\"\n"2","줄\n바꿈",""'
    assert fields(read(text, spark, 3)) == [["1", '그는 "최고" 라며, C:\\dir\\new', "끝\\"], ["2", "줄\n바꿈", ""]]
    mysql = Dialect("\t", False, True)
    text = '1\t탭\\\t안\t\\N\n2\t줄\\\n바꿈\t"따옴표'
    assert fields(read(text, mysql, 3)) == [["1", "탭\t안", ""], ["2", "줄\n바꿈", '"따옴표']]


def test_missing_last_cells_are_empty_where_the_shape_says_so():
    found = list(records(numbered("가,1,메모\n나,0\n다\n라,1,,"), CSV, Shape(3, 2)))
    assert fields(found) == [["가", "1", "메모"], ["나", "0", ""], ["라", "1", ""]]
    assert [item.reason for item in found if isinstance(item, Bad)] == ["too few fields, 1 for 3"]


def test_a_file_of_quotes_that_never_close_is_read_in_linear_time():
    lines = numbered('x","y\n' * 20_000)
    looked = 0

    def counted():
        nonlocal looked
        for line in lines:
            looked += 1
            yield line

    class Counting(str):
        """Counts how often a line is handed to the csv module."""

        seen = 0

        def __add__(self, other):
            Counting.seen += 1
            return str.__add__(self, other)

    found = list(records([line._replace(text=Counting(line.text)) for line in counted()], CSV, Shape(2, 2)))
    assert len(fields(found)) == 20_000
    assert looked == len(lines)
    assert Counting.seen < 60 * len(lines), "each line is looked at a bounded number of times"
