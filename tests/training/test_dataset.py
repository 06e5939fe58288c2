import logging

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding

import munjang as mj
from munjang.records import Corpus, Example, LabelSet
from munjang.text.vocabulary import train_wordpiece

CORPUS = mj.load_corpus("sample:sentiment")


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece([example.text for example in CORPUS.train], 1000)


def test_a_split_encodes_to_what_the_tokenizer_itself_gives(tokenizer):
    dataset, alone = mj.encode(CORPUS.train, tokenizer), tokenizer([e.text for e in CORPUS.train])
    assert len(dataset) == len(CORPUS.train)
    for i in (0, 5, -1):
        item = dataset[i % len(dataset)]
        assert list(item) == ["input_ids", "attention_mask", "token_type_ids", "labels"]
        assert all(item[name] == alone[name][i] for name in ("input_ids", "attention_mask", "token_type_ids"))


@pytest.mark.parametrize("part", [lambda split: split, lambda split: split[:7], lambda split: split[::50]])
def test_class_numbers_of_every_split_and_slice_follow_the_corpus_s_label_set(part, tokenizer):
    for split in (CORPUS.train, CORPUS.test):
        numbers = [item["labels"] for item in mj.encode(part(split), tokenizer)]
        assert numbers == [("부정", "긍정").index(example.label) for example in part(split)]


def test_a_plain_list_is_numbered_by_sorted_names_and_a_warning_says_so(tokenizer, caplog):
    examples = [example for example in CORPUS.train if len(example.text) < 30]
    with caplog.at_level(logging.WARNING, "munjang"):
        dataset = mj.encode(examples, tokenizer)
    assert dataset[0]["labels"] == ("긍정", "부정").index(examples[0].label)
    assert "0 긍정, 1 부정" in caplog.text and "labels=" in caplog.text


def test_a_given_label_set_comes_first(tokenizer, caplog):
    turned = LabelSet(("긍정", "부정"))
    dataset = mj.encode(list(CORPUS.train), tokenizer, labels=turned)
    assert [item["labels"] for item in dataset] == [turned.index(example.label) for example in CORPUS.train]
    assert not caplog.records


def test_several_labels_are_a_vector_of_zeros_and_ones(tokenizer):
    corpus = Corpus(
        "c", "multi-label", LabelSet(("나", "가")), train=[Example("하나", ("가",)), Example("둘", ("가", "나"))]
    )
    assert [item["labels"] for item in mj.encode(corpus.train, tokenizer)] == [[0.0, 1.0], [1.0, 1.0]]


def test_texts_without_labels_have_none(tokenizer, caplog):
    assert "labels" not in mj.encode([Example("하나")], tokenizer)[0]
    assert not caplog.records


def test_the_tokenizer_stays_as_it_was(tokenizer):
    before = tokenizer.backend_tokenizer.to_str()
    cut = mj.encode(CORPUS.train, tokenizer, max_length=5)
    assert max(len(item["input_ids"]) for item in cut) == 5
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_dataloader_takes_it_with_the_usual_collator(tokenizer):
    batch = next(iter(DataLoader(mj.encode(CORPUS.train, tokenizer), 8, collate_fn=DataCollatorWithPadding(tokenizer))))
    assert set(batch) == {"input_ids", "attention_mask", "token_type_ids", "labels"}
    assert batch["input_ids"].shape == batch["attention_mask"].shape and batch["labels"].dtype == torch.int64
