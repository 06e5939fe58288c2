"""Dependency trees: what is wrong with one, and the shapes that choose how it can be found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from munjang.records import Tree

HEAD_FINAL, PROJECTIVE, ANY = "head-final", "projective", "any"
SCHEMES = (HEAD_FINAL, PROJECTIVE, ANY)
"""What trees of a corpus are sure to be: every head to the right and no arcs crossed; no arcs crossed; any tree."""


def flaw(heads: Sequence[int], relations: Sequence[str]) -> str:
    """What makes heads and relations of a sentence no tree, in words that follow "its tree has"; "" for a tree."""
    for word, (head, name) in enumerate(zip(heads, relations, strict=True), start=1):
        if not 0 <= head <= len(heads):
            return f"a head out of range: word {word} hangs from {head}, the sentence has {len(heads)} words"
        if not name:
            return f"an empty relation: that of word {word}"
    roots = [word for word, head in enumerate(heads, start=1) if head == 0]
    if len(roots) > 1:
        return f"{len(roots)} roots: words {' and '.join(map(str, roots[:3]))}; expected one"
    loop = cycle(heads)
    if loop:
        return f"a cycle: word {' hangs from '.join(map(str, [*loop, loop[0]]))}"
    return "" if roots else "no root: one word must hang from 0"


def cycle(heads: Sequence[int]) -> list[int]:
    """The words of a cycle, each hanging from the next; empty where there is none. Heads are in range."""
    done = {0}
    for start in range(1, len(heads) + 1):
        path: list[int] = []
        word = start
        while word not in done:
            if word in path:
                return path[path.index(word) :]
            path.append(word)
            word = heads[word - 1]
        done.update(path)
    return []


def depths(heads: Sequence[int]) -> list[int]:
    """How many arcs lie between each word and the root, the root's word 1. heads: a tree."""
    found = [0] * (len(heads) + 1)
    for start in range(1, len(heads) + 1):
        path, word = [], start
        while word and not found[word]:
            path.append(word)
            word = heads[word - 1]
        for step, place in enumerate(reversed(path), start=1):
            found[place] = found[word] + step
    return found[1:]


def is_projective(heads: Sequence[int]) -> bool:
    """Whether no two arcs cross, the one from 0 to the root included."""
    arcs = sorted((min(word, head), max(word, head)) for word, head in enumerate(heads, start=1))
    open_ends: list[int] = []
    for left, right in sorted(arcs, key=lambda arc: (arc[0], -arc[1])):
        while open_ends and open_ends[-1] <= left:
            open_ends.pop()
        if open_ends and open_ends[-1] < right:
            return False
        open_ends.append(right)
    return True


def is_head_final(heads: Sequence[int]) -> bool:
    """Whether every word hangs from one to its right, and the last from the root."""
    return bool(heads) and heads[-1] == 0 and all(head > word for word, head in enumerate(heads[:-1], start=1))


def scheme_of(trees: Iterable[Tree]) -> str:
    """The narrowest of SCHEMES that all the trees fit."""
    scheme = HEAD_FINAL
    for tree in trees:
        if not is_projective(tree.heads):
            return ANY
        if not is_head_final(tree.heads):
            scheme = PROJECTIVE
    return scheme
