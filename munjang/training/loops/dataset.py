"""Encodings as a torch Dataset, for Trainer and for your own training loops."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from munjang.config.arguments import checked
from munjang.errors import ConfigError, missing_extra
from munjang.records import Example, LabelSet, Split, examples_of, names_of
from munjang.tasks.base import Encodings
from munjang.tasks.classification import Classification, MultiLabel
from munjang.translation import _

try:
    from torch.utils.data import Dataset
except ImportError as error:
    raise missing_extra(_("a torch dataset"), "train") from error

log = logging.getLogger("munjang")


class EncodedDataset(Dataset):
    """Item i is a dict of lists: input_ids, attention_mask, token_type_ids, and labels if there are any."""

    def __init__(self, encodings: Encodings) -> None:
        self.encodings = encodings

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, index: int) -> dict:
        ids = self.encodings.sentence(index).tolist()
        item = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids)}
        return item | {name: column[index].tolist() for name, column in self.encodings.columns.items()}


@checked("examples")
def encode(
    examples: Sequence[Example], tokenizer: Any, *, labels: LabelSet | None = None, max_length: int = 128
) -> EncodedDataset:
    """Examples as a torch Dataset of dicts, for a Trainer or a DataLoader of your own.

    tokenizer: from transformers or tokenizers; it is not changed. Each item holds `input_ids`, `attention_mask`,
    `token_type_ids` and, for labelled examples, `labels` (a class number, or a float vector for several labels), as
    lists: pad them with transformers' DataCollatorWithPadding. Class numbers follow `labels`; without it, the label set
    of the corpus if the examples are a split or a slice of one, else the sorted names, with a warning.
    """
    examples_of(examples)
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):
        raise ConfigError(
            _(
                "tokenizer is a {type}; expected a fast tokenizer of transformers, or one of tokenizers.",
                type=type(tokenizer).__name__,
            )
        )
    several = any(isinstance(example.label, tuple) for example in examples)
    task = (MultiLabel if several else Classification)(labels or label_set_of(examples))
    return EncodedDataset(task.encode(examples, Tokenizer.from_str(backend.to_str()), max_length))


def label_set_of(examples: Sequence[Example]) -> LabelSet:
    """The label set of a corpus's split; for a plain list the sorted names, with a warning."""
    if isinstance(examples, Split):
        return examples.labels
    names = LabelSet(tuple(sorted({name for example in examples for name in names_of(example.label)})))
    if names:
        numbers = ", ".join(f"{i} {name}" for i, name in enumerate(names))
        log.warning(
            "A plain list has no label set, so classes are numbered by name: %s. Give labels= to choose.", numbers
        )
    return names
