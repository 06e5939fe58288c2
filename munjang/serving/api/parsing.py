"""Parsers over HTTP: the routes /parse and /models/NAME/parse."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from munjang.data.trees.triples import Triple, triples
from munjang.records import Parse
from munjang.serving.api.bodies import HubInputs, ParsedInputs, RequestBody, example
from munjang.serving.api.predictions import SCORE_DIGITS
from munjang.serving.api.route import documented
from munjang.serving.loaded import LoadedModel, ModelOutputs
from munjang.serving.service import Service


class ParseRequest(RequestBody, json_schema_extra=example(inputs="나는 구름그림을 벽에 걸었다", triples=True)):
    """A request for the trees of texts."""

    inputs: HubInputs
    triples: bool | None = Field(False, description="Add subjects, objects and modifiers")


class TreeAnswer(BaseModel):
    """The tree of one text. An empty text has no words."""

    words: list[str]
    heads: list[int] = Field(description="The position of each word's head, from 1; 0 for the root")
    relations: list[str]
    probabilities: list[float] = Field(description="One for each word's head")
    triples: list[Triple] | None = Field(None, description="Only where they are asked for")
    note: str = Field(description="empty, or that the text was truncated")


def add_parsing(app: FastAPI, service: Service) -> None:
    """Add the routes that parse. This must happen before any other route that begins with /models/."""
    post = partial(app.post, **documented(service, "parsing"), response_model_exclude_unset=True)

    async def parsed(parser: LoadedModel, body: ParseRequest) -> Any:
        finish = partial(tree_answers, body.inputs, bool(body.triples))
        return await service.answer(parser, body.inputs.texts, finish)

    @post("/parse")
    async def parse(body: ParseRequest) -> TreeAnswer | list[TreeAnswer]:
        """Trees of texts by the first parser: one tree for one text, a list for a list."""
        return await parsed(service.models.parser(), body)

    @post("/models/{name:path}/parse")
    async def named_parse(name: str, body: ParseRequest) -> TreeAnswer | list[TreeAnswer]:
        """Trees of texts by one parser: one tree for one text, a list for a list."""
        return await parsed(service.models.parser(name), body)


def tree_answers(inputs: ParsedInputs, with_triples: bool, outputs: ModelOutputs) -> TreeAnswer | list[TreeAnswer]:
    """The trees of the texts: for a single text, or a list for a list."""
    trees = [tree_answer(parse, with_triples) for parse in outputs.logits]
    return trees[0] if inputs.single else trees


def tree_answer(parse: Parse, with_triples: bool) -> TreeAnswer:
    """One tree. with_triples: whether subjects, objects and modifiers are added."""
    tree = parse.tree
    return TreeAnswer(
        words=list(tree.words), heads=list(tree.heads), relations=list(tree.relations),
        probabilities=[round(value, SCORE_DIGITS) for value in parse.probabilities], note=parse.note,
        **({"triples": triples(tree)} if with_triples else {}),
    )  # fmt: skip
