"""The texts of a pre-training as token ids on disk: one text per segment, long texts cut, some texts held out.

A folder of blocks holds for each split `SPLIT-ids.npy` (all tokens), `SPLIT-starts.npy` (where segments begin) and
`SPLIT-copies.npy` (how often a segment is used in a pass). The ids are memory-mapped: processes share them, and a
resumed run starts at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.data.duplicates import text_hash
from munjang.errors import BundleError, DataError
from munjang.files import whole_folder, write_json
from munjang.pretraining.texts import Texts, copies
from munjang.tasks.base import TOKENIZER_CHARACTERS, TOKENIZER_CHUNK, Encodings, tokenizer_errors
from munjang.text.ngrams import chunks
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


MOST_HELD_OUT = 4_000  # texts; enough for a loss with three digits
BLOCK_SPLITS = ("train", "validation")


def write_blocks(
    folder: Path, texts: Texts, tokenizer: PreTrainedTokenizerBase, *, max_length: int, share: float
) -> dict[str, Any]:
    """Tokenise the texts into a new folder; returns its facts: the share held out, segments and tokens of each split.

    Only the hash of a text decides whether it is held out, and whether it is used once more for a weight such as 1.5.
    Order and other texts do not matter: with the same share, the same text is held out again among other texts.
    """
    parts: dict[str, dict[str, list]] = {split: {"ids": [], "lengths": [], "copies": []} for split in BLOCK_SPLITS}
    for text, weight, segments in segmented(texts, tokenizer, max_length):
        times = copies(text, weight)
        if not times:
            continue
        lot = int.from_bytes(text_hash(text)[:4], "little") / 2**32
        part = parts["validation" if lot < share else "train"]
        part["ids"] += segments
        part["lengths"] += [len(segment) for segment in segments]
        part["copies"] += [times] * len(segments)
    facts: dict[str, Any] = {"share": share}
    with whole_folder(folder) as temporary:
        for split, part in parts.items():
            if not part["lengths"]:
                raise DataError(_("There are too few texts: none is left for {split}.", split=split))
            starts = np.concatenate([[0], np.cumsum(part["lengths"])]).astype(np.int64)
            arrays = {"ids": np.concatenate(part["ids"]), "starts": starts, "copies": np.array(part["copies"])}
            for name, array in arrays.items():
                np.save(temporary / f"{split}-{name}.npy", array)
            tokens = int((np.diff(starts) * arrays["copies"]).sum())
            facts[split] = {"segments": len(starts) - 1, "tokens": int(starts[-1]), "tokens_a_pass": tokens}
        write_json(temporary / "blocks.json", facts)
    return facts


def held_out(share: float, texts: int) -> float:
    """The share of this many texts to hold out: at most MOST_HELD_OUT texts."""
    return min(share, MOST_HELD_OUT / texts)


def segmented(
    texts: Texts, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Iterator[tuple[str, float, list[np.ndarray]]]:
    """Each text with its weight and its segments, special tokens added; ids are uint16 if the vocabulary allows."""
    kind = np.uint16 if len(tokenizer) <= 2**16 else np.int32
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    start, end = np.array([[tokenizer.cls_token_id], [tokenizer.sep_token_id]], dtype=kind)
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    inside = np.array([name.startswith("##") for name in names])
    first = 0
    for chunk in chunks(texts.texts, TOKENIZER_CHARACTERS, TOKENIZER_CHUNK):
        with tokenizer_errors():
            encoded = backend.encode_batch_fast(chunk, add_special_tokens=False)
        for i, encoding in enumerate(encoded, first):
            ids = np.array(encoding.ids, dtype=kind)
            cuts = cut_positions(inside[ids], max_length - 2)
            pieces = [np.concatenate([start, piece, end]) for piece in np.split(ids, cuts) if len(piece)]
            yield texts.texts[i], texts.weights[texts.sources[i]], pieces
        first += len(chunk)


def cut_positions(inside: np.ndarray, most: int) -> list[int]:
    """Where to cut a text of len(inside) tokens into parts of similar length, each at most `most` tokens.

    inside: bool, the token continues a word. Cuts are made at the beginning of a word if one is near enough.
    """
    cuts, done, total = [], 0, len(inside)
    while total - done > most:
        parts = -(-(total - done) // most)
        target = done + -(-(total - done) // parts)
        begins = np.flatnonzero(~inside[done + 1 : done + most + 1]) + done + 1
        near = begins[np.abs(begins - target) <= most // 4]
        cut = int(near[np.abs(near - target).argmin()]) if len(near) else target
        cuts.append(cut)
        done = cut
    return cuts


def open_blocks(folder: Path, split: str) -> tuple[Encodings, np.ndarray]:
    """The segments of a split, memory-mapped, and how often each is used in a pass, (n,)."""
    try:
        ids = np.load(folder / f"{split}-ids.npy", mmap_mode="r")
        starts = np.load(folder / f"{split}-starts.npy")
        times = np.load(folder / f"{split}-copies.npy")
    except (OSError, ValueError) as error:
        raise BundleError(_("The texts in {folder} are incomplete: {reason}.", folder=folder, reason=error)) from error
    if starts[-1] != len(ids) or len(times) != len(starts) - 1:
        raise BundleError(
            _(
                "The texts in {folder} are incomplete: {split}-ids.npy has {ids:,} tokens.",
                folder=folder,
                split=split,
                ids=len(ids),
            )
        )
    return Encodings(ids, starts, np.zeros(len(times), dtype=bool)), times


def read_facts(folder: Path) -> dict[str, Any]:
    """What `write_blocks` returned."""
    try:
        return json.loads((folder / "blocks.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            _("{folder} holds no prepared texts for pre-training: {reason}.", folder=folder, reason=error)
        ) from error
