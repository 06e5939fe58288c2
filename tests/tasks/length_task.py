"""A task of a stranger's own: is the sentence longer than ten characters?"""

from dataclasses import dataclass

import numpy as np

from munjang.records import LabelSet
from munjang.tasks.classification import Classification

LENGTHS = LabelSet(("짧음", "긺"))


def length_label(text: str) -> str:
    """The label of a sentence."""
    return LENGTHS.names[len(text) > 10]


@dataclass(frozen=True)
class LongSentence(Classification):
    """Whether a sentence has more than ten characters; scored by the harder one of the two labels."""

    name = "long-sentence"
    monitor = "worst_recall"
    exported = None

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """worst_recall: the lower one of the two labels' recalls."""
        right = predictions.argmax(axis=1) == references
        return {"worst_recall": min(float(right[references == label].mean()) for label in (0, 1))}
