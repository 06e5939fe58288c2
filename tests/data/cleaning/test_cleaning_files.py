"""The report on disk: exact, complete, and enough to rebuild the input."""

import csv
import json
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.cleaning.files import KEPT_COLUMNS, REMOVED_COLUMNS, rebuild, write_cleaning_report
from munjang.errors import DataError
from munjang.records import SPLITS, Corpus, Example, LabelSet, Removed, label_text

LABELS = LabelSet(("부정", "긍정"), {"0": "부정", "1": "긍정"})
HOSTILE = "가나ㅋ,\"'\n\r\t;|=+-@\\\x00\ufeff\u200b\u3164\u2028\ud800&;#3 \x1a"
hostile = st.text(HOSTILE, max_size=8) | st.sampled_from(["가", " 가", "=1+1", 'json:"가"', "json:", "'", "\r\n", '"'])
configs = st.builds(
    CleanConfig,
    steps=st.sampled_from([(), ("nfc", "spaces"), CleanConfig().steps, (*CleanConfig().steps, "fold_repeats")]),
    conflicts=st.sampled_from(["drop", "keep-majority"]),
    duplicates=st.booleans(),
    leaks=st.booleans(),
    clean_test=st.booleans(),
    outliers=st.sampled_from([None, 0.1]),
)


def save(folder, before, config=None):
    after, cleaning_report = clean_corpus(before, config)
    write_cleaning_report(folder, before, after, cleaning_report)
    return after, cleaning_report


@given(
    rows=st.lists(st.tuples(st.sampled_from(SPLITS), hostile, st.sampled_from("013") | hostile), max_size=20),
    rejected=st.lists(hostile, max_size=3),
    config=configs,
)
@settings(max_examples=200, deadline=None)
def test_kept_and_removed_rows_give_back_the_input_line_for_line(rows, rejected, config):
    splits = {split: [] for split in SPLITS}
    for line, (split, text, label) in enumerate(rows, 2):
        splits[split].append(Example(text, label, line, f"{split}, 1.csv"))
    lost = [Removed("train, 1.csv", 100 + i, text, "", "read", text) for i, text in enumerate(rejected)]
    before = Corpus("c", "classification", LABELS, **splits, rejected=tuple(lost))
    with tempfile.TemporaryDirectory() as folder:
        save(folder, before, config)
        found = rebuild(folder)
    expected = {}
    for example in [*before.train, *before.validation, *before.test]:
        expected.setdefault(example.file, []).append((example.line, example.text, example.label))
    for row in lost:
        expected.setdefault(row.file, []).append((row.line, row.text, row.label))
    assert found == {file: sorted(rows) for file, rows in expected.items()}


def test_any_csv_reader_sees_the_texts_as_they_were(tmp_path):
    texts = ["=1+1", "-_- 별로", "@친구", 'a "b", c', "두\n줄", "'따옴표"]
    before = Corpus("c", "classification", LABELS, tuple(Example(t, "1", i) for i, t in enumerate(texts)))
    save(tmp_path, before, CleanConfig(steps=()))
    with open(tmp_path / "kept.csv", encoding="utf-8-sig", newline="") as file:
        assert [row["original_text"] for row in csv.DictReader(file)] == texts


def test_the_tables_have_their_columns_and_a_byte_order_mark(tmp_path):
    before = Corpus("c", "classification", LABELS, (Example(" 굿 ", "1", 7, "a.csv"), Example("", "0", 9, "a.csv")))
    save(tmp_path, before)
    kept, removed = (tmp_path / name for name in ("kept.csv", "removed.csv"))
    assert kept.read_bytes().startswith(b"\xef\xbb\xbffile,split,line,text,label,original_text,original_label\r\n")
    assert kept.read_text("utf-8-sig").splitlines()[1] == "a.csv,train,7,굿,긍정, 굿 ,1"
    assert removed.read_text("utf-8-sig").splitlines() == [",".join(REMOVED_COLUMNS), "a.csv,9,,0,empty,no text"]
    assert json.loads((tmp_path / "account.json").read_text("utf-8"))["rows_after"] == {"train": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["account.json", "kept.csv", "removed.csv"]


def test_a_text_of_several_megabytes_comes_back(tmp_path):
    text = '가",\n' * 1_000_000
    limit = csv.field_size_limit()
    save(tmp_path, Corpus("c", "classification", LABELS, (Example(text, "1", 2, "a.csv"),)))
    assert rebuild(tmp_path) == {"a.csv": [(2, text, "1")]}
    assert csv.field_size_limit() == limit


def test_several_labels_stand_in_one_cell_with_the_separator_of_the_file(tmp_path):
    labels = LabelSet(("분노", "기쁨"))
    before = Corpus("c", "multi-label", labels, (Example("가", ("기쁨", "분노"), 2, "a"), Example("나", (), 3, "a")))
    after, cleaning_report = clean_corpus(before)
    write_cleaning_report(tmp_path, before, after, cleaning_report, separator=";")
    assert rebuild(tmp_path) == {"a": [(2, "가", "기쁨;분노"), (3, "나", "")]}
    with open(tmp_path / "kept.csv", encoding="utf-8-sig", newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["분노;기쁨", label_text(())]


def test_nothing_personal_reaches_the_disk(tmp_path):
    texts = ["전화 010-1234-5678", "010\u200b-1234-5678", "전화  010-1234-5678", "주민 900101-1234567!", "a@b.kr&amp;"]
    before = Corpus("c", "classification", LABELS, tuple(Example(t, "1", i, "a") for i, t in enumerate(texts)))
    save(tmp_path, before, CleanConfig(steps=(*CleanConfig().steps, "mask_personal")))
    written = "".join(path.read_text("utf-8-sig") for path in tmp_path.iterdir())
    assert "1234" not in written and "a@b" not in written
    assert rebuild(tmp_path)["a"][0] == (0, "전화 〈전화번호〉", "1")
    assert rebuild(tmp_path)["a"][4] == (4, "〈이메일〉&amp;", "1")


def test_a_write_that_fails_leaves_the_old_file_and_no_piece(tmp_path, monkeypatch):
    before = Corpus("c", "classification", LABELS, (Example("굿", "1", 2, "a"),))
    save(tmp_path, before)
    old = (tmp_path / "kept.csv").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"kept\.csv could not be written: No space left on device\. .*Free some space"):
        save(tmp_path, Corpus("c", "classification", LABELS, (Example("다른 글", "1", 2, "a"),)))
    assert (tmp_path / "kept.csv").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["account.json", "kept.csv", "removed.csv"]


def test_a_folder_without_a_report_and_a_cut_table_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"No kept\.csv in .*; expected a folder that `munjang clean` wrote"):
        rebuild(tmp_path)
    save(tmp_path, Corpus("c", "classification", LABELS, (Example("굿", "1", 2, "a"),)))
    kept = tmp_path / "kept.csv"
    kept.write_bytes(kept.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"kept\.csv was cut short or changed"):
        rebuild(tmp_path)
    kept.write_text("a,b\n", "utf-8")
    with pytest.raises(DataError, match=f"expected the columns {', '.join(KEPT_COLUMNS)}; found a, b"):
        rebuild(tmp_path)
