"""All heads predict in one pass, for single texts and for files of any kind, in the base install."""

import csv
import json
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
from heads_models import HEADS, TEXTS, save_heads

import munjang as mj
from munjang.data.readers.open import open_table
from munjang.data.readers.table import Bad
from munjang.errors import BundleError, ConfigError, DataError, UnknownName
from munjang.export.run import export_model
from munjang.inference import analyzer as analysis
from munjang.inference import heads
from munjang.inference.files.analyze import analyses, analyze_table, wanted_names

ROWS = ["제품,본문", "가,좋아요", "나,싫어요", "가,ㅋㅋ", "나,"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return export_model(save_heads(root / "native"), "onnx", root / "onnx").folder


@pytest.fixture(scope="module")
def analyzer(folder):
    return mj.Analyzer(folder)


@pytest.fixture
def mini(folder, monkeypatch):
    """The folder instead of the packaged model, without a parser beside it."""
    analysis.packaged_analyzer.cache_clear()
    monkeypatch.setattr(heads, "PACKAGED_HEADS", folder)
    monkeypatch.setattr(heads, "PACKAGED_PARSER", folder / "none")
    yield
    analysis.packaged_analyzer.cache_clear()


def csv_file(path, rows=ROWS):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def run(analyzer, path, out, **options):
    table = open_table(path)
    return analyze_table(analyzer, table, table.columns.index("본문"), out, source=path, **options)


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_answers_are_those_of_each_head_by_itself(analyzer, folder):
    found = analyzer.analyze_many(TEXTS)
    assert [analysis.text for analysis in found] == TEXTS
    for name in HEADS:
        for own, single in zip(found, mj.load(folder / name).predict_many(TEXTS), strict=True):
            assert (own[name].label, own[name].note) == (single.label, single.note)
            assert own[name].scores == pytest.approx(single.scores, abs=1e-6)


def test_one_pass_answers_every_head(analyzer, monkeypatch):
    batches, run = [], analyzer.whole.runner.run
    monkeypatch.setattr(
        analyzer.whole.runner, "run", lambda batch: batches.append(len(batch["input_ids"])) or run(batch)
    )
    analyzer.analyze_many(["좋아요", "싫어요", ""])
    assert sum(batches) == 2


def test_notes_stand_for_all_heads(analyzer):
    empty, long = analyzer.analyze(" \t "), analyzer.analyze("재밌어요 " * 300)
    assert (empty.note, [answer.label for answer in empty.answers.values()]) == ("empty", [None] * 3)
    assert long.note == "truncated to 64 tokens"


def test_only_the_heads_asked_for_answer_in_their_order(folder):
    assert list(mj.analyze("좋아요", tasks=["topic", "hate", "topic"], model=folder).answers) == ["topic", "hate"]
    assert list(mj.analyze("좋아요", tasks="topic", model=folder).answers) == ["topic"]
    assert [head.name for head in mj.Analyzer(folder, ["hate", "hate"]).heads] == ["hate"]
    with pytest.raises(UnknownName, match="Unknown head of onnx 'mood'"):
        mj.Analyzer(folder, ["mood"])
    with pytest.raises(ConfigError, match=r"No task to analyse\. onnx has sentiment, hate, topic"):
        mj.Analyzer(folder, [])


def test_what_has_no_heads_to_choose_from_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"onnx/hate is one head\. Name the whole model, and choose heads with tasks"):
        mj.Analyzer(folder / "hate")
    with pytest.raises(BundleError, match="No model folder"):
        mj.Analyzer(tmp_path / "none")
    pytest.importorskip("sklearn")
    mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=tmp_path / "linear")
    with pytest.raises(ConfigError, match="linear has a single task and no heads: use predict"):
        mj.Analyzer(tmp_path / "linear")


