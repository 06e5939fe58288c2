"""recipes/mini/transfer.py: a new vocabulary on the packaged encoder's layers, and what its pre-training leaves out."""

import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, BertConfig

from munjang.models.backbones import PACKAGED_ENCODER
from munjang.text.vocabulary import SPECIAL, make_wordpiece, wrap

RECIPE = Path(__file__).parents[2] / "recipes" / "mini"
SHARED = [*SPECIAL, "영", "화", "##화", "##가"]


@pytest.fixture(scope="module")
def recipe():
    return runpy.run_path(str(RECIPE / "transfer.py"))


def tokenizer(*pieces):
    return wrap(make_wordpiece({piece: index for index, piece in enumerate([*SHARED, *pieces])}))


def test_a_new_piece_starts_as_the_mean_of_its_old_pieces(recipe):
    old_tokenizer, new_tokenizer = tokenizer("##관", "영화"), tokenizer("영화", "영화관가", "화가", "##화가", "##뷁")
    torch.manual_seed(1)
    old = AutoModelForMaskedLM.from_config(
        BertConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    )
    torch.nn.init.normal_(old.cls.predictions.bias)
    new = recipe["transfer"](old, old_tokenizer, new_tokenizer)
    sources = {  # longest first: 영화, not 영 and ##화
        "영": ["영"], "##가": ["##가"], "[MASK]": ["[MASK]"], "영화": ["영화"], "영화관가": ["영화", "##관", "##가"],
        "화가": ["화", "##가"], "##화가": ["##화", "##가"], "##뷁": ["[UNK]"],
    }  # fmt: skip
    for rows in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias", "cls.predictions.decoder.weight"):
        before, after = (model.state_dict()[rows].numpy() for model in (old, new))
        assert len(after) == 14
        for piece, parts in sources.items():
            mean = np.mean([before[old_tokenizer.get_vocab()[part]] for part in parts], axis=0)
            assert np.allclose(after[new_tokenizer.get_vocab()[piece]], mean, atol=1e-7), (rows, piece)
    kept = [name for name, weights in old.state_dict().items() if len(weights) != 11]
    assert len(kept) > 20
    assert all(torch.equal(old.state_dict()[name], new.state_dict()[name]) for name in kept)


def test_the_next_encoder_fits_into_the_package(recipe):
    pieces = tomllib.loads((RECIPE / "mini3.toml").read_text(encoding="utf-8"))["vocabulary"]
    width, inner, layers, positions = 256, 1024, 4, 128
    norm, square = 2 * width, width * width + width
    layer = 4 * square + norm + (width * inner + inner) + (inner * width + width) + norm
    head = square + norm + pieces  # the projection to the pieces is the embedding again
    by_hand = (pieces + positions + 2) * width + norm + layers * layer + head
    config = AutoConfig.from_pretrained(PACKAGED_ENCODER, vocab_size=pieces)
    with torch.device("meta"):
        assert AutoModelForMaskedLM.from_config(config).num_parameters() == by_hand
    assert by_hand < recipe["MOST_PARAMETERS"] == 10_000_000


def test_sentences_of_named_entities_are_put_together(recipe):
    lines = ["## klue-ner-v1_0\t<김:PS>모 씨", "김\tB-PS", "모\tO", " \tO", "씨\tO", "", "#\tO", "1\tB-QT"]
    assert list(recipe["ner_sentences"](iter(lines))) == ["김모 씨", "#1"]
