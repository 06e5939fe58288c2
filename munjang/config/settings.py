"""Settings of reading, cleaning, training and pre-training: frozen dataclasses, read from TOML, no unknown keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, get_args, get_type_hints

from munjang.config.checks import (
    above_zero,
    between,
    known_augmentations,
    known_steps,
    long_enough,
    not_negative,
    one_of,
    usable_seed,
)
from munjang.config.converting import convert
from munjang.errors import ConfigError
from munjang.translation import _

TEXT_STEPS = ("nfc", "invisible", "html", "spaces")
"""The text steps used unless told otherwise; munjang.text.cleaning.STEPS has them all."""

LOOPS = ("native", "trainer")
MOST_FOLDS = 20

REMOVED: dict[str, bool] = {"pos": False}
"""Settings of training that earlier versions had -> their default."""


@cache
def field_types(cls: type) -> dict[str, Any]:
    """The types of the fields of a settings class, by name."""
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def check_types(config: Any) -> None:
    """Refuse values of a wrong type, from Python, with a ConfigError; "3" becomes 3 where a number is expected."""
    for name, hint in field_types(config.__class__).items():
        value = getattr(config, name)
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if type(value) in kinds or (type(value) is int and float in kinds):
            continue
        if is_dataclass(hint):
            raise ConfigError(
                _(
                    "{name} is {value!r:.100}; expected a {type}.",
                    name=name,
                    value=value,
                    type=getattr(hint, "__name__", hint),
                )
            )
        object.__setattr__(config, name, convert(value, hint, name))


LAST_ROW = 1_048_576
"""The last row of an Excel sheet, and the last one that can hold the names of columns."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read a user's file. None means: detect it, and tell the user what was detected."""

    text: str | tuple[str, ...] | None = None  # column of the sentences; several are joined: "제목,본문"
    label: str | tuple[str, ...] | None = None  # column of the labels; several say each whether a text has this label
    labels: tuple[str, ...] | None = None  # the label set, in order; rows with other labels are removed and counted
    map: str | None = None  # "1,2=부정;4-5=긍정": values that become labels; other rows are dropped and counted
    multi_label: str | None = None  # separator between labels in one cell; None = one label per text
    encoding: str | None = None  # utf-8, utf-8-sig, utf-16, cp949
    sheet: str | None = None  # Excel: sheet name, or its number from 1
    header_row: int | None = None  # Excel, CSV: 1-based row of the column names; 0 = none
    delimiter: str | None = None  # CSV, TSV: one character, or "tab"

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("text", "label", "labels"):
            if getattr(self, name) == ():
                raise ConfigError(_("{where} cannot be empty.", where=name))
        if self.header_row is not None and not 0 <= self.header_row <= LAST_ROW:
            raise ConfigError(
                _("header_row must be between 0 and {last:,}, found {row}.", last=LAST_ROW, row=self.header_row)
            )


