"""Turns cells into labels, and labels into the label set of a corpus."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import Columns, truth
from munjang.data.readers.table import Row, cell_text, describe_rejected
from munjang.errors import ConfigError, DataError
from munjang.records import Example, Label, LabelSet, Removed, count_labels, label_text, names_of, quote_name
from munjang.text.cleaning import clean_text
from munjang.text.names import ValueMap, join_names, number_of, parse_map, tidy_label, write_map
from munjang.translation import N_, _, ngettext

Splits = dict[str, list[Example]]

ADJACENT_QUOTES = re.compile(r"(['\"])\s+(?=['\"])")  # NumPy writes lists without commas: ['a' 'b']
MISSING = ("nan", "NaN", "NAN", "<NA>", "NaT", "None", "NULL", "#N/A")
"""What programs write for a missing label. The word `none` in small letters is the name of a class in many corpora."""
LISTED = 12  # labels that a proposed --map names


class Refused(Exception):
    """A row whose label or split cannot be used. step: what refuses it. listed: its entry in the note with counts."""

    def __init__(self, step: str, reason: str, *, listed: str) -> None:
        super().__init__(reason)
        self.step, self.reason, self.listed = step, reason, listed


def normal_label(value: Any) -> str:
    """A cell, or a name from the command line, as a label: `tidy_label` of its text; "" is no label."""
    return tidy_label(cell_text(value))


def listed_labels(value: Any) -> list[Any] | None:
    """The values of a list, also of one written as text: ["a", "b"], ['a', 'b'] or ('a',). None: it is no list."""
    if isinstance(value, (list, tuple)):
        return list(value)
    text = cell_text(value).strip()
    if f"{text[:1]}{text[-1:]}" not in ("[]", "()", "{}"):
        return None
    for read in (json.loads, python_list):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            found = read(text)
            if isinstance(found, (list, tuple)):
                return list(found)
            if isinstance(found, set):
                return sorted(found, key=str)
    return None


def python_list(text: str) -> Any:
    """The value that Python or NumPy writes so. ValueError, SyntaxError and others: it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a backslash in a label
        return ast.literal_eval(ADJACENT_QUOTES.sub(r"\1, ", text))


def split_labels(value: Any, separator: str) -> tuple[str, ...]:
    """The labels in one cell, each once, in their order; () for an empty cell. A list needs no separator."""
    listed = listed_labels(value)
    parts = cell_text(value).split(separator) if listed is None else listed
    return tuple(dict.fromkeys(label for label in map(normal_label, parts) if label))


def sorted_labels(values: Mapping[str, int]) -> tuple[str, ...]:
    """Label names in order: by number if all are numbers, else alphabetical."""
    numbers = {value: number_of(value) for value in values}
    if None in numbers.values():
        return tuple(sorted(values))
    return tuple(sorted(values, key=lambda value: (numbers[value], value)))


@dataclass(frozen=True)
class LabelRules:
    """How a cell becomes a label: the names of --labels, the values of --map, the separator of --multi-label.

    columns: the names of several label columns, each of which says whether a text has this label.
    """

    names: tuple[str, ...] | None = None
    mapping: ValueMap | None = None
    separator: str | None = None
    columns: tuple[str, ...] = ()

    @classmethod
    def from_options(cls, options: ReadOptions) -> LabelRules:
        """The rules in `options`. ConfigError: --map gives a name that is not in --labels."""
        names = tuple(map(normal_label, options.labels)) if options.labels else None
        mapping = parse_map(options.map) if options.map else None
        outside = [name for name in (mapping.targets if mapping else ()) if names and name not in names]
        if outside:
            raise ConfigError(
                _(
                    "{option:map} gives '{label}', which is not among {option:labels} {names}.",
                    label=outside[0],
                    names=", ".join(names or ()),
                )
            )
        if options.multi_label == "":
            raise ConfigError(
                _("{option:multi_label} needs the separator between the labels, such as {option:multi_label=|}.")
            )
        return cls(names, mapping, options.multi_label)

    def for_columns(self, names: Sequence[str], chosen: Columns) -> LabelRules:
        """The rules for the chosen label columns of a file with these columns."""
        if isinstance(chosen, int):
            return self
        return replace(self, columns=tuple(tidy_label(names[index]) for index in chosen))

    @property
    def several(self) -> bool:
        """Whether a text can have several labels."""
        return self.separator is not None or bool(self.columns)

    @property
    def fixed(self) -> tuple[str, ...] | None:
        """The label set, if the rules fix it."""
        targets = self.mapping.targets if self.mapping else None
        return self.names or targets or self.columns or None

    def label(self, cells: Sequence[Any], chosen: Columns) -> Label:
        """The label in a row: a name, or with several labels a text a tuple of names; raises Refused."""
        if not isinstance(chosen, int):
            names = zip(self.columns, (cells[index] for index in chosen), strict=True)
            return self.mapped_names([name for name, cell in names if has_label(name, cell)])
        cell = cells[chosen]
        if self.separator is not None:
            return self.mapped_names(split_labels(cell, self.separator))
        listed = listed_labels(cell)
        if listed is not None and len(listed) > 1:
            reason = _("several labels in one cell; {option:multi_label=|} reads them")
            raise Refused("label", reason, listed=reason)
        value = normal_label(cell if listed is None else "".join(map(cell_text, listed)))
        if not value:
            reason = _("no label")
            raise Refused("label", reason, listed=reason)
        if value in MISSING and value not in (self.fixed or ()) and not (self.mapping and self.mapping.label(value)):
            raise Refused("label", _("no label, but '{value}'", value=value), listed=f"'{value}'")
        return self.mapped(value)

    def mapped_names(self, values: Sequence[str]) -> tuple[str, ...]:
        """The labels that the map gives for several values, each once."""
        return tuple(dict.fromkeys(map(self.mapped, values)))

    def mapped(self, value: str) -> str:
        """The label that the map gives for a value; a value that is itself a label of the map stays."""
        if self.mapping is None:
            return value
        label = self.mapping.label(value)
        if label is None and value not in self.mapping.targets:
            raise Refused(
                "map", _("'{value}' is not among the values of {option:map}", value=value), listed=f"'{value}'"
            )
        return value if label is None else label


