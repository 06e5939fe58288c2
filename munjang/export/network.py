"""A network as plain arrays, with the same names of parts for every family of networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.encoder.families import FAMILIES, family_of
from munjang.errors import BundleError
from munjang.inference.backends.native import load_network
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.tasks.base import Task

Linear = tuple[np.ndarray, np.ndarray]
"""weight (in, out) and bias (out,), float32."""
Norm = tuple[np.ndarray, np.ndarray]
"""scale and shift, (width,) float32."""

ACTIVATIONS = {"gelu": "gelu", "gelu_python": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
               "relu": "relu", "tanh": "tanh"}  # fmt: skip
"""Names in a config.json -> names here."""


@dataclass(frozen=True)
class Layer:
    """One layer of the encoder; the norms come after the sums, as in BERT."""

    query: Linear
    key: Linear
    value: Linear
    attended: Linear
    widen: Linear
    narrow: Linear
    attention_norm: Norm
    output_norm: Norm


@dataclass(frozen=True)
class FirstToken:
    """A head on each sentence's first token: two linear maps, with the activation `between` between them."""

    first: Linear
    second: Linear
    between: str


@dataclass(frozen=True)
class WordPairs:
    """A biaffine head on the first and last piece of every word; shapes as in munjang.tasks.parsing.network.

    inner: from both pieces to the four roles; a one is added to the first, third and fourth. arc: (A + 1, A).
    relation: (P + 1, R * (P + 1)). distance: the scaled bias of the distances -REACH to REACH, then of the root.
    """

    inner: Linear
    arc: np.ndarray
    relation: np.ndarray
    distance: np.ndarray
    relations: int


@dataclass(frozen=True)
class NetworkArrays:
    """An encoder with a head.

    words: (vocabulary, embedding width); None if the graph takes its rows as an input. positions: (rows, embedding
    width), with the embedding of token type 0 added. skip_id: RoBERTa's padding id; its positions begin after it, and
    padding is not counted; None if positions count from 0. project: ELECTRA's map from embedding width to width.
    """

    words: np.ndarray | None
    positions: np.ndarray
    skip_id: int | None
    embedding_norm: Norm
    project: Linear | None
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float
    activation: str
    head: FirstToken | WordPairs
    pad_id: int

    @property
    def reach(self) -> int:
        """How many tokens a sentence can have."""
        return len(self.positions) - (0 if self.skip_id is None else self.skip_id + 1)

    @property
    def width(self) -> int:
        """The width of its layers."""
        return len(self.layers[0].query[1])


def read_network(folder: Path, task: Task) -> NetworkArrays:
    """The network of a model folder. BundleError: it is damaged, or its family cannot be exported."""
    model = load_network(folder, task)
    config = model.config.to_dict()
    check_family(config)
    weights = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    return network_of(config, weights)


def check_family(config: Mapping[str, Any]) -> None:
    """Refuse a config that the graph builder does not know. BundleError: family, activation or positions."""
    kind, activation = config.get("model_type"), config.get("hidden_act") or config.get("activation")
    if family_of(kind).weights is None:
        raise BundleError(
            _(
                "A network of the family '{kind}' cannot be exported; known are {families}.",
                kind=kind,
                families=", ".join(name for name, family in FAMILIES.items() if family.weights),
            )
        )
    if activation not in ACTIVATIONS:
        raise BundleError(
            _(
                "The activation '{activation}' cannot be exported; known are {activations}.",
                activation=activation,
                activations=", ".join(ACTIVATIONS),
            )
        )
    positions = config.get("position_embedding_type") or "absolute"
    if positions != "absolute" or config.get("is_decoder"):
        raise BundleError(_("Only encoders with absolute positions can be exported."))


def network_of(config: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> NetworkArrays:
    """The network from a checked config and named weights (out, in)."""
    family = family_of(config["model_type"])
    names, stem = family.weights, family.encoder

    def linear(name: str) -> Linear:
        return weights[f"{name}.weight"].T, weights[f"{name}.bias"]

    def norm(name: str) -> Norm:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    def layer(number: int) -> Layer:
        parts = [f"{stem}.{names.layers}.{number}.{part}" for part in names.layer]
        return Layer(*map(linear, parts[:6]), *map(norm, parts[6:]))

    embeddings, project = f"{stem}.embeddings", f"{stem}.embeddings_project"
    positions = weights[f"{embeddings}.position_embeddings.weight"]
    if (types := weights.get(f"{embeddings}.token_type_embeddings.weight")) is not None:
        positions = positions + types[0]
    pad_id = int(config.get("pad_token_id") or 0)
    return NetworkArrays(
        words=weights[f"{embeddings}.word_embeddings.weight"],
        positions=positions,
        skip_id=pad_id if family.padding_positions else None,
        embedding_norm=norm(f"{embeddings}.LayerNorm"),
        project=linear(project) if f"{project}.weight" in weights else None,
        layers=tuple(layer(i) for i in range(config.get("num_hidden_layers") or config["n_layers"])),
        heads=config.get("num_attention_heads") or config["n_heads"],
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=ACTIVATIONS[config.get("hidden_act") or config["activation"]],
        head=word_pairs(weights)
        if "parser.inner.weight" in weights
        else FirstToken(linear(names.head[0]), linear(names.head[1]), names.between),
        pad_id=pad_id,
    )


def word_pairs(weights: Mapping[str, np.ndarray]) -> WordPairs:
    """The head of a biaffine parser. The constant 1 for the biases of its products is a column of `inner` here."""
    from munjang.tasks.parsing.network import BIAS_SCALE

    arc, relation = weights["parser.arc"], weights["parser.relation"]
    bounds = np.cumsum([0, arc.shape[1], arc.shape[1], relation.shape[1] - 1, relation.shape[2] - 1])
    weight, bias = weights["parser.inner.weight"].T, weights["parser.inner.bias"]
    columns, shifts = [], []
    for role, (start, stop) in enumerate(pairwise(bounds)):
        one = int(role != 1)  # the heads of arcs have no constant 1
        columns.append(np.pad(weight[:, start:stop], ((0, 0), (0, one))))
        shifts.append(np.pad(bias[start:stop], (0, one), constant_values=1))  # 1 stays 1 through the leaky ReLU
    return WordPairs(
        inner=(np.concatenate(columns, axis=1), np.concatenate(shifts)),
        arc=arc,
        relation=relation.transpose(1, 0, 2).reshape(relation.shape[1], -1),
        distance=BIAS_SCALE * weights["parser.distance"],
        relations=len(relation),
    )
