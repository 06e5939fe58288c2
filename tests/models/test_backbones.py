"""Networks from folders as the hub lays them out, their tokenizers, and fresh ones."""

import json
import logging
from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch
from training_fixtures import NAMES, examples
from transformers import (
    BertConfig,
    BertModel,
    CamembertConfig,
    CamembertModel,
    ElectraConfig,
    ElectraModel,
    RobertaConfig,
    RobertaModel,
)

import munjang as mj
from munjang.errors import ConfigError, FetchError, UnknownName
from munjang.models.backbones import BACKBONES, SCRATCH, is_packaged_name, load_backbone
from munjang.records import Corpus, LabelSet
from munjang.tasks import make_task
from munjang.text.vocabulary import train_wordpiece

TEXTS = [row.text for row in examples("binary", 400)]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
KINDS = {
    "bert": lambda size: BertModel(BertConfig(vocab_size=size, max_position_embeddings=64, **SHAPE)),
    "roberta": lambda size: RobertaModel(
        RobertaConfig(vocab_size=size, max_position_embeddings=66, pad_token_id=0, type_vocab_size=1, **SHAPE)
    ),
    "camembert": lambda size: CamembertModel(
        CamembertConfig(vocab_size=size, max_position_embeddings=66, pad_token_id=0, type_vocab_size=1, **SHAPE)
    ),
    "electra": lambda size: ElectraModel(
        ElectraConfig(vocab_size=size, max_position_embeddings=64, embedding_size=16, **SHAPE)
    ),
}


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece(TEXTS, 800)


def change_tokenizer(folder: Path, change) -> None:
    """Change the data of a folder's tokenizer.json in place."""
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def hub_folder(path: Path, kind: str, tokenizer) -> Path:
    """A folder as a hub repository has it: an encoder without a head, in safetensors, and a tokenizer."""
    KINDS[kind](len(tokenizer)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_backbone_in_half_precision_is_trained_in_fp32(tokenizer, tmp_path):
    KINDS["bert"](len(tokenizer)).half().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    task = make_task("classification", LabelSet(NAMES["binary"]))
    model = load_backbone(str(tmp_path)).build(task, seed=1, dropout=None)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_tokenizer_that_leaves_no_token_of_a_text_is_refused(tokenizer, tmp_path):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    change_tokenizer(folder, lambda data: data.update(post_processor=None))
    rows = [*examples("binary", 40), mj.Example("\u200b\u200b", NAMES["binary"][0])]
    corpus = Corpus("few", "classification", LabelSet(NAMES["binary"]), rows)
    config = mj.TrainConfig(backbone=str(folder), epochs=1, max_length=64, clean=mj.CleanConfig(steps=("nfc",)))
    with pytest.raises(ConfigError, match=r"leaves no token of some texts.*post-processor"):
        mj.train(corpus, config, out=tmp_path / "out", cache=False)


@pytest.mark.parametrize("kind", KINDS)
def test_encoders_of_each_family_train_from_a_folder(kind, tokenizer, tmp_path):
    folder = hub_folder(tmp_path / "hub", kind, tokenizer)
    rows = examples("binary", 200)
    corpus = Corpus("few", "classification", LabelSet(NAMES["binary"]), rows)
    config = mj.TrainConfig(backbone=str(folder), epochs=2, learning_rate=3e-3, max_length=64)
    model = mj.train(corpus, config, out=tmp_path / "out")
    data = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert data["architectures"][0].lower() == f"{kind}forsequenceclassification"
    assert data["id2label"] == {"0": "부정", "1": "긍정"}
    long = model.predict("재밌다 " * 200)  # every position the network has, and not one more
    assert long.note == "truncated to 64 tokens"


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_limit_is_that_of_the_positions(kind, tokenizer, tmp_path):
    backbone = load_backbone(str(hub_folder(tmp_path / "hub", kind, tokenizer)))
    assert backbone.max_length == 64


def test_a_length_beyond_the_network_is_refused(tokenizer, tmp_path):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    corpus = Corpus("few", "classification", LabelSet(NAMES["binary"]), examples("binary", 100))
    with pytest.raises(ConfigError, match=r"max_length is 65; .* takes at most 64"):
        mj.train(corpus, mj.TrainConfig(backbone=str(folder), max_length=65), out=tmp_path / "out")


def test_a_bare_vocabulary_is_taken_as_cased(tokenizer, tmp_path, caplog):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    (folder / "vocab.txt").write_text("\n".join(piece for piece, _ in vocabulary) + "\n", encoding="utf-8")
    with caplog.at_level(logging.INFO, "munjang"):
        backbone = load_backbone(str(folder))
    assert "does not say whether to lower-case; cased" in caplog.text
    assert backbone.tokenizer("정말 재밌고 좋았어요.").input_ids == tokenizer("정말 재밌고 좋았어요.").input_ids


def test_a_tokenizer_that_breaks_hangul_is_warned_about(tokenizer, tmp_path, caplog):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    data["normalizer"] = {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
        "lowercase": True,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    with caplog.at_level(logging.WARNING, "munjang"):
        load_backbone(str(folder))
    assert "ALARM" in caplog.text
    assert "breaks Hangul into jamo" in caplog.text


def test_pickled_weights_of_a_backbone_are_refused(tokenizer, tmp_path):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    task = make_task("classification", LabelSet(NAMES["binary"]))
    with pytest.raises(FetchError, match=r"weights of .* cannot be loaded"):
        load_backbone(str(folder)).build(task, seed=1, dropout=None)


def test_code_in_a_backbone_folder_never_runs(tokenizer, tmp_path):
    folder = hub_folder(tmp_path / "hub", "bert", tokenizer)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Mine", "AutoModelForSequenceClassification": "mine.M"},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\n", encoding="utf-8")
    with pytest.raises((FetchError, ConfigError)):
        load_backbone(str(folder)).build(make_task("classification", LabelSet(("a", "b"))), seed=1, dropout=None)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("name", "near"), [("mberts", "mbert"), ("scratch:tinny", "tiny"), ("klue-rob-base", "klue-roberta-base")]
)
def test_an_unknown_backbone_names_the_nearest(name, near):
    with pytest.raises(UnknownName, match=f"Did you mean {near}"):
        load_backbone(name, TEXTS)


