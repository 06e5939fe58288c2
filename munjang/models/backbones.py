"""The backbone a network starts from: a short name, a hub id, a folder, or a fresh one (`scratch:SIZE`)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.data.corpora.hub import is_reachable, no_download
from munjang.encoder.families import family_of
from munjang.errors import BundleError, ConfigError, FetchError, MunjangError, unknown_name
from munjang.files import PACKAGED_ENCODER, first_line
from munjang.files.outputs import settle, work_of_folder
from munjang.models.silence import silence_transformers
from munjang.models.tokenizer import TOKENIZER, open_tokenizer
from munjang.models.weights import check_weights
from munjang.text.vocabulary import train_wordpiece
from munjang.translation import N_, _

if TYPE_CHECKING:
    from transformers import BertConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from munjang.tasks.base import Task

log = logging.getLogger("munjang")

BACKBONE_REMEDY = N_(
    "Check the name and the network, or give a folder that holds the model; {option:backbone=mini} needs neither."
)

Vocabulary = Callable[[Sequence[str], int], "PreTrainedTokenizerBase"]
"""Makes a tokenizer from texts, with a vocabulary of the given size."""


PACKAGED = PACKAGED_ENCODER
"""The earlier name of PACKAGED_ENCODER, which older cards and notebooks import."""


@dataclass(frozen=True)
class Backbone:
    """One row of BACKBONES.

    source: a hub id, or the folder of a backbone that comes with munjang. learning_rate: for fine-tuning.
    """

    source: str
    licence: str
    parameters: str
    learning_rate: float
    revision: str = "main"


BACKBONES: dict[str, Backbone] = {
    "mini": Backbone(str(PACKAGED_ENCODER), "Apache-2.0", "7M", 3e-4),
    "mbert": Backbone("google-bert/bert-base-multilingual-cased", "Apache-2.0", "178M", 5e-5),
    "klue-bert": Backbone("klue/bert-base", "CC BY-SA 4.0", "110M", 5e-5),
    "klue-roberta-small": Backbone("klue/roberta-small", "CC BY-SA 4.0", "68M", 5e-5),
    "klue-roberta-base": Backbone("klue/roberta-base", "CC BY-SA 4.0", "111M", 3e-5),
    "klue-roberta-large": Backbone("klue/roberta-large", "CC BY-SA 4.0", "337M", 1e-5),
    "koelectra-small": Backbone("monologg/koelectra-small-v3-discriminator", "Apache-2.0", "14M", 1e-4),
    "koelectra-base": Backbone("monologg/koelectra-base-v3-discriminator", "Apache-2.0", "110M", 5e-5),
    "kcbert": Backbone("beomi/kcbert-base", "Apache-2.0", "109M", 5e-5),
    "kcelectra": Backbone("beomi/KcELECTRA-base-v2022", "MIT", "124M", 3e-5),
    "distilkobert": Backbone("monologg/distilkobert", "Apache-2.0", "28M", 5e-5),
}

SCRATCH = {  # layers, width, heads, vocabulary, learning rate
    "tiny": (2, 64, 2, 4000, 1e-3),
    "small": (4, 256, 4, 16000, 5e-4),
    "medium": (6, 384, 6, 16000, 3e-4),
    "base": (12, 768, 12, 32000, 1e-4),
}


DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")


@dataclass(frozen=True)
class LoadedBackbone:
    """A backbone that is ready to use: its tokenizer, and how to build a network for a task.

    name: as the user wrote it. source: folder or hub id, None for a fresh network. max_length: tokens that the
    positions cover. origin: one line for the card. dropouts: the names of dropout in the network's config.
    is_local: use only files on this machine, because the source is a folder or the hub does not answer.
    """

    name: str
    source: str | None
    revision: str | None
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    learning_rate: float
    origin: str
    dropouts: tuple[str, ...] = DROPOUTS[:2]
    is_local: bool = True

    def build(self, task: Task, *, seed: int, dropout: float | None) -> PreTrainedModel:
        """The network for a task; new weights are drawn from `seed`."""
        import torch

        torch.manual_seed(seed)
        if dropout is None and self.source is None:
            # A fresh network underfits: 0.1 cost 3 points on NSMC's validation split (EXPERIMENTS, 2026-11-22).
            dropout = 0.0
        options = {} if dropout is None else dict.fromkeys(self.dropouts, dropout)
        if self.source is None:
            return task.build(config=scratch_config(self.name, self.tokenizer, options))
        try:
            with silence_transformers():
                return task.build(self.source, revision=self.revision, local_files_only=self.is_local, **options)
        except MunjangError:
            raise
        except Exception as error:  # transformers and safetensors raise errors of their own types for damaged folders
            raise loading_error(
                _("The weights of {source} cannot be loaded ({reason}).", source=self.source, reason=first_line(error)),
                self.source,
                error,
                is_local=self.is_local,
            ) from error


def load_backbone(
    name: str,
    texts: Sequence[str] = (),
    *,
    tokenizer_folder: Path | None = None,
    wordpiece: Vocabulary = train_wordpiece,
) -> LoadedBackbone:
    """The backbone `name`, with its tokenizer.

    texts: sentences for the vocabulary of a fresh backbone. tokenizer_folder: where a resumed run has kept that
    vocabulary. wordpiece: makes the vocabulary, or takes it from a cache.
    """
    if name.startswith("scratch:"):
        size = scratch_size(name)
        rate = SCRATCH[size][4]
        tokenizer = load_tokenizer(tokenizer_folder) if tokenizer_folder else wordpiece(texts, SCRATCH[size][3])
        return LoadedBackbone(
            name, None, None, tokenizer, 512, rate, f"fresh BERT ({size}), vocabulary from the train texts"
        )
    check_backbone_name(name)
    row = BACKBONES.get(name)
    source, revision = locate(name)
    if Path(source).is_dir():
        try:
            check_weights(Path(source))
        except BundleError as error:
            raise FetchError(str(error)) from error
    is_local = Path(source).is_dir() or not is_reachable()
    settle(work_of_folder(Path(source)))
    tokenizer = load_tokenizer(source, revision, is_local=is_local)
    config = load_config(source, revision, is_local=is_local)
    rate = row.learning_rate if row else rate_by_size(config)
    origin = f"{name if is_packaged_name(name) else source} ({row.licence})" if row else str(source)
    if len(tokenizer) > getattr(config, "vocab_size", len(tokenizer)):
        raise FetchError(
            _(
                "{source}: the tokenizer has {pieces} pieces, the network {vocab_size}.",
                source=source,
                pieces=len(tokenizer),
                vocab_size=config.vocab_size,
            )
        )
    dropouts = tuple(name for name in DROPOUTS if hasattr(config, name))
    return LoadedBackbone(name, source, revision, tokenizer, position_limit(config), rate, origin, dropouts, is_local)


def check_backbone_name(name: str) -> None:
    """Refuse a name that is not in the table, is not a folder, and does not look like a hub id."""
    if name.startswith("scratch:"):
        scratch_size(name)
    elif name not in BACKBONES and name != "linear":
        source, __ = split_revision(name)
        if not Path(source).is_dir() and source.count("/") != 1:
            raise unknown_name(_("backbone"), name, [*BACKBONES, *(f"scratch:{size}" for size in SCRATCH), "linear"])


def scratch_size(name: str) -> str:
    """SIZE of the name `scratch:SIZE`."""
    size = name.removeprefix("scratch:")
    if size not in SCRATCH:
        raise unknown_name(_("size of a fresh backbone"), size, SCRATCH)
    return size


def scratch_config(name: str, tokenizer: PreTrainedTokenizerBase, options: dict[str, Any]) -> BertConfig:
    """The BertConfig of `scratch:SIZE` for a tokenizer's vocabulary."""
    from transformers import BertConfig

    layers, width, heads = SCRATCH[scratch_size(name)][:3]
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        **options,
    )


