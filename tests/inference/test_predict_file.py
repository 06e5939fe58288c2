"""A file through a model: the same rows in their order, with predictions, nothing lost."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import word_models
from kills.points import Steps, in_child
from word_models import Words

from munjang.data.readers.open import open_table
from munjang.data.readers.table import Bad
from munjang.errors import ConfigError, DataError
from munjang.inference.files.predict import Answering, output_columns, predict_table, predictions
from munjang.inference.files.write import WITHHELD, Counts
from munjang.records import Prediction


def csv_file(path, rows, encoding="utf-8"):
    path.write_bytes("\n".join(rows).encode(encoding) + b"\n")
    return path


def run(path, out, model=None, **options):
    table = open_table(path)
    overwrite = options.pop("overwrite", False)
    answering = Answering(**options)
    return predict_table(
        model or Words(), table, table.columns.index("본문"), out, answering=answering, overwrite=overwrite, source=path
    )


def read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


REVIEWS = ["제품,본문", "가,좋아요", "나,싫어요", "가,ㅋㅋ", "나,"]


def test_the_same_rows_come_out_with_label_score_scores_and_note(tmp_path):
    counts = run(csv_file(tmp_path / "a.csv", REVIEWS), tmp_path / "b.csv")
    rows = read_csv(tmp_path / "b.csv")
    added = ["label", "score", "score_부정", "score_긍정", "note", "suggested", "reason"]
    assert list(rows[0]) == ["제품", "본문", *added]
    assert [row["본문"] for row in rows] == ["좋아요", "싫어요", "ㅋㅋ", ""]
    assert [row["label"] for row in rows] == ["긍정", "부정", "긍정", ""]
    assert [row["score"] for row in rows] == ["0.9", "0.8", "0.6", ""]
    assert [row["score_긍정"] for row in rows] == ["0.9", "0.2", "0.6", ""]
    assert rows[3]["note"] == "empty"
    assert (counts.rows, counts.written, counts.empty) == (4, 4, 1)


def test_columns_of_the_input_are_never_overwritten():
    assert output_columns(["text"], ("a", "b"), True) == (
        "label", "score", "score_a", "score_b", "note", "suggested", "reason",
    )  # fmt: skip
    assert output_columns(["Label"], ("a",), False) == (
        "munjang_label", "munjang_score", "munjang_note", "munjang_suggested", "munjang_reason",
    )  # fmt: skip
    twice = output_columns(["label", "munjang_label"], ("a",), False)
    assert twice == (
        "munjang_2_label", "munjang_2_score", "munjang_2_note", "munjang_2_suggested", "munjang_2_reason",
    )  # fmt: skip


def test_rows_that_cannot_be_used_are_listed_beside(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("제품,본문\n가,좋아요\n하나\n나,싫어요\n".encode() + b"x,\xb0\xa1\n")
    counts = run(path, tmp_path / "b.jsonl")
    assert (counts.rows, counts.rejected) == (2, 2)
    rows = read_csv(tmp_path / "b.jsonl.rejected.csv")
    assert [(row["file"], row["line"]) for row in rows] == [(str(path), "3"), (str(path), "5")]
    assert rows[0]["reason"] == "too few fields, 1 for 2" and rows[0]["text"] == "하나"
    assert rows[1]["text"] == "x,\\xb0\\xa1"


def test_an_earlier_list_of_rejected_rows_does_not_outlive_its_output(tmp_path):
    bad, good = csv_file(tmp_path / "bad.csv", [*REVIEWS, "하나"]), csv_file(tmp_path / "good.csv", REVIEWS)
    run(bad, tmp_path / "b.csv")
    assert (tmp_path / "b.csv.rejected.csv").exists()
    run(good, tmp_path / "b.csv", overwrite=True)
    assert not (tmp_path / "b.csv.rejected.csv").exists()


def test_below_the_minimum_score_the_answer_is_held(tmp_path):
    counts = run(csv_file(tmp_path / "a.csv", REVIEWS), tmp_path / "b.csv", min_score=0.8)
    rows = read_csv(tmp_path / "b.csv")
    assert [row["label"] for row in rows] == ["긍정", "부정", WITHHELD, ""]
    assert rows[2]["note"] == "below the minimum score 0.8" and rows[2]["score"] == "0.6"
    assert counts.held == 1 and "1 보류" in str(counts)


def test_keep_writes_only_rows_with_a_label(tmp_path):
    path = csv_file(tmp_path / "a.csv", REVIEWS)
    counts = run(path, tmp_path / "b.csv", keep=("1",))
    assert [row["본문"] for row in read_csv(tmp_path / "b.csv")] == ["좋아요", "ㅋㅋ"]
    assert (counts.rows, counts.written) == (4, 2)
    run(path, tmp_path / "c.csv", keep=(WITHHELD,), min_score=0.8)
    assert [row["본문"] for row in read_csv(tmp_path / "c.csv")] == ["ㅋㅋ"]
    with pytest.raises(DataError, match=r"Unknown label '중립'\. The labels here are 부정, 긍정"):
        run(path, tmp_path / "d.csv", keep=("중립",))


def test_by_gives_the_shares_of_labels_for_each_group(tmp_path):
    counts = run(csv_file(tmp_path / "a.csv", [*REVIEWS, "나,별로"]), tmp_path / "b.csv", by="제품")
    lines = [line.split() for line in counts.table(("부정", "긍정"), "제품").splitlines()]
    assert lines[0] == ["제품", "rows", "부정", "긍정", "(none)"]
    assert lines[2:] == [["나", "3", "66.7%", "0.0%", "33.3%"], ["가", "2", "0.0%", "100.0%", "0.0%"]]
    with pytest.raises(DataError, match=r"No column '상품' in .*; it has 제품, 본문\. Say by=.COLUMN"):
        run(tmp_path / "a.csv", tmp_path / "c.csv", by="상품")


def test_decomposed_and_composed_names_are_one_group(tmp_path):
    rows = [f"{name},좋아요" for name in ("가방", unicodedata.normalize("NFD", "가방"), " 가방 ", "")]
    counts = run(csv_file(tmp_path / "a.csv", ["제품,본문", *rows]), tmp_path / "b.csv", by="제품")
    assert counts.sizes == {"가방": 3, "(empty)": 1}


def test_groups_beyond_the_limit_are_counted_together():
    counts = Counts()
    for number in range(1_500):
        counts.add(Prediction("글", "긍정", {"긍정": 1.0}), str(number))
    assert len(counts.groups) == 1_001
    assert counts.sizes["(further groups)"] == 500


def test_a_threshold_decides_several_labels(tmp_path):
    table = open_table(csv_file(tmp_path / "a.csv", ["본문", "ㅋㅋ"]))
    model = Words(task="multi-label")
    model.runner.run = lambda batch: {"logits": np.array([[0.4, -0.4]], np.float32)}  # sigmoid: 0.599, 0.401
    for threshold, label in ((None, ("부정",)), (0.3, ("부정", "긍정")), (0.8, ())):
        [(__, prediction)] = predictions(model, table, 0, Answering(threshold=threshold))
        assert prediction.label == label
    assert model.threshold == 0.5
    model = Words(task="multi-label")
    assert Answering(threshold=0.3).check(model.decoder).threshold == 0.3
    with pytest.raises(ConfigError, match="use min_score=…"):
        Answering(threshold=0.3).check(Words().decoder)
    with pytest.raises(ConfigError, match="min_score=… must be between 0 and 1, found 80"):
        Answering(min_score=80).check(Words().decoder)


def test_the_output_is_never_the_input_and_nothing_is_overwritten_unasked(tmp_path):
    path = csv_file(tmp_path / "a.csv", REVIEWS)
    (tmp_path / "link.csv").symlink_to(path)
    for out in (path, tmp_path / "link.csv"):
        with pytest.raises(DataError, match="is the input file itself"):
            run(path, out, overwrite=True)
    run(path, tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"exists\. Say overwrite=True"):
        run(path, tmp_path / "b.csv")
    assert path.read_text(encoding="utf-8").splitlines() == REVIEWS


def test_order_is_kept_and_only_some_rows_are_held_at_a_time(tmp_path):
    rows = [f"{n},글 {n}{'ㅋ' * (n % 7)}" for n in range(5_000)]
    path = csv_file(tmp_path / "a.csv", ["번호,본문", *rows])
    model = Words()
    run(path, tmp_path / "b.csv", model)
    assert [row["번호"] for row in read_csv(tmp_path / "b.csv")] == [str(n) for n in range(5_000)]
    assert model.most == 1_024


def test_bad_rows_stand_in_their_place_among_the_answers(tmp_path):
    table = open_table(csv_file(tmp_path / "a.csv", ["제품,본문", "가,좋아요", "하나", "나,싫어요"]))
    kinds = [
        item.line if isinstance(item, Bad) else item[0].line for item in predictions(Words(), table, 1, Answering())
    ]
    assert kinds == [2, 3, 4]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_any_kind_in_and_any_kind_out(tmp_path, ending):
    pytest.importorskip("openpyxl")
    source = csv_file(tmp_path / "a.csv", REVIEWS)
    run(source, tmp_path / f"b{ending}")
    run(tmp_path / f"b{ending}", tmp_path / "c.csv")
    rows = read_csv(tmp_path / "c.csv")
    assert [row["munjang_label"] for row in rows] == [row["label"] for row in rows] == ["긍정", "부정", "긍정", ""]


def test_a_killed_run_leaves_no_output(tmp_path):
    csv_file(tmp_path / "a.csv", ["본문", *["좋아요"] * 5_000])
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(word_models.__file__).parent)!r})
        from munjang.data.readers.open import open_table
        from munjang.inference.files.predict import predict_table
        from word_models import Words
        class Slow(Words):
            done = 0
            def predict_many(self, texts, **options):
                self.done += 1
                if self.done == 3:
                    print("busy", flush=True)
                    time.sleep(60)
                return super().predict_many(texts)
        predict_table(Slow(), open_table(sys.argv[1]), 0, sys.argv[2])
    """)
    arguments = [sys.executable, "-c", script, str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"busy\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.corpora
def test_a_real_file_comes_out_row_for_row(data_dir, tmp_path):
    table = open_table(data_dir / "nsmc" / "test.parquet")
    started = time.monotonic()
    counts = predict_table(Words(), table, 1, tmp_path / "b.parquet")
    assert counts.rows == 25_000 and counts.empty == 2
    assert time.monotonic() - started < 20
    out = open_table(tmp_path / "b.parquet")
    assert [row.cells[:3] for row in out.rows()] == [row.cells for row in table.rows()]
    assert out.types["label"] == table.types["label"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_command_that_had_all_rows_is_done_when_it_is_repeated(tmp_path):
    source, out = csv_file(tmp_path / "in.csv", ["n,본문", "1,좋다", "2,좋다,셋"]), tmp_path / "out.csv"
    steps = Steps(str(tmp_path), "os.rename .out.csv.munjang/ready/out.csv.rejected")
    assert in_child(lambda: (os.chdir(tmp_path), steps.arm(), run(source, out))).code == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == [".out.csv.munjang", "in.csv", "out.csv"]
    with pytest.raises(DataError, match=r"out\.csv exists"):
        run(source, out)
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.csv", "out.csv.rejected.csv"]
    assert [row["n"] for row in read_csv(out)] == ["1"]
