"""`munjang clean`: clean a corpus or file, with a report on every row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from munjang.cli import options
from munjang.config.settings import TEXT_STEPS, CleanConfig
from munjang.errors import ConfigError, DataError
from munjang.translation import _, ngettext

HELP = _("Clean a corpus and report what happened to every row.")
STEPS_HELP = _("Text steps, any of html, invisible, nfc, spaces, mask_personal and fold_repeats; or none.")


def clean_verb(
    source: Annotated[str, typer.Argument(metavar="IN", help=_("A file, a folder, or a corpus of the table."))],
    out: Annotated[Path, typer.Option("--out", help=_("Folder for kept.csv, removed.csv and account.json."))],
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
    steps: Annotated[str, typer.Option("--steps", help=STEPS_HELP)] = ",".join(TEXT_STEPS),
    fold_repeats: options.FoldRepeats = False,
    mask_personal: options.MaskPersonal = False,
    conflicts: options.Conflicts = None,
    outliers: options.Outliers = None,
    clean_test: options.CleanTest = False,
    fixes: options.Fixes = None,
    near_duplicates: Annotated[
        str | None, typer.Option("--near-duplicates", help=_("Texts that are almost the same: report or drop."))
    ] = None,
    no_duplicates: Annotated[bool, typer.Option("--no-duplicates", help=_("Keep repeated rows."))] = False,
    no_leaks: Annotated[bool, typer.Option("--no-leaks", help=_("Keep texts of the test split in train."))] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Write into a folder that is not empty."))] = False,
) -> None:
    """Clean a corpus, write the folder and print the report."""
    from munjang.data.cleaning.clean import clean_corpus
    from munjang.data.cleaning.files import write_cleaning_report
    from munjang.files.outputs import sole_writer, work_of_folder

    check_clean_folder(out, source, overwrite=overwrite)
    config = options.change_cleaning(
        CleanConfig(
            steps=parse_steps(steps),
            duplicates=not no_duplicates,
            leaks=not no_leaks,
            near_duplicates=near_duplicates,
        ),
        fold_repeats=fold_repeats,
        mask_personal=mask_personal,
        conflicts=conflicts,
        outliers=outliers,
        clean_test=clean_test,
        fixes=fixes,
    )
    read = options.read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    with sole_writer(work_of_folder(out)):
        check_clean_folder(out, source, overwrite=overwrite)  # again: another process may have written meanwhile
        corpus = options.open_corpus(source, read, data_dir, validation=validation, test=test, purpose="clean")
        cleaned, cleaning_report = clean_corpus(corpus, config)
        write_cleaning_report(out, corpus, cleaned, cleaning_report, separator=multi_label or "|")
    typer.echo(str(cleaning_report))
    kept_file, removed_file = out / "kept.csv", out / "removed.csv"
    typer.echo(
        _(
            "Wrote {kept_file} ({kept_rows}) and {removed_file} ({removed_rows}).",
            kept_file=kept_file,
            kept_rows=ngettext("{count:,} row", "{count:,} rows", sum(cleaning_report.rows_after.values())),
            removed_file=removed_file,
            removed_rows=ngettext("{count:,} row", "{count:,} rows", len(cleaning_report.removed)),
        )
    )


def parse_steps(text: str) -> tuple[str, ...]:
    """The names in `--steps`, checked before anything is read."""
    from munjang.text.cleaning import ordered_steps

    names = [name.strip() for name in text.split(",") if name.strip()]
    return () if names in ([], ["none"]) else ordered_steps(names)


def check_clean_folder(out: Path, source: str, *, overwrite: bool) -> None:
    """Check the folder of --out.

    ConfigError: it is a file, or it is not empty and `overwrite` is not set. DataError: the input is one of its files.
    """
    from munjang.data.cleaning.files import REPORT_FILES
    from munjang.files.outputs import WORK, settle, work_of_folder

    if out.exists() and not out.is_dir():
        raise ConfigError(_("--out {out} is a file; name a folder.", out=out))
    settle(work_of_folder(out))
    if out.is_dir() and any(path.name != WORK for path in out.iterdir()) and not overwrite:
        raise ConfigError(_("--out {out} is not empty. Name another folder, or add --overwrite.", out=out))
    if any(Path(source).resolve() == (out / name).resolve() for name in REPORT_FILES):
        raise DataError(
            _("{source} would be overwritten by its own cleaning report; name another --out.", source=source)
        )
