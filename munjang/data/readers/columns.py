"""Finds the columns of texts and labels, and turns cells into labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from munjang.data.readers.table import cell_text
from munjang.errors import ConfigError, DataError
from munjang.translation import _, ngettext, option_text

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
MAX_CLASSES = 100  # a column with more values is not taken for the labels
WHOLE = re.compile(r"[+-]?\d+\.0+")
TRUTH = {"true": "True", "false": "False"}


def normal_name(name: str) -> str:
    """A column name in the form used for comparison: composed (NFC), trimmed, lower case."""
    return unicodedata.normalize("NFC", name).strip().strip("\ufeff").casefold()


def find_column(name: str, columns: Sequence[str], file: str, setting: str) -> int:
    """The index of the column with this name, or with this number from 1. DataError: none; it lists the columns.

    setting: what named it, such as "text", for the message.
    """
    wanted = normal_name(name)
    for index, column in enumerate(columns):
        if normal_name(column) == wanted:
            return index
    if name.isdecimal() and 1 <= int(name) <= len(columns):
        return int(name) - 1
    hint = (suggestion(columns) if setting in ("text", "label") else "") or _(
        "Say {option:{setting}=COLUMN}.", setting=setting
    )
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
    """`Did you mean text="본문", label="감정"?`, if column names suggest it; else ""."""
    guessed = {"text": text_by_name(columns), "label": by_name(columns, LABEL_NAMES)}
    meant = {name: columns[index] for name, index in guessed.items() if index is not None}
    return _("Did you mean {options}?", options=option_text(**meant)) if meant else ""


def by_name(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """The index of the column with the first of `names`, or with one of them as a word (review_text, 리뷰 내용)."""
    known = [normal_name(column) for column in columns]
    for name in names:
        if name in known:
            return known.index(name)
    for name in names:
        for index, column in enumerate(known):
            korean_end = not name.isascii() and len(name) > 1 and column.endswith(name)  # 고객리뷰, 상담내용
            if name in re.split(r"[\s_.\-/()]+", column) or korean_end:
                return index
    return None


def text_by_name(columns: Sequence[str]) -> int | None:
    """The index of the column with a name for texts; one called 제목 or title only if there is no other."""
    index = by_name(columns, TEXT_NAMES)
    return by_name(columns, WEAK_TEXT_NAMES) if index is None else index


def guess_text(columns: Sequence[str], sample: Sequence[Sequence[Any]], *, but: int | None = None) -> tuple[int, str]:
    """The index of the text column and the reason: its name, else the longest texts in the sample rows.

    but: the index of the label column, where that is known.
    """
    lengths = [mean_length([row[index] for row in sample]) for index in range(len(columns))]
    lengths = [0.0 if index == but and len(columns) > 1 else length for index, length in enumerate(lengths)]
    named = text_by_name([name if index != but else "" for index, name in enumerate(columns)])
    if named is not None and (lengths[named] or not any(lengths)):  # "comments" may be a number of comments
        return named, _("by its name")
    return max(range(len(columns)), key=lengths.__getitem__), _("it has the longest texts")


def mean_length(cells: Sequence[Any]) -> float:
    """Characters per cell; numbers and dates count as 0."""
    texts = [cell for cell in cells if isinstance(cell, str) and not cell.replace(".", "", 1).strip("+-").isdecimal()]
    return sum(map(len, texts)) / max(1, len(cells))


def guess_label(columns: Sequence[str], sample: Sequence[Sequence[Any]], text: int, file: str) -> tuple[int, str]:
    """The index of the label column and the reason: its name, else the only column with a few repeated values.

    DataError: no column, or more than one, could be it; it lists the columns.
    """
    others = [column if index != text else "" for index, column in enumerate(columns)]
    named = by_name(others, LABEL_NAMES)
    if named is not None:
        return named, _("by its name")
    counts = {}
    for other in range(len(columns)):
        values = {cell_text(row[other]) for row in sample if cell_text(row[other])}
        if other != text and 2 <= len(values) <= min(MAX_CLASSES, len(sample) / 2):
            counts[other] = len(values)
    if len(counts) == 1:
        index, count = next(iter(counts.items()))
        return index, ngettext("it has {count} value", "it has {count} values", count)
    if counts:
        candidates = [
            ngettext("{column} ({count} value)", "{column} ({count} values)", count, column=columns[index])
            for index, count in counts.items()
        ]
        raise DataError(
            _(
                "{file}: several columns could be the labels: {columns}. Say which with {option:label=COLUMN}.",
                file=file,
                columns=", ".join(candidates),
            )
        )
    both = option_text(text="COLUMN", label="COLUMN")
    raise DataError(
        _(
            "{file} has no column that looks like labels; it has {columns}. Say {options}.",
            file=file,
            columns=", ".join(columns),
            options=both,
        )
    )


def normal_label(value: Any) -> str:
    """A cell, or a name from the command line, as a label: trimmed, NFC, 1.0 as "1", true as "True"; "" is no label."""
    text = unicodedata.normalize("NFC", cell_text(value)).strip()
    if WHOLE.fullmatch(text):
        return str(int(float(text)))
    return TRUTH.get(text.casefold(), text)


def split_labels(value: Any, separator: str) -> tuple[str, ...]:
    """The labels in one cell, each once, in their order; () for an empty cell. A list needs no separator."""
    parts = list(value) if isinstance(value, (list, tuple)) else cell_text(value).split(separator)
    return tuple(dict.fromkeys(label for label in map(normal_label, parts) if label))


def parse_map(text: str) -> dict[str, str]:
    """`1,2=부정;4,5=긍정` as {"1": "부정", "2": "부정", "4": "긍정", "5": "긍정"}. ConfigError: not of this form."""
    mapping: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        values, equals, label = part.rpartition("=")
        label = normal_label(label)
        keys = [normal_label(value) for value in values.split(",") if value.strip()]
        if not equals or not keys or not label:
            raise ConfigError(
                _(
                    "{option:map={text}}: '{part}' is not VALUES=LABEL, such as '1,2=부정;4,5=긍정'.",
                    text=text,
                    part=part.strip(),
                )
            )
        for key in keys:
            if mapping.setdefault(key, label) != label:
                raise ConfigError(
                    _(
                        "{option:map={text}}: '{value}' becomes both {first} and {second}.",
                        text=text,
                        value=key,
                        first=mapping[key],
                        second=label,
                    )
                )
    if not mapping:
        raise ConfigError(_("{option:map={text}} is empty. Write it like '1,2=부정;4,5=긍정'.", text=text))
    return mapping


def sorted_labels(values: Mapping[str, int]) -> tuple[str, ...]:
    """Label names in order: by number if all are numbers, else alphabetical."""
    try:
        return tuple(sorted(values, key=lambda value: (float(value), value)))
    except ValueError:
        return tuple(sorted(values))
