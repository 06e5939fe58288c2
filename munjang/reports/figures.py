"""Figures that carry Hangul on any machine: a packaged font, one style, saved as PNG or as SVG for a page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from munjang.errors import missing_extra
from munjang.files import ASSETS
from munjang.tables import shorten_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = ASSETS / "fonts" / "MunjangPlot.ttf"
FONT_NAME = "Munjang Plot"
STAND_IN = "□"  # for characters that the font lacks: emoji, hanja, other scripts
NAME_WIDTH = 32  # columns of a terminal, so 16 Hangul syllables
ROW_HEIGHT = 0.27  # inches for one label of a list
UNDRAWN = ("Mn", "Me", "Cf", "Cc")

INK, QUIET, GRID = "#1b2430", "#66707d", "#e3e7ec"
BLUE, ORANGE, GREEN = "#2b6cb0", "#dd7a24", "#2f9163"
PALE_BLUE = "#8fb4da"  # areas; solid, so that grid lines do not shine through
SPLIT_COLOURS = {"train": BLUE, "validation": GREEN, "test": ORANGE}

FIGURE_STYLE: dict[str, Any] = {
    "font.family": [FONT_NAME],
    "font.size": 10.5,
    "text.color": INK,
    "text.parse_math": False,  # a label such as "$10" is no formula
    "text.usetex": False,
    "axes.facecolor": "none",
    "axes.edgecolor": "#aab3bd",
    "axes.labelcolor": INK,
    "axes.labelsize": 10.5,
    "axes.linewidth": 0.8,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.12,
    "savefig.bbox": None,
    "svg.fonttype": "path",  # letters as outlines: no font is needed where the page is read
    "svg.hashsalt": "munjang",
    "svg.image_inline": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Within the block matplotlib draws in munjang's style; the user's settings come back after it.

    A MissingExtra where matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib import font_manager
    except ImportError as error:
        raise missing_extra("plots", "report") from error
    if FONT_NAME not in {entry.name for entry in font_manager.fontManager.ttflist}:
        font_manager.fontManager.addfont(FONT)
    with matplotlib.rc_context(FIGURE_STYLE):
        yield


@cache
def font_characters() -> frozenset[int]:
    """The code points that the packaged font can draw."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(FONT)).get_charmap())


def drawable(text: str) -> str:
    """`text` on one line, composed, with one stand-in for each run of characters that the font lacks."""
    known = font_characters()
    composed = " ".join(unicodedata.normalize("NFC", text).split())
    shown = "".join(char if ord(char) in known else compatible(char, known) for char in composed)
    return re.sub(f"{STAND_IN}+", STAND_IN, shown)


def compatible(char: str, known: frozenset[int]) -> str:
    """A character as the font draws it: a plain form (ﬁ as fi, ñ as n, a lone jamo as a letter) or the stand-in."""
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if unicodedata.category(part) not in UNDRAWN)
    if all(ord(part) in known for part in plain):  # nothing is left of a mark or a joiner
        return plain
    letter = unicodedata.name(char, "").replace("CHOSEONG", "LETTER").replace("JUNGSEONG", "LETTER")
    try:
        plain = unicodedata.lookup(letter.replace("JONGSEONG", "LETTER"))
    except KeyError:
        return STAND_IN
    return plain if ord(plain) in known else STAND_IN


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, sizes in inches; call it within `style()`. No pyplot, no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def label_list(names: Sequence[str], *, width: float = 6.4, row: float = ROW_HEIGHT) -> tuple[Figure, Axes]:
    """Axes with one row for each name, the first on top."""
    figure, axes = new_figure(width, 1.5 + row * max(1, len(names)))
    axes.set_yticks(range(len(names)), [shorten_text(drawable(name), NAME_WIDTH) for name in names])
    axes.set_ylim(max(1, len(names)) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID)
    return figure, axes


def legend_below(figure: Figure, axes: Axes) -> None:
    """A legend in one line under the axes, where it covers no bar."""
    handles, labels = axes.get_legend_handles_labels()
    bars_first = sorted(range(len(handles)), key=lambda i: hasattr(handles[i], "get_marker"))
    figure.legend(
        [handles[i] for i in bars_first], [labels[i] for i in bars_first], loc="outside lower center", ncols=4
    )


def blues() -> Any:
    """A colour map from white to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("munjang", ["#f3f6fa", "#8db8df", BLUE, "#163f6e"])


def save_png(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG."""
    with style():
        figure.savefig(path, format="png", dpi=144, metadata={"Software": None})


def to_svg(figure: Figure, name: str) -> str:
    """A figure as an inline `<svg>` element that fills its container's width.

    name: what the picture shows, for readers who cannot see it. The ids inside are made from it: two figures on one
    page need different names.
    """
    from io import StringIO

    stream = StringIO()
    with style():
        figure.patch.set_alpha(0.0)
        figure.savefig(
            stream, format="svg", dpi=144, metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
        )
        figure.patch.set_alpha(1.0)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("*{stroke", "svg *{stroke")
    prefix = f"p{crc32(name.encode()):08x}"
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    width, height = figure.get_figwidth() * 72, figure.get_figheight() * 72
    size = f'style="max-width:{width:.0f}pt;min-width:min({width:.0f}pt,420px)" width="100%"'
    svg = svg.replace(f' width="{width:g}pt"', "", 1).replace(f' height="{height:g}pt"', "", 1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(name)}" {size}', 1)
