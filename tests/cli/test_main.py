"""The command line as a program: what it prints and how it ends when a file, a pipe or the user stops it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from kills.points import in_child, munjang

COMMAND = [sys.executable, "-m", "munjang"]


def run(*words, **options):
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A linear model's folder."""
    pytest.importorskip("sklearn")
    from munjang.config.settings import TrainConfig
    from munjang.data.corpora.table import load_corpus
    from munjang.training.run import train

    folder = tmp_path_factory.mktemp("models") / "linear"
    train(load_corpus("sample:sentiment"), TrainConfig(backbone="linear"), out=folder)
    return folder


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system that takes no files")
def test_an_error_of_the_system_is_one_line_that_names_the_file(model):
    done = run("evaluate", model, "sample:sentiment", "--no-spaceless", "--json", "/proc/report.json")
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.startswith("munjang: /proc/")) == (1, True)
    assert "report.json" in last and last.endswith(": No such file or directory.")
    assert "Traceback" not in done.stderr


def test_with_debug_the_traceback_is_shown(model):
    done = run("--debug", "evaluate", model, "sample:sentiment", "--no-spaceless", "--json", "/proc/report.json")
    assert "Traceback" in done.stderr and done.returncode == 1


def test_a_reader_that_has_had_enough_is_no_error(model, tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("정말 재밌어요\n" * 20_000, encoding="utf-8")
    with subprocess.Popen(
        [*COMMAND, "predict", str(model), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("긍정\t")
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0
    assert "Error" not in said and "Traceback" not in said


def test_ctrl_c_ends_with_130_and_no_traceback(model):
    with subprocess.Popen(
        [*COMMAND, "predict", str(model), "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job may have it ignored
    ) as process:
        process.stdin.write("재밌어요\n".encode() * 100)
        process.stdin.flush()
        assert process.stdout.readline()  # so it is past its start
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=60)[1].decode()
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("stays_open", [0, 1], ids=["closed at once", "closed after a line"])
def test_a_training_whose_reader_has_left_writes_everything(tmp_path, stays_open):
    pytest.importorskip("matplotlib")
    reader, writer = os.pipe()

    def train():
        os.chdir(tmp_path)
        if stays_open:
            os.close(reader)  # the child's own copy
        sys.stdout = os.fdopen(writer, "w")
        munjang("train", "sample:sentiment", "--backbone", "linear", "--baseline", "--try", "좋아요", "--out", "m")

    if stays_open:
        threading.Thread(target=lambda: (os.read(reader, 1), os.close(reader))).start()
    else:
        os.close(reader)
    ended = in_child(train)
    os.close(writer)
    assert ended.code == 0 and "Traceback" not in ended.output, ended.output
    for name in ("munjang.json", "README.md", "run/test.json", "run/report.html", "run/test_reads.jsonl"):
        assert (tmp_path / "m" / name).exists(), name
    assert "macro F1" in (tmp_path / "m" / "README.md").read_text("utf-8")