@dataclass(frozen=True)
class CleanConfig:
    """What cleaning does. Texts first pass the `steps`, then rows are removed."""

    steps: tuple[str, ...] = TEXT_STEPS
    duplicates: bool = True  # keep only the first of the rows with equal text and equal label
    conflicts: str = "drop"  # equal texts with different labels: "drop" all, "keep-majority", or "keep" all
    leaks: bool = True  # remove texts of the test (and validation) split from train
    outliers: float | None = None  # k: drop texts with more than Q3 + k*(Q3-Q1) characters; off by default
    near_duplicates: str | None = None  # near copies: "report" or "drop"; None: they are not looked for
    clean_test: bool = False  # clean the test split like train; by default it loses only rows that cannot be scored
    fixes: str | None = None  # a review file with corrected labels, put in before everything else

    def __post_init__(self) -> None:
        check_types(self)
        known_steps("clean.steps", self.steps)
        one_of("clean.conflicts", self.conflicts, ("drop", "keep-majority", "keep"))
        one_of("clean.near_duplicates", self.near_duplicates, (None, "report", "drop"))
        if self.outliers is not None:
            above_zero("clean.outliers", self.outliers)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run; saved with the model."""

    backbone: str = "mini"  # a name of BACKBONES, a hub id, a folder, scratch:SIZE, or linear
    loop: str = "native"  # native or trainer
    epochs: float | None = None  # None: 3, for a parser 10; more on few sentences
    batch_size: int | None = None  # sentences per optimizer step, over all processes; None: 32, for a parser 16
    eval_batch_size: int = 64
    learning_rate: float | None = None  # None: by the backbone; for a parser 5/3 of that
    warmup: float = 0.1  # below 1: a share of all steps; from 1: a number of steps
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    dropout: float | None = None  # None: as in the backbone; 0 for new networks and for several labels per text
    max_length: int | None = None  # tokens; None: the 99.9th percentile of train, capped by the model
    class_weights: str | None = None  # None or "balanced"
    adversarial: float = 0.0  # FGM: length of the perturbation of the word embeddings; 0: off
    augment: tuple[str, ...] = ()  # of munjang.text.noise.AUGMENTATIONS: spacing, typos; other texts in each epoch
    hybrid: bool = False  # train a linear model of n-grams beside the network, and add its logits
    parser: str | None = None  # treebanks: biaffine, or labeling; None: biaffine
    sampling_power: float = 0.5  # several corpora: each is sampled in proportion to size ** this; 1: every row once
    log_every: int = 50  # steps
    save_every: int | None = None  # steps; None: at the end of each epoch
    eval_every: int | None = None  # steps; None: at the end of each epoch
    keep_checkpoints: int = 2
    patience: int | None = None  # evaluations without a better validation score before stopping; None: never stop
    keep_best: bool = True  # save the model with the best validation score, not the last one
    validation_share: float = 0.1  # share of train, where the corpus has no validation split
    test_share: float = 0.1  # share of train, where the corpus has no test split; 0: none
    folds: int = 0  # models that answer the rows of each other's folds before the last is trained; 0: none
    seed: int = 13
    precision: str = "auto"  # auto, fp32, bf16
    device: str = "auto"  # auto, cpu, cuda
    clean: CleanConfig = field(default_factory=CleanConfig)

    def __post_init__(self) -> None:
        check_types(self)
        one_of("loop", self.loop, LOOPS)
        one_of("class_weights", self.class_weights, (None, "balanced"))
        one_of("precision", self.precision, ("auto", "fp32", "bf16"))
        one_of("device", self.device, ("auto", "cpu", "cuda"))
        one_of("parser", self.parser, (None, "biaffine", "labeling"))
        for name in ("eval_batch_size", "log_every", "keep_checkpoints"):
            above_zero(name, getattr(self, name))
        for name in ("batch_size", "epochs", "learning_rate", "save_every", "eval_every", "patience"):
            if getattr(self, name) is not None:
                above_zero(name, getattr(self, name))
        for name in ("warmup", "weight_decay", "max_grad_norm", "adversarial"):
            not_negative(name, getattr(self, name))
        if self.max_length is not None:
            long_enough(self.max_length)
        if self.dropout is not None:
            between("dropout", self.dropout, 0, 1, low_too=True)
        between("validation_share", self.validation_share, 0, 0.5)
        between("test_share", self.test_share, 0, 0.5, low_too=True)
        between("sampling_power", self.sampling_power, 0, 2, low_too=True)
        one_of("folds", self.folds, (0, *range(2, MOST_FOLDS + 1)))
        known_augmentations("augment", self.augment)
        if self.hybrid and self.backbone == "linear":
            raise ConfigError(
                _("A linear model is n-grams already. Leave {option:hybrid} out, or give another {option:backbone}.")
            )
        if self.augment and self.backbone == "linear":
            raise ConfigError(
                _("A linear model reads each text once. Leave {option:augment} out, or give another {option:backbone}.")
            )
        usable_seed(self.seed)


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides a pre-training run, apart from the texts; saved with it."""

    size: str = "4x256"  # layers x width of a new BERT; heads are 64 wide (32 if the width is below 128)
    init: str | None = None  # continue from this model instead: a name of BACKBONES, a hub id, a folder
    vocabulary: int = 16000  # pieces of a new vocabulary, special and spare ones included
    scripts: bool = False  # add the letters of the world's common scripts to it, even if the texts lack them
    max_length: int = 128  # tokens per segment, special ones included; longer texts are cut into several
    text_steps: tuple[str, ...] = TEXT_STEPS  # of munjang.text.cleaning; they run first
    validation_share: float = 0.01  # share of the texts to hold out; at most 4,000 texts
    masking: float = 0.2  # share of the tokens to predict
    whole_words: bool = True  # True: mask all pieces of a word together; False: each piece by itself
    epochs: float = 1.0  # passes over the texts
    steps: int | None = None  # optimizer steps instead of passes
    batch_tokens: int = 8192  # tokens per step, over all processes, padding included
    learning_rate: float = 1e-3
    schedule: str = "one-cycle"  # one-cycle, linear, or constant (can be continued; --decay ends it)
    warmup: float | None = None  # below 1: a share of all steps; from 1: a number of steps; None: default_warmup
    weight_decay: float = 0.01
    beta2: float = 0.98  # of AdamW; 0.98 is more stable than 0.999 at this learning rate (RoBERTa)
    max_grad_norm: float = 1.0
    dropout: float = 0.0  # a short pre-training sees no text often enough to memorize it
    log_every: int = 50  # steps
    save_every: int | None = 500  # steps; None: at the end of each pass
    eval_every: int | None = 500
    keep_checkpoints: int = 2
    seed: int = 13
    precision: str = "auto"  # auto, fp32, bf16
    device: str = "auto"  # auto, cpu, cuda
    keep_best: ClassVar[bool] = False  # the last weights are kept
    patience: ClassVar[None] = None
    adversarial: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        one_of("schedule", self.schedule, ("one-cycle", "linear", "constant"))
        one_of("precision", self.precision, ("auto", "fp32", "bf16"))
        one_of("device", self.device, ("auto", "cpu", "cuda"))
        for name in ("vocabulary", "epochs", "batch_tokens", "learning_rate", "log_every", "keep_checkpoints"):
            above_zero(name, getattr(self, name))
        for name in ("steps", "save_every", "eval_every"):
            if getattr(self, name) is not None:
                above_zero(name, getattr(self, name))
        for name in ("warmup", "weight_decay", "max_grad_norm"):
            if getattr(self, name) is not None:
                not_negative(name, getattr(self, name))
        between("masking", self.masking, 0, 1)
        between("validation_share", self.validation_share, 0, 0.5)
        between("beta2", self.beta2, 0, 1, low_too=True)
        between("dropout", self.dropout, 0, 1, low_too=True)
        usable_seed(self.seed)
        known_steps("text_steps", self.text_steps)
        long_enough(self.max_length)
        layers, cross, width = self.size.partition("x")
        if not (cross and layers.isdigit() and width.isdigit() and int(layers) and int(width)) or int(width) % 64:
            raise ConfigError(
                _(
                    "size is '{size}'; expected LAYERSxWIDTH such as 4x256, with a width that is a multiple of 64.",
                    size=self.size,
                )
            )
        if self.batch_tokens < self.max_length:
            raise ConfigError(
                _(
                    "batch_tokens is {batch_tokens}; expected at least max_length, {max_length} tokens.",
                    batch_tokens=self.batch_tokens,
                    max_length=self.max_length,
                )
            )


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return asdict(config)


