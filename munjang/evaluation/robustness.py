"""The score on the same texts with noise: without spaces, with slips of the fingers, and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from munjang.metrics.breakdown import NoiseScore
from munjang.metrics.label_report import LabelReport
from munjang.metrics.scores import confusion_columns
from munjang.metrics.significance import paired_bootstrap
from munjang.text.noise import with_noise


def noisy_answers(
    texts: Sequence[str], noises: Sequence[str], answer: Callable[[list[str]], np.ndarray], *, seed: int
) -> dict[str, tuple[int, np.ndarray]]:
    """Noise -> how many of the texts it changes, and the answers for all of them with it, as `answer` gives them."""
    found = {}
    for name in noises:
        noisy = with_noise(texts, name, seed=seed)
        changed = sum(text != clean for text, clean in zip(noisy, texts, strict=True))
        found[name] = changed, answer(noisy)
    return found


def noise_scores(
    report: LabelReport, answers: Mapping[str, tuple[int, np.ndarray]], *, seed: int
) -> tuple[NoiseScore, ...]:
    """The main score with each noise against the clean one. answers: of `noisy_answers`, each (n, L) bool."""
    references, clean, metric = report.reference_table, report.counts(), report.main[0]
    scores = []
    for name, (changed, predicted) in answers.items():
        counts = confusion_columns(references, predicted)
        score, usual = (float(report.scores(part.sum(axis=0))[metric]) for part in (counts, clean))
        interval = paired_bootstrap(counts, clean, report.scores, seed=seed)[metric]
        scores.append(NoiseScore(name, changed, score, score - usual, interval))
    return tuple(scores)
