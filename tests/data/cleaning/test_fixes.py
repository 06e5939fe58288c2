"""A review file that was edited: its labels come into the corpus, and what cannot is said, row by row."""

import csv

import pytest

import munjang as mj
from munjang.data.cleaning.fixes import REVIEW_COLUMNS
from munjang.errors import DataError
from munjang.records import Corpus, Example, LabelSet

ROWS = [
    ("배송 빨라요", "긍정"),
    ("=별로", "긍정"),
    ("다시 안 사요", "부정"),
    ("좋아요", "긍정"),
    ("좋아요", "긍정"),
]


def corpus(rows=ROWS, first=2, task="classification", names=("부정", "긍정")):
    examples = [Example(text, label, line, "data/a.csv") for line, (text, label) in enumerate(rows, start=first)]
    return Corpus("a", task, LabelSet(names, {"0": names[0]}), train=examples[:3], test=examples[3:])


def review_file(path, *fixes, columns=REVIEW_COLUMNS):
    """A review file with rows (line, text, label, fix)."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(
            ["data/a.csv", line, text, label, "", 0.9, "", "train", fix] for line, text, label, fix in fixes
        )
    return path


def labels_after(path, given=None):
    """The labels of all rows after the fixes, and what became of these."""
    fixed, report = mj.apply_fixes(given or corpus(), path)
    return [item.label for split in (fixed.train, fixed.test) for item in split], report


def test_a_written_label_replaces_the_old_one_and_an_empty_cell_keeps_it(tmp_path):
    path = review_file(
        tmp_path / "r.csv",
        (2, "배송 빨라요", "긍정", ""),
        (3, "'=별로", "긍정", " 부정 "),
        (4, "다시 안 사요", "부정", "부정"),
        (6, "좋아요", "긍정", "0"),
    )
    labels, report = labels_after(path)
    assert labels == ["긍정", "부정", "부정", "긍정", "부정"]  # an alias is understood, and the apostrophe of CSV
    assert [(item.file, item.line, item.old, item.new) for item in report.changes] == [
        ("data/a.csv", 3, "긍정", "부정"), ("data/a.csv", 6, "긍정", "부정"),
    ]  # fmt: skip
    assert (report.kept, report.problems) == (2, ())
    assert corpus().train[1].label == "긍정"


def test_rows_that_were_reordered_or_moved_to_another_file_are_found_by_their_text(tmp_path):
    path = review_file(tmp_path / "r.csv", (2, "다시 안 사요", "부정", "긍정"), (9, "배송 빨라요", "긍정", "부정"))
    labels, report = labels_after(path)
    assert labels[:3] == ["부정", "긍정", "긍정"] and not report.problems
    assert [item.line for item in report.changes] == [4, 2]
    moved = [Example(item.text, item.label, item.line, "elsewhere/b.csv") for item in corpus().train]
    assert labels_after(path, corpus().with_splits(train=moved))[0][:3] == ["부정", "긍정", "긍정"]


def test_what_cannot_be_used_is_said_line_by_line_and_the_rest_is_done(tmp_path):
    path = review_file(
        tmp_path / "r.csv",
        (2, "배송 빨라요", "긍정", "보통"),
        (9, "좋아요", "긍정", "부정"),
        (3, "없는 글", "긍정", "부정"),
        (70, "없는 글", "긍정", "부정"),
        (4, "다시 안 사요", "긍정", "긍정"),
        (3, "=별로", "긍정", "부정"),
        (5, "좋아요", "긍정", "부정"),
        (5, "좋아요", "긍정", "중립"),
        (6, "좋아요", "긍정", "부정"),
    )
    labels, report = labels_after(path, corpus(names=("부정", "긍정", "중립")))
    assert labels == ["긍정", "부정", "부정", "긍정", "부정"]
    assert set(report.problems) == {
        "r.csv, line 2: unknown label '보통'. The labels here are 부정, 긍정, 중립.",
        "r.csv, line 3: 2 rows have the text '좋아요', and their lines have changed.",
        "r.csv, line 4: the text of line 3 of data/a.csv is now '=별로', not '없는 글'.",
        "r.csv, line 5: a has no row with the text '없는 글'.",
        "r.csv, line 9: r.csv, line 8 gives the same row another label.",
    }


def test_a_label_that_has_changed_since_the_review_is_kept(tmp_path):
    three = corpus(names=("부정", "긍정", "중립"))
    __, report = labels_after(review_file(tmp_path / "r.csv", (2, "배송 빨라요", "부정", "중립")), three)
    assert report.problems == ("r.csv, line 2: its label was '부정' and is now '긍정'.",)
    __, report = labels_after(review_file(tmp_path / "r.csv", (2, "배송 빨라요", "부정", "긍정")), three)
    assert (report.problems, report.kept) == ((), 1)  # somebody wrote the same label into the source


def test_of_several_labels_a_cell_holds_all_and_a_dash_none(tmp_path):
    rows = [("가", ("욕설",)), ("나", ("비난",)), ("다", ()), ("라", ()), ("마", ())]
    given = corpus(rows, task="multi-label", names=("욕설", "비난"))
    path = review_file(
        tmp_path / "r.csv", (2, "가", "욕설", "비난|욕설"), (3, "나", "비난", "-"), (4, "다", "-", "비난")
    )
    labels, report = labels_after(path, given)
    assert labels[:3] == [("욕설", "비난"), (), ("비난",)] and not report.problems
    assert [(item.old, item.new) for item in report.changes] == [("욕설", "욕설|비난"), ("비난", "-"), ("-", "비난")]


def test_a_file_that_is_no_review_is_refused(tmp_path):
    (tmp_path / "r.csv").write_text("text,label\n가,긍정\n나,부정\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has no column file\. A review file has the columns file, line, text"):
        mj.apply_fixes(corpus(), tmp_path / "r.csv")
    with pytest.raises(DataError, match="No file"):
        mj.apply_fixes(corpus(), tmp_path / "absent.csv")


def test_cleaning_puts_fixes_in_before_duplicates_are_looked_for(tmp_path):
    rows = [("좋아요", "긍정"), ("좋아요", "부정"), ("별로", "부정"), ("가", "긍정"), ("나", "긍정")]
    path = review_file(tmp_path / "r.csv", (3, "좋아요", "부정", "긍정"), (9, "없는 글", "긍정", "부정"))
    cleaned, report = mj.clean_corpus(corpus(rows), mj.CleanConfig(fixes=str(path)))
    assert [(item.text, item.label) for item in cleaned.train] == [("좋아요", "긍정"), ("별로", "부정")]
    assert [(row.step, row.line) for row in report.removed] == [("duplicate", 3)]
    assert f"Fixes of {path}: 1 label changed; 1 other rows." in str(report)
    assert "data/a.csv     3  부정  긍정" in str(report) and "1 fix was not used:" in str(report)
    assert list(report.to_dict()["fixes"]["changes"]) == [
        {"file": "data/a.csv", "line": 3, "old": "부정", "new": "긍정"}
    ]
    without, report = mj.clean_corpus(corpus(rows))
    assert len(without.train) == 1 and "fixes" not in report.to_dict()


def test_contradictions_can_be_kept():
    rows = [("좋아요", "긍정"), ("좋아요", "부정"), ("별로", "부정"), ("가", "긍정"), ("나", "긍정")]
    cleaned, __ = mj.clean_corpus(corpus(rows), mj.CleanConfig(conflicts="keep"))
    assert len(cleaned.train) == 3
