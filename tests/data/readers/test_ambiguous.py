"""Files that can be read in two ways: read as they were meant, refused with a remedy, or named line by line."""

import csv
import io
import tracemalloc

import pytest
from openpyxl import Workbook

import munjang as mj
from munjang.config.settings import ReadOptions
from munjang.data.readers.open import open_table
from munjang.errors import DataError

TEXTS = ["배송이 빨라요", "정말 재밌어요", "다시는 안 삽니다", "색이 예뻐요", "한 달 만에 고장"]
LABELS = ["긍정", "부정", "중립"]
ROWS = [[str(i), f"{TEXTS[i % 5]} {i}", LABELS[i % 3]] for i in range(20)]
NAMES = ["번호", "본문", "감정"]


def written(rows, **options):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", **options).writerows(rows)
    return stream.getvalue()


def joined(rows, mark=","):
    return "".join(mark.join(row) + "\n" for row in rows)


@pytest.fixture
def opened(tmp_path):
    def open_text(content, name="a.csv", **options):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return open_table(tmp_path / name, ReadOptions(**options))

    return open_text


def cells(table):
    return [list(row.cells) for row in table.rows()]


def aside(table):
    assert cells(table)
    return [(row.line, row.reason) for row in table.rejected]


def with_breaks(rows, every=4, column=1):
    return [[cell + "\n둘째 줄" * (i % every == 0 and at == column) for at, cell in enumerate(row)]
            for i, row in enumerate(rows)]  # fmt: skip


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("further", [[], [""], ["메모"]])
def test_a_tsv_with_line_breaks_in_any_column_keeps_its_records(opened, column, further):
    rows = [[*row, *further] for row in with_breaks(ROWS, column=column)]
    names = [*NAMES, *["비고"] * len(further)]
    table = opened(written([names, *rows], delimiter="\t"), "a.tsv")
    assert cells(table) == rows and table.rejected == []


def test_a_line_break_without_quotes_makes_no_rows(opened):
    for mark, name in ((",", "a.csv"), ("\t", "a.tsv")):
        rows = [[*row, "메모"] for row in with_breaks(ROWS, every=3)]
        table = opened(joined([[*NAMES, "비고"], *rows], mark), name)
        assert cells(table) == [row for row in rows if "\n" not in row[1]]
        assert [(row.line, row.reason) for row in table.rejected][:2] == [
            (2, "too few fields, 2 for 4"), (3, "too few fields, 3 for 4"),
        ]  # fmt: skip
    people = [[f"{'김이박'[i % 3]}{i}", f"{TEXTS[i % 5]} {i}\n둘째 {i}", f"줄 {i}", f"메모 {i}"] for i in range(9)]
    people = [row if i % 2 else [row[0], row[1].replace("\n", " "), *row[2:]] for i, row in enumerate(people)]
    table = opened(joined([["작성자", "본문", "답변", "비고"], *people]))
    assert cells(table) == people[::2]


def test_last_cells_that_are_missing_are_still_empty(opened):
    rows = [[*row, "메모" if i % 4 == 0 else ""] for i, row in enumerate(ROWS)]
    table = opened(joined([[*NAMES, "비고"], *(row if row[-1] else row[:-1] for row in rows)]))
    assert cells(table) == rows
    free = [[f"{row[1]}", f"글 {i}", f"메모 {i}" if i % 4 == 0 else ""] for i, row in enumerate(ROWS)]
    table = opened(joined([["본문", "답변", "비고"], *(row if row[-1] else row[:-1] for row in free)]))
    assert cells(table) == free


