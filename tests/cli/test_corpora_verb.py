"""`munjang corpora` as a user meets it."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

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


ROWS = """번호,제목,본문,감정,작성일
1,문의,"배송이 빨라요, 010-1234-5678",긍정,2024-03-01
2,문의,포장이 찢어져서 왔네요,부정,2024-03-02
3,문의,연락은 a.b@naver.com,부정 ,2024-03-03
4,문의,색이 예뻐요,긍정,2024-03-04
5,문의,색이 예뻐요,긍정,2024-03-04
6,문의,그냥 그래요,Positive,2024-03-04
7,문의,그냥 그래요 음,,2024-03-04
8,문의,글쎄요,positive,2024-03-04
"""


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my reviews.csv").write_text(ROWS, encoding="cp949")
    return "my reviews.csv"


def test_a_file_is_looked_at_with_its_labels_columns_and_personal_data(reviews):
    printed = run(reviews)
    assert printed.startswith("my reviews: classification, 4 labels\n")
    for words in (
        "cp949, comma delimiter", "texts in column 본문 (by its name", "labels in column 감정", "duplicates" + " " * 15,
        "'부정 ' (1) = '부정'",
        "'Positive' (1) – 'positive' (1). If they are one: --map '긍정=긍정;부정=부정;Positive,positive",
        "전화번호 1, 이메일 1. --mask-personal masks it", "without a label            1",
    ):  # fmt: skip
        assert words in printed
    table = printed.partition("used as\n")[2].splitlines()[1:6]
    assert [line.split()[:3] for line in table] == [
        ["번호", "8", "8"], ["제목", "8", "1"], ["본문", "8", "7"], ["감정", "7", "4"], ["작성일", "8", "4"],
    ]  # fmt: skip
    assert table[2].endswith("texts") and table[3].endswith("labels") and "010-1234" not in printed
    assert printed.endswith(
        "Next:\n"
        "  munjang clean 'my reviews.csv' --text 본문 --label 감정 --mask-personal --out 'cleaned/my reviews'\n"
        "  munjang train 'my reviews.csv' --text 본문 --label 감정 --mask-personal --baseline --out 'runs/my reviews'\n"
    )


def test_the_next_commands_work_as_they_are_printed(reviews):
    look = json.loads(run(reviews, "--json", "--encoding", "cp949"))
    first, second = look["file"]["next"]
    assert "--encoding cp949" in first and look["stats"]["splits"]["train"]["rows"] == 8
    assert CliRunner().invoke(app, shlex.split(first)[1:], catch_exceptions=False).exit_code == 0
    assert CliRunner().invoke(app, [*shlex.split(second)[1:], "--help"]).exit_code == 0
    assert look["file"]["personal"] == {"전화번호": 1, "이메일": 1}
    assert [column["role"] for column in look["file"]["columns"]] == ["", "", "text", "label", ""]


def test_a_file_without_labels_is_looked_at_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("배송이 빨라요\n포장이 좋아요\n배송이 빨라요\n", encoding="utf-8")
    printed = run("texts.txt")
    assert (
        "no column of labels found" in printed
        and "\nlabel " not in printed
        and "without a label            3" in printed
    )
    command = printed.splitlines()[-1].strip()
    assert command == "munjang predict mini/sentiment texts.txt --out texts.predicted.csv"
    assert CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False).exit_code == 0
    assert len(Path("texts.predicted.csv").read_text("utf-8-sig").splitlines()) == 4


def test_a_file_with_several_candidates_and_a_treebank_are_looked_at(tmp_path):
    rows = "".join(f"리뷰 글 {n}\t{n % 2}\t{n % 2}\t제목 글 {n}\n" for n in range(20))
    (tmp_path / "a.tsv").write_text("고객 의견\t가\t나\t상담 내용\n" + rows, encoding="utf-8")
    printed = run(str(tmp_path / "a.tsv"))
    assert "If a text can have several of them as its labels: --label 가,나" in printed and "--text '" in printed
    printed = run(str(tmp_path / "a.tsv"), "--label", "가,나", "--text", "상담 내용")
    assert printed.startswith("a: multi-label, 2 labels") and "--label 가,나 --baseline" in printed
    (tmp_path / "a.conllu").write_text("1\t나\t_\t_\t_\t_\t0\troot\t_\t_\n\n", encoding="utf-8")
    assert run(str(tmp_path / "a.conllu")).splitlines()[-1].endswith("a.conllu --out runs/parser")


def test_what_is_no_corpus_and_no_file_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample:topic").mkdir()
    assert run("sample:topic").startswith("Headlines on seven topics")  # a known name before a folder of that name
    with pytest.raises(DataError, match=r"No file none\.csv"):
        run("none.csv")
    with pytest.raises(ConfigError, match="--label is for a file of your own; sample:topic comes with its columns"):
        run("sample:topic", "--label", "감정")