def load_tokenizer(
    source: str | Path, revision: str | None = None, *, is_local: bool = True
) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or hub id.

    A tokenizer that breaks Hangul into jamo is loaded as cased if its settings say nothing about case (a bare vocab.txt
    lower-cases by default); otherwise there is a warning.
    """
    from transformers import AutoTokenizer

    try:
        if (file := Path(source) / TOKENIZER).is_file():
            open_tokenizer(file)
        plain = {"revision": revision, "trust_remote_code": False, "local_files_only": is_local}
        tokenizer = AutoTokenizer.from_pretrained(source, **plain)
        if breaks_hangul(tokenizer) and not sets_case(source):
            log.info("%s does not say whether to lower-case; cased, so that Hangul stays whole.", source)
            tokenizer = AutoTokenizer.from_pretrained(source, **plain, do_lower_case=False, strip_accents=False)
    except Exception as error:  # a damaged tokenizer.json raises whatever the damage leads to
        raise loading_error(
            _("The tokenizer of {source} cannot be loaded ({reason}).", source=source, reason=first_line(error)),
            source,
            error,
            is_local=is_local,
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(
            _("{source} has only a tokenizer in Python; munjang needs one with a tokenizer.json.", source=source)
        )
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id < 0:
        raise ConfigError(
            _(
                "The tokenizer of {source} has no token for padding. Name one in its tokenizer_config.json.",
                source=source,
            )
        )
    if breaks_hangul(tokenizer):
        log.warning("ALARM: the tokenizer of %s breaks Hangul into jamo (한국어 becomes 8 pieces).", source)
    return tokenizer


def breaks_hangul(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether 한국어 loses its syllables on the way into the vocabulary."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and "한국어" not in normalizer.normalize_str("한국어")


def sets_case(source: str | Path) -> bool:
    """Whether the tokenizer's own settings decide on lower-casing, or cannot be read here."""
    path = Path(source) / "tokenizer_config.json"
    if not path.parent.is_dir():
        return True
    if (path.parent / "tokenizer.json").exists():
        return True
    return path.exists() and "do_lower_case" in json.loads(path.read_text(encoding="utf-8"))


