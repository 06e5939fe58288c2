"""Every row of the table of families, asked the same questions about a small network that transformers makes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from munjang.encoder.embedding import compact_embeddings
from munjang.encoder.families import FAMILIES
from munjang.encoder.packed import Packed, pack
from munjang.errors import BundleError, ConfigError
from munjang.models.backbones import position_limit
from munjang.models.folder import plain_reach
from munjang.records import LabelSet
from munjang.tasks import make_task
from munjang.tasks.masked_lm import MaskedWords

ROWS, POSITIONS = 120, 66
SHAPE = {
    "vocab_size": ROWS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
}
OWN = {
    "distilbert": {"hidden_dim": 48, "dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
    "electra": {"embedding_size": 16},
    "xmod": {"languages": ["ko_KR"], "default_language": "ko_KR"},
}
"""Family -> what its config calls otherwise, or has besides."""
every_family = pytest.mark.parametrize("kind", FAMILIES)


def config_of(kind: str):
    """A small config without dropout, so that a network in training mode answers the same twice."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    return AutoConfig.for_model(kind, **SHAPE, **still, **OWN.get(kind, {}))


def network(kind: str, auto: type = AutoModelForSequenceClassification):
    """A small random network whose answers differ from text to text, in training mode."""
    torch.manual_seed(3)
    model = auto.from_config(config_of(kind)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))  # norms and biases that differ from 1 and 0 too
    return model


def sentences(padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three sentences of five, nine and three tokens: ids and mask (3, 9)."""
    mask = (torch.arange(9) < torch.tensor([5, 9, 3])[:, None]).long()
    ids = torch.randint(5, ROWS, mask.shape, generator=torch.Generator().manual_seed(5))
    return torch.where(mask.bool(), ids, padding), mask


@pytest.mark.parametrize("kind", [k for k in CONFIG_MAPPING_NAMES if "roberta" in k or "camembert" in k])
def test_every_roberta_of_transformers_has_a_row(kind):
    assert FAMILIES[kind].padding_positions == 2


@every_family
@pytest.mark.parametrize("auto", (AutoModelForSequenceClassification, AutoModelForMaskedLM))
def test_the_encoder_is_at_its_attribute(kind, auto):
    model = network(kind, auto)
    encoder = getattr(model, FAMILIES[kind].encoder)
    assert type(encoder) is type(AutoModel.from_config(config_of(kind)))
    assert encoder.embeddings.word_embeddings is model.get_input_embeddings()


@every_family
def test_a_sentence_over_all_positions_runs_and_one_longer_does_not(kind):
    model = network(kind).eval()
    longest = POSITIONS - FAMILIES[kind].padding_positions
    with torch.inference_mode():
        assert torch.isfinite(model(input_ids=torch.full((1, longest), 7)).logits).all()
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, longest + 1), 7))
    assert position_limit(model.config) == plain_reach(model.config.to_dict()) == longest


@every_family
def test_a_classifier_starts_from_a_language_model(kind, tmp_path):
    pretrained = network(kind, AutoModelForMaskedLM)  # without the pooler and the head of a classifier
    pretrained.save_pretrained(tmp_path)
    model = make_task("classification", LabelSet(("가", "나", "다"))).build(str(tmp_path))
    assert model.num_labels == 3
    assert torch.equal(model.get_input_embeddings().weight, pretrained.get_input_embeddings().weight)


@every_family
def test_a_packable_classifier_answers_as_the_padded_one(kind):
    model = network(kind)
    ids, mask = sentences(model.config.pad_token_id)
    packed = pack(model)
    if not FAMILIES[kind].packable:
        assert packed is model
        return
    assert isinstance(packed, Packed)
    padded = model(input_ids=ids, attention_mask=mask).logits
    assert padded.std() > 0.01
    torch.testing.assert_close(packed(ids, mask).logits, padded, rtol=1e-4, atol=1e-5)


@every_family
def test_a_packable_family_can_be_pre_trained_and_others_are_refused(kind):
    task = MaskedWords(pieces=None)
    if not FAMILIES[kind].packable:
        with pytest.raises(ConfigError, match=f"type {kind} cannot be pre-trained.*bert, electra, roberta"):
            task.build(config=config_of(kind))
        return
    assert isinstance(task.build(config=config_of(kind)), type(network(kind, AutoModelForMaskedLM)))
    model = network(kind, AutoModelForMaskedLM)
    ids, mask = sentences(model.config.pad_token_id)
    masked = torch.tensor([0, 4, 9, 17, 20])  # of (3 * 9): both ends of two sentences, the last token of the third
    padded = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)[masked]
    torch.testing.assert_close(pack(model)(ids, mask, masked).logits, padded, rtol=1e-4, atol=1e-4)


@every_family
def test_a_compact_embedding_learns_as_the_whole_one(kind):
    whole = network(kind)
    small = copy.deepcopy(whole)
    before = whole.get_input_embeddings().weight.detach().clone()
    ids, mask = sentences(whole.config.pad_token_id)
    used = np.unique(ids[mask.bool()].numpy())
    compaction = compact_embeddings(small, used)
    if not FAMILIES[kind].compactable:
        assert compaction is None and small.get_input_embeddings().num_embeddings == ROWS
        return
    assert small.get_input_embeddings().num_embeddings == len(compaction.rows) < ROWS / 2
    for model, numbers in ((whole, ids), (small, torch.from_numpy(compaction.ids(ids.numpy()).astype(np.int64)))):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
        packed = pack(model)
        for _ in range(3):
            optimizer.zero_grad()
            cross_entropy(packed(numbers, mask).logits, torch.tensor([0, 1, 1])).backward()
            optimizer.step()
    compaction.expand(small)
    for (name, expected), (_, learnt) in zip(whole.named_parameters(), small.named_parameters(), strict=True):
        torch.testing.assert_close(learnt, expected, rtol=1e-4, atol=1e-5, msg=name)
    table = small.get_input_embeddings()
    idle = np.setdiff1d(np.arange(ROWS), compaction.rows)
    assert table.num_embeddings == ROWS and torch.equal(table.weight[idle], before[idle])
    assert not torch.equal(table.weight[used], before[used])


@every_family
def test_an_exportable_classifier_answers_as_its_source(kind):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from munjang.export.graph import build_graph
    from munjang.export.network import check_family, network_of

    model = network(kind).eval()
    config = model.config.to_dict()
    if FAMILIES[kind].weights is None:
        with pytest.raises(BundleError, match=f"'{kind}' cannot be exported; known are bert, roberta"):
            check_family(config)
        return
    check_family(config)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    graph, _ = build_graph(network_of(config, weights))
    ids, mask = sentences(model.config.pad_token_id)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).logits.numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
