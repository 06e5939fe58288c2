"""munjang-mini: what is in the package, that it opens and that it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import munjang as mj
from munjang.models.backbones import PACKAGED_ENCODER, load_backbone
from munjang.tasks import make_task

torch = pytest.importorskip("torch")
MOST_BYTES, MOST_PARAMETERS = 40_000_000, 15_000_000


def test_everything_packaged_weighs_at_most_40_mb():
    sizes = [path.stat().st_size for path in PACKAGED_ENCODER.parent.rglob("*") if path.is_file()]
    assert 5_000_000 < sum(sizes) <= MOST_BYTES


def test_the_packaged_backbone_is_the_default_and_needs_no_network(monkeypatch):
    monkeypatch.setattr("munjang.models.backbones.is_reachable", lambda: pytest.fail("asked for the hub"))
    backbone = load_backbone(mj.TrainConfig().backbone)
    assert backbone.is_local
    assert backbone.origin == "mini (Apache-2.0)"  # and not a folder of this machine
    model = backbone.build(make_task("classification", mj.LabelSet(("부정", "긍정"))), seed=1, dropout=None)
    assert model.num_parameters() <= MOST_PARAMETERS
    assert next(model.parameters()).dtype == torch.float32
    stored = load_file(PACKAGED_ENCODER / "model.safetensors")
    words = "bert.embeddings.word_embeddings.weight"
    assert stored[words].dtype == np.float16
    assert np.array_equal(model.state_dict()[words].numpy(), stored[words].astype(np.float32))


def test_plain_transformers_opens_it_in_fp32_and_it_predicts_a_masked_word():
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForMaskedLM.from_pretrained(PACKAGED_ENCODER).eval(),
        AutoTokenizer.from_pretrained(PACKAGED_ENCODER),
    )
    assert model.dtype == torch.float32
    assert len(tokenizer("가 " * 400, truncation=True)["input_ids"]) == 128
    inputs = tokenizer("진짜 너무 [MASK] 있어요", return_tensors="pt")
    position = int((inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero())
    best = model(**inputs).logits[0, position].topk(5).indices
    assert "재미" in tokenizer.convert_ids_to_tokens(best)


def test_its_vocabulary_keeps_hangul_whole_and_has_a_mask_and_spares():
    tokenizer = load_backbone("mini").tokenizer
    assert tokenizer.tokenize("너 때문에 진짜 짜증나ㅋㅋㅋㅋㅋ") == ["너", "때문에", "진짜", "짜증나", "ㅋㅋㅋ"]
    assert {"[MASK]", "[unused0]", "[unused9]"} <= set(tokenizer.get_vocab())
    assert "[UNK]" not in tokenizer.tokenize("한국어 English русский العربية हिन्दी ไทย ひらがな カタカナ")


def test_its_card_names_every_source_with_its_licence():
    card = (PACKAGED_ENCODER / "README.md").read_text(encoding="utf-8")
    for source in (
        "nsmc_reviews",
        "labelled_train_texts",
        "beep_unlabeled_comments",
        "petitions",
        "klue_ner_sentences",
    ):
        rows = [line for line in card.splitlines() if f"/{source}" in line and line.startswith("|")]
        assert rows and all(line.split("|")[3].strip() not in ("", "-") for line in rows), source
    assert "kor_hate/dev.tsv" in card  # the evaluation files whose texts were left out
    assert json.loads((PACKAGED_ENCODER / "config.json").read_text(encoding="utf-8"))["max_position_embeddings"] == 128


def test_it_learns_the_sample_corpus_better_than_a_linear_model(tmp_path):
    corpus = mj.load_corpus("sample:sentiment")
    config = mj.TrainConfig(epochs=4)
    model = mj.train(corpus, config, out=tmp_path / "mini", cache=False)
    linear = mj.train(corpus, mj.TrainConfig(backbone="linear"), out=tmp_path / "linear", cache=False)
    scores = [mj.evaluate(trained, corpus, without_spaces=False).metrics["accuracy"] for trained in (model, linear)]
    assert scores[0] > scores[1]


def test_the_packaged_heads_answer_everyday_korean():
    analysis = mj.analyze("너 때문에 진짜 짜증나ㅠㅠ")
    assert list(analysis.answers) == ["sentiment", "hate", "sarcasm", "intent", "kind", "topic", "language"]
    assert analysis["sentiment"].label == "부정"
    assert mj.analyze("내일 서울 날씨 어때?")["intent"].label == "질문"
    assert mj.analyze("코스피가 사흘 만에 반등했다")["topic"].label == "경제"
    for text in ("너 때문에 진짜 짜증나ㅠㅠ", "진짜 재미없네요 ㅋㅋ", "영화 개재밌어 ㅋㅋㅋㅋㅋ", "배송이 정말 빨라요"):
        assert mj.analyze(text)["language"].label == "ko", text
    assert mj.analyze("The weather is lovely today, is it not?")["language"].label == "en"


def test_the_card_of_the_heads_has_scores_and_calibration_of_each():
    heads = mj.Analyzer().heads
    card = (PACKAGED_ENCODER.parent / "heads" / "README.md").read_text(encoding="utf-8")
    for head in heads:
        assert head.test["n"] > 250 and head.test["accuracy"] > 0.5
        assert head.calibration["after"] < max(head.calibration["before"], 0.01)
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {head.name} ") and head.corpus in line]
        assert f"{head.test['accuracy']:.4f}" in row