def load_config(source: str, revision: str | None, *, is_local: bool) -> PretrainedConfig:
    """The transformers config of a folder or hub id."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False, local_files_only=is_local)
    except Exception as error:  # a damaged config.json raises whatever the damage leads to
        text = _("{source} cannot be loaded ({reason}).", source=source, reason=first_line(error))
        raise loading_error(text, source, error, is_local=is_local) from error


def loading_error(text: str, source: str | Path, error: Exception, *, is_local: bool) -> FetchError:
    """The error for a model that could not be loaded: it is not on this machine, or damaged, which `text` says."""
    if is_local and not Path(source).is_dir() and isinstance(error, OSError):
        return FetchError(no_download(str(source)))
    return FetchError(f"{text} {_(BACKBONE_REMEDY)}")


def is_packaged_name(name: str) -> bool:
    """Whether this is the name of a model that comes with munjang."""
    return name in BACKBONES and Path(BACKBONES[name].source).is_absolute()


def locate(name: str) -> tuple[str, str | None]:
    """The folder or hub id, and the revision, for a name of the table, a hub id or a folder."""
    row = BACKBONES.get(name)
    return (row.source, row.revision) if row else split_revision(name)


def split_revision(name: str) -> tuple[str, str | None]:
    """`user/model@revision` as its two parts; a folder is not split."""
    if Path(name).is_dir() or "@" not in name:
        return name, None
    source, __, revision = name.partition("@")
    return source, revision


def position_limit(config: Any) -> int:
    """How many tokens the position table covers; 512 if the config does not say."""
    return int(getattr(config, "max_position_embeddings", 512)) - family_of(config.model_type).padding_positions


def rate_by_size(config: Any) -> float:
    """A learning rate by width and depth: 3e-4 up to 6x256, 1e-4 for small, 5e-5 for base, 1e-5 for large models."""
    width, layers = getattr(config, "hidden_size", 768), getattr(config, "num_hidden_layers", 12)
    if width <= 256 and layers <= 6:
        return 3e-4
    if width <= 512:
        return 1e-4
    return 5e-5 if width <= 768 else 1e-5
