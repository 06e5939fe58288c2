"""Scores of a parser from the heads and relations of words: shares of the words, and KLUE's macro-F1 forms."""

from __future__ import annotations

import numpy as np

MERGED = 15  # KLUE's LAS counts this relation of its order and all later ones as one
OTHERS, WRONG_HEAD = -3, -2


def attachment(references: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """uas: words with the right head; las: with the right head and relation; relations: with the right relation.

    references, predicted: (N, 2) head and relation number of every word. Punctuation counts like any word.
    """
    right = references == predicted
    return {
        "uas": float(right[:, 0].mean()),
        "las": float(right.all(axis=1).mean()),
        "relations": float(right[:, 1].mean()),
    }


def klue_uas(references: np.ndarray, predicted: np.ndarray) -> float:
    """KLUE's "UAS": macro-F1 with the position of the head as the class."""
    return class_macro_f1(references[:, 0], predicted[:, 0])


def klue_las(references: np.ndarray, predicted: np.ndarray) -> float:
    """KLUE's "LAS": macro-F1 of the relations; MERGED and all later ones are one class.

    Words with a wrong head get a class of their own. No reference has that class, so it adds F1 0 to the mean as soon
    as one head is wrong. KLUE's own code does the same, and its published figures include it.
    """
    relations = np.where(references[:, 1] >= MERGED, OTHERS, references[:, 1])
    merged = np.where(predicted[:, 1] >= MERGED, OTHERS, predicted[:, 1])
    return class_macro_f1(relations, np.where(references[:, 0] == predicted[:, 0], merged, WRONG_HEAD))


def class_macro_f1(references: np.ndarray, predicted: np.ndarray) -> float:
    """The mean F1 of all classes among the references or predictions; references, predicted (N,) whole numbers."""
    classes, numbers = np.unique(np.concatenate([references, predicted]), return_inverse=True)
    truth, given = numbers[: len(references)], numbers[len(references) :]
    count = len(classes)
    tp = np.bincount(truth[truth == given], minlength=count)
    return float((2 * tp / (np.bincount(truth, minlength=count) + np.bincount(given, minlength=count))).mean())


def by_relation(references: np.ndarray, predicted: np.ndarray, count: int) -> np.ndarray:
    """(count, 5): precision, recall, F1, support and number of predictions of each relation.

    A true positive has the right head too. Precision and recall are 0 where there is nothing to divide by.
    """
    right = (references == predicted).all(axis=1)
    tp = np.bincount(references[right, 1], minlength=count)
    support, given = np.bincount(references[:, 1], minlength=count), np.bincount(predicted[:, 1], minlength=count)
    precision, recall = tp / np.maximum(given, 1), tp / np.maximum(support, 1)
    f1 = 2 * tp / np.maximum(support + given, 1)
    return np.stack([precision, recall, f1, support, given], axis=1)
