"""`munjang predict --engine ray`: several workers predict files into a folder of parts."""

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
    local_flags: Mapping[str, object],
    answering: Answering,
    options: ReadOptions,
    precision: str,
    settings: Mapping[str, Any],
) -> None:
    """Check the options, run the workers, and log the counts.

    local_flags: flags of the local engine, refused here with a ConfigError. settings: workers, address, part_rows,
    resume, overwrite.
    """
    from munjang.bulk.run import predict_files
    from munjang.data.readers.writers import WRITABLE_ENDINGS

    if flag := next((flag for flag, value in local_flags.items() if value is not None), None):
        raise ConfigError(_("{flag} is not for --engine ray, which writes Parquet.", flag=flag))
    if not sources or "-" in sources:
        raise ConfigError(_("--engine ray needs files, folders or URIs to read; leave it out for lines from stdin."))
    if not out:
        raise ConfigError(_("--engine ray needs a folder to write: --out FOLDER."))
    if Path(out).suffix.lower() in WRITABLE_ENDINGS:
        raise ConfigError(
            _(
                "--engine ray writes a folder of Parquet parts: give --out {folder}/ instead of {out}.",
                folder=Path(out).stem,
                out=out,
            )
        )
    signal.signal(signal.SIGTERM, lambda *__: sys.exit(143))  # a plain kill ends the workers, as Ctrl-C does
    start, on_terminal = time.monotonic(), sys.stderr.isatty()
    counts = predict_files(
        model,
        sources,
        out,
        answering=answering,
        reading=options,
        precision=precision,
        progress=progress_line() if on_terminal else lambda counts: None,
        **settings,
    )
    if on_terminal:
        typer.echo("\r\x1b[K", nl=False, err=True)
    seconds = time.monotonic() - start
    done, speed = counts.with_kept(bool(answering.keep)), f"{counts.rows / seconds:,.0f}"
    log.info("%s: %s in %.0f s, %s rows/s.", out, done, seconds, speed)
    if answering.by:
        from munjang.bulk.plan import model_facts

        typer.echo(counts.table(model_facts(model)[1].labels.names, answering.by))
