"""Options that several verbs share, and the corpus that they mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.config.settings import CleanConfig, ReadOptions
from munjang.errors import ConfigError
from munjang.files import is_first_process
from munjang.records import Corpus
from munjang.text.names import join_names, shell_word, split_names, write_map
from munjang.translation import _, chosen_language, set_language

if TYPE_CHECKING:
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.data.prepare import Prepared
    from munjang.data.readers.corpus import Purpose

set_language(chosen_language(sys.argv[1:], os.environ))  # here, because help is made when the verbs are imported

DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", envvar="MUNJANG_DATA", help=_("Folder that holds corpora, DIR/<corpus>/….")),
]
TextColumn = Annotated[
    str | None, typer.Option("--text", help=_("Column of the texts, several as 제목,본문; detected if omitted."))
]
LabelColumn = Annotated[
    str | None, typer.Option("--label", help=_("Column of the labels, or several with 1 or 0; detected if omitted."))
]
LabelsOption = Annotated[str | None, typer.Option("--labels", help=_("The label set in order, such as 부정,긍정."))]
MapValues = Annotated[str | None, typer.Option("--map", help=_("Map values to labels, such as '1,2=부정;4-5=긍정'."))]
MultiLabelOption = Annotated[
    str | None, typer.Option("--multi-label", help=_("Separator between several labels in a cell."))
]
Precision = Annotated[str, typer.Option("--precision", help=_("fp32, or bf16 where the processor is faster with it."))]
EncodingOption = Annotated[str | None, typer.Option("--encoding", help=_("Encoding of the file; detected if omitted."))]
Sheet = Annotated[str | None, typer.Option("--sheet", help=_("Excel: name or number (from 1) of the sheet."))]
HeaderRow = Annotated[
    int | None, typer.Option("--header-row", help=_("Row of the column names, counted from 1; 0 for none."))
]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", help=_("CSV: what stands between the fields, such as ';' or tab."))
]
MinPrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--min-precision",
        help=_("Predict 보류 where fewer than this share would be right: 0.95, or by label, 불만=0.99,칭찬=0.9."),
    ),
]
ValidationFile = Annotated[str | None, typer.Option("--validation", help=_("File with the validation split."))]
TestFile = Annotated[str | None, typer.Option("--test", help=_("File with the test split."))]

FoldRepeats = Annotated[bool, typer.Option("--fold-repeats", help=_("Shorten ㅋㅋㅋㅋ to ㅋㅋ, !!!!! to !!."))]
MaskPersonal = Annotated[
    bool, typer.Option("--mask-personal", help=_("Mask phone and resident numbers and e-mail addresses."))
]
Conflicts = Annotated[
    str | None,
    typer.Option("--conflicts", help=_("Equal texts with different labels: drop (all), keep-majority or keep (all).")),
]
Fixes = Annotated[
    str | None, typer.Option("--fixes", metavar="FILE", help=_("A file of munjang review with corrected labels."))
]
Outliers = Annotated[
    float | None,
    typer.Option("--outliers", metavar="K", help=_("Drop texts longer than Q3 + K*(Q3-Q1) characters; often 3.")),
]
CleanTest = Annotated[bool, typer.Option("--clean-test", help=_("Clean the test split like the train split."))]

FILE_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet", ".xlsx", ".xls", ".conllu", ".conll", ".gz")


FLAGS = {"columns": "--by", "label_map": "--map", "hosts": "--allow-host", "warmup": "--set warmup"}
"""Settings whose flags have other names."""


def flag_form(values: Mapping[str, object]) -> str:
    """Settings as flags: `--text 본문 --resume`. Mappings and tuples are written as the flags take them."""
    return " ".join(flag(name, value) for name, value in values.items())


def flag(name: str, value: object) -> str:
    """A setting as a flag. value: None to name only the flag, True for a switch."""
    word = FLAGS.get(name, f"--{name.replace('_', '-')}")
    if value is None or value is True:
        return word
    if isinstance(value, Mapping):
        value = write_map(([key], label) for key, label in value.items())
    text = shell_word(join_names(value) if isinstance(value, tuple) else str(value))
    return f"{word}={text}" if " " in word else f"{word} {text}"


def discard_output(stream: Any) -> None:
    """Discard output that no one will read, so that Python does not complain about it when it exits."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_cleaning(prepared: Prepared | MultiCorpus) -> None:
    """Print a cleaning report before training. A reader who leaves then (`| head -1`) does not end the run."""
    if is_first_process():
        try:
            typer.echo(f"{prepared.cleaning_report}\n")
        except OSError:
            discard_output(sys.stdout)


