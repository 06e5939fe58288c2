"""Training on other texts in every epoch: the same ones again after a stop, and all of their tokens learnt."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from training_fixtures import NAMES, examples, make_job, run_job

import munjang as mj
from munjang.errors import ConfigError
from munjang.models.backbones import load_backbone
from munjang.records import Corpus, LabelSet
from munjang.tasks import task_for
from munjang.tasks.base import encode_texts
from munjang.text.noise import AUGMENTATIONS, augmented
from munjang.training.fine_tune import fine_tune
from munjang.training.loops import native
from munjang.training.loops.interrupts import Interrupted
from munjang.training.token_cache import NoCache

CONFIG = mj.TrainConfig(
    backbone="scratch:tiny", epochs=3, batch_size=16, precision="fp32", device="cpu", augment=("spacing", "typos")
)
CORPUS = Corpus("few", "classification", LabelSet(NAMES["binary"]), examples("binary", 120))


def test_both_loops_learn_from_the_same_changed_texts(tmp_path, monkeypatch):
    for name, augmentation in AUGMENTATIONS.items():
        monkeypatch.setitem(AUGMENTATIONS, name, replace(augmentation, share=1.0))
    runs = {}
    for name, augment in (("native", CONFIG.augment), ("trainer", CONFIG.augment), ("plain", ())):
        loop = "trainer" if name == "trainer" else "native"
        job = make_job(tmp_path / name, loop=loop, augment=augment, epochs=6, log_every=1, learning_rate=3e-3)
        runs[name] = np.array([loss for _, loss in run_job(job).rows("loss")])
    assert len(runs["plain"]) == 36
    between_loops = np.abs(runs["trainer"] - runs["native"]).max()
    assert np.abs(runs["plain"] - runs["native"]).max() > 10 * between_loops, runs


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    whole = mj.train(CORPUS, CONFIG, out=tmp_path / "whole", report=False)
    train_step = native.NativeLoop.train_step

    def interrupted(self, indices):
        if self.step == self.job.epoch_steps + 1:  # in the second epoch
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self, indices)

    monkeypatch.setattr(native.NativeLoop, "train_step", interrupted)
    with pytest.raises(Interrupted):
        mj.train(CORPUS, CONFIG, out=tmp_path / "cut", report=False)
    monkeypatch.undo()
    resumed = mj.train(CORPUS, CONFIG, out=tmp_path / "cut", resume=True, report=False)
    weights = [(model.folder / "model.safetensors").read_bytes() for model in (whole, resumed)]
    assert weights[0] == weights[1]
    plain = mj.train(CORPUS, replace(CONFIG, augment=()), out=tmp_path / "plain", report=False)
    assert (plain.folder / "model.safetensors").read_bytes() != weights[0]


class Stopped(Exception):
    """Ends a run where its job is known."""


def test_the_rows_of_the_embedding_are_those_of_the_changed_texts_too(tmp_path, monkeypatch):
    jobs = []

    def stop(job):
        jobs.append(job)
        raise Stopped

    monkeypatch.setattr(native, "run_native", stop)
    backbone, corpus = load_backbone("mini"), CORPUS.with_splits(train=CORPUS.train[:90], validation=CORPUS.train[90:])
    with pytest.raises(Stopped):
        fine_tune(corpus, backbone, replace(CONFIG, backbone="mini"), tmp_path, tokens=NoCache())
    (job,) = jobs
    whole = backbone.build(job.task, seed=13, dropout=0.0).get_input_embeddings().weight
    small = job.model.get_input_embeddings().weight
    assert len(small) < len(whole) / 2 and len(job.augmented) == 3
    for epoch, encodings in enumerate(job.augmented):
        texts = augmented([row.text for row in corpus.train], CONFIG.augment, seed=CONFIG.seed, epoch=epoch)
        ids = encode_texts(texts, backbone.tokenizer.backend_tokenizer, job.config.max_length).ids
        assert torch.equal(
            small[torch.from_numpy(encodings.ids.astype("int64"))], whole[torch.from_numpy(ids.astype("int64"))]
        )
        assert encodings.columns["labels"].tolist() == job.train.columns["labels"].tolist()


def test_what_cannot_be_augmented_is_refused():
    with pytest.raises(ConfigError, match="augment is 'rain'; it must be one of spacing, typos"):
        mj.TrainConfig(augment=("spacing", "rain"))
    with pytest.raises(ConfigError, match=r"A linear model reads each text once. Leave augment=… out"):
        mj.TrainConfig(backbone="linear", augment=("typos",))
    trees = Corpus("trees", "parsing", LabelSet(("NP_SBJ", "VP")))
    with pytest.raises(ConfigError, match="augment=… changes texts; the words of a tree must stay"):
        task_for(trees).check_config(CONFIG, "trees")


def test_the_linear_baseline_reads_the_texts_as_they_are(tmp_path):
    mj.train(CORPUS, replace(CONFIG, epochs=1), out=tmp_path / "m", baseline=True, report=False)
    assert mj.load(tmp_path / "m" / "run" / "baseline").manifest.settings["augment"] == []
    assert mj.load(tmp_path / "m").manifest.settings["augment"] == ["spacing", "typos"]
