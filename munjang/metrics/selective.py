"""Which predictions may be accepted so that a given share of them is right: thresholds with a bound on the error.

A threshold that just reaches the target on the validation sentences misses it on the next ones about half the time.
So it is tested as in Angelopoulos, Bates, Candès, Jordan and Lei (2021), Learn then Test, arXiv:2110.01052: from high
to low, each threshold must refuse the hypothesis that the accepted sentences are wrong more often than the target
allows (exact binomial test); the last one before the first that does not is taken. STARTS such walks begin at different
places, each with its share of RISK, so that a mistake among the surest sentences does not end the only one. Then the
chance that the promise is broken on sentences like those of validation is at most RISK.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RISK = 0.1
"""The chance that a threshold keeps less than it promises, on sentences drawn like those it was chosen on."""
STARTS = 3
GROWTH = 1.02  # from one threshold that is tried to the next: so many times as many sentences are accepted
TARGETS = (0.90, 0.95, 0.99)
"""What training says something about."""


@dataclass(frozen=True)
class Selection:
    """What happens if only predictions from a threshold on are accepted.

    target: the share that shall be right. threshold: of the confidence. answered: the share of the sentences that are
    accepted. right: the share of those that are right. n: sentences that it was measured on.
    """

    target: float
    threshold: float
    answered: float
    right: float
    n: int


def least_rows(target: float) -> int:
    """How many accepted sentences, all of them right, it takes to promise a target."""
    return math.ceil(math.log(RISK / STARTS) / math.log(target))


def choose_threshold(confidence: np.ndarray, right: np.ndarray, target: float) -> Selection | None:
    """The lowest threshold that promises the target; None if there is none.

    confidence: (n,); right: (n,) bool; of sentences that nothing was trained on.
    """
    n = len(confidence)
    ends, thresholds = accepted_counts(np.asarray(confidence, np.float64))
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    rights = np.cumsum(np.asarray(right, bool)[order])
    if not len(ends) or ends[-1] < least_rows(target):
        return None
    tried = tried_positions(ends, least_rows(target))
    passed = [
        binomial_tail(int(ends[i] - rights[ends[i] - 1]), int(ends[i]), 1 - target) <= RISK / STARTS for i in tried
    ]
    starts = sorted({int(position) for position in np.linspace(0, len(tried) - 1, STARTS + 1)[:-1]})
    found = [last_passed(passed, start) for start in starts]
    best = max((position for position in found if position is not None), default=None)
    if best is None:
        return None
    index = tried[best]
    count, hits = int(ends[index]), int(rights[ends[index] - 1])
    return Selection(target, float(thresholds[index]), count / n, hits / count, n)


def rows_needed(confidence: np.ndarray, right: np.ndarray, target: float) -> int | None:
    """About how many sentences it would take to promise the target for the surest of them, if they are as these.

    None: the surest are wrong too often for any number. Arguments as of `choose_threshold`.
    """
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    rights, n = np.cumsum(np.asarray(right, bool)[order]), len(order)
    needed = []
    for count in {math.ceil(n * share) for share in np.linspace(0.05, 1, 20)} - {0}:
        rate = 1 - rights[count - 1] / count
        accepted = least_rows(target)
        while accepted < 1e7 and binomial_tail(math.ceil(rate * accepted), accepted, 1 - target) > RISK / STARTS:
            accepted = math.ceil(accepted * 1.1)
        if rate < 1 - target and accepted < 1e7:
            needed.append(math.ceil(accepted * n / count))
    return min(needed, default=None)


def accepted_counts(confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k,) each: how many sentences have at least a confidence, and that confidence, for every different one."""
    values, counts = np.unique(-confidence, return_counts=True)
    return np.cumsum(counts), -values


def tried_positions(ends: np.ndarray, least: int) -> list[int]:
    """The positions in `ends` that are tried: from `least` sentences on, each GROWTH times as many as before."""
    positions: list[int] = []
    wanted = float(least)
    while wanted <= ends[-1]:
        position = int(np.searchsorted(ends, wanted))
        positions.append(position)
        wanted = max(wanted * GROWTH, ends[position] + 1.0)
    if positions and positions[-1] != len(ends) - 1:
        positions.append(len(ends) - 1)
    return positions


def last_passed(passed: list[bool], start: int) -> int | None:
    """The last position from `start` on before the first that did not pass; None if `start` did not."""
    stop = next((i for i in range(start, len(passed)) if not passed[i]), len(passed))
    return stop - 1 if stop > start else None


def binomial_tail(errors: int, n: int, rate: float) -> float:
    """The chance of at most so many errors among n, if each happens with this rate."""
    if errors >= n:
        return 1.0
    ratios = np.log(np.arange(n, n - errors, -1.0)) - np.log(np.arange(1.0, errors + 1)) + math.log(rate / (1 - rate))
    logs = np.concatenate([[0.0], np.cumsum(ratios)]) + n * math.log1p(-rate)
    return float(np.exp(logs).sum())
