"""Finds the columns of texts and labels: as they are named, else by their names and by what they hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from munjang.data.readers.table import cell_text
from munjang.errors import DataError
from munjang.text.names import join_names, split_names, tidy_label
from munjang.translation import _, ngettext, option_text

TEXT_NAMES = (
    "text", "document", "본문", "텍스트", "리뷰", "댓글", "문장", "내용", "sentence", "comment", "comments", "review",
    "reviews", "sentences", "texts", "content", "contents", "body", "message", "messages", "utterance", "tweet",
    "후기", "메시지", "발화", "문의", "의견", "상담내용", "문의내용", "상품평", "코멘트", "요청사항",
)  # fmt: skip
WEAK_TEXT_NAMES = ("question", "query", "질문", "질의", "글", "제목", "title", "headline", "tokens")
LABEL_NAMES = (
    "label", "labels", "라벨", "레이블", "감정", "감성", "분류", "클래스", "class", "target", "category", "카테고리",
    "sentiment", "emotion", "정답", "의도", "intent", "주제", "topic", "유형", "평점", "별점", "점수", "rating",
    "ratings", "stars", "star", "score", "polarity", "극성", "만족도", "구분", "평가", "긍부정", "분류명",
)  # fmt: skip
PLAIN_LABEL_NAMES = ("label", "labels", "라벨", "레이블", "class", "target", "정답")
OTHER_NAMES = (
    "id", "no", "no.", "번호", "순번", "index", "idx", "guid", "date", "날짜", "일자", "작성일", "시간", "제품", "상품",
    "product", "user", "작성자", "닉네임", "split", "source", "url",
)  # fmt: skip
KNOWN_NAMES = frozenset(TEXT_NAMES + WEAK_TEXT_NAMES + LABEL_NAMES + OTHER_NAMES)

NO_CONTENT = (
    "id", "ids", "no", "num", "number", "key", "code", "index", "idx", "guid", "uuid", "date", "time", "datetime",
    "timestamp", "at", "day", "author", "writer", "user", "username", "nickname", "name", "url", "link", "href",
    "count", "counts", "cnt", "length", "len", "confidence", "prob", "probability", "language", "lang", "split",
    "source", "번호", "순번", "코드", "아이디", "날짜", "일자", "일시", "시간", "시각", "작성일", "등록일", "작성자",
    "글쓴이", "닉네임", "이름", "주소", "링크", "개수", "길이", "신뢰도", "확률", "언어",
)  # fmt: skip
"""The last word of a column that holds neither texts nor labels, whatever its other words: review_id, 리뷰 작성일."""
NO_CONTENT_ENDINGS = ("수", "일", "명")  # 댓글수, 등록일, 상품명; 점수 and 분류명 are names of labels
OTHERS_WORDS = (
    "reply", "replies", "response", "responses", "answer", "answers", "owner", "seller", "developer", "title",
    "headline", "답글", "답변", "대댓글", "회신", "판매자", "사장", "개발자", "제목",
)  # fmt: skip
"""A word of a column that holds what was answered to the texts, or stands above them: 판매자 코멘트, reply_text."""
NOT_PROSE = re.compile(
    r"[\W\d_]*"  # numbers, dates, signs
    r"|(?=\D*\d)(?i:[\W\d_]|오전|오후|요일|[월화수목금토일년시분초원]|[ap]m|gmt|utc|kst|[tz]"
    r"|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)*"  # dates, times and sums in words
    r"|\d{2,4}\s*년.*|\d{4}-\d\d-\d\dT.*"
    r"|(?:https?://|www\.)\S+|[^\s@]+@\S+\.\w+"
    r"|(?=[!-~]*[\d_])[!-~]+"  # codes such as UgxA01b and ko_700
)

MAX_CLASSES = 100  # a column with more values is not taken for the labels
CLOSE = 2  # of two columns of texts, the longer one is not clearly the right one if it is less than twice as long

Columns = int | tuple[int, ...]
"""The index of a column, or the indices of several that are read together."""


def normal_name(name: str) -> str:
    """A column name in the form used for comparison: composed (NFC), trimmed, lower case."""
    return unicodedata.normalize("NFC", name).strip().strip("\ufeff").casefold()


def name_words(name: str) -> list[str]:
    """The words of a column name, without digits: `reviewText2`, `review_text` and `Review (text)` have two."""
    separate = re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return re.findall(r"[^\W\d_]+", separate.casefold())


def find_columns(name: str | Sequence[str], columns: Sequence[str], file: str, setting: str) -> Columns:
    """The column with this name, or those of a list of names: `제목,본문`. DataError: none; it lists the columns."""
    if isinstance(name, str):
        names = (name,) if named_column(name, columns) is not None else split_names(name) or (name,)
    else:
        names = tuple(name)
    found = tuple(dict.fromkeys(find_column(name, columns, file, setting) for name in names))
    return found if len(found) > 1 else found[0]


def column_names(columns: Sequence[str], chosen: Columns) -> str:
    """The inverse of `find_columns`."""
    return columns[chosen] if isinstance(chosen, int) else join_names(columns[index] for index in chosen)


def cells_text(cells: Sequence[Any], chosen: Columns) -> str:
    """The text in a column of a row; that of several columns joined by spaces."""
    if isinstance(chosen, int):
        return cell_text(cells[chosen])
    return " ".join(text for index in chosen if (text := cell_text(cells[index]).strip()))


def tidy_cell(value: Any) -> str:
    """A cell as a value to group rows by: its text, composed (NFC), without white space around it."""
    return unicodedata.normalize("NFC", cell_text(value)).strip()


def named_column(name: str, columns: Sequence[str]) -> int | None:
    """The index of the column with this name, or with this number from 1."""
    wanted = normal_name(name)
    for index, column in enumerate(columns):
        if normal_name(column) == wanted:
            return index
    return int(name) - 1 if name.isdecimal() and 1 <= int(name) <= len(columns) else None


def find_column(name: str, columns: Sequence[str], file: str, setting: str) -> int:
    """The index of the column with this name, or with this number from 1. DataError: none; it lists the columns.

    setting: what named it, such as "text", for the message.
    """
    index = named_column(name, columns)
    if index is not None:
        return index
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
    ranks = [text_rank(name) for name in columns]
    texts = [index for index in range(len(columns)) if ranks[index] == min(ranks) < UNKNOWN]
    found = {"text": texts, "label": labels_by_name(columns)}
    meant = {name: columns[indices[0]] for name, indices in found.items() if indices}
    return _("Did you mean {options}?", options=option_text(**meant)) if meant else ""


EXACT, PART, WEAK, WEAK_PART, UNKNOWN, OTHER = range(6)
"""How well a name fits a column of texts; OTHER names something else."""


def text_rank(name: str) -> int:
    """EXACT for 본문, PART for review_text, WEAK for 제목, WEAK_PART for 글제목, OTHER for review_id or 평점."""
    known, words = normal_name(name), name_words(name)
    if known in TEXT_NAMES:
        return EXACT
    if known in WEAK_TEXT_NAMES:
        return WEAK
    if has_no_content(words) or ends_with(words[-1:], LABEL_NAMES):
        return OTHER
    return PART if ends_with(words, TEXT_NAMES) else WEAK_PART if ends_with(words, WEAK_TEXT_NAMES) else UNKNOWN


def is_plainly_text(name: str) -> bool:
    """Whether a name says nothing but that it is of texts: 리뷰, Review Text."""
    words = name_words(name)
    return bool(words) and all(word in TEXT_NAMES for word in words)


def is_of_others(name: str) -> bool:
    """Whether a name has a word of OTHERS_WORDS, or a Korean one within a word: 답변내용."""
    words = name_words(name)
    return ends_with(words, OTHERS_WORDS) or any(word.startswith(korean_endings(OTHERS_WORDS)) for word in words)


def has_no_content(words: Sequence[str]) -> bool:
    """Whether a column with these words in its name holds numbers, dates, people and the like."""
    last = words[-1] if words else ""
    return ends_with([last], NO_CONTENT) or (last.endswith(NO_CONTENT_ENDINGS) and not ends_with([last], LABEL_NAMES))


def ends_with(words: Iterable[str], names: tuple[str, ...]) -> bool:
    """Whether one of the words is one of the names, or ends with a Korean one: 고객리뷰, 상담내용."""
    endings = korean_endings(names)
    return any(word in names or word.endswith(endings) for word in words)


@cache
def korean_endings(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that may end a Korean word."""
    return tuple(name for name in names if not name.isascii() and len(name) > 1)


