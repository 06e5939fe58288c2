"""`munjang predict --engine ray`: files by several workers into a folder of parts."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from munjang.cli.rows import progress_line
from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.config.settings import ReadOptions
    from munjang.inference.files.predict import Answering

log = logging.getLogger("munjang")


def predict_scale(
    model: str,
    sources: Sequence[str],
    out: str | None,
    lonely: Mapping[str, object],
    answering: Answering,
    options: ReadOptions,
    precision: str,
    settings: Mapping[str, Any],
) -> None:
    """Check what was asked for, have it done, and say what became of the rows.

    lonely: flags of the local engine, which are refused. settings: workers, address, part_rows, resume, overwrite.
    """
    from munjang.bulk.run import predict_files
    from munjang.data.readers.writers import WRITABLE_ENDINGS

    if flag := next((flag for flag, value in lonely.items() if value is not None), None):
        raise ConfigError(_("{flag} is not for --engine ray, which writes Parquet.", flag=flag))
    if not sources or "-" in sources:
        raise ConfigError(_("--engine ray needs files, folders or URIs to read; lines from stdin go without it."))
    if not out:
        raise ConfigError(_("--engine ray needs a folder to write: --out FOLDER."))
    if Path(out).suffix.lower() in WRITABLE_ENDINGS:
        raise ConfigError(
            _(
                "--engine ray writes a folder of Parquet parts: --out {path}/ instead of {out}.",
                path=Path(out).stem,
                out=out,
            )
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a plain kill ends the workers, as Ctrl-C does
    start, seen = time.monotonic(), sys.stderr.isatty()
    counts = predict_files(
        model,
        sources,
        out,
        answering=answering,
        reading=options,
        precision=precision,
        progress=progress_line() if seen else lambda counts: None,
        **settings,
    )
    if seen:
        typer.echo("\r\x1b[K", nl=False, err=True)
    seconds = time.monotonic() - start
    dropped = f", {counts.written:,} kept" if answering.keep else ""
    log.info("%s: %s%s in %.0f s, %s rows/s.", out, counts, dropped, seconds, f"{counts.rows / seconds:,.0f}")
    if answering.by:
        from munjang.bulk.plan import model_facts

        typer.echo(counts.table(model_facts(model)[1].labels.names, answering.by))
