"""Give the packaged heads their scopes, if they were trained before munjang had scopes.

    python recipes/mini/scopes.py --data-dir DATA_DIR --more language=runs/korean.csv

Cleans and splits the corpora again, as the settings in munjang.json say, and refuses them if the numbers of training
texts differ by more than 1% (the texts of runs/korean.csv have been filtered anew since). Later heads need no such
step: training makes their scopes, and `package.py` keeps them.
"""

from __future__ import annotations

import argparse
import os
import sys

import munjang as mj
from munjang.config.settings import from_dict
from munjang.data.multi_corpus import prepare_multi_corpus
from munjang.data.readers.corpus import ReadOptions
from munjang.inference.heads import PACKAGED_HEADS
from munjang.inference.predictor import copy_files
from munjang.models.folder import MANIFEST, read_manifest
from munjang.training.fit import save_model

DIFFERENCE = 0.01  # share of a head's training texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default=os.environ.get("MUNJANG_DATA"))
    parser.add_argument("--more", metavar="HEAD=FILE", required=True, help="the further rows of a head")
    options = parser.parse_args()
    manifest = read_manifest(PACKAGED_HEADS)
    config = from_dict(mj.TrainConfig, manifest.settings, where=MANIFEST)
    heads = manifest.details["heads"]
    corpora = {head: mj.load_corpus(facts["corpus"], data_dir=options.data_dir) for head, facts in heads.items()}
    head, __, file = options.more.partition("=")
    more = mj.read_corpus(file, options=ReadOptions(text="text", label="label", labels=corpora[head].labels.names))
    prepared = prepare_multi_corpus(corpora, config, {head: more})
    parts = {head: part.corpus for head, part in prepared.parts.items()}
    for head, corpus in parts.items():
        print(f"{head}: {len(corpus.train):,} training texts; munjang.json names {heads[head]['train']:,}")
        if abs(len(corpus.train) / heads[head]["train"] - 1) > DIFFERENCE:
            sys.exit(f"{head}: these are not the texts that it was trained on.")
    save_model(PACKAGED_HEADS, manifest, lambda beside: copy_files(PACKAGED_HEADS, beside, list(manifest.files)), parts)


if __name__ == "__main__":
    main()
