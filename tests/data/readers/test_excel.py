"""Excel sheets as offices have them: headers, merged cells, errors, dates, damage, and cells where no table is."""

import datetime
import re
import zipfile

import pytest

from munjang.config.settings import ReadOptions
from munjang.data.readers.open import open_table
from munjang.data.readers.writers import open_writer
from munjang.errors import DataError

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("python_calamine")

ROWS = [["좋아요", "긍정"], ["별로예요", "부정"], ["그저 그래요", "부정"], ["최고입니다", "긍정"]]


def book(path, rows, *, merged=(), sheets=()):
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for cells in merged:
        made.active.merge_cells(cells)
    for name, state in sheets:
        sheet = made.create_sheet(name)
        sheet.sheet_state = state
        sheet.append(["다른", "표"])
    made.save(path)
    return path


def cells(table):
    return [list(row.cells) for row in table.rows()]


def edited(path, part, edit):
    """The file with one of its parts changed."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, edit(data) if part in name else data)
    return path


def test_an_index_of_pandas_loses_no_row(tmp_path):
    path = book(tmp_path / "a.xlsx", [[None, "본문", "감정"], *[[i, *row] for i, row in enumerate(ROWS)]])
    table = open_table(path)
    assert table.columns == ("column1", "본문", "감정")
    assert cells(table) == [[i, *row] for i, row in enumerate(ROWS)]


def test_a_stray_memo_beside_the_table_is_a_column_and_no_header(tmp_path):
    rows = [["본문", "감정"], ROWS[0], [*ROWS[1], None, "확인요"], ROWS[2]]
    table = open_table(book(tmp_path / "a.xlsx", rows))
    assert table.columns == ("본문", "감정", "column4")
    assert cells(table) == [[*ROWS[0], None], [*ROWS[1], "확인요"], [*ROWS[2], None]]


def test_two_rows_of_headers_give_the_lower_names_and_titles_are_named(tmp_path):
    rows = [["고객의 소리"], ["접수", None, "내용", None, "분류"], ["건수", "접수일", "건수", "본문", None]]
    rows += [[i, "2024-04-01", i, *row] for i, row in enumerate(ROWS)]
    merged = ["A1:E1", "A2:B2", "C2:D2", "E2:E3"]
    table = open_table(book(tmp_path / "a.xlsx", rows, merged=merged))
    assert table.columns == ("접수 건수", "접수일", "내용 건수", "본문", "분류")
    assert len(cells(table)) == 4
    assert any("header in rows 2 and 3" in note for note in table.notes)
    assert any("left out: '고객의 소리'" in note for note in table.notes)


def test_the_header_of_a_pasted_sheet_is_no_row(tmp_path):
    rows = [["번호", "본문", "감정"], *[[i, *row] for i, row in enumerate(ROWS)]]
    table = open_table(book(tmp_path / "a.xlsx", rows * 2))
    assert cells(table) == rows[1:] * 2
    assert [(item.line, item.reason, item.text) for item in table.rejected] == [
        (6, "the header again", "번호\t본문\t감정")
    ]
    other = open_table(book(tmp_path / "b.xlsx", [*rows, *(row[::-1] for row in rows)]))
    with pytest.raises(
        DataError, match=r"b\.xlsx, line 6: the columns come in another order .* \(감정, 본문, 번호\)\."
    ):
        cells(other)


def test_merged_labels_are_filled_down(tmp_path):
    rows = [["본문", "감정"], ["좋아요", "긍정"], ["최고"], ["별로", "부정"], ["싫어요"]]
    table = open_table(book(tmp_path / "a.xlsx", rows, merged=["B2:B3", "B4:B5"]))
    assert [row[1] for row in cells(table)] == ["긍정", "긍정", "부정", "부정"]


def test_the_first_visible_sheet_is_read_and_the_others_are_named(tmp_path):
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    made.active.title = "숨은"
    made.active.sheet_state = "hidden"
    made.create_sheet("접수").append(["본문", "감정"])
    made["접수"].append(ROWS[0])
    made.save(path)
    table = open_table(path)
    assert cells(table) == [ROWS[0]]
    assert any("not read: 숨은 (hidden)" in note for note in table.notes)


def test_error_cells_are_empty_and_counted(tmp_path):
    table = open_table(book(tmp_path / "a.xlsx", [["본문", "감정"], ["좋아요", "#N/A"], ["#NAME?", "부정"]]))
    assert cells(table) == [["좋아요", None], [None, "부정"]]
    assert any("2 cells with errors such as #N/A are read as empty" in note for note in table.notes)


def test_escaped_characters_are_decoded(tmp_path):
    table = open_table(book(tmp_path / "a.xlsx", [["본문", "감정"], ["첫 줄_x000D_\n둘째", "긍정"]]))
    assert cells(table)[0][0] == "첫 줄\r\n둘째"


def test_dates_stay_dates_and_the_other_sheets_come_along(tmp_path):
    day, time = datetime.date(2024, 4, 1), datetime.datetime(2024, 4, 1, 12, 30)
    path = book(tmp_path / "a.xlsx", [["본문", "날짜", "시간"], ["좋아요", day, time]], sheets=[("메모", "hidden")])
    table = open_table(path)
    with open_writer(tmp_path / "b.xlsx", [*table.columns, "label"], sheets=table.sheets) as writer:
        for row in table.rows():
            writer.write([*row.cells, "긍정"])
    made = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert made.sheetnames == ["Sheet", "메모"]
    assert [cell.value for cell in made["Sheet"][2]] == ["좋아요", datetime.datetime(2024, 4, 1), time, "긍정"]
    assert made["Sheet"]["B2"].is_date
    assert (made["메모"].sheet_state, made["메모"]["A1"].value) == ("hidden", "다른")


def test_a_gap_is_one_line_of_the_account(tmp_path):
    path = tmp_path / "a.xlsx"
    made = openpyxl.Workbook()
    made.active.append(["본문", "감정"])
    made.active.append(ROWS[0])
    made.active["A900000"], made.active["B900000"] = ROWS[1]
    made.save(path)
    table = open_table(path)
    assert [row.line for row in table.rows()] == [2, 900_000]
    assert [(row.line, row.reason) for row in table.rejected] == [(3, "899,997 empty rows")]


def test_cells_that_only_have_a_style_are_no_cells(tmp_path):
    path = book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS])
    styled = b'<row r="1048576"><c r="A1048576" s="0"/><c r="XFD1048576" s="0"></c></row></sheetData>'
    edited(path, "sheet1", lambda data: data.replace(b"</sheetData>", styled))
    assert cells(open_table(path)) == ROWS


def test_cells_without_references_are_counted_by_their_place(tmp_path):
    path = book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS])
    edited(path, "sheet1", lambda data: re.sub(rb'(<c|<row)( [^>]*?)? r="[A-Z]*\d+"', rb"\1", data))
    assert cells(open_table(path)) == ROWS
    wide = b"<row>" + b"<c><v>1</v></c>" * 20_000 + b"</row></sheetData>"
    edited(path, "sheet1", lambda data: data.replace(b"</sheetData>", wide))
    with pytest.raises(DataError, match="column 20,000; Excel ends at"):
        open_table(path)


def strict(data):
    data = data.replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                        b"http://purl.oclc.org/ooxml/spreadsheetml/main")  # fmt: skip
    return data.replace(b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                        b"http://purl.oclc.org/ooxml/officeDocument/relationships")  # fmt: skip


def test_strict_files_are_read(tmp_path):
    path = edited(book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS]), "", strict)
    assert cells(open_table(path)) == ROWS


def renumbered(row, cell):
    def edit(data):
        return data.replace(b'<row r="3"', row).replace(b'r="B3"', cell)

    return edit


@pytest.mark.parametrize(
    ("part", "edit", "message"),
    [
        ("sheet1", lambda data: data[: len(data) // 2], "no readable .xlsx file"),
        ("styles", lambda data: data[:200], "no readable .xlsx file"),
        ("workbook.xml.rels", lambda data: b"<Relationships/>", "no readable .xlsx file"),
        ("sheet1", renumbered(b'<row r="300000000"', b'r="B3"'), r"row 300,000,000, .* Excel ends at row 1,048,576"),
        ("sheet1", renumbered(b'<row r="3"', b'r="ZZZ3"'), r"column 18,278; Excel ends at"),
        ("sheet1", renumbered(b'<row r="3"', b'r="XFD1000000"'), r"only 10 cells in 1,000,000 rows and 16,384 columns"),
        ("sheet1", renumbered(b'<row r="99999999999"', b'r="B3"'), r"row 99,999,999,999, .* Excel ends at"),
        ("sheet1", renumbered(b'<row r="3"', b'r="B4294967299"'), r"row 4,294,967,299, .* Excel ends at"),
        ("sheet1", renumbered(b'<row r="3"', b'r = "B99999999999"'), r"row 99,999,999,999, .* Excel ends at"),
        ("sheet1", renumbered(b'<row r="3"', b"""x='> r="B3"' r="B99999999999\""""), r"row 99,999,999,999, .* Excel"),
        ("sheet1", renumbered(b'<row r="3"', b'r="B3" r="B99999999999"'), "is damaged"),
        ("sheet1", renumbered(b'<row ' + b' r="1"' * 100_000, b'r="B3"'), "is damaged"),
        ("sheet1", lambda data: data.replace(b"</sheetData>", b"<row/>" * 6_000_000 + b"</sheetData>"),
         r"part xl/worksheets/sheet1\.xml unpacks to more than 32,000,000 bytes"),
        ("xl/workbook.xml", lambda data: data.replace(b"<sheets>", b"<a/>" * 600_000 + b"<sheets>"),
         r"part xl/workbook\.xml unpacks to more than 2,000,000 bytes"),
        ("workbook.xml.rels", lambda data: data.replace(b"</Rel", b"<a/>" * 600_000 + b"</Rel"),
         r"part xl/_rels/workbook\.xml\.rels unpacks to more than 2,000,000 bytes"),
        ("theme", lambda data: b" " * 40_000_000, r"part xl/theme/theme1\.xml unpacks to more than 32,000,000 bytes"),
    ],
)  # fmt: skip
def test_damage_and_far_cells_are_one_line_with_a_remedy(tmp_path, part, edit, message):
    path = edited(book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS]), part, edit)
    with pytest.raises(DataError, match=message) as caught:
        open_table(path)
    assert "\n" not in str(caught.value) and "save it" in str(caught.value).lower()


