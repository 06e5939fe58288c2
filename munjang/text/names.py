"""Names as people write them: labels in cells, lists with commas, and maps from values to labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from shlex import quote

from munjang.errors import ConfigError
from munjang.records import quote_name
from munjang.translation import _

LABEL_STEPS = ("invisible", "nfc", "spaces")
WHOLE = re.compile(r"([+-]?\d{1,1000})\.0+")
TRUTH = {"true": "True", "false": "False"}
NUMBER = r"[+-]?(?:\d{1,1000}(?:\.\d{1,1000})?|\.\d{1,1000})"
DASH = "[-~–—−∼～〜]"  # as keyboards of several languages type it
FOR_SHELL = re.compile(r"[\s;|&<>()*?$`'\"\\]")  # a word with one of these needs quotes
RATING = re.compile(rf"({NUMBER})\s*점?|(★{{1,10}})☆*")
RANGE = re.compile(rf"({NUMBER})\s*점?\s*{DASH}\s*({NUMBER})\s*점?")
END = rf"[+-]?(?:{NUMBER}(?:,\d\d\d)*(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)"
LIKE_RANGE = re.compile(rf"{END}\s*점?\s*{DASH}\s*{END}\s*점?", re.IGNORECASE)
"""What may be meant as a range, also where it is none: 5-4, 1-1e9, 1,000-2,000."""


@lru_cache(maxsize=4096)
def tidy_label(text: str) -> str:
    """A label as it is compared: composed, without invisible characters and white space around it.

    1.0 is "1", however long the number is; true is "True"; "" is no label.
    """
    from munjang.text.cleaning import clean_text  # slow to import: every command splits names, few clean labels

    text = clean_text(text, LABEL_STEPS)
    if number := WHOLE.fullmatch(text):
        return str(int(number[1]))
    return TRUTH.get(text.casefold(), text)


def number_of(label: str) -> Decimal | None:
    """The number that a label is: of "4", "4.5점" and "★★★★☆" it is 4, 4.5 and 4; None for a name."""
    rating = RATING.fullmatch(label)
    if rating is None:
        return None
    return Decimal(rating[1]) if rating[1] else Decimal(len(rating[2]))


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """The parts of a text between separators, of one character. A part that is in "double quotes" may hold it."""
    part = rf'(?:(?<![^,;=\s])"(?:[^"]|"")*"|[^{separator}])*'
    return [match[1] for match in re.finditer(rf"(?:\A|{separator})({part})", text)]


def unquote(text: str) -> str:
    """A part of `split_outside_quotes` without white space around it and without its quotes."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"') if is_quoted else text


def split_names(text: str) -> tuple[str, ...]:
    """The names of a list such as `부정,긍정`; a name with a comma is in double quotes: `"배송, 포장",가격`."""
    return tuple(name for part in split_outside_quotes(text, ",") if (name := unquote(part)))


def shell_word(text: str) -> str:
    """A text as one word of a command line; Hangul alone needs no quotes."""
    return quote(text) if not text or FOR_SHELL.search(text) else text


def join_names(names: Iterable[str]) -> str:
    """The inverse of `split_names`."""
    return ",".join(map(quote_name, names))


@dataclass(frozen=True)
class MapPart:
    """One VALUES=LABEL of a map. whole: VALUES as a single value, which may have a comma.

    ranges: the lowest and the highest number of each value such as 1-3.9 that is not in quotes.
    """

    whole: str
    values: tuple[str, ...]
    label: str
    ranges: tuple[tuple[Decimal, Decimal], ...] = ()