def test_an_unquoted_comma_moves_no_column(opened):
    rows = [[row[1] + ", 네" * (i % 3 > 0), row[2]] for i, row in enumerate(ROWS)]
    table = opened(joined([["본문", "감정"], *rows]))
    assert cells(table) == rows[::3] and {row.reason for row in table.rejected} == {"too many fields, 3 for 2"}
    with pytest.raises(DataError, match=r"the header has 2 names .* The first is line 2: too many fields, 3 for 2\."):
        opened(joined([["본문", "감정"], *([row[0] + ", 네", row[1]] for row in rows[::3])]))
    numbered = [[row[0], row[1] + ", 네", row[2]] for row in ROWS]
    with pytest.raises(DataError, match="the header has 3 names"):  # the numbers have a name already
        opened(joined([NAMES, *numbered]))
    assert opened(joined([["본문", "감정"], *ROWS])).columns == ("column1", "본문", "감정")


@pytest.mark.parametrize("options", [{}, {"quoting": csv.QUOTE_ALL}])
def test_spaces_before_quotes_are_read_over(opened, options):
    rows = [[row[0], row[1] + ', "네"' * (i % 2), row[2]] for i, row in enumerate(ROWS)]
    spaced = ["".join(written([[cell]], **options).rstrip("\n") + ", " * (at < 2) for at, cell in enumerate(row))
              for row in [NAMES, *rows]]  # fmt: skip
    table = opened("\n".join(spaced) + "\n")
    assert (list(table.columns), cells(table)) == (NAMES, rows)
    kept = [[row[0], " " + row[1] + ', "네"', row[2]] for row in ROWS]
    assert cells(opened(written([NAMES, *kept]))) == kept


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_single_quotes_may_be_the_quotes(opened, quoting):
    rows = [[row[0], row[1] + ", it's\n네" * (i % 2), row[2]] for i, row in enumerate(ROWS)]
    assert cells(opened(written([NAMES, *rows], quotechar="'", quoting=quoting))) == rows
    texts = [["'tis " + row[1], row[2]] for row in ROWS]
    assert cells(opened(written([["본문", "감정"], *texts]))) == texts


def test_a_single_column_may_hold_commas(opened):
    texts = [row[1] + ", 네" * (i % 3) for i, row in enumerate(ROWS)]
    assert cells(opened("본문\n" + "\n".join(texts) + "\n")) == [[text] for text in texts]
    alike = "본문\n" + "\n".join(row[1] + ", 네" for row in ROWS) + "\n"
    with pytest.raises(
        DataError, match=r"has 1 name \(본문\).* Say delimiter=.tab. if each line is one text, or header_"
    ):
        opened(alike)
    assert cells(opened(alike, delimiter="tab"))[0] == ["배송이 빨라요 0, 네"]
    assert cells(opened(alike, header_row=0))[0] == ["배송이 빨라요 0", " 네"]


@pytest.mark.parametrize("ends", [["\r"], ["\r", "\n"], ["\r", "\r\n"], ["\r\r\n"], ["\n\r"], ["\r\n", "\n"]])
def test_lines_may_end_in_several_ways(opened, ends):
    rows = with_breaks(ROWS)
    lines = [written([row])[:-1] for row in [NAMES, *rows]]
    table = opened("".join(line + ends[i % len(ends)] for i, line in enumerate(lines)) + "\n" * ("\n" not in ends[0]))
    assert (list(table.columns), cells(table)) == (NAMES, rows)
    assert all("empty line" in row.reason for row in table.rejected)


def test_a_carriage_return_in_a_cell_stays(opened):
    rows = [[row[0], row[1] + "\r둘" * (i % 2), row[2]] for i, row in enumerate(ROWS)]
    assert cells(opened(written([NAMES, *rows]))) == rows
    assert cells(opened(joined([NAMES, *rows], "\t"), "a.tsv")) == rows


