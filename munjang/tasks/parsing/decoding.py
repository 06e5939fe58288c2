"""The best tree for a table of scores, exactly: head-final, projective, or any.

All take scores (B, W, W + 1): [b, i, j] is how well word i + 1 hangs from word j, and j = 0 is the root; and words
(B,), how many words each sentence has. They return heads (B, W) int64, 0 beyond a sentence's words. Scores need not be
probabilities; the best tree has the largest sum over its words. Minus infinity forbids an arc; if only forbidden arcs
are left, the result is still a legal tree. NumPy only; the dynamic programmes run over a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from munjang.data.trees.shapes import ANY, HEAD_FINAL, PROJECTIVE, cycle

LOWEST = -1e9  # used instead of minus infinity, to keep sums finite


def head_final_trees(scores: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The best trees with all heads on the right and no crossing arcs; the last word is the root.

    inside[i, j] is the best score with words i to j - 1 below word j. Word i hangs from some k, at most j. No arc may
    cross the arc of i, so the words between i and k are below k, and k and the words after it are below j:
        inside[i, j] = max over k in i + 1 .. j of score[i, k] + inside[i + 1, k] + inside[k, j]
    with inside[j, j] = 0. O(W^3); one step handles the spans of one length in the whole batch.
    """
    batch, width, _ = scores.shape
    arcs = np.maximum(np.nan_to_num(scores[:, :, 1:].astype(np.float64), nan=LOWEST, neginf=LOWEST), LOWEST)
    inside = np.zeros((batch, width + 1, width))  # [b, i, j]; i = j + 1 is not used
    choice = np.zeros((batch, width, width), np.int64)
    for length in range(1, width):
        starts = np.arange(width - length)
        ends = starts + length
        heads = starts[:, None] + np.arange(1, length + 1)  # (spans, candidates)
        first = starts[:, None]
        sums = arcs[:, first, heads] + inside[:, first + 1, heads] + inside[:, heads, ends[:, None]]
        best = sums.argmax(axis=2)  # (B, spans)
        inside[:, starts, ends] = np.take_along_axis(sums, best[:, :, None], 2)[:, :, 0]
        choice[:, starts, ends] = starts + 1 + best
    heads = np.zeros((batch, width), np.int64)
    for sentence, count in enumerate(words):
        spans = [(0, int(count) - 1)]
        while spans:
            start, end = spans.pop()
            if start < end:
                head = int(choice[sentence, start, end])
                heads[sentence, start] = head + 1
                spans += [(start + 1, head), (head, end)]
    return heads


