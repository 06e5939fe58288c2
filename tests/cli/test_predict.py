"""`munjang predict` as a user meets it: what is printed where, for a text, for lines, for a file."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner
from word_models import Words

import munjang as mj
from munjang.cli import app
from munjang.errors import ConfigError, DataError
from munjang.inference.confidence import CONFIDENCE
from munjang.metrics.shares import corrected_shares


@pytest.fixture
def predict(monkeypatch):
    monkeypatch.setattr("munjang.inference.predictor.load", lambda folder, **options: Words())

    def run(*arguments, stdin=b""):
        return CliRunner().invoke(app, ["predict", "model", *map(str, arguments)], input=stdin)

    return run


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("제품,본문\n가,좋아요\n나,별로\n가,\n", encoding="cp949")
    return path


def test_a_text_gets_its_label_and_score(predict):
    assert predict("정말 좋아요").stdout == "긍정\t0.9000\n"
    assert predict("정말 좋아요/나빠요").stdout == "긍정\t0.9000\n"


def test_an_empty_text_has_no_score_wherever_it_comes_from(predict):
    assert predict("").stdout == "(empty)\t\n"
    assert predict(stdin=b"\n").stdout == "(empty)\t\t\n"
    alone, line = predict("", "--json").stdout, predict("--json", stdin=b"\n").stdout
    assert json.loads(line) == {"line": 1, **json.loads(alone)}


def test_a_long_text_is_no_file_name(predict):
    assert predict("정말 좋아요 " * 500).stdout == "긍정\t0.9000\n"


def test_all_scores_of_a_text(predict):
    assert predict("좋아요", "--scores", "all").stdout == "긍정\t0.9000\n  긍정\t0.9000\n  부정\t0.1000\n"


def test_a_text_below_the_minimum_score_is_held(predict):
    assert predict("별로", "--min-score", "0.85").stdout == "보류\t0.8000\n"


def test_lines_come_out_one_for_one(predict):
    lines = "좋아요\n\n별로\n".encode() + "좋다\n".encode("cp949") + b"\xff\xff\n" + "끝".encode()
    printed = predict("-", stdin=lines).stdout.splitlines()
    assert [line.split("\t")[0] for line in printed] == ["긍정", "(empty)", "부정", "긍정", "(unusable)", "부정"]
    assert printed[3].split("\t") == ["긍정", "0.9000", "좋다"]


def test_lines_as_json(predict):
    printed = [json.loads(line) for line in predict("--json", stdin="좋아요\n\n".encode()).stdout.splitlines()]
    assert printed[0] == {
        "line": 1, "text": "좋아요", "label": "긍정", "score": 0.9, "scores": {"긍정": 0.9, "부정": 0.1}, "note": "",
        "suggested": "긍정", "reason": "",
    }  # fmt: skip
    assert (printed[1]["label"], printed[1]["note"]) == (None, "empty")


def test_lines_in_a_named_encoding(predict):
    assert predict("--encoding", "utf-16", stdin="좋아요\n별로".encode("utf-16")).stdout.count("\t") == 4


def test_a_file_is_written_with_its_columns_found_out_and_said(predict, reviews, tmp_path, caplog):
    caplog.set_level("INFO", "munjang")
    result = predict(reviews, "--out", tmp_path / "b.csv", "--by", "제품")
    assert result.exception is None
    assert result.stdout.splitlines()[2].split() == ["가", "2", "0.0%", "50.0%", "50.0%"]
    written = (tmp_path / "b.csv").read_text(encoding="utf-8-sig").splitlines()
    assert written[1] == "가,좋아요,긍정,0.9,0.1,0.9,,긍정,"
    for part in ("cp949, comma delimiter", "texts in column 본문", "3 rows predicted, 1 empty"):
        assert part in caplog.text


def test_a_file_without_out_is_printed(predict, reviews):
    assert predict(reviews, "--keep", "긍정").stdout == "긍정\t0.9000\t좋아요\n"
    assert predict(reviews, "--by", "제품").stdout.split()[:5] == ["제품", "rows", "부정", "긍정", "(none)"]


def test_a_folder_of_texts_is_printed(predict, tmp_path):
    (tmp_path / "모음").mkdir()
    (tmp_path / "모음" / "1.txt").write_text("좋아요\n두 줄", encoding="utf-8")
    assert predict(tmp_path).stdout == "긍정\t0.9000\t좋아요 두 줄\n"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["none.csv"], DataError, r"No file none\.csv"),
        (["./none"], DataError, r"No file \./none"),
        (["글", "--scores", "some"], ConfigError, "--scores is 'some'; it must be all or best"),
        (["글", "--out", "b.csv"], ConfigError, "not for a single text"),
        (["글", "--threshold", "0.3"], ConfigError, "use --min-score"),
        (["-", "--out", "b.doc"], DataError, "cannot tell the kind of file"),
        (["글", "--keep", "중립"], DataError, "Unknown label '중립'"),
    ],
)
def test_slips_are_one_line(predict, arguments, error, message):
    with pytest.raises(error, match=message):
        raise predict(*arguments).exception


def test_an_output_that_is_the_input_is_refused_and_stays_as_it_is(predict, reviews):
    before = reviews.read_bytes()
    assert "is the input file itself" in str(predict(reviews, "--out", reviews, "--overwrite").exception)
    assert reviews.read_bytes() == before


def test_the_verb_is_imported_without_heavy_packages():
    script = (
        "import sys, munjang.cli.predict, munjang.inference.files.predict, munjang.data.readers.corpus;"
        "heavy = {'torch', 'transformers', 'sklearn', 'pandas', 'pyarrow', 'openpyxl'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


def test_shares_by_group_are_corrected_where_the_model_knows_its_errors(tmp_path):
    from linear_models import reviews

    folder, path = reviews(tmp_path), tmp_path / "a.csv"
    rows = ["제품,본문", *(f"가,정말 재밌고 좋았어요 {n}" for n in range(30)), *(f"나,별로예요 {n}" for n in range(20))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    lines = CliRunner().invoke(app, ["predict", str(folder), str(path), "--by", "제품"]).stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:4]] == [["가", "30"], ["나", "20"]]
    assert lines[5] == "Corrected for the model's errors on 64 validation sentences:"
    model = mj.load(folder)
    of_first = model.probabilities([row.partition(",")[2] for row in rows[1:31]])
    expected = corrected_shares(of_first.round(7), model.held_out.confusion(2).sum(axis=1))
    assert [cell.strip() for cell in lines[8].split("  ") if cell][1:] == [str(share) for share in expected]
    (folder / CONFIDENCE).unlink()
    manifest = json.loads((folder / "munjang.json").read_text("utf-8"))
    del manifest["files"][CONFIDENCE]
    (folder / "munjang.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "Corrected" not in CliRunner().invoke(app, ["predict", str(folder), str(path), "--by", "제품"]).stdout
