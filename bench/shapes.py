"""The sizes of the BERTs that the benches of speed run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A BERT: layers and width."""

    layers: int
    width: int

    @property
    def weights(self) -> int:
        """Parameters of the layers, without embeddings: what a token's FLOP are counted by."""
        return self.layers * (12 * self.width**2 + 13 * self.width)
