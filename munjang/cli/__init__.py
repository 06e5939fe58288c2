"""The command line: one module and one function per verb, each importing what it needs when it runs."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from munjang import __version__
from munjang.errors import MunjangError
from munjang.files import first_line
from munjang.translation import _


class Verbs(TyperGroup):
    """The verbs of the app; a reader of the output that has had enough (`munjang predict … | head`) is no error."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # here, because typer itself would make exit code 1 of it
            for stream in (sys.stdout, sys.stderr):
                let_go(stream)
            raise typer.Exit(0) from None


def let_go(stream: Any) -> None:
    """Throw away what no one will read, so that Python does not complain of it at its end."""
    try:
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


app = typer.Typer(
    name="munjang",
    cls=Verbs,
    help="From a file of Korean sentences to a measured classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help=_("Print the version and stop.")),
    debug: bool = typer.Option(False, "--debug", help=_("Show the traceback of an error.")),
    quiet: bool = typer.Option(False, "--quiet", help=_("Print results only, no messages.")),
) -> None:
    if version:
        typer.echo(_("munjang {version}", version=__version__))
        raise typer.Exit()
    logging.getLogger("munjang").setLevel(logging.WARNING if quiet else logging.INFO)


def main() -> None:
    """Run the command line; errors become one line on stderr: a MunjangError with its own exit code, those of files and
    of the network (a full disk, a folder that may not be written) with 1. Ctrl-C ends with 130.
    """
    for stream in (sys.stdout, sys.stderr):  # a console in cp949 cannot show every character: show "?" instead
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    # A thread that waits for its partner by spinning takes the processor from it: on a busy machine a training step was
    # 4 times as slow, on a quiet one waiting without any spinning cost a half (EXPERIMENTS, 2026-11-22). Read by
    # torch's threads when they start.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("munjang").addHandler(handler)
    debug = "--debug" in sys.argv[1:]
    try:
        app(standalone_mode=True)
    except MunjangError as error:
        if debug:
            raise
        typer.echo(_("munjang: {reason}", reason=error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        typer.echo(_("munjang: {os_error_line}", os_error_line=os_error_line(error)), err=True)
        sys.exit(1)


def os_error_line(error: OSError) -> str:
    """What the system could not do: the file, where there is one, and why not."""
    file = error.filename2 or error.filename  # of a renaming the target: what the user has named
    reason = error.strerror or first_line(error)
    return f"{reason}." if file is None else f"{file}: {reason}."


def register() -> None:
    """Hang every verb on the app; verbs are listed in the order of a user's work."""
    from munjang.cli import analyze, clean, corpora, evaluate, export, predict, pretrain, serve, train

    app.command("corpora")(corpora.corpora_verb)
    app.command("clean")(clean.clean_verb)
    app.command("train")(train.train_verb)
    app.command("evaluate")(evaluate.evaluate_verb)
    app.command("predict")(predict.predict_verb)
    app.command("analyze")(analyze.analyze_verb)
    app.command("export")(export.export_verb)
    app.command("serve")(serve.serve_verb)
    app.command("pretrain")(pretrain.pretrain_verb)


register()
