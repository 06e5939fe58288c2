"""Networks run without padding, against the same networks run by transformers."""

from __future__ import annotations

import copy
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
)

import munjang as mj
from munjang.encoder import packed
from munjang.encoder.attention import TokenLayout
from munjang.encoder.dropout import dropout_mask
from munjang.encoder.embedding import compact_embeddings
from munjang.encoder.memory import glibc, kept_memory
from munjang.encoder.packed import Packed
from munjang.errors import ConfigError
from munjang.training.loops.interrupts import Interrupted

ROWS, WIDTH = 120, 32
CLASSIFIERS = {
    "bert": (BertConfig, BertForSequenceClassification),
    "roberta": (RobertaConfig, RobertaForSequenceClassification),
    "electra": (ElectraConfig, ElectraForSequenceClassification),
}
LANGUAGE_MODELS = {"bert": BertForMaskedLM, "roberta": RobertaForMaskedLM, "electra": ElectraForMaskedLM}
LENGTHS = {"of many lengths": (5, 9, 3, 9, 1, 4), "of one length": (7, 7, 7), "alone": (6,)}


def make(family: str, kind: type | None = None, *, dropout: float = 0.0, **settings):
    """A small network whose outputs differ from text to text, in training mode."""
    config_kind, classifier = CLASSIFIERS[family]
    if family == "electra":
        settings |= {"embedding_size": 16}
    config = config_kind(
        vocab_size=ROWS,
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        **settings,
    )
    config.classifier_dropout = dropout
    torch.manual_seed(3)
    model = (kind or classifier)(config).train()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                parameter.mul_(4)
    return model


