"""Scores of a parser, from heads and relations of words: shares of the words, and KLUE's macro-F1 forms."""

from __future__ import annotations

import numpy as np

MERGED = 15  # KLUE's LAS counts the relations from this one of its order on as one
OTHERS, WRONG_HEAD = -3, -2


def attachment(references: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """uas: words with the right head; las: with the right head and relation; relations: with the right relation.

    references, predicted: (N, 2) head and relation number of every word. Punctuation counts as any word.
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
    """KLUE's "LAS": macro-F1 of the relations, those from MERGED on as one.

    A word with a wrong head is given a class of its own. No word has that in truth, so it is one more class with F1 0
    in the mean as soon as one head is wrong: KLUE's own code does so, and its published figures hold it.
    """
    relations = np.where(references[:, 1] >= MERGED, OTHERS, references[:, 1])
    found = np.where(predicted[:, 1] >= MERGED, OTHERS, predicted[:, 1])
    return class_macro_f1(relations, np.where(references[:, 0] == predicted[:, 0], found, WRONG_HEAD))


def class_macro_f1(references: np.ndarray, predicted: np.ndarray) -> float:
    """The mean F1 of all classes that occur as reference or as prediction; references, predicted (N,) whole numbers."""
    classes, numbers = np.unique(np.concatenate([references, predicted]), return_inverse=True)
    truth, found = numbers[: len(references)], numbers[len(references) :]
    count = len(classes)
    tp = np.bincount(truth[truth == found], minlength=count)
    return float((2 * tp / (np.bincount(truth, minlength=count) + np.bincount(found, minlength=count))).mean())


def by_relation(references: np.ndarray, predicted: np.ndarray, count: int) -> np.ndarray:
    """(count, 5): precision, recall, F1, support and number of guesses of each relation; a hit has the head right too.

    Precision and recall are 0 where there is nothing to divide by.
    """
    right = (references == predicted).all(axis=1)
    tp = np.bincount(references[right, 1], minlength=count)
    support, given = np.bincount(references[:, 1], minlength=count), np.bincount(predicted[:, 1], minlength=count)
    precision, recall = tp / np.maximum(given, 1), tp / np.maximum(support, 1)
    f1 = 2 * tp / np.maximum(support + given, 1)
    return np.stack([precision, recall, f1, support, given], axis=1)
