"""Cards and pages from the templates in munjang/assets/templates.

`_` and `ngettext` translate in both kinds. A page escapes whatever a template shows; a card escapes it for Markdown,
but keeps the Markdown of marked texts and escapes their fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from munjang import translation
from munjang.data.trees.pictures import tree_svg
from munjang.files import ASSETS
from munjang.metrics.report import ReportPlot, ReportTable, interval_text, left_out_text, score_text
from munjang.metrics.tables import score_table, title
from munjang.reports.figures import to_svg
from munjang.reports.plots import PLOTS
from munjang.tables import escape_markdown, format_cell, is_numeric, markdown_table

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LONG_NAME = 24  # characters from which a cell of a page may break into lines


def render(name: str, task: str = "", **values: Any) -> str:
    """The text of a template such as "card.md", for a task from its own template if there is one ("card-TASK.md")."""
    stem, kind = name.split(".")
    template = environment(kind).select_template([f"{stem}-{task}.{kind}.j2", f"{name}.j2"])
    text = template.render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n" if kind == "md" else text


@cache
def environment(kind: str) -> Environment:
    """What templates can use. kind: "md" or "html"."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(ASSETS / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.tests["table"] = lambda part: isinstance(part, ReportTable)
    made.tests["plot"] = lambda part: isinstance(part, ReportPlot)
    made.filters |= {"public": public_source, "cell": format_cell, "score": score_text, "interval": interval_text,
                     "quote": quote, "json": dump_json, "sentence": as_sentence,
                     "stored": translation.stored}  # fmt: skip
    made.globals |= {"_": translation._, "ngettext": translation.ngettext, "language": translation.language,
                     "metric_title": title, "score_table": score_table, "left_out_text": left_out_text}  # fmt: skip
    if kind == "md":
        write_markdown(made)
    else:
        made.globals |= {"column_kinds": column_kinds, "tree_svg": tree_svg, "svg": plot_svg}
    return made


def write_markdown(environment: Environment) -> None:
    """Make an environment escape for Markdown. In it a Markup is text that is Markdown already."""
    from markupsafe import Markup

    def escaped(value: object) -> Markup:
        return value if isinstance(value, Markup) else Markup(escape_markdown(str(value)))

    def keeping(translate: Callable[..., str]) -> Callable[..., Markup]:
        def translated(*texts: Any, **fields: Any) -> Markup:
            shown = {name: escaped(value) if isinstance(value, str) else value for name, value in fields.items()}
            return Markup(translate(*texts, **shown))

        return translated

    def table(given: ReportTable | tuple[Sequence[str], Iterable[Sequence[Any]]]) -> Markup:
        return Markup(markdown_table(*((given.header, given.rows) if isinstance(given, ReportTable) else given)))

    environment.finalize = escaped
    environment.globals |= {"_": keeping(translation._), "ngettext": keeping(translation.ngettext), "table": table}
    environment.filters |= {
        "json": lambda value: Markup(dump_json(value)),
        "code": lambda text: Markup("`" + text.replace("`", "'") + "`"),
        "fenced": lambda text: Markup(fenced(str(text))),
    }


def dump_json(value: Any) -> str:
    """A value as JSON, which YAML and Python read alike."""
    return json.dumps(value, ensure_ascii=False)


def fenced(text: str) -> str:
    """Text as a code block that no text in it can close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def public_source(source: str) -> str:
    """A source as others may read it: only the last part of a path on this machine."""
    return Path(source).name if Path(source).is_absolute() else source


def as_sentence(text: str) -> str:
    """A text with a capital letter."""
    return text[:1].upper() + text[1:]


def plot_svg(kind: str, title: str, **values: Any) -> str:
    """A plot of PLOTS for a page. title: what it shows, for readers who cannot see it."""
    return to_svg(PLOTS[kind](**values), title)


def column_kinds(header: Sequence[str], rows: Sequence[Sequence[Any]], texts: Sequence[int]) -> list[str]:
    """The CSS class of each column of a page's table. texts: those that hold sentences, whose white space is kept.

    Columns of numbers are aligned right.
    """
    columns = [[format_cell(row[i]) for row in rows] for i in range(len(header))]
    return [
        "text" if i in texts
        else "number" if cells and all(map(is_numeric, cells))
        else "words" if any(len(cell) > LONG_NAME for cell in cells)
        else "name"
        for i, cells in enumerate(columns)
    ]  # fmt: skip
