"""Options that several verbs share: none is taken in silence where it can do nothing."""

import pytest
from typer.testing import CliRunner

from munjang.cli import app, options
from munjang.config.settings import CleanConfig, ReadOptions
from munjang.data.readers.corpus import read_corpus
from munjang.errors import ConfigError, DataError

CSV = "본문,감정\n좋아요,긍정\n최고예요,긍정\n싫어요,부정\n별로예요,부정\n"


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--test", "my.csv"), ("--validation", "my.csv"), ("--text", "본문"), ("--labels", "부정,긍정"),
     ("--map", "1=부정"), ("--multi-label", "|"), ("--header-row", "2")],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["clean", "train"])
def test_a_flag_for_files_is_refused_for_a_corpus_of_the_table(verb, flag, value, tmp_path):
    words = [verb, "sample:sentiment", flag, value, "--out", str(tmp_path / "out")]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, ConfigError)
    assert str(error).startswith(f"{flag} is for a file of your own; sample:sentiment comes with")
    assert not (tmp_path / "out").exists()


def test_an_outlier_limit_of_zero_is_refused_and_not_taken_as_none():
    with pytest.raises(ConfigError, match="above 0, found 0"):
        options.change_cleaning(
            CleanConfig(), fold_repeats=False, mask_personal=False, conflicts=None, outliers=0.0, clean_test=False,
            fixes=None,
        )  # fmt: skip


def test_a_slip_is_answered_in_python_and_on_the_command_line_with_what_can_be_given_there(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(CSV, encoding="utf-8")
    words = ["clean", str(path), "--text", "글", "--out", str(tmp_path / "out")]
    in_shell = CliRunner().invoke(app, words).exception
    with pytest.raises(DataError) as in_python:
        read_corpus(path, text="글")
    assert str(in_shell).endswith("it has 본문, 감정. Did you mean --text 본문 --label 감정?")
    assert str(in_python.value).endswith('it has 본문, 감정. Did you mean text="본문", label="감정"?')


def test_a_map_that_fits_no_row_says_what_the_rows_have(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(CSV, encoding="utf-8")
    with pytest.raises(DataError, match="line 2: '긍정' is not among the values of map=…"):
        read_corpus(path, options=ReadOptions(map="1,2=나쁨;4,5=좋음"))


def test_the_listing_of_labels_leaves_out_those_that_do_not_occur(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(CSV, encoding="utf-8")
    corpus = read_corpus(path, options=ReadOptions(labels=("부정", "긍정", "negative")))
    assert f"{path}: labels 부정 2, 긍정 2" in corpus.card.notes
