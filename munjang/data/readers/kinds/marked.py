"""Tables in text files whose cells are marked by signs: Markdown, and the labels of fastText."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from munjang.data.readers.csv import BareLine, Shape, empty_lines, sized
from munjang.data.readers.lines import Line
from munjang.data.readers.table import Bad, Row, Table, above_note, distinct, header_note
from munjang.translation import _

Lines = Callable[[], Iterator[BareLine]]
LABEL_SIGN = "__label__"
LABELS = re.compile(rf"\s*((?:{LABEL_SIGN}\S+\s+)*{LABEL_SIGN}\S+)(?:\s+|$)")
RULE = re.compile(r":?-+:? *")
LONGEST_RULE = 10_000  # characters
BAR = re.compile(r"(?<!\\)\|")
SHARE = 0.9  # of the lines that must have a label


def marked_table(path: Path, encoding: str, sample: Sequence[Line], lines: Lines) -> Table | None:
    """The table in a file of Markdown or of fastText; None if it is neither. sample: its first lines; lines: all."""
    texts = [line for line in sample if line.text.strip()]
    labelled = sum(bool(LABELS.match(line.text)) for line in texts)
    if texts and LABELS.match(texts[0].text) and labelled >= SHARE * len(texts):
        return fasttext_table(path, encoding, lines)
    rule = next((i for i, line in enumerate(texts) if i and is_rule(line.text)), None)
    if rule is None or len(markdown_cells(texts[rule].text)) != len(markdown_cells(texts[rule - 1].text)):
        return None
    barred = sum("|" in line.text for line in texts)
    return barred_table(path, encoding, texts[: rule + 1], lines) if 2 * barred > len(texts) else None


def fasttext_table(path: Path, encoding: str, lines: Lines) -> Table:
    """Lines such as `__label__긍정 좋아요`. Of several labels the cell is a list."""
    file = str(path)

    def read() -> Iterator[Row | Bad]:
        for number, line, problem in lines():
            text = line.rstrip("\r")
            found = None if problem else LABELS.match(text)
            if found:
                labels = [label.removeprefix(LABEL_SIGN) for label in found[1].split()]
                yield Row(number, (text[found.end() :], labels[0] if len(labels) == 1 else labels), file)
            else:
                yield Bad(number, problem or _("no label, expected {mark}NAME", mark=LABEL_SIGN), text, file)

    note = _("{path}: {encoding}, labels as fastText marks them, {mark}", path=path, encoding=encoding, mark=LABEL_SIGN)
    return Table(file, ("text", "label"), read, [note])


def is_rule(text: str) -> bool:
    """Whether a line is the one of dashes below the names of a table in Markdown."""
    return "|" in text and len(text) < LONGEST_RULE and all(map(RULE.fullmatch, markdown_cells(text)))


def markdown_cells(text: str) -> list[str]:
    """The cells of a line between bars."""
    bare = text.strip().removeprefix("|")
    parts = BAR.split(bare)
    if len(parts) > 1 and not parts[-1].strip():
        del parts[-1]
    return [part.strip().replace("\\|", "|") for part in parts]


def barred_table(path: Path, encoding: str, head: Sequence[Line], lines: Lines) -> Table:
    """A table with bars. head: the lines with text up to the one of dashes."""
    file, columns = str(path), distinct(markdown_cells(head[-2].text))
    shape = Shape(len(columns), len(columns))

    def read() -> Iterator[Row | Bad]:
        for number, line, problem in lines():
            text = line.rstrip("\r")
            if number <= head[-1].number:
                continue
            if problem or not text.strip():
                yield Bad(number, problem or empty_lines(1), text, file)
            else:
                yield sized(number, markdown_cells(text), text, shape, file)

    notes = [
        _("{path}: {encoding}, a table in Markdown", path=path, encoding=encoding),
        header_note(path, True, columns),
        *above_note(path, [line.text.strip() for line in head[:-2]]),
    ]
    return Table(file, columns, read, notes)
