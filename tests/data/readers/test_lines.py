"""Physical lines: encodings found out, bad lines marked and counted, none lost."""

import gzip
import io

import pytest

from munjang.data.compressed import open_bytes
from munjang.data.readers import lines
from munjang.data.readers.lines import MAX_LINE, find_encoding, given_encoding, read_lines
from munjang.data.readers.open import open_table
from munjang.errors import ConfigError, DataError

KOREAN = "영화가 정말 재미있어요\n배우들의 연기가 훌륭했다\n다시는 보고 싶지 않은 이야기\n"


def lines_of(path, encoding=None):
    found = given_encoding(path, encoding) if encoding else find_encoding(path)
    with open_bytes(path) as stream:
        return found.name, list(read_lines(stream, found.name, found.newline))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
@pytest.mark.parametrize("packed", [False, True])
def test_encoding_is_found_and_the_lines_are_the_same(tmp_path, encoding, packed):
    path = tmp_path / "a.txt"
    data = (KOREAN * 50).encode(encoding)
    path.write_bytes(gzip.compress(data) if packed else data)
    name, lines = lines_of(path)
    assert name == encoding
    assert [line.text for line in lines] == (KOREAN * 50).splitlines()
    assert [line.number for line in lines] == list(range(1, 151))
    assert not any(line.problem for line in lines)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_found(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(KOREAN.encode(encoding))
    name, lines = lines_of(path)
    assert name == encoding
    assert lines[0].text == "영화가 정말 재미있어요"


def test_a_cp949_line_late_in_a_utf_8_file_is_marked_with_its_number(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes((KOREAN * 30_000).encode() + "뷁 늦은 줄\n".encode("cp949") + "끝\n".encode())
    name, lines = lines_of(path)
    assert name == "utf-8"
    assert len(lines) == 90_002
    bad = [line for line in lines if line.problem]
    assert [line.number for line in bad] == [90_001]
    assert "not utf-8" in bad[0].problem
    assert "reads as cp949" in bad[0].problem
    assert lines[-1].text == "끝"


def test_one_utf_8_line_does_not_turn_a_cp949_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("댬 utf8\n".encode() + (KOREAN * 5).encode("cp949"))
    name, lines = lines_of(path)
    assert name == "cp949"
    assert [line.number for line in lines if line.problem] == [1]


def test_a_cut_utf_16_file_marks_only_its_last_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(KOREAN.encode("utf-16")[:-3])
    _, lines = lines_of(path)
    assert [bool(line.problem) for line in lines] == [False, False, True]


def test_a_nul_byte_marks_its_line_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("가\n나\0다\n라\n".encode())
    _, lines = lines_of(path)
    assert [line.problem for line in lines] == ["", "it holds a NUL byte", ""]
    assert lines[1].text == "나\\x00다"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_giant_line_is_cut_and_the_lines_around_it_stay(tmp_path, place):
    path = tmp_path / "a.txt"
    parts = ["앞", "뒤"]
    parts.insert(place, "긴" * 4_000_000)
    path.write_bytes("\n".join(parts).encode())
    _, lines = lines_of(path)
    assert [line.number for line in lines] == [1, 2, 3]
    assert [bool(line.problem) for line in lines] == [item == place for item in range(3)]
    assert "12,000,000 bytes" in lines[place].problem
    assert len(lines[place].text) < 2_000


def test_memory_stays_bounded_on_one_endless_line():
    import tracemalloc

    class Endless(io.RawIOBase):
        left = 200

        def read1(self, size):
            self.left -= 1
            return b"x" * MAX_LINE if self.left else b""

    tracemalloc.start()
    lines = list(read_lines(Endless(), "utf-8"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(lines) == 1
    assert peak < 10 * MAX_LINE


def test_lone_carriage_returns_end_lines_where_there_are_no_line_feeds(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("가\r나\r다".encode())
    assert [line.text for line in lines_of(path)[1]] == ["가", "나", "다"]


def test_unicode_line_separators_do_not_end_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("가\u2028나\x0b다\x85라\n마", encoding="utf-8")
    assert [line.text for line in lines_of(path)[1]] == ["가\u2028나\x0b다\x85라", "마"]


def test_a_given_encoding_overrules_and_marks_what_it_cannot_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("가나".encode("cp949") + b"\nabc\n")
    assert [bool(line.problem) for line in lines_of(path, "utf-8")[1]] == [True, False]
    assert lines_of(path, "euc-kr")[1][0].text == "가나"


def test_an_unknown_encoding_names_the_usual_ones(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("가")
    with pytest.raises(ConfigError, match=r"Unknown encoding 'hangul'.*cp949"):
        given_encoding(path, "hangul")
    for name in ("hex", "rot13", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "cp037"):
        with pytest.raises(ConfigError, match=f"Unknown encoding '{name}'"):
            given_encoding(path, name)


def test_a_named_encoding_that_cannot_be_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("가나다\n라\n", encoding="utf-8")
    for name in ("utf-16", "utf-32", "cp949", "latin-1"):
        with pytest.raises(ConfigError, match=rf"a\.txt is in utf-8, not in {name}\. Leave out encoding=…\.$"):
            given_encoding(path, name)
    path.write_bytes(b"abc\n" * 9)
    assert given_encoding(path, "cp949").name == "cp949"
    with pytest.raises(ConfigError, match=r"a\.txt is not in utf-16\. Leave out encoding=…"):
        given_encoding(path, "utf-16")
    path.write_text("가나다\n라\n", encoding="utf-16")
    assert lines_of(path, "utf-16")[1][1].text == "라"
    for stream in (path.open("rb"), io.BytesIO("abc\n".encode("utf-32-be") + b"\xff" * 8)):
        with pytest.raises(DataError, match=r"This is not utf-32: .*\. Leave out encoding=…\.$"), stream:
            list(read_lines(stream, "utf-32"))


def test_bytes_in_no_known_encoding_ask_for_a_name(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfd\xfc\n\xfe\xfb\xff\n" * 5)
    with pytest.raises(DataError, match=r"a\.txt is in no encoding that munjang can detect .* encoding=…"):
        find_encoding(path)


def test_a_cut_gzip_file_is_named(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(KOREAN.encode() * 100)[:-20])
    with pytest.raises(DataError, match=r"a\.txt\.gz is a damaged or cut packed file"):
        find_encoding(path)


@pytest.mark.parametrize(
    ("name", "line"), [("a.txt", "\n"), ("a.csv", "\r\n"), ("b.csv", "a,\n"), ("a.jsonl", "{}\n"), ("b.txt", "\r")]
)
def test_many_lines_with_nothing_in_them_are_refused(tmp_path, monkeypatch, name, line):
    monkeypatch.setattr(lines, "FREE_LINES", 20_000)
    path = tmp_path / name
    head = '{"text": "좋아요"}' if name == "a.jsonl" else "text,label\n좋아요,긍정"
    path.write_bytes((head + line[-1] + line * 30_000).replace("\n", "\r" if line == "\r" else "\n").encode())
    with pytest.raises(DataError, match=rf"{name} has 30,00\d lines in its first .*Delete the lines without text"):
        list(open_table(path).rows())


def test_many_short_lines_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "FREE_LINES", 20_000)
    (tmp_path / "a.txt").write_text("네\n" * 30_000, encoding="utf-8")
    assert sum(1 for _ in open_table(tmp_path / "a.txt").rows()) == 30_000
