"""What /openapi.json says about bodies and errors; always in English. `requests` checks bodies itself."""

from __future__ import annotations

from typing import Any

SCORES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
        "required": ["label", "score"],
    },
}
TEXT = {"type": "string", "description": "One text"}
ONE = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1, "description": "One text"}
ANSWER = {
    "type": "object",
    "properties": {
        "answers": {
            "type": "object",
            "description": "head -> its answer; label is null for an empty text, a list if a text can have several",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "label": {"type": ["string", "array", "null"], "items": {"type": "string"}},
                    "score": {"type": "number"},
                    "scores": {"type": "object", "additionalProperties": {"type": "number"}},
                },
            },
        },
        "note": {"type": "string"},
    },
}


ANALYZE_TASKS = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Only these heads; all if left out",
}


def route(properties: dict[str, Any], answer: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """The part of OpenAPI for a route that takes one JSON object with `inputs`."""
    schema = {"type": "object", "required": ["inputs"], "properties": properties}
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}
    answers = {"200": {"description": "The answer", "content": {"application/json": {"schema": answer}}}}
    return {"requestBody": body, "responses": answers}


HUB = route(
    {
        "inputs": {"oneOf": [TEXT, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "parameters": {
            "type": "object",
            "properties": {
                "top_k": {"type": "integer", "minimum": 1, "description": "How many labels; all if left out"},
                "function_to_apply": {
                    "enum": ["softmax", "sigmoid", "none"],
                    "description": "Instead of the function of the model",
                },
            },
            "additionalProperties": False,
        },
    },
    {"type": "array", "items": SCORES, "description": "A list of labels for each text, highest score first"},
    {"inputs": "배송이 정말 빨라요", "parameters": {"top_k": 1}},
)
PREDICT = route(
    {
        "inputs": {"oneOf": [TEXT, ONE, {"type": "array", "items": ONE, "minItems": 1, "description": "A batch"}]},
        "raw_scores": {"type": "boolean", "default": False, "description": "Logits instead of probabilities"},
        "truncate": {"type": "boolean", "default": True, "description": "Whether a long text is cut, or refused"},
    },
    {"oneOf": [SCORES, {"type": "array", "items": SCORES}], "description": "Flat for one text, a list for a batch"},
    {"inputs": [["배송이 정말 빨라요"], ["환불해 주세요"]], "raw_scores": False},
)
ANALYZE = route(
    {
        "inputs": {"oneOf": [TEXT, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "tasks": ANALYZE_TASKS,
    },
    {
        "oneOf": [ANSWER, {"type": "array", "items": ANSWER}],
        "description": "One object for one text, a list for a list",
    },
    {"inputs": "배송이 정말 빨라요"},
)
TREE = {
    "type": "object",
    "properties": {
        "words": {"type": "array", "items": {"type": "string"}},
        "heads": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "description": "The position of each word's head, from 1; 0 for the root",
        },
        "relations": {"type": "array", "items": {"type": "string"}},
        "probabilities": {"type": "array", "items": {"type": "number"}, "description": "One for each word's head"},
        "triples": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": ["subject", "object", "modifier"]},
                    "word": {"type": "integer"},
                    "head": {"type": "integer"},
                    "word_text": {"type": "string"},
                    "head_text": {"type": "string"},
                },
            },
        },
        "note": {"type": "string"},
    },
}
PARSE = route(
    {
        "inputs": {"oneOf": [TEXT, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "triples": {"type": "boolean", "default": False, "description": "Add subjects, objects and modifiers"},
    },
    {"oneOf": [TREE, {"type": "array", "items": TREE}], "description": "One tree for one text, a list for a list"},
    {"inputs": "나는 구름그림을 벽에 걸었다", "triples": True},
)


EXPLAIN = route(
    {"inputs": TEXT, "tasks": ANALYZE_TASKS},
    {
        "type": "object",
        "properties": {
            "method": {"type": "string", "description": "leave-one-out: predicted again without each eojeol"},
            "words": {
                "type": "array",
                "items": {"type": "object"},
                "description": "text, start and end of each eojeol",
            },
            "answers": {
                "type": "object",
                "description": "head -> label, score, drops (of the score) and shares (of the decision) by eojeol",
            },
            "note": {"type": "string"},
        },
    },
    {"inputs": "배송이 정말 빨라요"},
)


def error(description: str) -> dict[str, Any]:
    properties = {"error": {"type": "string"}, "error_type": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    401: error("The API key is missing or wrong"),
    404: error("No such model or head; the message lists the known ones"),
    413: error("The body is too large"),
    422: error("The body cannot be used; the message says where, the limit and what to do"),
    503: error("No room in the queue; the header Retry-After says when to try again"),
    504: error("No answer within the time limit"),
}
