"""`munjang predict`: a text, lines, or a file through a model."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from munjang.cli.options import EncodingOption, HeaderRow, Precision, Sheet, TextColumn, read_options
from munjang.cli.rows import (
    chunk_sizes,
    open_input,
    print_rows,
    printable_text,
    shown_label,
    shown_score,
    single_line,
    source_kind,
    unusable_json,
    write_rows,
)
from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.config.settings import ReadOptions
    from munjang.data.readers.table import Bad, Row, Table
    from munjang.inference.files.predict import Answering
    from munjang.inference.files.write import Counts
    from munjang.inference.predictor import Predictor
    from munjang.records import Prediction

log = logging.getLogger("munjang")

BLANK = {"label": None, "score": 0.0, "scores": {}}
"""What stands in JSON for a row that has no answer."""


def predict_verb(
    model: Annotated[
        str, typer.Argument(help=_("Folder of a trained model; FOLDER/HEAD or mini/HEAD for one head of many."))
    ],
    source: Annotated[
        str | None, typer.Argument(metavar="[TEXT|FILE|-]", help=_("A text, a file, or - for lines from stdin."))
    ] = None,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help=_("Further files, for --engine ray."))
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", help=_("File to write: .csv, .tsv, .jsonl, .parquet, .xlsx. For --engine ray a folder.")),
    ] = None,
    text: TextColumn = None,
    scores: Annotated[
        str | None,
        typer.Option("--scores", help=_("all: every label's score (usual for --out); best: the best alone.")),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help=_("Several labels a text: the least score of a label."))
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help=_("Answer 보류 where the best score is below this."))
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help=_("Only rows with one of these labels, such as ko,en."))
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help=_("Column: print the shares of labels for each value."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print a JSON object a line."))] = False,
    form: Annotated[
        str | None, typer.Option("--format", help=_("Of a parser: tree, conllu, json or svg; tree if left out."))
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace an existing --out."))] = False,
    precision: Precision = "fp32",
    encoding: EncodingOption = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    engine: Annotated[
        str, typer.Option("--engine", help=_("local: this process; ray: several workers, which may be other machines."))
    ] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", help=_("ray: how many, with a model each; one a processor if left out."))
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help=_("ray: of a running cluster, HOST:PORT or auto; this machine alone if left out.")
        ),
    ] = None,
    part_rows: Annotated[
        int | None, typer.Option("--part-rows", help=_("ray: rows of an output part at most; chosen if left out."))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=_("ray: go on with a run that was cut short."))] = False,
) -> None:
    """Label a text, lines from stdin, or a file; of a parser, print its trees.

    With --out the same rows are written with the columns label, score, score_LABEL and note added. Rows that cannot be
    read are listed in OUT.rejected.csv. Without --out the answers are printed: label, score, text, between tabs. A text
    that begins with a dash goes after --.

    With --engine ray (the extra [scale]) files of any size, folders and s3:// are answered by several workers into a
    folder of Parquet parts with a manifest. A worker that dies is replaced; a run that is cut short goes on with
    --resume.
    """
    from munjang.inference.files.predict import Answering
    from munjang.inference.files.write import check_output
    from munjang.inference.predictor import load

    if scores not in (None, "all", "best"):
        raise ConfigError(_("--scores is '{scores}'; it must be all or best.", scores=scores))
    names = tuple(name.strip() for name in (keep or "").split(",") if name.strip())
    everything = scores == "all" or (scores is None and bool(out))
    answering = Answering(everything, threshold, min_score, names, by)
    options = read_options(text, None, None, None, None, encoding, sheet, header_row)
    many = {"--workers": workers, "--address": address, "--part-rows": part_rows, "--resume": resume or None}
    if check_engine(engine, many, more) == "ray":
        from munjang.cli.predict_scale import predict_scale

        lonely = {"--json": as_json or None, "--format": form}
        settings = {"workers": workers, "address": address, "part_rows": part_rows, "resume": resume}
        names = [name for name in (source, *(more or ())) if name is not None]
        predict_scale(model, names, out, lonely, answering, options, precision, {**settings, "overwrite": overwrite})
        return
    kind = source_kind(source)
    if is_parser(model):
        lonely = {"--scores": scores, "--threshold": threshold, "--min-score": min_score, "--keep": keep, "--by": by}
        answer_trees(model, source, kind, out, "json" if as_json else form, options, precision, overwrite, lonely)
        return
    if form:
        raise ConfigError(_("--format is for parsers; {model} gives labels: see --json and --out.", model=model))
    if kind == "text":
        if out or by:
            raise ConfigError(_("--out and --by are for a file or lines from stdin, not for a single text."))
        predictor = load(model, precision=precision)
        answer_text(predictor, source or "", answering.check(predictor), as_json)
        return
    file = Path(source) if kind == "file" else None
    if out:
        check_output(Path(out), file, overwrite)
    table, place = open_input(source, kind, options)
    predictor = load(model, precision=precision)
    answering = answering.check(predictor)
    if out:
        counts = write_predictions(predictor, table, place, out, answering, overwrite, file)
    else:
        counts = print_predictions(predictor, table, place, answering, as_json, one_by_one=kind == "stdin")
    if by:
        typer.echo(counts.table(predictor.labels.names, by))


def check_engine(engine: str, many: Mapping[str, object], more: Sequence[str] | None) -> str:
    """The engine, known; options and files that are for several workers are refused of the local one."""
    if engine not in ("local", "ray"):
        raise ConfigError(_("--engine is '{engine}'; it must be local or ray.", engine=engine))
    if engine == "local":
        if flag := next((flag for flag, value in many.items() if value is not None), None):
            raise ConfigError(_("{flag} is for --engine ray.", flag=flag))
        if more:
            raise ConfigError(
                _(
                    "More than one text or file ({more}): put a text in quotes; several files need --engine ray.",
                    more=more[0],
                )
            )
    return engine


def is_parser(model: str) -> bool:
    """Whether a model's name means a parser."""
    from munjang.inference.heads import find_model
    from munjang.models.folder import MANIFEST, read_json_object

    path, __ = find_model(model)
    return (path / MANIFEST).is_file() and read_json_object(path / MANIFEST).get("task") == "parsing"


