"""Files out: what is written reads back the same, and half a file is never left."""

import csv
import gzip
import json
import os
import zipfile
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from munjang.data.readers.open import open_table
from munjang.data.readers.writers import open_writer
from munjang.errors import DataError

COLUMNS = ("본문", "label")
ROWS = [
    ('쉼표, 와 "따옴표"', "긍정"),
    ("여러\n줄", "부정"),
    ("", "긍정"),
    ("탭\t안", "부정"),
    ('"온통"', "긍정"),
    ("NA", "부정"),
]


def write(path, rows=ROWS, columns=COLUMNS, **options):
    with open_writer(path, columns, **options) as writer:
        for row in rows:
            writer.write(row)
    return writer


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.xlsx", "a.csv.gz", "a.tsv.gz", "a.jsonl.gz"]
)
def test_what_is_written_reads_back(tmp_path, name):
    write(tmp_path / name)
    table = open_table(tmp_path / name)
    assert table.columns == COLUMNS
    assert [tuple(cell or "" for cell in row.cells) for row in table.rows()] == ROWS
    assert os.listdir(tmp_path) == [name]


def test_csv_shows_hangul_in_excel_and_disarms_formulas(tmp_path):
    cells = ["=1+1", "+82-10-1234", "-_-", "@here", "\t=1", "\r=1", "\n=1", "＝1+1", "＋82-10-1234", "－_－", "＠here",
             "-3.5", "+1,000", "-", "－", "보통 = 글", -2]  # fmt: skip
    writer = write(tmp_path / "a.csv", [(cell, "x") for cell in cells])
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        found = [row[0] for row in csv.reader(stream)][1:]
    assert found == [
        "'=1+1",
        "'+82-10-1234",
        "'-_-",
        "'@here",
        "'\t=1",
        "'\r=1",
        "'\n=1",
        "'＝1+1",
        "'＋82-10-1234",
        "'－_－",
        "'＠here",
        "-3.5",
        "+1,000",
        "-",
        "－",
        "보통 = 글",
        "-2",
    ]
    assert writer.escaped == 11


def test_an_unquoted_tsv_stays_as_it_was(tmp_path):
    writer = write(tmp_path / "a.tsv", [('"명작', "1"), ("탭\t과\n줄", "0")], quoted=False)
    assert (tmp_path / "a.tsv").read_text(encoding="utf-8") == '본문\tlabel\n"명작\t1\n탭 과 줄\t0\n'
    assert writer.escaped == 1


def test_parquet_keeps_types(tmp_path):
    types = {"n": pa.int64(), "tags": pa.list_(pa.string())}
    rows = [(1, ["a"], "글", None), (None, [], 3.0, "x")]
    write(tmp_path / "a.parquet", rows, ("n", "tags", "text", "other"), types=types)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("n").type == pa.int64()
    assert table.to_pylist() == [
        {"n": 1, "tags": ["a"], "text": "글", "other": None},
        {"n": None, "tags": [], "text": "3", "other": "x"},
    ]


def test_json_lines_are_strict_json(tmp_path):
    """A number that JSON does not know is null, or its name; inside of lists too."""
    write(tmp_path / "a.jsonl", [(float("nan"), [float("inf"), {"b": float("nan")}]), (float("-inf"), 1.5)])
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    values = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert values == [{"본문": None, "label": ["inf", {"b": None}]}, {"본문": "-inf", "label": 1.5}]


def test_json_lines_keep_values(tmp_path):
    write(tmp_path / "a.jsonl", [(1.5, None), (["가"], True)])
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"본문": 1.5, "label": None}, {"본문": ["가"], "label": True}]
    assert "가" in lines[1]


def test_excel_gets_no_character_that_xml_forbids(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    allowed = "\t\n퇴\ue000\ufffd😀\U0001fffe"
    writer = write(tmp_path / "a.xlsx", [("\x01\x0b\x1f좋\ufffe\uffff다", allowed)])
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))  # refuses what XML forbids
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert (sheet["A2"].value, sheet["B2"].value, writer.escaped) == ("좋다", allowed, 1)


def test_excel_texts_are_never_formulas(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    writer = write(tmp_path / "a.xlsx", [("=1+1", 2.5), ("벨\x07소리\uffff", "긴" * 32_767)])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert (sheet["A2"].value, sheet["A2"].data_type, sheet["B2"].value) == ("=1+1", "s", 2.5)
    assert (sheet["A3"].value, len(sheet["B3"].value)) == ("벨소리", 32_767)
    assert writer.escaped == 1


def test_excel_gives_back_line_ends_and_texts_that_look_escaped(tmp_path):
    pytest.importorskip("python_calamine")
    texts = ["_x000D_", "줄\r\n바꿈", "\r", "_x005F_x000D_", "_x0041_x0042_", "_x00", "a__x000a__b", " 탭\t"]
    write(tmp_path / "a.xlsx", [(text, "긍정") for text in texts])
    table = open_table(tmp_path / "a.xlsx")
    assert (table.columns, [row.cells[0] for row in table.rows()]) == (COLUMNS, texts)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], 17_000, "ends at column 16,384, and the table has 17,000"),
        ([("긴" * 32_768,)], 1, "Row 2 has a text of 32,768 characters, and an Excel cell holds 32,767"),
    ],
)
def test_what_excel_cannot_hold_is_refused_and_not_cut(tmp_path, rows, columns, message):
    pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match=rf"{message}\. Write \.csv or \.parquet instead"):
        write(tmp_path / "a.xlsx", rows, [f"c{i}" for i in range(columns)])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.parquet", "a.xlsx"])
def test_an_error_leaves_the_old_file_and_no_part(tmp_path, name):
    write(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / name, COLUMNS, overwrite=True) as writer:
        writer.write(ROWS[0])
        raise KeyboardInterrupt
    assert (tmp_path / name).read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.gz", "a.parquet", "a.xlsx"])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path, name, small_disk):
    with pytest.raises(DataError, match=rf"{name} could not be written: .*No part of it was left"):
        write(tmp_path / name, [(os.urandom(50).hex(), str(n)) for n in range(30_000)])
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_kept_unless_told(tmp_path):
    write(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"a\.csv exists\. Say overwrite=True"):
        write(tmp_path / "a.csv")
    write(tmp_path / "a.csv", [], overwrite=True)
    assert list(csv.reader((tmp_path / "a.csv").open(encoding="utf-8-sig"))) == [list(COLUMNS)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.docx", "cannot tell the kind of file"),
        ("a", "cannot tell the kind of file"),
        ("a.parquet.gz", r"leave \.gz away"),
        ("none/a.csv", "there is no folder"),
        ("folder.csv", "is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, message):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=message):
        write(tmp_path / name)


def test_packed_text_is_gzip(tmp_path):
    write(tmp_path / "a.tsv.gz", [("가", "1")], quoted=False)
    assert gzip.decompress((tmp_path / "a.tsv.gz").read_bytes()).decode() == "본문\tlabel\n가\t1\n"


def test_a_full_disk_under_an_excel_file_is_one_line(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")

    def save(self, stream):
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise ValueError("seek of closed file")  # as the archive does while it closes

    monkeypatch.setattr(openpyxl.Workbook, "save", save)
    with (
        pytest.raises(DataError, match=r"could not be written: No space left on device"),
        open_writer(tmp_path / "out.xlsx", ["본문"]) as writer,
    ):
        writer.write(["좋다"])
    assert list(tmp_path.iterdir()) == []
