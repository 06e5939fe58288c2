"""The command line as a program: what it prints and how it ends when a file, a pipe or the user stops it."""

import os
import signal
import subprocess
import sys
import time

import pytest

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