def test_every_row_of_the_table_says_what_it_is():
    for name, row in BACKBONES.items():
        assert is_packaged_name(name) or row.source.count("/") == 1, name
        assert row.licence and row.parameters.endswith("M"), name
        assert 1e-6 < row.learning_rate < 1e-3, name
    assert all(len(shape) == 5 for shape in SCRATCH.values())


def test_the_same_texts_give_the_same_vocabulary():
    made = {train_wordpiece(TEXTS, 900).backend_tokenizer.to_str() for _ in range(3)}
    assert len(made) == 1


def test_a_vocabulary_keeps_hangul_whole_and_knows_its_own_texts(tokenizer):
    pieces = tokenizer.tokenize("정말 재밌고 좋았어요 ㅋㅋㅋ")
    assert tokenizer.unk_token not in pieces
    assert "".join(piece.removeprefix("##") for piece in pieces) == "정말재밌고좋았어요ㅋㅋㅋ"
    assert tokenizer("A", "B").token_type_ids == [0, 0, 0, 1, 1]


def test_decomposed_text_gets_the_same_ids(tokenizer):
    import unicodedata

    assert tokenizer(unicodedata.normalize("NFD", "한국어 좋아")).input_ids == tokenizer("한국어 좋아").input_ids


def test_the_same_seed_gives_the_same_fresh_network():
    import torch

    task = make_task("classification", LabelSet(("a", "b")))
    backbone = load_backbone("scratch:tiny", TEXTS)
    one, two, three = (backbone.build(task, seed=seed, dropout=None).classifier.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
