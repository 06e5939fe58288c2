"""A small network with three heads and random weights, in a model folder."""

from pathlib import Path

import torch
import transformers

import munjang as mj
from munjang.inference.backends.native import save as save_native
from munjang.models.folder import Manifest, save_bundle
from munjang.text.vocabulary import train_wordpiece

HEADS = {
    "sentiment": (("부정", "긍정"), "nsmc", 2.0),
    "hate": (("없음", "공격적", "혐오"), "kor_hate", 0.5),
    "topic": (("경제", "스포츠"), "ynat", 1.0),
}
ALIASES = {"0": "부정", "negative": "부정", "1": "긍정", "positive": "긍정"}
TEXTS = ["정말 재밌고 좋았어요.", "별로", "배송이 늦어요 " * 40, "", "ㅋ", "오늘 날씨가 좋네요 산책 갈까요?"]


def details() -> dict:
    """details["heads"] as training writes it."""
    found = {}
    for name, (labels, corpus, temperature) in HEADS.items():
        aliases = ALIASES if name == "sentiment" else {}
        found[name] = {
            "labels": mj.LabelSet(labels, aliases).to_dict(), "corpus": corpus, "temperature": temperature,
            "validation": {"accuracy": 0.9, "macro_f1": 0.8, "n": 10}, "test": {},
            "calibration": {"before": 0.1, "after": 0.02, "n": 10, "split": "validation"},
        }  # fmt: skip
    del found["topic"]["temperature"]  # one that was never calibrated
    return found


def save_heads(folder: Path) -> Path:
    """Write the folder; the heads' answers differ from text to text."""
    flat = [f"{head}/{label}" for head, (labels, *_) in HEADS.items() for label in labels]
    tokenizer = train_wordpiece([row.text for row in mj.load_corpus("sample:sentiment").train[:200]], 400)
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=66, num_labels=len(flat), id2label=dict(enumerate(flat)),
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    labels = mj.LabelSet(tuple(flat))
    manifest = Manifest("native", "heads", labels, ("nfc", "spaces"), 64, "scratch", details={"heads": details()})
    save_bundle(folder, manifest, lambda beside: save_native(beside, model, tokenizer), "# Many heads\n")
    return folder