@dataclass(frozen=True)
class ValueMap:
    """Which label each value becomes, as `parse_map` reads it."""

    parts: tuple[MapPart, ...]

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The labels that values become, each once, in their order."""
        return tuple(dict.fromkeys(part.label for part in self.parts))

    @cached_property
    def exact(self) -> dict[str, str]:
        """Value -> label, for the values that are named."""
        wholes = {part.whole: part.label for part in self.parts}
        return wholes | {value: part.label for part in self.parts for value in part.values}

    def label(self, value: str) -> str | None:
        """The label that a value becomes: as it is named, else as a number in a range; None where it is in neither."""
        if value in self.exact:
            return self.exact[value]
        number = number_of(value)
        if number is None:
            return None
        ranges = ((pair, part.label) for part in self.parts for pair in part.ranges)
        return next((label for (low, high), label in ranges if low <= number <= high), None)

    def pairs(self, known: Collection[str]) -> dict[str, str]:
        """Value -> label, for all values in `known` that become one, and for named values that are not in it."""
        pairs = {value: label for value in known if (label := self.label(value)) is not None}
        for part in self.parts:
            is_used = part.whole in known or any(self.label(value) == part.label for value in known if part.ranges)
            pairs |= {} if is_used else {value: part.label for value in part.values if value not in known}
        return pairs


def parse_map(text: str) -> ValueMap:
    """The map in `1,2=부정;4-5=긍정`: values with commas between them, and ranges of numbers, to labels.

    A value or label with one of , ; = is in double quotes; a value with a comma need not be, if no part of it is a
    value. A value in double quotes is no range. ConfigError: not of this form, a range without a number in it, or a
    value that becomes two labels.
    """
    parts = []
    for part in split_outside_quotes(text, ";"):
        *left, right = split_outside_quotes(part, "=")
        values = "=".join(left)
        label, whole = tidy_label(unquote(right)), tidy_label(unquote(values))
        names = tuple(filter(None, map(tidy_label, split_names(values))))
        if names and label:
            parts.append(MapPart(whole, names, label, tuple(ranges_in(values, text))))
        elif part.strip():
            raise ConfigError(
                _(
                    "{option:map={text}}: '{part}' is not VALUES=LABEL, such as '1,2=부정;4-5=긍정'.",
                    text=text,
                    part=part.strip(),
                )
            )
    if not parts:
        raise ConfigError(_("{option:map={text}} is empty. Write it like '1,2=부정;4,5=긍정'.", text=text))
    for value, first, second in contradictions(parts):
        raise ConfigError(
            _(
                "{option:map={text}}: '{value}' becomes both {first} and {second}.",
                text=text,
                value=value,
                first=first,
                second=second,
            )
        )
    return ValueMap(tuple(parts))


def ranges_in(values: str, text: str) -> Iterator[tuple[Decimal, Decimal]]:
    """The ranges among values with commas between them. ConfigError: one has no number in it; text: the whole map."""
    items = [values.strip()] if LIKE_RANGE.fullmatch(values.strip()) else split_outside_quotes(values, ",")
    for item in map(str.strip, items):
        match = RANGE.fullmatch(item)
        if match and Decimal(match[1]) <= Decimal(match[2]):
            yield Decimal(match[1]), Decimal(match[2])
        elif LIKE_RANGE.fullmatch(item):
            raise ConfigError(
                _(
                    "{option:map={text}}: '{value}' is no range from a lower to a higher number, such as 4-5. If it is "
                    "a value, write it in double quotes.",
                    text=text,
                    value=item,
                )
            )


def contradictions(parts: Iterable[MapPart]) -> Iterator[tuple[str, str, str]]:
    """(value, label, another label) of values that become two labels."""
    named: dict[str, str] = {}
    spans: list[tuple[Decimal, Decimal, str]] = []
    for part in parts:
        spans += ((low, high, part.label) for low, high in part.ranges)
        for value in part.values:
            if named.setdefault(value, part.label) != part.label:
                yield value, named[value], part.label
            if (number := number_of(value)) is not None:
                spans.append((number, number, part.label))
    spans.sort()
    widest = spans[:1]
    for low, high, label in spans[1:]:
        if low <= widest[0][1] and label != widest[0][2]:
            yield str(low), widest[0][2], label
        widest = [max(widest[0], (low, high, label), key=lambda span: span[1])]


def parse_targets(text: str) -> float | dict[str, float]:
    """A number such as `0.95`, or one for each of some names: `불만=0.99,"배송, 포장"=0.9`. ConfigError: not that."""
    targets: dict[str, float] = {}
    for part in split_outside_quotes(text, ","):
        *left, right = split_outside_quotes(part, "=")
        name = unquote("=".join(left))
        try:
            number = float(right)
            if not left:
                if part != text:
                    raise ValueError
                return number
        except ValueError:
            raise ConfigError(
                _(
                    "{option:min_precision={text}}: '{part}' is neither a number, such as 0.95, nor a label with one, "
                    "such as 불만=0.99.",
                    text=text,
                    part=part.strip(),
                )
            ) from None
        if targets.setdefault(name, number) != number:
            raise ConfigError(
                _("{option:min_precision={text}}: the label '{name}' has two numbers.", text=text, name=name)
            )
    return targets


def write_map(pairs: Iterable[tuple[Iterable[str], str]]) -> str:
    """Values and their label as `parse_map` reads them: `positive,Positive=positive;부정=부정`."""
    return ";".join(f"{','.join(map(quote_value, values))}={quote_name(label)}" for values, label in pairs)


def quote_value(name: str) -> str:
    """A value as maps take it: one that looks like a range is in double quotes, too."""
    return f'"{name}"' if LIKE_RANGE.fullmatch(name) else quote_name(name)