def read_options(
    text: str | None,
    label: str | None,
    labels: str | None,
    map_values: str | None,
    multi_label: str | None,
    encoding: str | None,
    sheet: str | None,
    header_row: int | None,
    delimiter: str | None,
) -> ReadOptions:
    """The shared reading flags as one value."""
    names = split_names(labels or "") or None
    return ReadOptions(text, label, names, map_values, multi_label, encoding, sheet, header_row, delimiter)


def change_cleaning(
    config: CleanConfig,
    *,
    fold_repeats: bool,
    mask_personal: bool,
    conflicts: str | None,
    outliers: float | None,
    clean_test: bool,
    fixes: str | None,
) -> CleanConfig:
    """The cleaning settings, changed by the shared cleaning flags."""
    extra = [name for name, on in (("fold_repeats", fold_repeats), ("mask_personal", mask_personal)) if on]
    return replace(
        config,
        steps=(*config.steps, *(name for name in extra if name not in config.steps)),
        conflicts=conflicts or config.conflicts,
        outliers=config.outliers if outliers is None else outliers,
        clean_test=clean_test or config.clean_test,
        fixes=fixes or config.fixes,
    )


def is_file(source: str) -> bool:
    """Whether a SOURCE argument means a file or folder, not a corpus of the table."""
    return Path(source).exists() or source.lower().endswith(FILE_ENDINGS) or "/" in source or "\\" in source


def open_corpus(
    source: str,
    options: ReadOptions,
    data_dir: str | None,
    *,
    validation: str | None = None,
    test: str | None = None,
    by: str | None = None,
    purpose: Purpose = "train",
) -> Corpus:
    """The corpus that SOURCE names: a row of the table, or the user's own file or folder.

    by: a column whose cells the examples keep. purpose: see `munjang.read_corpus`. ConfigError if a flag about reading
    a file is given for a corpus of the table.
    """
    if is_file(source):
        from munjang.data.readers.corpus import read_corpus

        columns = () if by is None else (by,)
        return read_corpus(source, options=options, columns=columns, validation=validation, test=test, purpose=purpose)
    return known_corpus(source, {**asdict(options), "validation": validation, "test": test, "by": by}, data_dir)


def known_corpus(source: str, flags: Mapping[str, object], data_dir: str | None) -> Corpus:
    """A corpus of the table. flags: about reading a file, refused with a ConfigError if they are given."""
    from munjang.data.corpora.table import corpus_row, load_corpus

    corpus_row(source)
    given = [flag(name, None) for name, value in flags.items() if value is not None]
    if given:
        raise ConfigError(
            _(
                "{flag} is for a file of your own; {source} comes with its columns, labels and splits.",
                flag=given[0],
                source=source,
            )
        )
    return load_corpus(source, data_dir=data_dir)


def writable(*paths: Path | None) -> None:
    """Check, before the work, that each path can be written.

    ConfigError if it is a folder, if its folder does not exist, or if permissions forbid it.
    """
    for path in paths:
        if path is None:
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            raise ConfigError(_("There is no folder {folder} to write {file} into.", folder=folder, file=path.name))
        if path.is_dir():
            raise ConfigError(_("{path} is a folder; name a file in it.", path=path))
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise ConfigError(_("{path} cannot be written. Name another file, or change its permissions.", path=path))


def writable_png(path: Path | None) -> None:
    """The same check for a picture; its name must end in .png."""
    if path is not None and path.suffix.lower() != ".png":
        png_name = path.with_suffix(".png").name
        raise ConfigError(_("--plot draws a PNG; {file} should be {png_name}.", file=path.name, png_name=png_name))
    writable(path)
