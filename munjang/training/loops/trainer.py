"""The other loop: transformers.Trainer with the same settings, batches, validation score and choice of the best."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from munjang.errors import ConfigError
from munjang.files import file_facts, is_first_process, write_json
from munjang.models.silence import silence_transformers
from munjang.tasks.base import Batch
from munjang.training.loops.adversarial import fgm_perturbation
from munjang.training.loops.checkpoints import newest_whole, prune
from munjang.training.loops.dataset import EncodedDataset
from munjang.training.loops.interrupts import Interrupted, catch_interrupt
from munjang.training.loops.job import (
    Job,
    Selection,
    check_loss,
    pick_device,
    pick_precision,
    stopped_text,
    validation_score,
)
from munjang.training.loops.run_log import RunLog
from munjang.translation import _

log = logging.getLogger("munjang")

SEAL = "munjang.json"  # written last into each checkpoint of Trainer: hashes of its files, and the selection


def run_trainer(job: Job) -> Selection:
    """Train job.model through transformers.Trainer. Returns which step was the best.

    Checkpoints are Trainer's own (checkpoint-STEP); resume takes the newest whole one. Trainer restores the random
    state after batches were fetched, so a resumed run is not bit-exact within an epoch.
    """
    checkpoint = newest_whole(job.checkpoints, "checkpoint", SEAL) if job.resume else None
    resume_from, seal = checkpoint or (None, None)
    with catch_interrupt() as interrupts:
        bridge, dataset = Bridge(job, interrupts, seal), EncodedDataset(job.train)
        trainer = JobTrainer(
            model=job.model,
            args=training_arguments(job),
            train_dataset=dataset,
            data_collator=lambda items: collate(job, items),
            compute_loss_func=lambda outputs, labels, num_items_in_batch=None: loss(job, outputs, labels),
            callbacks=[bridge],
        )
        trainer.job, trainer.order = job, NativeOrder(job, dataset)
        for callback in list(trainer.callback_handler.callbacks):
            if type(callback).__name__ in ("PrinterCallback", "TensorBoardCallback"):
                trainer.remove_callback(callback)
        with silence_transformers():
            trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    if trainer.state.global_step < job.total_steps and not bridge.selection.is_over(job.config):
        raise Interrupted(stopped_text(job, trainer.state.global_step))
    return bridge.selection


class NativeOrder(Sampler[int]):
    """The sentences in the order of the native loop: batches of similar length, in a new random order each epoch.

    Trainer's own group_by_length goes from the longest to the shortest sentence of every 50 batches. If labels depend
    on length, as in 3i4k, a network forgets in each window what it learnt in the one before: accuracy 0.37 to 0.77
    instead of 0.84 (EXPERIMENTS, 2026-11-22).
    """

    def __init__(self, job: Job, dataset: EncodedDataset) -> None:
        self.job, self.dataset, self.epoch = job, dataset, 0

    def __len__(self) -> int:
        return len(self.job.train)

    def __iter__(self) -> Iterator[int]:
        batches = self.job.plan.epoch(self.job.lengths, seed=self.job.config.seed, epoch=self.epoch)
        batches.sort(key=len, reverse=True)  # stable: only the short batch moves, to the end
        return iter(np.concatenate(batches).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch, also the one in which it resumes. The dataset gets its sentences."""
        self.epoch, self.dataset.encodings = epoch, self.job.train_of(epoch)


class JobTrainer(Trainer):
    """Trainer that takes the sentences in `order`, and each batch twice if training is adversarial."""

    job: Job
    order: Sampler[int]

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self.order

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> torch.Tensor:
        step = super().training_step
        loss = step(model, dict(inputs), *more, **named)  # a copy, because Trainer removes the labels from it
        if self.job.config.adversarial:
            with fgm_perturbation(self.job.model, self.job.config.adversarial):
                step(model, inputs, *more, **named)
        return loss


