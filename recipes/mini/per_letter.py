"""The loss per letter of masked-word models on the texts that a run holds out, to compare different vocabularies.

    python recipes/mini/per_letter.py runs/mini3/trunk mini runs/mini3/start models/mini3

A loss per piece says nothing about a model with other pieces: longer pieces are harder to predict, and fewer. So the
loss of all masked pieces is divided by their letters, which are about as many with each vocabulary. Beside it: pieces
per text.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from munjang.config.settings import PretrainConfig, from_dict
from munjang.encoder.packed import pack
from munjang.models.backbones import load_backbone
from munjang.models.folder import read_json_object
from munjang.pretraining.blocks import open_blocks, segmented
from munjang.pretraining.run import SETTINGS_FILE, open_backbone
from munjang.pretraining.texts import Texts
from munjang.tasks.base import Encodings
from munjang.tasks.masked_lm import MaskedWords, MaskingVocabulary
from munjang.training.loops.batching import TokenSampler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a pre-training, finished or not")
    parser.add_argument("models", nargs="+", help="mini, or folders of pre-trained models")
    options = parser.parse_args()
    texts = held_out(options.run)
    for name in options.models:
        loss, pieces = per_letter(name, texts)
        print(f"{name}: {loss:.3f} per letter; {pieces:.1f} pieces per text, {len(texts.texts):,} texts")


def held_out(run: Path) -> Texts:
    """The held-out segments of a run as texts again; [UNK] stays where its vocabulary lacks a sign."""
    config = from_dict(PretrainConfig, read_json_object(run / SETTINGS_FILE)["config"])
    tokenizer = open_backbone(run, config).tokenizer
    segments, __ = open_blocks(run / "texts", "validation")
    pieces = (tokenizer.convert_ids_to_tokens(segments.sentence(i)[1:-1].tolist()) for i in range(len(segments)))
    texts = [" ".join(part).replace(" ##", "").removeprefix("##") for part in pieces]
    return Texts(texts, [0] * len(texts), [1.0])


def per_letter(name: str, texts: Texts) -> tuple[float, float]:
    """(loss in nats per letter, pieces per text) of a model."""
    backbone = load_backbone(name)
    task = MaskedWords(MaskingVocabulary.of(backbone.tokenizer))
    model = pack(backbone.build(task, seed=0, dropout=0.0)).eval()
    segments = [ids for __, __, parts in segmented(texts, backbone.tokenizer, backbone.max_length) for ids in parts]
    starts = np.cumsum([0, *map(len, segments)])
    encodings = Encodings(np.concatenate(segments), starts, np.zeros(len(segments), dtype=bool))
    names = backbone.tokenizer.convert_ids_to_tokens(range(len(backbone.tokenizer)))
    sizes = np.array([len(piece.removeprefix("##")) for piece in names])
    loss, letters = 0.0, 0
    for number, indices in enumerate(TokenSampler(8192).evaluation(encodings.lengths)):
        rng = np.random.default_rng(number)
        batch, __ = task.step_batch(encodings, indices, backbone.tokenizer.pad_token_id, rng, slice(None))
        letters += int(sizes[batch["labels"]].sum())
        batch = {name: torch.from_numpy(array) for name, array in batch.items()}
        with torch.inference_mode():
            loss += float(task.loss(task.forward(model, batch), batch, None))
    return loss / letters, (len(encodings.ids) - 2 * len(segments)) / len(texts.texts)


if __name__ == "__main__":
    main()