def labels_by_name(columns: Sequence[str], but: Sequence[int] = ()) -> list[int]:
    """The columns with names for labels; those that are nothing but such a name before those that contain one.

    A name such as sentiment_confidence or label_id counts only if there is no other.
    """
    exact, part, last = [], [], []
    for index, name in enumerate(columns):
        words = name_words(name)
        if index in but:
            continue
        if normal_name(name) in LABEL_NAMES:
            exact.append(index)
        elif ends_with(words, LABEL_NAMES):
            (last if has_no_content(words) else part).append(index)
    return exact or part or last


class TextGuess(NamedTuple):
    """Which column holds the texts. best: several if they are equally good. others: further columns with texts."""

    best: tuple[int, ...]
    others: tuple[int, ...]
    reason: str
    lengths: tuple[float, ...]


def guess_text(columns: Sequence[str], sample: Sequence[Sequence[Any]], *, but: Sequence[int] = ()) -> TextGuess:
    """The text column by its name; of several such names, and without one, the column with the longest texts.

    but: the columns of the labels, where they are known. Numbers, dates, codes and addresses are no texts.
    """
    cells = [[] if index in but else [row[index] for row in sample] for index in range(len(columns))]
    lengths = tuple(map(prose_length, cells))
    ranks = [text_rank(name) for name in columns]
    varied = {index: None for index in range(len(columns)) if lengths[index] and has_variety(cells[index])}
    named = [index for index in range(len(columns)) if lengths[index] and ranks[index] in (EXACT, PART)]
    known = sorted({*varied, *named}) or [index for index in range(len(columns)) if index not in but] or [0]
    if any(index in varied and is_plainly_text(columns[index]) for index in named):
        named = [index for index in named if not is_of_others(columns[index])]
    pool = named or [index for index in known if ranks[index] < OTHER] or known
    longest = max(pool, key=lengths.__getitem__)
    close = [index for index in pool if lengths[index] * CLOSE >= lengths[longest] and index in varied]
    best = dict.fromkeys([index for index in close if ranks[index] in (EXACT, WEAK)] or close or [longest])
    first = next(iter(best))
    others = [
        index
        for index in varied
        if index not in best
        and ranks[index] < OTHER
        and (ranks[index] < UNKNOWN or lengths[index] * CLOSE >= lengths[first])
    ]
    reason = _("by its name") if ranks[first] < UNKNOWN else _("it has the longest texts")
    return TextGuess(tuple(best), tuple(others), reason, lengths)


