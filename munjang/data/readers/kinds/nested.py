"""Rows inside rows of JSON: objects in objects, and lists of objects such as the utterances of a dialogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from munjang.data.readers.columns import (
    CLOSE,
    EXACT,
    OTHER,
    PART,
    UNKNOWN,
    has_variety,
    is_of_others,
    prose_length,
    text_rank,
)
from munjang.data.readers.table import Bad, printable, short_list
from munjang.errors import DataError
from munjang.translation import _

Item = tuple[int, Any]
"""A line number and the value that starts on that line."""
SAMPLED = 200  # objects to look at for lists with texts
LEVELS = 8  # of lists in each other


def flat(values: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """An object without objects in it: {"comment": {"text": "…"}} becomes {"comment.text": "…"}.

    Also a name that two of its values have, or "".
    """
    if dict not in map(type, values.values()):
        return values, ""
    found: dict[str, Any] = {}
    waiting, clash = [("", values)], ""
    while waiting:
        path, inner = waiting.pop()
        for key, value in inner.items():
            name = f"{path}{key}"
            if isinstance(value, dict):
                waiting.append((f"{name}.", value))
            elif name in found:
                clash = name
            else:
                found[name] = value
    return found, clash


def holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def opened_lists(items: Callable[[], Iterator[Item | Bad]], lists: Sequence[str]) -> Callable[[], Iterator[Item | Bad]]:
    """The items with a row for each object in these lists: {"utterance.form": "…"}, with the other values beside it.

    lists: their names from the outside in. An object without such an object stays one row.
    """

    def read() -> Iterator[Item | Bad]:
        for item in items():
            if isinstance(item, Bad) or not isinstance(item[1], dict) or flat(item[1])[1]:
                yield item
            else:
                yield from ((item[0], row) for row in rows_in(flat(item[1])[0], lists))

    return read


def rows_in(row: dict[str, Any], lists: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows that a flat object gives, where a list in it holds rows."""
    if not lists:
        yield row
        return
    name, *further = lists
    inner = row.get(name)
    if not holds_objects(inner):
        yield from rows_in({key: value for key, value in row.items() if key != name or value}, further)
        return
    outer = {key: value for key, value in row.items() if key != name}
    for item in inner:
        # An object under its name, so that `flat` finds a name that comes twice.
        whole, clash = flat({**outer, name: item})
        if clash:
            yield {**outer, name: item}
        else:
            yield from rows_in(whole, further)


def lists_of_rows(objects: Sequence[dict[str, Any]], path: Path) -> tuple[str, ...]:
    """The names of the lists, from the outside in, whose objects are the rows; () if the objects are rows themselves.

    DataError: several lists have texts that are named so.
    """
    rows, lists = list(objects), list[str]()
    while len(lists) < LEVELS and (name := inner_list(rows, path)):
        lists.append(name)
        rows = list(islice(chain.from_iterable(rows_in(row, [name]) for row in rows), SAMPLED))
    return tuple(lists)


class Best(NamedTuple):
    """The characters per cell of the longest texts, by how columns are called: as texts are, or not, or as titles."""

    named: float = 0
    unknown: float = 0
    weak: float = 0

    @property
    def any(self) -> float:
        return max(self.unknown, self.weak)

    def inside(self, around: Best) -> bool:
        """Whether texts in a list are rather those of the rows than those around it. A title is not, if it is long."""
        if around.named:
            return False
        return self.named * CLOSE >= around.unknown if self.named else self.any > around.any


def inner_list(rows: Sequence[dict[str, Any]], path: Path) -> str | None:
    """The name of the list of objects that has better texts than the rows around it; None if there is none."""
    own = best_text(rows)
    texts = {name: best for name, best in texts_inside(rows, LEVELS).items() if best.inside(own)}
    called = [name for name, best in texts.items() if best.named]
    if len(called) > 1:
        raise DataError(
            _(
                "{path}: its rows hold several lists with texts: {keys}. Save the one with the texts as a file of its "
                "own.",
                path=path,
                keys=short_list(list(map(printable, called))),
            )
        )
    return called[0] if called else max(texts, key=lambda name: texts[name].any, default=None)


def texts_inside(rows: Sequence[dict[str, Any]], levels: int) -> dict[str, Best]:
    """The texts in each list of objects, or in the lists inside it. rows: flat."""
    found = {}
    for name in dict.fromkeys(name for row in rows for name, value in row.items() if holds_objects(value)):
        lists = (row[name] for row in rows if holds_objects(row.get(name)))
        inner = [flat({name: item})[0] for items in lists for item in items if isinstance(item, dict)][:SAMPLED]
        deeper = texts_inside(inner, levels - 1).values() if levels else ()
        found[name] = Best(*map(max, zip(best_text(inner), *deeper, strict=True)))
    return found


def best_text(rows: Sequence[dict[str, Any]]) -> Best:
    """The texts in the columns of flat rows. Only the last two parts of a name count: `utterance.form`."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and value:
                columns.setdefault(name, []).append(value)
    named, unknown, weak = [0.0], [0.0], [0.0]
    for name, cells in columns.items():
        last = ".".join(name.split(".")[-2:])
        rank = text_rank(last)
        if rank < OTHER and has_variety(cells):
            is_named = rank in (EXACT, PART) and not is_of_others(last)
            (named if is_named else unknown if rank == UNKNOWN else weak).append(prose_length(cells))
    return Best(max(named), max(unknown), max(weak))


def by_labels(document: dict[str, Any], path: Path) -> list[dict[str, str]] | None:
    """The rows of {label: texts}, such as {"긍정": ["…"], "부정": ["…"]}; None: it is something else.

    DataError: as many texts under each name, so that the names may be columns, too.
    """
    lists = list(document.values())
    are_texts = [
        isinstance(texts, list)
        and bool(texts)
        and all(isinstance(text, str) for text in texts)
        and bool(prose_length(texts))
        and has_variety(texts)
        for texts in lists
    ]
    if len(document) < 2 or not all(are_texts) or any(text_rank(name) != UNKNOWN for name in document):
        return None
    if len(set(map(len, lists))) == 1:
        raise DataError(
            _(
                "{path} is a JSON object of lists of texts, and it is not clear whether {keys} are their labels or "
                "columns. Save it as a list of objects, or as JSON Lines.",
                path=path,
                keys=short_list(list(map(printable, document))),
            )
        )
    return [{"text": text, "label": label} for label, texts in document.items() for text in texts]
