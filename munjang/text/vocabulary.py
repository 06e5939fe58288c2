"""WordPiece vocabularies for Korean: cased, NFC, whole Hangul syllables, always the same for the same texts.

Digits are single (2019 is 2 0 1 9: numbers do not fill the vocabulary). Runs of jamo are separate from the syllables
before them (재밌다ㅋㅋ is 재밌다 ㅋㅋ), and more than three of the same jamo or sign in a row count as three:
ㅋㅋㅋㅋㅋㅋ and ㅋㅋㅋ, !!!!!! and !!! are the same pieces. Every vocabulary has laughing (ㅋㅋ) and crying (ㅠㅠ).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
COMPATIBILITY_JAMO = "".join(chr(code) for code in range(0x3131, 0x3164))  # ㄱ to ㅣ
ALWAYS = [
    *"0123456789",
    *COMPATIBILITY_JAMO,
    *(f"##{jamo}" for jamo in COMPATIBILITY_JAMO),
    *(jamo * times for jamo in "ㅋㅎㅠㅜㅇㄷㄴ" for times in (2, 3)),
]  # pieces of every vocabulary
LONG_RUN = r"([^\w\s]|_|[ㄱ-ㅣ])(?=\1\1\1)"  # each one with three more after it
JAMO_RUN = r"ㅋ+|ㅎ+|ㅠ+|ㅜ+|[ㄱ-ㅊㅌㅍㅏ-ㅛㅝ-ㅟㅡ-ㅣ]+"  # laughing and crying separately; ㅇㅈ, ㄹㅇ together
SCRIPTS = {  # code points of letters, first to last
    "Latin": [(0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x131), (0x139, 0x148), (0x14C, 0x17E), (0x1A0, 0x1A1),
              (0x1AF, 0x1B0), (0x1EA0, 0x1EF9)],
    "Cyrillic": [(0x401, 0x401), (0x410, 0x44F), (0x451, 0x451)],
    "Arabic": [(0x621, 0x63A), (0x641, 0x64A), (0x67E, 0x67E), (0x686, 0x686), (0x698, 0x698), (0x6A9, 0x6A9),
               (0x6AF, 0x6AF), (0x6CC, 0x6CC)],
    "Devanagari": [(0x901, 0x903), (0x905, 0x914), (0x915, 0x939), (0x93C, 0x93C), (0x93E, 0x94D)],
    "Thai": [(0xE01, 0xE3A), (0xE40, 0xE4E)],
    "kana": [(0x3041, 0x3093), (0x30A1, 0x30F6), (0x30FC, 0x30FC)],
}  # fmt: skip


def train_wordpiece(
    texts: Sequence[str], size: int, *, spares: int = 0, scripts: bool = False
) -> PreTrainedTokenizerBase:
    """A tokenizer with a WordPiece vocabulary of at most `size` pieces, made from texts.

    spares: number of pieces [unused0] … for later use. scripts: add the letters of SCRIPTS even if no text has them.
    Characters that occur once are left out, as are the rarest ones if they would fill over a third of the vocabulary.
    The library's trainer breaks ties by the order in which it sees continuing characters, which varies from run to
    run; here it gets them in a fixed order, and the same texts always give the same vocabulary.
    """
    from tokenizers import trainers

    if not texts:
        raise ConfigError(_("There are no texts to make a vocabulary from."))
    tokenizer = make_wordpiece({piece: i for i, piece in enumerate(SPECIAL)})
    words = count_words(texts, tokenizer)
    alphabet = choose_alphabet(words, size // 3)
    inside = sorted({f"##{char}" for word in words for char in word[1:] if char in alphabet})
    given = [*SPECIAL, *(f"[unused{i}]" for i in range(spares)), *ALWAYS]
    given += [piece for char in letters(scripts) for piece in (char, f"##{char}")]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(dict.fromkeys([*given, *inside])), min_frequency=2, show_progress=False
    )
    rare = {ord(char): " " for word in words for char in word if char not in alphabet}
    tokenizer.train_from_iterator((text.translate(rare) for text in texts), trainer=trainer, length=len(texts))
    return wrap(make_wordpiece(tokenizer.get_vocab(with_added_tokens=True)))


def make_wordpiece(vocabulary: dict[str, int]) -> Tokenizer:
    """A cased BERT tokenizer over a vocabulary: NFC, words split at spaces and punctuation, [CLS] and [SEP] added.

    Digits are single, runs of jamo are separate, and long runs of a jamo or sign are folded to three.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.BertNormalizer(lowercase=False, strip_accents=False),
            normalizers.Replace(Regex(LONG_RUN), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(JAMO_RUN), "isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, vocabulary[piece]) for piece in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def letters(scripts: bool) -> list[str]:
    """The letters of SCRIPTS, or none."""
    ranges = [letter_range for script in SCRIPTS.values() for letter_range in script] if scripts else []
    return [chr(code) for first, last in ranges for code in range(first, last + 1)]


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerBase:
    """The tokenizer as a class of transformers, to be saved with a model."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def count_words(texts: Sequence[str], tokenizer: Tokenizer) -> Counter[str]:
    """How often each word occurs, after the tokenizer's normalisation and splitting."""
    chunks = Counter(chunk for text in texts for chunk in text.split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word, __ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(chunk)):
            words[word] += count
    return words


def choose_alphabet(words: Counter[str], limit: int) -> set[str]:
    """The characters that occur at least twice, at most `limit` of them, the most frequent first."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
    ranked = sorted((char for char, count in counts.items() if count > 1), key=lambda char: (-counts[char], char))
    return set(ranked[:limit])
