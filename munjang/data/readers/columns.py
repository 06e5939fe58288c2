"""Which column holds the texts and which the labels, and how a cell becomes a label."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from munjang.data.readers.table import cell_text
from munjang.errors import ConfigError, DataError
from munjang.translation import _

TEXT_NAMES = (
    "text", "document", "본문", "텍스트", "리뷰", "댓글", "문장", "내용", "sentence", "comment", "comments", "review",
    "reviews", "sentences", "texts", "content", "contents", "body", "message", "messages", "utterance", "tweet",
    "후기", "메시지", "발화", "문의", "의견", "상담내용", "문의내용",
)  # fmt: skip
WEAK_TEXT_NAMES = ("question", "query", "질문", "질의", "글", "제목", "title", "headline", "tokens")
LABEL_NAMES = (
    "label", "labels", "라벨", "레이블", "감정", "감성", "분류", "클래스", "class", "target", "category", "카테고리",
    "sentiment", "emotion", "정답", "의도", "intent", "주제", "topic", "유형", "평점", "별점", "점수", "rating",
    "ratings", "stars", "star", "score", "polarity", "극성",
)  # fmt: skip
OTHER_NAMES = (
    "id", "no", "no.", "번호", "순번", "index", "idx", "guid", "date", "날짜", "일자", "작성일", "시간", "제품", "상품",
    "product", "user", "작성자", "닉네임", "split", "source", "url",
)  # fmt: skip
KNOWN_NAMES = frozenset(TEXT_NAMES + WEAK_TEXT_NAMES + LABEL_NAMES + OTHER_NAMES)
MAX_CLASSES = 100  # a column with more values is not guessed to be the labels
WHOLE = re.compile(r"[+-]?\d+\.0+")
TRUTH = {"true": "True", "false": "False"}


def normal_name(name: str) -> str:
    """A column name as names are compared: composed (NFC), trimmed, small letters."""
    return unicodedata.normalize("NFC", name).strip().strip("\ufeff").casefold()


def find_column(name: str, columns: Sequence[str], file: str, flag: str) -> int:
    """The place of the column called `name`, or of the one numbered so; a DataError that lists the columns otherwise.

    flag: the option that named it, such as "--text", for the message.
    """
    wanted = normal_name(name)
    for place, column in enumerate(columns):
        if normal_name(column) == wanted:
            return place
    if name.isdecimal() and 1 <= int(name) <= len(columns):
        return int(name) - 1
    hint = (suggestion(columns) if flag in ("--text", "--label") else "") or f"Say {flag} COLUMN."
    raise DataError(
        _(
            "No column '{name}' in {file}; it has {columns}. {hint}",
            name=name,
            file=file,
            columns=", ".join(columns),
            hint=hint,
        )
    )


def suggestion(columns: Sequence[str]) -> str:
    """`Did you mean --text 본문 --label 감정?`, as far as names tell; else ""."""
    text, label = text_by_name(columns), by_name(columns, LABEL_NAMES)
    flags = [f"--{flag} {columns[place]}" for flag, place in (("text", text), ("label", label)) if place is not None]
    return f"Did you mean {' '.join(flags)}?" if flags else ""


def by_name(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """The column with the first of `names`, or else one of whose words is among them (review_text, 리뷰 내용)."""
    known = [normal_name(column) for column in columns]
    for name in names:
        if name in known:
            return known.index(name)
    for name in names:
        for place, column in enumerate(known):
            korean_end = not name.isascii() and len(name) > 1 and column.endswith(name)  # 고객리뷰, 상담내용
            if name in re.split(r"[\s_.\-/()]+", column) or korean_end:
                return place
    return None


def text_by_name(columns: Sequence[str]) -> int | None:
    """The column whose name says that it holds texts; one called 제목 or title only where no other does."""
    place = by_name(columns, TEXT_NAMES)
    return by_name(columns, WEAK_TEXT_NAMES) if place is None else place


def guess_text(columns: Sequence[str], sample: Sequence[Sequence[Any]], *, but: int | None = None) -> tuple[int, str]:
    """The place of the text column and why it was taken: by its name, else the longest texts in the sample rows.

    but: the place of the label column, where that is known.
    """
    lengths = [mean_length([row[place] for row in sample]) for place in range(len(columns))]
    lengths = [0.0 if place == but and len(columns) > 1 else length for place, length in enumerate(lengths)]
    place = text_by_name([name if place != but else "" for place, name in enumerate(columns)])
    if place is not None and (lengths[place] or not any(lengths)):  # "comments" may be a number of comments
        return place, "by its name"
    return max(range(len(columns)), key=lengths.__getitem__), "it has the longest texts"


def mean_length(cells: Sequence[Any]) -> float:
    """Characters a cell, numbers and dates left out."""
    texts = [cell for cell in cells if isinstance(cell, str) and not cell.replace(".", "", 1).strip("+-").isdecimal()]
    return sum(map(len, texts)) / max(1, len(cells))


def guess_label(columns: Sequence[str], sample: Sequence[Sequence[Any]], text: int, file: str) -> tuple[int, str]:
    """The place of the label column and why: by its name, else the only column with a few values that come again.

    A DataError lists the columns where none, or more than one, could be it.
    """
    others = [column if place != text else "" for place, column in enumerate(columns)]
    place = by_name(others, LABEL_NAMES)
    if place is not None:
        return place, "by its name"
    counts = {}
    for other in range(len(columns)):
        values = {cell_text(row[other]) for row in sample if cell_text(row[other])}
        if other != text and 2 <= len(values) <= min(MAX_CLASSES, len(sample) / 2):
            counts[other] = len(values)
    if len(counts) == 1:
        place, count = next(iter(counts.items()))
        return place, f"it has {count} values"
    if counts:
        could = ", ".join(f"{columns[place]} ({count} values)" for place, count in counts.items())
        raise DataError(
            _(
                "{file}: several columns could be the labels: {could}. Say which with --label COLUMN.",
                file=file,
                could=could,
            )
        )
    raise DataError(
        _(
            "{file} has no column that looks like labels; it has {columns}. Say --text COLUMN --label COLUMN.",
            file=file,
            columns=", ".join(columns),
        )
    )


def normal_label(value: Any) -> str:
    """A cell, or a name from the command line, as a label: trimmed, NFC, 1.0 as "1", true as "True"; "" is none."""
    text = unicodedata.normalize("NFC", cell_text(value)).strip()
    if WHOLE.fullmatch(text):
        return str(int(float(text)))
    return TRUTH.get(text.casefold(), text)


def split_labels(value: Any, separator: str) -> tuple[str, ...]:
    """The labels in one cell, each once and in its order; an empty cell is no label, (). A list needs no separator."""
    parts = list(value) if isinstance(value, (list, tuple)) else cell_text(value).split(separator)
    return tuple(dict.fromkeys(label for label in map(normal_label, parts) if label))


def parse_map(text: str) -> dict[str, str]:
    """`1,2=부정;4,5=긍정` as {"1": "부정", "2": "부정", "4": "긍정", "5": "긍정"}; a slip is a ConfigError."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        values, equals, label = part.rpartition("=")
        label = normal_label(label)
        keys = [normal_label(value) for value in values.split(",") if value.strip()]
        if not equals or not keys or not label:
            raise ConfigError(
                _(
                    "--map '{text}': '{part}' is not VALUES=LABEL, such as '1,2=부정;4,5=긍정'.",
                    text=text,
                    part=part.strip(),
                )
            )
        for key in keys:
            if found.setdefault(key, label) != label:
                raise ConfigError(
                    _(
                        "--map '{text}': '{key}' becomes both {found} and {label}.",
                        text=text,
                        key=key,
                        found=found[key],
                        label=label,
                    )
                )
    if not found:
        raise ConfigError(_("--map '{text}' is empty. Write it like '1,2=부정;4,5=긍정'.", text=text))
    return found


def sorted_labels(values: Mapping[str, int]) -> tuple[str, ...]:
    """Label names in their order: by number where all are numbers, else sorted."""
    try:
        return tuple(sorted(values, key=lambda value: (float(value), value)))
    except ValueError:
        return tuple(sorted(values))
