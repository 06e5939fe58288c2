"""`munjang corpora` as a user meets it."""

import json
import subprocess
import sys
import time

import pytest
from hub_standin import HubStandin
from typer.testing import CliRunner

from munjang.cli import app
from munjang.data.corpora.suites import KLUE_SUITE
from munjang.data.corpora.table import CORPORA
from munjang.errors import ConfigError, DataError, FetchError, UnknownName
from munjang.tables import display_width


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("MUNJANG_DATA", raising=False)


def run(*arguments: str) -> str:
    """What the command prints; its errors are raised as they are."""
    result = CliRunner().invoke(app, ["corpora", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_lists_every_corpus_aligned_in_a_terminal():
    lines = run().splitlines()
    header, rows = lines[0], lines[2 : 2 + len(CORPORA)]
    assert [line.split()[0] for line in rows] == list(CORPORA)
    column = header.index("licence")
    for line, row in zip(rows, CORPORA.values(), strict=True):
        before = line[: line.rindex(row.licence)]
        assert display_width(before) == column
    assert "200,000" in rows[0] and "부정, 긍정" in rows[0] and "CC0 1.0" in rows[0]


def test_the_table_can_be_narrowed_by_task_and_language():
    def names(*arguments):
        return [item["name"] for item in json.loads(run("--json", *arguments))]

    assert names("--task", "multi-label") == ["kmhas", "kote"]
    assert names("--task", "sentiment") == ["nsmc", "sample:sentiment"]
    assert "langid" in names("--language", "ko") and names("--language", "fi") == ["langid"]
    with pytest.raises(UnknownName, match=r"Unknown task 'sentimnt'\. Did you mean sentiment\?"):
        run("--task", "sentimnt")
    assert "--hub xx" in run("--language", "xx")


def test_the_json_table_has_the_label_names_and_rows_of_each_split():
    first = json.loads(run("--json"))[0]
    assert first["labels"] == ["부정", "긍정"] and first["splits"] == {"train": 150_000, "test": 50_000}


def test_the_klue_suite_is_introduced_with_what_munjang_trains():
    printed = run("--suite", "KLUE")
    for task in KLUE_SUITE.tasks:
        assert task.name in printed and task.asks in printed and task.metric in printed
    assert len(KLUE_SUITE.tasks) == 8 and {task.corpus for task in KLUE_SUITE.tasks} == {"ynat", ""}
    assert "munjang trains: ynat (munjang train ynat). Not: sts, nli" in printed
    assert len(json.loads(run("--suite", "klue", "--json"))["tasks"]) == 8
    with pytest.raises(UnknownName, match="Unknown suite 'glue'"):
        run("--suite", "glue")


def test_the_hub_listing_says_which_datasets_munjang_knows(monkeypatch):
    with HubStandin(tags={"e9t/nsmc": ["language:ko", "license:cc0-1.0"], "some/other": ["language:ko"]}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        printed = run("--hub", "ko").splitlines()
        assert printed[2].split() == ["e9t/nsmc", "1,000", "cc0-1.0", "-", "nsmc"]
        assert "2 datasets in 'ko'" in printed[-1]
        assert [item["munjang"] for item in json.loads(run("--hub", "ko", "--json"))] == ["nsmc", None]
        assert "more with --limit 10" in run("--hub", "ko", "--limit", "1")
    with pytest.raises(FetchError, match=r"could not be asked \(ConnectError"):
        run("--hub", "ko")


def test_a_card_has_provenance_and_numbers():
    printed = run("sample:sentiment")
    assert "Written for munjang" in printed and "licence CC0 1.0" in printed
    assert "labels: 부정 (0, negative); 긍정 (1, positive)" in printed
    for words in ("duplicates", "texts with two labels", "not NFC", "without Hangul", "Shared by train and test"):
        assert words in printed


def test_a_card_can_show_one_split_and_be_json():
    stats = json.loads(run("sample:topic", "--split", "test", "--json"))["stats"]
    assert list(stats["splits"]) == ["test"]
    with pytest.raises(DataError, match=r"sample:topic has no validation split; it has train, test"):
        run("sample:topic", "--split", "validation")


def test_the_plot_is_one_png_with_both_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    run("sample:topic", "--plot", str(tmp_path / "topic.png"))
    picture = image.open(tmp_path / "topic.png")
    assert picture.format == "PNG" and picture.height > 800 and picture.width > 800


@pytest.mark.parametrize("name", ["topic.jpg", "nowhere/topic.png"])
def test_a_plot_that_cannot_be_written_is_refused_before_the_work(tmp_path, name):
    with pytest.raises(ConfigError, match=r"topic\.png"):
        run("sample:topic", "--plot", str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def tokenizer(tmp_path, *, lowercase: bool):
    """A small WordPiece tokenizer in a folder; one that lower-cases also strips accents, as BERT's does by default."""
    from tokenizers import BertWordPieceTokenizer

    made = BertWordPieceTokenizer(lowercase=lowercase)
    made.train_from_iterator(
        ["정말 재미있는 영화", "한국어 문장"], vocab_size=200, min_frequency=1, show_progress=False
    )
    folder = tmp_path / ("lower" if lowercase else "cased")
    folder.mkdir()
    made.save(str(folder / "tokenizer.json"))
    return folder


def test_a_tokenizer_adds_its_numbers_and_an_alarm_where_hangul_is_broken(tmp_path):
    printed = run("sample:sentiment", "--tokenizer", str(tokenizer(tmp_path, lowercase=True)))
    assert "ALARM: this tokenizer breaks Hangul into jamo" in printed and "truncated at 128" in printed
    printed = run("sample:sentiment", "--tokenizer", str(tokenizer(tmp_path, lowercase=False)))
    assert "breaks Hangul" not in printed and "tokens per text, mean" in printed


def test_a_tokenizer_that_cannot_be_downloaded_is_said_at_once(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(
        FetchError, match=r"nobody/nothing is not in .*, and the hub at http://127\.0\.0\.1:9 does not ans"
    ):
        run("sample:topic", "--tokenizer", "nobody/nothing")
    assert time.monotonic() - start < 10  # the client itself tries for half a minute
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE is set: unset it to download, or name a folder"):
        run("sample:topic", "--tokenizer", "nobody/nothing")


def test_a_tokenizer_that_is_none_is_refused_in_one_line(tmp_path):
    tmp_path.joinpath("tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="is not a tokenizer") as caught:
        run("sample:topic", "--tokenizer", str(tmp_path))
    assert "\n" not in str(caught.value)


def test_flags_of_a_card_need_a_corpus():
    result = CliRunner().invoke(app, ["corpora", "--split", "train"])
    assert result.exit_code == 2 and "needs a corpus" in result.output


def test_listing_the_table_loads_no_heavy_library():
    code = (
        "import sys; sys.argv = ['munjang', 'corpora', '--json']\n"
        "from munjang.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'matplotlib', 'huggingface_hub', 'pandas', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1] == "[]"
