"""From texts to words and their pieces: where raw text is cut, and the first and last token of each word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from munjang.records import Tree
from munjang.tasks.base import TOKENIZER_CHARACTERS, Encodings, id_type, set_length, tokenizer_errors
from munjang.text.ngrams import chunks

if TYPE_CHECKING:
    import tokenizers

SPACES, PUNCTUATION = "spaces", "punctuation"
CUTS = (SPACES, PUNCTUATION)
"""Where words of raw text end: at spaces, or also at punctuation signs before and after a word."""

SIGNS = "][.,!?…·:;\"'“”‘’()<>《》〈〉「」『』~"
BEGIN, END = (
    re.compile(f"(?:(?<=\\s)|^)([{re.escape(SIGNS)}]+)(?=[^\\s])"),
    re.compile(f"(?<=[^\\s{re.escape(SIGNS)}])([{re.escape(SIGNS)}]+)(?=\\s|$)"),
)
ALONE = 0.01  # of the words: above this share, the treebank treats punctuation signs as words of their own

FAR = np.iinfo(np.int16).max  # the position for a word without pieces: beyond every sentence


def cut_of(trees: Iterable[Tree]) -> str:
    """Which of CUTS fits the words of a treebank: whether punctuation signs are commonly words of their own."""
    words = [word for tree in trees for word in tree.words]
    alone = sum(all(letter in SIGNS for letter in word) for word in words)
    return PUNCTUATION if alone > ALONE * len(words) else SPACES


def spaced(text: str, cut: str) -> str:
    """The words of a text between single spaces."""
    if cut == PUNCTUATION:
        text = END.sub(" \\1", BEGIN.sub("\\1 ", text))
    return " ".join(text.split())


def encode_words(
    texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int, most_words: int | None = None
) -> Encodings:
    """Token ids of texts with spaces between words, special tokens added, cut to `max_length` tokens.

    most_words: words that a text has at most; the others are cut off, like tokens. None: any number.
    Columns: `words` (n,) how many each has; `pieces` (n, W + 1, 2) int16, the positions of each word's first and last
    piece in its sentence. Entry 0 is the root, which has the first token; a word without pieces has FAR.
    """
    set_length(tokenizer, max_length)
    counts = np.array([len(text.split()) for text in texts], np.int64)
    cut = counts > (most_words or FAR)
    counts = np.minimum(counts, most_words or FAR)
    truncated = np.zeros(len(texts), bool)
    pieces = np.full((len(texts), int(counts.max(initial=0)) + 1, 2), FAR, np.int16)
    pieces[:, 0] = 0
    ids: list[int] = []
    starts = np.zeros(len(texts) + 1, np.int64)
    for row, (text, record) in enumerate(zip(texts, encoded(texts, tokenizer), strict=True)):
        truncated[row] = bool(record.overflowing) or cut[row]
        ids += record.ids
        starts[row + 1] = len(ids)
        word_at = word_numbers(text)
        seen = 0
        for position, (begin, end) in enumerate(record.offsets):
            if end == begin:
                continue
            word = word_at[end - 1]
            if word > counts[row]:
                break
            if word > seen:  # the first piece of a later word
                pieces[row, word, 0] = position
                seen = word
            if word:
                pieces[row, word, 1] = position
    array = np.array(ids, dtype=id_type(tokenizer))
    return Encodings(array, starts, truncated, {"words": counts, "pieces": pieces})


def encoded(texts: Sequence[str], tokenizer: tokenizers.Tokenizer) -> Iterator[tokenizers.Encoding]:
    """The tokenizer's record of each text."""
    for part in chunks(texts, TOKENIZER_CHARACTERS):
        with tokenizer_errors():
            records = tokenizer.encode_batch(list(part))
        yield from records


def word_numbers(text: str) -> list[int]:
    """The number of the word that each character belongs to, from 1; 0 for white space."""
    numbers, word, inside = [], 0, False
    for letter in text:
        if letter.isspace():
            inside = False
            numbers.append(0)
        else:
            word += not inside
            inside = True
            numbers.append(word)
    return numbers


def word_batch(encodings: Encodings, indices: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """The words of a batch: `words` (B,), how many each sentence has; `positions` (K,), `nodes` (B, W + 1).

    positions: the first and last pieces of roots and words, in the flattened (B * width). nodes: the pair of pieces for
    each sentence's root or word, 0 beyond its words.
    """
    words = encodings.columns["words"][indices]
    inside = np.arange(int(words.max(initial=0)) + 1) <= words[:, None]  # (B, W + 1)
    lengths = encodings.starts[indices + 1] - encodings.starts[indices]
    pieces = encodings.columns["pieces"][indices, : inside.shape[1]].astype(np.int64)
    pieces = np.minimum(pieces, (lengths - 1)[:, None, None])  # words that were cut off share the last token
    pieces += np.arange(len(indices))[:, None, None] * width
    nodes = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, 0)
    return {"words": words, "positions": pieces[inside].reshape(-1), "nodes": nodes}
