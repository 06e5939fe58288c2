"""`munjang analyze`: all predictions of the packaged model for a text, for lines, or for a file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.cli.options import Delimiter, EncodingOption, HeaderRow, Sheet, TextColumn, read_options
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
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.readers.columns import Columns
    from munjang.data.readers.table import Bad, Row, Table
    from munjang.inference.analyzer import Analysis, Analyzer
    from munjang.inference.files.write import Counts
    from munjang.records import Prediction

log = logging.getLogger("munjang")

HELP = _(
    "Predict the sentiment, hate, intent, topic and so on of a text. Every head of the model gives one label.\n\n"
    "One pass through the network gives all predictions; it needs neither network access nor torch. With --out, the "
    "rows of a file are written with the columns HEAD and HEAD_score for every head, and the column note. Without "
    "--out, a text gets one line for each head; lines and files get one line for each row: label and score of each "
    "head and the text, separated by tabs."
)


def analyze_verb(
    source: Annotated[
        str | None, typer.Argument(metavar="[TEXT|FILE|-]", help=_("A text, a file, or - for lines from stdin."))
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks", help=_("Only these heads, such as sentiment,hate; all if omitted. structure: the tree.")
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FOLDER", help=_("A model with many heads; the packaged one if omitted.")),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help=_("File to write: .csv, .tsv, .jsonl, .parquet, .xlsx."))
    ] = None,
    text: TextColumn = None,
    scores: Annotated[
        str | None, typer.Option("--scores", help=_("all: the score of every label; best: only the best, the default."))
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print one JSON object per line, with all scores."))
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace an existing --out."))] = False,
    encoding: EncodingOption = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    delimiter: Delimiter = None,
) -> None:
    """Predict with every head, and print or write the results."""
    if scores not in (None, "all", "best"):
        raise ConfigError(_("--scores is '{scores}'; it must be all or best.", scores=scores))
    everything = scores == "all"
    options = read_options(text, None, None, None, None, encoding, sheet, header_row, delimiter)
    kind = source_kind(source)
    if kind == "text":
        if out:
            raise ConfigError(_("--out is for a file or lines from stdin, not for a single text."))
        analysis = open_analyzer(model, tasks, single=True).analyze(printable_text(source or ""))
        typer.echo(analysis_json(analysis) if as_json else block(analysis, everything))
        if analysis.note:
            log.info("%s", shown_note(analysis.note))
        return
    file = Path(source) if kind == "file" else None
    if out:
        from munjang.inference.files.write import check_output

        check_output(Path(out), file, overwrite)
    table, text_column = open_input(source, kind, options)
    analyzer = open_analyzer(model, tasks)
    if out:
        write_analyses(analyzer, table, text_column, out, everything, overwrite, file)
    else:
        print_analyses(analyzer, table, text_column, everything, as_json, one_by_one=kind == "stdin")


def open_analyzer(model: str | None, tasks: str | None, *, single: bool = False) -> Analyzer:
    """The model that --model and --tasks mean. single: it is for one text, and then gives the structure too."""
    from munjang.inference.analyzer import Analyzer, everything
    from munjang.inference.heads import has_parser

    names = None if tasks is None else [name.strip() for name in tasks.split(",") if name.strip()]
    analyzer = Analyzer(model, names)
    is_plain = single and model is None and tasks is None and has_parser()
    return analyzer.asked(everything(analyzer)) if is_plain else analyzer


def block(analysis: Analysis, scores: bool) -> str:
    """A line for each head: name, label and score; with `scores`, the score of every label too."""
    from munjang.tables import format_table

    rows = [
        [head, shown_label(prediction), shown_score(prediction), *([score_list(prediction)] if scores else [])]
        for head, prediction in analysis.answers.items()
    ]
    parts = [format_table([""] * len(rows[0]), rows, max_width=2_000)] if rows else []
    if analysis.structure is not None:
        from munjang.data.trees.pictures import tree_lines

        parts.append(tree_lines(analysis.structure.tree) or "(empty)")
    return "\n\n".join(parts)


def score_list(prediction: Prediction) -> str:
    """The score of every label, the highest first."""
    return ", ".join(f"{name} {score:.4f}" for name, score in prediction.scores.items())


def analysis_json(analysis: Analysis, line: int | None = None) -> str:
    """An analysis as one JSON object; `line` is the line number of the text in its file."""
    location = {} if line is None else {"line": line}
    answers = {head: json_prediction(prediction) for head, prediction in analysis.answers.items()}
    record = {**location, "text": analysis.text, "answers": answers, **json_structure(analysis), "note": analysis.note}
    return json.dumps(record, ensure_ascii=False)


def json_structure(analysis: Analysis) -> dict[str, Any]:
    """The tree: its words with head and relation, and the triples; empty if no tree was requested."""
    if analysis.structure is None:
        return {}
    from munjang.data.trees.triples import parse_to_json

    tree = parse_to_json(analysis.structure)
    return {"structure": {name: tree[name] for name in ("words", "relations")}}


def json_prediction(prediction: Prediction) -> dict[str, Any]:
    """The prediction of one head as JSON values."""
    scores = {name: round(score, 6) for name, score in prediction.scores.items()}
    return {"label": prediction.label, "score": round(prediction.score, 6), "scores": scores}


def analysis_line(analysis: Analysis, scores: bool) -> str:
    """Label and score of each head (all its scores with `scores`) and the text, separated by tabs."""
    from munjang.records import label_text

    cells = []
    for prediction in analysis.answers.values():
        cells += [shown_label(prediction), shown_score(prediction), *([score_list(prediction)] if scores else [])]
    if analysis.structure is not None:
        cells.append(label_text(analysis.structure.tree))
    return "\t".join([*cells, single_line(analysis.text)])


def print_analyses(
    model: Analyzer, table: Table, text_column: Columns, scores: bool, as_json: bool, *, one_by_one: bool
) -> Counts:
    """Print a line for every row, in order."""
    from munjang.inference.analyzer import STRUCTURE
    from munjang.inference.files.analyze import analyses, count
    from munjang.inference.files.write import Counts

    counts, width = Counts(), 3 if scores else 2
    names = [head.name for head in model.heads]
    cells = width * len(names) + (model.parser is not None)
    if not as_json:
        log.info("In each line: %s; then the text.", ", ".join([*names, *([STRUCTURE] if model.parser else [])]))

    def line_of(row: Row, analysis: Analysis) -> str:
        count(counts, analysis)
        return analysis_json(analysis, row.line) if as_json else analysis_line(analysis, scores)

    def bad_line(item: Bad) -> str:
        if as_json:
            return unusable_json(item, {"answers": {}})
        return "\t".join(["(unusable)", *[""] * (cells - 1), single_line(item.raw)])

    items = analyses(model, table, text_column, chunk_sizes(one_by_one))
    print_rows(items, table, counts, line_of, bad_line)
    return counts


def write_analyses(
    model: Analyzer, table: Table, text_column: Columns, out: str, scores: bool, overwrite: bool, source: Path | None
) -> Counts:
    """Write the file with the predictions and log the counts."""
    from munjang.inference.files.analyze import analyze_table

    def write(progress: Callable[[Counts], None]) -> Counts:
        return analyze_table(
            model, table, text_column, out, scores=scores, overwrite=overwrite, source=source, progress=progress
        )

    return write_rows(out, write)
