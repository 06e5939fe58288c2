"""`munjang train`: from a corpus or file to a model folder with scores and a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.cli import options
from munjang.cli.language import Verb
from munjang.config.settings import TrainConfig, parse_assignments, read_recipe, update
from munjang.errors import ConfigError
from munjang.records import Parse, Prediction, for_record, label_text
from munjang.tables import format_table
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.training.scoring import TrainedRun

HELP = _(
    "Fine-tune a classifier. It is scored on the test split, and the model folder is written with its report.\n\n"
    "There are more options, and --set KEY=VALUE sets any setting: see docs/training.md, data.md and cleaning.md."
)
GROUPS = {  # title -> the options of the help, by the names of their parameters; the others work but are not listed
    _("Data"): (
        "text", "label", "labels", "map_values", "multi_label", "encoding", "sheet", "header_row", "validation", "test",
        "more", "data_dir", "mask_personal",
    ),
    _("Model"): ("backbone", "hybrid"),
    _("Training"): (
        "epochs", "batch_size", "learning_rate", "adversarial", "seed", "recipe", "assignments",
    ),
    _("Checking"): ("folds", "baseline", "sentences"),
    _("Output"): ("out", "no_report", "overwrite", "resume"),
}  # fmt: skip

BackboneName = Annotated[
    str | None,
    typer.Option("--backbone", help=_("Short name, hub id, folder, scratch:tiny|small|medium|base, or linear.")),
]


class TrainCommand(Verb):
    """`munjang train`, whose help lists the options of GROUPS, group by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        params = {param.name: param for param in self.get_params(ctx)}
        for title, names in {_("Arguments"): ("sources",), **GROUPS, _("Help"): ("help",)}.items():
            with formatter.section(title):
                formatter.write_dl([params[name].get_help_record(ctx) for name in names])


def train_verb(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]CORPUS|FILE[:COLUMN]…",
            help=_("A corpus of the table, or your own file; several give one model with a head for each."),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help=_("The model folder to write."))],
    backbone: BackboneName = None,
    text: options.TextColumn = None,
    label: options.LabelColumn = None,
    labels: options.LabelsOption = None,
    map_values: options.MapValues = None,
    multi_label: options.MultiLabelOption = None,
    encoding: options.EncodingOption = None,
    sheet: options.Sheet = None,
    header_row: options.HeaderRow = None,
    delimiter: options.Delimiter = None,
    validation: options.ValidationFile = None,
    test: options.TestFile = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--more", metavar="NAME=FILE", help=_("With several corpora: more training rows for one head.")),
    ] = None,
    data_dir: options.DataDir = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help=_("Settings to start from: course, or a TOML file."))
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_("Any setting, such as clean.leaks=false."))
    ] = None,
    loop: Annotated[str | None, typer.Option("--loop", help=_("native or trainer."))] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help=_("Passes over the train split; if omitted, chosen for its size."))
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help=_("Sentences per optimizer step."))] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help=_("If omitted, chosen for the backbone."))
    ] = None,
    warmup: Annotated[
        float | None, typer.Option("--warmup", help=_("Share of the steps if below 1, else number of steps."))
    ] = None,
    weight_decay: Annotated[float | None, typer.Option("--weight-decay")] = None,
    max_length: Annotated[
        int | None,
        typer.Option("--max-length", help=_("Tokens; if omitted, the 99.9th percentile of the lengths in train.")),
    ] = None,
    class_weights: Annotated[str | None, typer.Option("--class-weights", help=_("balanced."))] = None,
    adversarial: Annotated[
        float | None,
        typer.Option(
            "--adversarial",
            help=_("Train on each batch twice, the second time with embeddings shifted by this much; often 1."),
        ),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option("--augment", help=_("Train on other spaces and typing slips, too: spacing, typos or both.")),
    ] = None,
    log_every: Annotated[int | None, typer.Option("--log-every", help=_("Steps."))] = None,
    save_every: Annotated[int | None, typer.Option("--save-every", help=_("Steps; if omitted, every epoch."))] = None,
    keep_checkpoints: Annotated[int | None, typer.Option("--keep-checkpoints")] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", help=_("Stop after this many scores without improvement."))
    ] = None,
    hybrid: Annotated[
        bool | None,
        typer.Option("--hybrid", help=_("Train a linear model of n-grams beside the network, and mix their answers.")),
    ] = None,
    parser: Annotated[
        str | None, typer.Option("--parser", help=_("For a treebank: biaffine, or labeling (round by round)."))
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help=_("Decides everything random; 13 if omitted."))] = None,
    precision: Annotated[str | None, typer.Option("--precision", help=_("auto, fp32 or bf16."))] = None,
    device: Annotated[str | None, typer.Option("--device", help=_("auto, cpu or cuda."))] = None,
    fold_repeats: options.FoldRepeats = False,
    mask_personal: options.MaskPersonal = False,
    conflicts: options.Conflicts = None,
    outliers: options.Outliers = None,
    clean_test: options.CleanTest = False,
    fixes: options.Fixes = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help=_("Train the linear baseline too, and compare."))
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help=_("Have every row answered by a model that has not seen it; often 5.")),
    ] = None,
    sentences: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="TEXT", help=_("Classify this too at the end; may be repeated.")),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help=_("Leave out the HTML report."))] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help=_("Tokenise again, and keep no token ids for the next run."))
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace a finished or interrupted run."))] = False,
    resume: Annotated[bool, typer.Option("--resume", help=_("Continue from the newest checkpoint."))] = False,
) -> None:
    """Train a model on one corpus, or one with several heads, and print its scores."""
    from munjang.files import is_first_process
    from munjang.models.backbones import check_backbone_name
    from munjang.training.fit import check_packages
    from munjang.training.run import train_into

    flags = {
        "backbone": backbone, "loop": loop, "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate,
        "warmup": warmup, "weight_decay": weight_decay, "max_length": max_length, "class_weights": class_weights,
        "adversarial": adversarial, "augment": augment, "log_every": log_every, "save_every": save_every,
        "keep_checkpoints": keep_checkpoints, "patience": patience, "seed": seed, "precision": precision,
        "device": device, "hybrid": hybrid, "parser": parser, "folds": folds,
    }  # fmt: skip
    config = train_settings(recipe, assignments or [], flags)
    config = replace(
        config,
        clean=options.change_cleaning(
            config.clean,
            fold_repeats=fold_repeats,
            mask_personal=mask_personal,
            conflicts=conflicts,
            outliers=outliers,
            clean_test=clean_test,
            fixes=fixes,
        ),
    )
    check_backbone_name(config.backbone)
    check_packages(config)
    read = options.read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    if len(sources) > 1:
        from munjang.cli.train_heads import CorpusArguments, refuse_single_corpus_flags, train_several

        refuse_single_corpus_flags(
            {
                "--validation": validation,
                "--test": test,
                "--baseline": baseline,
                "--parser": parser,
                "--fixes": config.clean.fixes,
            }
        )
        corpora = CorpusArguments(sources, more or [], read, data_dir)
        train_several(corpora, config, out, sentences or [], overwrite=overwrite, resume=resume, cache=not no_cache)
        return
    if more:
        raise ConfigError(_("--more is for several corpora; a single corpus has all its rows in its file."))
    (source,) = sources
    corpus = options.open_corpus(source, read, data_dir, validation=validation, test=test)
    run = train_into(
        out,
        corpus,
        config,
        inputs=[source, validation, test, config.backbone, config.clean.fixes],
        overwrite=overwrite,
        resume=resume,
        announce=options.print_cleaning,
        baseline=baseline,
        sentences=sentences or [],
        report=not no_report,
        progress=sys.stderr.isatty(),
        cache=not no_cache,
    )
    if is_first_process():
        show_run(run)


