"""Token ids and fresh vocabularies remembered from run to run, by what they were made of.

Keys are sha256 sums over the texts in their order and all that shapes the result: the tokenizer as it would be saved,
the length, the versions. A change of any of them is another entry, so nothing is ever stale.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from munjang import __version__ as munjang_version
from munjang.files import cache_root, is_first_process
from munjang.tasks.base import Encodings, encode_texts, id_type, set_length
from munjang.text.vocabulary import SPECIAL, make_wordpiece, train_wordpiece, wrap
from munjang.training.cache import Arrays, Cache

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

ENTRY_VERSION = 1  # of what this module keeps; one more where the meaning of an entry changes
HASHED_TOGETHER = 8192  # texts hashed at once


def token_cache() -> TokenCache:
    """The user's cache: `tokens` in MUNJANG_CACHE, or in munjang's folder of the user's caches."""
    return TokenCache(Cache(cache_root() / "tokens"))


class NoCache:
    """No cache: everything is made anew."""

    encode = staticmethod(encode_texts)
    wordpiece = staticmethod(train_wordpiece)


@dataclass(frozen=True)
class TokenCache:
    """What was tokenised before, and the vocabularies made for it."""

    cache: Cache

    def encode(self, texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> Encodings:
        """As `encode_texts`, from the cache where it has been done before (the arrays then lie in a file)."""
        set_length(tokenizer, max_length)
        key = key_of("tokens", tokenizer.to_str(), id_type(tokenizer).__name__, texts_hash(texts))
        found = self.cache.read(key)
        if found is not None and is_usable(found, len(texts), tokenizer, max_length):
            return Encodings(found["ids"], found["starts"], found["truncated"])
        made = encode_texts(texts, tokenizer, max_length)
        if is_first_process():
            self.cache.write(key, {"ids": made.ids, "starts": made.starts, "truncated": made.truncated})
        return made

    def wordpiece(self, texts: Sequence[str], size: int) -> PreTrainedTokenizerBase:
        """As `train_wordpiece`: a tokenizer with a vocabulary of `size` pieces made from texts, or made before."""
        key = key_of("vocabulary", maker(), str(size), texts_hash(texts))
        found = self.cache.read(key)
        pieces = read_pieces(found) if found is not None else []
        if pieces:
            return wrap(make_wordpiece({piece: place for place, piece in enumerate(pieces)}))
        tokenizer = train_wordpiece(texts, size)
        places = tokenizer.get_vocab()
        if is_first_process():
            pieces = json.dumps(sorted(places, key=places.__getitem__), ensure_ascii=False).encode()
            self.cache.write(key, {"pieces": np.frombuffer(pieces, dtype=np.uint8)})
        return tokenizer


def maker() -> str:
    """What vocabularies are made by: the source of its module, or where only compiled files are there, the version."""
    try:
        return inspect.getsource(sys.modules[train_wordpiece.__module__])
    except OSError:
        return munjang_version


def key_of(*parts: str) -> str:
    """The key of what was made of `parts`, 64 hexadecimal digits."""
    from tokenizers import __version__

    return hashlib.sha256(json.dumps([ENTRY_VERSION, __version__, *parts]).encode()).hexdigest()


def texts_hash(texts: Sequence[str]) -> str:
    """The sha256 of texts in their order, so fed that no two lists of texts look alike."""
    digest = hashlib.sha256()
    for start in range(0, len(texts), HASHED_TOGETHER):
        some = texts[start : start + HASHED_TOGETHER]
        digest.update(np.fromiter(map(len, some), np.int64, len(some)).data)
        digest.update("".join(some).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def is_usable(found: Arrays, sentences: int, tokenizer: Tokenizer, max_length: int) -> bool:
    """Whether an entry can be the encodings of so many texts: nothing in it may lead outside an array."""
    if found.keys() != {"ids", "starts", "truncated"} or found["ids"].dtype != id_type(tokenizer):
        return False
    ids, starts, truncated = found["ids"], found["starts"], found["truncated"]
    if (starts.dtype, truncated.dtype) != (np.int64, np.bool_):
        return False
    if (len(starts), len(truncated)) != (sentences + 1, sentences):
        return False
    lengths = np.diff(starts)
    fits = starts[0] == 0 and starts[-1] == len(ids) and (lengths >= 0).all() and (lengths <= max_length).all()
    pieces = tokenizer.get_vocab_size(with_added_tokens=True)
    return bool(fits and (not len(ids) or (ids.min() >= 0 and ids.max() < pieces)))


def read_pieces(found: Arrays) -> list[str]:
    """The vocabulary in an entry, each piece at its id; none where it is not a list of distinct pieces."""
    try:
        pieces = json.loads(bytes(found["pieces"]))
    except (ValueError, KeyError, RecursionError):
        return []
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        return []
    return pieces if len(set(pieces)) == len(pieces) and tuple(pieces[: len(SPECIAL)]) == SPECIAL else []
