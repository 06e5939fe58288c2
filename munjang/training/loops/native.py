"""The native loop: plain PyTorch on Accelerate, with exact resume.

Everything random is drawn from (seed, step), and the order of sentences from (seed, epoch). A run that was killed and
resumed therefore ends with the same weights as one that was not, bit for bit with the same number of CPU threads.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from munjang.encoder.memory import kept_memory
from munjang.encoder.packed import pack
from munjang.training.loops.adversarial import fgm_perturbation
from munjang.training.loops.checkpoints import newest_whole, prune, write_folder
from munjang.training.loops.interrupts import Interrupted, TimeIsUp, catch_interrupt
from munjang.training.loops.job import (
    Job,
    Selection,
    check_device,
    check_loss,
    load_weights,
    parameter_groups,
    pick_device,
    pick_precision,
    stopped_text,
    to_device,
    validation_score,
    weights_of,
)
from munjang.training.loops.run_log import RunLog
from munjang.translation import N_, _

log = logging.getLogger("munjang")

SPEED_TEXTS = {
    "sentences_s": N_("loss {loss:.3f}, {speed:.0f} sentences/s"),
    "tokens_s": N_("loss {loss:.3f}, {speed:.0f} tokens/s"),
}
"""What the progress bar shows, by the task's `speed`."""


def run_native(job: Job) -> Selection:
    """Train job.model; checkpoints and the best weights go to the job's folder. Returns which step was the best.

    Raises Interrupted after Ctrl-C, when a checkpoint is written.
    """
    return NativeLoop(job).run()


