"""Three ways to let a network see the n-grams of a text, on validation: which one is worth having?

    python bench/joined.py --data-dir DIR [--corpora ynat,kor_sae] [--ways network,head,pieces] [--seeds 13]
        [--epochs 3] [--backbone mini] [--train 0]

network  the network alone; with it `mixed`, the sum of its logits and those of a linear model, as `--hybrid` has it
head     a weight for each label and each of 2**18 buckets of n-grams, added to the logits and trained with the network
pieces   an embedding for each of 2**14 buckets; each word piece gets the mean of those of its word's n-grams on top of
         its own embedding, trained with the network from 0

All are trained by one plain loop (AdamW, bf16, batches of 32 of similar length). Figures: macro F1 and log loss on the
validation split, made from train, after the last epoch; of `mixed` with the weights that fit it. No test split is read.
--train takes so many sentences; 0: all. Writes bench/results/joined.json; rows that are there are not made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from machine import machine
from options import bench_parser
from torch.nn.functional import cross_entropy

import munjang as mj
from munjang.data.prepare import prepare_corpus
from munjang.files import write_json
from munjang.models.backbones import load_backbone
from munjang.records import Corpus
from munjang.tables import format_table
from munjang.tasks import task_for
from munjang.text.ngrams import hashed_ngrams
from munjang.training.hybrid import mixture_of, scores_on
from munjang.training.linear import targets, train_linear

HEAD_BITS, PIECE_BITS = 18, 14
RATES = {"head": 3e-3, "pieces": 1e-3}  # learning rates of the n-grams; tried on validation: see EXPERIMENTS
BATCH, LENGTH = 32, 128
WINDOW = 50  # batches that are sorted by length together


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--corpora", default="ynat,kor_sae")
    parser.add_argument("--ways", default="network,head,pieces")
    parser.add_argument("--seeds", default="13")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--rate", type=float, help="learning rate of the n-grams, in place of the usual one")
    options = parser.parse_args()
    path = options.results / "joined.json"
    rows: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.corpora.split(","):
        corpus = prepare_corpus(mj.load_corpus(name, data_dir=options.data_dir), mj.TrainConfig()).corpus
        if options.train:
            corpus = corpus.with_splits(train=corpus.train[: options.train], validation=corpus.validation)
        for way in options.ways.split(","):
            for seed in map(int, options.seeds.split(",")):
                rate = options.rate or RATES.get(way)
                key = " ".join(map(str, [name, way, seed, options.epochs, *([f"rate {rate:g}"] if rate else [])]))
                if key not in rows:
                    rows[key] = trained(corpus, options.backbone, way, seed, options.epochs, rate) | machine()
                    write_json(path, rows)
                    print(key, rows[key]["macro_f1"], flush=True)
    table = [
        [key, f"{row['macro_f1']:.4f}", f"{row['log_loss']:.4f}", f"{row['seconds']:.0f}"] for key, row in rows.items()
    ]
    print(format_table(["corpus, way, seed, epochs", "macro F1", "log loss", "s"], table))


def trained(corpus: Corpus, backbone: str, way: str, seed: int, epochs: int, rate: float | None) -> dict[str, Any]:
    """The scores on validation of one network."""
    start = time.perf_counter()
    task, parts = task_for(corpus), load_backbone(backbone, [row.text for row in corpus.train])
    network = parts.build(task, seed=seed, dropout=None)
    joined = Joined(network, way, len(corpus.labels))
    train, validation = (Texts([row.text for row in split], parts, way) for split in (corpus.train, corpus.validation))
    labels = torch.from_numpy(targets(corpus.train, corpus).argmax(axis=1))
    fit(joined, train, labels, seed, epochs, parts.learning_rate, rate)
    logits = joined.logits(validation)
    figures = scores_on(task, logits, targets(corpus.validation, corpus))
    if way == "network":
        mixture = mixture_of(logits, train_linear(corpus, mj.TrainConfig(backbone="linear", seed=seed)), corpus)
        figures["mixed"] = dict(mixture.mixed)
    return figures | {"seconds": round(time.perf_counter() - start, 1)}


class Texts:
    """Texts as token ids, and the n-grams that a way needs of them: of the whole text, or of the word of each piece."""

    def __init__(self, texts: Sequence[str], backbone: Any, way: str) -> None:
        tokenizer = backbone.tokenizer.backend_tokenizer
        tokenizer.enable_truncation(LENGTH)
        encodings = tokenizer.encode_batch(list(texts))
        self.ids = [torch.tensor(encoding.ids) for encoding in encodings]
        self.pad = int(backbone.tokenizer.pad_token_id)
        self.grams: list[Any] = []
        if way == "head":
            self.grams = rows_of(*hashed_ngrams(texts, HEAD_BITS), len(texts))
        elif way == "pieces":
            for text, encoding in zip(texts, encodings, strict=True):
                self.grams.append([word_grams(text, span) for span in encoding.offsets])

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, Any]:
        """Token ids (B, T), the mask, and the n-grams: ids in one row, and where each bag of them begins."""
        ids = torch.nn.utils.rnn.pad_sequence([self.ids[i] for i in indices], batch_first=True, padding_value=self.pad)
        mask = torch.arange(ids.shape[1]) < torch.tensor([len(self.ids[i]) for i in indices])[:, None]
        if not self.grams:
            return ids, mask, None
        bags = [self.grams[i] for i in indices]
        if isinstance(bags[0], list):
            empty = torch.empty(0, dtype=torch.long)
            bags = [bag for row in bags for bag in [*row, *[empty] * (ids.shape[1] - len(row))]]
        starts = torch.tensor([0, *map(len, bags[:-1])]).cumsum(0)
        return ids, mask, (torch.cat(bags), starts)


def rows_of(rows: np.ndarray, buckets: np.ndarray, n: int) -> list[torch.Tensor]:
    """The buckets of each text."""
    order = np.argsort(rows, kind="stable")
    return list(torch.from_numpy(buckets[order]).split(np.bincount(rows, minlength=n).tolist()))


def word_grams(text: str, span: tuple[int, int], known: dict[str, torch.Tensor] = {}) -> torch.Tensor:  # noqa: B006
    """The buckets of the n-grams of the word that a piece, text[start:end], belongs to; none for special tokens."""
    start, end = span
    if start == end:
        return torch.empty(0, dtype=torch.long)
    left = max(text.rfind(" ", 0, start) + 1, 0)
    right = text.find(" ", end)
    word = text[left : right if right > 0 else len(text)]
    if word not in known:
        known[word] = torch.from_numpy(hashed_ngrams([word], PIECE_BITS)[1])
    return known[word]


class Joined(torch.nn.Module):
    """A classifier of transformers with n-grams in one of the ways; they start without any effect."""

    def __init__(self, network: Any, way: str, labels: int) -> None:
        super().__init__()
        self.network, self.way = network, way
        width = {"head": labels, "pieces": network.config.hidden_size}.get(way)
        if width:
            bits = HEAD_BITS if way == "head" else PIECE_BITS
            self.grams = torch.nn.EmbeddingBag(1 << bits, width, mode="mean")
            torch.nn.init.zeros_(self.grams.weight)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, grams: Any) -> torch.Tensor:
        """(B, L) logits."""
        if self.way != "pieces":
            logits = self.network(input_ids=ids, attention_mask=mask).logits
            return logits if grams is None else logits + self.grams(*grams) * 10
        embedded = self.network.get_input_embeddings()(ids) + self.grams(*grams).view(*ids.shape, -1)
        return self.network(inputs_embeds=embedded, attention_mask=mask).logits

    @torch.inference_mode()
    def logits(self, texts: Texts) -> np.ndarray:
        """(n, L) float32."""
        self.eval()
        order = sorted(range(len(texts.ids)), key=lambda i: len(texts.ids[i]))
        rows = np.empty((len(order), self.network.config.num_labels), np.float32)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            rows[part] = self(*texts.batch(part)).float().numpy()
        return rows


def fit(
    model: Joined, texts: Texts, labels: torch.Tensor, seed: int, epochs: int, rate: float, ngram_rate: float | None
) -> None:
    """Train with AdamW, a tenth of warm-up and a linear fall."""
    own = list(model.network.parameters())
    groups = [{"params": own, "lr": rate, "weight_decay": 0.01}]
    if ngram_rate:
        groups.append({"params": list(model.grams.parameters()), "lr": ngram_rate, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups)
    batches = list(epoch_batches([len(ids) for ids in texts.ids], seed, epochs))
    warm = max(1, len(batches) // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
    )
    torch.manual_seed(seed)
    model.train()
    for part in batches:
        with torch.autocast("cpu", torch.bfloat16):
            loss = cross_entropy(model(*texts.batch(part)).float(), labels[part])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def epoch_batches(lengths: Sequence[int], seed: int, epochs: int) -> Iterator[list[int]]:
    """Batches of sentences of similar length, in another order in each epoch."""
    rng = np.random.default_rng(seed)
    for __ in range(epochs):
        order = rng.permutation(len(lengths))
        window = BATCH * WINDOW
        parts = [sorted(order[at : at + window], key=lengths.__getitem__) for at in range(0, len(order), window)]
        batches = [list(map(int, part[at : at + BATCH])) for part in parts for at in range(0, len(part), BATCH)]
        yield from (batches[i] for i in rng.permutation(len(batches)))


if __name__ == "__main__":
    main()
