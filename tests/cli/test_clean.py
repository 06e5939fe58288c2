"""`munjang clean` as a user runs it."""

import csv

import pytest
from typer.testing import CliRunner

from munjang.cli import app
from munjang.data.cleaning.files import rebuild
from munjang.errors import ConfigError, DataError, UnknownName

ROWS = [
    ("정말 재밌어요", "긍정"),
    ("지루해요", "부정"),
    ("정말  재밌어요", "긍정"),
    ("", "부정"),
    ("최고!!!!!", "긍정"),
]
ROWS += [("별로", "부정"), ("별로", "긍정"), ("010-1234-5678로 연락 ㅋㅋㅋㅋ", "긍정"), ("다시는 안 봐", "부정")]


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("본문", "감정"), *ROWS])
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["clean", *map(str, arguments)], catch_exceptions=True)


def table(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_is_cleaned_with_a_report_that_can_rebuild_it(reviews, tmp_path):
    out = tmp_path / "out"
    result = run(reviews, "--text", "본문", "--label", "감정", "--out", out)
    assert result.exit_code == 0, result.output
    printed = [line.split() for line in result.output.splitlines()]
    for line in (["in", "the", "files", "9"], ["duplicate", "1", "7"], ["conflict", "2", "5"]):
        assert line in printed
    assert f"Wrote {out / 'kept.csv'} (5 rows) and {out / 'removed.csv'} (4 rows)." in result.output
    assert [row["text"] for row in table(out / "kept.csv")][:2] == ["정말 재밌어요", "지루해요"]
    assert [(row["line"], row["step"]) for row in table(out / "removed.csv")] == [
        ("5", "empty"), ("4", "duplicate"), ("7", "conflict"), ("8", "conflict"),
    ]  # fmt: skip
    assert [[(text, label) for _, text, label in rows] for rows in rebuild(out).values()] == [ROWS]


def test_the_flags_reach_the_cleaning(reviews, tmp_path):
    out = tmp_path / "out"
    flags = ("--fold-repeats", "--mask-personal", "--no-duplicates", "--conflicts", "keep-majority", "--steps", "nfc")
    assert run(reviews, "--text", "본문", "--label", "감정", "--out", out, *flags).exit_code == 0
    texts = [row["text"] for row in table(out / "kept.csv")]
    assert texts == [
        "정말 재밌어요",
        "지루해요",
        "정말  재밌어요",
        "최고!!",
        "〈전화번호〉로 연락 ㅋㅋ",
        "다시는 안 봐",
    ]
    assert "010-1234" not in (out / "kept.csv").read_text("utf-8-sig")


def test_kept_rows_can_be_trained_on_as_they_are(reviews, tmp_path):
    from munjang.data.readers.corpus import read_corpus

    run(reviews, "--text", "본문", "--label", "감정", "--out", tmp_path / "out")
    corpus = read_corpus(tmp_path / "out" / "kept.csv")
    assert [example.text for example in corpus.train][-1] == "다시는 안 봐"
    assert set(corpus.labels) == {"긍정", "부정"}


def test_texts_of_a_test_file_leave_train_and_stay_where_asked(reviews, tmp_path):
    test = tmp_path / "test.csv"
    test.write_text("본문,감정\n지루해요,부정\n다시는 안 봐,부정\n굿,긍정\n굿,긍정\n", "utf-8")
    arguments = (reviews, "--text", "본문", "--label", "감정", "--test", test)
    run(*arguments, "--out", tmp_path / "a")
    splits = [row["split"] for row in table(tmp_path / "a" / "kept.csv")]
    assert (splits.count("train"), splits.count("test")) == (3, 4)
    run(*arguments, "--no-leaks", "--clean-test", "--out", tmp_path / "b")
    splits = [row["split"] for row in table(tmp_path / "b" / "kept.csv")]
    assert (splits.count("train"), splits.count("test")) == (5, 3)


def test_a_folder_with_something_in_it_is_refused_without_overwrite(reviews, tmp_path):
    arguments = (reviews, "--text", "본문", "--label", "감정", "--out", tmp_path)
    error = run(*arguments).exception
    assert isinstance(error, ConfigError)
    assert str(error) == f"--out {tmp_path} is not empty. Name another folder, or add --overwrite."
    assert run(*arguments, "--overwrite").exit_code == 0
    assert reviews.exists()


def test_a_cleaning_report_never_overwrites_its_own_input(reviews, tmp_path):
    kept = reviews.rename(tmp_path / "kept.csv")
    error = run(kept, "--text", "본문", "--label", "감정", "--out", tmp_path, "--overwrite").exception
    assert isinstance(error, DataError) and "would be overwritten by its own cleaning report" in str(error)


@pytest.mark.parametrize(
    ("flags", "kind", "message"),
    [
        (("--steps", "lower"), UnknownName, "Unknown text step 'lower'"),
        (("--conflicts", "first"), ConfigError, "clean.conflicts is 'first'; it must be one of drop, keep-majority"),
        (("--outliers", "0"), ConfigError, "clean.outliers must be above 0"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(reviews, tmp_path, flags, kind, message):
    error = run(reviews, "--out", tmp_path / "out", *flags).exception
    assert isinstance(error, kind) and message in str(error)
    assert not (tmp_path / "out").exists()


def test_a_file_without_labels_is_cleaned(tmp_path):
    (tmp_path / "a.csv").write_text("본문\n좋아요\n\u110f\u110f\nㅋㅋ\n좋아요\n", encoding="utf-8")
    assert "kept.csv (2 rows)" in run(tmp_path / "a.csv", "--out", tmp_path / "c").stdout
    kept = table(tmp_path / "c" / "kept.csv")
    assert [(row["text"], row["label"]) for row in kept] == [("좋아요", ""), ("ㅋㅋ", "")]


def test_a_file_whose_labels_are_unclear_is_not_cleaned_without_asking(tmp_path):
    rows = "".join(f"글글글글 {n},{'ab'[n % 2]},{'xyz'[n % 3]}\n" for n in range(12))
    (tmp_path / "a.csv").write_text("본문,가,나\n" + rows, encoding="utf-8")
    done = run(tmp_path / "a.csv", "--out", tmp_path / "c")
    assert isinstance(done.exception, DataError) and "several columns could be the labels" in str(done.exception)
