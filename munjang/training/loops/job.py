"""What both training loops get and share: the schedule, the validation score, the choice of the best weights."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from munjang.config.settings import PretrainConfig, TrainConfig
from munjang.errors import BundleError, ConfigError, MunjangError
from munjang.tasks.base import Batch, Encodings, TrainingTask
from munjang.training.loops.batching import BatchSampler, SentenceSampler
from munjang.training.loops.checkpoints import write_folder
from munjang.training.loops.schedules import SCHEDULES
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Diverged(MunjangError):
    """The loss is no longer a number, so training cannot go on."""

    exit_code = 8


@dataclass(frozen=True)
class Job:
    """A training run that is ready to start: network, encoded sentences, settings with every None filled in.

    folder: the run's folder; checkpoints go to folder/checkpoints, the log to folder/run/log.jsonl.
    augmented: the train sentences of each epoch, if they differ. weights: (L,) class weights or None. progress: whether
    to draw a progress bar on stderr.
    batches: how sentences are batched; None: by config.batch_size. steps: of the whole run; None: by config.epochs.
    schedule: a key of SCHEDULES. decay_from: from this step on, the rate goes linearly down to 0, whatever the
    schedule. betas: of AdamW. deadline: on the clock of time.monotonic(); None: no time limit.
    """

    task: TrainingTask
    model: PreTrainedModel
    train: Encodings
    validation: Encodings
    config: TrainConfig | PretrainConfig
    folder: Path
    pad_id: int
    augmented: Sequence[Encodings] = ()
    weights: np.ndarray | None = None
    resume: bool = False
    progress: bool = False
    batches: BatchSampler | None = None
    steps: int | None = None
    schedule: str = "linear"
    decay_from: int | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    deadline: float | None = None

    @cached_property
    def plan(self) -> BatchSampler:
        return self.batches or SentenceSampler(self.config.batch_size, self.config.eval_batch_size)

    @cached_property
    def lengths(self) -> np.ndarray:
        return self.train.lengths

    @cached_property
    def epoch_steps(self) -> int:
        return self.plan.steps(self.lengths)

    def train_of(self, epoch: int) -> Encodings:
        """The train sentences of an epoch, as many and in the same order in all. epoch: from 0."""
        return self.augmented[epoch] if self.augmented else self.train

    @property
    def total_steps(self) -> int:
        return self.steps or max(1, math.ceil(self.config.epochs * self.epoch_steps))

    @property
    def warmup_steps(self) -> int:
        warmup = self.config.warmup
        if warmup is None:
            return default_warmup(self.total_steps)
        return round(warmup * self.total_steps) if warmup < 1 else int(warmup)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def learning_rate(self, step: int) -> float:
        """The rate of optimizer step `step` (from 0): it rises linearly in the warm-up, then follows the schedule."""
        peak = self.config.learning_rate
        assert peak is not None
        if step < self.warmup_steps:
            return peak * step / self.warmup_steps
        schedule, start = SCHEDULES[self.schedule], self.warmup_steps
        if self.decay_from is not None and step >= self.decay_from:
            schedule, start = SCHEDULES["linear"], self.decay_from
        done = (step - start) / max(1, self.total_steps - start)
        return peak * schedule(min(1.0, done))

    def is_due(self, step: int, every: int | None) -> bool:
        """Whether something is due after `step` that happens every `every` steps (None: each epoch) and at the end."""
        return step == self.total_steps or step % (every or self.epoch_steps) == 0


def default_warmup(steps: int) -> int:
    """The warm-up of a pre-training whose settings give none: a sixteenth of its steps, between 100 and 500.

    With fewer than 100, deep networks and high learning rates collapse. Never more than a quarter of the run.
    """
    return min(max(steps // 16, 100), 500, steps // 4)


def pick_device(config: TrainConfig | PretrainConfig) -> torch.device:
    """The device in the settings; under torchrun each process takes its own accelerator.

    ConfigError if the settings ask for an accelerator and there is none.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(_("{option:device=cuda} was given, but torch finds no accelerator here. Use auto or cpu."))
    if config.device == "cpu" or (config.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def check_device(config: TrainConfig | PretrainConfig, device: torch.device) -> None:
    """Refuse a device other than the one in the settings: Accelerate never changes the first device of a process."""
    wanted = pick_device(config)
    if wanted.type != device.type:
        raise ConfigError(
            _(
                "An earlier run in this process used {used}; start a new process to use {wanted}.",
                used=device.type,
                wanted=wanted.type,
            )
        )


def check_loss(loss: float, step: int) -> float:
    """The loss, if it is finite; else Diverged, which says what to try."""
    if not math.isfinite(loss):
        raise Diverged(
            _(
                "The loss was {loss} at step {step}: training has diverged. Try a lower {option:learning_rate}.",
                loss=loss,
                step=step,
            )
        )
    return loss


def pick_precision(config: TrainConfig | PretrainConfig, device: torch.device) -> str:
    """Either bf16 or fp32; auto takes bf16 on accelerators that have it and on processors with bf16 instructions."""
    if config.precision != "auto":
        return config.precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    # AVX-512 bf16 alone, without matrix units, made a 4x256 step 2.4 times as fast as fp32 (EXPERIMENTS, 2026-11-22).
    return "bf16" if torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported() else "fp32"


def to_device(batch: Batch, device: torch.device) -> dict[str, torch.Tensor]:
    """The arrays of a batch as tensors on a device."""
    return {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in batch.items()}


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters with decay, and those without: biases and layer norms, as in the BERT paper's code."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    plain = [p for name, p in named if p.ndim < 2]
    decayed = [p for name, p in named if p.ndim >= 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def validation_score(job: Job, model: PreTrainedModel, device: torch.device) -> dict[str, float]:
    """The task's metrics and the mean loss on the validation sentences, in the precision of training.

    Random choices of a task (masks) are the same at every call and for every training seed.
    """
    model.eval()
    references, predictions, loss, units = [], [], 0.0, 0
    bf16 = pick_precision(job.config, device) == "bf16"
    for number, indices in enumerate(job.plan.evaluation(job.validation.lengths)):
        rng = np.random.default_rng(number)
        batch, divisor = job.task.step_batch(job.validation, indices, job.pad_id, rng, slice(None))
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            tensors = to_device(batch, device)
            logits = job.task.forward(model, tensors)
            loss += float(job.task.loss(logits, tensors, None))
        units += divisor
        references.append(batch["labels"])
        predictions.append(job.task.predictions(logits))
    model.train()
    return {**job.task.score(np.concatenate(references), np.concatenate(predictions)), "loss": loss / units}


def stopped_text(job: Job, step: int) -> str:
    """The message of a run that was stopped after `step`, with its state saved."""
    return _(
        "Stopped at step {step} of {total}, saved in {folder}. Give the same command with "
        "{option:resume=True} to go on.",
        step=step,
        total=job.total_steps,
        folder=job.checkpoints,
    )


@dataclass
class Selection:
    """Which weights are the best on the validation sentences so far, and whether to stop early.

    Better is a higher task.monitor, or an equal one with a lower loss; a loss that is not finite is never better. The
    state is kept in checkpoints.
    """

    best_step: int = -1
    best: tuple[float, float] = (-math.inf, -math.inf)  # task.monitor and the negative loss
    rounds_without: int = 0
    last_step: int = -1
    last: tuple[float, float] = (-math.inf, -math.inf)

    def note(self, job: Job, step: int, scores: dict[str, float]) -> bool:
        """Note the scores after `step`; returns whether they are the best so far."""
        score = (scores[job.task.monitor], -scores["loss"])
        self.last, self.last_step = score, step
        if score <= self.best or not math.isfinite(scores["loss"]):
            self.rounds_without += 1
            return False
        self.best, self.best_step, self.rounds_without = score, step, 0
        return True

    def take(self, job: Job, step: int, scores: dict[str, float], model: PreTrainedModel) -> None:
        """Note the scores; if they are the best, write the weights to checkpoints/best-STEP."""
        if self.note(job, step, scores) and job.config.keep_best:
            save_weights(job.checkpoints / f"best-{step:08d}", model, {"step": step, "scores": scores})

    def is_over(self, config: TrainConfig | PretrainConfig) -> bool:
        """Whether the patience is used up."""
        return config.patience is not None and self.rounds_without >= config.patience

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Selection:
        values = {item.name: state[item.name] for item in fields(cls) if item.name in state}
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

    def saved(self, config: TrainConfig, monitor: str) -> dict[str, float]:
        """The validation scores of the saved weights: the best ones, or the last ones without keep_best."""
        score, negative_loss = self.best if config.keep_best else self.last
        return {monitor: score, "loss": -negative_loss, "step": self.best_step if config.keep_best else self.last_step}


def save_weights(folder: Path, model: torch.nn.Module, state: dict[str, Any]) -> None:
    """Write a checkpoint folder with only the weights."""
    write_folder(folder, lambda temporary: save_file(weights_of(model), temporary / "weights.safetensors"), state)


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict, contiguous, with each shared tensor once."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            kept[name] = tensor.contiguous()
    return kept


def load_weights(path: Path, model: torch.nn.Module) -> None:
    """Put saved weights into a model; a BundleError if a name is missing, unknown, or has another shape."""
    tensors = load_file(path)
    expected = model.state_dict()
    given = {expected[name].data_ptr() for name in tensors if name in expected}
    missing = [name for name, tensor in expected.items() if name not in tensors and tensor.data_ptr() not in given]
    unknown = [name for name in tensors if name not in expected or expected[name].shape != tensors[name].shape]
    if missing or unknown:
        raise BundleError(
            _(
                "{path} does not fit this network: {name} is missing or has another shape. It was made by "
                "another version or from other data; start again with {option:overwrite=True}.",
                path=path,
                name=(missing + unknown)[0],
            )
        )
    model.load_state_dict(tensors, strict=False)  # missing names share memory with a tensor that is there
