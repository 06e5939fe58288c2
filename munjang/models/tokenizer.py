"""Opens the tokenizer.json of a model folder, which a stranger may have written."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.errors import BundleError
from munjang.files import comes_with_munjang, fault_in_file, read_regular
from munjang.models.folder import is_json_number
from munjang.models.silence import silent_stderr
from munjang.tasks.base import tokenizer_errors
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers

TOKENIZER = "tokenizer.json"
MOST_BYTES = 60_000_000  # the largest known vocabularies have 35 MB
MOST_GROWTH = 50  # characters that a normalizer may make of one; 36 in the tokenizers of known models
MOST_SPECIAL = 100  # pieces that a text gets at its ends, or that stand for special tokens
LONGEST_WORD = 1_000  # characters; the time for a word grows with their third power, and models have 100
GROWTH = {"BertNormalizer": 3, "NFC": 3, "NFD": 3, "NFKC": 4, "NFKD": 4, "Lowercase": 2, "ByteLevel": 4,
          "Precompiled": 4}  # fmt: skip
"""A kind of normalizer -> about how many characters it may make of each one; 1 for the others."""
PROBE = ("정말 재밌어요 ㅋㅋㅋㅋ", "ABC abc 123, (☃)!", "ᄒ\u0301\u200b漢字🙂")
"""Texts that a tokenizer has to read when it is opened."""


def open_tokenizer(path: Path, rows: int | None = None) -> tokenizers.Tokenizer:
    """The tokenizer in a tokenizer.json. rows: of the network's table of embeddings.

    BundleError: it is missing or damaged, gives ids beyond the table, or makes much more of a text than there is.
    """
    from tokenizers import Tokenizer

    if comes_with_munjang(path):
        return Tokenizer.from_file(str(path))
    try:
        content = read_regular(path, MOST_BYTES).decode("utf-8")
        highest = check_tokenizer(json.loads(content))
    except FileNotFoundError as error:
        raise BundleError(_("{path} is missing; save the model with its fast tokenizer.", path=path)) from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BundleError(
            _("{path} is no usable tokenizer: {reason}.", path=path, reason=fault_in_file(error).removesuffix("."))
        ) from error
    # A library in Rust describes its own failure on stderr.
    with silent_stderr() if "Precompiled" in content else nullcontext(), tokenizer_errors(path):
        tokenizer = Tokenizer.from_str(content)
        tokenizer.no_padding()
        tokenizer.encode_batch_fast(list(PROBE))
    if rows is not None and highest >= rows:
        raise BundleError(
            _(
                "{folder}: the tokenizer has {pieces} pieces, but the network has {rows}. They do not belong "
                "together. Copy the model again.",
                folder=path.parent,
                pieces=highest + 1,
                rows=rows,
            )
        )
    return tokenizer


def check_tokenizer(data: dict[str, Any]) -> int:
    """The highest id that the tokenizer in this JSON can give; -1 if it has none.

    ValueError: its normalizer makes much more of a text than there is, or it takes too long for a word. TypeError,
    KeyError, AttributeError: it is no tokenizer.
    """
    if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
        raise ValueError(_("it has no model"))
    if (growth := growth_of(data.get("normalizer"))) > MOST_GROWTH:
        raise ValueError(_("its normalizer makes up to {growth:,} characters of one", growth=growth))
    model = data["model"]
    longest = model.get("max_input_chars_per_word", 100)
    if not is_json_number(longest, int):
        raise ValueError(_("{name} is {value!r}", name="max_input_chars_per_word", value=str(longest)[:80]))
    if longest > LONGEST_WORD:
        raise ValueError(_("it takes words of more than {most:,} characters apart", most=LONGEST_WORD))
    if model.get("dropout"):
        raise ValueError(_("it splits words by chance"))
    vocabulary = model["vocab"]
    ids = {len(vocabulary) - 1, *(vocabulary.values() if isinstance(vocabulary, dict) else ())}
    ids |= {added["id"] for added in data.get("added_tokens") or ()}
    for processor in processors_of(data.get("post_processor")):
        special = processor.get("special_tokens") or {}
        pieces = sum(len(token["ids"]) for token in special.values())
        if max(pieces, *(len(processor.get(end) or ()) for end in ("single", "pair"))) > MOST_SPECIAL:
            raise ValueError(_("it adds more than {most:,} special tokens to a text", most=MOST_SPECIAL))
        ids |= {number for token in special.values() for number in token["ids"]}
        ids |= {processor[end][1] for end in ("cls", "sep") if end in processor}
    return max(ids)


def growth_of(normalizer: dict[str, Any] | None) -> int:
    """About how many characters a normalizer may make of each one."""
    if not normalizer:
        return 1
    kind = normalizer["type"]
    if kind == "Sequence":
        growth = 1
        for part in normalizer["normalizers"]:
            growth *= growth_of(part)
        return growth
    if kind == "Prepend":
        return 1 + len(normalizer["prepend"])
    if kind == "Replace":
        shortest = len(normalizer["pattern"].get("String", ""))  # a regular expression may find empty places
        content = len(normalizer["content"])
        return max(1, -(-content // shortest)) if shortest else 1 + content
    return GROWTH.get(kind, 1)


def processors_of(processor: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A post-processor, or the parts of a sequence of them."""
    if not processor:
        return []
    parts = processor["processors"] if processor["type"] == "Sequence" else [processor]
    return [part for part in parts if part["type"] != "Sequence"]
