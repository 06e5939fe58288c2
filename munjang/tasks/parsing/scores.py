"""Scores of a parser, from heads and relations of words: shares of the words, and KLUE's macro-F1 forms."""

from __future__ import annotations

import numpy as np

MERGED = 15  # KLUE's LAS counts the relations from this one of its order on as one
OTHERS, WRONG_HEAD = -3, -2


def attachment(gold: np.ndarray, guessed: np.ndarray) -> dict[str, float]:
    """uas: words with the right head; las: with the right head and relation; relations: with the right relation.

    gold, guessed: (N, 2) head and relation number of every word. Punctuation counts as any word.
    """
    right = gold == guessed
    return {
        "uas": float(right[:, 0].mean()),
        "las": float(right.all(axis=1).mean()),
        "relations": float(right[:, 1].mean()),
    }


def klue_uas(gold: np.ndarray, guessed: np.ndarray) -> float:
    """KLUE's "UAS": macro-F1 with the position of the head as the class."""
    return macro_f1(gold[:, 0], guessed[:, 0])


def klue_las(gold: np.ndarray, guessed: np.ndarray) -> float:
    """KLUE's "LAS": macro-F1 of the relations, those from MERGED on as one.

    A word with a wrong head is given a class of its own. No word has that in truth, so it is one more class with F1 0
    in the mean as soon as one head is wrong: KLUE's own code does so, and its published figures hold it.
    """
    relations = np.where(gold[:, 1] >= MERGED, OTHERS, gold[:, 1])
    found = np.where(guessed[:, 1] >= MERGED, OTHERS, guessed[:, 1])
    return macro_f1(relations, np.where(gold[:, 0] == guessed[:, 0], found, WRONG_HEAD))


def macro_f1(gold: np.ndarray, guessed: np.ndarray) -> float:
    """The mean F1 of all classes that occur in truth or as a guess; gold, guessed (N,) whole numbers."""
    classes, numbers = np.unique(np.concatenate([gold, guessed]), return_inverse=True)
    truth, found = numbers[: len(gold)], numbers[len(gold) :]
    count = len(classes)
    hits = np.bincount(truth[truth == found], minlength=count)
    return float((2 * hits / (np.bincount(truth, minlength=count) + np.bincount(found, minlength=count))).mean())


def by_relation(gold: np.ndarray, guessed: np.ndarray, count: int) -> np.ndarray:
    """(count, 5): precision, recall, F1, support and number of guesses of each relation; a hit has the head right too.

    Precision and recall are 0 where there is nothing to divide by.
    """
    right = (gold == guessed).all(axis=1)
    hits = np.bincount(gold[right, 1], minlength=count)
    support, given = np.bincount(gold[:, 1], minlength=count), np.bincount(guessed[:, 1], minlength=count)
    precision, recall = hits / np.maximum(given, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + given, 1)
    return np.stack([precision, recall, f1, support, given], axis=1)
