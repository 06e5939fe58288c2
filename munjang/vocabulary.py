"""WordPiece vocabularies for Korean: cased, NFC, Hangul in whole syllables, the same for the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from munjang.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_wordpiece(texts: Sequence[str], size: int) -> PreTrainedTokenizerBase:
    """A tokenizer with a WordPiece vocabulary of at most `size` pieces, made from texts.

    Characters seen once are left out, and so are the rarest where they would fill over a third of the vocabulary.
    The library's trainer breaks ties by the order in which it meets continuing characters, which varies from run to
    run; they are given to it in a fixed order, so that the same texts always give the same vocabulary.
    """
    from tokenizers import trainers

    if not texts:
        raise ConfigError("A vocabulary is made from texts, and there are none.")
    tokenizer = make_wordpiece({piece: i for i, piece in enumerate(SPECIAL)})
    words = count_words(texts, tokenizer)
    alphabet = choose_alphabet(words, size // 3)
    inside = sorted({f"##{char}" for word in words for char in word[1:] if char in alphabet})
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*SPECIAL, *inside], min_frequency=2, show_progress=False
    )
    rare = {ord(char): " " for word in words for char in word if char not in alphabet}
    tokenizer.train_from_iterator((text.translate(rare) for text in texts), trainer=trainer, length=len(texts))
    return wrap(make_wordpiece(tokenizer.get_vocab(with_added_tokens=True)))


def make_wordpiece(vocabulary: dict[str, int]) -> Tokenizer:
    """A cased BERT tokenizer over a vocabulary: NFC, words split at spaces and punctuation, [CLS] and [SEP] added."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.BertNormalizer(lowercase=False, strip_accents=False)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, vocabulary[piece]) for piece in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerBase:
    """The tokenizer as transformers knows it, for saving beside a model."""
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
    """How often each word occurs, as the tokenizer's normaliser and splitter see it."""
    chunks = Counter(chunk for text in texts for chunk in text.split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(chunk)):
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
