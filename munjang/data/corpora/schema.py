"""What the corpus table says about a corpus: where it is, the layout of its files, the names of its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from munjang.records import LabelSet

PARQUET_REF = "refs/convert/parquet"
"""The hub's own conversion of a dataset to parquet; it moves when the dataset changes."""


@dataclass(frozen=True)
class HubPlace:
    """A dataset repository on the hub: a revision (a commit, or a named ref) and the files that are wanted from it.

    files: patterns for paths in the repository; `*` also matches `/`. notes: what to know about this copy, marked
    with `N_`.
    """

    repo: str
    revision: str = PARQUET_REF
    files: tuple[str, ...] = ("default/*.parquet",)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextForm:
    """The layout of an original text file (utf-8, a byte-order mark allowed).

    quoted: fields may be in double quotes, with line breaks inside; otherwise every quote is a plain character.
    columns: names for a file without a header line; empty if the first line has them.
    """

    delimiter: str = "\t"
    quoted: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Original:
    """A file as its makers publish it. `sha256` is empty if it is not known. `.json` files are a list of objects."""

    split: str
    url: str
    sha256: str = ""
    form: TextForm = TextForm()

    @property
    def name(self) -> str:
        """The name of the file, which also identifies it in a data folder."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class CorpusRow:
    """One corpus of the table.

    title, notes: marked with `N_` and translated where they are shown; licence too, if it has more than a name.
    text, label: names of the columns, in the order of the search (the hub's first). rows: rows per split in the full
    corpus. label_type: str, tuple (several names) or Tree. about: sentiment, hate, sarcasm, intent, topic, language,
    emotion or structure. hub: where to download it from, in order. made_test: share of the only file that becomes the
    test split. part: what the names of the corpus's files contain, if several corpora share a folder.
    """

    name: str
    title: str
    about: str
    labels: LabelSet
    rows: Mapping[str, int]
    licence: str
    citation: str
    homepage: str = ""
    language: str = "ko"
    task: str = "classification"
    label_type: type = str
    text: tuple[str, ...] = ("text",)
    label: tuple[str, ...] = ("label",)
    hub: tuple[HubPlace, ...] = ()
    originals: tuple[Original, ...] = ()
    made_test: float = 0.0
    part: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def folder(self) -> str:
        """The corpus's folder in a data folder; configurations of one corpus share it."""
        return self.name.partition(":")[0]

    @property
    def embedded(self) -> bool:
        """Whether the corpus comes with munjang itself."""
        return self.folder == "sample"
