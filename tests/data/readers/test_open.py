"""Files of every kind as tables: the same rows come out, and what cannot be used is set aside with its line."""

import gzip
import json
import os
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from munjang.config.settings import ReadOptions
from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text
from munjang.errors import ConfigError, DataError

COLUMNS = ["번호", "본문", "감정"]
ROWS = [["1", "정말 좋아요, 최고", "긍정"], ["2", "NA", "부정"], ["3", "null", "긍정"], ["4", 'A는 "별로"', "부정"]]


def write(path, text, encoding="utf-8"):
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def csv_text(rows, delimiter=","):
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)


def write_sheet(path, rows, title="Sheet1", *, further=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    for name in further:
        book.create_sheet(name).append(["다른", "표"])
    book.save(path)
    return path


def make(path):
    kind = path.name.split(".")[1]
    if kind == "csv":
        return write(path, csv_text([COLUMNS, *ROWS]))
    if kind == "tsv":
        return write(path, "\n".join("\t".join(row) for row in [COLUMNS, *ROWS]) + "\n")
    if kind in ("jsonl", "json"):
        objects = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
        lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in objects)
        return write(path, lines if kind == "jsonl" else json.dumps(objects, ensure_ascii=False, indent=1))
    if kind == "xlsx":
        return write_sheet(path, [COLUMNS, *ROWS])
    columns = zip(*ROWS, strict=True)
    pq.write_table(pa.table({name: list(cells) for name, cells in zip(COLUMNS, columns, strict=True)}), path)
    return path


