"""Requests of clients, read and checked: a body within its limit, its JSON, its texts and options."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from munjang.errors import DataError
from munjang.serving.settings import Limits, Overloaded
from munjang.translation import N_, _

if TYPE_CHECKING:
    from starlette.requests import Request

BODIES = 32  # bodies of the largest size that may be kept at once
DRAINED = 32_000_000  # bytes of a too large body that are read and dropped, so that the client reads the response
FUNCTIONS = {"softmax": "classification", "sigmoid": "multi-label", "none": None}
"""A value of the hub's function_to_apply -> the task that uses this function."""
CONSTANTS = {None: "null", True: "true", False: "false"}
KINDS = {str: N_("a text"), int: N_("a number"), float: N_("a number"), dict: N_("an object")}
"""The Python type of a JSON value -> its name in a message."""
TEI_INPUTS = N_('a text or a batch [["first"], ["second"]]')


class TooLarge(DataError):
    """A body over the limit."""

    http_status = 413


@dataclass(frozen=True)
class ParsedInputs:
    """The texts of a request. single: the client sent one text, not a list with one text."""

    texts: Sequence[str]
    single: bool


@dataclass(frozen=True)
class Options:
    """Which scores a client wants. function: a key of FUNCTIONS, or "" for the probabilities of the model.

    top_k: how many labels; None for all. cut: whether a text that is too long for the model is cut, or refused.
    """

    function: str = ""
    top_k: int | None = None
    cut: bool = True


@dataclass
class MemoryBudget:
    """The bytes of bodies that are kept for all current requests: `size`, at most `most`."""

    most: int
    size: int = 0


@dataclass
class Lease:
    """The part of a budget that one request uses; `release` gives it back."""

    budget: MemoryBudget
    size: int = 0

    def take(self, size: int) -> None:
        """Use more bytes. Overloaded: all bodies together are too large."""
        if self.budget.size + size > self.budget.most:
            raise Overloaded(_("The current requests are too large together. Try again later."))
        self.budget.size += size
        self.size += size

    def release(self) -> None:
        self.budget.size -= self.size
        self.size = 0


async def read_body(request: Request, limits: Limits, lease: Lease) -> bytes:
    """The body of a request. TooLarge: its header or its content says that it is over the limit. Overloaded."""
    declared = request.headers.get("content-length", "")
    size, kept = 0, []
    over = declared.isascii() and declared.isdigit() and int(declared[:18]) > limits.body_bytes
    async for part in request.stream():
        size += len(part)
        over = over or size > limits.body_bytes
        if not over:
            lease.take(len(part))
            kept.append(part)
        elif size > limits.body_bytes + DRAINED:
            break
    if over:
        raise TooLarge(_("The body is longer than {limit:,} bytes, the limit of this server.", limit=limits.body_bytes))
    return b"".join(kept)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with the key `inputs`. DataError: see `parse_object`, or there is no `inputs`."""
    value = parse_object(body)
    if "inputs" not in value:
        if not value:
            raise DataError(_("The body is an empty object; expected the key 'inputs' with the text."))
        keys = ", ".join(map(repr, list(value)[:5]))[:200]
        raise DataError(_("The body has no key 'inputs' with the text; it has {keys}.", keys=keys))
    return value


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. DataError: not UTF-8, not JSON, or not an object."""
    if not body.strip():
        raise DataError(_('The body is empty; send JSON such as {"inputs": "a sentence"}.'))
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
            _('The body is {kind}; send an object such as {{"inputs": "a sentence"}}.', kind=json_kind(value))
        )
    return value


def hub_inputs(value: Any, limits: Limits) -> ParsedInputs:
    """`inputs` of the hub's clients: a text, or a list of texts."""
    if isinstance(value, str):
        return ParsedInputs(checked_texts([value], limits, "inputs"), True)
    if isinstance(value, dict) and "text_pair" in value:
        raise DataError(_("inputs has a text_pair, but this model takes single sentences."))
    return ParsedInputs(checked_texts(expect_list(value, _("a text or a list of texts")), limits), False)


def one_text(value: Any, limits: Limits) -> str:
    """`inputs` of a request with a single text."""
    if not isinstance(value, str):
        refuse_value("inputs", value, _("one text"))
    return checked_texts([value], limits, "inputs")[0]


