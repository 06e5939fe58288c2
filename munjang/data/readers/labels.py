"""Turns cells into labels, and labels into the label set of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from munjang.config.settings import ReadOptions
from munjang.data.readers.columns import normal_label, parse_map, sorted_labels, split_labels
from munjang.data.readers.table import Row, cell_text, describe_rejected
from munjang.errors import ConfigError, DataError
from munjang.records import Example, Label, LabelSet, Removed, count_labels, label_text, names_of
from munjang.translation import _, ngettext

Splits = dict[str, list[Example]]


class Refused(Exception):
    """A row whose label or split cannot be used. step: what refuses it. listed: its entry in the note with counts."""

    def __init__(self, step: str, reason: str, *, listed: str) -> None:
        super().__init__(reason)
        self.step, self.reason, self.listed = step, reason, listed


@dataclass(frozen=True)
class LabelRules:
    """How a cell becomes a label: the names of --labels, the values of --map, the separator of --multi-label."""

    names: tuple[str, ...] | None = None
    mapping: Mapping[str, str] | None = None
    separator: str | None = None

    @classmethod
    def from_options(cls, options: ReadOptions) -> LabelRules:
        """The rules in `options`. ConfigError: --map gives a name that is not in --labels."""
        names = tuple(map(normal_label, options.labels)) if options.labels else None
        mapping = parse_map(options.map) if options.map else None
        outside = [name for name in (mapping or {}).values() if names and name not in names]
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

    def label(self, cell: Any) -> Label:
        """The label in a cell: a name, or with a separator a tuple of names; raises Refused."""
        if self.separator is not None:
            return tuple(dict.fromkeys(map(self.mapped, split_labels(cell, self.separator))))
        value = normal_label(cell)
        if not value:
            reason = _("no label")
            raise Refused("label", reason, listed=reason)
        return self.mapped(value)

    def mapped(self, value: str) -> str:
        """The label that the map gives for a value; a value that is itself a label of the map stays."""
        if self.mapping is None or (value not in self.mapping and value in self.mapping.values()):
            return value
        if value not in self.mapping:
            raise Refused(
                "map", _("'{value}' is not among the values of {option:map}", value=value), listed=f"'{value}'"
            )
        return self.mapping[value]


def choose_label_set(
    splits: Splits, rejected: list[Removed], notes: list[str], rules: LabelRules, file: str
) -> LabelSet:
    """The label set of a corpus. If no rule fixes it, examples whose label cannot be a class move to `rejected`."""
    counts = count_labels(example for examples in splits.values() for example in examples)
    if not any(splits.values()):
        reasons = describe_rejected(rejected)
        raise DataError(_("{file}: no row can be used. {reasons}", file=file, reasons=reasons).strip())
    names = rules.names or (tuple(dict.fromkeys(rules.mapping.values())) if rules.mapping else None)
    labels = fixed_set(names, counts, notes, file) if names else found_set(splits, rejected, file)
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
    return labels


def label_spellings(labels: LabelSet, name: str) -> list[str]:
    """The name of a label and its other spellings."""
    return [name, *(alias for alias, meant in labels.aliases.items() if meant == name)]


def fixed_set(names: Sequence[str], counts: Counter[str], notes: list[str], file: str) -> LabelSet:
    """The set with the given names. Class numbers 0, 1, … in the file mean the names in their order."""
    if len(names) < 2:
        raise ConfigError(
            _("{option:labels} and {option:map} must leave at least two labels, found {names}.", names=", ".join(names))
        )
    if any(counts[name] for name in names):
        return LabelSet(tuple(names))
    numbers = {str(number): name for number, name in enumerate(names)}
    if counts["0"]:
        notes.append(f"{file}: " + ", ".join(f"{number} = {name}" for number, name in numbers.items()))
        return LabelSet(tuple(names), numbers)
    values = ", ".join(f"'{value}'" for value in list(counts)[:10])
    example = f"{next(iter(counts), 'VALUE')}={names[0]};…"
    raise DataError(
        _(
            "{file}: no row has one of the labels {names}; it has {values}. Say {option:map={example}}.",
            file=file,
            names=", ".join(names),
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
        return ngettext(
            "{file}: {labels:,} different labels in {count:,} row; that is not a label column. Say "
            "{option:label=COLUMN}.",
            "{file}: {labels:,} different labels in {count:,} rows; that is not a label column. Say "
            "{option:label=COLUMN}.",
            rows,
            file=file,
            labels=len(counts),
        )
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


def refused(row: Row, split: str, text: str, cell: Any, error: Refused) -> Removed:
    """The record of a row whose label is refused."""
    return Removed(row.file, row.line, text, cell_text(cell), error.step, error.reason, split)