def batch(lengths: tuple[int, ...], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random sentences: ids and mask (B, T)."""
    generator = torch.Generator().manual_seed(5)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(5, ROWS, mask.shape, generator=generator)
    return torch.where(mask.bool(), ids, padding), mask


def gradients(model, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    cross_entropy(logits, labels).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_packed_classifier_has_the_logits_and_gradients_of_the_padded_one(family, lengths):
    model = make(family)
    ids, mask = batch(lengths, model.config.pad_token_id)
    labels = torch.arange(len(lengths)) % 2
    padded = model(input_ids=ids, attention_mask=mask).logits
    expected = gradients(model, padded, labels)
    network = packed.pack(model)
    assert isinstance(network, Packed)
    found = network(ids, mask).logits
    assert padded.std() > 0.01
    torch.testing.assert_close(found, padded, rtol=1e-5, atol=1e-5)
    got = gradients(model, found, labels)
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("family", LANGUAGE_MODELS)
def test_a_packed_language_model_has_the_logits_and_gradients_of_the_padded_one(family):
    model = make(family, LANGUAGE_MODELS[family])
    ids, mask = batch((5, 9, 3), model.config.pad_token_id)
    places = torch.tensor([0, 4, 9, 17, 20])  # the first sentence's first and last token, the second's, the third's
    labels = torch.tensor([7, 8, 9, 10, 11])
    padded = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)[places]
    expected = gradients(model, padded, labels)
    found = packed.pack(model)(ids, mask, places).logits
    torch.testing.assert_close(found, padded, rtol=1e-5, atol=1e-5)
    for name, gradient in gradients(model, found, labels).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_packed_sentence_never_sees_its_neighbour(family):
    network = packed.pack(make(family))
    first, second = torch.arange(10, 15), torch.arange(20, 24)
    ids = torch.cat([first, second])
    mask = torch.tensor([[1] * 5, [1] * 4 + [0]])
    grid = torch.stack([first, torch.cat([second, torch.tensor([network.model.config.pad_token_id])])])
    logits = network(grid, mask).logits
    logits[0].sum().backward()
    touched = network.model.get_input_embeddings().weight.grad.abs().sum(1)
    assert (touched[first] > 0).all() and not touched[second].any()
    changed = grid.clone()
    changed[1, :4] = torch.tensor([30, 31, 32, 33])
    again = network(changed, mask).logits
    assert torch.equal(again[0], logits[0]) and not torch.allclose(again[1], logits[1], atol=1e-4)
    assert len(ids) == 9


def test_bf16_products_follow_autocast_and_stay_near():
    model = make("bert")
    network = packed.pack(model)
    ids, mask = batch((5, 9, 3), 0)
    exact = network(ids, mask).logits
    with torch.autocast("cpu", torch.bfloat16):
        near = network(ids, mask).logits
        hidden = network.encode(ids[mask.bool()], TokenLayout.of(mask.sum(1), 2), torch.tensor([0]), torch.bfloat16)
    assert not torch.equal(near.float(), exact)
    torch.testing.assert_close(near.float(), exact, rtol=0.05, atol=0.05)
    assert hidden.dtype == torch.float32
    cross_entropy(near.float(), torch.tensor([0, 1, 0])).backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_token_of_the_padding_s_number_within_a_sentence_counts_as_in_transformers(family):
    model = make(family).eval()
    ids, mask = batch((7, 5), model.config.pad_token_id)
    ids[0, 2] = ids[1, 0] = model.config.pad_token_id
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(packed.pack(model)(ids, mask).logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_frozen_network_answers_as_before(family):
    model = make(family).eval()
    ids, mask = batch((5, 9, 3, 9), model.config.pad_token_id)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits
        for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.05)):
            network = packed.pack(copy.deepcopy(model))
            network.freeze(dtype)
            torch.testing.assert_close(network(ids, mask).logits, expected, rtol=tolerance, atol=tolerance)


def test_a_frozen_network_answers_in_bf16_where_the_processor_has_no_instructions_for_it(monkeypatch):
    monkeypatch.setattr("munjang.encoder.dense.onednn_multiplies", lambda dtype: dtype == torch.float32)
    model = make("bert").eval()
    ids, mask = batch((5, 9), 0)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits
        network = packed.pack(model)
        network.freeze(torch.bfloat16)
        torch.testing.assert_close(network(ids, mask).logits, expected, rtol=0.05, atol=0.05)


def test_a_frozen_network_with_another_activation_answers_as_before():
    model = make("bert", hidden_act="relu").eval()
    ids, mask = batch((5, 9), 0)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits
        network = packed.pack(model)
        network.freeze(torch.float32)
        torch.testing.assert_close(network(ids, mask).logits, expected, rtol=1e-5, atol=1e-5)


def test_dropout_is_drawn_while_training_and_only_then():
    network = packed.pack(make("bert", dropout=0.5))
    ids, mask = batch((5, 9, 3), 0)
    torch.manual_seed(1)
    first, second = network(ids, mask).logits, network(ids, mask).logits
    torch.manual_seed(1)
    again = network(ids, mask).logits
    assert not torch.allclose(first, second) and torch.equal(first, again)
    network.eval()
    assert torch.equal(network(ids, mask).logits, network(ids, mask).logits)


def test_a_mask_keeps_its_share_and_the_mean():
    torch.manual_seed(2)
    mask = dropout_mask((300, 401), 0.1, torch.float32, "cpu")
    dropped = 26 / 256
    assert mask.unique().tolist() == pytest.approx([0, 1 / (1 - dropped)])
    assert (mask == 0).float().mean().item() == pytest.approx(dropped, abs=0.003)
    assert mask.mean().item() == pytest.approx(1, abs=0.005)
    rows = (mask == 0).float()
    assert abs(float(torch.corrcoef(torch.stack([rows[:, :-1].flatten(), rows[:, 1:].flatten()]))[0, 1])) < 0.01


@pytest.mark.parametrize("probability", (0.001, 0.999))
def test_a_mask_of_an_extreme_share_is_finite(probability):
    mask = dropout_mask((4, 4096), probability, torch.float32, "cpu")
    assert torch.isfinite(mask).all() and (mask > 0).any()


def test_batches_are_rounded_to_few_numbers_of_tokens():
    for lengths, tokens in (((5, 9, 3), 24), ((32,), 32), ((1,), 8), ((100, 29), 160), ((128,), 128)):
        ids, sizes = packed.round_up_tokens(torch.arange(sum(lengths)), torch.tensor(lengths))
        assert len(ids) == sizes.sum() == tokens and sizes[: len(lengths)].tolist() == list(lengths)
        assert sizes.max() == max(lengths)


def test_a_frozen_network_multiplies_few_numbers_of_rows(monkeypatch):
    network, rows = packed.pack(make("bert").eval()), set()
    network.freeze(torch.float32)
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda ids, *rest: rows.add(len(ids)) or encode(ids, *rest))
    with torch.inference_mode():
        for length in range(1, 10):
            network(*batch((9,) * 14 + (length,), 0))  # 127 to 135 tokens
    assert rows == {128, 160}, "a server would keep a kernel for each number of tokens"


def test_an_unknown_type_of_model_stays_padded():
    config = DistilBertConfig(vocab_size=ROWS, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    model = DistilBertForSequenceClassification(config)
    assert packed.pack(model) is model


def test_a_network_that_transformers_runs_in_another_way_stays_padded(caplog):
    model = make("bert")
    layer = model.bert.encoder.layer[1]
    layer.register_forward_hook(lambda module, args, out: (out[0] * 1.5,) if isinstance(out, tuple) else out * 1.5)
    with caplog.at_level(logging.WARNING, "munjang"):
        assert packed.pack(model) is model
    assert "sentences are padded" in caplog.text and model.training
    guesser = make("bert", BertForMaskedLM)
    guesser.bert.encoder.layer[0].register_forward_hook(
        lambda module, args, out: (out[0] * 1.5,) if isinstance(out, tuple) else out * 1.5
    )
    with pytest.raises(ConfigError, match="cannot be pre-trained here"):
        packed.pack(guesser)


def test_an_embedding_that_is_used_up_or_shared_stays_whole():
    model = make("bert")
    assert compact_embeddings(model, np.arange(ROWS - 10)) is None
    assert compact_embeddings(make("bert", BertForMaskedLM), np.arange(5, 9)) is None
    assert model.get_input_embeddings().num_embeddings == ROWS


@pytest.mark.parametrize("kind", ("gpt2", "bart"))
def test_a_network_that_looks_for_a_token_by_its_number_keeps_its_whole_table(kind):
    if kind == "gpt2":
        config = GPT2Config(vocab_size=ROWS, n_embd=32, n_layer=1, n_head=2, pad_token_id=90)
        model = GPT2ForSequenceClassification(config)
    else:
        halves = {f"{half}_{part}": 2 for half in ("encoder", "decoder") for part in ("layers", "attention_heads")}
        model = BartForSequenceClassification(BartConfig(vocab_size=ROWS, d_model=32, eos_token_id=50, **halves))
    assert compact_embeddings(model, np.array([3, 50, 90])) is None
    assert model.get_input_embeddings().num_embeddings == ROWS


def few_words(folder: Path):
    """A corpus that touches few rows of the backbone saved in `folder`, its tokenizer, and its word embedding."""
    from munjang.models.backbones import load_backbone
    from munjang.tasks import make_task

    corpus = mj.load_corpus("sample:sentiment")
    start = load_backbone("scratch:tiny", [example.text for example in corpus.train])
    few = corpus.with_splits(train=corpus.train[:40], validation=corpus.train[40:60], test=())
    model = start.build(make_task("classification", corpus.labels), seed=1, dropout=0.1)
    model.save_pretrained(folder)
    start.tokenizer.save_pretrained(folder)
    return few, start.tokenizer, model.get_input_embeddings().weight.detach()


def test_a_run_over_few_rows_that_is_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    few, _, before = few_words(tmp_path / "backbone")
    config = mj.TrainConfig(backbone=str(tmp_path / "backbone"), epochs=3, test_share=0.0, learning_rate=1e-3)
    whole = mj.train(few, config, out=tmp_path / "whole").folder / "model.safetensors"
    asked = iter([False, False, True])
    monkeypatch.setattr("munjang.training.loops.native.NativeLoop.stop_is_asked", lambda *_: next(asked, False))
    with pytest.raises(Interrupted):
        mj.train(few, config, out=tmp_path / "cut")
    saved = load_file(tmp_path / "cut" / "checkpoints" / "step-00000003" / "weights.safetensors")
    assert len(saved["bert.embeddings.word_embeddings.weight"]) < len(before) / 2
    resumed = mj.train(few, config, out=tmp_path / "cut", resume=True).folder / "model.safetensors"
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("keep_best", (True, False))
def test_a_trained_model_has_its_whole_vocabulary_back(tmp_path, keep_best):
    few, tokenizer, before = few_words(tmp_path / "backbone")
    config = mj.TrainConfig(
        backbone=str(tmp_path / "backbone"), epochs=2, test_share=0.0, keep_best=keep_best, learning_rate=1e-3
    )
    trained = mj.train(few, config, out=tmp_path / "run")
    after = load_file(trained.folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    moved = (after != before).any(1)
    assert after.shape == before.shape and 0 < moved.sum() < len(before) / 2
    known = tokenizer(few.train[0].text)["input_ids"]
    assert moved[known[1:-1]].all()


@pytest.mark.skipif(glibc() is None, reason="only glibc can be told to keep its memory")
def test_memory_is_kept_within_the_block_and_given_back_after_it():
    def resident() -> int:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") // 2**20

    before = resident()
    with kept_memory(torch.device("cpu")) as clear:
        held = torch.ones(64 * 2**20)
        del held
        assert resident() > before + 200
        clear(1)
        assert resident() > before + 200
        clear(100)
        assert resident() < before + 100
        held = torch.ones(64 * 2**20)
        del held
    assert resident() < before + 100


@pytest.mark.parametrize("own", (None, "7"))
def test_the_command_line_has_threads_wait_a_moment_unless_told_otherwise(own):
    code = (
        "import os, sys; sys.argv = ['munjang', '--version']\nfrom munjang.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(os.environ['GOMP_SPINCOUNT'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {"GOMP_SPINCOUNT": own} if own else {}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[-1] == (own or "10000")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny trained classifier and a linear one."""
    corpus = mj.load_corpus("sample:sentiment")
    folder = tmp_path_factory.mktemp("models")
    for backbone in ("scratch:tiny", "linear"):
        mj.train(corpus, mj.TrainConfig(backbone=backbone, epochs=1), out=folder / backbone.replace(":", "-"))
    return folder


def test_bf16_predictions_are_near_those_in_fp32(trained):
    texts = [
        "영화 개재밌어 ㅋㅋㅋㅋㅋ",
        "진짜 재미없네요",
        "정말 좋았어요. 배우들의 연기도 훌륭했고 다시 보고 싶은 영화입니다.",
    ]
    exact = mj.load(trained / "scratch-tiny").probabilities(texts)
    near = mj.load(trained / "scratch-tiny", precision="bf16").probabilities(texts)
    assert 0 < np.abs(exact - near).max() < 0.02


def test_a_precision_that_a_model_does_not_have_is_refused(trained):
    with pytest.raises(ConfigError, match="precision is 'half'; it must be one of fp32, bf16"):
        mj.load(trained / "scratch-tiny", precision="half")
    with pytest.raises(ConfigError, match="has the format linear, whose precision is fixed"):
        mj.load(trained / "linear", precision="bf16")
