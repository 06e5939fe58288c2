"""Token ids and fresh vocabularies kept from run to run, under a key made from their inputs.

A key is the sha256 of the texts in their order and of everything else that shapes the result: the tokenizer as it would
be saved, the length, the versions. If any of them changes, so does the key; no entry can be out of date.
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
from munjang.data.duplicates import texts_hash
from munjang.files import cache_root, is_first_process
from munjang.tasks.base import Encodings, encode_texts, id_type, set_length
from munjang.text.vocabulary import SPECIAL, make_wordpiece, train_wordpiece, wrap
from munjang.training.cache import Arrays, Cache

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

ENTRY_VERSION = 1  # add one when the meaning of an entry changes


def token_cache() -> TokenCache:
    """The user's cache: the folder `tokens` in MUNJANG_CACHE, or in munjang's folder among the user's caches."""
    return TokenCache(Cache(cache_root() / "tokens"))


class NoCache:
    """No cache: everything is made again."""

    encode = staticmethod(encode_texts)
    wordpiece = staticmethod(train_wordpiece)


@dataclass(frozen=True)
class TokenCache:
    """Texts that were tokenised before, and vocabularies that were made before."""

    cache: Cache

    def encode(self, texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> Encodings:
        """As `encode_texts`, from the cache if it was done before (the arrays are then memory-mapped)."""
        set_length(tokenizer, max_length)
        key = key_of("tokens", tokenizer.to_str(), id_type(tokenizer).__name__, texts_hash(texts))
        arrays = self.cache.read(key)
        if arrays is not None and is_usable(arrays, len(texts), tokenizer, max_length):
            return Encodings(arrays["ids"], arrays["starts"], arrays["truncated"])
        encodings = encode_texts(texts, tokenizer, max_length)
        if is_first_process():
            self.cache.write(key, {"ids": encodings.ids, "starts": encodings.starts, "truncated": encodings.truncated})
        return encodings

    def wordpiece(self, texts: Sequence[str], size: int) -> PreTrainedTokenizerBase:
        """As `train_wordpiece`: a tokenizer with `size` pieces for these texts, from the cache if possible."""
        key = key_of("vocabulary", vocabulary_code(), str(size), texts_hash(texts))
        arrays = self.cache.read(key)
        pieces = read_pieces(arrays) if arrays is not None else []
        if pieces:
            return wrap(make_wordpiece({piece: index for index, piece in enumerate(pieces)}))
        tokenizer = train_wordpiece(texts, size)
        ids = tokenizer.get_vocab()
        if is_first_process():
            data = json.dumps(sorted(ids, key=ids.__getitem__), ensure_ascii=False).encode()
            self.cache.write(key, {"pieces": np.frombuffer(data, dtype=np.uint8)})
        return tokenizer


def vocabulary_code() -> str:
    """The source of the module that makes vocabularies; munjang's version if only compiled files are installed."""
    try:
        return inspect.getsource(sys.modules[train_wordpiece.__module__])
    except OSError:
        return munjang_version


def key_of(*parts: str) -> str:
    """The key of a result that depends on `parts`: 64 hexadecimal digits."""
    from tokenizers import __version__

    return hashlib.sha256(json.dumps([ENTRY_VERSION, __version__, *parts]).encode()).hexdigest()


def is_usable(arrays: Arrays, sentences: int, tokenizer: Tokenizer, max_length: int) -> bool:
    """Whether an entry can be the encodings of this many texts: no number in it may point outside an array."""
    if arrays.keys() != {"ids", "starts", "truncated"} or arrays["ids"].dtype != id_type(tokenizer):
        return False
    ids, starts, truncated = arrays["ids"], arrays["starts"], arrays["truncated"]
    if (starts.dtype, truncated.dtype) != (np.int64, np.bool_) or {array.ndim for array in arrays.values()} != {1}:
        return False
    if (len(starts), len(truncated)) != (sentences + 1, sentences):
        return False
    lengths = np.diff(starts)
    fits = starts[0] == 0 and starts[-1] == len(ids) and (lengths >= 0).all() and (lengths <= max_length).all()
    pieces = tokenizer.get_vocab_size(with_added_tokens=True)
    return bool(fits and (not len(ids) or (ids.min() >= 0 and ids.max() < pieces)))


def read_pieces(arrays: Arrays) -> list[str]:
    """The vocabulary in an entry, each piece at its id; empty if it is not a list of distinct pieces."""
    try:
        pieces = json.loads(bytes(arrays["pieces"]))
    except (ValueError, KeyError, RecursionError):
        return []
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        return []
    return pieces if len(set(pieces)) == len(pieces) and tuple(pieces[: len(SPECIAL)]) == SPECIAL else []
