"""A tiny BERT and a few sentences, ready for either loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from munjang.config.settings import TrainConfig
from munjang.data.corpora.table import load_corpus
from munjang.models.backbones import load_backbone
from munjang.records import Example, LabelSet
from munjang.tasks import TASKS, make_task
from munjang.training.fine_tune import augmented_epochs
from munjang.training.loops.batching import MultiCorpusSampler
from munjang.training.loops.job import Job, Selection
from munjang.training.loops.run_log import read_log

SMALL = {
    "backbone": "scratch:tiny", "epochs": 2, "batch_size": 16, "eval_batch_size": 16, "learning_rate": 1e-3,
    "precision": "fp32",
}  # fmt: skip
TINY_PRETRAINING = {
    "size": "2x64", "vocabulary": 1500, "max_length": 32, "batch_tokens": 1024, "steps": 60, "learning_rate": 3e-3,
    "log_every": 5, "eval_every": 30, "save_every": 20, "validation_share": 0.1, "precision": "fp32",
}  # fmt: skip
"""The settings of the smallest pre-training that learns something."""
NAMES = {
    "binary": ("부정", "긍정"),
    "multi-class": ("IT과학", "경제", "스포츠"),
    "multi-label": ("짧다", "긍정", "물음"),
    "heads": ("sentiment/부정", "sentiment/긍정", "topic/IT과학", "topic/경제", "topic/스포츠"),
}


def examples(kind: str, n: int) -> list[Example]:
    """n labelled sentences of a sample corpus for a kind of task; for heads of two, two of one and one of the other."""
    if kind == "heads":
        parts = [("sentiment", examples("binary", n)), ("topic", examples("multi-class", n))]
        flat = [[replace(row, label=f"{head}/{row.label}") for row in rows] for head, rows in parts]
        return [flat[index % 3 // 2][index] for index in range(n)]
    corpus = load_corpus("sample:topic" if kind == "multi-class" else "sample:sentiment")
    rows = [example for example in corpus.train if kind == "multi-label" or example.label in NAMES[kind]]
    if kind == "multi-label":
        rows = [Example(row.text, several(row)) for row in rows]
    return rows[:n]


def several(row: Example) -> tuple[str, ...]:
    """Labels that a sentence can have together, read off the sentence itself."""
    found = {"짧다": len(row.text) < 22, "긍정": row.label == "긍정", "물음": "?" in row.text}
    return tuple(name for name, holds in found.items() if holds)


def make_job(folder: Path, kind: str = "binary", *, sentences: int = 96, resume: bool = False, **settings: Any) -> Job:
    """A run of six steps an epoch over a tiny fresh BERT."""
    config = TrainConfig(**{**SMALL, **settings})
    rows = examples(kind, sentences + 32)
    backbone = load_backbone("scratch:tiny", [row.text for row in rows])
    task = make_task(kind if kind in TASKS else "classification", LabelSet(NAMES[kind]))
    backend = backbone.tokenizer.backend_tokenizer
    max_length = config.max_length or 32
    train = task.encode(rows[:sentences], backend, max_length)
    batches = None
    if kind == "heads":
        sources = task.head_numbers[train.columns["labels"]]
        batches = MultiCorpusSampler(config.batch_size, config.eval_batch_size, sources, config.sampling_power)
    return Job(
        task=task,
        model=backbone.build(task, seed=config.seed, dropout=config.dropout),
        train=train,
        validation=task.encode(rows[sentences:], backend, max_length),
        config=config,
        folder=folder,
        pad_id=0,
        augmented=list(augmented_epochs(rows[:sentences], train, backend, replace(config, max_length=max_length))),
        weights=task.class_weights(train) if config.class_weights else None,
        resume=resume,
        batches=batches,
    )


@dataclass(frozen=True)
class Outcome:
    """What a run left behind."""

    job: Job
    selection: Selection
    log: list[dict[str, float]]
    weights: str

    def rows(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of the log rows that have `name`."""
        return [(int(row["step"]), row[name]) for row in self.log if name in row]

    @property
    def checkpoint_steps(self) -> list[int]:
        kind = "step" if self.job.config.loop == "native" else "checkpoint"
        return sorted(int(path.name.split("-")[1]) for path in self.job.checkpoints.glob(f"{kind}-*"))


def run_job(job: Job) -> Outcome:
    """Run the loop that the job's settings name."""
    torch.set_num_threads(1)
    selection = runner(job.config.loop)(job)
    return Outcome(job, selection, read_log(job.folder / "run" / "log.jsonl"), digest(job.model))


def runner(loop: str) -> Callable[[Job], Selection]:
    if loop == "native":
        from munjang.training.loops.native import run_native

        return run_native
    from munjang.training.loops.trainer import run_trainer

    return run_trainer


def digest(model: torch.nn.Module) -> str:
    """A hash of every weight, in order."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