class NativeLoop:
    """The state of one run: network, optimizer, position, selection."""

    def __init__(self, job: Job) -> None:
        self.job = job
        # Batches are split here, so that each process gets its share of the same step; DDP averages the gradients.
        self.accelerator = Accelerator(
            cpu=pick_device(job.config).type == "cpu",
            kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
        )
        self.device = self.accelerator.device
        check_device(job.config, self.device)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.bf16 = pick_precision(job.config, self.device) == "bf16"
        job.model.to(self.device).train()
        self.optimizer = torch.optim.AdamW(
            parameter_groups(job.model, job.config.weight_decay), lr=job.learning_rate(0), betas=job.betas, fused=True
        )
        self.selection = Selection()
        self.step = 0
        self.train = job.train
        if job.resume:
            self.restore()
        self.packed = pack(job.model)
        self.network = self.accelerator.prepare_model(self.packed)
        weights = job.weights
        self.class_weights = None if weights is None else torch.from_numpy(weights).to(self.device)

    def run(self) -> Selection:
        job, config = self.job, self.job.config
        writer = RunLog(job.folder, self.step) if self.rank == 0 else None
        bar = tqdm(
            total=job.total_steps,
            initial=self.step,
            disable=not job.progress or self.rank > 0,
            unit=_("step"),
            ncols=100,
        )
        losses: list[torch.Tensor] = []
        began, sentences, tokens = time.monotonic(), 0, 0
        plan_epoch, plan = -1, []
        with catch_interrupt() as interrupts, kept_memory(self.device) as clear:
            while self.step < job.total_steps and not self.selection.is_over(config):
                epoch, position = divmod(self.step, job.epoch_steps)
                if epoch != plan_epoch:
                    plan = job.plan.epoch(job.lengths, seed=config.seed, epoch=epoch)
                    plan_epoch, self.train = epoch, job.train_of(epoch)
                losses.append(self.train_step(plan[position]))
                sentences += len(plan[position])
                tokens += int(self.train.lengths[plan[position]].sum())
                self.step += 1
                bar.update()
                if writer and (self.step % config.log_every == 0 or self.step == job.total_steps):
                    loss = check_loss(float(torch.stack(losses).mean()), self.step)
                    took = time.monotonic() - began
                    speeds = {"sentences_s": sentences / took, "tokens_s": tokens / took}
                    writer.add(self.step, loss=loss, learning_rate=job.learning_rate(self.step - 1), **speeds)
                    bar.set_postfix_str(_(SPEED_TEXTS[job.task.speed], loss=loss, speed=speeds[job.task.speed]))
                    if not job.progress:
                        log.info("step %d of %d: loss %.4f", self.step, job.total_steps, loss)
                    losses, began, sentences, tokens = [], time.monotonic(), 0, 0
                self.after_step(writer, bar)
                clear(self.step)
                if self.stop_is_asked(interrupts):
                    self.save()
                    bar.close()
                    kind = TimeIsUp if job.deadline is not None and not interrupts else Interrupted
                    raise kind(stopped_text(job, self.step))
        bar.close()
        if writer:
            writer.close()
        return self.selection

    def train_step(self, indices: np.ndarray) -> torch.Tensor:
        """One optimizer step over the sentences `indices` of all processes; returns the mean loss of this one."""
        job = self.job
        is_idle = self.rank >= len(indices)  # the last batch may have fewer sentences than processes: weight 0 then
        share_of_rank = slice(0, 1) if is_idle else slice(self.rank, None, self.world)
        rng = np.random.default_rng([job.config.seed, self.step, 1])  # not [seed, epoch], which gives the order
        batch, divisor = job.task.step_batch(self.train, indices, job.pad_id, rng, share_of_rank)
        batch = to_device(batch, self.device)
        torch.manual_seed((job.config.seed * 1_000_003 + self.step) * 1009 + self.rank)
        for group in self.optimizer.param_groups:
            group["lr"] = job.learning_rate(self.step)
        scale = 0.0 if is_idle else self.world / divisor  # DDP averages over the processes
        loss = self.backward(batch, scale)
        if job.config.adversarial:
            with fgm_perturbation(job.model, job.config.adversarial):
                self.backward(batch, scale)
        if job.config.max_grad_norm > 0:
            torch.nn.utils.clip_grad_norm_(job.model.parameters(), job.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def backward(self, batch: dict[str, torch.Tensor], scale: float) -> torch.Tensor:
        """Add the gradient of the batch's summed loss times `scale`; returns that scaled loss, detached."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.job.task.forward(self.network, batch)
            loss = self.job.task.loss(logits, batch, self.class_weights) * scale
        self.accelerator.backward(loss)
        return loss.detach()

    def after_step(self, writer: RunLog | None, bar: tqdm) -> None:
        """Score on the validation sentences and save, if due."""
        job, config = self.job, self.job.config
        if job.is_due(self.step, config.eval_every):
            scores = validation_score(job, self.packed, self.device)
            if self.rank == 0:
                self.selection.take(job, self.step, scores, job.model)
            else:  # the same scores, without writing
                self.selection.note(job, self.step, scores)
            if writer:
                writer.add(self.step, **{f"validation_{name}": value for name, value in scores.items()})
                bar.clear()
                shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
                log.info("step %d: validation %s", self.step, shown)
        if job.is_due(self.step, config.save_every):
            self.save()

    def stop_is_asked(self, interrupts: list[int]) -> bool:
        """Whether any process was told to stop or is out of time; all processes agree at the same step."""
        is_late = self.job.deadline is not None and time.monotonic() > self.job.deadline
        asked = (bool(interrupts) or is_late) and self.step < self.job.total_steps
        if self.world == 1:
            return asked
        flag = torch.tensor([float(asked)], device=self.device)
        return bool(self.accelerator.reduce(flag, reduction="sum").item())

    def save(self) -> None:
        """Write checkpoints/step-STEP and delete old ones; only the first process writes."""
        if self.rank == 0:
            folder = self.job.checkpoints / f"step-{self.step:08d}"
            keeps_best = self.job.config.keep_best
            state = {"step": self.step, "keeps_best": keeps_best, **self.selection.to_dict()}
            write_folder(folder, self.fill, state)
            prune(self.job.checkpoints, self.step, self.job.config.keep_checkpoints)
        self.accelerator.wait_for_everyone()

    def fill(self, folder: Path) -> None:
        """Write weights and optimizer state into a checkpoint folder."""
        save_file(weights_of(self.job.model), folder / "weights.safetensors")
        states = self.optimizer.state_dict()["state"]
        tensors = {f"{key}.{index}": value for index, state in states.items() for key, value in state.items()}
        save_file(tensors, folder / "optimizer.safetensors")

    def restore(self) -> None:
        """Load the newest whole checkpoint; without one the run starts from the beginning."""
        checkpoint = newest_whole(self.job.checkpoints)
        if checkpoint is None:
            log.info("No checkpoint to resume from; starting from the beginning.")
            return
        folder, state = checkpoint
        load_weights(folder / "weights.safetensors", self.job.model)
        tensors = load_file(folder / "optimizer.safetensors")
        saved = self.optimizer.state_dict()
        saved["state"] = {}
        for name, tensor in tensors.items():
            key, __, index = name.rpartition(".")
            saved["state"].setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(saved)
        self.selection = Selection.from_dict(state)
        self.step = state["step"]
        if self.rank == 0:
            log.info("Resuming after step %d of %d.", self.step, self.job.total_steps)
