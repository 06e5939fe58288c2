"""Options that several verbs share, and how they become a corpus."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from munjang.config.settings import CleanConfig, ReadOptions
from munjang.errors import ConfigError
from munjang.records import Corpus
from munjang.translation import _

DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", envvar="MUNJANG_DATA", help=_("Folder that holds corpora, DIR/<corpus>/….")),
]
TextColumn = Annotated[str | None, typer.Option("--text", help=_("Column of the sentences; guessed if left out."))]
LabelColumn = Annotated[str | None, typer.Option("--label", help=_("Column of the labels; guessed if left out."))]
LabelsOption = Annotated[str | None, typer.Option("--labels", help=_("The label set in order, such as 부정,긍정."))]
MapValues = Annotated[str | None, typer.Option("--map", help=_("Values to labels, such as '1,2=부정;4,5=긍정'."))]
MultiLabelOption = Annotated[
    str | None, typer.Option("--multi-label", help=_("Separator between several labels in a cell."))
]
Precision = Annotated[str, typer.Option("--precision", help=_("fp32, or bf16 where the processor is quicker with it."))]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help=_("Encoding of the file; found out if left out."))
]
Sheet = Annotated[str | None, typer.Option("--sheet", help=_("Excel: name or number (from 1) of the sheet."))]
HeaderRow = Annotated[int | None, typer.Option("--header-row", help=_("Row of the column names, from 1; 0: none."))]
ValidationFile = Annotated[str | None, typer.Option("--validation", help=_("File with the validation split."))]
TestFile = Annotated[str | None, typer.Option("--test", help=_("File with the test split."))]

FoldRepeats = Annotated[bool, typer.Option("--fold-repeats", help=_("ㅋㅋㅋㅋ to ㅋㅋ, !!!!! to !!."))]
MaskPersonal = Annotated[
    bool, typer.Option("--mask-personal", help=_("Mask phone and resident numbers and e-mail addresses."))
]
Conflicts = Annotated[
    str | None, typer.Option("--conflicts", help=_("Equal texts with different labels: drop (all), or keep-majority."))
]
Outliers = Annotated[
    float | None, typer.Option("--outliers", metavar="K", help=_("Drop texts over Q3 + K*(Q3-Q1) characters; often 3."))
]
CleanTest = Annotated[bool, typer.Option("--clean-test", help=_("Clean the test split like train."))]

FILE_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet", ".xlsx", ".xls", ".conllu", ".conll", ".gz")


def read_options(
    text: str | None,
    label: str | None,
    labels: str | None,
    map_values: str | None,
    multi_label: str | None,
    encoding: str | None,
    sheet: str | None,
    header_row: int | None,
) -> ReadOptions:
    """The shared reading flags as one value."""
    names = tuple(name.strip() for name in labels.split(",") if name.strip()) if labels else None
    return ReadOptions(text, label, names, map_values, multi_label, encoding, sheet, header_row)


def change_cleaning(
    config: CleanConfig,
    *,
    fold_repeats: bool,
    mask_personal: bool,
    conflicts: str | None,
    outliers: float | None,
    clean_test: bool,
) -> CleanConfig:
    """The cleaning settings with the shared cleaning flags laid over them."""
    extra = [name for name, on in (("fold_repeats", fold_repeats), ("mask_personal", mask_personal)) if on]
    return replace(
        config,
        steps=(*config.steps, *(name for name in extra if name not in config.steps)),
        conflicts=conflicts or config.conflicts,
        outliers=config.outliers if outliers is None else outliers,
        clean_test=clean_test or config.clean_test,
    )


def is_file(source: str) -> bool:
    """Whether a SOURCE argument means a file or folder rather than a corpus of the table."""
    return Path(source).exists() or source.lower().endswith(FILE_ENDINGS) or "/" in source or "\\" in source


def open_corpus(
    source: str,
    options: ReadOptions,
    data_dir: str | None,
    *,
    validation: str | None = None,
    test: str | None = None,
) -> Corpus:
    """The corpus that SOURCE names: a row of the table, or the user's own file or folder.

    A ConfigError where flags that say how to read a file are given for a row of the table.
    """
    if is_file(source):
        from munjang.data.readers.corpus import read_corpus

        return read_corpus(source, options=options, validation=validation, test=test)
    from munjang.data.corpora.table import corpus_row, load_corpus

    corpus_row(source)
    flags = {**asdict(options), "validation": validation, "test": test}
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if given:
        raise ConfigError(
            _(
                "{given} is for a file of your own; {source} comes with its columns, labels and splits.",
                given=given[0],
                source=source,
            )
        )
    return load_corpus(source, data_dir=data_dir)


def writable(*paths: Path | None) -> None:
    """Refuse, before the work, to write over a folder or into one that does not exist or may not be written."""
    for path in paths:
        if path is None:
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            raise ConfigError(_("There is no folder {folder} to write {path} into.", folder=folder, path=path.name))
        if path.is_dir():
            raise ConfigError(_("{path} is a folder; name a file in it.", path=path))
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise ConfigError(_("{path} may not be written. Name another file, or change its permissions.", path=path))


def writable_png(path: Path | None) -> None:
    """The same for a picture, which is a PNG and so has to be named."""
    if path is not None and path.suffix.lower() != ".png":
        raise ConfigError(
            _(
                "--plot draws a PNG; {path} should be {with_suffix}.",
                path=path.name,
                with_suffix=path.with_suffix(".png").name,
            )
        )
    writable(path)
