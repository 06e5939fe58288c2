"""What a parser's head reads of a word: its first and last piece, and its parts of speech if they are given."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TAG_WIDTH = 64


class WordPieces(nn.Module):
    """The input of a parser's head. size: the width of a word. tags: how many parts of speech there are.

    Number 0 comes beside them; it is for unknown ones and for the root.
    """

    def __init__(self, width: int, tags: int = 0) -> None:
        super().__init__()
        self.tags = nn.Embedding(tags + 1, TAG_WIDTH) if tags else None
        self.size = 2 * width + (2 * TAG_WIDTH if tags else 0)

    def forward(self, pieces: Tensor, tags: Tensor | None = None) -> Tensor:
        """(N, size) from the pieces (N, 2, width) and tags (N, 2) of words and roots."""
        flat = pieces.flatten(1)
        return flat if self.tags is None else torch.cat([flat, self.tags(tags).flatten(1)], dim=1)