def texts(table):
    return [[cell_text(cell) for cell in row.cells] for row in table.rows()]


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.xlsx", "a.csv.gz", "a.json.gz"]
)
def test_every_kind_gives_the_same_rows(tmp_path, name):
    table = open_table(make(tmp_path / name))
    assert list(table.columns) == COLUMNS
    assert texts(table) == ROWS
    assert texts(table) == ROWS, "a table can be read again"
    assert table.rejected == []


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
def test_packed_binary_files_are_read(tmp_path, name):
    plain = make(tmp_path / name)
    packed = tmp_path / (name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert texts(open_table(packed)) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp949"])
def test_encodings_are_found_and_said(tmp_path, encoding):
    table = open_table(write(tmp_path / "a.csv", csv_text([COLUMNS, *ROWS]), encoding))
    assert list(table.columns) == COLUMNS
    assert texts(table) == ROWS
    assert f"{encoding}, comma delimiter, quoted" in table.notes[0]


def test_bad_rows_are_set_aside_with_their_lines_and_the_file_loads(tmp_path):
    path = tmp_path / "a.csv"
    lines = [
        "본문,감정",
        "좋아요,1",
        "한 칸",
        "너무,많은,칸",
        "널\0자,1",
        "",
        '"여러\n줄",0',
        "긴" * 4_000_000 + ",1",
        "끝,0",
    ]
    path.write_bytes("\n".join(lines).encode() + b"\n\xb0\xa1,1\n")
    table = open_table(path)
    assert texts(table) == [["좋아요", "1"], ["여러\n줄", "0"], ["끝", "0"]]
    assert [(row.line, row.step) for row in table.rejected] == [(line, "read") for line in (3, 4, 5, 6, 9, 11)]
    reasons = " / ".join(row.reason for row in table.rejected)
    for part in ("too few fields, 1 for 2", "too many", "NUL", "empty line", "12,000,002 bytes", "not utf-8"):
        assert part in reasons
    assert [row.line for row in table.rows()] == [2, 7, 10]


def test_a_file_of_lines_keeps_every_line(tmp_path):
    table = open_table(write(tmp_path / "a.txt", "첫 줄, 쉼표\n\n셋째 줄\n"))
    assert table.columns == ("text",)
    assert texts(table) == [["첫 줄, 쉼표"], [""], ["셋째 줄"]]


def test_a_text_file_with_tabs_is_a_table_and_a_number_is_no_header(tmp_path):
    table = open_table(write(tmp_path / "a.txt", "0\t연두색\n1\t불 꺼\n"))
    assert texts(table) == [["0", "연두색"], ["1", "불 꺼"]]
    assert "no header row found" in table.notes[1]
    assert open_table(tmp_path / "a.txt", ReadOptions(header_row=1)).columns == ("0", "연두색")


def test_names_that_come_again_below_are_no_header(tmp_path):
    table = open_table(write(tmp_path / "a.csv", "참 좋았다,호평\n별로였다,악평\n또 보고 싶다,호평\n"))
    assert len(texts(table)) == 3
    table = open_table(write(tmp_path / "b.csv", "소감,느낌\n별로였다,악평\n또 보고 싶다,호평\n"))
    assert table.columns == ("소감", "느낌")


def test_header_row_leaves_the_lines_above_out_and_says_so(tmp_path):
    table = open_table(write(tmp_path / "a.csv", "2024년 리뷰\n\n본문,감정\n좋아요,1\n"), ReadOptions(header_row=3))
    assert table.columns == ("본문", "감정")
    assert [row.line for row in table.rows()] == [4]
    assert any("2 lines above the header" in note for note in table.notes)


def test_a_header_in_quotes_may_have_line_breaks(tmp_path):
    table = open_table(write(tmp_path / "a.csv", '"리뷰\n본문","감정"\n"좋아요","1"\n'))
    assert table.columns == ("리뷰\n본문", "감정")
    assert [row.line for row in table.rows()] == [3]


def test_a_line_of_excel_names_any_delimiter(tmp_path):
    table = open_table(write(tmp_path / "a.csv", "sep=^\r\n본문^감정\r\n좋아요^긍정\r\n", "utf-8-sig"))
    assert (table.columns, texts(table)) == (("본문", "감정"), [["좋아요", "긍정"]])
    assert not any("left out" in note for note in table.notes)


@pytest.mark.parametrize(
    ("ending", "cell"), [("csv", r'"그는 \"최고\", 라며"'), ("tsv", '"그는 ""최고""\t라며\n갔다"')]
)
def test_quotes_that_come_late_are_read_as_those_that_come_first(tmp_path, ending, cell):
    mark = "," if ending == "csv" else "\t"
    rows = [f"1{mark}좋아요{mark}긍정"] * 5_000 + [f"2{mark}{cell}{mark}부정"] * 50
    table = open_table(write(tmp_path / f"a.{ending}", "\n".join([f"번호{mark}본문{mark}감정", *rows]) + "\n"))
    found = texts(table)
    assert len(found) == 5_050 and table.rejected == []
    assert found[-1] == ["2", '그는 "최고", 라며' if ending == "csv" else '그는 "최고"\t라며\n갔다', "부정"]


def test_a_header_that_fits_no_row_is_said(tmp_path):
    path = write(tmp_path / "a.csv", "id,text,label\n" + "가,나,다,라,마\n" * 5)
    with pytest.raises(DataError, match=r"the header has 3 names \(id, text, label\), but most .* Say delimiter=…"):
        open_table(path)
    assert len(texts(open_table(path, ReadOptions(header_row=0)))) == 5


@pytest.mark.parametrize(("given", "expected"), [(";", ["가,1", "나"]), (",", ["가", "1;나"]), ("tab", ["가,1;나"])])
def test_the_delimiter_that_is_given_overrules(tmp_path, given, expected):
    path = write(tmp_path / "a.csv", "가,1;나\n" * 3)
    assert texts(open_table(path, ReadOptions(delimiter=given, header_row=0)))[0] == expected
    with pytest.raises(ConfigError, match="is not one character"):
        open_table(path, ReadOptions(delimiter="::"))


def test_a_header_without_the_name_of_the_row_numbers_loses_no_row(tmp_path):
    table = open_table(write(tmp_path / "a.csv", '"본문","감정"\n"1","좋아요",1\n"2","별로",0\n'))
    assert table.columns == ("column1", "본문", "감정")
    assert texts(table) == [["1", "좋아요", "1"], ["2", "별로", "0"]]
    assert table.rejected == []


def test_empty_and_repeated_column_names_become_distinct(tmp_path):
    assert open_table(write(tmp_path / "a.csv", ",본문,본문,label\n1,가,나,0\n")).columns == (
        "column1", "본문", "본문_2", "label",
    )  # fmt: skip


def test_a_key_that_comes_late_is_a_column_and_broken_json_is_set_aside(tmp_path):
    path = write(
        tmp_path / "a.jsonl", '{"text":"가","n":1.5}\n{"text":\n["나"]\n{"text":"다","late":null}\n{"text":"\\ud83d"}'
    )
    table = open_table(path)
    assert table.columns == ("text", "n", "late")
    assert [row.cells for row in table.rows()] == [("가", 1.5, None), ("다", None, None)]
    assert [row.line for row in table.rejected] == [2, 3, 5]
    assert "half a character" in table.rejected[2].reason


def test_a_json_list_keeps_line_numbers_and_names_its_slip(tmp_path):
    path = write(tmp_path / "a.json", '[\n {"text": "가"},\n\n {"text":\n  "나"}, {"text": "다"}]')
    assert [row.line for row in open_table(path).rows()] == [2, 4, 5]
    with pytest.raises(DataError, match=r"b\.json, line 3: not a valid JSON list"):
        open_table(write(tmp_path / "b.json", '[\n {"text": "가"},\n {"text" "나"}]'))


def test_an_excel_title_above_the_header_is_passed_over(tmp_path):
    path = write_sheet(
        tmp_path / "a.xlsx", [["2024년 리뷰 모음"], [], *[COLUMNS, *ROWS[:2]], [], ROWS[2]], further=["메모"]
    )
    table = open_table(path)
    assert list(table.columns) == COLUMNS
    assert [row.line for row in table.rows()] == [4, 5, 7]
    assert [(row.line, row.reason) for row in table.rejected] == [(6, "empty row")]
    assert any("header in row 3" in note for note in table.notes)
    assert any("not read: 메모" in note for note in table.notes)


def test_an_excel_sheet_is_chosen_by_name_or_number(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [COLUMNS, *ROWS], further=["메모"])
    for wanted in ("메모", unicodedata.normalize("NFD", "메모"), "2"):
        assert open_table(path, ReadOptions(sheet=wanted, header_row=0)).columns == ("column1", "column2")
    with pytest.raises(DataError, match=r"no sheet '없음'; it has Sheet1, 메모"):
        open_table(path, ReadOptions(sheet="없음"))


def test_excel_numbers_read_as_they_look(tmp_path):
    table = open_table(write_sheet(tmp_path / "a.xlsx", [["본문", "평점"], ["가", 1.0], ["나", True], [5, 2.5]]))
    assert texts(table) == [["가", "1"], ["나", "True"], ["5", "2.5"]]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", r"a\.csv is empty \(0 bytes\)"),
        ("a.csv", b"\n\n", r"a\.csv is empty: it has no line with text"),
        ("a.jsonl", b"[1]\n2\n", r"a\.jsonl holds no JSON object"),
        ("a.parquet", b"PAR1 nothing", r"a\.parquet is no readable Parquet file"),
        ("a.xlsx", b"PK\x03\x04 nothing", r"a\.xlsx is no readable \.xlsx file"),
        ("a.xlsx", b"text,label\n", r"a\.xlsx has the ending \.xlsx, but it is not such a file"),
        ("a.xls", b"\xd0\xcf\x11\xe0....", r"old or protected Excel file.*\.xlsx"),
        ("a.xls", b"<html><table>", r"a web page.*save it as \.xlsx"),
        ("a.csv", b"\xb0\xa1\xff,x\n", "encoding=…"),
    ],
)
def test_unusable_files_say_what_to_do(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        open_table(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"No file .*none\.csv"):
        open_table(tmp_path / "none.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(tmp_path):
    path = write(tmp_path / "a.csv", "가,나\n")
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be opened: Permission denied"):
        open_table(path)


def test_a_folder_of_labels_gives_a_text_per_file(tmp_path):
    for label, name, text in [
        ("긍정", "1.txt", "좋아요\n두 줄\n"),
        ("긍정", "2.txt", ""),
        ("부정", "a/3.txt", "싫어요"),
    ]:
        path = tmp_path / unicodedata.normalize("NFD", label) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0")
    found = [(row.cells[0], row.cells[1]) for row in open_table(tmp_path).rows()]
    assert found == [("좋아요\n두 줄", "긍정"), ("", "긍정"), ("싫어요", "부정")]


def test_a_folder_of_files_of_lines_gives_a_text_per_line(tmp_path):
    write(tmp_path / "긍정.txt", "좋아요\n최고\n")
    write(tmp_path / "부정.txt.gz", "싫어요\n", "cp949")
    assert [row.cells[:2] for row in open_table(tmp_path).rows()] == [
        ("좋아요", "긍정"), ("최고", "긍정"), ("싫어요", "부정"),
    ]  # fmt: skip


def test_a_folder_with_train_and_test_has_splits(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "긍정").mkdir(parents=True)
        write(tmp_path / split / "긍정" / "1.txt", split)
    table = open_table(tmp_path)
    assert [(row.cells[0], row.cells[3]) for row in table.rows()] == [("test", "test"), ("train", "train")]
    with pytest.raises(DataError, match=r"holds no texts. Expected"):
        open_table(make_empty(tmp_path))


def make_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.mark.corpora
def test_the_real_files_are_read_whole(data_dir):
    sarcasm = list(open_table(data_dir / "kor_sarcasm" / "train.csv").rows())
    assert len(sarcasm) == 9000
    for name, rows in [
        ("kor_hate/train.tsv", 7896), ("kor_3i4k/fci_test.txt", 6121), ("kor_sae/sae4k_v1.txt", 30837),
        ("nsmc/ratings_test_sample.txt", 2000), ("langid/langid.parquet", 30764),
    ]:  # fmt: skip
        table = open_table(data_dir / name)
        assert sum(1 for _ in table.rows()) == rows
        assert table.rejected == []


@pytest.mark.corpora
def test_reviews_between_tabs_keep_their_quotes(data_dir, tmp_path):
    rows = pq.read_table(data_dir / "nsmc" / "test.parquet").to_pylist()
    lines = [f"{row['id']}\t{row['document']}\t{row['label']}" for row in rows]
    path = write(tmp_path / "a.txt", "id\tdocument\tlabel\n" + "\n".join(lines) + "\n")
    assert [row.cells[1] for row in open_table(path).rows()] == [row["document"] for row in rows]


@pytest.mark.parametrize("name", ["학습", "dev", "평가"])
def test_folders_may_call_a_split_as_a_split_column_may(tmp_path, name):
    for label, text in (("긍정", "좋아요"), ("부정", "싫어요")):
        folder = tmp_path / name / label
        folder.mkdir(parents=True)
        (folder / "1.txt").write_text(text, encoding="utf-8")
    rows = [row.cells for row in open_table(tmp_path).rows()]
    expected = [("싫어요", "부정", name), ("좋아요", "긍정", name)]
    assert sorted((cells[0], cells[1], cells[3]) for cells in rows) == expected
