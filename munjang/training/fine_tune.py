"""Fine-tuning a network: encode, choose settings that are not given, run a loop, take the best weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from munjang.config.settings import TrainConfig, to_dict
from munjang.errors import ConfigError
from munjang.files import is_first_process
from munjang.models.folder import Manifest
from munjang.records import Corpus, Example
from munjang.tasks import task_for
from munjang.tasks.base import encode_texts, shorten_encodings
from munjang.text.noise import augmented
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers
    from transformers import PreTrainedModel

    from munjang.models.backbones import LoadedBackbone
    from munjang.tasks.base import Encodings, TrainingDefaults
    from munjang.tasks.classification import Classification
    from munjang.training.loops.batching import BatchSampler
    from munjang.training.loops.job import Selection
    from munjang.training.token_cache import NoCache, TokenCache

log = logging.getLogger("munjang")
SHORT = 32  # tokens; a shorter length saves next to nothing, and texts to come may be longer than those of train
WORTH_WARNING = 0.01  # share of the sentences


@dataclass(frozen=True)
class FineTuned:
    """A trained network with its best weights. config: the settings with every None filled in."""

    model: PreTrainedModel
    task: Classification
    backbone: LoadedBackbone
    config: TrainConfig
    selection: Selection

    def manifest(self, corpus: Corpus) -> Manifest:
        """The contents of its munjang.json."""
        return Manifest(
            format="native",
            task=corpus.task,
            labels=corpus.labels,
            steps=self.config.clean.steps,
            max_length=self.config.max_length,
            backbone=self.config.backbone,
            origin=self.backbone.origin,
            corpus=corpus.name,
            settings=to_dict(self.config),
            validation=self.selection.saved(self.config, self.task.monitor),
            details={"task": self.task.options} if self.task.options else {},
        )

    @property
    def tokenizer(self) -> tokenizers.Tokenizer:
        """The tokenizer of the `tokenizers` library."""
        return self.backbone.tokenizer.backend_tokenizer

    def answers(self, examples: Sequence[Example], tokens: TokenCache | NoCache) -> tuple[np.ndarray, np.ndarray]:
        """The logits (n, L) for labelled sentences, and their label column. tokens: a cache of token ids."""
        encoded = self.task.encode(examples, self.tokenizer, self.config.max_length, encode=tokens.encode)
        return self.logits(encoded), encoded.columns["labels"]

    def logits(self, encoded: Encodings) -> np.ndarray:
        """(n, L) float32 for encoded sentences, computed in fp32 as a saved model does."""
        import torch

        from munjang.encoder.packed import pack
        from munjang.training.loops.batching import sorted_batches
        from munjang.training.loops.job import pick_device, to_device

        device = pick_device(self.config)
        network = pack(self.model.to(device).eval())
        logits = np.empty((len(encoded), len(self.task.labels)), np.float32)
        plain = replace(encoded, columns={})
        for indices in sorted_batches(encoded.lengths, self.config.eval_batch_size):
            batch = to_device(self.task.collate(plain, indices, int(self.backbone.tokenizer.pad_token_id)), device)
            with torch.inference_mode():
                logits[indices] = self.task.forward(network, batch).float().cpu().numpy()
        self.model.to("cpu")
        return logits

    def save(self, folder: Path) -> None:
        """Write the files of the native format."""
        from munjang.inference.backends import native

        native.save(folder, self.model, self.backbone.tokenizer)


def fine_tune(
    corpus: Corpus,
    backbone: LoadedBackbone,
    config: TrainConfig,
    folder: Path,
    *,
    tokens: TokenCache | NoCache,
    batches: BatchSampler | None = None,
    resume: bool = False,
    progress: bool = False,
) -> FineTuned:
    """Train a network from `backbone` on a prepared corpus; checkpoints and log go to the run's folder.

    tokens: a cache of token ids. batches: how sentences are batched; None: by config.batch_size. Under torchrun only
    the first process has the best weights at the end.
    """
    from munjang.encoder.embedding import compact_embeddings
    from munjang.training.loops.batching import steps_per_epoch
    from munjang.training.loops.checkpoints import best_folder, read_state
    from munjang.training.loops.job import Job, load_weights

    task = task_for(corpus, parser=config.parser)
    config = replace(config, batch_size=config.batch_size or task.training_defaults.batch_size)
    tokenizer = backbone.tokenizer.backend_tokenizer
    encoded = task.encode(corpus.train, tokenizer, check_length(config, backbone), encode=tokens.encode)
    length = config.max_length or (choose_length(backbone, encoded) if task.cuts_texts else backbone.max_length)
    say_cut(encoded, length)
    encoded = shorten_encodings(encoded, [example.text for example in corpus.train], tokenizer, length)
    config = replace(
        config,
        max_length=length,
        learning_rate=config.learning_rate or task.training_defaults.rate * backbone.learning_rate,
        epochs=config.epochs or choose_epochs(task.training_defaults, steps_per_epoch(len(encoded), config.batch_size)),
        dropout=task.training_defaults.dropout if config.dropout is None else config.dropout,
    )
    log.info(
        "%s: learning rate %g, %d sentences a step, %g epochs.",
        backbone.origin, config.learning_rate, config.batch_size, config.epochs,
    )  # fmt: skip
    model = backbone.build(task, seed=config.seed, dropout=config.dropout)
    validation = task.encode(corpus.validation, tokenizer, length, encode=tokens.encode)
    epochs = list(augmented_epochs(corpus.train, encoded, tokenizer, config))
    if not all(part.lengths.all() for part in (encoded, validation, *epochs)):
        raise ConfigError(
            _(
                "The tokenizer of {origin} leaves no token of some texts, because it does not add special "
                "tokens. Give its tokenizer.json a post-processor, or take another {option:backbone}.",
                origin=backbone.origin,
            )
        )
    parts = [encoded, validation, *epochs]
    compaction = compact_embeddings(model, *(part.ids for part in parts)) if config.loop == "native" else None
    if compaction:
        parts = [replace(part, ids=compaction.ids(part.ids)) for part in parts]
    encoded, validation, *epochs = parts
    job = Job(
        task=task,
        model=model,
        train=encoded,
        validation=validation,
        config=config,
        folder=folder,
        pad_id=int(backbone.tokenizer.pad_token_id),
        augmented=epochs,
        weights=balanced(config, encoded, task),
        resume=resume,
        progress=progress,
        batches=batches,
    )
    if config.loop == "native":
        from munjang.training.loops.native import run_native as run
    else:
        from munjang.training.loops.trainer import run_trainer as run
    if job.warmup_steps >= job.total_steps:
        log.warning("The warm-up of %d steps is longer than the run of %d.", job.warmup_steps, job.total_steps)
    selection = run(job)
    if is_first_process():
        if config.keep_best:
            best = best_folder(job.checkpoints, selection.best_step)
            read_state(best)
            load_weights(best / "weights.safetensors", model)
            log.info("The best weights are those after step %d.", selection.best_step)
        if compaction:
            compaction.expand(model)
        model.to("cpu")
    return FineTuned(model, task, backbone, config, selection)


def augmented_epochs(
    examples: Sequence[Example], encoded: Encodings, tokenizer: tokenizers.Tokenizer, config: TrainConfig
) -> Iterator[Encodings]:
    """The train sentences of each epoch with the changes that the settings ask for; nothing if they ask for none.

    All epochs are made before the first, because the small embedding must have the rows for each of their tokens.
    """
    texts = [example.text for example in examples]
    for epoch in range(math.ceil(config.epochs or 0) if config.augment else 0):
        changed = augmented(texts, config.augment, seed=config.seed, epoch=epoch)
        yield replace(encode_texts(changed, tokenizer, config.max_length or 0), columns=encoded.columns)


def check_length(config: TrainConfig, backbone: LoadedBackbone) -> int:
    """The length in the settings, else the backbone's; a ConfigError if it is longer than the backbone's."""
    if config.max_length and config.max_length > backbone.max_length:
        raise ConfigError(
            _(
                "max_length is {max_length}; {backbone} takes at most {limit}. Give a smaller {option:max_length}.",
                max_length=config.max_length,
                backbone=backbone.name,
                limit=backbone.max_length,
            )
        )
    return config.max_length or backbone.max_length


def choose_length(backbone: LoadedBackbone, encoded: Encodings) -> int:
    """The most tokens of a sentence: the 99.9th percentile of train, at most what the model takes."""
    length = min(backbone.max_length, max(SHORT, int(np.ceil(np.percentile(encoded.lengths, 99.9)))))
    log.info(
        "Length %d tokens: the 99.9th percentile of train (mean %.1f), at least %d and at most %d.",
        length, encoded.lengths.mean(), SHORT, backbone.max_length,
    )  # fmt: skip
    return length


def say_cut(encoded: Encodings, length: int) -> None:
    """Say how many sentences of train are cut: those that are longer, and those that were cut already."""
    cut = float(((encoded.lengths > length) | encoded.truncated).mean())
    if cut:
        level = logging.WARNING if cut > WORTH_WARNING else logging.INFO
        log.log(level, "%.2f%% of the sentences of train are longer than %d tokens and are cut.", 100 * cut, length)


def choose_epochs(training_defaults: TrainingDefaults, steps: int) -> float:
    """The task's default number of epochs, or more if that would be too few steps.

    steps: of one epoch. With about 500 sentences of 16 languages, mini had a macro F1 of 0.41 after 3 epochs (about 50
    steps) and 0.80 after 20 epochs (EXPERIMENTS, 2026-11-23).
    """
    return max(
        training_defaults.epochs,
        min(training_defaults.most_epochs, float(math.ceil(training_defaults.least_steps / steps))),
    )


def balanced(config: TrainConfig, encoded: Encodings, task: Classification) -> np.ndarray | None:
    """The class weights that the settings ask for."""
    if config.class_weights is None:
        return None
    weights = task.class_weights(encoded)
    shown = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(task.labels, weights, strict=True))
    log.info("Class weights: %s.", shown)
    return weights
