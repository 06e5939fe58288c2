"""BERT, RoBERTa and ELECTRA without padding: the tokens of all sentences in one row, attention within each."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from munjang.encoder.attention import Attention, TokenLayout
from munjang.encoder.dense import PrepackedLinear, dense
from munjang.encoder.dropout import drop
from munjang.errors import ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger("munjang")

PACKABLE = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta", "electra": "electra"}
"""Model type -> the attribute under which its classifier keeps the encoder."""

ROUND = 32  # tokens


class TrainableLinears:
    """The four products of a layer with weights that change: queries, keys and values; context; inner; outer."""

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        self.layer, self.dtype = layer, dtype

    def qkv(self, hidden: Tensor) -> Tensor:
        own = self.layer.attention.self
        return dense(hidden, self.dtype, own.query, own.key, own.value)

    def context(self, context: Tensor) -> Tensor:
        return dense(context, self.dtype, self.layer.attention.output.dense)

    def inner(self, hidden: Tensor) -> Tensor:
        own = self.layer.intermediate
        return own.intermediate_act_fn(dense(hidden, self.dtype, own.dense))

    def outer(self, inner: Tensor) -> Tensor:
        return dense(inner, self.dtype, self.layer.output.dense)


class InferenceLinears:
    """The same four products with weights laid out once."""

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        own = layer.attention.self
        self.qkv = PrepackedLinear(dtype, own.query, own.key, own.value)
        self.context = PrepackedLinear(dtype, layer.attention.output.dense)
        self.dense = PrepackedLinear(dtype, layer.intermediate.dense)
        self.outer = PrepackedLinear(dtype, layer.output.dense)
        self.activation = layer.intermediate.intermediate_act_fn

    def inner(self, hidden: Tensor) -> Tensor:
        if type(self.activation).__name__ == "GELUActivation":  # the one that oneDNN has as part of a product
            return self.dense(hidden, gelu=True)
        return self.activation(self.dense(hidden))


class Packed(torch.nn.Module):
    """A classifier or masked language model of transformers, called like it; its weights are the model's own.

    Every layer runs over the real tokens alone, and after the last attention over those alone whose hidden states the
    head looks at: each sentence's first token, the masked ones, or those that a network with a method `read` names.
    Follows autocast: bf16 products; norms, sums and weights in fp32. Dropout is drawn by
    `keep_mask`. A frozen one predicts in the type it was frozen in.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.family = PACKABLE[config.model_type]
        self.trunk = [getattr(model, self.family)]  # in a list: no second name for the weights
        self.heads = config.num_attention_heads
        self.frozen: dict[torch.nn.Module, InferenceLinears] = {}
        self.guesses = model.get_output_embeddings() is not None
        self.reads = hasattr(model, "read")
        self.drops = config.hidden_dropout_prob, config.attention_probs_dropout_prob

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, positions: Tensor | None = None, **more: Any
    ) -> SimpleNamespace:
        """input_ids, attention_mask (B, T) to .logits (B, L) of a classifier.

        Of a masked language model: .logits (K, V) for `positions` (K,), places in the flattened (B * T). Of a network
        with a method `read`: .logits are what it makes of the hidden states (K, width) there, and of `more`.
        """
        hidden = self.hidden(input_ids, attention_mask, positions)
        if self.reads:
            return SimpleNamespace(logits=self.model.read(hidden, **more))
        return SimpleNamespace(logits=self.guess(hidden) if self.guesses else self.classify(hidden[:, None]))

    def hidden(self, input_ids: Tensor, attention_mask: Tensor | None, positions: Tensor | None) -> Tensor:
        """The hidden states that the head looks at, (K, width) fp32."""
        kind = input_ids.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32
        if attention_mask is None:
            ids, keep = input_ids.flatten(), positions
            lengths = torch.full(input_ids.shape[:1], input_ids.shape[1], device=input_ids.device)
        else:
            inside = attention_mask.bool()
            ids, lengths = input_ids[inside], inside.sum(1)
            keep = None if positions is None else (inside.flatten().cumsum(0) - 1)[positions]
        with torch.autocast(kind, enabled=False):
            sentences = len(lengths)
            if not self.frozen:
                ids, lengths = round_up_tokens(ids, lengths)
            layout = TokenLayout.of(lengths, self.heads)
            own = keep if self.guesses or self.reads else layout.starts[:sentences]
            return self.encode(ids, layout, own, dtype)

    def freeze(self, dtype: torch.dtype) -> None:
        """Make the layers ready to predict in `dtype`, and for nothing else: their own weights are let go of."""
        for layer in self.trunk[0].encoder.layer:
            self.frozen[layer] = InferenceLinears(layer, dtype)
            for module in layer.modules():
                if isinstance(module, torch.nn.Linear):
                    module.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)
        self.eval()

    def classify(self, first: Tensor) -> Tensor:
        """(B, 1, width) hidden states of the first tokens to (B, L) logits."""
        if self.family == "bert":
            return self.model.classifier(self.model.dropout(self.model.bert.pooler(first)))
        return self.model.classifier(first)

    def guess(self, hidden: Tensor) -> Tensor:
        """(K, width) hidden states to (K, V) logits over the vocabulary."""
        if self.family == "electra":
            return self.model.generator_lm_head(self.model.generator_predictions(hidden))
        return (self.model.cls if self.family == "bert" else self.model.lm_head)(hidden)

    def encode(self, ids: Tensor, layout: TokenLayout, keep: Tensor, dtype: torch.dtype) -> Tensor:
        """Hidden states of the last layer, (kept, width) fp32, of the tokens `keep` (kept,) among ids (tokens,)."""
        hidden_drop, attention_drop = self.drops if self.training else (0.0, 0.0)
        hidden = self.embed(ids, layout, hidden_drop)
        *__, last = layers = self.trunk[0].encoder.layer
        for layer in layers:
            through = self.frozen.get(layer) or TrainableLinears(layer, dtype)
            context = Attention.apply(through.qkv(hidden), layout, attention_drop)
            if layer is last:
                context, hidden = context[keep], hidden[keep]
            hidden = layer.attention.output.LayerNorm(drop(through.context(context), hidden_drop) + hidden)
            hidden = layer.output.LayerNorm(drop(through.outer(through.inner(hidden)), hidden_drop) + hidden)
        return hidden

    def embed(self, ids: Tensor, layout: TokenLayout, dropout: float) -> Tensor:
        """The embeddings of ids (tokens,), (tokens, width) fp32."""
        trunk = self.trunk[0]
        tables = trunk.embeddings
        places = self.places(ids, layout)
        hidden = tables.word_embeddings(ids) + tables.position_embeddings(places)
        hidden = drop(tables.LayerNorm(hidden + tables.token_type_embeddings.weight[0]), dropout)
        project = getattr(trunk, "embeddings_project", None)
        return hidden if project is None else project(hidden)

    def places(self, ids: Tensor, layout: TokenLayout) -> Tensor:
        """The position of each of the tokens ids (tokens,) in its sentence, as the family counts, (tokens,)."""
        if self.family != "roberta":
            return layout.places
        # Its first places are for padding, and a token of the padding's number takes none wherever it stands.
        padding = self.trunk[0].embeddings.padding_idx
        counted = (ids != padding).long()
        through = counted.cumsum(0)
        first = torch.arange(len(ids), device=ids.device) - layout.places  # of each token's sentence
        return (through - through[first] + counted[first]) * counted + padding