def from_dict(cls: type, values: Mapping[str, Any], *, where: str = "settings") -> Any:
    """Build `cls` from plain values (TOML, JSON); unknown keys and wrong types are ConfigErrors that name `where`."""
    return update(cls(), values, where=where)


def update(config: Any, values: Mapping[str, Any], *, where: str) -> Any:
    """A copy of `config` with `values` in place of its own; nested tables go to nested configs."""
    hints = field_types(config.__class__)
    names = set(hints)
    changed = {}
    if isinstance(config, TrainConfig):
        values = without_removed(values, where=where)
    for key, value in values.items():
        if key not in names:
            near = get_close_matches(key, names, n=1)
            if near:
                raise ConfigError(
                    _("Unknown setting '{key}' in {where}. Did you mean {near}?", key=key, where=where, near=near[0])
                )
            known = ", ".join(sorted(names))
            raise ConfigError(
                _("Unknown setting '{key}' in {where}. Known: {known}.", key=key, where=where, known=known)
            )
        current = getattr(config, key)
        if is_dataclass(current) and not isinstance(value, Mapping):
            raise ConfigError(
                _(
                    "{where}: {key} is a table of settings, such as {key}.{name}.",
                    where=where,
                    key=key,
                    name=fields(current)[0].name,
                )
            )
        if isinstance(value, Mapping) and not is_dataclass(current):
            raise ConfigError(_("{where}: {key} is a single value, not a table of settings.", where=where, key=key))
        if is_dataclass(current):
            changed[key] = update(current, value, where=f"{where}, [{key}]")
        else:
            changed[key] = convert(value, hints[key], f"{where}: {key}")
    return replace(config, **changed)


