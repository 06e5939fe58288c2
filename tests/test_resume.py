"""Runs that are killed and go on, folders that are cut, disks that are full."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
from training_fixtures import make_job, run_job

from munjang.errors import BundleError
from munjang.training.checkpoints import newest_whole, read_state, steps_in, write_folder
from munjang.training.interrupts import Interrupted

TESTS = Path(__file__).parent


def start(folder: Path, *, loop: str = "native", kill_step: int = 0, kill_save: int = 0, resume: bool = False):
    """A run in a process of its own."""
    words = [str(folder), loop, str(kill_step), str(kill_save), *(["resume"] if resume else [])]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return subprocess.run(
        [sys.executable, str(TESTS / "killed_run.py"), *words], env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> str:
    """What an uninterrupted run prints: weights, best step, best score."""
    done = start(tmp_path_factory.mktemp("whole"))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_that_is_killed_cut_and_killed_again_ends_with_the_same_weights(whole, tmp_path):
    checkpoints = tmp_path / "checkpoints"
    killed = start(tmp_path, kill_step=14)  # of 20, between the checkpoints of steps 12 and 16
    assert killed.returncode == -signal.SIGKILL
    assert [step for step, _ in steps_in(checkpoints, "step")] == [8, 12]
    weights = checkpoints / "step-00000012" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert newest_whole(checkpoints)[1]["step"] == 8
    killed = start(tmp_path, kill_save=16, resume=True)
    assert killed.returncode == -signal.SIGKILL
    assert [step for step, _ in steps_in(checkpoints, "step")] == [8, 12]
    assert read_state(checkpoints / "step-00000012")["step"] == 12  # written anew on the way
    done = start(tmp_path, resume=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == whole
    assert list(checkpoints.glob(".*")) == []


def test_trainer_goes_on_after_its_newest_checkpoint(tmp_path):
    job = make_job(tmp_path, loop="trainer", save_every=4, log_every=1, epochs=1)
    run_job(job)
    again = make_job(tmp_path, loop="trainer", save_every=4, log_every=1, epochs=2, resume=True)
    (tmp_path / "checkpoints" / "checkpoint-6" / "munjang.json").unlink()  # as if it had been killed while saving
    outcome = run_job(again)
    steps = [step for step, _ in outcome.rows("loss")]
    assert steps == list(range(1, 13))


def test_a_full_disk_leaves_no_half_checkpoint(tmp_path):
    def fill(folder: Path) -> None:
        (folder / "weights").write_bytes(b"x" * 1000)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BundleError, match=r"disk is full.*--resume"):
        write_folder(tmp_path / "checkpoints" / "step-00000005", fill, {})
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("12"), lambda path: path.write_text("0")])
def test_a_state_tells_of_a_missing_cut_or_changed_file(change, tmp_path):
    folder = tmp_path / "step-00000001"
    write_folder(folder, lambda beside: (beside / "a").write_text("1"), {"step": 1})
    assert read_state(folder)["step"] == 1
    change(folder / "a")
    with pytest.raises(BundleError, match="a is missing, cut short or changed"):
        read_state(folder)


def test_an_interrupt_saves_and_says_how_to_go_on(tmp_path, monkeypatch):
    whole_run = run_job(make_job(tmp_path / "whole", log_every=1))
    job = make_job(tmp_path / "cut", log_every=1)
    from munjang.training import loop

    plain = loop.NativeLoop.train_step

    def interrupted(self, indices):
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, indices)

    monkeypatch.setattr(loop.NativeLoop, "train_step", interrupted)
    with pytest.raises(Interrupted, match=r"step 4 of 12.*--resume"):
        run_job(job)
    monkeypatch.setattr(loop.NativeLoop, "train_step", plain)
    again = run_job(make_job(tmp_path / "cut", log_every=1, resume=True))
    assert again.weights == whole_run.weights
    assert [step for step, _ in again.rows("loss")] == list(range(1, 13))
