"""Files that are no plain tables: marked by signs, in folders, in a wrong encoding, or refused with a remedy."""

import bz2
import lzma
import sqlite3
import unicodedata
import zipfile

import pyarrow as pa
import pyarrow.feather
import pytest

import munjang as mj
from munjang.config.settings import ReadOptions
from munjang.data.readers.open import open_table
from munjang.errors import DataError


def saved(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, **options):
    table = open_table(path, ReadOptions(**options))
    return table.columns, [row.cells for row in table.rows()]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv"])
@pytest.mark.parametrize("mark", [" ", "\t"])
def test_what_r_writes_has_row_names_without_a_name_above_them(tmp_path, name, mark):
    lines = ['"본문" "감정"', '"1" "배송이 빨라요, 네" "긍정"', '"2" "별로\t\\"네\\"" "부정"', '"3" "또 사요" "긍정"']
    content = "\n".join(line.replace('" "', f'"{mark}"') for line in lines) + "\n"
    expected = [("1", "배송이 빨라요, 네", "긍정"), ("2", '별로\t"네"', "부정"), ("3", "또 사요", "긍정")]
    assert read(saved(tmp_path / name, content)) == (("column1", "본문", "감정"), expected)


def test_r_may_name_rows_by_words_and_leave_numbers_bare(tmp_path):
    content = '"x" "n"\n"가" "배송이 빨라요" 5\n"나" "별로" -1.5e3\n"다" "좋아요" NA\n'
    expected = [("가", "배송이 빨라요", "5"), ("나", "별로", "-1.5e3"), ("다", "좋아요", "NA")]
    assert read(saved(tmp_path / "a.txt", content)) == (("column1", "x", "n"), expected)
    assert read(saved(tmp_path / "b.txt", '"x"\n"1" "배송이 빨라요"\n"2" "별로"\n'))[1] == [
        ("1", "배송이 빨라요"), ("2", "별로"),
    ]  # fmt: skip


@pytest.mark.parametrize("lines", [['"안녕하세요"', '"반가워요"'], ['"최고" 라고', '"진짜" 짱']])
def test_lines_in_quotes_are_no_table_of_r(tmp_path, lines):
    assert read(saved(tmp_path / "a.txt", "\n".join(lines))) == (("text",), [(line,) for line in lines])


