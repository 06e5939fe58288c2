"""`munjang serve`: models over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from munjang.cli.options import Precision
from munjang.errors import require
from munjang.translation import _

HELP = _(
    "Serve models over HTTP. Only this machine can reach them unless --host says otherwise.\n\n"
    "In a browser, the address of the server is a playground. Programs send the requests of the Hugging Face hub's "
    "client (/) or of text-embeddings-inference (/predict), or get all predictions of a model with many heads at once "
    "(/analyze); /docs lists the rest. Exported and linear models need no torch."
)


def serve_verb(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help=_("Folders of models, FOLDER/HEAD, or NAME=FOLDER for another name; the packaged model if omitted."),
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help=_("Address to listen on; 0.0.0.0 is every network."))
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help=_("Port to listen on; 0 takes a free one and prints it."))
    ] = 8_000,
    default: Annotated[
        str | None,
        typer.Option("--default", metavar="NAME", help=_("The model at / and /predict; the first if omitted.")),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            envvar="MUNJANG_API_KEY",
            help=_("Bearer token that clients must send. In the variable, no list of processes shows it."),
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            "--cors",
            metavar="ORIGIN",
            help=_("Let pages of this site send requests, such as https://example.org; repeatable."),
        ),
    ] = None,
    queue: Annotated[int, typer.Option("--queue", help=_("Texts that may wait for a model; 503 above it."))] = 1_024,
    timeout: Annotated[float, typer.Option("--timeout", help=_("Seconds for a request; 504 above it."))] = 30.0,
    max_body: Annotated[int, typer.Option("--max-body", help=_("Bytes of a request; 413 above it."))] = 2_000_000,
    max_texts: Annotated[int, typer.Option("--max-texts", help=_("Texts of a request; 422 above it."))] = 256,
    max_characters: Annotated[
        int, typer.Option("--max-characters", help=_("Characters of a text; 422 above it."))
    ] = 10_000,
    max_file: Annotated[
        int, typer.Option("--max-file", help=_("Bytes of a file that the playground sends; 413 above it."))
    ] = 10_000_000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help=_("Host name by which a proxy calls this server; repeatable.")
        ),
    ] = None,
    wait_ms: Annotated[
        float, typer.Option("--wait-ms", help=_("Milliseconds that a batch waits for more requests."))
    ] = 2.0,
    log_texts: Annotated[bool, typer.Option("--log-texts", help=_("Write texts and predictions to the log."))] = False,
    precision: Precision = "fp32",
) -> None:
    """Serve the models until the process is stopped."""
    require(_("serving"), "serve", "fastapi", "uvicorn", "prometheus_client")
    from munjang.serving.server import serve_models as run
    from munjang.serving.settings import Limits, Settings, checked_key

    limits = Limits(queue, timeout, max_body, max_texts, max_characters, max_file)
    settings = Settings(
        host, port, default, limits, wait_ms / 1_000, checked_key(api_key), tuple(cors or ()), log_texts,
        tuple(allow_host or ()),
    )  # fmt: skip
    run(models or [], settings, precision=precision)
