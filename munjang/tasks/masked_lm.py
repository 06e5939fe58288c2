"""Masked-word prediction, the pre-training task of a BERT. Every step draws new masks.

Only the masked positions go through the vocabulary projection, which would else take half of a small network's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.encoder.families import FAMILIES, family_of
from munjang.errors import ConfigError, FetchError
from munjang.records import Example, LabelSet
from munjang.tasks.base import Batch, Encodings, TextEncoder, encode_texts, pad_batch
from munjang.tasks.weights import check_loaded
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MASKED, REPLACED = 0.8, 0.1  # of the tokens to predict: shown as [MASK], as another piece; the rest unchanged (BERT)


@dataclass(frozen=True)
class MaskingVocabulary:
    """What masking needs to know about a vocabulary.

    inside: (V,) bool, the piece continues a word. fixed: (V,) bool, special pieces, never masked. others: ids that may
    replace a piece.
    """

    inside: np.ndarray
    fixed: np.ndarray
    others: np.ndarray
    mask_id: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> MaskingVocabulary:
        """The pieces of a WordPiece vocabulary, or of one that marks the beginnings of words with ▁ or Ġ.

        ConfigError: the tokenizer has no mask token.
        """
        if tokenizer.mask_token_id is None:
            raise ConfigError(_("This tokenizer has no mask token, so no words can be masked with it."))
        vocabulary = tokenizer.get_vocab()
        names = [""] * (max(vocabulary.values()) + 1)
        for piece, index in vocabulary.items():
            names[index] = piece
        fixed = np.array([not name or (name[0] == "[" and name[-1] == "]" and len(name) > 2) for name in names])
        fixed[tokenizer.all_special_ids] = True
        inside = np.array([name.startswith("##") for name in names])
        starts = np.array([name.startswith(("▁", "Ġ")) for name in names])
        if not inside.any() and starts.any():
            inside = ~starts & ~fixed
        return cls(inside, fixed, np.flatnonzero(~fixed), int(tokenizer.mask_token_id))


@dataclass(frozen=True)
class MaskedWords:
    """Labels are the ids of the masked tokens, (K,) int64; `positions` (K,) int64 of a batch says where they are.

    A batch without padding has no `attention_mask`. Runs on networks from `munjang.encoder.packed.pack`.
    """

    pieces: MaskingVocabulary
    masking: float = 0.2
    whole_words: bool = True
    labels: LabelSet = field(default_factory=lambda: LabelSet(()))
    name: str = "masked"
    monitor: str = "masked_accuracy"
    speed = "tokens_s"

    def build(self, source: str | None = None, *, config: Any = None, **options: Any) -> PreTrainedModel:
        """AutoModelForMaskedLM in fp32, from a folder or a hub id, or a new one from `config`.

        ConfigError: a type of model that is not packable, see `munjang.encoder.families`. FetchError: its weights do
        not fit its config.json.
        """
        import torch
        from transformers import AutoModelForMaskedLM

        options |= {"dtype": torch.float32}
        if config is not None:
            model = AutoModelForMaskedLM.from_config(config, **options)
        else:
            model, loading = AutoModelForMaskedLM.from_pretrained(
                source, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **options
            )
            check_loaded(model, loading, str(source), error=FetchError)
        if not family_of(model.config.model_type).packable:
            raise ConfigError(
                _(
                    "Models of type {type} cannot be pre-trained here; the known types are {known}.",
                    type=model.config.model_type,
                    known=", ".join(sorted(name for name, family in FAMILIES.items() if family.packable)),
                )
            )
        return model

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: tokenizers.Tokenizer,
        max_length: int,
        *,
        encode: TextEncoder = encode_texts,
    ) -> Encodings:
        """Token ids of the texts."""
        return encode([example.text for example in examples], tokenizer, max_length)

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        """A batch without masks."""
        return pad_batch(encodings, indices, pad_id)

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, part: slice
    ) -> tuple[Batch, int]:
        """The sentences indices[part] with masked words; losses are divided by all masked tokens of the step.

        Every process draws the masks of the whole step, so the masks do not depend on the number of processes.
        """
        lengths = encodings.starts[indices + 1] - encodings.starts[indices]
        ids = np.concatenate([encodings.sentence(i) for i in indices]).astype(np.int64)
        predicted = self.choose(ids, lengths, rng)
        shown = self.hide(ids, predicted, rng)
        width = int(lengths[part].max())
        inside = np.arange(width) < lengths[part][:, None]  # (B, T)
        mine = np.zeros(len(indices), dtype=bool)
        mine[part] = True
        mine = np.repeat(mine, lengths)  # (all tokens,): tokens of the sentences indices[part]
        input_ids = np.full(inside.shape, pad_id, dtype=np.int64)
        input_ids[inside] = shown[mine]
        positions = np.flatnonzero(inside)[predicted[mine]]
        batch = {"input_ids": input_ids, "positions": positions, "labels": ids[mine & predicted]}
        if not inside.all():  # most batches have one length, and attention without a mask is cheaper
            batch["attention_mask"] = inside.astype(np.int64)
        return batch, max(1, int(predicted.sum()))

    def choose(self, ids: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Which tokens to predict, (all tokens,) bool: one word of each sentence at least, and `masking` of its tokens.

        Words are taken in random order until the share is reached. Chance decides about the last word, so the share is
        right on average, however long words are.
        """
        sentence = np.repeat(np.arange(len(lengths)), lengths)
        free = ~self.pieces.fixed[ids]
        begins = free & ~(self.pieces.inside[ids] & self.whole_words)
        begins |= free & ~np.concatenate([[False], free[:-1]])
        word = np.cumsum(begins) - 1  # the word of each free token
        first = np.flatnonzero(begins)
        if not len(first):
            return np.zeros(len(ids), dtype=bool)
        sizes = np.bincount(word[free], minlength=len(first))
        home = sentence[first]  # the sentence of each word
        order = np.lexsort((rng.random(len(first)), home))
        before = np.cumsum(sizes[order]) - sizes[order]  # tokens of the words that come earlier, in all sentences
        new_sentence = np.concatenate([[True], home[1:] != home[:-1]])  # `home` is sorted, and so is home[order]
        firsts = np.flatnonzero(new_sentence)
        before -= np.repeat(before[firsts], np.diff([*firsts, len(order)]))
        budget = self.masking * np.bincount(home, weights=sizes, minlength=len(lengths))[home]
        chosen = np.zeros(len(first), dtype=bool)
        chosen[order] = (before == 0) | (before + rng.random(len(order)) * sizes[order] < budget)
        return free & chosen[np.maximum(word, 0)]

    def hide(self, ids: np.ndarray, predicted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The ids as the network sees them."""
        shown = ids.copy()
        positions = np.flatnonzero(predicted)
        chance = rng.random(len(positions))
        shown[positions[chance < MASKED]] = self.pieces.mask_id
        replaced = positions[(chance >= MASKED) & (chance < MASKED + REPLACED)]
        shown[replaced] = rng.choice(self.pieces.others, len(replaced))
        return shown

    def frequency_loss(self, train: Encodings, held_out: Encodings) -> float:
        """The mean loss on held-out texts of a model that knows only piece frequencies in train, in nats a piece."""
        counts = np.where(self.pieces.fixed, 0, np.bincount(train.ids, minlength=len(self.pieces.fixed)) + 1)
        ids = held_out.ids[~self.pieces.fixed[held_out.ids]]
        return float(np.log(counts.sum()) - np.log(counts[ids]).mean())

    def forward(self, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """(K, V) logits of the masked positions."""
        return network(
            input_ids=batch["input_ids"], attention_mask=batch.get("attention_mask"), positions=batch["positions"]
        ).logits

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy, summed over the masked tokens."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits.float(), batch["labels"], reduction="sum")

    def predictions(self, logits: torch.Tensor) -> np.ndarray:
        """The likeliest piece of each masked position, (K,) int64."""
        return logits.argmax(dim=-1).cpu().numpy()

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """masked_accuracy: the share of the masked tokens that are predicted right."""
        return {"masked_accuracy": float((references == predictions).mean())}
