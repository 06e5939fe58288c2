"""`munjang predict`: predictions of a model for a text, for lines, or for a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from munjang.cli.options import (
    Delimiter,
    EncodingOption,
    HeaderRow,
    MinPrecisionOption,
    Precision,
    Sheet,
    TextColumn,
    read_options,
)
from munjang.cli.rows import (
    chunk_sizes,
    open_input,
    print_rows,
    printable_text,
    shown_label,
    shown_note,
    shown_score,
    single_line,
    source_kind,
    unusable_json,
    write_rows,
)
from munjang.errors import ConfigError
from munjang.records import Parse, Prediction, for_record
from munjang.text.names import parse_targets, split_names
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.config.settings import ReadOptions
    from munjang.data.readers.columns import Columns
    from munjang.data.readers.table import Bad, Row, Table
    from munjang.inference.files.predict import Answering
    from munjang.inference.files.shares import GroupScores
    from munjang.inference.files.write import Counts
    from munjang.inference.predictor import Predictor

log = logging.getLogger("munjang")

HELP = _(
    "Label a text, lines from stdin, or a file. A parser prints trees.\n\n"
    "With --out, the same rows are written with the columns label, score, score_LABEL, note, suggested and reason "
    "added. Rows that cannot be read are listed in OUT.rejected.csv. Without --out, each line shows label, score and "
    "text, separated by tabs. A text that begins with a dash goes after --.\n\n"
    "With --engine ray (the extra [scale]), several workers read files of any size, folders and s3://, and write a "
    "folder of Parquet parts with a manifest. A worker that dies is replaced; an interrupted run continues with "
    "--resume."
)

Seen = Callable[[Prediction, Any], None]
"""What is called with each prediction and the group of its row, with --by."""
EMPTY_VALUES: dict[str, Any] = {"label": None, "score": 0.0, "scores": {}, "suggested": None, "reason": "set aside"}
"""The JSON values of a row without a prediction."""


def predict_verb(
    model: Annotated[
        str, typer.Argument(help=_("Folder of a trained model; FOLDER/HEAD or mini/HEAD for one head of many."))
    ],
    source: Annotated[
        str | None, typer.Argument(metavar="[TEXT|FILE|-]", help=_("A text, a file, or - for lines from stdin."))
    ] = None,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help=_("More files, for --engine ray."))
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", help=_("File to write: .csv, .tsv, .jsonl, .parquet, .xlsx. For --engine ray, a folder.")
        ),
    ] = None,
    text: TextColumn = None,
    scores: Annotated[
        str | None,
        typer.Option("--scores", help=_("all: the score of every label (default with --out); best: only the best.")),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            help=_("With several labels per text: the lowest score of a label that is given; f1: the best of each."),
        ),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help=_("Predict 보류 if the best score is below this."))
    ] = None,
    min_precision: MinPrecisionOption = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help=_("Keep only rows with one of these labels, such as ko,en."))
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help=_("Column: print the share of each label for each of its values."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print one JSON object per line."))] = False,
    form: Annotated[
        str | None, typer.Option("--format", help=_("For a parser: tree, conllu, json or svg; tree if omitted."))
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace an existing --out."))] = False,
    precision: Precision = "fp32",
    encoding: EncodingOption = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    delimiter: Delimiter = None,
    engine: Annotated[
        str, typer.Option("--engine", help=_("local: this process; ray: several workers, also on other machines."))
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", help=_("ray: number of workers, each with its own model; one per processor if omitted.")
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help=_("ray: a running cluster, HOST:PORT or auto; only this machine if omitted.")),
    ] = None,
    part_rows: Annotated[
        int | None, typer.Option("--part-rows", help=_("ray: the most rows of an output part; automatic if omitted."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=_("ray: continue an interrupted run."))] = False,
) -> None:
    """Check the options, then predict with the local engine or with ray."""
    from munjang.inference.files.predict import Answering
    from munjang.inference.predictor import load

    if scores not in (None, "all", "best"):
        raise ConfigError(_("--scores is '{scores}'; it must be all or best.", scores=scores))
    names = split_names(keep or "")
    everything = scores == "all" or (scores is None and bool(out))
    targets = None if min_precision is None else parse_targets(min_precision)
    least = None if threshold is None else read_threshold(threshold)
    answering = Answering(everything, least, min_score, names, by, targets)
    options = read_options(text, None, None, None, None, encoding, sheet, header_row, delimiter)
    ray_flags = {"--workers": workers, "--address": address, "--part-rows": part_rows, "--resume": resume or None}
    if check_engine(engine, ray_flags, more) == "ray":
        from munjang.cli.predict_scale import predict_scale

        local_flags = {"--json": as_json or None, "--format": form}
        settings = {"workers": workers, "address": address, "part_rows": part_rows, "resume": resume}
        sources = [name for name in (source, *(more or ())) if name is not None]
        settings["overwrite"] = overwrite
        predict_scale(model, sources, out, local_flags, answering, options, precision, settings)
        return
    kind = source_kind(source)
    if kind == "text" and out:
        raise ConfigError(_("--out is for a file or lines from stdin, not for a single text."))
    label_flags = {
        "--scores": scores, "--threshold": threshold, "--min-score": min_score, "--min-precision": min_precision,
        "--keep": keep, "--by": by,
    }  # fmt: skip
    asked = Asked(source, kind, out, form, as_json, options, overwrite, answering, label_flags)
    predictor = load(model, precision=precision)
    for_record({Prediction: predict_labels, Parse: predict_trees}, predictor.decoder.record)(predictor, asked)


def read_threshold(text: str) -> float | str:
    """A number, or the text as it is."""
    try:
        return float(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class Asked:
    """What the flags ask for. kind: of the source, "text", "file" or "stdin". label_flags: those for classifiers."""

    source: str | None
    kind: str
    out: str | None
    form: str | None
    as_json: bool
    options: ReadOptions
    overwrite: bool
    answering: Answering
    label_flags: Mapping[str, object]


def check_engine(engine: str, ray_flags: Mapping[str, object], more: Sequence[str] | None) -> str:
    """The engine; ConfigError if it is unknown, or if the local one is given flags or files that only ray takes."""
    if engine not in ("local", "ray"):
        raise ConfigError(_("--engine is '{engine}'; it must be local or ray.", engine=engine))
    if engine == "local":
        if flag := next((flag for flag, value in ray_flags.items() if value is not None), None):
            raise ConfigError(_("{flag} is for --engine ray.", flag=flag))
        if more:
            raise ConfigError(
                _(
                    "More than one text or file ({second}): put a text in quotes; several files need --engine ray.",
                    second=more[0],
                )
            )
    return engine


def predict_trees(model: Predictor, asked: Asked) -> None:
    """Print or write the trees of a parser. ConfigError: flags of classifiers."""
    from munjang.cli.parse import check_form, parse_table, parse_text

    if flag := next((flag for flag, value in asked.label_flags.items() if value is not None), None):
        raise ConfigError(_("{flag} is for classifiers; {model} is a parser.", flag=flag, model=model.name))
    form = check_form("json" if asked.as_json else asked.form, asked.out)
    if asked.kind == "text":
        parse_text(model, printable_text(asked.source or ""), form)
        return
    if asked.out and Path(asked.out).exists() and not asked.overwrite:
        raise ConfigError(_("{out} exists. Name another file, or add --overwrite.", out=asked.out))
    table, text_column = open_input(asked.source, asked.kind, asked.options)
    parse_table(model, table, text_column, form, Path(asked.out) if asked.out else None)


def predict_labels(model: Predictor, asked: Asked) -> None:
    """Print or write the labels of a classifier. ConfigError: flags of parsers, or of files for a single text."""
    from munjang.inference.files.write import check_output

    if asked.form:
        raise ConfigError(_("--format is for parsers; {model} gives labels: see --json and --out.", model=model.name))
    model.check_single()
    answering, by = asked.answering.check(model.decoder), asked.answering.by
    if asked.kind == "text":
        if by:
            raise ConfigError(_("--by is for a file or lines from stdin, not for a single text."))
        predict_text(model, asked.source or "", answering, asked.as_json)
        return
    source = Path(asked.source or "") if asked.kind == "file" else None
    if asked.out:
        check_output(Path(asked.out), source, asked.overwrite)
    table, text_column = open_input(asked.source, asked.kind, asked.options)
    sampled = group_scores(model) if by else None
    seen = sampled.add if sampled else lambda prediction, group: None
    if asked.out:
        counts = write_predictions(model, table, text_column, asked, answering, source, seen)
    else:
        counts = print_predictions(model, table, text_column, asked, answering, seen)
    if by:
        typer.echo(counts.table(model.labels.names, by))
    if by and sampled:
        typer.echo("\n" + sampled.table(counts, by))


def group_scores(model: Predictor) -> GroupScores | None:
    """What corrects the shares of groups; None for a model that keeps nothing of its validation."""
    from munjang.inference.files.shares import GroupScores

    return GroupScores(model.labels.names, model.held_out) if model.held_out else None


def predict_text(model: Predictor, text: str, answering: Answering, as_json: bool) -> None:
    """Print the prediction for one text: label and score, then every label and its score if requested."""
    from munjang.inference.files.predict import kept

    prediction = cast(Prediction, answering.doubting(model).predict(printable_text(text)))
    if not kept(prediction, answering):
        return
    if as_json:
        typer.echo(prediction_json(prediction))
        return
    typer.echo(f"{shown_label(prediction)}\t{shown_score(prediction)}")
    if answering.scores:
        for name, score in prediction.scores.items():
            typer.echo(f"  {name}\t{score:.4f}")
    if prediction.note:
        log.info("%s", shown_note(prediction.note))


def prediction_json(prediction: Prediction, line: int | None = None) -> str:
    """A prediction as one JSON object; `line` is the line number of the text in its file."""
    location = {} if line is None else {"line": line}
    scores = {name: round(score, 6) for name, score in prediction.scores.items()}
    values = {"text": prediction.text, "label": prediction.label, "score": round(prediction.score, 6)}
    doubt = {"note": prediction.note, "suggested": prediction.suggested, "reason": prediction.reason}
    return json.dumps({**location, **values, "scores": scores, **doubt}, ensure_ascii=False)


def print_predictions(
    model: Predictor, table: Table, text_column: Columns, asked: Asked, answering: Answering, seen: Seen
) -> Counts:
    """Print a line for every row, in order; with --by, only count."""
    from munjang.data.readers.columns import find_column
    from munjang.inference.files.predict import group_of, kept, predictions
    from munjang.inference.files.write import Counts

    by = None if answering.by is None else find_column(answering.by, table.columns, table.file, "by")
    counts, as_json = Counts(), asked.as_json

    def line_of(row: Row, prediction: Prediction) -> str | None:
        group = group_of(row, by)
        counts.add(prediction, group)
        seen(prediction, group)
        if by is not None or not kept(prediction, answering):
            return None
        return prediction_json(prediction, row.line) if as_json else prediction_line(prediction, answering)

    def bad_line(item: Bad) -> str | None:
        if by is not None:
            return None
        return unusable_json(item, EMPTY_VALUES) if as_json else "(unusable)\t\t" + single_line(item.raw)

    items = predictions(model, table, text_column, answering, chunk_sizes(asked.kind == "stdin"))
    print_rows(items, table, counts, line_of, bad_line)
    return counts


def prediction_line(prediction: Prediction, answering: Answering) -> str:
    """Label, score, all scores if requested, and the text, separated by tabs."""
    cells = [shown_label(prediction), shown_score(prediction)]
    if answering.scores:
        cells.append(", ".join(f"{name} {score:.4f}" for name, score in prediction.scores.items()))
    return "\t".join([*cells, single_line(prediction.text)])


def write_predictions(
    model: Predictor,
    table: Table,
    text_column: Columns,
    asked: Asked,
    answering: Answering,
    source: Path | None,
    seen: Seen,
) -> Counts:
    """Write the file with the predictions and log the counts."""
    from munjang.inference.files.predict import predict_table

    out = asked.out or ""

    def write(progress: Callable[[Counts], None]) -> Counts:
        return predict_table(
            model, table, text_column, out, answering=answering, overwrite=asked.overwrite, source=source,
            progress=progress, seen=seen,
        )  # fmt: skip

    return write_rows(out, write, keeps=bool(answering.keep))
