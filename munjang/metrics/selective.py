"""Which predictions may be accepted so that a given share of them is right: thresholds with a bound on the error.

A threshold that just reaches the target on the validation sentences misses it on the next ones about half the time.
So it is tested as in Angelopoulos, Bates, Candès, Jordan and Lei (2021), Learn then Test, arXiv:2110.01052, fixed
sequence testing: from high to low, each threshold must refuse the hypothesis that the accepted sentences are wrong more
often than the target allows (exact binomial test); the last one before the first that does not is taken. The walk
begins where START of the sentences are accepted, because among fewer a single mistake would end it. With few sentences
a mistake may end it anywhere, so the risk is shared out over several beginnings; a walk that reaches the next one takes
its share along (the fallback procedure of Wiens 2003). Then the chance that the promise is broken on sentences like
those of validation is at most RISK.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RISK = 0.1
"""The chance that a threshold keeps less than it promises, on sentences drawn like those it was chosen on."""
START, FEW_ROWS_STARTS = (0.2,), (0.2, 0.4, 0.6, 0.8)
MANY_ROWS = 2_000
WIDER = 1.02  # from one threshold that is tried to the next: so many times as many sentences are accepted
MOST_ROWS_NEEDED = 20_000  # more are no help to anybody
CURVE_POINTS = 50
PROMISED = (0.90, 0.95, 0.99)
"""What training says something about."""


@dataclass(frozen=True)
class Acceptance:
    """What happens if only predictions from a threshold on are accepted.

    target: the share that shall be right. threshold: of the confidence. answered: the share of the sentences that are
    accepted. right: the share of those that are right. n: sentences that it was measured on.
    """

    target: float
    threshold: float
    answered: float
    right: float
    n: int


def least_rows(target: float, n: int) -> int:
    """How many accepted sentences, all of them right, it takes to promise a target; n: of how many."""
    return math.ceil(math.log(RISK / len(starts_for(n))) / math.log(target))


def choose_threshold(confidence: np.ndarray, right: np.ndarray, target: float) -> Acceptance | None:
    """The lowest threshold that promises the target; None if there is none.

    confidence: (n,); right: (n,) bool; of sentences that nothing was trained on.
    """
    confidence, n = np.asarray(confidence, np.float64), len(confidence)
    least = least_rows(target, n)
    rights = np.cumsum(np.asarray(right, bool)[np.argsort(-confidence, kind="stable")])
    ends, thresholds = accepted_counts(confidence)
    starts = [math.ceil(start * n) for start in starts_for(n)]
    found, risk = None, 0.0
    for index in tried_positions(ends, max(least, starts[0])):
        count = int(ends[index])
        while starts and count >= starts[0]:
            risk += RISK / len(starts_for(n))
            del starts[0]
        hits = int(rights[count - 1])
        if risk and binomial_tail(count - hits, count, 1 - target) <= risk:
            found = Acceptance(target, float(thresholds[index]), count / n, hits / count, n)
        else:
            risk = 0.0
    return found


def starts_for(n: int) -> tuple[float, ...]:
    """The shares at which the walks over n sentences begin."""
    return START if n >= MANY_ROWS else FEW_ROWS_STARTS


def rows_needed(confidence: np.ndarray, right: np.ndarray, target: float) -> int | None:
    """About how many sentences it would take to promise the target for the surest of them, if they are as these.

    None: the surest are wrong too often for any number. Arguments as of `choose_threshold`.
    """
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    rights, needed = np.cumsum(np.asarray(right, bool)[order]), len(order)
    while len(order) and needed < MOST_ROWS_NEEDED:
        starts, least = starts_for(needed), least_rows(target, needed)
        for start in starts:
            accepted = max(least, math.ceil(start * needed))
            count = max(1, round(len(order) * min(1.0, accepted / needed)))
            errors = math.ceil(accepted * (1 - rights[count - 1] / count))
            if accepted <= needed and binomial_tail(errors, accepted, 1 - target) <= RISK / len(starts):
                return needed
        needed += max(1, needed // 50)
    return None


def coverage_curve(confidence: np.ndarray, right: np.ndarray) -> list[tuple[float, float]]:
    """(share that is answered, share of those that is right) if only the surest are answered; CURVE_POINTS of them.

    confidence: (n,); right: (n,) bool.
    """
    n = len(confidence)
    hits = np.cumsum(np.asarray(right, bool)[np.argsort(-np.asarray(confidence, np.float64), kind="stable")])
    counts = sorted({math.ceil(n * point / CURVE_POINTS) for point in range(1, CURVE_POINTS + 1)} - {0})
    return [(count / n, float(hits[count - 1] / count)) for count in counts]


def accepted_counts(confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k,) each: how many sentences have at least a confidence, and that confidence, for every different one."""
    values, counts = np.unique(-confidence, return_counts=True)
    return np.cumsum(counts), -values


def tried_positions(ends: np.ndarray, least: int) -> list[int]:
    """The positions in `ends` that are tried: from `least` sentences on, each WIDER times as many as before."""
    positions: list[int] = []
    wanted = float(least)
    while len(ends) and wanted <= ends[-1]:
        positions.append(int(np.searchsorted(ends, wanted)))
        wanted = max(wanted * WIDER, ends[positions[-1]] + 1.0)
    if positions and positions[-1] != len(ends) - 1:
        positions.append(len(ends) - 1)
    return positions


def binomial_tail(errors: int, n: int, rate: float) -> float:
    """The chance of at most so many errors among n, if each happens with this rate."""
    if errors >= n:
        return 1.0
    ratios = np.log(np.arange(n, n - errors, -1.0)) - np.log(np.arange(1.0, errors + 1)) + math.log(rate / (1 - rate))
    logs = np.concatenate([[0.0], np.cumsum(ratios)]) + n * math.log1p(-rate)
    return float(np.exp(logs).sum())