def has_label(name: str, cell: Any) -> bool:
    """Whether a cell says that a text has the label of its column; raises Refused."""
    known = truth(cell)
    if known is None:
        reason = _("'{value}' in column {column} is not 1 or 0", value=cell_text(cell), column=name)
        raise Refused("label", reason, listed=reason)
    return known


def choose_label_set(
    splits: Splits, rejected: list[Removed], notes: list[str], rules: LabelRules | None, file: str, *, any_label: bool
) -> LabelSet:
    """The label set of a corpus. If no rule fixes it, examples whose label cannot be a class move to `rejected`.

    rules: None for a file without labels, whose set is empty. any_label: every label that occurs is in the set.
    """
    counts = count_labels(example for examples in splits.values() for example in examples)
    if not any(splits.values()):
        reasons = describe_rejected(rejected)
        raise DataError(_("{file}: no row can be used. {reasons}", file=file, reasons=reasons).strip())
    if rules is None:
        return LabelSet(())
    notes += [] if rules.fixed else label_notes(counts, file)
    if rules.fixed:
        labels = fixed_set(rules.fixed, counts, notes, file)
    else:
        labels = LabelSet(sorted_labels(counts)) if any_label else found_set(splits, rejected, file)
    filled = {split: count_labels(examples) for split, examples in splits.items() if examples}
    for split, shown in filled.items():
        totals = {name: sum(shown[key] for key in label_spellings(labels, name)) for name in labels.names}
        if listing := ", ".join(f"{name} {count:,}" for name, count in totals.items() if count):
            if len(filled) > 1:
                notes.append(_("{file}: labels of {split} {listing}", file=file, split=split, listing=listing))
            else:
                notes.append(_("{file}: labels {listing}", file=file, listing=listing))
        outside = {value: count for value, count in shown.items() if value not in labels}
        if outside:
            listing = ", ".join(f"'{value}' ({count:,})" for value, count in list(outside.items())[:10])
            if len(filled) > 1:
                note = _(
                    "{file}: labels of {split} outside the set, for cleaning to remove: {listing}",
                    file=file,
                    split=split,
                    listing=listing,
                )
            else:
                note = _(
                    "{file}: labels outside the set, for cleaning to remove: {listing}", file=file, listing=listing
                )
            notes.append(note)
            if any("," in value for value in outside):
                example = join_names([*outside, *labels.names][:2])
                notes.append(_("A label with a comma is in double quotes: {option:labels={example}}", example=example))
    return labels


