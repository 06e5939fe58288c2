"""The values that flow through munjang: examples, labels, corpora, predictions, reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from munjang.errors import DataError
from munjang.other_libraries import data_frame, dataset_dict, labelled_dataset
from munjang.translation import _

if TYPE_CHECKING:
    import datasets
    import pandas

SPLITS = ("train", "validation", "test")
EMPTY = "empty"
"""The note of an answer for a text without content."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What hangs on what: word i (counted from 1) hangs from word `heads[i - 1]`, 0 being the root.

    words, heads, relations have one entry a word; `relations[i - 1]` names how word i hangs. Readers and decoders give
    legal trees only (`munjang.data.trees.shapes.flaw`): one root, no cycle. pos: the words' parts of speech, where a
    treebank has them, such as NNG+JKO.
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]
    pos: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.words)


Label = str | tuple[str, ...] | Tree
"""A class name, for multi-label data a tuple of class names (the empty tuple is "none of them"), or a tree."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence. `label` is a name, a tuple of names, a tree, or None where there is none.

    A sentence with a tree has its words between single spaces as `text`.

    `file` and `line` say where it came from: `line` is the 1-based physical line in a text file on which the record
    starts, or the row number (header = 1) in Excel and the 1-based row in Parquet.
    """

    text: str
    label: Label | None = None
    line: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """One row that did not stay, and why. `text` and `label` are as they stood in the file.

    split: where it would have gone; "" where its line could not be read far enough to say.
    """

    file: str
    line: int
    text: str
    label: str
    step: str
    reason: str
    split: str = ""


@dataclass(frozen=True)
class LabelSet:
    """Class names in a fixed order; index i of a model's output is `names[i]`.

    `aliases` maps other spellings (the hub's name, the class number as text) to a name, so that labels are always
    matched by name and never by position.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            twice = [name for name, n in Counter(self.names).items() if n > 1]
            raise DataError(_("Label names must differ; given twice: {twice}.", twice=", ".join(twice)))
        for alias, name in self.aliases.items():
            if name not in self.names:
                raise DataError(
                    _(
                        "Alias '{alias}' stands for '{name}', which is no label here: {listing}.",
                        alias=alias,
                        name=name,
                        listing=self.listing,
                    )
                )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self):
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in self.aliases

    @property
    def listing(self) -> str:
        """The names as a message shows them: `부정, 긍정`."""
        return ", ".join(self.names)

    def resolve(self, name: str) -> str:
        """The name that `name` (a name or an alias) stands for; an unknown one is a DataError that lists the known."""
        if name in self.names:
            return name
        if name in self.aliases:
            return self.aliases[name]
        raise DataError(_("Unknown label '{name}'. The labels here are {listing}.", name=name, listing=self.listing))

    def index(self, name: str) -> int:
        """The position of a name or alias."""
        return self.names.index(self.resolve(name))

    def numbers(self, example: Example) -> int | list[int] | None:
        """The class number of an example, for several labels their numbers in order, None where it has no label.

        DataError: a label outside this set; it names the file and line of the example.
        """
        try:
            if isinstance(example.label, tuple):
                return sorted(self.index(name) for name in example.label)
            return None if example.label is None else self.index(example.label)
        except DataError as error:
            where = f"{example.file}, line {example.line}: " if example.file else ""
            raise DataError(
                _("{where}{reason} Take such rows out with munjang.clean_corpus first.", where=where, reason=error)
            ) from error

    def to_dict(self) -> dict[str, Any]:
        return {"names": list(self.names), "aliases": dict(self.aliases)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSet:
        return cls(tuple(data["names"]), dict(data.get("aliases", {})))


@dataclass(frozen=True)
class Card:
    """Where a corpus came from. `notes` are one-line facts said to the user ("partial: 36,547 of 45,678 rows")."""

    name: str
    source: str
    licence: str = "unknown"
    citation: str = ""
    language: str = "ko"
    about: str = "classification"
    notes: tuple[str, ...] = ()


class Split(tuple[Example, ...]):
    """The examples of one split, in order; a tuple that knows the corpus's label set, and so do slices of it.

    Thus whatever turns labels into numbers gives the same numbers for every split. Equal to any list or tuple of the
    same examples.
    """

    labels: LabelSet

    def __new__(cls, examples: Iterable[Example] = (), labels: LabelSet | None = None) -> Split:
        split = super().__new__(cls, examples)
        split.labels = labels or LabelSet(())
        return split

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Split(found, self.labels) if isinstance(index, slice) else found

    def __eq__(self, other: object) -> bool:
        return super().__eq__(tuple(other)) if isinstance(other, list | tuple) else NotImplemented

    __hash__ = tuple.__hash__


@dataclass(frozen=True)
class Corpus:
    """Examples in up to three splits, with their labels and origin.

    task: a key of munjang.tasks.TASKS ("classification", "multi-label" or "parsing"). As read, examples may carry
    labels outside `labels` (a 3 among 0 and 1) and be empty or repeated; `munjang.clean_corpus` takes those out with an
    account. `rejected` holds rows that the reader could not turn into an example at all.
    """

    name: str
    task: str
    labels: LabelSet
    train: Sequence[Example] = ()
    validation: Sequence[Example] = ()
    test: Sequence[Example] = ()
    card: Card = field(default_factory=lambda: Card("", ""))
    rejected: tuple[Removed, ...] = ()

    def __post_init__(self) -> None:
        for name in SPLITS:
            object.__setattr__(self, name, Split(getattr(self, name), self.labels))

    def split(self, name: str) -> Sequence[Example]:
        """The examples of "train", "validation" or "test"; a DataError where the corpus has none."""
        if name not in SPLITS:
            raise DataError(_("Unknown split '{name}'. Splits are {splits}.", name=name, splits=", ".join(SPLITS)))
        examples = getattr(self, name)
        if not examples:
            have = [split for split in SPLITS if getattr(self, split)]
            raise DataError(
                _(
                    "{name} has no {name2} split; it has {have}.",
                    name=self.name,
                    name2=name,
                    have=", ".join(have) or "no examples at all",
                )
            )
        return examples

    def with_splits(self, **splits: Sequence[Example]) -> Corpus:
        """A copy with some splits replaced."""
        return replace(self, **splits)

    def to_pandas(self, split: str | None = None) -> pandas.DataFrame:
        """A DataFrame with the columns text, label, split, line; one split, or all of them in order.

        MissingExtra: pandas is not installed.
        """
        rows = [
            (example.text, example.label, name, example.line)
            for name in ([split] if split else SPLITS)
            for example in (self.split(name) if split else getattr(self, name))
        ]
        return data_frame(rows, ["text", "label", "split", "line"])

    def to_dataset(self, split: str | None = None) -> datasets.DatasetDict | datasets.Dataset:
        """For the `datasets` library: one split as a Dataset, or all of them as a DatasetDict.

        Columns text and label; label is a ClassLabel with the corpus's names in their order, for multi-label a list of
        them. A DataError names the first label that is not in the set; MissingExtra where `datasets` is not installed.
        """
        if split is not None:
            return self.make_dataset(self.split(split))
        filled = {name: getattr(self, name) for name in SPLITS if getattr(self, name)}
        return dataset_dict({name: self.make_dataset(examples) for name, examples in filled.items()})

    def make_dataset(self, examples: Sequence[Example]) -> datasets.Dataset:
        """Some examples of this corpus for the `datasets` library; an example without a label has null there."""
        numbers = [self.labels.numbers(example) for example in examples] if self.labels.names else None
        names, several = self.labels.names, self.task == "multi-label"
        return labelled_dataset([example.text for example in examples], numbers, names, several=several)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    label: the best name; for multi-label a tuple of the names at or above the threshold; None where nothing could be
    said (`note` is then "empty", or "below the minimum score"). scores: a probability for every label, highest first.
    note: "" or why the answer is not the plain one ("empty", "truncated to 128 tokens", ...).
    """

    text: str
    label: Label | None
    scores: Mapping[str, float]
    note: str = ""

    @property
    def score(self) -> float:
        """The highest probability; 0.0 where there is no answer."""
        return next(iter(self.scores.values()), 0.0)


