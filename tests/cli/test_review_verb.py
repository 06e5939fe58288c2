"""`munjang review`: a file in, a table to edit out, and the way back into training."""

import csv

import pytest
from typer.testing import CliRunner

from munjang.cli import app
from munjang.errors import ConfigError, DataError

WORDS = (("좋아요", "긍정"), ("최고예요", "긍정"), ("별로예요", "부정"), ("최악이에요", "부정"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file of 96 reviews, and a wrong label on its line 10."""
    rows = [(f"{n}번 영화 {word}", label) for n in range(24) for word, label in WORDS]
    rows[8] = (rows[8][0], "부정")
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    path.write_text("본문,감정\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_a_review_is_written_edited_and_given_back(source, tmp_path):
    out = tmp_path / "review.csv"
    printed = run("review", source, "--text", "본문", "--label", "감정", "--out", out, "--top", 2)
    assert printed.splitlines()[2].split()[:6] == ["10", "2번", "영화", "좋아요", "부정", "긍정"]
    assert "The models agree with 99% of 96 labels. About 1 looks wrong, most often 부정 given for 긍정 (1)" in printed
    assert f"munjang train {source} --text 본문 --label 감정 --fixes {out} --out …" in printed
    assert not [path for path in tmp_path.iterdir() if path != out]
    rows = list(csv.DictReader(out.open(encoding="utf-8-sig")))
    assert rows[0]["fix"] == "" and rows[0]["why"] == "좋아요"
    rows[0]["fix"] = rows[0]["suggestion"]
    with out.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(reversed(rows))
    printed = run("clean", source, "--fixes", out, "--out", tmp_path / "cleaned")
    assert "1 label changed; 1 other rows." in printed
    kept = {row["line"]: row for row in csv.DictReader((tmp_path / "cleaned" / "kept.csv").open(encoding="utf-8-sig"))}
    assert (kept["10"]["label"], kept["10"]["original_label"]) == ("긍정", "부정")
    printed = run("train", source, "--fixes", out, "--backbone", "linear", "--no-report", "--out", tmp_path / "model")
    assert "1 label changed; 1 other rows." in printed


def test_sure_suggestions_are_filled_in_on_demand(source, tmp_path):
    pytest.importorskip("openpyxl")
    from openpyxl import load_workbook

    out = tmp_path / "review.xlsx"
    run("review", source, "--out", out, "--top", 2, "--accept", "0.5")
    header, first, second = load_workbook(out).active.values
    assert header[-1] == "fix" and (first[1], first[-1]) == (10, "긍정") and second[-1] is None


def test_without_a_file_the_table_says_how_to_write_one(source):
    assert run("review", source).endswith("Write them all into a file to edit: --out review.xlsx\n")


def test_what_is_wrong_is_said_before_the_work(source, tmp_path):
    taken = tmp_path / "taken.csv"
    taken.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"exists. Say --overwrite"):
        run("review", source, "--out", taken)
    with pytest.raises(ConfigError, match="name a file with --out"):
        run("review", source, "--accept", "0.9")
    with pytest.raises(DataError, match="Unknown split 'tset'"):
        run("review", source, "--split", "tset")


def test_fixes_are_for_one_corpus(source, tmp_path):
    with pytest.raises(ConfigError, match="--fixes is for one corpus"):
        run("train", f"a={source}", f"b={source}:감정", "--fixes", "r.csv", "--out", tmp_path / "m")