def without_removed(values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """`values` without the settings in REMOVED. ConfigError: one of them is not what it was by default."""
    for key, default in REMOVED.items():
        if key in values and convert(values[key], bool, f"{where}: {key}") != default:
            raise ConfigError(
                _(
                    "{where}: {key} is {value}, but munjang no longer has this setting. Start again without it.",
                    where=where,
                    key=key,
                    value=values[key],
                )
            )
    return {key: value for key, value in values.items() if key not in REMOVED}


def parse_assignments(pairs: list[str]) -> dict[str, Any]:
    """`["epochs=2", "clean.leaks=false"]` (from --set) as a nested dict of texts."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(_("{option:set={pair}}: expected KEY=VALUE, such as {option:set=epochs=2}.", pair=pair))
        *parents, name = key.strip().split(".")
        table = values
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigError(
                    _("{option:set={pair}}: '{parent}' is not a table of settings.", pair=pair, parent=parent)
                )
        table[name] = value.strip()
    return values


RECIPES = Path(__file__).parent / "recipes"


def read_recipe(name: str, loop: str | None = None) -> dict[str, Any]:
    """The settings of a recipe. name: a path to a TOML file, or a recipe that comes with munjang.

    A table `[native]` or `[trainer]` holds settings for that loop alone. They override the others when `loop` (or the
    `loop` of the recipe) names it.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.exists() and name.startswith("recipes/"):
        path = RECIPES / Path(name).name
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(item.stem for item in RECIPES.glob("*.toml")))
        raise ConfigError(
            _("No recipe {name}. Recipes that come with munjang: {known}.", name=name, known=known)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(_("{path} is not valid TOML: {reason}.", path=path, reason=error)) from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise ConfigError(
            _("{path} cannot be read: {reason}.", path=path, reason=getattr(error, "strerror", None) or error)
        ) from error
    by_loop = {kind: values.pop(kind, {}) for kind in LOOPS}
    for kind, table in by_loop.items():
        if not isinstance(table, Mapping):
            raise ConfigError(
                _(
                    "{path}: {kind} is {table!r}; expected a table [{kind}] of settings for that loop.",
                    path=path,
                    kind=kind,
                    table=table,
                )
            )
    chosen = loop or values.get("loop", LOOPS[0])
    one_of("loop", chosen, LOOPS)
    return {**values, **by_loop[chosen]}
