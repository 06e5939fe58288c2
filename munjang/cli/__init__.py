"""The command line: a module for each verb (parse, predict_scale, train_heads, rows, options are parts of verbs)."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from munjang import __version__
from munjang.cli.language import Translated, Verb, in_language, said, usage_error, without_language
from munjang.cli.options import discard_output, flag_form
from munjang.errors import MESSAGE_LENGTH, MunjangError, shortened
from munjang.files import first_line
from munjang.translation import _, options_as

HELP = _("From a file of Korean sentences to a measured classifier.")


class Verbs(TyperGroup):
    """The verbs of the app, whose messages name flags.

    A reader that closes the pipe early (`munjang predict … | head`) is no error.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            with options_as(flag_form):
                return super().invoke(ctx)
        except usage_error() as error:
            raise said(error) from None
        except BrokenPipeError:  # caught here, because typer itself would exit with code 1
            for stream in (sys.stdout, sys.stderr):
                discard_output(stream)
            raise typer.Exit(0) from None

    def get_help(self, ctx: Any) -> str:
        return in_language(super().get_help(ctx))


app = typer.Typer(
    name="munjang",
    cls=Verbs,
    help=HELP,
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
    lang: str = typer.Option("", "--lang", metavar="ko|en", help=_("Language of the messages, also after the verb.")),
) -> None:
    """Handle the options that stand before the verb."""
    if version:
        typer.echo(_("munjang {version}", version=__version__))
        raise typer.Exit()
    logging.getLogger("munjang").setLevel(logging.WARNING if quiet else logging.INFO)


def main() -> None:
    """Run the command line. An error becomes one line on stderr.

    Exit codes: a MunjangError has its own; errors of files and of the network (a full disk, a folder without write
    permission) give 1; Ctrl-C gives 130.
    """
    for stream in (sys.stdout, sys.stderr):  # a console in cp949 cannot show every character: show "?" instead
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    # A thread that spins while it waits for another thread takes the processor from it. On a busy machine this made a
    # training step 4 times as slow; on a quiet machine no spinning at all made it 1.5 times as slow (EXPERIMENTS,
    # 2026-11-22). torch's threads read the variable when they start.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Translated("%(message)s"))
    logging.getLogger("munjang").addHandler(handler)
    debug = "--debug" in sys.argv[1:]
    try:
        app(without_language(sys.argv[1:]), standalone_mode=True)
    except MunjangError as error:
        if debug:
            raise
        typer.echo(_("munjang: {reason}", reason=error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        typer.echo(_("munjang: {reason}", reason=shortened(os_error_line(error), MESSAGE_LENGTH)), err=True)
        sys.exit(1)


def os_error_line(error: OSError) -> str:
    """The file, where there is one, and why the system could not use it."""
    file = error.filename2 or error.filename  # filename2 is the target of a renaming: the file that the user named
    reason = error.strerror or first_line(error)
    return f"{reason}." if file is None else f"{file}: {reason}."


def register() -> None:
    """Add every verb to the app with its help, in the order of a user's work."""
    from munjang.cli import analyze, clean, corpora, evaluate, export, predict, pretrain, review, serve, train

    app.command("corpora", help=corpora.HELP, cls=Verb)(corpora.corpora_verb)
    app.command("clean", help=clean.HELP, cls=Verb)(clean.clean_verb)
    app.command("review", help=review.HELP, cls=Verb)(review.review_verb)
    app.command("train", help=train.HELP, cls=train.TrainCommand)(train.train_verb)
    app.command("evaluate", help=evaluate.HELP, cls=Verb)(evaluate.evaluate_verb)
    app.command("predict", help=predict.HELP, cls=Verb)(predict.predict_verb)
    app.command("analyze", help=analyze.HELP, cls=Verb)(analyze.analyze_verb)
    app.command("export", help=export.HELP, cls=Verb)(export.export_verb)
    app.command("serve", help=serve.HELP, cls=Verb)(serve.serve_verb)
    app.command("pretrain", help=pretrain.HELP, cls=Verb)(pretrain.pretrain_verb)


register()
