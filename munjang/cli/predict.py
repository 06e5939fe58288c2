"""`munjang predict`: a text, lines, or a file through a model."""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from munjang.cli.options import FILE_ENDINGS, Encoding, HeaderRow, Precision, Sheet, TextColumn, read_options
from munjang.errors import ConfigError, DataError

if TYPE_CHECKING:
    from munjang.config import ReadOptions
    from munjang.data.table import Table
    from munjang.predict_file import Answering, Counts
    from munjang.prediction import Predictor
    from munjang.records import Prediction

log = logging.getLogger("munjang")


def predict(
    model: Annotated[str, typer.Argument(help="Folder of a trained model.")],
    source: Annotated[
        str | None, typer.Argument(metavar="[TEXT|FILE|-]", help="A text, a file, or - for lines from stdin.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="File to write: .csv, .tsv, .jsonl, .parquet, .xlsx.")
    ] = None,
    text: TextColumn = None,
    scores: Annotated[
        str | None, typer.Option("--scores", help="all: every label's score (usual for --out); best: the best alone.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Several labels a text: the least score of a label.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Answer 보류 where the best score is below this.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Only rows with one of these labels, such as ko,en.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Column: print the shares of labels for each value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing --out.")] = False,
    precision: Precision = "fp32",
    encoding: Encoding = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
) -> None:
    """Label a text, lines from stdin, or a file.

    With --out the same rows are written with the columns label, score, score_LABEL and note added. Rows that cannot be
    read are listed in OUT.rejected.csv. Without --out the answers are printed: label, score, text, between tabs. A text
    that begins with a dash goes after --.
    """
    from munjang.predict_file import Answering, check_out
    from munjang.prediction import load

    if scores not in (None, "all", "best"):
        raise ConfigError(f"--scores is '{scores}'; it must be all or best.")
    names = tuple(name.strip() for name in (keep or "").split(",") if name.strip())
    everything = scores == "all" or (scores is None and bool(out))
    answering = Answering(everything, threshold, min_score, names, by)
    options = read_options(text, None, None, None, None, encoding, sheet, header_row)
    kind = source_kind(source)
    if kind == "text":
        if out or by:
            raise ConfigError("--out and --by are for a file or lines from stdin, not for a single text.")
        predictor = load(model, precision=precision)
        answer_text(predictor, source or "", answering.check(predictor), as_json)
        return
    file = Path(source) if kind == "file" else None
    if out:
        check_out(Path(out), file, overwrite)
    table, place = open_source(source, kind, options)
    predictor = load(model, precision=precision)
    answering = answering.check(predictor)
    if out:
        counts = write_answers(predictor, table, place, out, answering, overwrite, file)
    else:
        counts = print_answers(predictor, table, place, answering, as_json, one_by_one=kind == "stdin")
    if by:
        typer.echo(counts.table(predictor.labels.names, by))


def source_kind(source: str | None) -> Literal["text", "file", "stdin"]:
    """What the second argument is. A name of an existing file or folder is that; any other text with an ending of files
    and no space is a file that is missing."""
    if source is None and sys.stdin.isatty():
        raise ConfigError("Nothing to label. Give a text or a file, or pipe lines in.")
    if source in (None, "-"):
        return "stdin"
    try:
        if source.strip() and Path(source).exists():
            return "file"
    except (OSError, ValueError):  # a long text is no file name, nor is one with a NUL
        return "text"
    looks_like_path = source.lower().endswith(FILE_ENDINGS) or source.startswith(("/", "./", "../", "~"))
    if looks_like_path and not any(char.isspace() for char in source):
        raise DataError(f"No file {source}. A text to label that looks like this goes in through stdin.")
    return "text"


def open_source(source: str | None, kind: str, options: ReadOptions) -> tuple[Table, int]:
    """The table to label and the place of its text column; what was found out is said."""
    if kind == "stdin":
        from munjang.data.textfiles import stream_table

        return stream_table(sys.stdin.buffer, "stdin", options.encoding), 0
    from munjang.data.files import open_table
    from munjang.data.reading import find_text, sample_rows

    table = open_table(source, options)
    place = find_text(table, options, sample_rows(table))
    for note in table.notes:
        log.info("%s", note)
    return table, place


def answer_text(model: Predictor, text: str, answering: Answering, as_json: bool) -> None:
    """Print the answer for one text: label and score, or every label's score on a line of its own."""
    from munjang.predict_file import kept, settle

    text = text.encode("utf-8", "replace").decode("utf-8")  # bytes of a foreign console are no characters
    prediction = settle(model.predict(text), answering, model.labels.names)
    if not kept(prediction, answering):
        return
    if as_json:
        typer.echo(json_line(prediction))
        return
    typer.echo(f"{shown(prediction)}\t{shown_score(prediction)}")
    if answering.scores:
        for name, score in prediction.scores.items():
            typer.echo(f"  {name}\t{score:.4f}")
    if prediction.note:
        log.info("%s", prediction.note)


def shown(prediction: Prediction) -> str:
    """The label as a terminal shows it."""
    from munjang.records import label_text

    return "(empty)" if prediction.label is None else label_text(prediction.label) or "(none)"


def shown_score(prediction: Prediction) -> str:
    """The score as a terminal shows it: nothing for a text that has none."""
    return f"{prediction.score:.4f}" if prediction.scores else ""


def json_line(prediction: Prediction, line: int | None = None) -> str:
    """A prediction as one JSON object; `line` is where the text stands in the file."""
    place = {} if line is None else {"line": line}
    scores = {name: round(score, 6) for name, score in prediction.scores.items()}
    answer = {"text": prediction.text, "label": prediction.label, "score": round(prediction.score, 6)}
    return json.dumps({**place, **answer, "scores": scores, "note": prediction.note}, ensure_ascii=False)


def print_answers(
    model: Predictor, table: Table, place: int, answering: Answering, as_json: bool, *, one_by_one: bool
) -> Counts:
    """Print a line for every row, in order; with --by only count."""
    from munjang.data.columns import find_column
    from munjang.data.table import Bad
    from munjang.predict_file import CHUNKS, Counts, answers, group_of, kept

    by = None if answering.by is None else find_column(answering.by, table.columns, table.file, "--by")
    counts = Counts()
    at_once = one_by_one and sys.stdin.isatty()
    for item in answers(model, table, place, answering, (1,) if at_once else CHUNKS):
        if isinstance(item, Bad):
            counts.rejected += 1
            log.warning("%s, line %s: %s", item.file, item.line, item.reason)
            if by is None:
                typer.echo(unusable_line(item, as_json))
            continue
        row, prediction = item
        counts.add(prediction, group_of(row, by))
        if by is None and kept(prediction, answering):
            typer.echo(json_line(prediction, row.line) if as_json else plain_line(prediction, answering))
    log.info("%s: %s.", table.file, counts)
    return counts


def unusable_line(item, as_json: bool) -> str:
    """What stands in the output for a row that cannot be used, so that lines in and lines out agree."""
    if as_json:
        note = f"set aside: {item.reason}"
        return json.dumps({"line": item.line, "text": None, "label": None, "score": 0.0, "scores": {}, "note": note})
    return "(unusable)\t\t" + one_line(item.raw)


def plain_line(prediction: Prediction, answering: Answering) -> str:
    """Label, score, all scores if asked for, and the text, between tabs."""
    cells = [shown(prediction), shown_score(prediction)]
    if answering.scores:
        cells.append(", ".join(f"{name} {score:.4f}" for name, score in prediction.scores.items()))
    return "\t".join([*cells, one_line(prediction.text)])


def one_line(text: str) -> str:
    """A text without tabs and line breaks."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def write_answers(
    model: Predictor, table: Table, place: int, out: str, answering: Answering, overwrite: bool, source: Path | None
) -> Counts:
    """Write the file with answers and say what became of its rows."""
    from munjang.predict_file import predict_table, rejected_path

    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # a plain kill takes the unfinished file away, as Ctrl-C does
    counts = predict_table(
        model,
        table,
        place,
        out,
        answering=answering,
        overwrite=overwrite,
        source=source,
        progress=progress_line() if sys.stderr.isatty() else lambda counts: None,
    )
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    dropped = f", {counts.written:,} kept" if answering.keep else ""
    log.info("%s: %s%s.", out, counts, dropped)
    if counts.rejected:
        log.warning(
            "Set aside, for they could not be used: %s, see %s.", some(counts.rejected, "row"), rejected_path(Path(out))
        )
    if counts.escaped:
        log.info("%s: %s changed to be safe in this kind of file (formulas, tabs).", out, some(counts.escaped, "cell"))
    return counts


def some(number: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def progress_line() -> Callable[[Counts], None]:
    """Shows rows and rows per second on one line of a terminal."""
    start = last = time.monotonic()

    def show(counts: Counts) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > 0.2:
            last = now
            typer.echo(f"\r{counts.rows:,} rows, {counts.rows / (now - start):,.0f} rows/s", nl=False, err=True)

    return show