@dataclass(frozen=True, slots=True)
class Parse:
    """The tree of one text; of a text without words an empty one.

    text: as it was given; the words of the tree are those of the cleaned text. note: "" or what to know ("empty",
    "truncated to 512 tokens": what is beyond is attached blindly). probabilities: how sure each word's head is, by
    itself, before the tree was chosen.
    """

    text: str
    tree: Tree
    note: str = ""
    probabilities: tuple[float, ...] = field(default=(), compare=False)


def label_text(label: Label | None, separator: str = "|") -> str:
    """A label as one cell of a table: the name, the names joined, head:relation of every word of a tree, or nothing."""
    if label is None:
        return ""
    if isinstance(label, Tree):
        return " ".join(f"{head}:{name}" for head, name in zip(label.heads, label.relations, strict=True))
    return label if isinstance(label, str) else separator.join(label)


def names_of(label: Label | None) -> tuple[str, ...]:
    """The class names in a label: none, one, or several; of a tree the relation of every word."""
    if label is None:
        return ()
    if isinstance(label, Tree):
        return label.relations
    return (label,) if isinstance(label, str) else label


def count_labels(examples: Iterable[Example]) -> Counter[str]:
    """How often each class name occurs; a multi-label example or a tree counts once for each of its names."""
    return Counter(name for example in examples for name in names_of(example.label))


def label_set(*names: tuple[str, ...]) -> LabelSet:
    """Labels in the hub's order: `("부정", "negative")` is a name and its aliases; its number becomes an alias too."""
    aliases = {}
    for number, (name, *others) in enumerate(names):
        aliases |= {alias: name for alias in (str(number), *others)}
    return LabelSet(tuple(name for name, *__ in names), aliases)


def plain_labels(names: str) -> LabelSet:
    """Labels without other names, in the hub's order, between spaces."""
    return label_set(*((name,) for name in names.split()))
