"""Put a pre-trained encoder and a many-headed model into the package, as munjang-mini.

    python recipes/mini/package.py --encoder runs/mini --heads runs/mini-heads
    python recipes/mini/package.py --parser runs/mini-dp

The encoder's weights are stored in 16 bits (config.json says that they are loaded in 32 bits, and that dropout in
fine-tuning is 0.1). Heads and parser are exported to 8 bits and compared with the models they come from. The parser
must be trained on the packaged encoder, because it shares its word embeddings: package it again after each new encoder.
Prints the size of every file; more than 40 MB is an error.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from munjang.models.backbones import PACKAGED_ENCODER

MOST_BYTES = 40_000_000
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
DROPOUT = 0.1  # chosen on validation splits (EXPERIMENTS, 2026-11-22)
CARD = """---
language: "ko"
license: "apache-2.0"
library_name: "transformers"
pipeline_tag: "fill-mask"
tags: ["munjang", "korean", "bert"]
---

# munjang-mini

A small Korean BERT ({layers} layers of {width}, {parameters:.1f} million parameters, {pieces:,} pieces, texts of up to
{length} tokens) that comes with munjang. It was pre-trained by predicting masked words in comments, reviews, headlines
and some formal text; docs/mini.md of the project has its scores after fine-tuning.

## Use

```sh
munjang train CORPUS --backbone mini --out RUN_FOLDER
```

```python
from transformers import AutoModel, AutoTokenizer
from munjang.models.backbones import PACKAGED_ENCODER

model = AutoModel.from_pretrained(PACKAGED_ENCODER)
tokenizer = AutoTokenizer.from_pretrained(PACKAGED_ENCODER)
```

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, help="folder that munjang pretrain wrote")
    parser.add_argument("--heads", type=Path, help="folder that munjang train wrote for several corpora")
    parser.add_argument("--parser", type=Path, help="folder of a parser that munjang train wrote, on this encoder")
    parser.add_argument("--out", type=Path, default=PACKAGED_ENCODER.parent)
    options = parser.parse_args()
    if options.encoder:
        package_encoder(options.encoder, options.out / "encoder")
    if options.heads:
        package_heads(options.heads, options.out / "heads")
    if options.parser:
        package_parser(options.parser, options.out / "parser")
    sizes = {path: path.stat().st_size for path in sorted(options.out.rglob("*")) if path.is_file()}
    for path, size in sizes.items():
        print(f"{size:>12,}  {path.relative_to(options.out)}")
    print(f"{sum(sizes.values()):>12,}  bytes in total")
    if sum(sizes.values()) > MOST_BYTES:
        sys.exit(f"More than {MOST_BYTES:,} bytes: package fewer or smaller models.")


def package_encoder(source: Path, target: Path) -> None:
    """The weights in 16 bits, the settings, the tokenizer and the card of a pre-trained model."""
    weights = load_file(source / "model.safetensors")
    largest = max(float(np.abs(array).max()) for array in weights.values())
    if not largest < np.finfo(np.float16).max:
        sys.exit(f"A weight of {largest} does not fit into 16 bits.")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    save_file(
        {name: array.astype(np.float16) for name, array in weights.items()},
        target / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config |= {"dtype": "float32", "hidden_dropout_prob": DROPOUT, "attention_probs_dropout_prob": DROPOUT}
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for name in TOKENIZER:
        shutil.copyfile(source / name, target / name)
    card = CARD.format(
        layers=config["num_hidden_layers"], width=config["hidden_size"], pieces=config["vocab_size"],
        parameters=sum(array.size for array in weights.values()) / 1e6, length=config["max_position_embeddings"],
    )  # fmt: skip
    _, heading, rest = (source / "README.md").read_text(encoding="utf-8").partition("## Texts\n")
    shutil.copyfile(source / "loss.png", target / "loss.png")
    (target / "README.md").write_text(card + heading + rest, encoding="utf-8")


def package_heads(source: Path, target: Path) -> None:
    """The many-headed model in 8 bits."""
    from munjang.export.run import export_model

    export_model(source, "onnx-int8", target, overwrite=True)
    shorten_sources(target)


def package_parser(source: Path, target: Path) -> None:
    """The parser in 8 bits, without the word embeddings that it shares with the packaged encoder."""
    from munjang.export.run import export_model

    export_model(source, "onnx-int8", target, overwrite=True, share_words=True)
    shorten_sources(target)


def shorten_sources(target: Path) -> None:
    """Remove the folders of the corpora from a card, so that only their names are left."""
    card = target / "README.md"
    text = re.sub(r"^Source: \S*/(?=\S+ \()", "Source: ", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    card.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
