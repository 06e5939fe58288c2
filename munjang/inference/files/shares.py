"""The shares of the labels in the groups of a file, corrected for the errors of the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from munjang.inference.confidence import HeldOut
from munjang.inference.files.write import MAX_GROUPS, Counts, special_names
from munjang.metrics.shares import RowSample, corrected_label_shares, corrected_shares
from munjang.records import Prediction
from munjang.tables import format_table
from munjang.translation import _

SHOWN_GROUPS = 20
SAMPLED_ROWS, MANY_GROUPS, ROWS_OF_MANY = 2_000, 100, 200  # rows of a group; of groups beyond MANY_GROUPS


class GroupScores:
    """Samples of the probabilities in each group. labels: names in the order of `held`, of the same model."""

    def __init__(self, labels: Sequence[str], held: HeldOut) -> None:
        self.labels, self.held = labels, held
        self.samples: dict[str, RowSample] = {}

    def add(self, prediction: Prediction, group: str) -> None:
        """Take the scores of a prediction into the sample of its group; an empty text has none."""
        if not prediction.scores or (group not in self.samples and len(self.samples) >= MAX_GROUPS):
            return
        if group not in self.samples:
            self.samples[group] = RowSample(SAMPLED_ROWS if len(self.samples) < MANY_GROUPS else ROWS_OF_MANY)
        sample = self.samples[group]
        sample.add(np.array([prediction.scores[name] for name in self.labels], np.float32))

    def table(self, counts: Counts, column: str) -> str:
        """The corrected shares of the largest groups, with their intervals, as a table for the terminal."""
        confusion, n = self.held.confusion(len(self.labels)), len(self.held)
        groups = [group for group, __ in counts.sizes.most_common(SHOWN_GROUPS) if group in self.samples]
        rows = []
        for group in groups:
            scores = np.array(self.samples[group].rows)
            if self.held.several:
                shares = corrected_label_shares(scores, confusion[:, 0] + confusion[:, 2], n)
            else:
                shares = corrected_shares(scores, confusion.sum(axis=1))
            rows.append([special_names().get(group, group), *map(str, shares)])
        title = _("Corrected for the model's errors on {n:,} validation sentences:", n=n)
        return f"{title}\n{format_table([column, *self.labels], rows)}"