def round_up_tokens(ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """ids (tokens,) of sentences of `lengths` (B,) with sentences that no one looks at, to a multiple of ROUND tokens.

    oneDNN makes a kernel for every new number of rows, and forgets old ones: with few numbers it finds them again.
    """
    lacking, longest = -len(ids) % ROUND, int(lengths.max())
    if not lacking:
        return ids, lengths
    whole, rest = divmod(lacking, longest)
    more = [longest] * whole + [rest] * (rest > 0)
    return torch.cat([ids, ids[:1].expand(lacking)]), torch.cat([lengths, lengths.new_tensor(more)])


def pack(model: PreTrainedModel) -> torch.nn.Module:
    """The model run without padding, if its kind is known here and both ways give the same; else the model itself.

    Raises ConfigError for a masked language model that cannot be packed: it would guess every token.
    """
    config = model.config
    if config.model_type not in PACKABLE or getattr(config, "is_decoder", False):
        return model
    packed = Packed(model)
    training = model.training
    packed.eval()
    with torch.inference_mode():
        padded, without = check_against_padded(packed)
    packed.train(training)
    if torch.allclose(padded, without, rtol=1e-3, atol=1e-3):
        return packed
    said = f"This version of transformers runs {config.model_type} in a way of its own"
    if packed.guesses:
        raise ConfigError(_("{said}, so it cannot be pre-trained here. Use another version.", said=said))
    log.warning("%s; sentences are padded.", said)
    return model


def check_against_padded(packed: Packed) -> tuple[Tensor, Tensor]:
    """The logits of two sentences of three and two tokens, padded and packed; where they are read, hidden states."""
    model = packed.model
    device = next(model.parameters()).device
    last, padding = model.get_input_embeddings().num_embeddings - 1, model.config.pad_token_id or 0
    ids = torch.tensor([[last, last - 1, last - 2], [last - 1, last, padding]], device=device)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]], device=device)
    places = torch.arange(5, device=device)  # all but the padding
    if packed.reads:
        padded = packed.trunk[0](input_ids=ids, attention_mask=mask).last_hidden_state
        return padded.flatten(0, 1)[places], packed.hidden(ids, mask, places)
    padded = model(input_ids=ids, attention_mask=mask).logits
    if not packed.guesses:
        return padded, packed(ids, mask).logits
    return padded.flatten(0, 1)[places], packed(ids, mask, places).logits
