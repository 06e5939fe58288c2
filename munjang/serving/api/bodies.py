"""Bodies of requests: JSON, kinds of values, the limits of texts. An error is one line and names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, Field, PlainValidator, ValidationError, ValidationInfo

from munjang.errors import DataError
from munjang.serving.settings import Limits
from munjang.translation import N_, _

TEI_INPUTS = N_('a text or a batch [["first"], ["second"]]')
KINDS = {str: N_("a text"), int: N_("a number"), float: N_("a number"), dict: N_("an object")}
"""The Python type of a JSON value -> its name in a message."""
EXPECTED = {
    "bool_type": N_("true or false"), "int_type": N_("a whole number of at least 1"),
    "greater_than_equal": N_("a whole number of at least 1"), "model_type": N_("an object"),
    "string_type": N_("a text"), "string_unicode": N_("a text without half surrogate pairs"),
    "float_type": N_("a number, or an object of numbers by label"),
    "dict_type": N_("a number, or an object of numbers by label"),
}  # fmt: skip
"""A kind of error in pydantic -> what was expected."""


class RequestBody(BaseModel, strict=True):
    """A JSON body. Unknown names are ignored, as the original servers of both clients do."""


def example(**body: Any) -> dict[str, Any]:
    """An example of a body, for /openapi.json."""
    return {"examples": [body]}


Body = TypeVar("Body", bound=RequestBody)


@dataclass(frozen=True)
class ParsedInputs:
    """The texts of a request. single: the client sent one text, not a list with one text."""

    texts: Sequence[str]
    single: bool


def read_model(model: type[Body], body: bytes, limits: Limits) -> Body:
    """A body as its model. Its checks find the limits as their context. DataError: what is wrong, and where."""
    names = ", ".join(f'"{name}": …' for name in model.model_fields)
    value = parse_object(body, '{"inputs": "a sentence"}' if "inputs" in model.model_fields else f"{{{names}}}")
    try:
        return model.model_validate(value, context=limits)
    except ValidationError as error:
        raise body_error(error, value) from error


def parse_object(body: bytes, example: str) -> dict[str, Any]:
    """The JSON object in a body. DataError: not UTF-8, not JSON, or not an object; it shows an example."""
    if not body.strip():
        raise DataError(_("The body is empty; send JSON such as {example}.", example=example))
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            _("The body is not UTF-8: byte {number} is 0x{byte:02x}.", number=error.start + 1, byte=body[error.start])
        ) from error
    except RecursionError as error:
        raise DataError(_("The JSON in the body cannot be read: it is nested too deep.")) from error
    except json.JSONDecodeError as error:
        raise DataError(
            _("The body is not JSON: {reason} at character {number}.", reason=error.msg, number=error.pos + 1)
        ) from error
    except ValueError as error:
        raise DataError(_("The JSON in the body cannot be read: it has a number that is too long.")) from error
    if not isinstance(value, dict):
        raise DataError(
            _("The body is {kind}; send an object such as {example}.", kind=json_kind(value), example=example)
        )
    return value


def body_error(error: ValidationError, body: dict[str, Any]) -> DataError:
    """The first mistake that was found in a body, in munjang's words."""
    first = error.errors(include_url=False)[0]
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    name = field_name(first["loc"])
    if isinstance(context.get("error"), DataError):  # a check of our own
        return context["error"]
    shows_number = kind not in ("bool_type", "string_type") and isinstance(value, int | float)
    found = json.dumps(value) if shows_number else json_kind(value)
    if kind == "missing":
        keys = ", ".join(map(repr, list(body)[:5]))[:200] or _("no keys")
        if name == "inputs":
            return DataError(_("The body has no key 'inputs' with the text; it has {keys}.", keys=keys))
        return DataError(_("The body has no key '{name}'; it has {keys}.", name=name, keys=keys))
    if kind == "literal_error":
        known = ", ".join(re.findall("'(.*?)'", context["expected"]))
        return DataError(_("{name} should be one of {known}; it is {kind}.", name=name, known=known, kind=found))
    if kind == "list_type":
        return DataError(_("{name} should be a list of texts; it is {kind}.", name=name, kind=found))
    return DataError(_("{name} is {kind}; expected {expected}.", name=name, kind=found, expected=_(EXPECTED[kind])))


def field_name(path: Sequence[str | int]) -> str:
    """A place in a body: `parameters.top_k`, `columns[2]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def refuse_value(name: str, value: Any, expected: str) -> NoReturn:
    """The error for a value of the wrong kind. It does not show the value itself."""
    raise DataError(_("{name} is {kind}; expected {expected}.", name=name, kind=json_kind(value), expected=expected))


def json_kind(value: Any) -> str:
    """The kind of a JSON value, in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if type(value) in KINDS:
        return _(KINDS[type(value)])
    return _("a list of {count}", count=len(value))


