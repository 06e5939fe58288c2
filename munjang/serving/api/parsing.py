"""Parsers over HTTP: the routes /parse and /models/NAME/parse, and their responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from munjang.data.trees.triples import triples
from munjang.serving.api.answers import DIGITS, dumped
from munjang.serving.api.requests import ParsedInputs, hub_inputs, refuse_value
from munjang.serving.api.schemas import ERRORS, PARSE
from munjang.serving.loaded import LoadedParser, ModelOutputs
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.records import Parse
    from munjang.serving.batching import Finish
    from munjang.serving.service import Service


def parse_body(inputs: ParsedInputs, with_triples: bool, outputs: ModelOutputs) -> bytes:
    """`{"words", "heads", "relations", "probabilities", "note"}`; a list of these for a list of texts.

    heads: the position of each word's head, from 1; 0 for the root. An empty text has no words and the note "empty".
    with_triples: whether subjects, objects and modifiers are added.
    """
    trees = [as_json(parse, with_triples) for parse in outputs.logits]
    return dumped(trees[0] if inputs.single else trees)


def as_json(parse: Parse, with_triples: bool) -> dict[str, Any]:
    """One parse as JSON values."""
    tree = parse.tree
    answer: dict[str, Any] = {
        "words": list(tree.words), "heads": list(tree.heads), "relations": list(tree.relations),
        "probabilities": [round(value, DIGITS) for value in parse.probabilities],
    }  # fmt: skip
    if with_triples:
        answer["triples"] = [asdict(item) for item in triples(tree)]
    return {**answer, "note": parse.note}


def asked_triples(body: Mapping[str, Any]) -> bool:
    """The option `triples` of /parse. DataError: not true or false."""
    value = body.get("triples")
    if value is not None and not isinstance(value, bool):
        refuse_value("triples", value, _("true or false"))
    return bool(value)


def read(service: Service, name: str | None, body: dict[str, Any]) -> tuple[LoadedParser, ParsedInputs, Finish]:
    """A request to /parse, or to /models/NAME/parse."""
    parser = service.models.parser(name)
    inputs = hub_inputs(body["inputs"], service.settings.limits)
    return parser, inputs, partial(parse_body, inputs, asked_triples(body))


def add_parsing(app: FastAPI, service: Service) -> None:
    """Add the routes that parse. This must happen before any other route that begins with /models/."""

    @app.post("/parse", summary="Trees of texts, by the first parser", openapi_extra=PARSE, responses=ERRORS)
    async def parse(request: Request) -> Response:
        return await service.respond(request, partial(read, service, None))

    @app.post(
        "/models/{name:path}/parse", summary="Trees of texts, by one parser", openapi_extra=PARSE, responses=ERRORS
    )
    async def named_parse(request: Request, name: str) -> Response:
        return await service.respond(request, partial(read, service, name))
