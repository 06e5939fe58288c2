"""What `munjang predict` prints and writes when the model is a parser."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from munjang.cli.rows import shown_note
from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.readers.columns import Columns
    from munjang.data.readers.table import Table
    from munjang.inference.predictor import Predictor
    from munjang.records import Parse

log = logging.getLogger("munjang")

TREE_FORMATS = ("tree", "conllu", "json", "svg")
CHUNK_SENTENCES = 1_024  # sentences parsed together


def parse_text(model: Predictor, text: str, form: str) -> None:
    """Print the tree of one text."""
    parse = model.predict(text)
    typer.echo("".join(rendered([parse], form)).rstrip("\n"))
    if parse.note:
        log.info("%s", shown_note(parse.note))


def parse_table(model: Predictor, table: Table, text_column: Columns, form: str, out: Path | None) -> None:
    """Print the trees of a table's texts, or write them to a file; unusable rows are logged."""
    if form == "svg":
        raise ConfigError(_("--format svg draws a single text; use conllu or json for many."))
    parts = rendered(parses(model, table, text_column), form)
    if out is None:
        for part in parts:
            typer.echo(part, nl=False)
        return
    from munjang.files import disk_errors, whole_file
    from munjang.files.outputs import sole_writer, work_of_file

    with (
        disk_errors(out, _("Free some space and run the same command again.")),
        sole_writer(work_of_file(out)),
        whole_file(out) as temporary,
        temporary.open("w", encoding="utf-8") as stream,
    ):
        stream.writelines(parts)
    log.info("%s written.", out)


def parses(model: Predictor, table: Table, text_column: Columns) -> Iterator[Parse]:
    """The parses of the texts in a column, in the order of the rows."""
    from munjang.data.readers.columns import cells_text

    texts: list[str] = []
    for row in table.rows():
        texts.append(cells_text(row.cells, text_column))
        if len(texts) == CHUNK_SENTENCES:
            yield from model.predict_many(texts)
            texts = []
    yield from model.predict_many(texts)
    for bad in table.rejected:
        log.warning("%s, line %s: %s", bad.file, bad.line, bad.reason)


def rendered(items: Iterable[Parse], form: str) -> Iterator[str]:
    """Each parse in the form asked for, with its final line breaks."""
    from munjang.data.trees.pictures import tree_lines, tree_svg
    from munjang.data.trees.treebanks import sentence_conllu
    from munjang.data.trees.triples import parse_to_json

    for number, parse in enumerate(items, start=1):
        if form == "json":
            yield json.dumps(parse_to_json(parse), ensure_ascii=False) + "\n"
        elif form == "conllu":
            yield sentence_conllu(parse.tree, number, parse.text) if len(parse.tree) else ""
        elif form == "svg":
            yield tree_svg(parse.tree)
        else:
            yield (tree_lines(parse.tree) or "(empty)") + "\n\n"


def check_form(form: str | None, out: str | None) -> str:
    """The form that --format or the ending of --out means."""
    endings = {".conllu": "conllu", ".jsonl": "json", ".json": "json"}
    if form is None and out is not None:
        form = endings.get(Path(out).suffix.lower())
        if form is None:
            raise ConfigError(_("--out {out}: a parser writes .conllu or .jsonl.", out=out))
    if form not in (None, *TREE_FORMATS):
        raise ConfigError(
            _("--format is '{form}'; it must be one of {formats}.", form=form, formats=", ".join(TREE_FORMATS))
        )
    return form or "tree"