def test_an_archive_that_lies_about_a_part_is_measured_by_what_it_holds(tmp_path):
    path = edited(book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS]), "theme", lambda data: b" " * 40_000_000)
    data = path.read_bytes()
    size = (40_000_000).to_bytes(4, "little")
    assert data.count(size) >= 1
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(DataError, match="unpacks to more than"):
        open_table(path)


def test_an_option_for_another_kind_of_file_is_said(tmp_path):
    path = book(tmp_path / "a.xlsx", [["본문", "감정"], *ROWS])
    (tmp_path / "a.csv").write_text("본문,감정\n좋아요,긍정\n", encoding="utf-8")
    assert any("delimiter=… is not for" in note for note in open_table(path, ReadOptions(delimiter=";")).notes)
    assert any("sheet=… is not for" in note for note in open_table(tmp_path / "a.csv", ReadOptions(sheet="2")).notes)


def test_formulas_without_stored_values_are_counted_and_an_empty_sheet_names_the_others(tmp_path):
    book = openpyxl.Workbook()
    for row in (["본문", "감정", "식"], ["좋아요", "긍정", "=1+1"], ["별로", "부정", "=A1"], ["음", "부정", 3]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    table = open_table(tmp_path / "a.xlsx")
    assert [row.cells[2] for row in table.rows()] == [None, None, 3]
    assert any("2 cells with formulas without stored values are read as empty; save" in note for note in table.notes)
    book.create_sheet("빈 시트", 0)
    book.active = 0
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(DataError, match=r"sheet '빈 시트' is empty\. Sheets: 빈 시트, Sheet\. Say which with sheet="):
        open_table(tmp_path / "b.xlsx")