def test_the_header_of_a_file_joined_to_another_is_no_row(opened):
    part = joined([NAMES, *ROWS])
    for content in (part * 2, part.encode("utf-8-sig") * 2, part.encode("utf-16") * 2):
        table = opened(content)
        assert list(table.columns) == NAMES and aside(table) == [(22, "the header again")]
        assert cells(table) == ROWS * 2
    table = opened(joined(ROWS) + part)
    assert cells(table) == ROWS * 2 and (21, "a header among the rows") in aside(table)
    other = opened(part + joined([NAMES[::-1], *(row[::-1] for row in ROWS)]))
    with pytest.raises(
        DataError, match=r"a\.csv, line 22: the columns come in another order .* \(감정, 본문, 번호\)\. Spl"
    ):
        cells(other)
    early = opened(joined([NAMES, *ROWS[:4], NAMES[::-1], *(row[::-1] for row in ROWS[4:])]))
    with pytest.raises(DataError, match=r"a\.csv, line 6: the columns come in another order"):
        cells(early)
    fewer = opened(part + joined([row[1:] for row in [NAMES, *ROWS]]))
    assert cells(fewer) == ROWS and len(fewer.rejected) == 21
    with pytest.raises(DataError, match="most records have more or fewer cells"):
        opened(joined([NAMES, *ROWS[:8]], "\t") + joined([NAMES, *ROWS[:8]]))


@pytest.mark.parametrize("names", [["본문", "감정"], ["감정", "본문"], ["번호", "본문", "감정"]])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_stray_quotes_swallow_no_rows_between_them(opened, names, end):
    rows = [[dict(zip(NAMES, row, strict=True))[name] for name in names] for row in ROWS]
    at = names.index("본문")
    rows[3][at], rows[8][at] = '"' + rows[3][at], rows[8][at] + '"'
    table = opened(joined([names, *rows]).replace("\n", end))
    assert cells(table) == rows and not table.rejected


def test_a_text_of_lines_with_as_many_commas_as_a_row_stays_one(opened):
    rows = [list(row[1:]) for row in ROWS]
    rows[2][0], rows[5][0], rows[7][0] = "맛, 최고\n양, 많음\n또 갈게요", "맛있어요,\n또 올게요", "총 12,000\n비싸요"
    for labels in (["긍정", "부정"], ["긍정", "부정", ""], ["1", "2", "3"]):
        rows = [[row[0], labels[i % len(labels)]] for i, row in enumerate(rows)]
        assert cells(opened(written([["본문", "감정"], *rows]))) == rows
        assert cells(opened(written([["본문", "감정"], *rows], quoting=csv.QUOTE_ALL))) == rows


def test_the_middle_of_a_text_of_lines_is_no_value_of_a_column(opened):
    rows = [[f"{i % 5 + 1}.0", f"배송이 빨라요 {i}"] for i in range(100)]
    rows[40][1], rows[70][1] = "줄\n바꿈 첫째;둘째 셋째\n끝", "줄\n바꿈 첫째;둘째"
    text = written([["점수", "내용"], *rows], delimiter=";")
    assert text.count('"') == 4 and cells(opened(text)) == rows


def test_words_of_a_header_may_be_data(opened):
    rows = [["리뷰", "문의"], ["문의", "리뷰"], ["본문", "라벨"]] * 3
    assert cells(opened(joined([["내용", "유형"], *rows]))) == rows


def test_lines_in_another_encoding_that_are_valid_are_named(opened):
    korean = "".join(f"{row[1]},{row[2]}\n" for row in ROWS)
    both = next(word for word in ("댓글", "최고", "추천") if reads(word.encode(), "cp949"))
    for options in ({}, {"encoding": "cp949"}):
        table = opened(("본문,감정\n" + korean).encode("cp949") + f"{both},긍정\n".encode()[:-7] + b"1\n", **options)
        assert aside(table) == [(22, "not cp949: it reads better as utf-8")]
    assert reads("쩔챔".encode("cp949"), "utf-8")
    data = ("본문,감정\n" + korean).encode() + "뷁,1\n쩔챔,1\n".encode("cp949") + "café,1\n·,1\n".encode()
    table = opened(data)
    assert [line for line, __ in aside(table)] == [22, 23]
    assert table.rejected[1].reason == "not utf-8: it reads better as cp949"


