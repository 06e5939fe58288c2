"""The sizes of the BERTs that the benches of speed run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """A BERT: layers and width."""

    layers: int
    width: int
    gemm: int = field(default=4096, kw_only=True)  # rows of the product whose speed stands for the peak

    @property
    def weights(self) -> int:
        """Parameters of the layers, without embeddings: what a token's FLOP are counted by."""
        return self.layers * (12 * self.width**2 + 13 * self.width)
