"""The rows of a corpus whose labels look wrong: what a person reads, edits and gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from munjang.config.arguments import checked
from munjang.config.checks import probability
from munjang.data.cleaning.filters import where
from munjang.data.cleaning.fixes import REVIEW_COLUMNS, written_label
from munjang.data.readers.writers import open_writer
from munjang.other_libraries import data_frame
from munjang.records import Corpus, Example, Label, LabelSet, short_repr
from munjang.reviewing.doubts import find_doubts
from munjang.tables import format_table
from munjang.translation import _, ngettext, stored

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN_ROWS, SHOWN_PAIRS, SHOWN_TEXT = 10, 3, 40  # rows, pairs of labels, and columns of a text in the terminal


@dataclass(frozen=True, slots=True)
class Suspect:
    """One row whose label looks wrong. sure: how probable it is that the label is wrong and the suggestion right.

    label, suggestion: as cells; several names with | between them, "-" for none of them. why: the words that speak
    against the label, and copies with another one.
    """

    file: str
    line: int
    text: str
    label: str
    suggestion: str
    sure: float
    why: str
    split: str

    __repr__ = short_repr


@dataclass(frozen=True)
class Review:
    """The suspicious rows of a corpus, the most suspicious first. `str()` is what a terminal shows.

    texts: how many rows were reviewed. wrong: about how many of their labels are wrong; the first rows are those.
    agreement: the share of labels that the models give too. Where it is low, `wrong` is too high.
    """

    corpus: str
    texts: int
    wrong: int
    agreement: float
    rows: tuple[Suspect, ...]

    __repr__ = short_repr

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """(label, suggestion) -> rows among the first `wrong`."""
        return Counter((row.label, row.suggestion) for row in self.rows[: self.wrong])

    @checked()
    def save(self, path: str | Path, *, accept: float | None = None, overwrite: bool = False) -> Path:
        """Write the review file: .xlsx, .csv and the other kinds of `open_writer`. Returns its path.

        Its last column, `fix`, is for a person: an empty cell keeps the label, a label replaces it. accept: fill in the
        suggestion where it is at least so sure. DataError: the file exists, or it cannot be written.
        """
        if accept is not None:
            probability("accept", accept)
        with open_writer(path, REVIEW_COLUMNS, overwrite=overwrite) as writer:
            for row in self.rows:
                fix = row.suggestion if accept is not None and row.sure >= accept else ""
                writer.write([*astuple(row)[:5], round(row.sure, 3), stored(row.why), row.split, fix])
        return Path(path)

    def to_pandas(self) -> DataFrame:
        """The rows as a DataFrame. MissingExtra: pandas is not installed."""
        return data_frame([astuple(row) for row in self.rows], REVIEW_COLUMNS[:-1])

    def __str__(self) -> str:
        cells = [[row.line, row.text, row.label, row.suggestion, f"{row.sure:.2f}", row.why] for row in self.rows]
        header = [_("line"), _("text"), _("label"), _("suggestion"), _("sure"), _("why")]
        table = format_table(header, cells[:SHOWN_ROWS], max_width=SHOWN_TEXT)
        return f"{table}\n\n{self.summary}" if cells else self.summary

    @property
    def summary(self) -> str:
        """The counts in words."""
        texts = ngettext("{count:,} label", "{count:,} labels", self.texts)
        if not self.rows:
            return _("None of {texts} looks wrong.", texts=texts)
        count = ngettext(
            "The models agree with {share:.0%} of {texts}. About {count:,} looks wrong",
            "The models agree with {share:.0%} of {texts}. About {count:,} look wrong",
            self.wrong,
            texts=texts,
            share=self.agreement,
        )
        pairs = [
            _("{label} given for {suggestion} ({count:,})", label=label, suggestion=suggestion, count=rows)
            for (label, suggestion), rows in self.counts.most_common(SHOWN_PAIRS)
        ]
        listed = ngettext("{count:,} row is listed", "{count:,} rows are listed", len(self.rows))
        return _("{count}, most often {pairs}; {listed}.", count=count, pairs=", ".join(pairs), listed=listed)


class LabelledRow(NamedTuple):
    """A row to review: where it is, and its text as in the file; example: as the model reads it."""

    split: str
    file: str
    line: int
    text: str
    example: Example


def review_labels(
    corpus: Corpus,
    rows: Sequence[LabelledRow],
    probabilities: np.ndarray,
    words: Sequence[str],
    copies: Sequence[Sequence[int]] = (),
    top: int | None = None,
) -> Review:
    """The review of labelled rows.

    probabilities: (n, L), of models that have not learnt from the row. words: of each row, what speaks against its
    label. copies: groups of rows, by index, that should have the same label. top: how many rows to list; None: all for
    which another label is likelier.
    """
    judge = judge_sets if corpus.label_type is tuple else judge_labels
    suggestions, contradicted, sure = judge(corpus.labels, [row.example for row in rows], probabilities, copies)
    others = {index: [other for other in group if other != index] for group in copies for index in group}
    order, suspects = np.argsort(-sure, kind="stable"), []
    for index in (order[contradicted[order]] if top is None else order[:top]).tolist():
        row = rows[index]
        label, suggestion = written_label(row.example.label), written_label(suggestions[index])
        copies_say = copies_text(row, [rows[other] for other in others.get(index, ())])
        why = "; ".join(filter(None, [words[index], copies_say]))
        suspects.append(Suspect(row.file, row.line, row.text, label, suggestion, float(sure[index]), why, row.split))
    wrong = min(max(round(sure.sum()), 1), len(suspects))
    return Review(corpus.name, len(rows), wrong, float(1 - contradicted.mean()), tuple(suspects))


def judge_labels(
    labels: LabelSet, examples: Sequence[Example], probabilities: np.ndarray, copies: Sequence[Sequence[int]]
) -> tuple[list[Label], np.ndarray, np.ndarray]:
    """The likeliest other label of each text; (n,) bool: whether it is likelier than the given one; (n,) how sure."""
    doubts = find_doubts(probabilities, np.array([labels.numbers(example) for example in examples]), copies)
    return [labels.names[number] for number in doubts.rival.tolist()], doubts.contradicted, doubts.sure


def judge_sets(
    labels: LabelSet, examples: Sequence[Example], probabilities: np.ndarray, copies: Sequence[Sequence[int]]
) -> tuple[list[Label], np.ndarray, np.ndarray]:
    """The same where a text can have several labels: each label is a question of its own, and the surest doubt counts.

    What is suggested differs from the given labels in that one, and in others that are more probably wrong than right.
    """
    given = np.zeros(probabilities.shape, np.int64)
    for row, example in enumerate(examples):
        given[row, labels.numbers(example)] = 1
    columns = zip(probabilities.T, given.T, strict=True)
    doubts = [find_doubts(np.stack([1 - column, column], axis=1), has, copies) for column, has in columns]
    sure = np.stack([each.sure for each in doubts], axis=1)
    contradicted = np.any([each.contradicted for each in doubts], axis=0)
    surest = sure.max(axis=1)
    suggested = given ^ (sure >= np.minimum(surest, 0.5)[:, None])
    sets = [tuple(name for name, has in zip(labels.names, row, strict=True) if has) for row in suggested]
    return sets, contradicted, surest


def copies_text(row: LabelledRow, copies: Sequence[LabelledRow]) -> str:
    """What those copies of a row say that have another label."""
    copies = [copy for copy in copies if copy.example.label != row.example.label]
    if not copies:
        return ""
    first = copies[0]
    place = where((first.file, first.line), (row.file, row.line))
    return ngettext(
        "a copy has {label} ({place})", "{count:,} copies have other labels, such as {label} ({place})", len(copies),
        label=written_label(first.example.label), place=place,
    )  # fmt: skip
