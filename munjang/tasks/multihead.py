"""Several classifiers side by side on one network: one pass of a sentence answers them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from munjang.data.multi_corpus import HEAD_NAME
from munjang.errors import DataError
from munjang.records import LabelSet
from munjang.tasks.base import Batch, Encodings, Outputs
from munjang.tasks.classification import Classification, class_weights
from munjang.translation import _

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Heads(Classification):
    """One label for one of several heads a sentence. Label column: (n,) int64, the position in the flat `labels`.

    labels: "HEAD/LABEL" in the order of the logits, each head's together. Which head a sentence teaches follows from
    its label, so a batch may mix them. Names of another form, or a head in two places, are a DataError.
    """

    name: str = "heads"

    def __post_init__(self) -> None:
        __ = self.groups

    @cached_property
    def groups(self) -> tuple[tuple[str, slice], ...]:
        """Each head's name and the place of its labels among all."""
        found, start = [], 0
        for head, members in groupby(map(head_of, self.labels.names)):
            stop = start + len(list(members))
            found.append((head, slice(start, stop)))
            start = stop
        names = [head for head, __ in found]
        if twice := next((head for head in names if names.count(head) > 1), None):
            raise DataError(_("The labels of the head {twice} do not stand together.", twice=twice))
        return tuple(found)

    @cached_property
    def head_numbers(self) -> np.ndarray:
        """(L,) the number of each label's head."""
        return np.repeat(np.arange(len(self.groups)), [own.stop - own.start for __, own in self.groups])

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy within the head of each sentence's label, summed; the other heads' logits get no gradient."""
        import torch
        from torch.nn.functional import cross_entropy

        heads = torch.from_numpy(self.head_numbers).to(logits.device)
        foreign = heads[batch["labels"]][:, None] != heads  # (B, L)
        own = logits.float().masked_fill(foreign, -torch.inf)
        return cross_entropy(own, batch["labels"], weight=weights, reduction="sum")

    def probabilities(self, outputs: Outputs) -> np.ndarray:
        """Softmax within each head, (B, L) float32; a row sums to the number of heads."""
        parts = [super(Heads, self).probabilities({"logits": outputs["logits"][:, own]}) for __, own in self.groups]
        return np.concatenate(parts, axis=1)

    def score(self, references: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
        """accuracy and macro_f1, means over the heads that have sentences here, and HEAD_accuracy, HEAD_macro_f1."""
        own, heads = {}, self.head_numbers[references]
        for number, (head, place) in enumerate(self.groups):
            rows = heads == number
            if rows.any():
                task = Classification(self.labels_of(place))
                own[head] = task.score(references[rows] - place.start, probabilities[rows, place])
        means = {name: float(np.mean([scores[name] for scores in own.values()])) for name in ("accuracy", "macro_f1")}
        return means | {f"{head}_{name}": value for head, scores in own.items() for name, value in scores.items()}

    def labels_of(self, place: slice) -> LabelSet:
        """A head's part of the flat label set."""
        return LabelSet(self.labels.names[place])

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """(L,) float32: within each head as if it were alone."""
        column = encodings.columns["labels"]
        weights = np.ones(len(self.labels), np.float32)
        for __, place in self.groups:
            inside = column[(column >= place.start) & (column < place.stop)] - place.start
            part = Encodings(encodings.ids, encodings.starts, encodings.truncated, {"labels": inside})
            weights[place] = class_weights(part, self.labels_of(place))
        return weights


def head_of(flat: str) -> str:
    """The head in "HEAD/LABEL"; a DataError for a name of another form."""
    head, slash, label = flat.partition("/")
    if not (slash and label and HEAD_NAME.fullmatch(head)):
        raise DataError(
            _("'{flat}' is no label of a many-headed model; expected HEAD/LABEL such as sentiment/긍정.", flat=flat)
        )
    return head
