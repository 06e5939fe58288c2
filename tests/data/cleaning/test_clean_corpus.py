"""Row steps and the report: which rows are removed, which are kept, and the reasons."""

import json

import pytest

from munjang.config.settings import CleanConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.errors import ConfigError
from munjang.records import Corpus, Example, LabelSet, Removed

LABELS = LabelSet(("부정", "긍정"), {"0": "부정", "1": "긍정", "negative": "부정"})


def corpus(train=(), validation=(), test=(), *, task="classification", labels=LABELS, rejected=()):
    """A corpus from (text, label) pairs; lines count from 2, as under a header."""

    def split(name, pairs):
        return tuple(Example(text, label, line, f"{name}.csv") for line, (text, label) in enumerate(pairs, 2))

    return Corpus(
        "reviews", task, labels, split("train", train), split("validation", validation), split("test", test),
        rejected=tuple(rejected),
    )  # fmt: skip


def texts(examples):
    return [example.text for example in examples]


def removed_by(cleaning_report, step):
    return [(row.line, row.reason) for row in cleaning_report.removed if row.step == step]


def test_kept_examples_carry_clean_texts_and_canonical_labels():
    before = corpus([(" 좋아요&amp;\u200b ", "1"), ("별로", "negative"), ("최고", "긍정")])
    after, cleaning_report = clean_corpus(before)
    assert [(e.text, e.label, e.line) for e in after.train] == [
        ("좋아요&", "긍정", 2), ("별로", "부정", 3), ("최고", "긍정", 4),
    ]  # fmt: skip
    assert after.train[2] is before.train[2]
    assert cleaning_report.changed == {"html": 1, "invisible": 1, "nfc": 0, "spaces": 1}
    assert cleaning_report.removed == ()


def test_empty_rows_go_and_the_reason_tells_whether_they_were_empty_before():
    _, cleaning_report = clean_corpus(corpus([("", "1"), ("\u3164\u200b", "1"), ("&nbsp;", "0"), ("굿", "1")]))
    left = "nothing left after the text steps"
    assert removed_by(cleaning_report, "empty") == [(2, "no text"), (3, left), (4, left)]


def test_labels_outside_the_set_go_from_every_split():
    after, cleaning_report = clean_corpus(
        corpus([("가", "3"), ("나", ""), ("다", None), ("라", "1")], test=[("마", "3"), ("바", "0")])
    )
    assert removed_by(cleaning_report, "label") == [
        (2, "label '3' is not in the set"), (3, "no label"), (4, "no label"), (2, "label '3' is not in the set"),
    ]  # fmt: skip
    assert texts(after.train) == ["라"] and texts(after.test) == ["바"]


def test_of_equal_texts_with_equal_labels_the_first_stays():
    after, cleaning_report = clean_corpus(corpus([("굿", "1"), ("별로", "0"), (" 굿 ", "긍정"), ("굿", "1")]))
    assert [e.line for e in after.train] == [2, 3]
    assert removed_by(cleaning_report, "duplicate") == [
        (4, "same text and label as line 2"), (5, "same text and label as line 2"),
    ]  # fmt: skip


def test_of_contradicting_rows_none_stays():
    after, cleaning_report = clean_corpus(corpus([("굿", "1"), ("별로", "0"), ("굿", "0"), ("굿", "1")]))
    assert texts(after.train) == ["별로"]
    assert removed_by(cleaning_report, "conflict") == [
        (2, "same text with another label on line 4 (2 × '긍정', 1 × '부정')"),
        (4, "same text with another label on line 2 (2 × '긍정', 1 × '부정')"),
    ]  # fmt: skip


def test_a_majority_keeps_its_first_row_and_counts_the_repeats_as_votes():
    rows = [("굿", "0"), ("굿", "1"), ("굿", "1"), ("음", "0"), ("음", "1")]
    after, cleaning_report = clean_corpus(corpus(rows), CleanConfig(conflicts="keep-majority"))
    assert [(e.line, e.label) for e in after.train] == [(3, "긍정")]
    assert [line for line, _ in removed_by(cleaning_report, "conflict")] == [2, 5, 6]


def test_repeats_stay_where_asked_but_contradictions_still_go():
    rows = [("굿", "1"), ("굿", "1"), ("음", "0"), ("음", "0"), ("음", "1")]
    after, cleaning_report = clean_corpus(corpus(rows), CleanConfig(duplicates=False))
    assert texts(after.train) == ["굿", "굿"]
    assert {step.step: step.removed["train"] for step in cleaning_report.steps}["duplicate"] is None
    after, _ = clean_corpus(corpus(rows), CleanConfig(duplicates=False, conflicts="keep-majority"))
    assert [e.line for e in after.train] == [2, 3, 4, 5]