def tei_inputs(value: Any, limits: Limits) -> ParsedInputs:
    """`inputs` of text-embeddings-inference's /predict: "a", ["a"], or a batch [["a"], ["b"]]; pairs are refused."""
    if isinstance(value, str):
        return ParsedInputs(checked_texts([value], limits, "inputs"), True)
    items = expect_list(value, _(TEI_INPUTS))
    if isinstance(items[0], str):
        if len(items) == 2 and isinstance(items[1], str):
            refuse_pair("inputs")
        if len(items) > 1:
            refuse_value("inputs", items, _(TEI_INPUTS))
        return ParsedInputs(checked_texts(items, limits), True)
    if len(items) > limits.texts:
        refuse_count(len(items), limits)
    texts = []
    for index, item in enumerate(items):
        if not isinstance(item, list) or not 1 <= len(item) <= 2:
            refuse_value(f"inputs[{index}]", item, _('a one-element list such as ["a sentence"]'))
        if len(item) == 2:
            refuse_pair(f"inputs[{index}]")
        texts.append(item[0])
    return ParsedInputs(checked_texts(texts, limits), False)


def expect_list(value: Any, expected: str) -> list[Any]:
    """The value, if it is a list that is not empty. DataError."""
    if not isinstance(value, list):
        refuse_value("inputs", value, expected)
    if not value:
        raise DataError(_("inputs is an empty list; expected {expected}.", expected=expected))
    return value


def checked_texts(texts: Sequence[Any], limits: Limits, name: str = "") -> list[str]:
    """The texts of a request, each a string within the limit that can be encoded. name: of a single text. DataError."""
    if len(texts) > limits.texts:
        refuse_count(len(texts), limits)
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


def refuse_count(count: int, limits: Limits) -> NoReturn:
    """The error for too many texts."""
    raise DataError(
        _(
            "inputs has {count:,} texts; this server takes at most {limit:,} per request.",
            count=count,
            limit=limits.texts,
        )
    )


def refuse_pair(name: str) -> NoReturn:
    """The error for two texts in one list."""
    raise DataError(
        _(
            "{name}: two strings in a list are a sentence pair, but this model takes single sentences. "
            'Send several texts as one-element lists: [["first"], ["second"]].',
            name=name,
        )
    )


def refuse_value(name: str, value: Any, expected: str) -> NoReturn:
    """The error for a value of the wrong kind. It does not show the value itself."""
    raise DataError(_("{name} is {kind}; expected {expected}.", name=name, kind=json_kind(value), expected=expected))


def json_kind(value: Any) -> str:
    """The kind of a JSON value, in words."""
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    if type(value) in KINDS:
        return _(KINDS[type(value)])
    return _("a list of {count}", count=len(value))


def hub_options(body: Mapping[str, Any]) -> Options:
    """`parameters` of the hub's clients: top_k and function_to_apply. Long texts are always cut."""
    parameters = body.get("parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        refuse_value("parameters", parameters, _("an object"))
    if unknown := set(parameters) - {"top_k", "function_to_apply"}:
        names = ", ".join(sorted(map(repr, unknown)))[:200]
        raise DataError(_("parameters has {names}; known are 'function_to_apply' and 'top_k'.", names=names))
    top_k, function = parameters.get("top_k"), parameters.get("function_to_apply")
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise DataError(
            _("parameters.top_k is {value}; expected a whole number of at least 1.", value=shown_value(top_k))
        )
    if function is not None and (not isinstance(function, str) or function not in FUNCTIONS):
        raise DataError(
            _(
                "parameters.function_to_apply is {value}, but none of {functions}.",
                value=shown_value(function),
                functions=", ".join(FUNCTIONS),
            )
        )
    return Options(function or "", top_k)


def tei_options(body: Mapping[str, Any]) -> Options:
    """raw_scores and truncate of /predict. If truncate is left out or null, long texts are cut."""
    flags = {}
    for name, default in (("raw_scores", False), ("truncate", True)):
        value = body.get(name)
        if value is not None and not isinstance(value, bool):
            refuse_value(name, value, _("true or false"))
        flags[name] = default if value is None else value
    return Options("none" if flags["raw_scores"] else "", None, flags["truncate"])


def asked_tasks(body: Mapping[str, Any]) -> list[str] | None:
    """`tasks` of /analyze and /explain: names of heads, or None for all heads."""
    tasks = body.get("tasks")
    if tasks is None:
        return None
    tasks = [tasks] if isinstance(tasks, str) else tasks
    if not isinstance(tasks, list) or not tasks or not all(isinstance(name, str) for name in tasks):
        refuse_value("tasks", tasks, _("a list of names of heads"))
    return list(dict.fromkeys(tasks))


def shown_value(value: Any) -> str:
    """A number as JSON; another value by its kind."""
    return json.dumps(value) if isinstance(value, int | float) else json_kind(value)
