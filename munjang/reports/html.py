"""Pieces of a self-contained HTML page: tables, plots, sections. Everything that comes from data is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from io import BytesIO
from pathlib import Path

from munjang import __version__
from munjang.files import ASSETS, write_text
from munjang.reports.figures import FONT
from munjang.tables import is_numeric

CSS = ASSETS / "report.css"
LONG_NAME = 24  # characters from which a cell may break into lines


def html_page(title: str, parts: Iterable[str]) -> str:
    """A whole HTML document. parts: HTML made by the functions below; title: plain text.

    It needs no network: style, plots and a font for its own Hangul (for machines without one) are inside.
    """
    body = "\n".join(part for part in parts if part)
    style = font_face(body + title) + CSS.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:; font-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def write_page(path: str | Path, title: str, parts: Iterable[str]) -> Path:
    """Write a whole document with version and time at its end; a reader always sees the old or the new one whole."""
    footer = f"<footer>munjang {__version__}, {datetime.now():%Y-%m-%d %H:%M}</footer>"
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, html_page(title, [*parts, footer]))
    return target


def font_face(text: str) -> str:
    """A CSS rule with the packaged font, reduced to the Hangul in `text`; "" where there is none."""
    from fontTools import subset

    wanted = {char for char in text if "\u3131" <= char <= "\ud7a3"}
    if not wanted:
        return ""
    options = subset.Options(layout_features=[], name_IDs=[], notdef_outline=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(wanted)))
    stream = BytesIO()
    with subset.load_font(FONT, options) as font:
        subsetter.subset(font)
        font.save(stream)
    data = b64encode(stream.getvalue()).decode("ascii")
    return (
        f'@font-face {{ font-family: "Munjang Page"; src: url(data:font/ttf;base64,{data}); '
        "unicode-range: U+3131-318E, U+AC00-D7A3; }\n"
    )


def section(heading: str, *parts: str) -> str:
    """A titled block; "" where it has no parts."""
    kept = [part for part in parts if part]
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(kept) + "\n</section>" if kept else ""


def subheading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str, kind: str = "") -> str:
    """Plain text as a paragraph; "" where it is empty."""
    css = f' class="{kind}"' if kind else ""
    return f"<p{css}>{escape(text)}</p>" if text else ""


def remark(text: str) -> str:
    """A paragraph in small grey letters; "" where it is empty."""
    return paragraph(text, kind="quiet")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: Sequence[int] = ()) -> str:
    """A table of plain texts that scrolls sideways where the page is narrow.

    texts: the columns that hold sentences, whose white space is kept. Columns of numbers are aligned right.
    """
    numeric = [bool(rows) and all(is_numeric(row[i]) for row in rows) for i in range(len(header))]
    long = [any(len(row[i]) > LONG_NAME for row in rows) for i in range(len(header))]
    kinds = [
        "text" if i in texts else "number" if numeric[i] else "words" if long[i] else "name" for i in range(len(header))
    ]
    head = "".join(f'<th class="{kind}">{escape(name)}</th>' for name, kind in zip(header, kinds, strict=True))
    lines = [
        "<tr>" + "".join(f'<td class="{k}">{escape(cell)}</td>' for cell, k in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    ]
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + ("\n</tbody>\n</table></div>")
    )


def plot(svg: str) -> str:
    """A plot made by `munjang.reports.figures.to_svg`."""
    return f'<figure class="plot">{svg}</figure>'


def side_by_side(*parts: str, lean: bool = False) -> str:
    """Blocks beside each other where the page is wide enough; "" where there are none.

    All are equally wide. With `lean` the first is as narrow as its content.
    """
    kept = [f"<div>{part}</div>" for part in parts if part]
    css = "pair lean" if lean else "pair"
    return f'<div class="{css}">\n' + "\n".join(kept) + "\n</div>" if kept else ""


def preformatted(text: str) -> str:
    """Text in a fixed-width font, with its line breaks."""
    return f"<pre>{escape(text)}</pre>"


def folded(summary: str, content: str) -> str:
    """A block that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def score_box(name: str, value: str, interval: str, *, own: bool = False) -> str:
    """A large number with its name above and its interval beneath."""
    return (
        f'<div class="score{" own" if own else ""}"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}</div><div class="interval">{escape(interval)}</div></div>'
    )


def boxes(*parts: str) -> str:
    """Score boxes in a row."""
    return '<div class="scores">\n' + "\n".join(parts) + "\n</div>"
