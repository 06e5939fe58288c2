"""Files by several workers: every row once, with the local engine's prediction, even if workers die on the way."""

import csv
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("sklearn")
import munjang as mj
from munjang.bulk import inputs, locations, run
from munjang.bulk.cluster import connect, own_size, pool_of
from munjang.bulk.inputs import find_sources
from munjang.bulk.locations import Location, find_location
from munjang.bulk.plan import make_plan
from munjang.bulk.worker import ATTEMPTS, Worker, make_part
from munjang.cli.options import flag_form
from munjang.config.settings import ReadOptions
from munjang.data.readers.open import open_table
from munjang.errors import BundleError, ConfigError, DataError, MissingExtra, MunjangError
from munjang.files import socket_files
from munjang.inference.files.predict import Answering, predict_table
from munjang.inference.files.write import Counts
from munjang.translation import python_form

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'munjang[scale]'"
)
LIMIT_S = 300  # seconds for a run with Ray, which takes ten; a busy machine is slow to start its processes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "linear"
    mj.train(mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


@pytest.fixture(scope="module")
def texts():
    return [example.text for example in mj.load_corpus("sample:sentiment").train]


def write_rows(path, texts, count, start=0, groups=10_000):
    """A Parquet file of reviews with a number each; some texts are null, some empty, one a NUL byte."""
    kinds = {5: None, 11: "", 17: "   "}
    rows = [kinds.get(i % 101, f"{texts[i % len(texts)]} {i}") for i in range(start, start + count)]
    rows[40] = "나쁜\0글"
    table = pa.table({"번호": pa.array(range(start, start + count), pa.int32()), "본문": rows})
    pq.write_table(table, path, row_group_size=groups)
    return path


def locally(model, path, out, **answering):
    """What the local engine writes for a file."""
    table = open_table(path)
    predict_table(mj.load(model), table, table.columns.index("본문"), out, answering=Answering(**answering))
    return pq.read_table(out)


def command(*words):
    return [sys.executable, "-m", "munjang", "predict", *map(str, words)]


def in_process(monkeypatch):
    """Have the workers' part run in this process, without Ray."""
    from contextlib import contextmanager

    from munjang.bulk import cluster

    def results(worker, arguments, numbers, pool):
        one = worker(*arguments, pool.threads)
        for number in numbers:
            yield json.loads(one({"number": [number]})["result"][0])

    @contextmanager
    def running(address, workers):
        yield cluster.WorkerPool(workers or 2, 1)

    monkeypatch.setattr(cluster, "ray_running", running)
    monkeypatch.setattr(cluster, "results", results)
    monkeypatch.setattr(run, "require", lambda *words: None)
    monkeypatch.setattr("munjang.bulk.worker.limit_threads", lambda threads: None)


def same(parts, local):
    """Columns, types, rows in their order, labels and notes are equal; scores differ only as batches change them."""
    assert parts.schema.equals(local.schema)
    for name in local.column_names:
        mine, theirs = parts[name].to_pylist(), local[name].to_pylist()
        assert mine == (pytest.approx(theirs, abs=2e-5) if name.startswith("score") else theirs), name


def kill_one_at_work(out, stop):
    """Wait for a first part, then kill a worker in the middle of another; gives its process id and its part.

    The worker is stopped first, so it certainly has the part when it dies.
    """
    attempts = out / ATTEMPTS
    while not stop.is_set():
        time.sleep(0.001)
        if not any(out.glob("part-*.parquet")):
            continue
        for path in attempts.glob("*/worker.json"):
            try:
                pid = json.loads(path.read_text())["pid"]
                os.kill(pid, signal.SIGSTOP)
            except (OSError, ValueError):
                continue
            if path.exists():
                os.kill(pid, signal.SIGKILL)
                return pid, path.parent.name.partition(".")[0]
            os.kill(pid, signal.SIGCONT)
    return None


@needs_ray
def test_a_killed_worker_is_replaced_and_every_row_comes_once(tmp_path, model, texts):
    source, out, stop, killed = (
        write_rows(tmp_path / "big.parquet", texts, 5_000),
        tmp_path / "out",
        threading.Event(),
        [],
    )
    watcher = threading.Thread(target=lambda: killed.append(kill_one_at_work(out, stop)), daemon=True)
    watcher.start()
    words = command(model, source, "--out", out, "--engine", "ray", "--workers", 2, "--part-rows", 100)
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S)
    stop.set()
    watcher.join()
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "_manifest.json").read_text("utf-8"))
    (pid, part), begun = killed[0], [part for part in manifest["parts"] if part["attempt"] == 2]
    assert not Path(f"/proc/{pid}").exists()
    assert [item["name"] for item in begun] == [f"{part}.parquet"] and manifest["begun_again"] == 1
    assert (manifest["rows"], manifest["rejected"], len(manifest["parts"])) == (4_999, 1, 50)
    same(pq.read_table(out), locally(model, source, tmp_path / "local.parquet"))
    assert sorted(path.name for path in out.iterdir() if path.name[0] == "_") == ["_manifest.json", "_rejected"]
    with (out / "_rejected" / "part-000000.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert [(row["line"], row["reason"]) for row in csv.DictReader(stream)] == [("41", "it holds a NUL byte")]
    assert "1 parts were begun again" in done.stderr and "Traceback" not in done.stderr
    foreign = [line for line in done.stderr.splitlines() if "ray" in line.lower() and "munjang" not in line]
    assert (foreign, done.stdout) == ([], "")  # Ray itself says nothing


@needs_ray
def test_a_killed_run_leaves_no_whole_folder_and_goes_on(tmp_path, model, texts):
    source, out = write_rows(tmp_path / "big.parquet", texts, 5_000), tmp_path / "out"
    words = command(model, source, "--out", out, "--engine", "ray", "--workers", 2, "--part-rows", 100)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + LIMIT_S
    while not any(out.glob("part-*.parquet")) and time.monotonic() < until:
        time.sleep(0.001)
    (sockets,) = socket_files().parent.glob(f".m.*_{process.pid}_*")
    assert sockets.stat().st_mode & 0o777 == 0o700  # Ray's own folder in it is open to all
    process.kill()
    process.communicate()
    assert sockets.exists()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}
    assert before and len(before) < 50 and not (out / "_manifest.json").exists()
    assert all(pq.read_metadata(out / name).num_rows in (99, 100) for name in before)  # none of them a half
    refused = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S)
    assert refused.returncode == 2 and "Say --resume to go on" in refused.stderr
    done = subprocess.run([*words, "--resume"], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert not sockets.exists()
    same(pq.read_table(out), locally(model, source, tmp_path / "local.parquet"))
    receipts = {name for name, seen in before.items() if (out / name).stat().st_mtime_ns == seen}
    assert len(receipts) >= len(before) - 2  # all but what was between its part and its receipt was left alone


def test_files_of_a_folder_come_out_in_their_order_as_one_table(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    write_rows(folder / "a.parquet", texts, 700, groups=150)
    write_rows(folder / "b" / "c.parquet", texts, 300, start=700)
    (folder / "_SUCCESS").write_text("")
    (folder / "notes.txt").write_text("이것은 표가 아니다\n")
    seen = []
    counts = mj.predict_files(model, folder, tmp_path / "out", part_rows=128, progress=lambda c: seen.append(c.rows))
    locals_ = [locally(model, folder / name, tmp_path / f"{name[0]}.parquet") for name in ("a.parquet", "b/c.parquet")]
    same(pq.read_table(tmp_path / "out"), pa.concat_tables(locals_))
    assert (counts.rows, counts.rejected) == (998, 2) and seen[-1] == 998
    parts = json.loads((tmp_path / "out" / "_manifest.json").read_text("utf-8"))["parts"]
    assert [part["first"] for part in parts] == [1, 129, 257, 385, 513, 641, 1, 129, 257]


def test_options_give_what_the_local_engine_gives(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    source = write_rows(tmp_path / "a.parquet", texts, 600)
    answering = {"scores": False, "min_score": 0.7, "keep": ("긍정", "보류")}
    counts = mj.predict_files(model, source, tmp_path / "out", answering=Answering(**answering), part_rows=100)
    same(pq.read_table(tmp_path / "out"), locally(model, source, tmp_path / "b.parquet", **answering))
    assert counts.rows == 599 > counts.written > 0 and counts.held


def test_shares_by_a_column_are_those_of_the_whole(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    rows = {"본문": texts[:300], "제품": ["가", "나", "나"] * 100}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    asked = Answering(by="제품")
    counts = mj.predict_files(model, tmp_path / "a.parquet", tmp_path / "out", answering=asked, part_rows=70)
    table = open_table(tmp_path / "a.parquet")
    whole = predict_table(mj.load(model), table, 0, tmp_path / "b.parquet", answering=asked)
    assert isinstance(counts, Counts) and (counts.sizes, counts.groups) == (whole.sizes, whole.groups)


def test_other_files_are_a_part_each(tmp_path, model, monkeypatch):
    in_process(monkeypatch)
    for name, rows in (("a.csv", "좋아요\n싫어요\n"), ("b.csv", "정말 재밌어요\n너무,많다,셋\n")):
        (tmp_path / name).write_text(
            f"본문,수\n{''.join(row + ',1' + chr(10) for row in rows.split())}", encoding="utf-8"
        )
    counts = mj.predict_files(model, [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "out")
    assert counts.rows + counts.rejected == len(pq.read_table(tmp_path / "out")) + counts.rejected >= 4


def test_texts_of_several_columns_are_joined_as_by_the_local_engine(tmp_path, model, monkeypatch):
    in_process(monkeypatch)
    source = tmp_path / "a.csv"
    source.write_text('제목,"본문, 전체",수\n정말,좋아요,1\n,지루하고 별로,2\n최고예요,,3\n', encoding="utf-8")
    reading = ReadOptions(text='제목,"본문, 전체"')
    mj.predict_files(model, source, tmp_path / "out", reading=reading)
    rows = pq.read_table(tmp_path / "out").to_pylist()
    expected = mj.load(model).predict_many(["정말 좋아요", "지루하고 별로", "최고예요"])
    assert [row["score"] for row in rows] == pytest.approx([item.score for item in expected], abs=2e-5)
    done = subprocess.run(command(model, source, "--text", reading.text, "--json"), capture_output=True, check=True)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [item.text for item in expected]


def test_a_finished_folder_is_refused_resumed_and_replaced_as_told(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    source, out = write_rows(tmp_path / "a.parquet", texts, 200), tmp_path / "out"
    mj.predict_files(model, source, out, part_rows=50)
    with pytest.raises(DataError, match=r"holds a finished run\. Say overwrite=True"):
        mj.predict_files(model, source, out)
    assert mj.predict_files(model, source, out, resume=True).rows == 199
    with pytest.raises(ConfigError, match=r"started with another setting: answering was .* now it is"):
        mj.predict_files(model, source, out, resume=True, answering=Answering(scores=False))
    (out / "note.txt").write_text("mine")
    mj.predict_files(model, source, out, overwrite=True, part_rows=100)
    assert len(list(out.glob("part-*"))) == 2 and (out / "note.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(DataError, match="no folder of an earlier run"):
        mj.predict_files(model, source, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_part_that_was_cut_after_its_receipt_is_made_again(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    source, out = write_rows(tmp_path / "a.parquet", texts, 300), tmp_path / "out"
    plan = make_plan(model, [source], Answering(), ReadOptions(), "fp32", 100)
    run.start_bulk_run(plan, find_location(out))
    worker = Worker(plan, str(out), python_form, "en", 1)
    for number in ("0", "2"):
        worker({"number": [number]})
    (out / "part-000002.parquet").write_bytes(b"PAR1")
    (out / ATTEMPTS / "part-000001.dead").mkdir()
    assert mj.predict_files(model, source, out, resume=True).rows == 299
    same(pq.read_table(out), locally(model, source, tmp_path / "b.parquet"))


def test_a_replacement_that_was_cut_off_leaves_one_run_or_the_other(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    source, out = write_rows(tmp_path / "a.parquet", texts, 300), tmp_path / "out"
    mj.predict_files(model, source, out, part_rows=20)

    def cut(*words):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "clear_parts", cut)
        with pytest.raises(KeyboardInterrupt):
            mj.predict_files(model, source, out, part_rows=150, overwrite=True)
    assert len(list(out.glob("part-*"))) == 15 and not (out / "_manifest.json").exists()
    assert mj.predict_files(model, source, out, resume=True).rows == 299
    assert len(list(out.glob("part-*"))) == 2
    same(
        pq.read_table([str(path) for path in sorted(out.glob("part-*"))]),
        locally(model, source, tmp_path / "b.parquet"),
    )


def test_a_part_that_kills_its_workers_ends_the_run(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    source, out = write_rows(tmp_path / "a.parquet", texts, 300), tmp_path / "out"
    plan = make_plan(model, [source], Answering(), ReadOptions(), "fp32", 100)
    run.start_bulk_run(plan, find_location(out))
    for name in "abc":
        (out / ATTEMPTS / f"part-000001.{name}").mkdir()
        (out / ATTEMPTS / f"part-000001.{name}" / "worker.json").write_text("{}")
    with pytest.raises(MunjangError, match=r"rows 101 to 200: 3 workers died while.* \(workers=…\).* with resume=True"):
        make_part(plan, plan.partitions()[1], find_location(out), lambda: mj.load(model))
    (failure,) = Worker(plan, str(out), flag_form, "en", 1)({"number": ["1"]})["result"]
    assert re.search(r"\(--workers\) .* with --resume\.$", json.loads(failure)["message"])


def test_a_store_that_is_no_disk_gets_whole_parts_too(tmp_path, model, texts, monkeypatch):
    """pyarrow's own in-memory file system stands for a store; only local paths do not go through it."""
    from pyarrow.fs import FileSystem

    in_process(monkeypatch)
    store, root = FileSystem.from_uri("mock:///")
    original = locations.find_location

    def here(name):
        return Location(str(name), f"{root}{str(name)[8:]}", store) if "mock" in str(name) else original(name)

    for module in (locations, inputs, run, sys.modules["munjang.bulk.worker"]):
        monkeypatch.setattr(module, "find_location", here)
    source = write_rows(tmp_path / "a.parquet", texts, 250)
    store.create_dir(f"{root}in")
    with store.open_output_stream(f"{root}in/a.parquet") as stream:
        stream.write(source.read_bytes())
    counts = mj.predict_files(model, "mock:///in", "mock:///out", part_rows=100)
    files = here("mock:///out").files()
    assert counts.rows == 249 and [name for name in files if name.endswith(".parquet")] == [
        f"part-00000{number}.parquet" for number in range(3)
    ]
    assert set(files) - {f"part-00000{n}.parquet" for n in range(3)} == {"_manifest.json", "_rejected/part-000000.csv"}
    parts = [pq.read_table(store.open_input_file(f"{root}out/part-00000{number}.parquet")) for number in range(3)]
    same(pa.concat_tables(parts), locally(model, source, tmp_path / "b.parquet"))


def test_bad_input_is_said_before_any_work(tmp_path, model, texts, monkeypatch):
    in_process(monkeypatch)
    good, out = write_rows(tmp_path / "a.parquet", texts, 100), tmp_path / "out"

    def wrong(error, message, source=good, of=model, **options):
        with pytest.raises(error, match=message):
            mj.predict_files(of, source, out, **options)
        assert not out.exists()

    wrong(DataError, "No file or folder .*missing.parquet", tmp_path / "missing.parquet")
    wrong(DataError, "No column '글' in .*a.parquet; it has 번호, 본문", reading=ReadOptions(text="글"))
    wrong(DataError, "No column '제품'", answering=Answering(by="제품"))
    wrong(DataError, "is named twice", [good, good])
    wrong(BundleError, "No model folder", of=tmp_path / "no-model")
    wrong(ConfigError, "Name one of its heads", of="mini")
    wrong(ConfigError, "workers=… must be 1 or more, found 0", workers=0)
    wrong(ConfigError, "give one of them", resume=True, overwrite=True)
    wrong(ConfigError, "threshold=… is for models with several labels", answering=Answering(threshold=0.5))
    (tmp_path / "broken.parquet").write_bytes(good.read_bytes()[:500])
    wrong(DataError, "broken.parquet is no readable Parquet file", tmp_path / "broken.parquet")
    (tmp_path / "none").mkdir()
    wrong(DataError, "holds no file that can be read", tmp_path / "none")
    pq.write_table(pa.table({"본문": ["가"]}), tmp_path / "other.parquet")
    wrong(DataError, "has the columns 본문, .* has 번호, 본문", [good, tmp_path / "other.parquet"])
    pq.write_table(pa.table({"번호": ["x"], "본문": ["가"]}), tmp_path / "typed.parquet")
    wrong(DataError, "column 번호 is string, .* it is int32", [good, tmp_path / "typed.parquet"])
    pq.write_table(pa.table({"본문": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    wrong(DataError, "is empty: it has no rows", tmp_path / "empty.parquet")
    wrong(ConfigError, "cannot be opened", "gopher://x/y")


def test_a_model_that_differs_on_a_worker_is_refused(tmp_path, model, texts, monkeypatch):
    import dataclasses

    in_process(monkeypatch)
    source = write_rows(tmp_path / "a.parquet", texts, 100)
    plan = make_plan(model, [source], Answering(), ReadOptions(), "fp32", 100)
    run.start_bulk_run(plan, find_location(tmp_path / "out"))
    for change, why in (
        ({"mark": "0"}, "is not the model that the run began with"),
        ({"munjang": "0.0"}, "begun with 0.0"),
    ):
        worker = Worker(dataclasses.replace(plan, **change), str(tmp_path / "out"), python_form, "en", 1)
        failure = json.loads(worker({"number": ["0"]})["result"][0])
        assert why in failure["message"] and failure["kind"] in ("BundleError", "ConfigError")
    assert list((tmp_path / "out" / ATTEMPTS).iterdir()) == []  # a failure is no death


def test_options_of_one_engine_are_refused_by_the_other(tmp_path, model, texts):
    from typer.testing import CliRunner

    from munjang.cli import app

    def said(*words):
        found = CliRunner().invoke(app, ["predict", str(model), *map(str, words)])
        return str(found.exception)

    source = write_rows(tmp_path / "a.parquet", texts, 100)
    assert said("좋아요", "--workers", 2) == "--workers is for --engine ray."
    assert "put a text in quotes" in said("좋아요", "정말")
    ray = (source, "--engine", "ray")
    assert "must be local or ray" in said(source, "--engine", "spark")
    assert "--json is not for --engine ray" in said(*ray, "--json", "--out", tmp_path / "x")
    assert "--out FOLDER" in said(*ray)
    assert "a folder of Parquet parts" in said(*ray, "--out", tmp_path / "x.parquet")
    assert "needs files" in said("-", "--engine", "ray", "--out", tmp_path / "x")


def test_without_ray_the_extra_is_named(tmp_path, model, texts, monkeypatch):
    monkeypatch.setattr("munjang.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'munjang\[scale\]'"):
        mj.predict_files(model, write_rows(tmp_path / "a.parquet", texts, 100), tmp_path / "out")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1"),
        ("nonsense", "No Ray cluster"),
        ("ray://x:1", "Ray client"),
    ],
)
def test_a_cluster_that_does_not_answer_is_named(address, why):
    with pytest.raises(ConfigError, match=why):
        connect(address)


def test_workers_get_as_many_processors_as_all_of_them_fit():
    assert (pool_of([16, 16], None).workers, pool_of([16, 16], None).threads) == (32, 1)
    assert pool_of([16, 16], 4).threads == 8
    assert pool_of([16, 16], 5).threads == 5  # three on one machine, two on the other
    assert pool_of([4, 2], 3).threads == 2
    assert own_size(1)[1] >= own_size(4)[1] >= 1
    with pytest.raises(ConfigError, match="no processors"):
        pool_of([0], None)


def test_rows_are_read_from_anywhere_in_a_file(tmp_path, texts):
    source = write_rows(tmp_path / "a.parquet", texts, 100, groups=7)
    (found,) = find_sources([str(source)])
    for first, last in ((0, 100), (0, 7), (6, 8), (13, 50), (99, 100), (0, 1)):
        with inputs.table_of(found, ReadOptions(), first, last) as table:
            items = list(table.read())
        assert [item.line for item in items] == list(range(first + 1, last + 1))
        assert all(item.cells[0] == item.line - 1 for item in items if hasattr(item, "cells"))


def test_exported_models_keep_to_the_threads_they_are_given(monkeypatch):
    from munjang.inference.backends.onnx import cores

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    assert cores() == every
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert cores() == every
