"""A pre-training that kills itself: `python pretrain_run.py TEXTS OUT KILL_STEP`."""

import os
import signal
import sys

import torch
from training_fixtures import TINY_PRETRAINING as TINY

from munjang.config.settings import PretrainConfig
from munjang.pretraining.run import pretrain
from munjang.pretraining.texts import TextSource
from munjang.training.loops import native as loop

torch.set_num_threads(1)
plain = loop.NativeLoop.train_step


def step(self, indices):
    if self.step + 1 == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, indices)


loop.NativeLoop.train_step = step
pretrain([TextSource(sys.argv[1])], PretrainConfig(**TINY), out=sys.argv[2])
