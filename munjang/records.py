"""The values that flow through munjang: examples, labels, corpora, predictions, reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from munjang.errors import DataError, shortened
from munjang.other_libraries import data_frame, dataset_dict, labelled_dataset
from munjang.translation import N_, _

if TYPE_CHECKING:
    import datasets
    import pandas

SPLITS = ("train", "validation", "test")
EMPTY = "empty"
"""The note of a prediction for a text without content."""


REPR_LENGTH = 300
"""Characters that `repr` gives of a value at most: a notebook prints it."""


def short_repr(value: Any) -> str:
    """The `repr` of a dataclass, of long texts, lists and dicts only the beginning."""
    shown = ", ".join(f"{item.name}={brief(getattr(value, item.name))}" for item in fields(value) if item.repr)
    return shortened(f"{type(value).__qualname__}({shown})", REPR_LENGTH)


def brief(value: Any) -> str:
    """The `repr` of a value; of a long text, list or dict only the beginning."""
    if isinstance(value, str):
        return repr(shortened(value, 200))
    if isinstance(value, dict):
        pairs = [f"{brief(key)}: {brief(item)}" for key, item in islice(value.items(), 8)]
        return "{" + ", ".join([*pairs, *["…"][: len(value) - 8 > 0]]) + "}"
    if type(value) not in (list, tuple) or len(value) < 2:
        return shortened(repr(value), 200)
    items = ", ".join([*map(brief, value[:5]), *["…"][: len(value) - 5 > 0]])
    return f"[{items}]" if isinstance(value, list) else f"({items})"


class Results(list[Any]):
    """A list of predictions, whose `repr` shows the first ones."""

    def __repr__(self) -> str:
        shown = list.__repr__(self) if len(self) < 3 else f"[{brief(self[0])}, … {len(self):,} in all]"
        return shortened(shown, REPR_LENGTH)


@dataclass(frozen=True, slots=True)
class Tree:
    """A dependency tree: word i (counted from 1) hangs from word `heads[i - 1]`; 0 is the root.

    words, heads, relations have one entry for each word; `relations[i - 1]` names how word i hangs. Readers and
    decoders give only valid trees (`munjang.data.trees.shapes.flaw`): one root, no cycle. pos: the words' parts of
    speech, such as NNG+JKO, if the treebank has them.
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]
    pos: tuple[str, ...] = field(default=(), compare=False)

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.words)


Label = str | tuple[str, ...] | Tree
"""A class name, for multi-label data a tuple of class names (the empty tuple is "none of them"), or a tree."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence. `label` is a name, a tuple of names, a tree, or None.

    The `text` of a sentence with a tree is its words between single spaces.

    `file` and `line` say where it came from: `line` is the 1-based physical line on which the record starts in a text
    file, the row number (header = 1) in Excel, or the 1-based row in Parquet. `columns` has further cells of its row,
    those that the reader was asked for: name -> text.
    """

    text: str
    label: Label | None = None
    line: int | None = None
    file: str | None = None
    columns: Mapping[str, str] | None = field(default=None, compare=False, repr=False)

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class Removed:
    """One row that was removed, and why. `text` and `label` are as in the file.

    split: the split it would have been in; "" if its line could not be read far enough to tell.
    """

    file: str
    line: int
    text: str
    label: str
    step: str
    reason: str
    split: str = ""

    __repr__ = short_repr


def is_one_line(text: str) -> bool:
    """Whether a text has no line break, and no half of a character, which cannot be written."""
    return len(f"{text}.".splitlines()) == 1 and not any("\ud800" <= letter <= "\udfff" for letter in text)


