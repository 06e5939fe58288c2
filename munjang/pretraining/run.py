"""Pre-training from texts to a model folder: clean, make a vocabulary, tokenise, predict masked words, save."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.config.settings import PretrainConfig, to_dict
from munjang.errors import ConfigError, MissingExtra, require
from munjang.files import disk_errors, is_first_process, whole_folder, write_json, write_text
from munjang.files.outputs import final_place, replaced_together, work_of_folder
from munjang.models.folder import RESUME_REMEDY
from munjang.pretraining.card import pretraining_card
from munjang.pretraining.texts import Texts, TextSource, clean_texts, evaluation_keys, source_files
from munjang.training.fit import check_settings, first_process_first, versions
from munjang.training.folders import run_folder
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import BertConfig, PreTrainedTokenizerBase

    from munjang.models.backbones import LoadedBackbone
    from munjang.training.loops.job import Job

log = logging.getLogger("munjang")

PACKAGES = ("torch", "transformers", "accelerate", "tensorboard")

SPARES = 10  # [unused0] to [unused9]
SETTINGS_FILE = Path("run", "settings.json")
WEIGHTS = "model.safetensors"


def pretrain(
    sources: Sequence[TextSource],
    config: PretrainConfig | None = None,
    *,
    out: str | Path,
    exclude: Sequence[str | Path] = (),
    data_dir: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    minutes: float | None = None,
    progress: bool = False,
) -> Path:
    """Pre-train a BERT on texts and save it as a folder that transformers and `--backbone` can open.

    exclude: files whose texts must not be learnt from. minutes: after this time, write a checkpoint and raise TimeIsUp;
    `resume` then goes on with the same texts and settings, as if there had been no stop. Returns the folder.
    """
    config = config or PretrainConfig()
    require(_("pre-training"), "train", *PACKAGES)
    inputs = [*source_files(sources), *exclude, config.init, data_dir]
    with run_folder(Path(out), overwrite=overwrite, resume=resume, inputs=inputs) as folder:
        settings = {
            "config": to_dict(config),
            "data": describe_data(sources, exclude),
            "versions": versions(),
        }
        is_begun = resume and (folder / SETTINGS_FILE).exists()
        if is_begun:
            check_settings(folder, settings)
        if is_begun and (folder / WEIGHTS).exists():
            log.info("%s is already finished.", folder)
            if config.schedule != "constant":
                shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the run was killed while deleting them
            return Path(out)
        if not is_begun and is_first_process():
            (folder / "run").mkdir(parents=True, exist_ok=True)
            write_json(folder / SETTINGS_FILE, settings)

        def prepare() -> LoadedBackbone:
            return prepare_texts(folder, config, sources, exclude, data_dir)

        backbone = first_process_first(config, prepare)
        job = make_job(folder, config, backbone, resume=resume, minutes=minutes, progress=progress)
        run_and_save(job, backbone, settings)
    return Path(out)


def describe_data(sources: Sequence[TextSource], exclude: Sequence[str | Path]) -> dict[str, Any]:
    """What a run learns from and what it leaves out, as written in its settings."""
    return {
        "sources": [with_size(asdict(source), source.name) for source in sources],
        "exclude": [with_size({}, file) for file in exclude],
    }


def with_size(facts: dict[str, Any], name: str | Path) -> dict[str, Any]:
    """Facts that tell a resumed run whether a source is the same: its name, and its size if it is a file."""
    path = Path(name)
    return facts | {
        "name": str(Path(path.parent.name, path.name)),
        "bytes": path.stat().st_size if path.is_file() else None,
    }


def prepare_texts(
    folder: Path,
    config: PretrainConfig,
    sources: Sequence[TextSource],
    exclude: Sequence[str | Path],
    data_dir: str | None,
    share: float | None = None,
) -> LoadedBackbone:
    """Clean the texts, make the vocabulary if there is none, write the blocks; what an earlier process made is kept.

    share: the share of the texts to hold out; None: as in the config.
    """
    from munjang.pretraining.blocks import held_out, write_blocks

    if not (folder / "texts").exists():
        excluded = evaluation_keys(exclude, config.text_steps)
        texts = clean_texts(sources, config.text_steps, excluded, data_dir)
        log.info("%s", texts)
        write_json(folder / "run" / "texts.json", [asdict(stats) for stats in texts.stats])
        if not config.init and not (folder / "run" / "tokenizer").exists():
            keep_vocabulary(folder / "run" / "tokenizer", texts, config)
        backbone = open_backbone(folder, config)
        if share is None:
            share = held_out(config.validation_share, len(texts.texts))
        with disk_errors(folder / "texts", _(RESUME_REMEDY)):
            write_blocks(folder / "texts", texts, backbone.tokenizer, max_length=config.max_length, share=share)
        return backbone
    return open_backbone(folder, config)


def keep_vocabulary(folder: Path, texts: Texts, config: PretrainConfig) -> None:
    """Make a vocabulary from the texts and write it into a folder."""
    from munjang.text.vocabulary import train_wordpiece

    tokenizer = train_wordpiece(texts.weighted(), config.vocabulary, spares=SPARES, scripts=config.scripts)
    log.info("Vocabulary: %s pieces.", f"{len(tokenizer):,}")
    with whole_folder(folder) as temporary:
        tokenizer.save_pretrained(temporary)


def open_backbone(folder: Path, config: PretrainConfig) -> LoadedBackbone:
    """The backbone that the network starts from: another model, or a fresh BERT with the run's own vocabulary."""
    from munjang.models import backbones

    if config.init:
        backbone = backbones.load_backbone(config.init)
        if config.max_length > backbone.max_length:
            raise ConfigError(
                _(
                    "max_length is {max_length}; {backbone} takes at most {limit}. Give a smaller {option:max_length}.",
                    max_length=config.max_length,
                    backbone=config.init,
                    limit=backbone.max_length,
                )
            )
        return backbone
    tokenizer = backbones.load_tokenizer(folder / "run" / "tokenizer")
    return backbones.LoadedBackbone(
        config.size, None, None, tokenizer, config.max_length, config.learning_rate, f"fresh BERT {config.size}"
    )


