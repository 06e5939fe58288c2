"""What the verbs that predict share on the command line: reading texts, and printing or writing one line per row."""

from __future__ import annotations

import json
import logging
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from munjang.cli.options import FILE_ENDINGS
from munjang.errors import ConfigError, DataError
from munjang.translation import N_, _, ngettext

if TYPE_CHECKING:
    from munjang.config.settings import ReadOptions
    from munjang.data.readers.columns import Columns
    from munjang.data.readers.table import Bad, Row, Table
    from munjang.inference.files.write import Counts
    from munjang.records import Prediction

log = logging.getLogger("munjang")


def source_kind(source: str | None) -> Literal["text", "file", "stdin"]:
    """What the source argument means.

    The name of an existing file or folder means that file or folder. DataError: another text without spaces that looks
    like a path, because the file is missing. ConfigError: no argument, and no lines come through a pipe.
    """
    if source is None and sys.stdin.isatty():
        raise ConfigError(_("There is nothing to label. Give a text or a file, or pipe lines in."))
    if source in (None, "-"):
        return "stdin"
    from munjang.data.compressed import as_on_disk

    try:
        if source.strip() and as_on_disk(Path(source)).exists():
            return "file"
    except (OSError, ValueError):  # a long text, or one with a NUL, cannot be a file name
        return "text"
    looks_like_path = source.lower().endswith(FILE_ENDINGS) or source.startswith(("/", "./", "../", "~"))
    if looks_like_path and not any(char.isspace() for char in source):
        raise DataError(_("No file {source}. If this is a text to label, send it through stdin.", source=source))
    return "text"


def open_input(source: str | None, kind: str, options: ReadOptions) -> tuple[Table, Columns]:
    """The table to label and its text column; what was detected is logged."""
    if kind == "stdin":
        from munjang.data.readers.text import stream_table

        return stream_table(sys.stdin.buffer, "stdin", options.encoding), 0
    from munjang.data.readers.corpus import find_text, sample_rows
    from munjang.data.readers.open import open_table

    table = open_table(source, options)
    text_column = find_text(table, options, sample_rows(table))
    for note in table.notes:
        log.info("%s", note)
    return table, text_column


def printable_text(text: str) -> str:
    """A text from the command line; bytes that the console's encoding could not decode become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shown_label(prediction: Prediction) -> str:
    """The label as a terminal shows it: "(empty)" for an empty text, "(none)" where no label passes."""
    from munjang.records import label_text

    return "(empty)" if prediction.label is None else label_text(prediction.label) or "(none)"


def shown_score(prediction: Prediction) -> str:
    """The score as a terminal shows it; "" for a text without a score."""
    return f"{prediction.score:.4f}" if prediction.scores else ""


NOTE_TEXTS = (
    N_("empty"),
    N_("out of scope"),
    N_("truncated to {size} tokens"),
    N_("truncated to {size} characters"),
    N_("below the minimum score {least}"),
    N_("below {least}, the threshold for a precision of {target}"),
    N_("{label} below {least}, the threshold for a precision of {target}"),
)
"""What a note of a prediction may say."""


def shown_note(note: str) -> str:
    """The note of a prediction in the language in use; in files it stays English."""
    return "; ".join(shown_part(part) for part in note.split("; "))


def shown_part(part: str) -> str:
    for text in NOTE_TEXTS:
        if match := re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(text)), part):
            return _(text).format(**match.groupdict())
    return part


def single_line(text: str) -> str:
    """A text without tabs and line breaks."""
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def unusable_json(item: Bad, blank: Mapping[str, Any]) -> str:
    """The JSON line for a row that cannot be used; with it there is one output line per input line."""
    return json.dumps({"line": item.line, "text": None, **blank, "note": f"set aside: {item.reason}"})


def chunk_sizes(one_by_one: bool) -> Sequence[int]:
    """How many rows are predicted together; one at a time where a person types them."""
    from munjang.inference.files.write import CHUNKS

    return (1,) if one_by_one and sys.stdin.isatty() else CHUNKS


def print_rows(
    items: Iterable[tuple[Row, Any] | Bad],
    table: Table,
    counts: Counts,
    line_of: Callable[[Row, Any], str | None],
    bad_line: Callable[[Bad], str | None],
) -> None:
    """Print a line for every predicted row and every unusable row, then log the counts.

    line_of and bad_line return None where nothing is to be printed.
    """
    from munjang.data.readers.table import Bad

    for item in items:
        if isinstance(item, Bad):
            counts.rejected += 1
            log.warning("%s, line %s: %s", item.file, item.line, item.reason)
            line = bad_line(item)
        else:
            line = line_of(*item)
        if line is not None:
            typer.echo(line)
    log.info("%s: %s.", table.file, counts)


def write_rows(out: str, write: Callable[[Callable[[Counts], None]], Counts], *, keeps: bool = False) -> Counts:
    """Call `write` with a function that shows progress; `write` writes the file `out`. Then log the counts.

    keeps: whether --keep may leave rows out; then the number of rows kept is logged too.
    """
    from munjang.inference.files.write import rejected_path

    # a plain kill removes the unfinished file, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda *__: sys.exit(143))
    counts = write(progress_line() if sys.stderr.isatty() else lambda counts: None)
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    log.info("%s: %s.", out, counts.with_kept(keeps))
    if counts.rejected:
        rows = ngettext("{count:,} row", "{count:,} rows", counts.rejected)
        log.warning("Set aside as unusable: %s; see %s.", rows, rejected_path(Path(out)))
    if counts.escaped:
        cells = ngettext("{count:,} cell", "{count:,} cells", counts.escaped)
        log.info("%s: %s changed to be safe in this kind of file (formulas, tabs).", out, cells)
    return counts


def progress_line() -> Callable[[Counts], None]:
    """Shows rows and rows per second on one line of a terminal."""
    start = last = time.monotonic()

    def show(counts: Counts) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > 0.2:
            last = now
            progress = ngettext(
                "{count:,} row, {rate:,.0f} rows/s",
                "{count:,} rows, {rate:,.0f} rows/s",
                counts.rows,
                rate=counts.rows / (now - start),
            )
            typer.echo("\r" + progress, nl=False, err=True)

    return show
