"""`munjang analyze` as a user meets it: what is printed where, for a text, for lines, for a file."""

import json

import pytest
from typer.testing import CliRunner

from munjang.cli import app
from munjang.errors import ConfigError, DataError, UnknownName, unknown_name
from munjang.inference.analyzer import Analysis
from munjang.inference.heads import Head
from munjang.records import LabelSet, Prediction
from munjang.tables import display_width

HEADS = (
    Head("sentiment", LabelSet(("부정", "긍정")), slice(0, 2)),
    Head("intent", LabelSet(("question", "수사 의문문")), slice(2, 4)),
)


class Words:
    """A model with two heads that knows one word."""

    parser = None

    def __init__(self, model=None, tasks=None):
        known = {head.name: head for head in HEADS}
        if strange := [name for name in tasks or () if name not in known]:
            raise unknown_name("head of words", strange[0], known)
        self.model, self.heads = model, tuple(known[name] for name in tasks or known)

    def analyze(self, text):
        return self.analyze_many([text])[0]

    def analyze_many(self, texts):
        return [self.answer(text) for text in texts]

    def answer(self, text):
        empty, share = not text.strip(), 0.9 if "좋" in text else 0.3
        answers = {}
        for head in self.heads:
            one, two = head.labels.names
            scores = dict(sorted({two: share, one: 1 - share}.items(), key=lambda item: -item[1]))
            answers[head.name] = (
                Prediction(text, None, {}, "empty") if empty else Prediction(text, next(iter(scores)), scores)
            )
        return Analysis(text, answers, "empty" if empty else "")


@pytest.fixture
def analyze(monkeypatch, tmp_path):
    monkeypatch.setattr("munjang.inference.analyzer.Analyzer", Words)
    monkeypatch.setattr("munjang.inference.heads.PACKAGED_PARSER", tmp_path / "none")

    def run(*arguments, stdin=b""):
        return CliRunner().invoke(app, ["analyze", *map(str, arguments)], input=stdin)

    return run


def test_a_text_gets_an_aligned_line_for_each_head(analyze):
    printed = analyze("정말 좋아요").stdout
    assert printed == "sentiment  긍정         0.9000\nintent     수사 의문문  0.9000\n"
    assert len({display_width(line) for line in printed.splitlines()}) == 1


def test_all_scores_of_a_text(analyze):
    assert analyze("별로", "--tasks", "sentiment", "--scores", "all").stdout == (
        "sentiment  부정  0.7000  부정 0.7000, 긍정 0.3000\n"
    )


def test_an_empty_text_has_no_answers(analyze):
    assert analyze("").stdout.split() == ["sentiment", "(empty)", "intent", "(empty)"]


def test_a_text_as_json(analyze):
    assert json.loads(analyze("좋아요", "--json", "--tasks", "sentiment").stdout) == {
        "text": "좋아요",
        "answers": {"sentiment": {"label": "긍정", "score": 0.9, "scores": {"긍정": 0.9, "부정": 0.1}}},
        "note": "",
    }


def test_tasks_are_answered_in_the_order_asked(analyze):
    assert [line.split()[0] for line in analyze("글", "--tasks", "intent, sentiment").stdout.splitlines()] == [
        "intent", "sentiment",
    ]  # fmt: skip


def test_lines_come_out_one_for_one_in_columns(analyze, caplog):
    caplog.set_level("INFO", "munjang")
    printed = analyze("-", stdin="좋아요\n\n".encode() + b"\xff\xff\n" + "별로\t음".encode()).stdout.splitlines()
    assert [line.split("\t")[0] for line in printed] == ["긍정", "(empty)", "(unusable)", "부정"]
    assert [line.count("\t") for line in printed] == [4] * 4
    assert printed[0] == "긍정\t0.9000\t수사 의문문\t0.9000\t좋아요"
    assert "In each line: sentiment, intent; then the text." in caplog.text
    assert "3 rows predicted, 1 empty, 1 set aside" in caplog.text


def test_lines_as_json(analyze):
    printed = [
        json.loads(line) for line in analyze("--json", stdin="좋아요\n".encode() + b"\xff\xff\n").stdout.splitlines()
    ]
    assert (printed[0]["line"], printed[0]["answers"]["intent"]["label"]) == (1, "수사 의문문")
    assert (printed[1]["line"], printed[1]["text"], printed[1]["answers"]) == (2, None, {})
    assert printed[1]["note"].startswith("set aside: ")


def test_a_file_is_written_and_it_is_said(analyze, tmp_path, caplog):
    caplog.set_level("INFO", "munjang")
    path = tmp_path / "a.csv"
    path.write_text("제품,본문\n가,좋아요\n하나\n나,별로\n", encoding="cp949")
    assert analyze(path, "--out", tmp_path / "b.csv", "--scores", "all", "--tasks", "sentiment").exception is None
    written = (tmp_path / "b.csv").read_text(encoding="utf-8-sig").splitlines()
    assert written == [
        "제품,본문,sentiment,sentiment_score,sentiment_score_부정,sentiment_score_긍정,note",
        "가,좋아요,긍정,0.9,0.1,0.9,",
        "나,별로,부정,0.7,0.7,0.3,",
    ]
    for part in ("cp949, comma delimiter", "texts in column 본문", "2 rows predicted, 1 set aside", "rejected.csv"):
        assert part in caplog.text
    assert "exists. Say --overwrite" in str(analyze(path, "--out", tmp_path / "b.csv").exception)
    assert analyze(path, "--out", tmp_path / "b.csv", "--overwrite").exception is None


def test_another_model_is_named_with_an_option(analyze, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "munjang.inference.analyzer.Analyzer", lambda model, tasks: asked.append((model, tasks)) or Words()
    )
    analyze("글")
    analyze("글", "--model", "runs/multi", "--tasks", "hate,")
    assert asked == [(None, None), ("runs/multi", ["hate"])]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["none.csv"], DataError, r"No file none\.csv"),
        (["글", "--scores", "some"], ConfigError, "--scores is 'some'; it must be all or best"),
        (["글", "--out", "b.csv"], ConfigError, "not for a single text"),
        (["-", "--out", "b.doc"], DataError, "cannot tell the kind of file"),
        (["글", "--tasks", "mood"], UnknownName, "Unknown head of words 'mood'. Known: intent, sentiment"),
    ],
)
def test_slips_are_one_line(analyze, arguments, error, message):
    with pytest.raises(error, match=message):
        raise analyze(*arguments).exception


def test_an_existing_output_is_refused_before_the_model_is_opened(analyze, monkeypatch, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("본문\n좋아요\n", encoding="utf-8")
    monkeypatch.setattr("munjang.inference.analyzer.Analyzer", lambda *_: pytest.fail("opened"))
    assert "is the input file itself" in str(analyze(path, "--out", path, "--overwrite").exception)
