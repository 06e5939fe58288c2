"""What clients send, read and checked: a body within its limit, JSON, the texts in it, the options beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from munjang.errors import DataError
from munjang.serving.settings import Limits, Overloaded
from munjang.translation import _

if TYPE_CHECKING:
    from starlette.requests import Request

BODIES = 32  # of the largest size that may be kept at once
DRAINED = 32_000_000  # bytes of a body over the limit that are read and dropped, so that a client gets to the answer
FUNCTIONS = {"softmax": "classification", "sigmoid": "multi-label", "none": None}
"""What the hub's function_to_apply may be -> the task whose function that is."""
PAIR = (
    "two strings in a list are a sentence pair, and this model takes single sentences. Send several texts as "
    'one-element lists: [["first"], ["second"]].'
)


class TooLarge(DataError):
    """A body over the limit."""

    http_status = 413


@dataclass(frozen=True)
class ParsedInputs:
    """The texts of a request, and its shape. single: one text was sent as such, not as a list of one."""

    texts: Sequence[str]
    single: bool


@dataclass(frozen=True)
class Options:
    """What a client wants of the scores. function: a key of FUNCTIONS, or "" for the model's own probabilities.

    top_k: how many labels; None for all. cut: whether a text that is too long for the model is cut or refused.
    """

    function: str = ""
    top_k: int | None = None
    cut: bool = True


@dataclass
class MemoryBudget:
    """The bytes of bodies that are kept for all requests under way, at most `most`."""

    most: int
    size: int = 0


@dataclass
class Lease:
    """What one request keeps of these; `release` gives it back."""

    held: MemoryBudget
    size: int = 0

    def take(self, size: int) -> None:
        """Keep more. Overloaded: all bodies are too much together."""
        if self.held.size + size > self.held.most:
            raise Overloaded(_("The requests under way are too large together. Try again later."))
        self.held.size += size
        self.size += size

    def release(self) -> None:
        self.held.size -= self.size
        self.size = 0


async def read_body(request: Request, limits: Limits, share: Lease) -> bytes:
    """The body of a request. TooLarge: it is longer than the limit, by its header or in fact. Overloaded."""
    declared = request.headers.get("content-length", "")
    size, kept = 0, []
    over = declared.isascii() and declared.isdigit() and int(declared[:18]) > limits.body_bytes
    async for part in request.stream():
        size += len(part)
        over = over or size > limits.body_bytes
        if not over:
            share.take(len(part))
            kept.append(part)
        elif size > limits.body_bytes + DRAINED:
            break
    if over:
        raise TooLarge(
            _("The body is longer than {body_bytes:,} bytes, the limit of this server.", body_bytes=limits.body_bytes)
        )
    return b"".join(kept)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object with `inputs` in a body. DataError: see `parse_object`, or it has no inputs."""
    value = parse_object(body)
    if "inputs" not in value:
        known = ", ".join(map(repr, list(value)[:5]))[:200] or "nothing"
        raise DataError(_("The body has no 'inputs', which holds the text; it has {known}.", known=known))
    return value


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. DataError: no UTF-8, no JSON, or something else than an object."""
    if not body.strip():
        raise DataError(_('The body is empty; send JSON such as {"inputs": "a sentence"}.'))
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            _("The body is not UTF-8: byte {start} is 0x{body:02x}.", start=error.start + 1, body=body[error.start])
        ) from error
    except RecursionError as error:
        raise DataError(_("The body is no JSON that can be read: it is nested too deep.")) from error
    except json.JSONDecodeError as error:
        raise DataError(
            _("The body is no JSON: {msg} at character {pos}.", msg=error.msg, pos=error.pos + 1)
        ) from error
    except ValueError as error:
        raise DataError(_("The body is no JSON that can be read: a number in it is too long.")) from error
    if not isinstance(value, dict):
        raise DataError(
            _('The body is {json_kind}; send an object such as {{"inputs": "a sentence"}}.', json_kind=json_kind(value))
        )
    return value


def hub_inputs(value: Any, limits: Limits) -> ParsedInputs:
    """`inputs` of the hub's clients: a text, or a list of texts."""
    if isinstance(value, str):
        return ParsedInputs(checked_texts([value], limits, "inputs"), True)
    if isinstance(value, dict) and "text_pair" in value:
        raise DataError(_("inputs has a text_pair, and this model takes single sentences."))
    return ParsedInputs(checked_texts(expect_list(value, "a text or a list of texts"), limits), False)


def one_text(value: Any, limits: Limits) -> str:
    """`inputs` of a request about a single text."""
    if not isinstance(value, str):
        refuse_value("inputs", value, "one text")
    return checked_texts([value], limits, "inputs")[0]


