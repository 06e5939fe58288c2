"""Parsers behind HTTP: /parse, and what a server has of a parser beside the lane that every network has."""

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

if TYPE_CHECKING:
    from munjang.records import Parse
    from munjang.serving.batching import Finish
    from munjang.serving.service import Service


def parse_body(asked: ParsedInputs, with_triples: bool, rows: ModelOutputs) -> bytes:
    """`{"words", "heads", "relations", "probabilities", "note"}`, for a list of texts a list of these.

    heads: for each word the place of its head from 1, 0 of the root. A text with nothing in it has no words and the
    note "empty". with_triples: whether subjects, objects and modifiers are added.
    """
    found = [as_json(parse, with_triples) for parse in rows.logits]
    return dumped(found[0] if asked.single else found)


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
    """`triples` of /parse."""
    value = body.get("triples")
    if value is not None and not isinstance(value, bool):
        refuse_value("triples", value, "true or false")
    return bool(value)


def read(service: Service, name: str | None, body: dict[str, Any]) -> tuple[LoadedParser, ParsedInputs, Finish]:
    """A request to /parse, or to /models/NAME/parse."""
    parser = service.models.parser(name)
    asked = hub_inputs(body["inputs"], service.settings.limits)
    return parser, asked, partial(parse_body, asked, asked_triples(body))


def add_parsing(app: FastAPI, service: Service) -> None:
    """The routes that parse; before any other that begins with /models/."""

    @app.post("/parse", summary="The trees of texts, by the first parser", openapi_extra=PARSE, responses=ERRORS)
    async def parse(request: Request) -> Response:
        return await service.respond(request, partial(read, service, None))

    @app.post("/models/{name:path}/parse", summary="The same, by a parser", openapi_extra=PARSE, responses=ERRORS)
    async def named_parse(request: Request, name: str) -> Response:
        return await service.respond(request, partial(read, service, name))
