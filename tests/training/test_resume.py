"""Killed runs that go on, damaged checkpoints, full disks."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
from training_fixtures import make_job, run_job

from munjang.errors import BundleError
from munjang.training.loops.checkpoints import newest_whole, prune, read_state, steps_in, write_folder
from munjang.training.loops.interrupts import Interrupted
from munjang.training.loops.job import Diverged, Selection
from munjang.training.loops.run_log import RunLog, read_log

TESTS = Path(__file__).parents[1] / "support"


def start(
    folder: Path, *extra: str, loop: str = "native", kill_step: int = 0, kill_save: int = 0, resume: bool = False
):
    """A run in a process of its own."""
    words = [str(folder), loop, str(kill_step), str(kill_save), *(["resume"] if resume else []), *extra]
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
    killed = start(tmp_path, "resume", kill_save=16)
    assert killed.returncode == -signal.SIGKILL
    assert [step for step, _ in steps_in(checkpoints, "step")] == [8, 12]
    assert read_state(checkpoints / "step-00000012")["step"] == 12  # written again on the way
    done = start(tmp_path, "resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout == whole
    assert list(checkpoints.glob(".*")) == []


def test_a_run_of_several_heads_that_is_killed_ends_with_the_same_weights(tmp_path):
    alone = start(tmp_path / "whole", "heads")
    killed = start(tmp_path / "cut", "heads", kill_step=15)  # of 20, in its second epoch
    assert killed.returncode == -signal.SIGKILL
    done = start(tmp_path / "cut", "heads", "resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone.stdout != ""


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

    with pytest.raises(BundleError, match=r"could not be written\. Free some space and go on with resume=True\.$"):
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
    from munjang.training.loops import native as loop

    plain = loop.NativeLoop.train_step

    def interrupted(self, indices):
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, indices)

    monkeypatch.setattr(loop.NativeLoop, "train_step", interrupted)
    with pytest.raises(Interrupted, match=r"step 4 of 12.*resume=True"):
        run_job(job)
    monkeypatch.setattr(loop.NativeLoop, "train_step", plain)
    again = run_job(make_job(tmp_path / "cut", log_every=1, resume=True))
    assert again.weights == whole_run.weights
    assert [step for step, _ in again.rows("loss")] == list(range(1, 13))


def test_a_full_disk_that_safetensors_reports_is_one_line_too(tmp_path):
    from safetensors import SafetensorError

    def fill(folder: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(BundleError, match=r"could not be written.*No space left.*resume=True"):
        write_folder(tmp_path / "step-00000005", fill, {})
    assert list(tmp_path.iterdir()) == []


def test_old_checkpoints_beyond_a_resumed_step_never_outlive_the_new_one(tmp_path):
    for step in (10, 20):
        write_folder(tmp_path / f"step-{step:08d}", lambda beside: (beside / "a").write_text("1"), {"step": step})
    (tmp_path / "step-00000020" / "a").unlink()  # broken, so the run went on from step 10
    write_folder(tmp_path / "step-00000015", lambda beside: (beside / "a").write_text("1"), {"step": 15})
    prune(tmp_path, 15, 1)
    assert [step for step, _ in steps_in(tmp_path, "step")] == [15]
    assert newest_whole(tmp_path)[1]["step"] == 15


def test_a_checkpoint_without_its_best_weights_is_skipped(tmp_path):
    outcome = run_job(make_job(tmp_path, eval_every=3, save_every=3))
    best = tmp_path / "checkpoints" / f"best-{outcome.selection.best_step:08d}" / "weights.safetensors"
    newest = newest_whole(tmp_path / "checkpoints")
    assert newest is not None and newest[1]["best_step"] == outcome.selection.best_step
    best.write_bytes(best.read_bytes()[:-4])
    later = newest_whole(tmp_path / "checkpoints")
    assert later is None or later[1]["best_step"] != outcome.selection.best_step


def test_a_cut_checkpoint_of_trainer_is_skipped(tmp_path):
    run_job(make_job(tmp_path, loop="trainer", save_every=4, log_every=1, epochs=1))
    weights = tmp_path / "checkpoints" / "checkpoint-6" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    again = run_job(make_job(tmp_path, loop="trainer", save_every=4, log_every=1, epochs=2, resume=True))
    assert [step for step, _ in again.rows("loss")] == list(range(1, 13))
    assert again.checkpoint_steps == [8, 12]


def test_a_loss_that_is_not_finite_is_never_the_best(tmp_path):
    job, selection = make_job(tmp_path), Selection()
    losses = [0.6, float("nan"), float("nan"), 0.7]
    taken = [selection.note(job, i, {"macro_f1": 0.5, "loss": loss}) for i, loss in enumerate(losses)]
    assert taken == [True, False, False, False]
    assert (selection.best_step, selection.rounds_without) == (0, 3)
    assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))) == selection


@pytest.mark.parametrize("loop", ["native", "trainer"])
def test_a_run_that_diverges_says_so(loop, tmp_path):
    job = make_job(tmp_path, loop=loop, log_every=1, learning_rate=1e38)
    with pytest.raises(Diverged, match="lower learning_rate=…"):
        run_job(job)


def test_tensorboard_keeps_every_point_of_a_resumed_run(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = RunLog(tmp_path)
    for step in (1, 2, 3):
        first.add(step, loss=step)
    first.close()
    names = [path.name for path in (tmp_path / "run" / "tensorboard").iterdir()]
    second = RunLog(tmp_path, 2)
    for step in (3, 4):
        second.add(step, loss=10 * step)
    second.close()
    later = [path.name for path in (tmp_path / "run" / "tensorboard").iterdir() if path.name not in names]
    assert later[0].split(".")[3] > names[0].split(".")[3]  # of a later second: read after it
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    assert [(event.step, event.value) for event in board.Scalars("loss")] == [(1, 1), (2, 2), (3, 30), (4, 40)]
    assert [(row["step"], row["loss"]) for row in read_log(second.path)] == [(1, 1), (2, 2), (3, 30), (4, 40)]
