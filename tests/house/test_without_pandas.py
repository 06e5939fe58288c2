"""Where pandas is not installed everything works but DataFrames, and a Parquet file reads the same as where it is."""

import subprocess
import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text
from munjang.data.readers.writers import open_writer

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
WHOLE, SEOUL = "2023-11-14 22:13:20", "2023-11-15 07:13:20+09:00"
SECOND = 1_700_000_000 * 10**9
TIMES = {
    "whole": pa.array([SECOND, None], pa.timestamp("ns")),
    "seoul": pa.array([SECOND, SECOND], pa.timestamp("ns", "Asia/Seoul")),
    "fine": pa.array([SECOND + 123_456_789, None], pa.timestamp("ns")),
    "took": pa.array([90 * 10**9, None], pa.duration("ns")),
    "clock": pa.array([90 * 10**9 + 1, None], pa.time64("ns")),
}


def without_pandas(code: str, folder) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, cwd=folder)


def munjang(folder, *arguments: str) -> str:
    """What the command prints in a process without pandas."""
    code = f"from munjang.cli import main\nsys.argv = ['munjang', *{arguments!r}]\nmain()"
    done = without_pandas(code, folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_text_is_analysed(tmp_path):
    assert munjang(tmp_path, "analyze", "정말 재밌어요").startswith("sentiment  긍정")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_files_are_read_cleaned_and_answered(tmp_path, name):
    if name == "a.xlsx":
        pytest.importorskip("openpyxl")
    rows = [("정말 재밌어요", "긍정"), ("너무 지루해요", "부정"), ("최고예요", "긍정"), ("돈이 아까워요", "부정")]
    with open_writer(tmp_path / name, ["본문", "감정"]) as writer:
        for row in rows:
            writer.write(row)
    munjang(tmp_path, "clean", name, "--text", "본문", "--label", "감정", "--out", "clean")
    munjang(tmp_path, "predict", "mini/sentiment", name, "--text", "본문", "--out", f"out-{name}")
    table = open_table(tmp_path / f"out-{name}")
    assert [row.cells[table.columns.index("label")] for row in table.rows()] == [label for _, label in rows]


def test_a_dataframe_asked_for_says_what_to_install(tmp_path):
    code = "import munjang as mj\ncorpus = mj.load_corpus('sample:sentiment')\n"
    code += "try: corpus.to_pandas()\nexcept mj.MunjangError as error: print(type(error).__name__, error)"
    done = without_pandas(code, tmp_path)
    assert done.stdout == (
        "MissingExtra More packages are needed for Corpus.to_pandas. Run: pip install 'munjang[pandas]'\n"
    ), done.stderr


def test_nanoseconds_read_the_same_with_and_without_it(tmp_path):
    pq.write_table(pa.table(TIMES), tmp_path / "a.parquet")
    code = "from munjang.data.readers.open import cell_text, open_table\n"
    code += "print([[cell_text(cell) for cell in row.cells] for row in open_table('a.parquet').rows()])"
    rows = list(open_table(tmp_path / "a.parquet").rows())
    seen = [[cell_text(cell) for cell in row.cells] for row in rows]
    assert seen == [
        [WHOLE, SEOUL, f"{WHOLE}.123456789", "0:01:30", "00:01:30.000000001"],
        ["", SEOUL, "", "", ""],
    ]
    assert without_pandas(code, tmp_path).stdout == f"{seen}\n"
    assert type(rows[0].cells[0]) is datetime and type(rows[0].cells[3]) is timedelta


def test_nanoseconds_stand_in_a_parquet_file_out(tmp_path):
    pq.write_table(pa.table(TIMES), tmp_path / "a.parquet")
    table = open_table(tmp_path / "a.parquet")
    with open_writer(tmp_path / "b.parquet", table.columns, types=table.types) as writer:
        for row in table.rows():
            writer.write(row.cells)
    assert pq.read_table(tmp_path / "b.parquet").equals(pa.table(TIMES))


def test_lists_of_nanoseconds_say_what_to_install(tmp_path):
    pq.write_table(pa.table({"when": pa.array([[SECOND + 1]], pa.list_(pa.timestamp("ns")))}), tmp_path / "a.parquet")
    code = "from munjang.data.readers.open import open_table\nlist(open_table('a.parquet').rows())"
    assert (
        "lists of times to the nanosecond. Run: pip install 'munjang[pandas]'" in without_pandas(code, tmp_path).stderr
    )