def training_arguments(job: Job) -> TrainingArguments:
    """TrainingArguments for the job's settings."""
    config = job.config
    device = pick_device(config)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if config.batch_size % world:
        raise ConfigError(
            _(
                "With {option:loop=trainer}, batch_size ({size}) must be divisible by the number of processes "
                "({processes}).",
                size=config.batch_size,
                processes=world,
            )
        )
    return TrainingArguments(
        output_dir=str(job.checkpoints),
        max_steps=job.total_steps,
        per_device_train_batch_size=config.batch_size // world,
        average_tokens_across_devices=False,  # the loss is a mean over sentences; scaling it doubled it
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        warmup_steps=job.warmup_steps,
        lr_scheduler_type="linear",
        bf16=pick_precision(config, device) == "bf16",
        use_cpu=device.type == "cpu",
        logging_steps=config.log_every,
        logging_nan_inf_filter=False,  # a loss that is not finite must be seen
        save_strategy="steps",
        save_steps=config.save_every or job.epoch_steps,
        seed=config.seed,
        data_seed=config.seed,
        remove_unused_columns=False,
        disable_tqdm=not job.progress,
        report_to="none",
        dataloader_pin_memory=device.type == "cuda",
    )


def collate(job: Job, items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Items of the dataset as padded tensors, labels in the task's type."""
    width = max(len(item["input_ids"]) for item in items)
    batch: Batch = {
        "input_ids": np.full((len(items), width), job.pad_id, np.int64),
        "attention_mask": np.zeros((len(items), width), np.int64),
    }
    for row, item in enumerate(items):
        batch["input_ids"][row, : len(item["input_ids"])] = item["input_ids"]
        batch["attention_mask"][row, : len(item["input_ids"])] = 1
    column = job.train.columns["labels"]
    batch["labels"] = np.array([item["labels"] for item in items], dtype=column.dtype)
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def loss(job: Job, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
    """The task's mean loss over the batch, with the job's class weights."""
    weights = None if job.weights is None else torch.from_numpy(job.weights).to(labels.device)
    return job.task.loss(outputs["logits"], {"labels": labels}, weights) / len(labels)


class Bridge(TrainerCallback):
    """Scores on the validation sentences, keeps the best weights, stops early, and writes the run's log."""

    def __init__(self, job: Job, interrupts: list[int], seal: dict[str, Any] | None) -> None:
        self.job = job
        self.interrupts = interrupts
        self.selection = Selection()
        start = 0
        if seal is not None:
            self.selection, start = Selection.from_dict(seal), seal["step"]
            log.info("Resuming after step %d of %d.", start, job.total_steps)
        self.writer = RunLog(job.folder, start) if is_first_process() else None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        known = {name: value for name, value in (logs or {}).items() if name in ("loss", "learning_rate")}
        if "loss" in known:
            check_loss(known["loss"], state.global_step)
        if known and self.writer:
            self.writer.add(state.global_step, **known)
            if not self.job.progress and "loss" in known:
                log.info("step %d of %d: loss %.4f", state.global_step, self.job.total_steps, known["loss"])

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        step = state.global_step
        if self.job.is_due(step, self.job.config.eval_every):
            scores = validation_score(self.job, self.job.model, args.device)
            if self.writer:
                self.selection.take(self.job, step, scores, self.job.model)
                self.writer.add(step, **{f"validation_{name}": value for name, value in scores.items()})
                shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
                log.info("step %d: validation %s", step, shown)
            else:
                self.selection.note(self.job, step, scores)
        if step == self.job.total_steps:
            control.should_log = True
        if self.selection.is_over(self.job.config) or self.stop_is_asked(args.device):
            control.should_training_stop = True
            control.should_save = True

    def stop_is_asked(self, device: torch.device) -> bool:
        """Whether any process was told to stop; all processes agree at the same step."""
        if not torch.distributed.is_initialized():
            return bool(self.interrupts)
        flag = torch.tensor([float(bool(self.interrupts))], device=device)
        torch.distributed.all_reduce(flag)
        return bool(flag.item())

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal the checkpoint with the hashes of its files, then delete old ones."""
        if not self.writer:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        files = {
            path.name: file_facts(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != SEAL
        }
        keeps_best = self.job.config.keep_best
        seal = {"step": state.global_step, "keeps_best": keeps_best, **self.selection.to_dict(), "files": files}
        write_json(folder / SEAL, seal)
        prune(folder.parent, state.global_step, self.job.config.keep_checkpoints, kind="checkpoint", seal=SEAL)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.writer:
            self.writer.close()