def prose_length(cells: Sequence[Any]) -> float:
    """Characters per cell; numbers, dates, codes and addresses count as 0."""
    texts = [cell for cell in cells if isinstance(cell, str) and not NOT_PROSE.fullmatch(cell.strip())]
    return sum(map(len, texts)) / max(1, len(cells))


def has_variety(cells: Sequence[Any]) -> bool:
    """Whether cells differ as texts do: a value occurs ten times on average at most, and there are at least two."""
    values = {cell_text(cell) for cell in cells}
    return 10 * len(values) >= len(cells) and (len(values) > 1 or len(cells) < 5)


class LabelsUnclear(DataError):
    """No column could be the labels, or several `candidates`."""

    candidates: tuple[int, ...] = ()


def guess_label(
    columns: Sequence[str], sample: Sequence[Sequence[Any]], text: Sequence[int], file: str
) -> tuple[int, str]:
    """The index of the label column and the reason: its name, else the only column with a few repeated values.

    text: the columns of the texts. LabelsUnclear: no column, or more than one, could be it; it lists the columns.
    """
    cells = [{cell_text(row[index]) for row in sample} for index in range(len(columns))]
    values = [found - {""} for found in cells]
    named = labels_by_name(columns, but=text)
    usable = [index for index in named if 2 <= len(values[index]) <= MAX_CLASSES] or named[:1]
    plain = [index for index in usable if normal_name(columns[index]) in PLAIN_LABEL_NAMES]
    if len(plain) == 1 or len(usable) == 1:
        (index,) = plain if len(plain) == 1 else usable
        others = ", ".join(columns[other] for other in usable if other != index)
        return index, _("by its name; or is it {others}?", others=others) if others else _("by its name")
    if usable:
        raise several_labels(columns, values, usable, text, file)
    marks = {index for index, found in enumerate(cells) if len(found) < 5 and set(map(truth, found)) == {True, False}}
    candidates = [
        index
        for index in range(len(columns))
        if index not in text
        and (2 <= len(values[index]) <= min(MAX_CLASSES, len(sample) / 2) or (index in marks and len(marks) > 1))
    ]
    if len(candidates) == 1:
        count = len(values[candidates[0]])
        return candidates[0], ngettext("it has {count} value", "it has {count} values", count)
    if candidates:
        raise several_labels(columns, values, candidates, text, file)
    both = option_text(text="COLUMN", label="COLUMN")
    raise LabelsUnclear(
        _(
            "{file} has no column that looks like labels; it has {columns}. Say {options}.",
            file=file,
            columns=", ".join(columns),
            options=both,
        )
    )


def several_labels(
    columns: Sequence[str], values: Sequence[set[str]], candidates: Sequence[int], text: Sequence[int], file: str
) -> LabelsUnclear:
    """The question which of several columns is meant, or whether they are one label each.

    Then a column that only says no is a label, too, which no text of the sample has.
    """
    listing = [
        ngettext("{column} ({count} value)", "{column} ({count} values)", len(values[index]), column=columns[index])
        for index in candidates
    ]
    question = _(
        "{file}: several columns could be the labels: {columns}. Say which with {option:label=COLUMN}.",
        file=file,
        columns=", ".join(listing),
    )
    switches = {index for index in candidates if all(truth(value) is not None for value in values[index])}
    if len(switches) > 1:
        switches |= {
            index for index, found in enumerate(values) if index not in text and set(map(truth, found)) == {False}
        }
        several = join_names(columns[index] for index in sorted(switches))
        hint = _("If a text can have several of them as its labels: {option:label={several}}.", several=several)
        question = f"{question} {hint}"
    error = LabelsUnclear(question)
    error.candidates = tuple(candidates)
    return error


YES = ("1", "true", "yes", "y", "t", "o", "○", "v", "✓", "예", "네")
NO = ("0", "false", "no", "n", "f", "x", "", "-", "아니오", "아니요")


def truth(cell: Any) -> bool | None:
    """Whether a text has the label of its column, by the cell there: 1, true or O; 0, false, X or empty. Else None."""
    value = tidy_label(cell_text(cell)).casefold()
    return True if value in YES else False if value in NO else None
