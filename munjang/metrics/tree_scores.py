"""Scores of a parser from the heads and relations of words: shares of the words, and KLUE's macro-F1 forms."""

from __future__ import annotations

import numpy as np

from munjang.translation import N_

TREE_METRICS = {
    "uas": N_("UAS"),
    "las": N_("LAS"),
    "relations": N_("words with the right relation"),
    "exact": N_("whole trees right"),
    "exact_heads": N_("trees with all heads right"),
    "klue_uas": N_("KLUE's UAS (macro-F1 over head positions)"),
    "klue_las": N_("KLUE's LAS (macro-F1 over merged relations)"),
    "next_word": N_("UAS of attaching every word to the next"),
}
"""The scores of a parser, and their names in English as tables show them."""
MERGED = 15  # KLUE's LAS counts this relation of its order and all later ones as one
OTHERS, WRONG_HEAD = -3, -2


def tree_counts(references: np.ndarray, predicted: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(n, 7): of each sentence what `tree_scores` needs.

    references, predicted: (N, 2) head and relation number of every word, sentence after sentence; lengths: (n,) their
    words. The columns: words; those with the right head, with the right head and relation, with the right relation;
    1 where all are right, 1 where all heads are; and 1, the sentence itself. Punctuation counts like any word.
    """
    right = references == predicted
    words = np.stack([right[:, 0], right.all(axis=1), right[:, 1]], axis=1)
    sums = np.add.reduceat(words.astype(np.int64), np.cumsum(lengths) - lengths)
    whole, heads = sums[:, 1] == lengths, sums[:, 0] == lengths
    return np.column_stack([lengths, sums, whole, heads, np.ones_like(lengths)])


def tree_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The shares of words and sentences that are right, each (...), from sums of `tree_counts`, (..., 7).

    uas: words with the right head; las: with the right head and relation; relations: with the right relation;
    exact: sentences without a mistake; exact_heads: with all heads right.
    """
    words, uas, las, relations, whole, heads, sentences = np.moveaxis(counts, -1, 0)
    return {
        "uas": uas / words,
        "las": las / words,
        "relations": relations / words,
        "exact": whole / sentences,
        "exact_heads": heads / sentences,
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