def projective_trees(scores: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The best trees without crossing arcs and with one root: Eisner (1996), by spans of the whole batch.

    open_*[s, t]: a span with an arc between s and t. left, right [s, t]: a head with all its dependents on one side. At
    the end each word is tried as the root, so there is exactly one.
    """
    batch, width, _ = scores.shape
    table = np.maximum(np.nan_to_num(scores.astype(np.float64), nan=LOWEST, neginf=LOWEST), LOWEST)
    arcs, root = table[:, :, 1:], table[:, :, 0]  # arcs[b, i, j]: word i from word j, both from 0
    shape = (batch, width, width)
    left, right, open_left, open_right = (np.zeros(shape) for _ in range(4))  # left: the head is the last of the span
    split = {name: np.zeros(shape, np.int64) for name in ("left", "right", "open")}
    for length in range(1, width):
        s = np.arange(width - length)
        t = s + length
        between = s[:, None] + np.arange(length)  # the last word of the first half
        joined = right[:, s[:, None], between] + left[:, between + 1, t[:, None]]
        best = joined.argmax(axis=2)
        split["open"][:, s, t] = s + best
        value = np.take_along_axis(joined, best[:, :, None], 2)[:, :, 0]
        open_left[:, s, t] = value + arcs[:, s, t]
        open_right[:, s, t] = value + arcs[:, t, s]
        closed = left[:, s[:, None], between] + open_left[:, between, t[:, None]]
        best = closed.argmax(axis=2)
        split["left"][:, s, t] = s + best
        left[:, s, t] = np.take_along_axis(closed, best[:, :, None], 2)[:, :, 0]
        after = between + 1
        closed = open_right[:, s[:, None], after] + right[:, after, t[:, None]]
        best = closed.argmax(axis=2)
        split["right"][:, s, t] = s + 1 + best
        right[:, s, t] = np.take_along_axis(closed, best[:, :, None], 2)[:, :, 0]
    heads = np.zeros((batch, width), np.int64)
    for sentence, count in enumerate(map(int, words)):
        if count:
            whole = root[sentence, :count] + left[sentence, 0, :count] + right[sentence, range(count), count - 1]
            trace_heads(
                heads[sentence], {name: table[sentence] for name, table in split.items()}, int(whole.argmax()), count
            )
    return heads


def trace_heads(heads: np.ndarray, split: dict[str, np.ndarray], root: int, count: int) -> None:
    """Write the heads of one sentence of `count` words, following the choices of Eisner's algorithm from its root."""
    spans = [("left", 0, root), ("right", root, count - 1)]
    while spans:
        kind, s, t = spans.pop()
        if s == t:
            continue
        middle = int(split["open" if kind.startswith("open") else kind][s, t])
        if kind == "left":
            spans += [("left", s, middle), ("open left", middle, t)]
        elif kind == "right":
            spans += [("open right", s, middle), ("right", middle, t)]
        else:
            child, head = (s, t) if kind == "open left" else (t, s)
            heads[child] = head + 1
            spans += [("right", s, middle), ("left", middle + 1, t)]


def spanning_trees(scores: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The best trees of any shape with one root: Chu-Liu (1965) and Edmonds (1967).

    If the best heads of all words already make a tree with one root, as they mostly do, that is the result. Else the
    algorithm runs with root arcs at such a cost that the best tree has only one of them.
    """
    batch, width, _ = scores.shape
    table = np.maximum(np.nan_to_num(scores.astype(np.float64), nan=LOWEST, neginf=LOWEST), LOWEST)
    table[:, np.arange(width), np.arange(1, width + 1)] = -np.inf
    heads = np.zeros((batch, width), np.int64)
    for sentence, count in enumerate(map(int, words)):
        if not count:
            continue
        arcs = table[sentence, :count, : count + 1]
        greedy = arcs.argmax(axis=1)
        if (greedy == 0).sum() == 1 and not cycle(greedy.tolist()):
            heads[sentence, :count] = greedy
        else:
            heads[sentence, :count] = one_root(arcs)
    return heads


def one_root(scores: np.ndarray) -> np.ndarray:
    """The heads (W,) of the best tree with one root for one sentence. scores (W, W + 1).

    A root arc costs more than the scores of two trees can differ, so a tree with fewer root arcs is always better.
    """
    finite = scores[np.isfinite(scores)]
    penalised = scores.copy()
    penalised[:, 0] -= (finite.max() - finite.min() + 1.0) * (len(scores) + 1)
    table = np.full((len(scores) + 1, len(scores) + 1), -np.inf)  # [child, head], the root among the children
    table[1:] = penalised
    return edmonds(table)[1:]


def edmonds(table: np.ndarray) -> np.ndarray:
    """The best heads (N,) of nodes; node 0 is the root, and heads[0] is 0. table (N, N): [child, head].

    Every node takes its best head. A cycle is contracted into one node, the smaller problem is solved, and the cycle is
    opened where an arc enters it.
    """
    heads = table.argmax(axis=1)
    heads[0] = 0
    loop = cycle(heads[1:].tolist())
    if not loop:
        return heads
    inside = np.array(loop)
    outside = np.setdiff1d(np.arange(len(table)), inside)  # 0 is among them
    kept = table[inside, heads[inside]]
    entering = table[np.ix_(inside, outside)] - kept[:, None]  # the cost of breaking the cycle at each of its nodes
    leaving = table[np.ix_(outside, inside)]
    smaller = np.full((len(outside) + 1, len(outside) + 1), -np.inf)
    smaller[:-1, :-1] = table[np.ix_(outside, outside)]
    smaller[-1, :-1] = entering.max(axis=0)
    smaller[:-1, -1] = leaving.max(axis=1)
    solved = edmonds(smaller)
    for row, head in enumerate(solved[:-1]):
        node = outside[row]
        heads[node] = inside[leaving[row].argmax()] if head == len(outside) else outside[head]
    heads[0] = 0
    broken = entering[:, solved[-1]].argmax()
    heads[inside[broken]] = outside[solved[-1]]
    return heads


DECODERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    HEAD_FINAL: head_final_trees,
    PROJECTIVE: projective_trees,
    ANY: spanning_trees,
}
"""Scheme of a corpus -> its decoder."""
