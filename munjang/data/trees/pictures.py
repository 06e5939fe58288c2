"""A dependency tree as lines for a terminal, and as arcs in an SVG that needs nothing from the network."""

from __future__ import annotations

from html import escape

from munjang.records import Tree
from munjang.tables import display_width

CELL, GAP, MARGIN, LEVEL, LINE = 9, 26, 24, 30, 22  # pixels: narrow letter, between words, border, step of an arc, line


def tree_lines(tree: Tree) -> str:
    """The tree with its root on top: one line for each word, below its head, in the order of the sentence."""
    children: dict[int, list[int]] = {}
    for word, head in enumerate(tree.heads, start=1):
        children.setdefault(head, []).append(word)
    lines: list[str] = []
    stack = [(word, "", "") for word in reversed(children.get(0, []))]
    while stack:
        word, lead, below = stack.pop()
        lines.append(f"{lead}{tree.words[word - 1]}  {tree.relations[word - 1]}")
        below_word = children.get(word, [])
        ends = [(child, child == below_word[-1]) for child in below_word]
        stack += [
            (child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
            for child, last in reversed(ends)
        ]
    return "\n".join(lines)


def tree_svg(tree: Tree) -> str:
    """The sentence in one line, with an arc from every head to its word and the relation on the arc."""
    widths = [max(display_width(word), 4) * CELL for word in tree.words]
    centres, left = [], float(MARGIN)
    for width in widths:
        centres.append(left + width / 2)
        left += width + GAP
    levels = arc_levels(tree)
    base = MARGIN + LEVEL * (max(levels, default=0) + 1) + LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left - GAP + MARGIN:.0f}" height="{base + 2 * LINE}" '
        f'font-family="sans-serif" font-size="15" role="img" aria-label="{escape(" ".join(tree.words), quote=True)}">',
        '<g fill="none" stroke="#557" stroke-width="1.4">',
    ]
    labels = []
    for word, (head, name) in enumerate(zip(tree.heads, tree.relations, strict=True), start=1):
        child, top = centres[word - 1], base - LEVEL * levels[word - 1] - LINE
        start = centres[head - 1] if head else child
        start += 0 if not head else 5 if child > start else -5
        parts.append(f'<path d="M{start:.0f} {base} C{start:.0f} {top} {child:.0f} {top} {child:.0f} {base}"/>')
        parts.append(f'<path fill="#557" stroke="none" d="M{child:.0f} {base + 2} l-4 -8 l8 0 z"/>')
        middle = (start + child) / 2
        labels.append(f'<text x="{middle:.0f}" y="{base - 0.75 * (base - top) - 3:.0f}" {LABEL}>{escape(name)}</text>')
    words = [
        f'<text x="{centre:.0f}" y="{base + LINE}" text-anchor="middle">{escape(word)}</text>'
        for centre, word in zip(centres, tree.words, strict=True)
    ]
    return "\n".join([*parts, "</g>", *labels, *words, "</svg>"]) + "\n"


LABEL = 'text-anchor="middle" font-size="11" fill="#335" stroke="#fff" stroke-width="3" paint-order="stroke"'


def arc_levels(tree: Tree) -> list[int]:
    """The height of each word's arc, from 1: above every arc inside it."""
    spans = [(min(word, head or word), max(word, head or word)) for word, head in enumerate(tree.heads, start=1)]
    levels = [0] * len(spans)
    for index in sorted(range(len(spans)), key=lambda i: spans[i][1] - spans[i][0]):
        low, high = spans[index]
        within = [levels[i] for i, (a, b) in enumerate(spans) if levels[i] and low <= a and b <= high]
        levels[index] = max(within, default=0) + 1
    return levels
