"""Train the linear baseline: TF-IDF of character n-grams within words, and a linear SVM for each label.

    from munjang.inference.backends import linear

    parts = train_linear(corpus, config)   # corpus: cleaned, with train and validation, labels resolved
    linear.save(folder, parts)             # its files; linear.details(parts) is what munjang.json keeps about them
    linear.load(folder, manifest, task) -> LinearRunner
    linear.LinearRunner(parts)             # the same runner, without a folder

`parts` is a `LinearParts`. `parts.labels` has the label names in the order of the logits; `parts.settings` has what was
chosen and measured (C, validation scores of the grid, features, seconds) as plain JSON values. Only `seed` and
`class_weights` of TrainConfig are used; progress goes to the logger "munjang".
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from munjang.config.settings import TrainConfig
from munjang.errors import DataError, missing_extra
from munjang.inference.backends.linear import LinearParts, tfidf, two_columns
from munjang.metrics.scores import count_confusions, log_loss, macro_f1
from munjang.records import Corpus, Example, names_of
from munjang.tasks import task_for
from munjang.text.ngrams import Alphabet, Lookup, chunks, document_frequencies, strings
from munjang.translation import _

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

log = logging.getLogger("munjang")

GRID = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # C of the SVM; most corpora like 0.2 to 0.8, multi-label ones more
IN_TEXTS = 2  # texts that an n-gram must be in; 1 makes the model 2 to 4 times as large, validation is no better
TOLERANCE = 0.05  # of the solver; 0.0001 took 5 times as long for the same validation accuracy
ROUNDS = 100
SCALES = np.geomspace(0.1, 20, 60)  # factors to try that turn margins into logits


@dataclass(frozen=True)
class Features:
    """The n-grams that are used, from a train split."""

    alphabet: Alphabet
    keys: np.ndarray  # (V,) uint64
    lookup: Lookup
    idf: np.ndarray  # (V,) float32

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """(texts, V) TF-IDF, sparse."""
        from scipy.sparse import csr_matrix, vstack

        parts = []
        for chunk in chunks(texts):
            rows, columns, values = tfidf(chunk, self.alphabet, self.lookup, self.idf)
            parts.append(csr_matrix((values, (rows, columns)), shape=(len(chunk), len(self.keys))))
        return vstack(parts, format="csr")


def train_linear(corpus: Corpus, config: TrainConfig) -> LinearParts:
    """Fit on `corpus.train`; choose C and the temperature on `corpus.validation`. The test split is not read.

    The model is not fitted again on train and validation together, so that the baseline learns from the same sentences
    as a network. DataError: one of the splits is missing, or the train texts have no characters.
    """
    if not (corpus.train and corpus.validation):
        raise DataError(_("{corpus}: the linear model needs a train and a validation split.", corpus=corpus.name))
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise missing_extra(_("the linear baseline"), "train") from error
    start = time.monotonic()
    features = find_features([example.text for example in corpus.train])
    train = features.matrix([example.text for example in corpus.train])
    validation = features.matrix([example.text for example in corpus.validation])
    references, validation_references = targets(corpus.train, corpus), targets(corpus.validation, corpus)
    single = not task_for(corpus).several
    log.info("linear: %d n-grams of 1 to 4 characters from %d texts", len(features.keys), len(corpus.train))

    scores, best = {}, None
    for c in GRID:
        weights, bias = fit(train, references, c, config, single=single)
        margins = validation @ weights + bias
        scores[c] = margins_macro_f1(margins, validation_references, single=single)
        log.info("linear: C %g, validation macro F1 %.4f", c, scores[c])
        if best is None or scores[c] > scores[best[0]]:
            best = (c, weights, bias, margins)
        elif max(list(scores.values())[-2:]) < scores[best[0]]:
            break  # worse than the best twice in a row
    c, weights, bias, margins = best
    scale, loss = temperature(margins, validation_references, single=single)
    seconds = time.monotonic() - start
    log.info("linear: C %g chosen on the validation split, %.0f s", c, seconds)
    settings = {
        "C": c,
        "dev_macro_f1": {f"{c:g}": round(score, 6) for c, score in scores.items()},
        "dev_log_loss": round(loss, 6),
        "margin_scale": round(float(scale), 6),
        "features": len(features.keys),
        "class_weights": config.class_weights,
        "seed": config.seed,
        "seconds": round(seconds, 1),
    }
    return LinearParts(
        strings(features.keys, features.alphabet),
        features.idf,
        (weights * scale).astype(np.float32),
        (bias * scale).astype(np.float32),
        corpus.labels.names,
        settings,
    )


def find_features(texts: Sequence[str]) -> Features:
    """The n-grams in at least IN_TEXTS texts (in at least one, if none is in more), with smooth idf."""
    alphabet = Alphabet.of(texts)
    keys, frequencies = document_frequencies(texts, alphabet)
    if not len(keys):
        raise DataError(_("The train texts have no characters to learn from."))
    is_frequent = frequencies >= min(IN_TEXTS, frequencies.max())
    keys, frequencies = keys[is_frequent], frequencies[is_frequent]
    idf = np.log((1 + len(texts)) / (1 + frequencies)) + 1
    return Features(alphabet, keys, Lookup(keys), idf.astype(np.float32))


def targets(examples: Sequence[Example], corpus: Corpus) -> np.ndarray:
    """(examples, labels) bool: which labels each example has."""
    references = np.zeros((len(examples), len(corpus.labels)), bool)
    index = {name: corpus.labels.index(name) for name in (*corpus.labels.names, *corpus.labels.aliases)}
    for row, example in enumerate(examples):
        for name in names_of(example.label):
            references[row, index[name] if name in index else corpus.labels.index(name)] = True
    return references


def fit(
    matrix: csr_matrix, references: np.ndarray, c: float, config: TrainConfig, *, single: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (V, K) and bias (K,): one linear SVM for each label against the rest (for the second of two labels)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    columns = references[:, 1:] if single and references.shape[1] == 2 else references
    weights = np.zeros((matrix.shape[1], columns.shape[1]))
    bias = np.zeros(columns.shape[1])
    for k in range(columns.shape[1]):
        has = columns[:, k]
        if has.all() or not has.any():  # nothing to learn: every example has the label, or none
            bias[k] = 1.0 if has.any() else -1.0
            continue
        svm = LinearSVC(
            C=c, class_weight=config.class_weights, tol=TOLERANCE, max_iter=ROUNDS, random_state=config.seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # ROUNDS is there to stop a large C early
            svm.fit(matrix, has)
        weights[:, k], bias[k] = svm.coef_[0], svm.intercept_[0]
    return weights, bias


def as_logits(margins: np.ndarray, labels: int) -> np.ndarray:
    """(texts, labels) logits from margins (texts, K)."""
    return two_columns(margins) if margins.shape[1] < labels else margins


def margins_macro_f1(margins: np.ndarray, references: np.ndarray, *, single: bool) -> float:
    """Macro F1 of the predictions from these margins."""
    logits = as_logits(margins, references.shape[1])
    predicted = np.arange(references.shape[1]) == logits.argmax(axis=1)[:, None] if single else logits > 0
    return float(macro_f1(count_confusions(references, predicted)))


def temperature(margins: np.ndarray, references: np.ndarray, *, single: bool) -> tuple[float, float]:
    """The factor that makes the margins the best logits, by log loss on the validation split, and that loss in nats."""
    logits = as_logits(margins, references.shape[1])
    losses = [log_loss(logits * scale, references, single=single) for scale in SCALES]
    best = int(np.argmin(losses))
    return float(SCALES[best]), float(losses[best])