def test_texts_of_the_test_split_leave_train_and_validation():
    before = corpus(
        [("가", "1"), ("나", "0"), ("다", "0"), ("라", "1")],
        [("나", "0"), ("마", "1"), ("바", "0")],
        [(" 가", "0"), ("마", "1"), ("사", "1")],
    )
    after, cleaning_report = clean_corpus(before)
    assert (texts(after.train), texts(after.validation), texts(after.test)) == (
        ["다", "라"],
        ["나", "바"],
        ["가", "마", "사"],
    )
    assert [(row.file, row.line, row.reason) for row in cleaning_report.removed] == [
        ("train.csv", 2, "same text in test, line 2 of test.csv"),
        ("train.csv", 3, "same text in validation, line 2 of validation.csv"),
        ("validation.csv", 3, "same text in test, line 3 of test.csv"),
    ]
    assert cleaning_report.found["train"].shared == {"validation": 1, "test": 1}
    assert len(clean_corpus(before, CleanConfig(leaks=False))[0].train) == 4


NOISY = [("굿", "1"), ("굿", "1"), ("음", "0"), ("음", "1"), ("", "1"), ("좋다", "1")]


def test_a_test_split_loses_only_empty_texts_and_its_noise_is_reported():
    after, cleaning_report = clean_corpus(corpus([("별로", "0")], test=NOISY))
    assert len(after.test) == 5
    found = cleaning_report.found["test"]
    assert (found.rows, found.empty, found.duplicates, found.conflicts, found.shared) == (6, 1, 2, 1, {"train": 0})
    assert "The test split lost only empty texts" in str(cleaning_report)


def test_a_test_split_is_cleaned_like_train_where_asked():
    after, cleaning_report = clean_corpus(corpus([("별로", "0")], test=NOISY), CleanConfig(clean_test=True))
    assert texts(after.test) == ["굿", "좋다"]
    assert "The test split was cleaned like train" in str(cleaning_report)


def test_outliers_are_longer_than_the_third_quartile_and_k_times_the_range():
    lengths = [10, 12, 14, 16, 18, 100]  # Q1 12.5, Q3 17.5
    rows = [("가" * (n - 1) + str(i), "01"[i % 2]) for i, n in enumerate(lengths)]
    _, cleaning_report = clean_corpus(corpus(rows, [("나" * 33, "1"), ("나" * 32, "1")]), CleanConfig(outliers=3))
    assert cleaning_report.outlier_limit == 32.5
    assert removed_by(cleaning_report, "outlier") == [
        (7, "100 characters, the limit is 32.5"),
        (2, "33 characters, the limit is 32.5"),
    ]
    assert len(clean_corpus(corpus(rows))[0].train) == 6
    assert "Q3 + 3 × (Q3 − Q1) = 32.5 characters" in str(cleaning_report)


def test_label_sets_contradict_only_where_they_differ_and_none_of_them_is_a_label():
    labels = LabelSet(("분노", "기쁨", "슬픔"))
    rows = [
        ("가", ("기쁨", "분노")),
        ("가", ("분노", "기쁨")),
        ("나", ()),
        ("다", ("기쁨",)),
        ("다", ()),
        ("라", ("놀람", "기쁨")),
    ]
    after, cleaning_report = clean_corpus(corpus(rows, task="multi-label", labels=labels))
    assert [(e.text, e.label) for e in after.train] == [("가", ("분노", "기쁨")), ("나", ())]
    assert [row.step for row in cleaning_report.removed] == ["label", "duplicate", "conflict", "conflict"]
    assert cleaning_report.removed[0].label == "놀람|기쁨"


def test_rows_that_the_reader_rejected_are_in_the_report():
    rejected = [
        Removed("train.csv", 9, "깨진 줄", "", "read", "1 field"),
        Removed("test.csv", 3, "x", "3", "map", "not mapped"),
    ]
    after, cleaning_report = clean_corpus(corpus([("가", "1")], test=[("나", "0")], rejected=rejected))
    assert cleaning_report.rows_before == {"train": 2, "test": 2}
    assert cleaning_report.rows_after == {"train": 1, "test": 1}
    assert [(s.step, dict(s.removed)) for s in cleaning_report.steps[:2]] == [
        ("read", {"train": 1, "test": 0}), ("read: map", {"train": 0, "test": 1}),
    ]  # fmt: skip
    assert cleaning_report.removed == tuple(rejected) and after.rejected == ()


