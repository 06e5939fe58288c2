"""Which labels look wrong: confident learning on held-out probabilities (Northcutt, Jiang & Chuang, 2021).

A probability is held out if the model that gave it did not learn from the row. Every function here is for one question:
n texts with one of K labels each. Several labels a text are as many questions with the labels 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Share of wrong labels. Where models and labels agree everywhere else, one contradiction must still be doubtful, and
# from 0.5 on labels would speak for their opposite.
LEAST_NOISE, MOST_NOISE = 0.05, 0.4
LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class Doubts:
    """What speaks against the labels of n texts.

    rival: (n,) the likeliest other label. contradicted: (n,) bool: where it is likelier than the given one. sure: (n,)
    how probable it is that the given label is wrong and the rival right.
    """

    rival: np.ndarray
    contradicted: np.ndarray
    sure: np.ndarray


def thresholds(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(K,) the mean probability of each label over the texts that have it; infinite for a label without texts."""
    sums = np.bincount(given, probabilities[np.arange(len(given)), given], probabilities.shape[1])
    counts = np.bincount(given, minlength=probabilities.shape[1])
    return np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0)


def confident_joint(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(K, K) int: [i, j] counts the texts with the label i that are confidently j: of the labels that reach
    their threshold the likeliest. Texts without one are left out.

    probabilities: (n, K), held out. given: (n,) the labels as numbers.
    """
    reached = np.where(probabilities >= thresholds(probabilities, given), probabilities, -1.0)
    is_confident = reached.max(axis=1) >= 0
    joint = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(joint, (given[is_confident], reached.argmax(axis=1)[is_confident]), 1)
    return joint


def find_doubts(probabilities: np.ndarray, given: np.ndarray, copies: Sequence[Sequence[int]] = ()) -> Doubts:
    """What speaks against each label. copies: groups of texts that should have the same label, by index.

    `sure` is e·q / (e·q + (1 - e)·p): p and q are the probabilities of the given label and of its rival, e is the share
    of texts off the diagonal of the confident joint. For two labels this is the order by p alone; for more it is as
    good as the orders of cleanlab (EXPERIMENTS, 2026-12-01), and its sum is about the number of wrong labels.
    """
    joint, rows = confident_joint(probabilities, given), np.arange(len(given))
    noise = float(np.clip((joint.sum() - joint.trace()) / len(given), LEAST_NOISE, MOST_NOISE))
    voted = with_votes(probabilities, given, copies)
    others = voted.copy()
    others[rows, given] = -1
    rival = others.argmax(axis=1)
    own, other = voted[rows, given], voted[rows, rival]
    sure = noise * other / (noise * other + (1 - noise) * own + LEAST_PROBABILITY)
    return Doubts(rival, other > own, sure)


def with_votes(probabilities: np.ndarray, given: np.ndarray, copies: Sequence[Sequence[int]]) -> np.ndarray:
    """(n, K) probabilities after the labels of a text's copies: the mean of what the model and each copy say.

    Not their product: 66 of 130 labels of "ㅋㅋ" in NSMC, which are stars, would make the others wrong for certain.
    """
    voted, labels = probabilities.astype(np.float64), probabilities.shape[1]
    for group in map(np.asarray, copies):
        votes = np.bincount(given[group], minlength=labels) - np.eye(labels)[given[group]]
        voted[group] = (voted[group] + votes) / len(group)
    return voted