def label_notes(counts: Mapping[str, int], file: str) -> Iterator[str]:
    """What to ask about the labels in a file: names that may be one label, and stars; each with its --map."""
    alike: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: -counts[name]):
        alike.setdefault("".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    groups = [names for names in alike.values() if len(names) > 1]
    if groups:
        listing = "; ".join(" – ".join(f"'{name}' ({counts[name]:,})" for name in names) for names in groups)
        whole = write_map((names, names[0]) for names in list(alike.values())[:LISTED])
        proposed = whole if len(alike) <= LISTED else f"{write_map((names, names[0]) for names in groups)};…"
        yield _(
            "{file}: labels that differ only in case or spaces: {labels}. If they are one: {option:map={map}}",
            file=file,
            labels=listing,
            map=proposed,
        )
    if are_stars(counts):
        yield f"{file}: {_(STARS)}"


STARS = N_(
    "The labels look like stars, 1 to 5: {option:map=1-2=부정;4-5=긍정} makes two labels of them, without the rest."
)


def are_stars(labels: Iterable[str]) -> bool:
    """Whether labels are at least three of the numbers from 1 to 5, at least one of them from 4 on."""
    numbers = {number_of(label) for label in labels}
    return len(numbers) > 2 and None not in numbers and min(numbers) >= 1 and 4 <= max(numbers) <= 5


def untidy_note(cells: Mapping[str, int], file: str) -> list[str]:
    """Which labels were read without their invisible characters and white space. cells: cell -> rows."""
    untidy = [cell for cell in cells if clean_text(cell, ("invisible", "spaces")) != cell]
    if not untidy:
        return []
    listing = ", ".join(f"{cell!r} ({cells[cell]:,}) = '{tidy_label(cell)}'" for cell in untidy[:5])
    return [_("{file}: labels read without invisible characters and spaces: {labels}", file=file, labels=listing)]


def label_spellings(labels: LabelSet, name: str) -> list[str]:
    """The name of a label and its other spellings."""
    return [name, *(alias for alias, meant in labels.aliases.items() if meant == name)]


def fixed_set(names: Sequence[str], counts: Counter[str], notes: list[str], file: str) -> LabelSet:
    """The set with the given names. Class numbers 0, 1, … in the file mean the names in their order."""
    if len(names) < 2:
        raise ConfigError(
            _("{option:labels} and {option:map} must leave at least two labels, found {names}.", names=", ".join(names))
        )
    if not counts or any(counts[name] for name in names):
        return LabelSet(tuple(names))
    numbers = {str(number): name for number, name in enumerate(names)}
    if counts["0"]:
        notes.append(f"{file}: " + ", ".join(f"{number} = {name}" for number, name in numbers.items()))
        return LabelSet(tuple(names), numbers)
    values = ", ".join(f"'{value}'" for value in list(counts)[:10])
    example = write_map([([next(iter(counts))], names[0])])
    raise DataError(
        _(
            "{file}: no row has one of the labels {names}; it has {values}. Say {option:map={example};…}.",
            file=file,
            names=", ".join(map(quote_name, names)),
            values=values,
            example=example,
        )
    )


def found_set(splits: Splits, rejected: list[Removed], file: str) -> LabelSet:
    """The set of the labels that occur: numbers in their order, names sorted.

    A label that occurs only once in train, or only in another split, is set aside with its examples. DataError: more
    labels than half the rows, or only one label.
    """
    base = splits["train"] or [example for examples in splits.values() for example in examples]
    counts = count_labels(base)
    singles = {name for name, count in counts.items() if count < 2}
    names = sorted_labels({name: count for name, count in counts.items() if name not in singles})
    if len(names) < 2 or (len(counts) > 20 and len(counts) > len(base) / 2):
        raise DataError(wrong_labels(counts, len(base), file))
    for split, examples in splits.items():
        kept = []
        for example in examples:
            unusable = [name for name in names_of(example.label) if name not in names]
            if unusable:
                rejected.append(set_aside(example, split, unusable[0], unusable[0] in singles, file))
            else:
                kept.append(example)
        splits[split] = kept
    return LabelSet(names)


def wrong_labels(counts: Counter[str], rows: int, file: str) -> str:
    """Why these labels cannot be classes."""
    if len(counts) > 20:
        reason = ngettext(
            "{file}: {labels:,} different labels in {count:,} row; that is not a label column. Say "
            "{option:label=COLUMN}.",
            "{file}: {labels:,} different labels in {count:,} rows; that is not a label column. Say "
            "{option:label=COLUMN}.",
            rows,
            file=file,
            labels=len(counts),
        )
        return f"{reason} {_(STARS)}" if are_stars(counts) else reason
    listing = ", ".join(f"'{name}' ({count:,})" for name, count in counts.items()) or _("none")
    return _(
        "{file}: at least two labels with two examples each are needed, found {labels}. "
        "Add examples of another label, name the right column with {option:label}, or fix the set with "
        "{option:labels}.",
        file=file,
        labels=listing,
    )


def set_aside(example: Example, split: str, name: str, single: bool, file: str) -> Removed:
    """The record of an example whose label cannot be a class."""
    if single:
        reason = _(
            "the only example of '{label}'; add more, or merge it with {option:map}, or fix the set with "
            "{option:labels}",
            label=name,
        )
    else:
        reason = _("'{label}' does not occur in the training part", label=name)
    label = label_text(example.label)
    return Removed(example.file or file, example.line or 0, example.text, label, "label", reason, split)


def refused(row: Row, split: str, text: str, label: str, error: Refused) -> Removed:
    """The record of a row whose label is refused. label: as in the file."""
    return Removed(row.file, row.line, text, label, error.step, error.reason, split)