def reads(data, encoding):
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("quoting", [csv.QUOTE_NONE, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_quotes_after_backslashes_lose_them_without_any_comma(opened, quoting):
    rows = [[row[0], row[1] + ' "최고"', row[2]] for row in ROWS]
    assert cells(opened(written([NAMES, *rows], escapechar="\\", doublequote=False, quoting=quoting))) == rows
    kept = [[row[0], row[1] + ' C:\\"나"\\', row[2]] for row in ROWS]
    assert cells(opened(written([NAMES, *kept]))) == kept


def test_a_first_row_that_is_taken_for_names_is_named(tmp_path, opened):
    table = opened("NA,굿\n재미있어요,1\n별로,0\n좋네요,1\n")
    assert table.notes[1].endswith("row 1 is taken for the names of the columns: NA, 굿; header_row=0 says otherwise")
    assert opened(joined([NAMES, *ROWS])).notes[1].endswith("columns 번호, 본문, 감정")
    assert opened("굿,평\n별로,0\n", header_row=1).notes[1].endswith("columns 굿, 평")
    book = Workbook()
    for row in (["굿", "평"], ["재미있어요", 1], ["별로예요", 0]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert any("row 1 is taken for" in note for note in open_table(tmp_path / "a.xlsx").notes)


@pytest.mark.parametrize(
    "title", [["2024년", "고객의 소리", "현황"], ["리뷰", "2024", "상반기"], ["리뷰 모음", "상품평", "제품"]]
)
def test_a_title_as_wide_as_the_header_is_passed_over(opened, title):
    table = opened(joined([title, NAMES, *ROWS]))
    assert (list(table.columns), cells(table)) == (NAMES, ROWS)
    assert table.notes[2].endswith(f"the 1 line above the header is left out: '{','.join(title)}'")


def test_a_row_above_the_header_is_no_title(opened):
    table = opened(joined([ROWS[0], NAMES, *ROWS[1:]]))
    assert cells(table) == ROWS and aside(table) == [(2, "a header among the rows")]


def test_empty_lines_are_counted_together(opened):
    tracemalloc.start()
    table = opened("\n" * 3_000 + joined([NAMES, *ROWS]) + "\n" * 300_000 + "1,나,긍정\n")
    assert aside(table) == [(3_022, "300,000 empty lines")]
    assert cells(table) == [*ROWS, ["1", "나", "긍정"]]
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()


def test_a_header_far_down_and_a_bound_are_said(tmp_path, opened):
    book = Workbook()
    for row in [["메모"]] * 249 + [["본문", "감정"], ["좋아요", "긍정"]]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert open_table(tmp_path / "a.xlsx", ReadOptions(header_row=250)).columns == ("본문", "감정")
    long = written([["본문", "감정"], ["좋아요", "1"], ["줄\n" * 1200, "1"], ["별로", "0"]])
    with pytest.raises(
        DataError, match=r"first is line 3: a quote that does not close within 1,000 lines and 1,000,000"
    ):
        opened(long)


def test_python_reads_such_files_alike(tmp_path):
    rows = [[row[1] + "\n둘째" * (i % 4 == 0), LABELS[i % 2]] for i, row in enumerate(ROWS)]
    path = tmp_path / "a.tsv"
    path.write_text(
        written([["제목", "본문", "감정"], *([f"제 {i}", *row] for i, row in enumerate(rows))], delimiter="\t")
    )
    corpus = mj.read_corpus(path, text="본문", label="감정")
    assert [[example.text, example.label] for example in corpus.train] == rows


def test_a_sum_below_the_table_is_set_aside_where_last_cells_may_be_missing(tmp_path):
    rows = [[f"{i}번 배송이 늦었어요", "불만", "답변함"] if i % 4 else [f"{i}번 좋아요", "칭찬"] for i in range(20)]
    path = tmp_path / "a.csv"
    lines = ["내용,구분,답변", *(",".join(row) for row in rows)]
    path.write_text("\n".join([*lines, "", "합계,20", ""]), encoding="utf-8")
    table = open_table(path)
    assert [list(row.cells) for row in table.rows()] == [[*row, ""][:3] for row in rows]
    assert [(bad.line, bad.text) for bad in table.rejected if bad.text] == [(23, "합계,20")]
    assert "below the table, after an empty line" in table.rejected[-1].reason
    path.write_text("\n".join([*lines[:10], "", *lines[10:]]), encoding="utf-8")  # an empty line in the middle
    assert len(list(open_table(path).rows())) == 20


def test_three_rows_cut_by_line_breaks_are_not_taken_for_rows_without_last_cells(opened):
    content = "번호,본문,감정\n1,NA,부정\n2,재밌어요 줄\n바꿈,중립\n3,첫\n둘 줄\n바꿈,부정\n"
    with pytest.raises(
        DataError, match=r"most records have more or fewer cells\. The first is line 3: too few fields, 2"
    ):
        opened(content)
    table = opened("번호,본문,감정\n1,첫\n둘,긍정\n2,뷁,중립\n3,첫\n둘,중립\n")
    assert cells(table) == [["2", "뷁", "중립"]] and len(table.rejected) == 4


def test_a_backslash_at_the_end_of_a_text_is_no_escape_where_other_commas_have_none(opened):
    rows = [[row[0], row[1] + ", 네" * (i % 5 == 0), row[2]] for i, row in enumerate(ROWS)]
    rows[7][1], rows[10][1] = "C:\\dir\\new", "색이, 사진과 달라요 끝\\"
    table = opened(joined([NAMES, *rows]))
    assert cells(table) == [row for row in rows if "," not in row[1]]
    assert {row.reason for row in table.rejected} == {"too many fields, 4 for 3"} and len(table.rejected) == 4


def test_quotes_that_are_not_doubled_lose_the_outer_ones(opened):
    lines = ['1,"그는 "최고"라고, 했다",긍정', '2,"좋아요",부정', '3,"정말 "별로" 예요",부정', '4,"나" 와 "너",긍정']
    table = opened("번호,본문,감정\n" + "\n".join(lines) + "\n")
    assert [row[1] for row in cells(table)] == ['그는 "최고"라고, 했다', "좋아요", '정말 "별로" 예요', '"나" 와 "너"']
    assert table.rejected == []
    every = opened('"본문","감정"\n"그는 "최고"라고, 했다","긍정"\n"좋아요","부정"\n')
    assert cells(every) == [['그는 "최고"라고, 했다', "긍정"], ["좋아요", "부정"]]


def test_escapes_of_postgresql_are_what_they_stand_for(opened):
    content = "id\ttext\tlabel\n1\t첫 줄\\n둘째\t긍정\n2\t\\N\t부정\n3\t탭\\t안 C:\\\\new\t긍정\n"
    assert cells(opened(content, "a.tsv")) == [
        ["1", "첫 줄\n둘째", "긍정"], ["2", "", "부정"], ["3", "탭\t안 C:\\new", "긍정"],
    ]  # fmt: skip


def test_the_rows_in_which_qualtrics_describes_the_columns_are_set_aside(tmp_path, opened):
    rows = [["StartDate", "Q1", "Q2"], ["Start Date", "이 영화는, 어땠나요?", "점수"],
            [f'{{"ImportId":"{name}"}}' for name in ("startDate", "QID1", "QID2")],
            ["2024-01-01", "좋았어요 정말", "5"], ["2024-01-02", "별로였어요", "1"]]  # fmt: skip
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    for table in (opened(written(rows)), open_table(tmp_path / "a.xlsx")):
        assert (list(table.columns), cells(table)) == (rows[0], rows[3:])
        assert aside(table) == [(2, "a description of the columns"), (3, "a description of the columns")]


def test_a_file_of_80_000_columns_is_read(opened):
    names = ["본문", "감정", *(f"c{i}" for i in range(79_998))]
    rows = [[f"{i}번 좋아요", LABELS[i % 2], *["7"] * 79_998] for i in range(4)]
    tracemalloc.start()
    table = opened(joined([names, *rows]))
    corpus = mj.read_corpus(table.file)
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()
    assert len(table.columns) == 80_000
    assert [(example.text, example.label) for example in corpus.train] == [(row[0], row[1]) for row in rows]
