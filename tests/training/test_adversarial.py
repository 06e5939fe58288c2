"""The step of the word embeddings that increases the loss."""

import pytest

pytest.importorskip("torch")
import torch
from training_fixtures import make_job, run_job
from transformers import BertConfig, BertForSequenceClassification

from munjang.config.settings import LOOPS
from munjang.training.loops.adversarial import fgm_perturbation


def test_embeddings_move_by_the_given_size_and_come_back(tmp_path):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=2
    )
    model = BertForSequenceClassification(config).eval()
    ids, labels = torch.randint(1, 20, (4, 6)), torch.tensor([0, 1, 1, 0])
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    table = model.get_input_embeddings().weight
    before, gradient = table.detach().clone(), table.grad.clone()
    with fgm_perturbation(model, 0.5):
        step = table.detach() - before
        assert step.norm() == pytest.approx(0.5, rel=1e-4)
        torch.testing.assert_close(step, gradient * (0.5 / gradient.norm()), atol=1e-6, rtol=0)
        assert model(input_ids=ids, labels=labels).loss > loss
    assert torch.equal(table, before)


def test_embeddings_come_back_when_the_second_pass_fails():
    model = BertForSequenceClassification(
        BertConfig(vocab_size=9, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    )
    model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([1])).loss.backward()
    before = model.get_input_embeddings().weight.detach().clone()
    with pytest.raises(RuntimeError, match="out of memory"), fgm_perturbation(model, 1.0):
        raise RuntimeError("out of memory")
    assert torch.equal(model.get_input_embeddings().weight, before)


@pytest.mark.parametrize("loop", LOOPS)
def test_another_size_gives_other_weights(loop, tmp_path):
    first, second = (run_job(make_job(tmp_path / str(size), loop=loop, adversarial=size)) for size in (0.1, 3.0))
    assert first.weights != second.weights