def tei_inputs(value: Any, limits: Limits) -> ParsedInputs:
    """`inputs` of text-embeddings-inference's /predict: "a", ["a"], or a batch [["a"], ["b"]]; pairs are refused."""
    if isinstance(value, str):
        return ParsedInputs(checked_texts([value], limits, "inputs"), True)
    items = expect_list(value, 'a text or a batch [["first"], ["second"]]')
    if isinstance(items[0], str):
        if len(items) == 2 and isinstance(items[1], str):
            raise DataError(_("inputs: {pair}", pair=PAIR))
        if len(items) > 1:
            refuse_value("inputs", items, 'a text or a batch [["first"], ["second"]]')
        return ParsedInputs(checked_texts(items, limits), True)
    if len(items) > limits.texts:
        too_many(len(items), limits)
    texts = []
    for place, item in enumerate(items):
        if not isinstance(item, list) or not 1 <= len(item) <= 2:
            refuse_value(f"inputs[{place}]", item, 'a one-element list such as ["a sentence"]')
        if len(item) == 2:
            raise DataError(_("inputs[{place}]: {pair}", place=place, pair=PAIR))
        texts.append(item[0])
    return ParsedInputs(checked_texts(texts, limits), False)


def expect_list(value: Any, expected: str) -> list[Any]:
    """A list that is not empty."""
    if not isinstance(value, list):
        refuse_value("inputs", value, expected)
    if not value:
        raise DataError(_("inputs is an empty list; expected {expected}.", expected=expected))
    return value


def checked_texts(texts: Sequence[Any], limits: Limits, name: str = "") -> list[str]:
    """The texts of a request, each a string within the limit that can be encoded. name: of a single one."""
    if len(texts) > limits.texts:
        too_many(len(texts), limits)
    for place, text in enumerate(texts):
        own = name or f"inputs[{place}]"
        if not isinstance(text, str):
            refuse_value(own, text, "a text")
        if len(text) > limits.characters:
            raise DataError(
                _(
                    "{own} has {text:,} characters; this server takes at most {characters:,} a text. "
                    "Split it into sentences.",
                    own=own,
                    text=len(text),
                    characters=limits.characters,
                )
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                _("{own} has half a surrogate pair at character {start}.", own=own, start=error.start + 1)
            ) from error
    return list(texts)


def too_many(count: int, limits: Limits) -> NoReturn:
    raise DataError(
        _("inputs has {count:,} texts; this server takes at most {texts:,} a request.", count=count, texts=limits.texts)
    )


def refuse_value(name: str, value: Any, expected: str) -> NoReturn:
    """The error for a value of a wrong kind; says nothing of what it holds."""
    raise DataError(
        _("{name} is {json_kind}; expected {expected}.", name=name, json_kind=json_kind(value), expected=expected)
    )


def json_kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    names = {str: "a text", int: "a number", float: "a number", dict: "an object"}
    return names.get(type(value)) or f"a list of {len(value)}"


def hub_options(body: Mapping[str, Any]) -> Options:
    """`parameters` of the hub's clients: top_k and function_to_apply; truncation is always on."""
    given = body.get("parameters")
    given = {} if given is None else given
    if not isinstance(given, dict):
        refuse_value("parameters", given, "an object")
    if unknown := set(given) - {"top_k", "function_to_apply"}:
        names = ", ".join(sorted(map(repr, unknown)))[:200]
        raise DataError(_("parameters has {names}; known are 'function_to_apply' and 'top_k'.", names=names))
    top_k, function = given.get("top_k"), given.get("function_to_apply")
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise DataError(
            _("parameters.top_k is {shown_value}; expected a whole number from 1.", shown_value=shown_value(top_k))
        )
    if function is not None and (not isinstance(function, str) or function not in FUNCTIONS):
        raise DataError(
            _(
                "parameters.function_to_apply is {shown_value}; expected {functions}.",
                shown_value=shown_value(function),
                functions=", ".join(FUNCTIONS),
            )
        )
    return Options(function or "", top_k)


def tei_options(body: Mapping[str, Any]) -> Options:
    """raw_scores and truncate of /predict; where truncate is left out or null, long texts are cut."""
    found = {}
    for name, usual in (("raw_scores", False), ("truncate", True)):
        value = body.get(name)
        if value is not None and not isinstance(value, bool):
            refuse_value(name, value, "true or false")
        found[name] = usual if value is None else value
    return Options("none" if found["raw_scores"] else "", None, found["truncate"])


def asked_tasks(body: Mapping[str, Any]) -> list[str] | None:
    """`tasks` of /analyze: names of heads, or None for all."""
    tasks = body.get("tasks")
    if tasks is None:
        return None
    tasks = [tasks] if isinstance(tasks, str) else tasks
    if not isinstance(tasks, list) or not tasks or not all(isinstance(name, str) for name in tasks):
        refuse_value("tasks", tasks, "a list of heads' names")
    return list(dict.fromkeys(tasks))


def shown_value(value: Any) -> str:
    """A short value as JSON, or what it is."""
    return json.dumps(value) if isinstance(value, int | float) else json_kind(value)