def fresh_config(config: PretrainConfig, tokenizer: PreTrainedTokenizerBase) -> BertConfig:
    """The BertConfig of a size such as 4x256. It has as many positions as a segment, so that all are trained."""
    from transformers import BertConfig

    layers, width = map(int, config.size.split("x"))
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // (64 if width >= 128 else 32),
        intermediate_size=4 * width,
        max_position_embeddings=config.max_length,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_job(
    folder: Path,
    config: PretrainConfig,
    backbone: LoadedBackbone,
    *,
    resume: bool,
    minutes: float | None,
    progress: bool,
) -> Job:
    """The Job for the native loop."""
    import torch

    from munjang.pretraining.blocks import open_blocks
    from munjang.tasks.masked_lm import MaskedWords, MaskingVocabulary
    from munjang.training.loops.batching import TokenSampler
    from munjang.training.loops.job import Job

    task = MaskedWords(MaskingVocabulary.of(backbone.tokenizer), config.masking, config.whole_words)
    if backbone.source is None:
        torch.manual_seed(config.seed)
        model = task.build(config=fresh_config(config, backbone.tokenizer))
    else:
        model = backbone.build(task, seed=config.seed, dropout=config.dropout)
    train, copies = open_blocks(folder / "texts", "train")
    validation, __ = open_blocks(folder / "texts", "validation")
    return Job(
        task=task,
        model=model,
        train=train,
        validation=validation,
        config=config,
        folder=folder,
        pad_id=int(backbone.tokenizer.pad_token_id),
        resume=resume,
        progress=progress,
        batches=TokenSampler(config.batch_tokens, copies),
        steps=config.steps,
        schedule=config.schedule,
        betas=(0.9, config.beta2),
        deadline=None if minutes is None else time.monotonic() + 60 * minutes,
    )


def announce(job: Job, backbone: LoadedBackbone) -> None:
    """Log how large the network, its texts and the run are."""
    size = sum(p.numel() for p in job.model.parameters())
    tokens = int((job.train.lengths * job.batches.copies).sum())
    log.info(
        "%s: %.1fM parameters; %s tokens per pass in %s steps; %s steps in all.",
        backbone.origin, size / 1e6, f"{tokens:,}", f"{job.epoch_steps:,}", f"{job.total_steps:,}",
    )  # fmt: skip


def run_and_save(job: Job, backbone: LoadedBackbone, settings: dict[str, Any]) -> None:
    """Run the loop, then write the model folder: weights, tokenizer, loss curve, card."""
    from munjang.inference.backends import native
    from munjang.training.loops.native import run_native
    from munjang.training.loops.run_log import read_log

    announce(job, backbone)
    run_native(job)
    folder = job.folder
    if is_first_process():
        work = work_of_folder(folder)
        with disk_errors(folder, _(RESUME_REMEDY)), replaced_together(work, last=(WEIGHTS,)) as temporary:
            native.save(temporary, job.model.to("cpu"), backbone.tokenizer)
            rows = read_log(folder / "run" / "log.jsonl")
            warn_if_collapsed(job, rows)
            draw_curve(temporary / "loss.png", rows, job.config.size)
            write_text(temporary / "README.md", pretraining_card(job, backbone, settings, rows))
        if job.schedule != "constant" or job.decay_from is not None:
            shutil.rmtree(folder / "checkpoints")
        log.info("Saved %s.", final_place(folder))
    first_process_first(job.config, lambda: None)


def warn_if_collapsed(job: Job, rows: Sequence[dict[str, float]]) -> None:
    """Warn if the network has collapsed: it is no better than one that knows only the frequency of each piece."""
    losses = [row["validation_loss"] for row in rows if "validation_loss" in row]
    baseline = job.task.frequency_loss(job.train, job.validation)
    if losses and losses[-1] > baseline - 0.1:
        log.warning(
            _(
                "The network has learnt little more than the frequency of each piece (loss {loss:.2f}, {baseline:.2f} "
                "from that alone). Train it for more steps, with a lower {option:learning_rate} or with a longer "
                "warm-up ({option:warmup=STEPS}).",
                loss=losses[-1],
                baseline=baseline,
            )
        )


def draw_curve(path: Path, rows: Sequence[dict[str, float]], title: str) -> None:
    """The loss over the steps as a PNG; if the packages for plots are missing, log that and go on."""
    try:
        from munjang.reports.figures import save_png
        from munjang.reports.plots import training_curve

        save_png(training_curve(rows, title=_("Pre-training {size}", size=title)), path)
    except (MissingExtra, ImportError):
        log.info("No loss curve: run pip install 'munjang[report]' for it.")
