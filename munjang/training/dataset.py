"""Encodings as a torch Dataset."""

from __future__ import annotations

from torch.utils.data import Dataset

from munjang.tasks.base import Encodings


class EncodedDataset(Dataset):
    """Item i is a dict of lists: input_ids, attention_mask, token_type_ids, and labels where there are any."""

    def __init__(self, encodings: Encodings) -> None:
        self.encodings = encodings

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, index: int) -> dict:
        ids = self.encodings.sentence(index).tolist()
        item = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids)}
        return item | {name: column[index].tolist() for name, column in self.encodings.columns.items()}
