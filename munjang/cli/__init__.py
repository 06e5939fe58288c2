"""The command line: one module and one function per verb, each importing what it needs when it runs."""

from __future__ import annotations

import logging
import sys

import typer

from munjang import __version__
from munjang.errors import MunjangError

app = typer.Typer(
    name="munjang",
    help="From a file of Korean sentences to a measured classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    quiet: bool = typer.Option(False, "--quiet", help="Print results only, no messages."),
) -> None:
    if version:
        typer.echo(f"munjang {__version__}")
        raise typer.Exit()
    logging.getLogger("munjang").setLevel(logging.WARNING if quiet else logging.INFO)


def main() -> None:
    """Run the command line; a MunjangError becomes one line on stderr and its own exit code."""
    for stream in (sys.stdout, sys.stderr):  # a console in cp949 cannot show every character: show "?" instead
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("munjang").addHandler(handler)
    debug = "--debug" in sys.argv[1:]
    try:
        app(standalone_mode=True)
    except MunjangError as error:
        if debug:
            raise
        typer.echo(f"munjang: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `munjang predict … | head`
        sys.stderr.close()
        sys.exit(0)


def register() -> None:
    """Hang every verb on the app; verbs are listed in the order of a user's work."""
    from munjang.cli import clean, corpora, evaluate, predict, pretrain, train

    app.command("corpora")(corpora.corpora)
    app.command("clean")(clean.clean)
    app.command("train")(train.train)
    app.command("evaluate")(evaluate.evaluate)
    app.command("predict")(predict.predict)
    app.command("pretrain")(pretrain.pretrain)


register()
