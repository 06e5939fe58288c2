"""`munjang serve`: models behind HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from munjang.cli.options import Precision
from munjang.errors import require
from munjang.translation import _


def serve_verb(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help=_("Folders of models, FOLDER/HEAD, or NAME=FOLDER for another name; the packaged model if left out."),
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help=_("Where to listen; 0.0.0.0 is every network."))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help=_("0 takes a free one and says which."))] = 8_000,
    default: Annotated[
        str | None,
        typer.Option("--default", metavar="NAME", help=_("The model at / and /predict; the first if left out.")),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            envvar="MUNJANG_API_KEY",
            help=_("What clients must send as a bearer token. In the variable it stands in no list of processes."),
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            "--cors", metavar="ORIGIN", help=_("Let pages of this site ask, as https://example.org; repeatable.")
        ),
    ] = None,
    queue: Annotated[int, typer.Option("--queue", help=_("Texts that may wait for a model; past it 503."))] = 1_024,
    timeout: Annotated[float, typer.Option("--timeout", help=_("Seconds for a request; past it 504."))] = 30.0,
    max_body: Annotated[int, typer.Option("--max-body", help=_("Bytes of a request; past it 413."))] = 2_000_000,
    max_texts: Annotated[int, typer.Option("--max-texts", help=_("Texts of a request; past it 422."))] = 256,
    max_characters: Annotated[
        int, typer.Option("--max-characters", help=_("Characters of a text; past it 422."))
    ] = 10_000,
    max_file: Annotated[
        int, typer.Option("--max-file", help=_("Bytes of a file that the playground sends; past it 413."))
    ] = 10_000_000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help=_("A name under which a proxy calls this server; repeatable.")
        ),
    ] = None,
    wait_ms: Annotated[float, typer.Option("--wait-ms", help=_("How long a batch waits for more requests."))] = 2.0,
    log_texts: Annotated[bool, typer.Option("--log-texts", help=_("Write texts and answers to the log."))] = False,
    precision: Precision = "fp32",
) -> None:
    """Answer over HTTP, on this machine alone unless --host says otherwise.

    In a browser its address is a playground. Programs send what the Hugging Face hub's client (/) or
    text-embeddings-inference's (/predict) send, or get all answers of a model with many heads at once (/analyze); /docs
    lists the rest. Exported and linear models need no torch.
    """
    require("serving", "serve", "fastapi", "uvicorn")
    from munjang.serving.server import serve_models as run
    from munjang.serving.settings import Limits, Settings, checked_key

    limits = Limits(queue, timeout, max_body, max_texts, max_characters, max_file)
    settings = Settings(
        host, port, default, limits, wait_ms / 1_000, checked_key(api_key), tuple(cors or ()), log_texts,
        tuple(allow_host or ()),
    )  # fmt: skip
    run(models or [], settings, precision=precision)
