"""Several classifiers on one network: one pass of a sentence predicts a label for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from munjang.config.checks import HEAD_NAME
from munjang.errors import ConfigError, DataError
from munjang.records import LabelSet
from munjang.tasks.base import Agreement, Batch, Encodings, Outputs, Task, Threshold
from munjang.tasks.classification import Classification, class_weights
from munjang.translation import _

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Heads(Classification):
    """One label of one head for each sentence. Label column: (n,) int64, the position in the flat `labels`.

    labels: "HEAD/LABEL" in the order of the logits; the labels of a head stand together. A sentence trains the head of
    its label, so a batch may mix heads. temperatures: head -> what divides its logits; 1 for others. DataError: names
    of another form, or labels of a head that stand apart.
    """

    temperatures: Mapping[str, float] = field(default_factory=dict)
    name = "heads"

    def __post_init__(self) -> None:
        self.groups  # noqa: B018 (reading it checks the labels)

    @cached_property
    def groups(self) -> tuple[tuple[str, slice], ...]:
        """Each head's name, and the slice of its labels among all."""
        groups, start = [], 0
        for head, members in groupby(map(head_of, self.labels.names)):
            stop = start + len(list(members))
            groups.append((head, slice(start, stop)))
            start = stop
        counts = Counter(head for head, __ in groups)
        if split := next((head for head, count in counts.items() if count > 1), None):
            raise DataError(_("The labels of the head {head} do not stand together.", head=split))
        return tuple(groups)

    @cached_property
    def head_numbers(self) -> np.ndarray:
        """(L,) the number of each label's head."""
        return np.repeat(np.arange(len(self.groups)), [part.stop - part.start for __, part in self.groups])

    @cached_property
    def parts(self) -> Mapping[str, Classification]:
        """The classifier of each head, by its name."""
        return {
            head: Classification(LabelSet(self.labels.names[part]), part, self.temperatures.get(head, 1.0))
            for head, part in self.groups
        }

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy within the head of each sentence's label, summed; the other heads' logits get no gradient."""
        import torch
        from torch.nn.functional import cross_entropy

        heads = torch.from_numpy(self.head_numbers).to(logits.device)
        other_heads = heads[batch["labels"]][:, None] != heads  # (B, L)
        within = logits.float().masked_fill(other_heads, -torch.inf)
        return cross_entropy(within, batch["labels"], weight=weights, reduction="sum")

    def empty_output(self, count: int) -> np.ndarray:
        """(count, L): equal probabilities within each head."""
        return np.concatenate([part.empty_output(count) for part in self.parts.values()], axis=1)

    def decode(self, outputs: Outputs) -> np.ndarray:
        """Softmax within each head, (B, L) float32; a row sums to the number of heads."""
        return np.concatenate([part.decode(outputs) for part in self.parts.values()], axis=1)

    def agreement(self, ours: np.ndarray, theirs: np.ndarray, threshold: Threshold) -> Agreement:
        """The share of texts with the same label for each head, and the differences of probabilities."""
        parts = {
            head: part.agreement(ours[:, part.columns], theirs[:, part.columns], threshold)
            for head, part in self.parts.items()
        }
        return Agreement({head: part.shares[""] for head, part in parts.items()}, np.abs(ours - theirs))

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """accuracy and macro_f1, means over the heads that have sentences here, and HEAD_accuracy, HEAD_macro_f1."""
        by_head, heads = {}, self.head_numbers[references]
        for number, (head, part) in enumerate(self.groups):
            rows = heads == number
            if rows.any():
                by_head[head] = self.parts[head].score(references[rows] - part.start, predictions[rows, part])
        means = {
            name: float(np.mean([scores[name] for scores in by_head.values()])) for name in ("accuracy", "macro_f1")
        }
        return means | {f"{head}_{name}": value for head, scores in by_head.items() for name, value in scores.items()}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """(L,) float32: within each head, as if it were the only one."""
        column = encodings.columns["labels"]
        weights = np.ones(len(self.labels), np.float32)
        for head, part in self.groups:
            inside = column[(column >= part.start) & (column < part.stop)] - part.start
            encoded = Encodings(encodings.ids, encodings.starts, encodings.truncated, {"labels": inside})
            weights[part] = class_weights(encoded, self.parts[head].labels)
        return weights


def check_head(task: Task, corpus: str) -> None:
    """A ConfigError if a task is not what a head learns: one label of several. corpus: its name in the message."""
    if type(task) is not Classification:
        raise ConfigError(
            _(
                "{corpus} is for the task {task}, and a head gives one of several labels. Train a model for it alone.",
                corpus=corpus,
                task=task.name,
            )
        )


def head_of(flat: str) -> str:
    """The head in "HEAD/LABEL". DataError: a name of another form."""
    head, slash, label = flat.partition("/")
    if not (slash and label and HEAD_NAME.fullmatch(head)):
        raise DataError(
            _(
                "'{label}' is no label of a model with several heads; expected HEAD/LABEL such as sentiment/긍정.",
                label=flat,
            )
        )
    return head
