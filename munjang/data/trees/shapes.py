"""Dependency trees: what is wrong with one, and the shapes that decide how a parser searches for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from munjang.records import Tree
from munjang.translation import _, ngettext

HEAD_FINAL, PROJECTIVE, ANY = "head-final", "projective", "any"
SCHEMES = (HEAD_FINAL, PROJECTIVE, ANY)
"""What is true of all trees of a corpus: every head to the right and no arcs cross; no arcs cross; nothing."""


def flaw(heads: Sequence[int], relations: Sequence[str]) -> str:
    """Why heads and relations of a sentence are not a tree, as a sentence for the user; "" for a tree."""
    for word, (head, name) in enumerate(zip(heads, relations, strict=True), start=1):
        if not 0 <= head <= len(heads):
            return ngettext(
                "Word {word} hangs from {head}, but the sentence has {count} word.",
                "Word {word} hangs from {head}, but the sentence has {count} words.",
                len(heads),
                word=word,
                head=head,
            )
        if not name:
            return _("Word {word} has no relation.", word=word)
    roots = [word for word, head in enumerate(heads, start=1) if head == 0]
    if not heads:
        return _("It has no words.")
    if len(roots) > 1:
        first = ", ".join(map(str, roots[:3]))
        if len(roots) > 3:
            return _("It has {count} roots (words {first}, …), expected one.", count=len(roots), first=first)
        return _("It has {count} roots (words {first}), expected one.", count=len(roots), first=first)
    if loop := cycle(heads):
        return _("Words hang in a cycle: {words}.", words=" → ".join(map(str, [*loop, loop[0]])))
    return "" if roots else _("It has no root: one word must hang from 0.")


def cycle(heads: Sequence[int]) -> list[int]:
    """The words of a cycle, each of them hangs from the next; empty if there is none. Heads are in range."""
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
    """The depth of each word: 1 for the word that hangs from the root, and so on. heads: a tree."""
    levels = [0] * (len(heads) + 1)
    for start in range(1, len(heads) + 1):
        path, word = [], start
        while word and not levels[word]:
            path.append(word)
            word = heads[word - 1]
        for step, above in enumerate(reversed(path), start=1):
            levels[above] = levels[word] + step
    return levels[1:]


def is_projective(heads: Sequence[int]) -> bool:
    """Whether no two arcs cross, including the arc from 0 to the root."""
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
    """Whether every word hangs from a word to its right, and the last word from the root."""
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