def test_the_packaged_model_answers_a_text_or_many(mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").mkdir()  # a folder of that name is not asked
    one = mj.analyze("좋아요")
    assert (one.text, list(one.answers)) == ("좋아요", list(HEADS))
    many = mj.analyze(["좋아요", "싫어요"], tasks=["hate"])
    assert [list(found.answers) for found in many] == [["hate"]] * 2
    assert mj.analyze([]) == []
    assert analysis.packaged_analyzer.cache_info().misses == 1


def test_without_the_packaged_model_it_is_said(tmp_path, monkeypatch):
    analysis.packaged_analyzer.cache_clear()
    monkeypatch.setattr(heads, "PACKAGED_HEADS", tmp_path)
    with pytest.raises(BundleError, match="lacks its packaged model 'mini'"):
        mj.analyze("좋아요")


def test_analysing_needs_neither_torch_nor_a_table_library(folder):
    heavy = ("torch", "transformers", "sklearn", "pandas", "pyarrow", "huggingface_hub", "tqdm", "onnx", "datasets")
    code = (
        "import sys\nfrom munjang.cli import main\n"
        f"sys.argv = ['munjang', 'analyze', '좋아요', '--model', {str(folder)!r}]\n"
        f"try: main()\nexcept SystemExit: pass\nprint('LOADED', *[n for n in {heavy!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*HEADS, "LOADED"] and lines[-1] == "LOADED"


def test_a_file_gets_two_columns_a_head_and_a_note(analyzer, tmp_path):
    counts = run(analyzer, csv_file(tmp_path / "a.csv"), tmp_path / "b.csv")
    rows = read_csv(tmp_path / "b.csv")
    assert list(rows[0]) == [
        "제품", "본문", "sentiment", "sentiment_score", "hate", "hate_score", "topic", "topic_score", "note",
    ]  # fmt: skip
    expected = analyzer.analyze("싫어요")
    assert [rows[1][name] for name in HEADS] == [expected[name].label for name in HEADS]
    assert float(rows[1]["hate_score"]) == pytest.approx(expected["hate"].score, abs=1e-5)
    assert (rows[3]["sentiment"], rows[3]["sentiment_score"], rows[3]["note"]) == ("", "", "empty")
    assert (counts.rows, counts.written, counts.empty) == (4, 4, 1)


def test_every_score_stands_beside_its_head(analyzer, tmp_path):
    run(analyzer.asked(["hate"]), csv_file(tmp_path / "a.csv"), tmp_path / "b.jsonl", scores=True)
    row = json.loads((tmp_path / "b.jsonl").read_text("utf-8").splitlines()[0])
    names = ["hate_score_없음", "hate_score_공격적", "hate_score_혐오"]
    assert list(row) == ["제품", "본문", "hate", "hate_score", *names, "note"]
    assert sum(row[name] for name in names) == pytest.approx(1, abs=1e-5)
    assert row["hate_score"] == max(row[name] for name in names) == row[f"hate_score_{row['hate']}"]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_any_kind_in_and_any_kind_out(analyzer, tmp_path, ending):
    pytest.importorskip("openpyxl")
    run(analyzer, csv_file(tmp_path / "a.csv"), tmp_path / f"b{ending}")
    run(analyzer, tmp_path / f"b{ending}", tmp_path / "c.csv")
    rows = read_csv(tmp_path / "c.csv")
    assert [row["munjang_topic"] for row in rows] == [row["topic"] for row in rows]
    assert float(rows[0]["munjang_topic_score"]) == pytest.approx(float(rows[0]["topic_score"]), abs=1e-5)


def test_scores_are_numbers_in_parquet(analyzer, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    run(analyzer, csv_file(tmp_path / "a.csv"), tmp_path / "b.parquet")
    types = {field.name: str(field.type) for field in pyarrow.read_schema(tmp_path / "b.parquet")}
    assert (types["hate"], types["hate_score"], types["note"]) == ("string", "double", "string")


def test_unusable_rows_are_listed_and_formulas_disarmed(analyzer, tmp_path):
    path = csv_file(tmp_path / "a.csv", [*ROWS, "하나", "=1+1,좋아요"])
    counts = run(analyzer, path, tmp_path / "b.csv")
    assert (counts.rows, counts.rejected, counts.escaped) == (5, 1, 1)
    assert [row["line"] for row in read_csv(tmp_path / "b.csv.rejected.csv")] == ["6"]
    assert read_csv(tmp_path / "b.csv")[-1]["제품"] == "'=1+1"


def test_the_input_is_never_overwritten(analyzer, tmp_path):
    path = csv_file(tmp_path / "a.csv")
    with pytest.raises(DataError, match="is the input file itself"):
        run(analyzer, path, path, overwrite=True)
    run(analyzer, path, tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"exists\. Say overwrite=True"):
        run(analyzer, path, tmp_path / "b.csv")


def test_order_is_kept_and_only_some_rows_are_held_at_a_time(analyzer, tmp_path, monkeypatch):
    path = csv_file(tmp_path / "a.csv", ["번호,본문", *(f"{n},글 {'ㅋ' * (n % 7)}" for n in range(3_000)), "하나"])
    sizes, analyze_many = [], analyzer.analyze_many
    monkeypatch.setattr(analyzer, "analyze_many", lambda texts: sizes.append(len(texts)) or analyze_many(texts))
    items = list(analyses(analyzer, open_table(path), 1))
    assert isinstance(items.pop(), Bad)
    assert [item[0].cells[0] for item in items] == [str(n) for n in range(3_000)]
    assert max(sizes) <= 1_024 and sum(sizes) == 3_000


def test_columns_that_would_have_one_name_are_refused():
    labels = mj.LabelSet(("x", "y"))
    odd = [heads.Head("a", labels, slice(0, 2)), heads.Head("a_score", labels, slice(2, 4))]
    with pytest.raises(ConfigError, match=r"would be called 'a_score'\. Choose fewer heads with tasks=…"):
        wanted_names(odd, False)
    with pytest.raises(ConfigError, match="'note'"):
        wanted_names([heads.Head("note", labels, slice(0, 2))], False)
