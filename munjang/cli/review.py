"""`munjang review`: the labels of a corpus or file that look wrong, as a table to edit."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from munjang.cli import options
from munjang.config.settings import TrainConfig, parse_assignments, update
from munjang.errors import ConfigError
from munjang.records import SPLITS
from munjang.text.names import shell_word, split_names
from munjang.translation import _

HELP = _(
    "Find labels that look wrong. Each row is judged by a model that has not seen it, and by equal texts. --out writes "
    "the suspicious rows with an empty column fix: write the right label there where one is wrong, and give the file "
    "to train or clean with --fixes."
)


def review_verb(
    source: Annotated[str, typer.Argument(metavar="FILE|CORPUS", help=_("Your own file, or a corpus of the table."))],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=_("Write all suspicious rows: .xlsx, .csv, …."))
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help=_("linear (seconds), mini (minutes, finds more), or any backbone."))
    ] = "linear",
    folds: Annotated[int, typer.Option("--folds", help=_("Models to train, each on the rows of the others."))] = 5,
    split: Annotated[str, typer.Option("--split", help=_("Splits to review, as train,test; or all."))] = "train",
    top: Annotated[
        int | None,
        typer.Option("--top", min=1, help=_("List so many rows; if omitted, all that seem wrong.")),
    ] = None,
    accept: Annotated[
        float | None,
        typer.Option("--accept", metavar="SURE", help=_("Fill in the suggestions that are at least so sure, as 0.9.")),
    ] = None,
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
    data_dir: options.DataDir = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=_("A setting of the models, as epochs=2."))
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace the file of --out."))] = False,
) -> None:
    """Review the labels, print the most suspicious rows and the counts, and write the file."""
    from munjang.data.readers.writers import check_target
    from munjang.models.backbones import check_backbone_name
    from munjang.training.review import review

    if accept is not None and out is None:
        raise ConfigError(_("--accept fills in the column fix of --out; name a file with --out."))
    if out is not None:
        check_target(out, overwrite)
    config = update(
        TrainConfig(backbone=model, hybrid=model != "linear"), parse_assignments(assignments or []), where="--set"
    )
    check_backbone_name(config.backbone)
    read = options.read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    corpus = options.open_corpus(source, read, data_dir, validation=validation, test=test)
    splits = [name for name in SPLITS if getattr(corpus, name)] if split == "all" else split_names(split)
    folder = out.with_name(f"{out.name}.folds") if out is not None else None
    found = review(corpus, config, folds=folds, splits=splits, top=top, folder=folder, progress=sys.stderr.isatty())
    typer.echo(str(found))
    if found.rows and out is None:
        typer.echo(_("Write them all into a file to edit: --out review.xlsx"))
    elif found.rows:
        found.save(out, accept=accept, overwrite=overwrite)
        given = {name: value for name, value in asdict(read).items() if value is not None}
        given |= {name: value for name, value in (("validation", validation), ("test", test)) if value is not None}
        command = " ".join(["munjang train", shell_word(source), options.flag_form(given | {"fixes": str(out)})])
        typer.echo(
            _(
                "Written to {out}. Where a label is wrong, write the right one into the column fix; where it is right, "
                "leave it empty. Then train with the fixes: {command} --out …",
                out=out,
                command=command,
            )
        )
