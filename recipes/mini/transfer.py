"""The start of the next munjang-mini: a new vocabulary, and the packaged encoder's weights fitted to it.

    python recipes/mini/transfer.py --data-dir DATA_DIR --out runs/mini3

Reads the texts of mini3.toml, makes a vocabulary from them, and writes to the folder OUT what `munjang pretrain` goes
on from: OUT/start (the model, for --init) and OUT/left-out.txt (for --exclude: evaluation texts that their own files
hold letter by letter, or together with train). What is there already is kept. A model that is too large for the
package is an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from munjang.cli.pretrain import pretrain_settings
from munjang.files import whole_folder, write_text
from munjang.models.backbones import PACKAGED_ENCODER, load_tokenizer
from munjang.pretraining.run import keep_vocabulary
from munjang.pretraining.texts import clean_texts, evaluation_keys, lines_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SETTINGS = Path(__file__).with_name("mini3.toml")
MOST_PARAMETERS = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MUNJANG_DATA"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    left_out, vocabulary, start = (options.out / name for name in ("left-out.txt", "vocabulary", "start"))
    if not left_out.exists():
        write_text(left_out, "".join(f"{text}\n" for text in converted(Path(options.data_dir))))
    if not vocabulary.exists():
        make_vocabulary(vocabulary, left_out, str(options.data_dir))
    if not start.exists():
        make_start(start, load_tokenizer(vocabulary))


def converted(data_dir: Path) -> Iterator[str]:
    """The evaluation sentences that `--exclude` cannot take from their own files, one a line."""
    yield from ner_sentences(lines_of(data_dir / "klue-ner" / "validation.tsv"))
    from pyarrow import parquet

    rows = parquet.read_table(data_dir / "langid" / "langid.parquet", columns=["text", "split"]).to_pylist()
    yield from (" ".join(row["text"].split()) for row in rows if row["split"] != "train")


def ner_sentences(lines: Iterator[str]) -> Iterator[str]:
    """The sentences of a file in KLUE's form: a character, a tab, its tag in a line; a blank line after a sentence."""
    sentence = ""
    for line in lines:
        character, tab, __ = line.partition("\t")
        if tab and len(character) == 1:  # lines that begin with ## are comments
            sentence += character
        elif sentence:
            yield sentence
            sentence = ""
    if sentence:
        yield sentence


def make_vocabulary(folder: Path, left_out: Path, data_dir: str) -> None:
    """Make the vocabulary of the settings from the texts that the run will learn from."""
    config, sources, exclude = pretrain_settings([], [str(left_out)], str(SETTINGS), [], {}, data_dir)
    texts = clean_texts(sources, config.text_steps, evaluation_keys(exclude, config.text_steps), data_dir)
    print(texts)
    keep_vocabulary(folder, texts, config)


def make_start(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the packaged encoder with this vocabulary."""
    from transformers import AutoModelForMaskedLM

    from munjang.inference.backends import native

    old = AutoModelForMaskedLM.from_pretrained(PACKAGED_ENCODER)
    model = transfer(old, load_tokenizer(PACKAGED_ENCODER), tokenizer)
    size = model.num_parameters()
    print(f"{len(tokenizer):,} pieces, {size:,} parameters")
    if size > MOST_PARAMETERS:
        sys.exit(f"More than {MOST_PARAMETERS:,} parameters: make a smaller vocabulary in {SETTINGS.name}.")
    with whole_folder(folder) as temporary:
        native.save(temporary, model, tokenizer)


def transfer(
    old: PreTrainedModel, old_tokenizer: PreTrainedTokenizerBase, tokenizer: PreTrainedTokenizerBase
) -> PreTrainedModel:
    """A masked-word model with the vocabulary of `tokenizer`: layers of `old`, each piece the mean of its old pieces.

    The bias of a piece in the output is the mean of theirs, too.
    """
    import torch
    from torch.nn.functional import embedding_bag
    from transformers import AutoConfig, AutoModelForMaskedLM

    config = AutoConfig.for_model(**old.config.to_dict() | {"vocab_size": len(tokenizer)})
    model = AutoModelForMaskedLM.from_config(config, dtype=torch.float32)
    vocabulary, names = old_tokenizer.get_vocab(), tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    bags = [old_pieces(name, vocabulary, old_tokenizer.unk_token_id) for name in names]
    ids = torch.tensor([index for bag in bags for index in bag])
    starts = torch.tensor([0, *map(len, bags)]).cumsum(0)[:-1]
    state = model.state_dict()
    for name, weights in old.state_dict().items():
        if state[name].shape == weights.shape:
            state[name] = weights
        else:  # (old pieces, width) or (old pieces,)
            rows = weights.reshape(len(weights), -1)
            state[name] = embedding_bag(ids, rows, starts, mode="mean").reshape(state[name].shape)
    model.load_state_dict(state)
    return model


def old_pieces(piece: str, vocabulary: Mapping[str, int], unknown: int) -> list[int]:
    """The ids of the longest pieces of a vocabulary, from left to right, that make up a piece; [unknown] if none do.

    Parts of a piece that continues a word (##다) continue it, too, which the tokenizer itself cannot be asked for.
    """
    if piece in vocabulary:
        return [vocabulary[piece]]
    mark, rest = ("##", piece[2:]) if piece.startswith("##") else ("", piece)
    found = []
    while rest:
        longest = next((n for n in range(len(rest), 0, -1) if mark + rest[:n] in vocabulary), 0)
        if not longest:
            return [unknown]
        found.append(vocabulary[mark + rest[:longest]])
        mark, rest = "##", rest[longest:]
    return found


if __name__ == "__main__":
    main()
