"""`munjang pretrain`: from raw texts to your own BERT."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.cli.options import DataDir
from munjang.config.settings import PretrainConfig, parse_assignments, read_recipe, update
from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.pretraining.texts import TextSource

HELP = _(
    "Pre-train a BERT on raw texts by masked words. The model folder can be used as --backbone, and opens in "
    "transformers."
)


def pretrain_verb(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXTS…",
            help=_(
                "Files with one text per line (.txt, .zst, .gz), FILE.parquet:COLUMN, or corpora of "
                "the table; with @WEIGHT, each is read that many times in a pass."
            ),
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help=_("The model folder to write."))] = ...,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="FILE", help=_("Leave out texts that are in this file."))
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help=_("Continue from this model: name, hub id or folder."))
    ] = None,
    data_dir: DataDir = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help=_("Settings and texts to start from: mini."))] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_("Any setting, such as masking=0.3."))
    ] = None,
    size: Annotated[str | None, typer.Option("--size", help=_("LAYERSxWIDTH of a new BERT."))] = None,
    vocabulary: Annotated[
        int | None, typer.Option("--vocabulary", help=_("Size of a new vocabulary, in pieces."))
    ] = None,
    max_length: Annotated[int | None, typer.Option("--max-length", help=_("Tokens per segment."))] = None,
    masking: Annotated[
        float | None, typer.Option("--masking", help=_("Share of the tokens to mask and predict."))
    ] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help=_("Passes over the texts."))] = None,
    steps: Annotated[int | None, typer.Option("--steps", help=_("Optimizer steps instead of passes."))] = None,
    batch_tokens: Annotated[
        int | None, typer.Option("--batch-tokens", help=_("Tokens per step, with padding."))
    ] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help=_("one-cycle, linear or constant."))] = None,
    seed: Annotated[int | None, typer.Option("--seed")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help=_("auto, fp32 or bf16."))] = None,
    device: Annotated[str | None, typer.Option("--device", help=_("auto, cpu or cuda."))] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help=_("Stop after this many minutes; continue with --resume."))
    ] = None,
    decay: Annotated[
        Path | None,
        typer.Option(
            "--decay",
            metavar="RUN",
            help=_("Lower the learning rate of a run to 0 in --steps steps, on its own texts or the given ones."),
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace a finished or interrupted run."))] = False,
    resume: Annotated[bool, typer.Option("--resume", help=_("Continue from the newest checkpoint."))] = False,
) -> None:
    """Start or continue a run, or with --decay a branch of one, and print the model folder."""
    from munjang.pretraining import decay as branch
    from munjang.pretraining import run
    from munjang.training.loops.interrupts import TimeIsUp

    run_options = {"out": out, "overwrite": overwrite, "resume": resume, "minutes": minutes}
    run_options["progress"] = sys.stderr.isatty()
    try:
        flags = {
            "init": init, "size": size, "vocabulary": vocabulary, "max_length": max_length, "masking": masking,
            "epochs": epochs, "steps": steps, "batch_tokens": batch_tokens, "learning_rate": learning_rate,
            "schedule": schedule, "seed": seed, "precision": precision, "device": device,
        }  # fmt: skip
        if decay is not None:
            given = {name for name, value in flags.items() if value is not None}
            if assignments or given != {"steps"}:
                raise ConfigError(_("--decay takes its settings from its run; give only --steps, --out and texts."))
            if exclude and not texts and not recipe:
                raise ConfigError(
                    _("--exclude needs texts; without them --decay takes the texts of its run unchanged.")
                )
            sources, excluded = [], []
            if texts or recipe:  # only the texts of a recipe and its files to exclude, not its settings
                __, sources, excluded = pretrain_settings(texts or [], exclude or [], recipe, [], {}, data_dir)
            folder = branch.decay(
                decay, steps=steps, sources=sources, exclude=excluded, data_dir=data_dir, **run_options
            )
        else:
            config, sources, excluded = pretrain_settings(
                texts or [], exclude or [], recipe, assignments or [], flags, data_dir
            )
            folder = run.pretrain(sources, config, exclude=excluded, data_dir=data_dir, **run_options)
    except TimeIsUp as pause:
        typer.echo(str(pause))
        return
    typer.echo(_("Model: {folder}", folder=folder))
    typer.echo(_("Use:   munjang train CORPUS --backbone {folder} --out RUN", folder=folder))


def pretrain_settings(
    texts: list[str],
    exclude: list[str],
    recipe: str | None,
    assignments: list[str],
    flags: dict[str, Any],
    data_dir: str | None,
) -> tuple[PretrainConfig, list[TextSource], list[str]]:
    """The settings, the sources of texts, and the files with texts to exclude.

    Settings come from the recipe; --set overrides them, and flags override both. Texts on the command line replace the
    texts of the recipe; a text that is in both keeps the licence and origin of the recipe. Files to exclude are added
    to the files of the recipe.
    """
    from munjang.pretraining.texts import find_file, parse_source

    values = read_recipe(recipe) if recipe else {}
    named = values.pop("texts", [])
    exclude = [*values.pop("exclude", []), *exclude]
    try:
        recipe_sources = [parse_source(data_dir=data_dir, **entry) for entry in named]
    except TypeError as error:
        raise ConfigError(
            _("{recipe}: each [[texts]] needs spec, and may have licence and origin.", recipe=recipe)
        ) from error
    facts = {source.name: {"licence": source.licence, "origin": source.origin} for source in recipe_sources}
    given = [parse_source(spec, data_dir=data_dir) for spec in texts]
    sources = [replace(source, **facts.get(source.name, {})) for source in given] or recipe_sources
    if not sources:
        raise ConfigError(_("Name the texts to learn from: munjang pretrain FILE… --out DIR."))
    config = update(PretrainConfig(), values, where=recipe or "recipe")
    config = update(config, parse_assignments(assignments), where="--set")
    given_flags = {key: value for key, value in flags.items() if value is not None}
    config = update(config, given_flags, where=_("the command line"))
    return config, sources, [find_file(file, data_dir) for file in exclude]