def train_settings(recipe: str | None, assignments: list[str], flags: dict[str, Any]) -> TrainConfig:
    """The settings: from the recipe, overridden by --set, overridden by the flags that were given."""
    given = {name: value for name, value in flags.items() if value is not None}
    named = parse_assignments(assignments)
    config = TrainConfig()
    if recipe:
        config = update(config, read_recipe(recipe, given.get("loop") or named.get("loop")), where=recipe)
    return update(update(config, named, where="--set"), given, where=_("the command line"))


def show_run(run: TrainedRun) -> None:
    """Print the answers for the sentences to try, the scores, and where the model and its report are."""
    from shlex import quote

    folder = run.model.folder
    if run.answers:
        for_record(ANSWERS, run.model.decoder.record)(run.answers)
    if run.report is None:
        typer.echo(_("There is no test split, so there is no score; see munjang evaluate."))
    else:
        typer.echo(str(run.report))
    if run.folds:
        typer.echo(f"\n{run.folds}")
    if run.promises:
        typer.echo("\n" + _("What it can promise, by its validation sentences:"))
        typer.echo("\n".join(f"  {line}" for line in run.promises))
    if run.comparison:
        typer.echo("\n" + _("Against the linear baseline:"))
        typer.echo(str(run.comparison))
    if run.mixture:
        typer.echo("\n" + str(run.mixture))
    for line in run.advice:
        typer.echo("\n" + line)
    typer.echo()
    typer.echo(_("Model:  {folder}", folder=folder))
    if run.page:
        typer.echo(_("Report: {path}", path=run.page))
    elif run.why_no_page:
        typer.echo(_("Report: none. {reason}", reason=run.why_no_page))
    typer.echo(_("Try:    munjang predict {folder} {text}", folder=quote(str(folder)), text=quote(run.example)))


def show_labels(answers: Sequence[Prediction]) -> None:
    """Print the labels of the sentences to try."""
    rows = [[item.text, label_text(item.label), item.score] for item in answers]
    typer.echo(_("New sentences:"))
    typer.echo(format_table([_("text"), _("label"), _("score")], rows) + "\n")


def show_trees(answers: Sequence[Parse]) -> None:
    """Print the trees of the sentences to try."""
    from munjang.data.trees.pictures import tree_lines

    for parse in answers:
        typer.echo(f"{parse.text}\n{tree_lines(parse.tree)}\n")


ANSWERS: dict[type, Callable[[Any], None]] = {Prediction: show_labels, Parse: show_trees}
"""The class of a model's records -> what prints them."""
