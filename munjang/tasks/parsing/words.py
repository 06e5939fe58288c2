"""From texts to words and their pieces: where raw text is cut, and which tokens a word begins and ends with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from munjang.records import Tree
from munjang.tasks.base import Encodings, id_type, set_length

if TYPE_CHECKING:
    import tokenizers

SPACES, PUNCTUATION = "spaces", "punctuation"
CUTS = (SPACES, PUNCTUATION)
"""Where words of raw text end: at spaces, or also round signs of punctuation at either end of them."""

SIGNS = "][.,!?…·:;\"'“”‘’()<>《》〈〉「」『』~"
BEGIN, END = (
    re.compile(f"(?:(?<=\\s)|^)([{re.escape(SIGNS)}]+)(?=[^\\s])"),
    re.compile(f"(?<=[^\\s{re.escape(SIGNS)}])([{re.escape(SIGNS)}]+)(?=\\s|$)"),
)
ALONE = 0.01  # of the words: from this share on, signs that are words of their own are the treebank's way

FAR = np.iinfo(np.int16).max  # the place of a word without pieces: beyond every sentence


def cut_of(trees: Iterable[Tree]) -> str:
    """Which of CUTS the words of a treebank follow: whether signs of punctuation are commonly words of their own."""
    words = [word for tree in trees for word in tree.words]
    alone = sum(all(letter in SIGNS for letter in word) for word in words)
    return PUNCTUATION if alone > ALONE * len(words) else SPACES


def spaced(text: str, cut: str) -> str:
    """The words of a text between single spaces."""
    if cut == PUNCTUATION:
        text = END.sub(" \\1", BEGIN.sub("\\1 ", text))
    return " ".join(text.split())


def encode_words(texts: Sequence[str], tokenizer: tokenizers.Tokenizer, max_length: int) -> Encodings:
    """Token ids of texts whose words stand between spaces, special tokens added, cut to `max_length` tokens.

    Columns: `words` (n,) how many each has; `places` (n, W + 1, 2) int16, where the first and last piece of each word
    stand in its sentence. Entry 0 is the root, which has the first token; a word without pieces has FAR.
    """
    set_length(tokenizer, max_length)
    found = tokenizer.encode_batch(list(texts))
    counts = np.array([len(text.split()) for text in texts], np.int64)
    places = np.full((len(texts), int(counts.max(initial=0)) + 1, 2), FAR, np.int16)
    places[:, 0] = 0
    ids: list[int] = []
    starts = np.zeros(len(texts) + 1, np.int64)
    for row, (text, record) in enumerate(zip(texts, found, strict=True)):
        ids += record.ids
        starts[row + 1] = len(ids)
        word_at = words_at(text)
        seen = 0
        for place, (begin, end) in enumerate(record.offsets):
            if end == begin:
                continue
            word = word_at[end - 1]
            if word > seen:  # the first piece of a later word
                places[row, word, 0] = place
                seen = word
            if word:
                places[row, word, 1] = place
    truncated = np.array([bool(record.overflowing) for record in found], bool)
    array = np.array(ids, dtype=id_type(tokenizer))
    return Encodings(array, starts, truncated, {"words": counts, "places": places})


def words_at(text: str) -> list[int]:
    """For each character the number of its word, from 1; 0 for white space."""
    found, word, inside = [], 0, False
    for letter in text:
        if letter.isspace():
            inside = False
            found.append(0)
        else:
            word += not inside
            inside = True
            found.append(word)
    return found


def word_batch(encodings: Encodings, indices: np.ndarray, width: int) -> dict[str, np.ndarray]:
    """What a batch has of words: `words` (B,), how many; `positions` (K,), `nodes` (B, W + 1).

    positions: the first and last pieces of root and words, in the flattened (B * width). nodes: which pair of them is
    each sentence's root or word, 0 beyond its words. `tags` (K / 2, 2), where there are parts of speech: those of each.
    """
    words = encodings.columns["words"][indices]
    inside = np.arange(int(words.max(initial=0)) + 1) <= words[:, None]  # (B, W + 1)
    lengths = encodings.starts[indices + 1] - encodings.starts[indices]
    places = encodings.columns["places"][indices, : inside.shape[1]].astype(np.int64)
    places = np.minimum(places, (lengths - 1)[:, None, None])  # words that were cut off share the last token
    places += np.arange(len(indices))[:, None, None] * width
    nodes = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, 0)
    batch = {"words": words, "positions": places[inside].reshape(-1), "nodes": nodes}
    if "tags" in encodings.columns:
        batch["tags"] = encodings.columns["tags"][indices, : inside.shape[1]].astype(np.int64)[inside]
    return batch
