"""A training run that kills itself: `python killed_run.py FOLDER LOOP KILL_STEP KILL_SAVE [resume] [heads]`.

KILL_STEP: SIGKILL comes in the middle of that optimizer step (0: never). KILL_SAVE: SIGKILL comes in the middle of that
checkpoint's optimizer file (0: never). Prints the hash of the weights when it gets to its end.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from training_fixtures import digest, make_job, runner


def die() -> None:
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, loop, kill_step, kill_save = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    job = make_job(
        folder,
        "heads" if "heads" in sys.argv else "binary",
        loop=loop,
        sentences=80,
        batch_size=8,
        save_every=4,
        eval_every=5,
        log_every=1,
        dropout=0.1,
        resume="resume" in sys.argv,
    )
    if loop == "native":
        arm(kill_step, kill_save)
    selection = runner(loop)(job)
    print(digest(job.model), selection.best_step, selection.best)


def arm(kill_step: int, kill_save: int) -> None:
    from munjang.training.loops import native as loop

    plain_step, plain_save = loop.NativeLoop.train_step, loop.save_file

    def step(self, indices):
        if self.step + 1 == kill_step:
            self.optimizer.step = die
        return plain_step(self, indices)

    def save(tensors, path):
        plain_save(tensors, path)
        if path.name == "optimizer.safetensors" and f"step-{kill_save:08d}." in str(path.parent):
            path.write_bytes(path.read_bytes()[:1000])
            die()

    loop.NativeLoop.train_step, loop.save_file = step, save


if __name__ == "__main__":
    main()