def answer_trees(
    model: str,
    source: str | None,
    kind: str,
    out: str | None,
    form: str | None,
    options: ReadOptions,
    precision: str,
    overwrite: bool,
    lonely: Mapping[str, object],
) -> None:
    """Print or write what a parser says. lonely: flags of classifiers, which are refused."""
    from munjang.cli.parse import check_form, parse_table, parse_text
    from munjang.inference.predictor import load

    if flag := next((flag for flag, value in lonely.items() if value is not None), None):
        raise ConfigError(_("{flag} is for classifiers; {model} is a parser.", flag=flag, model=model))
    form = check_form(form, out)
    if kind == "text":
        if out:
            raise ConfigError(_("--out is for a file or lines from stdin, not for a single text."))
        parse_text(load(model, precision=precision), printable_text(source or ""), form)
        return
    if out and Path(out).exists() and not overwrite:
        raise ConfigError(_("{out} exists. Name another file, or add --overwrite.", out=out))
    table, place = open_input(source, kind, options)
    parse_table(load(model, precision=precision), table, place, form, Path(out) if out else None)


def answer_text(model: Predictor, text: str, answering: Answering, as_json: bool) -> None:
    """Print the answer for one text: label and score, or every label's score on a line of its own."""
    from munjang.inference.files.predict import apply_thresholds, kept

    prediction = apply_thresholds(model.predict(printable_text(text)), answering, model.labels.names)
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
        log.info("%s", prediction.note)


def prediction_json(prediction: Prediction, line: int | None = None) -> str:
    """A prediction as one JSON object; `line` is where the text stands in the file."""
    place = {} if line is None else {"line": line}
    scores = {name: round(score, 6) for name, score in prediction.scores.items()}
    answer = {"text": prediction.text, "label": prediction.label, "score": round(prediction.score, 6)}
    return json.dumps({**place, **answer, "scores": scores, "note": prediction.note}, ensure_ascii=False)


def print_predictions(
    model: Predictor, table: Table, place: int, answering: Answering, as_json: bool, *, one_by_one: bool
) -> Counts:
    """Print a line for every row, in order; with --by only count."""
    from munjang.data.readers.columns import find_column
    from munjang.inference.files.predict import group_of, kept, predictions
    from munjang.inference.files.write import Counts

    by = None if answering.by is None else find_column(answering.by, table.columns, table.file, "--by")
    counts = Counts()

    def line_of(row: Row, prediction: Prediction) -> str | None:
        counts.add(prediction, group_of(row, by))
        if by is not None or not kept(prediction, answering):
            return None
        return prediction_json(prediction, row.line) if as_json else prediction_line(prediction, answering)

    def bad_line(item: Bad) -> str | None:
        if by is not None:
            return None
        return unusable_json(item, BLANK) if as_json else "(unusable)\t\t" + single_line(item.raw)

    items = predictions(model, table, place, answering, chunk_sizes(one_by_one))
    print_rows(items, table, counts, line_of, bad_line)
    return counts


def prediction_line(prediction: Prediction, answering: Answering) -> str:
    """Label, score, all scores if asked for, and the text, between tabs."""
    cells = [shown_label(prediction), shown_score(prediction)]
    if answering.scores:
        cells.append(", ".join(f"{name} {score:.4f}" for name, score in prediction.scores.items()))
    return "\t".join([*cells, single_line(prediction.text)])


def write_predictions(
    model: Predictor, table: Table, place: int, out: str, answering: Answering, overwrite: bool, source: Path | None
) -> Counts:
    """Write the file with answers and say what became of its rows."""
    from munjang.inference.files.predict import predict_table

    def write(progress: Callable[[Counts], None]) -> Counts:
        return predict_table(
            model, table, place, out, answering=answering, overwrite=overwrite, source=source, progress=progress
        )

    return write_rows(out, write, keeps=bool(answering.keep))
