"""What a tokenizer makes of the texts of a corpus: lengths in tokens, unknown tokens, broken Hangul."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.records import SPLITS, Corpus, short_repr
from munjang.tables import format_table
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONJOINING_JAMO = re.compile("[\u1100-\u11ff]")
LIMITS = (64, 128, 256)
MANY_UNKNOWN = 0.05
BATCH_TEXTS = 2_000  # texts encoded at a time, so that memory stays bounded


@dataclass(frozen=True)
class SplitTokens:
    """Tokens of one split. Lengths include the special tokens, as the model sees them.

    unknown: unknown tokens / all tokens that are not special. truncated: length limit -> share of the texts that are
    longer. broken: texts in which the tokenizer made conjoining jamo (U+1100 to U+11FF) that the text did not have.
    """

    texts: int
    mean: float
    p95: float
    p99: float
    p999: float
    longest: int
    unknown: float
    truncated: Mapping[int, float]
    broken: int


@dataclass(frozen=True)
class TokenStats:
    """What `token_stats` found; `str()` is the printed table, alarms first."""

    splits: Mapping[str, SplitTokens]
    alarms: tuple[str, ...] = ()

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        alarms = [_("!!! ALARM: {alarm}", alarm=alarm) for alarm in self.alarms]
        return "\n".join([*alarms, *([""] if alarms else []), format_table(*self.measures())])

    def measures(self) -> tuple[list[str], list[list[object]]]:
        """Header and rows of the table, one column for each split."""
        splits = list(self.splits.values())
        rows: list[list[object]] = [
            [_("tokens per text, mean"), *(f"{split.mean:,.1f}" for split in splits)],
            [_("95th percentile"), *(f"{split.p95:,.0f}" for split in splits)],
            [_("99th percentile"), *(f"{split.p99:,.0f}" for split in splits)],
            [_("99.9th percentile"), *(f"{split.p999:,.0f}" for split in splits)],
            [_("longest"), *(split.longest for split in splits)],
            [_("unknown tokens"), *(f"{split.unknown:.2%}" for split in splits)],
            *([_("truncated at {limit}", limit=n), *(f"{split.truncated[n]:.2%}" for split in splits)] for n in LIMITS),
            [_("Hangul broken into jamo"), *(split.broken for split in splits)],
        ]
        return ["", *self.splits], rows


def token_stats(corpus: Corpus, tokenizer: Tokenizer) -> TokenStats:
    """Encode every text of every split and count. The tokenizer is not changed.

    Alarms: Hangul broken into jamo (a BertTokenizer that lower-cases also strips "accents", which splits syllables),
    and more than 5% unknown tokens.
    """
    from tokenizers import Tokenizer as NewTokenizer

    copy = NewTokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    unknown = unknown_id(copy)
    splits = {
        name: split_tokens([example.text for example in getattr(corpus, name)], copy, unknown)
        for name in SPLITS
        if getattr(corpus, name)
    }
    return TokenStats(splits, tuple(alarms(splits, copy)))


def split_tokens(texts: Sequence[str], tokenizer: Tokenizer, unknown: int | None) -> SplitTokens:
    """The numbers of one split; `tokenizer` must neither truncate nor pad."""
    lengths: list[int] = []
    plain = unknowns = broken = 0
    with_jamo = jamo_ids(tokenizer)
    for start in range(0, len(texts), BATCH_TEXTS):
        batch = texts[start : start + BATCH_TEXTS]
        for text, encoding in zip(batch, tokenizer.encode_batch(batch), strict=True):
            ids = encoding.ids
            lengths.append(len(ids))
            plain += len(ids) - sum(encoding.special_tokens_mask)
            unknowns += ids.count(unknown) if unknown is not None else 0
            broken += not CONJOINING_JAMO.search(text) and (
                not with_jamo.isdisjoint(ids) or bool(CONJOINING_JAMO.search(normalised(text, tokenizer)))
            )
    p95, p99, p999 = np.percentile(lengths, [95, 99, 99.9])
    return SplitTokens(
        texts=len(texts),
        mean=float(np.mean(lengths)),
        p95=float(p95),
        p99=float(p99),
        p999=float(p999),
        longest=max(lengths),
        unknown=unknowns / max(1, plain),
        truncated={limit: float(np.mean(np.array(lengths) > limit)) for limit in LIMITS},
        broken=broken,
    )


def normalised(text: str, tokenizer: Tokenizer) -> str:
    """The text after the normalizer of the tokenizer."""
    return tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer is not None else text


def jamo_ids(tokenizer: Tokenizer) -> set[int]:
    """The ids of tokens that hold conjoining jamo."""
    return {id_ for token, id_ in tokenizer.get_vocab().items() if CONJOINING_JAMO.search(token)}


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """The id of the unknown token; None for a tokenizer that has none (byte-level BPE)."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    return tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else None


def alarms(splits: Mapping[str, SplitTokens], tokenizer: Tokenizer) -> Iterator[str]:
    """One line for each problem that training with this tokenizer would have."""
    texts = sum(split.texts for split in splits.values())
    broken = sum(split.broken for split in splits.values())
    if broken:
        word = "한국어"
        shown = " ".join(normalised(word, tokenizer))
        yield ngettext(
            "this tokenizer breaks Hangul into jamo in {broken:,} of {count:,} text ({word} becomes {jamo}). "
            "It lower-cases or strips accents; load it with do_lower_case=False.",
            "this tokenizer breaks Hangul into jamo in {broken:,} of {count:,} texts ({word} becomes {jamo}). "
            "It lower-cases or strips accents; load it with do_lower_case=False.",
            texts,
            broken=broken,
            word=word,
            jamo=shown,
        )
    for name, split in splits.items():
        if split.unknown <= MANY_UNKNOWN:
            continue
        if broken:
            yield _(
                "{share:.1%} of the tokens of {split} are unknown to this tokenizer. "
                "The broken Hangul is the likely reason.",
                share=split.unknown,
                split=name,
            )
        else:
            yield _(
                "{share:.1%} of the tokens of {split} are unknown to this tokenizer. "
                "Its vocabulary was not made for this text; choose a Korean or multilingual one.",
                share=split.unknown,
                split=name,
            )