def expect_list(value: Any, limits: Limits, expected: str) -> list[Any]:
    """The value of `inputs`, if it is a list that is not empty and not too long. DataError."""
    if not isinstance(value, list):
        refuse_value("inputs", value, expected)
    if not value:
        raise DataError(_("inputs is an empty list; expected {expected}.", expected=expected))
    if len(value) > limits.texts:
        raise DataError(
            _(
                "inputs has {count:,} texts; this server takes at most {limit:,} per request.",
                count=len(value),
                limit=limits.texts,
            )
        )
    return value


def checked_texts(texts: Sequence[Any], limits: Limits, name: str = "") -> list[str]:
    """The texts of a request, each a string within the limit that can be encoded. name: of a single text. DataError."""
    for index, text in enumerate(texts):
        text_name = name or f"inputs[{index}]"
        if not isinstance(text, str):
            refuse_value(text_name, text, _("a text"))
        if len(text) > limits.characters:
            raise DataError(
                _(
                    "{name} has {count:,} characters; this server takes at most {limit:,} per text. "
                    "Split it into sentences.",
                    name=text_name,
                    count=len(text),
                    limit=limits.characters,
                )
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                _("{name} has half a surrogate pair at character {number}.", name=text_name, number=error.start + 1)
            ) from error
    return list(texts)


def hub_inputs(value: Any, info: ValidationInfo) -> ParsedInputs:
    """`inputs` of the hub's clients: a text, or a list of texts. DataError."""
    if isinstance(value, str):
        return ParsedInputs(checked_texts([value], info.context, "inputs"), True)
    if isinstance(value, dict) and "text_pair" in value:
        raise DataError(_("inputs has a text_pair, but this model takes single sentences."))
    texts = expect_list(value, info.context, _("a text or a list of texts"))
    return ParsedInputs(checked_texts(texts, info.context), False)


def tei_inputs(value: Any, info: ValidationInfo) -> ParsedInputs:
    """`inputs` of text-embeddings-inference: "a", ["a"], or a batch [["a"], ["b"]]. DataError: a pair, or no texts."""
    if isinstance(value, str):
        return hub_inputs(value, info)
    items = expect_list(value, info.context, _(TEI_INPUTS))
    if isinstance(items[0], str):
        if len(items) == 2 and isinstance(items[1], str):
            refuse_pair("inputs")
        if len(items) > 1:
            refuse_value("inputs", items, _(TEI_INPUTS))
        return ParsedInputs(checked_texts(items, info.context), True)
    for index, item in enumerate(items):
        if not isinstance(item, list) or not 1 <= len(item) <= 2:
            refuse_value(f"inputs[{index}]", item, _('a one-element list such as ["a sentence"]'))
        if len(item) == 2:
            refuse_pair(f"inputs[{index}]")
    return ParsedInputs(checked_texts([item[0] for item in items], info.context), False)


def one_text(value: Any, info: ValidationInfo) -> str:
    """`inputs` of a request with a single text. DataError."""
    if not isinstance(value, str):
        refuse_value("inputs", value, _("one text"))
    return checked_texts([value], info.context, "inputs")[0]


def head_names(value: Any) -> list[str] | None:
    """`tasks`: the names of heads, each once; None for all heads. DataError."""
    names = [value] if isinstance(value, str) else value
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        refuse_value("tasks", names, _("a list of names of heads"))
    return list(dict.fromkeys(names))


def refuse_pair(name: str) -> NoReturn:
    """The error for two texts in one list."""
    raise DataError(
        _(
            "{name}: two strings in a list are a sentence pair, but this model takes single sentences. "
            'Send several texts as one-element lists: [["first"], ["second"]].',
            name=name,
        )
    )


TextList = Annotated[list[str], Field(min_length=1)]
OneText = Annotated[list[str], Field(min_length=1, max_length=1)]
HubInputs = Annotated[
    Any,
    PlainValidator(hub_inputs, json_schema_input_type=str | TextList),
    Field(description="A text, or a list of texts"),
]
TeiInputs = Annotated[
    Any,
    PlainValidator(tei_inputs, json_schema_input_type=str | OneText | Annotated[list[OneText], Field(min_length=1)]),
    Field(description="A text, alone or in a list; or a batch of one-element lists"),
]
SingleInput = Annotated[str, PlainValidator(one_text, json_schema_input_type=str), Field(description="One text")]
HeadNames = Annotated[
    list[str] | None,
    PlainValidator(head_names, json_schema_input_type=str | TextList | None),
    Field(description="Only these heads; all if left out"),
]
"""Fields of request bodies; HubInputs and TeiInputs are ParsedInputs, which /openapi.json need not know."""