@dataclass(frozen=True)
class LabelSet:
    """Class names in a fixed order; index i of a model's output is `names[i]`.

    `aliases` maps other spellings (the hub's name, the class number as text) to a name, so that labels are always
    matched by name and never by position.
    """

    names: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        names = self.names if isinstance(self.names, tuple) else (None,)
        if not all(isinstance(name, str) for name in names) or not isinstance(self.aliases, Mapping):
            raise DataError(
                _(
                    "The names of labels are {names!r:.100}; expected a tuple of texts, such as ('부정', '긍정'), and "
                    "a dict of aliases.",
                    names=self.names,
                )
            )
        if len(set(self.names)) != len(self.names):
            twice = [name for name, n in Counter(self.names).items() if n > 1]
            raise DataError(_("Label names must differ; given twice: {twice}.", twice=", ".join(twice)))
        if odd := next((name for name in (*self.names, *self.aliases) if not is_one_line(name)), None):
            raise DataError(_("A label is one line of text; {label!r} is not.", label=odd[:80]))
        known = set(self.names)
        for alias, name in self.aliases.items():
            if name not in known:
                raise DataError(
                    _(
                        "Alias '{alias}' stands for '{name}', which is not one of the labels ({labels}).",
                        alias=alias,
                        name=name,
                        labels=self.listing,
                    )
                )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in self.aliases

    @property
    def listing(self) -> str:
        """The names as a message shows them: `부정, 긍정`; a name with a comma as the command line takes it."""
        return ", ".join(map(quote_name, self.names))

    def resolve(self, name: str) -> str:
        """The name that `name` (a name or an alias) stands for. DataError: unknown; the message lists the names."""
        if name in self.names:
            return name
        if name in self.aliases:
            return self.aliases[name]
        raise DataError(_("Unknown label '{name}'. The labels here are {labels}.", name=name, labels=self.listing))

    def resolved(self, label: Label | None) -> Label | None:
        """A label with the names of this set, several in its order; None where one of them is not in the set."""
        if label is None or not self.names:
            return label
        if any(name not in self for name in names_of(label)):
            return None
        if isinstance(label, str):
            return self.resolve(label)
        if isinstance(label, Tree):
            return replace(label, relations=tuple(map(self.resolve, label.relations)))
        return tuple(sorted({self.resolve(name) for name in label}, key=self.names.index))

    def index(self, name: str) -> int:
        """The position of a name or alias."""
        return self.names.index(self.resolve(name))

    def numbers(self, example: Example) -> int | list[int] | None:
        """The class number of an example; for several labels a sorted list of them; None where it has no label.

        DataError: a label outside this set, or a tree; it names the file and line of the example.
        """
        try:
            if isinstance(example.label, tuple):
                return sorted(self.index(name) for name in example.label)
            return None if example.label is None else self.index(label_text(example.label))
        except DataError as error:
            if not example.file:
                message = _("{reason} Remove such rows with munjang.clean_corpus first.", reason=error)
            else:
                message = _(
                    "{file}, line {line}: {reason} Remove such rows with munjang.clean_corpus first.",
                    file=example.file,
                    line=example.line,
                    reason=error,
                )
            raise DataError(message) from error

    def to_dict(self) -> dict[str, Any]:
        return {"names": list(self.names), "aliases": dict(self.aliases)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSet:
        return cls(tuple(data["names"]), dict(data.get("aliases", {})))


@dataclass(frozen=True)
class Card:
    """Where a corpus came from.

    notes: one-line facts for the user ("partial: train 36,547 of 45,678 rows"). licence stays English, because model
    cards look it up; translate it where it is shown.
    """

    name: str
    source: str
    licence: str = N_("unknown")
    citation: str = ""
    language: str = "ko"
    about: str = "classification"
    notes: tuple[str, ...] = ()

    __repr__ = short_repr


class Split(tuple[Example, ...]):
    """The examples of one split, in order: a tuple that knows the label set of its corpus, as do its slices.

    With it, labels become the same numbers in every split. It is equal to any list or tuple of the same examples.
    """

    labels: LabelSet

    def __new__(cls, examples: Iterable[Example] = (), labels: LabelSet | None = None) -> Split:
        split = super().__new__(cls, examples)
        split.labels = labels or LabelSet(())
        return split

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return Split(item, self.labels) if isinstance(index, slice) else item

    def __eq__(self, other: object) -> bool:
        return super().__eq__(tuple(other)) if isinstance(other, list | tuple) else NotImplemented

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        return f"Split({len(self)})" if len(self) > 1 else f"Split({list(self)!r})"


@dataclass(frozen=True)
class Corpus:
    """Examples in up to three splits, with their labels and origin.

    task: a key of munjang.tasks.TASKS, such as "classification". Examples that were just read may
    have labels outside `labels` (a 3 among 0 and 1), and may be empty or repeated; `munjang.clean_corpus` removes these
    and reports them. `rejected` holds rows that the reader could not turn into an example at all.
    """

    name: str
    task: str
    labels: LabelSet
    train: Sequence[Example] = ()
    validation: Sequence[Example] = ()
    test: Sequence[Example] = ()
    card: Card = field(default_factory=lambda: Card("", ""))
    rejected: tuple[Removed, ...] = ()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={len(getattr(self, name))}" for name in SPLITS)
        names = shortened(self.labels.listing, 100)
        return shortened(f"Corpus({brief(self.name)}, {self.task!r}, labels={names!r}, {sizes})", REPR_LENGTH)

    def __post_init__(self) -> None:
        if not isinstance(self.labels, LabelSet):
            labels = self.labels
            object.__setattr__(self, "labels", LabelSet(tuple(labels) if isinstance(labels, list) else labels))
        for name in SPLITS:
            examples = getattr(self, name)
            examples = examples if isinstance(examples, Split) else examples_of(examples)
            object.__setattr__(self, name, Split(examples, self.labels))

    @cached_property
    def label_type(self) -> type:
        """What a label of these examples is: str, tuple (of names) or Tree; str without any labels."""
        labels = (example.label for name in SPLITS for example in getattr(self, name))
        return type(next((label for label in labels if label is not None), ""))

    def split(self, name: str) -> Sequence[Example]:
        """The examples of "train", "validation" or "test". DataError: the corpus has no such split."""
        if name not in SPLITS:
            raise DataError(_("Unknown split '{name}'. Splits are {splits}.", name=name, splits=", ".join(SPLITS)))
        examples = getattr(self, name)
        if not examples:
            filled = [split for split in SPLITS if getattr(self, split)]
            if not filled:
                raise DataError(_("{corpus} has no {split} split; it has no examples.", corpus=self.name, split=name))
            raise DataError(
                _(
                    "{corpus} has no {split} split; it has {splits}. Score another one with {option:split={first}}.",
                    corpus=self.name,
                    split=name,
                    splits=", ".join(filled),
                    first=filled[0],
                )
            )
        return examples

    def with_splits(self, **splits: Sequence[Example]) -> Corpus:
        """A copy with some splits replaced."""
        fields: dict[str, Any] = {**splits}
        return replace(self, **fields)

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

        Columns text and label; label is a ClassLabel with the corpus's names in their order, or for multi-label data a
        list of them. DataError: a label is not in the set; MissingExtra: `datasets` is not installed.
        """
        if split is not None:
            return self.make_dataset(self.split(split))
        filled = {name: getattr(self, name) for name in SPLITS if getattr(self, name)}
        return dataset_dict({name: self.make_dataset(examples) for name, examples in filled.items()})

    def make_dataset(self, examples: Sequence[Example]) -> datasets.Dataset:
        """Some examples of this corpus for the `datasets` library; the label of an example without one is null."""
        numbers = [self.labels.numbers(example) for example in examples] if self.labels.names else None
        names, several = self.labels.names, self.label_type is tuple
        return labelled_dataset([example.text for example in examples], numbers, names, several=several)


WITHHELD = "보류"
"""The label of a prediction that is not sure enough: undecided, for a person to check."""
OUTSIDE, BELOW, TRUNCATED = "out of scope", "below", "truncated"
REASONS = {EMPTY: "empty", OUTSIDE: "out of scope", BELOW: "below threshold", TRUNCATED: "cut"}
"""What the note of a prediction says -> the reason to doubt it; the first that fits."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model predicts for one text.

    label: the best name; for multi-label models a tuple of the names at or above the threshold; None for an empty text;
    WITHHELD if no label is sure enough. scores: a probability for every label, highest first. note: "" or what to know
    about this prediction ("empty", "truncated to 128 tokens", ...). withheld: what the label would be without doubt, if
    that is something else.
    """

    text: str
    label: Label | None
    scores: Mapping[str, float]
    note: str = ""
    withheld: Label | None = field(default=None, repr=False)

    __repr__ = short_repr

    @property
    def suggested(self) -> Label | None:
        """The label, or what was withheld."""
        return self.label if self.withheld is None else self.withheld

    @property
    def reason(self) -> str:
        """Why the prediction may be wrong, a value of REASONS; "" if nothing speaks against it."""
        return next((reason for sign, reason in REASONS.items() if sign in self.note), "")

    @property
    def score(self) -> float:
        """The highest probability; 0.0 if there is no prediction."""
        return next(iter(self.scores.values()), 0.0)


@dataclass(frozen=True, slots=True)
class Parse:
    """The tree of one text; an empty tree for a text without words.

    text: as it was given; the tree has the words of the cleaned text. note: "" or what to know about this tree
    ("empty", or "truncated to 512 tokens": the model has not seen the words after them). probabilities: the
    confidence of each word's head by itself, before the tree was chosen.
    """

    text: str
    tree: Tree
    note: str = ""
    probabilities: tuple[float, ...] = field(default=(), compare=False)

    __repr__ = short_repr


def examples_of(data: Any) -> tuple[Example, ...]:
    """Examples from a list, or from any iterable. DataError: it holds something else, or labels of another type."""
    examples = tuple(data) if isinstance(data, Iterable) else None
    kinds = {
        (type(item), type(getattr(item, "text", None)), type(getattr(item, "label", None))) for item in examples or ()
    }
    if examples is None or not all(issubclass(kind, Example) and issubclass(text, str) for kind, text, __ in kinds):
        raise DataError(
            _(
                "Expected a Corpus or a list of Examples with texts, found a {type}. munjang.read_corpus reads a file; "
                "texts in memory become [munjang.Example(text, label) for text, label in zip(texts, labels)].",
                type=type(data).__name__,
            )
        )
    for __, __, label in kinds:
        if not issubclass(label, str | tuple | Tree | None):
            raise DataError(
                _(
                    "A label is of the type {type}. Labels are names (str), several of them a tuple of names: "
                    "Example(text, str(label)).",
                    type=label.__name__,
                )
            )
    several = (example.label for example in examples if isinstance(example.label, tuple))
    if wrong := next((name for label in several for name in label if not isinstance(name, str)), None):
        raise DataError(_("A tuple of labels holds {name!r:.100}; labels are names (str).", name=wrong))
    return examples


def check_corpus(value: object) -> None:
    """A DataError for anything but a Corpus."""
    if not isinstance(value, Corpus):
        raise DataError(
            _(
                "Expected a Corpus, found a {type}. munjang.read_corpus reads a file; "
                "munjang.Corpus('name', 'classification', labels, train=examples) holds Examples.",
                type=type(value).__name__,
            )
        )


def for_record(table: Mapping[type, Any], record: type) -> Any:
    """What a table lists under a class of records, or under the class that it was made from."""
    return next(table[kind] for kind in record.__mro__ if kind in table)


def label_text(label: Label | None, separator: str = "|") -> str:
    """A label as one cell of a table: the name, the joined names, head:relation of every word of a tree, or nothing."""
    if label is None:
        return ""
    if isinstance(label, Tree):
        return " ".join(f"{head}:{name}" for head, name in zip(label.heads, label.relations, strict=True))
    return label if isinstance(label, str) else separator.join(label)


def names_of(label: Label | None) -> tuple[str, ...]:
    """The class names in a label: none, one, or several; for a tree the relation of every word."""
    if label is None:
        return ()
    if isinstance(label, Tree):
        return label.relations
    return (label,) if isinstance(label, str) else label


def count_labels(examples: Iterable[Example]) -> Counter[str]:
    """How often each class name occurs; a multi-label example or a tree counts once for each of its names."""
    return Counter(name for example in examples for name in names_of(example.label))


def quote_name(name: str) -> str:
    """The name of a label as lists on the command line take it: in double quotes if it has a comma, ; = or a quote."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',;="') else name


def label_set(*names: tuple[str, ...]) -> LabelSet:
    """Labels in the order of the hub: `("부정", "negative")` is a name and its aliases; its number is an alias too."""
    aliases: dict[str, str] = {}
    for number, (name, *others) in enumerate(names):
        aliases |= {alias: name for alias in (str(number), *others)}
    return LabelSet(tuple(name for name, *__ in names), aliases)


def plain_labels(names: str) -> LabelSet:
    """Labels without other names, in the order of the hub; names: between spaces."""
    return label_set(*((name,) for name in names.split()))
