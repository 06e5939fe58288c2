"""Adds to the packaged heads what they gave on their validation splits, from which their thresholds come.

    python recipes/mini/confidence.py --data-dir DATA_DIR [--heads munjang/assets/mini/heads]

The splits are made as in training, by the settings in the folder. Temperatures stay as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import munjang as mj
from munjang.config.settings import TrainConfig, update
from munjang.data.multi_corpus import prepare_multi_corpus
from munjang.files import ASSETS
from munjang.inference import confidence
from munjang.metrics.scores import one_hot
from munjang.models.folder import update_bundle
from munjang.tasks.classification import RawLogits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--heads", type=Path, default=ASSETS / "mini" / "heads")
    options = parser.parse_args()
    analyzer = mj.Analyzer(options.heads)
    settings = {key: value for key, value in analyzer.whole.manifest.settings.items() if hasattr(TrainConfig(), key)}
    config = update(TrainConfig(), settings, where="munjang.json")
    corpora = {head.name: mj.load_corpus(head.corpus, data_dir=options.data_dir) for head in analyzer.heads}
    prepared = prepare_multi_corpus(corpora, config)
    held = {}
    for head in analyzer.heads:
        rows = prepared.parts[head.name].corpus.validation
        model = analyzer.predictor(head)
        plain = RawLogits(model.labels, head.columns)
        logits = np.concatenate([run[2] for run in model.run([row.text for row in rows], decoder=plain)])
        references = one_hot(np.array([head.labels.index(row.label) for row in rows]), len(head.labels))
        held[head.name] = confidence.observed(head.decoder, logits, references)
        right = (held[head.name].predicted == held[head.name].references).mean()
        print(f"{head.name}: {len(rows):,} texts, accuracy {right:.4f}")
        print("\n".join(f"  {line}" for line in confidence.promises(held[head.name], head.labels.names)))
    update_bundle(options.heads, lambda beside: confidence.save(beside, held), lambda values: None)


if __name__ == "__main__":
    main()
