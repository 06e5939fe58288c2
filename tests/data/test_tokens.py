import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from munjang.data.statistics.tokens import token_stats
from munjang.records import Corpus, Example, LabelSet

WORDS = ("영화", "정말", "좋다", "##요", "[UNK]", "[CLS]", "[SEP]")


def wordpiece(*, lowercase: bool, words=WORDS) -> Tokenizer:
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    return tokenizer


def corpus(*texts: str) -> Corpus:
    return Corpus("films", "classification", LabelSet(("긍정",)), train=[Example(text, "긍정") for text in texts])


def test_lengths_include_special_tokens_and_the_unknown_rate_leaves_them_out():
    stats = token_stats(corpus("영화 정말 좋다", "영화 몰라"), wordpiece(lowercase=False))
    train = stats.splits["train"]
    assert (train.mean, train.longest) == (4.5, 5)
    assert train.unknown == pytest.approx(1 / 5)
    assert "20.00%" in str(stats)


def test_the_share_of_truncated_texts_is_of_texts_longer_than_the_limit():
    stats = token_stats(corpus("영화 " * 62, "영화 " * 63, "영화 " * 200, "영화"), wordpiece(lowercase=False))
    assert stats.splits["train"].truncated == {64: 0.5, 128: 0.25, 256: 0.0}


def test_a_tokenizer_that_lower_cases_raises_the_alarm_because_it_breaks_hangul():
    stats = token_stats(corpus("영화 정말 좋다", "good"), wordpiece(lowercase=True))
    assert stats.splits["train"].broken == 1
    assert str(stats).startswith(
        "!!! ALARM: this tokenizer breaks Hangul into jamo in 1 of 2 texts (한국어 becomes ᄒ ᅡ ᆫ"
    )
    assert "do_lower_case=False" in stats.alarms[0]


def test_jamo_that_the_text_already_had_raise_no_alarm():
    import unicodedata

    decomposed = unicodedata.normalize("NFD", "영화")
    tokenizer = wordpiece(lowercase=False, words=(*WORDS, decomposed))
    assert token_stats(corpus(decomposed), tokenizer).alarms == ()


def test_more_than_a_twentieth_unknown_raises_the_alarm():
    assert (
        "33.3% of the tokens of train are unknown"
        in token_stats(corpus("영화 정말 몰라"), wordpiece(lowercase=False)).alarms[0]
    )
    assert token_stats(corpus("영화 정말 좋다 " * 9 + "몰라"), wordpiece(lowercase=False)).alarms == ()


def test_the_tokenizer_that_was_given_keeps_its_truncation_and_padding():
    tokenizer = wordpiece(lowercase=False)
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=3)
    assert token_stats(corpus("영화 정말 좋다"), tokenizer).splits["train"].longest == 5
    assert tokenizer.truncation["max_length"] == 3 and tokenizer.padding["length"] == 3


def test_a_unigram_tokenizer_has_its_unknown_token_found_by_its_number():
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("가", -1.0)], unk_id=0))
    assert token_stats(corpus("가", "나"), tokenizer).splits["train"].unknown == 0.5