def test_labels_of_fasttext_are_labels(tmp_path):
    lines = ["__label__긍정 좋아요 정말", "__label__부정 __label__가격 별로예요, 네", "__label__긍정 또 살게요"] * 4
    path = saved(tmp_path / "a.txt", "\n".join([*lines, "아무 표시 없음", ""]))
    columns, rows = read(path)
    assert columns == ("text", "label")
    assert rows[:2] == [("좋아요 정말", "긍정"), ("별로예요, 네", ["부정", "가격"])]
    corpus = mj.read_corpus(path, options=ReadOptions(multi_label=","))
    assert [example.label for example in corpus.train[:2]] == [("긍정",), ("부정", "가격")]
    assert [(row.line, row.reason) for row in corpus.rejected] == [(13, "no label, expected __label__NAME")]


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_a_table_in_markdown_is_one(tmp_path, name):
    content = "# 제목\n\n| 본문 | 감정 |\n|---|:--:|\n| 좋아요 \\| 네 | 긍정 |\n| 별로 | 부정 |\n끝 문장\n"
    table = open_table(saved(tmp_path / name, content))
    assert table.columns == ("본문", "감정")
    assert [(row.line, row.cells) for row in table.rows()] == [(5, ("좋아요 | 네", "긍정")), (6, ("별로", "부정"))]
    assert [(row.line, row.reason) for row in table.rejected] == [(7, "too few fields, 1 for 2")]
    assert read(saved(tmp_path / "b.txt", "본문 | 감정\n--- | ---\n좋아요 | 긍정\n"))[1] == [("좋아요", "긍정")]
    assert read(saved(tmp_path / "c.txt", "말 | 글\n---\n말\n글\n말\n"))[0] == ("text",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.sql", "-- MySQL dump 10.13\nINSERT INTO x VALUES (1);\n", "an SQL dump. Load it into a database"),
        ("a.txt", "INSERT INTO x VALUES (1,'긍정');\n" * 9, "an SQL dump"),
        ("a.txt", "홍길동 님과 카카오톡 대화\n저장한 날짜 : 2024-03-01\n\n", "a chat exported from"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n안녕\n", "a file of subtitles. Copy its texts into a .txt file"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n안녕\n", "a file of subtitles"),
        ("a.smi", "<SAMI>\n<BODY>\n", "a file of subtitles"),
        ("a.html", "<div>좋아요</div>", "a web page"),
        ("a.txt", "\ufeff<!-- -->\n<html>", "a web page"),
        ("a.xml", '<?xml version="1.0"?><a/>', "an XML file. Export the table"),
        ("a.rtf", "{\\rtf1 x}", "a document in RTF. Copy its texts"),
        ("a.csv.bz2", bz2.compress(b"a,b\n"), "packed with bzip2. Unpack it first"),
        ("a.csv.xz", lzma.compress(b"a,b\n"), "packed with xz. Unpack it first"),
        ("a.hwp", b"\xd0\xcf\x11\xe0....", "is a document. Copy its texts"),
        ("a.pkl", b"\x80\x05\x95\x00", "a pickle. Save it as Parquet or CSV; munjang opens no pickles"),
        ("a.csv", "본문^감정\n좋아요^긍정\n별로^부정\n", r"'\^' seems to .* Say delimiter=.\^., or delimiter"),
        ("a.txt", "본문～감정\n".replace("～", "，") + "좋아요，긍정\n", "'，' seems to stand between the cells"),
        ("a.txt", "본문::감정\n좋아요::긍정\n", "'::' seems to stand between the cells. Replace it by tabs"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_a_remedy(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        open_table(saved(tmp_path / name, content))
    assert str(tmp_path / name) in str(caught.value)


def test_what_looks_like_no_table_is_read_where_an_option_says_so(tmp_path):
    marked = saved(tmp_path / "a.txt", "본문^감정\n좋아요^긍정\n별로^부정\n")
    assert read(marked, delimiter="^")[1] == [("좋아요", "긍정"), ("별로", "부정")]
    assert read(marked, delimiter="tab", header_row=0)[1][1] == ("좋아요^긍정",)
    assert read(saved(tmp_path / "b.txt", "가~나\n다~라\n마~바\n"))[1][0] == ("가~나",)
    assert read(saved(tmp_path / "c.csv", "본문\x01감정\n좋아요, 네\x01긍정\n별로\x01부정\n"))[1][0] == (
        "좋아요, 네",
        "긍정",
    )


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("a.csv", r"a\.zip is a zip file of \[Content_Types\]\.xml, a\.csv\. Unpack it first"),
        ("word/document.xml", "a Word document"),
        ("content.xml", r"an OpenDocument file\. Save it as \.xlsx or CSV"),
        ("Contents/header.xml", "a Hangul document"),
        ("xl/workbook.bin", "a binary Excel file"),
    ],
)
def test_a_zip_file_is_told_by_its_parts(tmp_path, part, message):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr(part, "")
    with pytest.raises(DataError, match=message):
        open_table(tmp_path / "a.zip")


def test_databases_and_feather_files_are_refused(tmp_path):
    pyarrow.feather.write_feather(pa.table({"본문": ["가"]}), tmp_path / "a.feather")
    with pytest.raises(DataError, match=r"a Feather file\. Save it as Parquet"):
        open_table(tmp_path / "a.feather")
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table a (b)")
    with pytest.raises(DataError, match="an SQLite database"):
        open_table(tmp_path / "a.db")


@pytest.mark.parametrize(("typed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_found_however_its_hangul_is_stored(tmp_path, typed, stored):
    folder = tmp_path / unicodedata.normalize(stored, "자료")
    folder.mkdir()
    saved(folder / unicodedata.normalize(stored, "리뷰.csv"), "본문,감정\n좋아요,긍정\n")
    path = tmp_path / unicodedata.normalize(typed, "자료") / unicodedata.normalize(typed, "리뷰.csv")
    assert read(path)[1] == [("좋아요", "긍정")]
    with pytest.raises(DataError, match=r"No file .*없음\.csv"):
        open_table(tmp_path / "없음.csv")


def reviews(name):
    return "id\tdocument\tlabel\n" + "".join(f"{i}\t{name} 좋아요 {i}\t{i % 2}\n" for i in range(6))


def test_a_folder_of_tables_is_one_table_with_the_splits_of_their_names(tmp_path):
    for split in ("train", "test"):
        saved(tmp_path / f"ratings_{split}.txt", reviews(split))
    saved(tmp_path / "README.txt", "NSMC\n")
    corpus = mj.read_corpus(tmp_path)
    assert (len(corpus.train), len(corpus.test), corpus.labels.names) == (6, 6, ("0", "1"))
    assert corpus.test[0].text == "test 좋아요 0"
    assert f"{tmp_path}: not read: README.txt" in corpus.card.notes


def test_the_parts_of_a_table_in_a_folder_are_joined(tmp_path):
    for part in range(3):
        saved(tmp_path / f"part-0000{part}.csv", f"본문,감정\n{part}번 좋아요,긍정\n")
    saved(tmp_path / "_SUCCESS", "")
    table = open_table(tmp_path)
    assert [row.cells for row in table.rows()] == [(f"{part}번 좋아요", "긍정") for part in range(3)]
    assert table.notes[0].endswith(": 3 files of one table") and not any("not read" in note for note in table.notes)
    saved(tmp_path / "part-3.csv", "글,감정\n좋아요,긍정\n")
    with pytest.raises(
        DataError, match=r"different columns: part-00000\.csv \(본문, 감정\), part-3\.csv \(글, 감정\)\. Name"
    ):
        open_table(tmp_path)


def test_a_folder_where_only_some_files_name_a_split_is_refused(tmp_path):
    for name in ("data.csv", "test.csv"):
        saved(tmp_path / name, "본문,감정\n좋아요,긍정\n")
    with pytest.raises(DataError, match=r"only some of its files name a split in their names: data\.csv, test\.csv"):
        open_table(tmp_path)


def test_what_a_folder_of_texts_holds_beside_them_is_named_and_no_label(tmp_path):
    for name in ("긍정.txt", "부정.txt", "LICENSE.txt", "a.csv"):
        saved(tmp_path / name, "좋아요\n")
    table = open_table(tmp_path)
    assert {row.cells[1] for row in table.rows()} == {"긍정", "부정"}
    assert table.notes[-1] == f"{tmp_path}: not read: LICENSE.txt, a.csv"


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(
    ("encoding", "wrong"), [("utf-8", "latin-1"), ("cp949", "latin-1"), ("cp949", "cp932"), ("utf-8", "cp1252")]
)
def test_hangul_in_a_wrong_encoding_is_refused(tmp_path, encoding, wrong, twice):
    texts = ["영화가 좋아요", "최고예요", "또 보고 싶다"]
    garbled = [text.encode(encoding).decode(wrong, "replace") for text in texts]
    if twice:
        garbled = [text.encode("utf-8").decode("latin-1") for text in garbled]
    path = saved(tmp_path / "a.csv", "본문,감정\n" + "".join(f"{text},긍정\n" for text in garbled))
    with pytest.raises(
        DataError, match=r"the texts in column 본문 were read in a wrong encoding .* is '.*화가 좋아.*Save"
    ):
        mj.read_corpus(path, purpose="look")


def test_texts_of_question_marks_are_refused_and_other_languages_read(tmp_path):
    for rows in (["??? ??", "?? ????!", "??"], ["\ufffd\ufffd\ufffd \ufffd\ufffd", "\ufffd\ufffd"]):
        path = saved(tmp_path / "a.csv", "본문,감정\n" + "".join(f"{text},긍정\n" for text in rows))
        with pytest.raises(
            DataError, match=r"the texts in column 본문 are question marks, .* Save them again as UTF-8"
        ):
            mj.read_corpus(path, purpose="look")
    fine = [
        "정말???",
        "??",
        "café naïve",
        "Größe über",
        "これは日本語です",
        "私は学生です",
        "ありがとう",
        "было",
        "你好",
    ]
    path = saved(tmp_path / "b.csv", "text,label\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(fine)))
    assert [example.text for example in mj.read_corpus(path, purpose="look").train] == fine
