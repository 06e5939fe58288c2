"""Tables for a terminal and for Markdown; Hangul takes two columns and stays aligned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from numbers import Integral, Real

from munjang.translation import _

COLUMN_GAP = "  "


def display_width(text: str) -> int:
    """How many columns a terminal gives `text`: Hangul, hanja and emoji two each, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(char_width(char) for char in text)


def char_width(char: str) -> int:
    """Columns of one character (0, 1 or 2)."""
    if "\u1160" <= char <= "\u11ff" or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0  # vowels and finals of decomposed Hangul sit on their initial; marks and joiners take no room
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def pad_cell(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with spaces to `width` columns, on the left if `right` is set; never cut."""
    spaces = " " * max(0, width - display_width(text))
    return spaces + text if right else text + spaces


def shorten_text(text: str, width: int) -> str:
    """`text` in at most `width` columns (at least 1); "…" shows a cut."""
    if display_width(text) <= width:
        return text
    used, kept = 1, []
    for char in text:
        used += char_width(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def format_cell(value: object) -> str:
    """A value as a cell: whole numbers with thousands separators, other numbers to three decimals, None as "-".

    Text stays on one line: line breaks, tabs and other control characters become spaces.
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):,.3f}"
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in str(value))


def format_table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    max_width: int = 60,
    indent: str = "",
) -> str:
    """An aligned table without a final line break; the header is underlined, columns of numbers are right-aligned.

    header: one name a column; empty names give a table without a header line. rows: cells as `format_cell` takes them,
    one for each column. Cells wider than `max_width` columns are cut with "…".
    """
    cells = [[shorten_text(format_cell(value), max_width) for value in row] for row in rows]
    names = [format_cell(name) for name in header]
    columns = range(len(names))
    widths = [max(display_width(row[i]) for row in [names, *cells]) for i in columns]
    numeric = [all(is_numeric(row[i]) for row in cells) and bool(cells) for i in columns]
    lines = [names, ["-" * width for width in widths], *cells] if any(names) else cells
    return "\n".join(
        (indent + COLUMN_GAP.join(pad_cell(line[i], widths[i], right=numeric[i]) for i in columns)).rstrip()
        for line in lines
    )


def is_numeric(cell: str) -> bool:
    """Whether a cell reads as a number, a share, an interval or nothing."""
    return cell in ("", "-") or (any(c.isdigit() for c in cell) and all(c in "0123456789.,%+-–−±[] " for c in cell))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same cells as a Markdown table, without a final line break; the signs of Markdown are escaped."""
    names, *cells = ([escape_markdown(format_cell(value)) for value in row] for row in [header, *rows])
    right = [bool(cells) and all(is_numeric(row[i].replace("\\", "")) for row in cells) for i in range(len(names))]
    lines = [names, ["---:" if numeric else "---" for numeric in right], *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def escape_markdown(text: str) -> str:
    """Text that Markdown shows unchanged."""
    return re.sub(r"[\\`*{}\[\]<>#|~]|\b_|_\b", r"\\\g<0>", text.replace("&", "&amp;"))