def test_nothing_personal_is_left_in_corpus_or_report():
    rows = [
        ("010-1234-5678 연락", "1"), ("010-1234-5678 연락", "1"), ("010\u200b-1234-&#53;678", "5"),
        ("a@b.kr", "a@b.kr"),
    ]  # fmt: skip
    rejected = [Removed("train.csv", 9, "줄 900101-1234567", "", "read", "bad: 02-123-4567")]
    after, cleaning_report = clean_corpus(
        corpus(rows, rejected=rejected), CleanConfig(steps=("nfc", "invisible", "html", "mask_personal"))
    )
    assert texts(after.train) == ["〈전화번호〉 연락"]
    assert [(row.text, row.label) for row in cleaning_report.removed] == [
        ("줄 〈주민번호〉", ""), ("〈전화번호〉", "5"), ("〈이메일〉", "〈이메일〉"), ("〈전화번호〉 연락", "1"),
    ]  # fmt: skip
    assert "1234" not in repr(cleaning_report.removed) and "a@b" not in repr(cleaning_report.removed)


def test_the_report_prints_as_an_aligned_table_with_thousands_separators():
    rows = [(f"리뷰 {i}", "01"[i % 2]) for i in range(1500)] + [("리뷰 1", "1"), ("", "0")]
    lines = str(clean_corpus(corpus(rows, test=[("시험", "1")]))[1]).splitlines()
    assert lines[1].split("  ")[0] == "step"
    assert [line.split() for line in lines[3:7]] == [
        ["in", "the", "files", "1,502", "1"],
        ["read", "0", "1,502", "0", "1"],
        ["empty", "1", "1,501", "0", "1"],
        ["label", "0", "1,501", "0", "1"],
    ]
    assert len({line.rindex("1") for line in lines[3:9]}) == 1


def test_the_report_becomes_json_without_texts():
    cleaning_report = clean_corpus(corpus([("굿", "1"), ("굿", "1")]))[1]
    values = json.loads(json.dumps(cleaning_report.to_dict()))
    assert values["rows_before"] == {"train": 2} and values["rows_after"] == {"train": 1}
    assert values["steps"][3] == {"step": "duplicate", "removed": {"train": 1}, "left": {"train": 1}}
    assert values["config"]["conflicts"] == "drop"
    assert "굿" not in json.dumps(values, ensure_ascii=False)


def test_a_label_that_cleaning_used_up_is_named():
    assert "No row of train is left with the label 부정." in str(clean_corpus(corpus([("가", "1"), ("나", "3")]))[1])


def test_examples_from_no_file_are_told_apart_by_split_and_number():
    before = Corpus("mine", "classification", LABELS, (Example("", "1"), Example("굿", "1"), Example("굿", "1")))
    removed = clean_corpus(before)[1].removed
    assert [(row.file, row.line) for row in removed] == [("mine/train", 1), ("mine/train", 3)]
    assert removed[1].reason == "same text and label as line 2"


def test_texts_without_a_label_set_are_cleaned_too():
    before = Corpus("lines", "classification", LabelSet(()), (Example("가"), Example("가 "), Example("나")))
    assert texts(clean_corpus(before)[0].train) == ["가", "나"]


def test_a_corpus_without_rows_has_a_report():
    _, cleaning_report = clean_corpus(corpus(rejected=[Removed("a.csv", 2, "x", "", "read", "bad")]))
    assert cleaning_report.rows_before == {"train": 1} and cleaning_report.rows_after == {"train": 0}
    assert "in the files" in str(cleaning_report)


def test_an_unknown_text_step_is_refused():
    with pytest.raises(ConfigError, match=r"clean\.steps: Unknown text step 'lower'"):
        clean_corpus(corpus([("가", "1")]), CleanConfig(steps=("lower",)))


@pytest.mark.corpora
def test_the_known_noise_of_3i4k_is_found(data_dir):
    def read(name):
        lines = (data_dir / "kor_3i4k" / name).read_text(encoding="utf-8").splitlines()
        return [tuple(reversed(line.split("\t", 1))) for line in lines]

    before = corpus(read("fci_train_val.txt"), test=read("fci_test.txt"), labels=LabelSet(tuple("0123456")))
    found = clean_corpus(before, CleanConfig(steps=()))[1].found
    assert (found["train"].duplicates, found["train"].conflicts, found["train"].shared["test"]) == (3307, 186, 576)
