"""The networks of parsers: an encoder of transformers, and a head on the first and last piece of every word."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from munjang.encoder.dropout import drop
from munjang.errors import BundleError, FetchError
from munjang.tasks.parsing.tagger import Tagger
from munjang.tasks.weights import check_finite, check_loaded
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

SETTINGS_KEY = "munjang_parser"
"""The key of config.json for the settings of a head."""

REACH = 32  # words: larger distances share one bias
BIAS_SCALE = 10.0  # so that the bias by distance learns at an encoder's learning rate


class ArcScores(NamedTuple):
    """The unmasked scores of the biaffine head for a batch.

    arcs (B, W, W + 1): word i hangs from word j; 0 is the root. relations (B, W, W + 1, R): the same for each relation.
    words (B,): how many words each sentence has.
    """

    arcs: Tensor
    relations: Tensor
    words: Tensor


class BiaffineHead(nn.Module):
    """Deep biaffine attention, after Dozat & Manning (2017), with a bias by distance (as Qi et al., 2018)."""

    def __init__(self, width: int, relations: int, arc: int = 256, relation: int = 96, dropout: float = 0.33) -> None:
        super().__init__()
        self.sizes = [arc, arc, relation, relation]
        self.inner = nn.Linear(2 * width, sum(self.sizes))
        self.arc = nn.Parameter(torch.empty(arc + 1, arc))
        self.relation = nn.Parameter(torch.empty(relations, relation + 1, relation + 1))
        self.distance = nn.Parameter(torch.zeros(2 * REACH + 2))
        self.dropout = dropout
        nn.init.orthogonal_(self.inner.weight)
        nn.init.zeros_(self.inner.bias)
        nn.init.xavier_uniform_(self.arc)
        nn.init.zeros_(self.relation)

    def forward(self, pieces: Tensor, words: Tensor) -> ArcScores:
        """pieces (sum of words + 1, 2, width): the first and last piece of each sentence's root and words."""
        rate = self.dropout if self.training else 0.0
        inner = nn.functional.leaky_relu(self.inner(drop(pieces.flatten(1), rate)), 0.1)
        nodes = nn.utils.rnn.pad_sequence(drop(inner, rate).split((words + 1).tolist()), batch_first=True)
        arc_child, arc_head, relation_child, relation_head = nodes.split(self.sizes, dim=2)  # (B, W + 1, …)
        arcs = with_one(arc_child[:, 1:]) @ self.arc @ arc_head.transpose(1, 2)  # (B, W, W + 1)
        arcs = arcs + BIAS_SCALE * self.distance[distances(arcs.shape[1], arcs.device)]
        heads = with_one(relation_head)
        relations = torch.einsum("bir,nrs,bjs->bijn", with_one(relation_child[:, 1:]), self.relation, heads)
        return ArcScores(arcs, relations, words)


PARSER_HEADS: dict[str, type[nn.Module]] = {"biaffine": BiaffineHead, "labeling": Tagger}
"""The `kind` in a head's stored settings -> its module."""


class WordNetwork(nn.Module):
    """An encoder and a head over its words. Plain transformers opens the encoder from its saved folder."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.config = encoder.config
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.part = encoder.base_model_prefix
        setattr(self, self.part, encoder)
        self.parser = make_head(encoder.config)

    def get_input_embeddings(self) -> nn.Module:
        return getattr(self, self.part).get_input_embeddings()

    def get_output_embeddings(self) -> None:
        return None

    def read(self, hidden: Tensor, words: Tensor, **more: Tensor) -> Any:
        """The head's scores for the hidden states (K, width), two for each word and two for the root; in fp32."""
        with torch.autocast(hidden.device.type, enabled=False):
            return self.parser(hidden.float().unflatten(0, (-1, 2)), words, **more)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, positions: Tensor, words: Tensor, **more: Tensor
    ) -> SimpleNamespace:
        """.logits: the result of `read`; positions (K,) in the flattened (B * T)."""
        encoder = getattr(self, self.part)
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return SimpleNamespace(logits=self.read(hidden.flatten(0, 1)[positions], words, **more))

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and model.safetensors."""
        config = copy(self.config)
        config.architectures = [type(self).__name__]
        config.save_pretrained(folder)
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def build_parser(
    settings: dict[str, Any], source: str | None, *, config: PretrainedConfig | None, **options: Any
) -> WordNetwork:
    """A network in fp32 with a new head, on the encoder of a folder or hub id, or on a new one from `config`.

    FetchError: its weights do not fit its config.json.
    """
    if config is not None:
        setattr(config, SETTINGS_KEY, settings)
        return WordNetwork(AutoModel.from_config(config))
    encoder, loading = AutoModel.from_pretrained(
        source, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True, **options
    )
    check_loaded(encoder, loading, str(source), fresh=("pooler",), error=FetchError)
    setattr(encoder.config, SETTINGS_KEY, settings)
    return WordNetwork(encoder)


def open_network(folder: Path) -> WordNetwork:
    """The network of a model folder, in fp32. Errors of transformers, safetensors and torch pass through.

    BundleError: the head is not as large as config.json says, or weights are not finite.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    config.dtype = torch.float32
    tensors = load_file(folder / "model.safetensors")
    with torch.device("meta"):  # as large as it likes, in no memory
        head = make_head(config).state_dict()
    if any(tensors[f"parser.{name}"].shape != weight.shape for name, weight in head.items()):
        raise BundleError(_("{folder} does not fit its own config.json: its head has other sizes.", folder=folder))
    network = WordNetwork(AutoModel.from_config(config))
    network.load_state_dict(tensors, strict=True)
    check_finite(network, folder)
    return network.eval()


def make_head(config: PretrainedConfig) -> nn.Module:
    """A new head, as config.json describes it."""
    settings = dict(getattr(config, SETTINGS_KEY))
    return PARSER_HEADS[settings.pop("kind")](config.hidden_size, **settings)


def with_one(x: Tensor) -> Tensor:
    """x (…, n) with a last column of ones, so that a product has a bias."""
    return torch.cat([x, x.new_ones(*x.shape[:-1], 1)], dim=-1)


def distances(words: int, device: torch.device) -> Tensor:
    """(W, W + 1): the entry of the bias for word i and head j, by j - i within REACH; the root has its own."""
    child = torch.arange(1, words + 1, device=device)[:, None]
    entries = (torch.arange(words + 1, device=device) - child).clamp(-REACH, REACH) + REACH
    entries[:, 0] = 2 * REACH + 1
    return entries
