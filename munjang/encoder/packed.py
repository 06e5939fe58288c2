"""BERT, RoBERTa and ELECTRA without padding: tokens of all sentences in one row, attention within each sentence."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from munjang.encoder.attention import Attention, TokenLayout
from munjang.encoder.dense import PrepackedLinear, dense
from munjang.encoder.dropout import drop
from munjang.encoder.families import family_of
from munjang.errors import BundleError, ConfigError
from munjang.translation import _

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger("munjang")

ROUND = 32  # tokens
FEW, ROUND_FEW = 4 * ROUND, 8  # of few tokens, every one more is felt


class TrainableLinears:
    """The four products of a layer with trainable weights: queries, keys and values; context; inner; outer."""

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        self.layer, self.dtype = layer, dtype

    def qkv(self, hidden: Tensor) -> Tensor:
        attention = self.layer.attention.self
        return dense(hidden, self.dtype, attention.query, attention.key, attention.value)

    def context(self, context: Tensor) -> Tensor:
        return dense(context, self.dtype, self.layer.attention.output.dense)

    def inner(self, hidden: Tensor) -> Tensor:
        intermediate = self.layer.intermediate
        return intermediate.intermediate_act_fn(dense(hidden, self.dtype, intermediate.dense))

    def outer(self, inner: Tensor) -> Tensor:
        return dense(inner, self.dtype, self.layer.output.dense)


class InferenceLinears:
    """The same four products with prepacked weights."""

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        attention = layer.attention.self
        self.qkv = PrepackedLinear(dtype, attention.query, attention.key, attention.value)
        self.context = PrepackedLinear(dtype, layer.attention.output.dense)
        self.dense = PrepackedLinear(dtype, layer.intermediate.dense)
        self.outer = PrepackedLinear(dtype, layer.output.dense)
        self.activation = layer.intermediate.intermediate_act_fn

    def inner(self, hidden: Tensor) -> Tensor:
        if type(self.activation).__name__ == "GELUActivation":  # oneDNN fuses only this one into a product
            return self.dense(hidden, gelu=True)
        return self.activation(self.dense(hidden))


class Packed(torch.nn.Module):
    """A classifier or masked language model of transformers without padding. Called like the model; shares its weights.

    Every layer runs over the real tokens only. After the last attention it runs only over the tokens that the head
    needs: each sentence's first token, the masked ones, or those at `positions` for a network with a method `read`.
    Follows autocast: bf16 products; norms, sums and weights in fp32. Dropout masks come from `dropout_mask`. A frozen
    network predicts in the dtype that it was frozen in.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.family = family_of(config.model_type)
        self.trunk = [getattr(model, self.family.encoder)]  # in a list, so torch sees no second name for the weights
        self.heads = config.num_attention_heads
        self.frozen: dict[torch.nn.Module, InferenceLinears] = {}
        self.predicts_tokens = model.get_output_embeddings() is not None
        self.reads = hasattr(model, "read")
        self.drops = config.hidden_dropout_prob, config.attention_probs_dropout_prob

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, positions: Tensor | None = None, **more: Any
    ) -> SimpleNamespace:
        """input_ids, attention_mask (B, T) to .logits (B, L) of a classifier.

        Masked language model: .logits (K, V) for `positions` (K,) in the flattened (B * T). Network with a method
        `read`: .logits are its result for the hidden states (K, width) at `positions` and for `more`.
        """
        hidden = self.hidden(input_ids, attention_mask, positions)
        if self.reads:
            return SimpleNamespace(logits=self.model.read(hidden, **more))
        return SimpleNamespace(
            logits=self.predict_tokens(hidden) if self.predicts_tokens else self.classify(hidden[:, None])
        )

    def hidden(self, input_ids: Tensor, attention_mask: Tensor | None, positions: Tensor | None) -> Tensor:
        """The hidden states that the head needs, (K, width) fp32."""
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
            ids, lengths = round_up_tokens(ids, lengths)
            layout = TokenLayout.of(lengths, self.heads)
            needed = keep if self.predicts_tokens or self.reads else layout.starts[:sentences]
            return self.encode(ids, layout, needed, dtype)

    def freeze(self, dtype: torch.dtype) -> None:
        """Prepare the layers for prediction in `dtype`, and for nothing else: their original weights are dropped."""
        for layer in self.trunk[0].encoder.layer:
            self.frozen[layer] = InferenceLinears(layer, dtype)
            for module in layer.modules():
                if isinstance(module, torch.nn.Linear):
                    module.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)
        self.eval()

    def classify(self, first: Tensor) -> Tensor:
        """(B, 1, width) hidden states of the first tokens to (B, L) logits."""
        if self.family.pools:
            return self.model.classifier(self.model.dropout(self.trunk[0].pooler(first)))
        return self.model.classifier(first)

    def predict_tokens(self, hidden: Tensor) -> Tensor:
        """(K, width) hidden states to (K, V) logits over the vocabulary."""
        for name in self.family.words:
            hidden = getattr(self.model, name)(hidden)
        return hidden

    def encode(self, ids: Tensor, layout: TokenLayout, keep: Tensor, dtype: torch.dtype) -> Tensor:
        """Hidden states of the last layer, (kept, width) fp32, for the tokens `keep` (kept,) among ids (tokens,)."""
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
        hidden = tables.word_embeddings(ids) + tables.position_embeddings(self.positions(ids, layout))
        hidden = drop(tables.LayerNorm(hidden + tables.token_type_embeddings.weight[0]), dropout)
        project = getattr(trunk, "embeddings_project", None)
        return hidden if project is None else project(hidden)

    def positions(self, ids: Tensor, layout: TokenLayout) -> Tensor:
        """The position (tokens,) of each of the tokens ids (tokens,) in its sentence, as the family counts."""
        if not self.family.padding_positions:
            return layout.positions
        # RoBERTa's first positions are for padding, and a token with the padding id is never counted.
        padding = self.trunk[0].embeddings.padding_idx
        counted = (ids != padding).long()
        through = counted.cumsum(0)
        first = torch.arange(len(ids), device=ids.device) - layout.positions  # of each token's sentence
        return (through - through[first] + counted[first]) * counted + padding


def round_up_tokens(ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """ids (tokens,) and `lengths` (B,) with unused sentences added, up to a multiple of ROUND (or ROUND_FEW) tokens.

    oneDNN makes a kernel for every new number of rows, keeps 1,024 of them, and forgets the others. With few numbers it
    finds them again, and they take little memory.
    """
    lacking, longest = -len(ids) % (ROUND if len(ids) > FEW else ROUND_FEW), int(lengths.max())
    if not lacking:
        return ids, lengths
    whole, rest = divmod(lacking, longest)
    more = [longest] * whole + [rest] * (rest > 0)
    return torch.cat([ids, ids[:1].expand(lacking)]), torch.cat([lengths, lengths.new_tensor(more)])


def pack(model: PreTrainedModel) -> torch.nn.Module:
    """The model without padding, if its family is packable and both ways give the same logits; else the model itself.

    ConfigError: a masked language model that cannot be packed; it would predict every token. BundleError: its weights
    give numbers that are not finite.
    """
    config = model.config
    if not family_of(config.model_type).packable or getattr(config, "is_decoder", False):
        return model
    packed = Packed(model)
    training = model.training
    packed.eval()
    with torch.inference_mode():
        padded, without = check_against_padded(packed)
    packed.train(training)
    if not padded.isfinite().all():
        raise BundleError(_("The network gives numbers that are not finite. Its weights are damaged."))
    if torch.allclose(padded, without, rtol=1e-3, atol=1e-3):
        return packed
    if packed.predicts_tokens:
        raise ConfigError(
            _(
                "This version of transformers computes {type} models in another way, so they cannot be pre-trained "
                "here. Install another version of transformers.",
                type=config.model_type,
            )
        )
    log.warning(
        "This version of transformers computes %s models in another way; sentences are padded.", config.model_type
    )
    return model


def check_against_padded(packed: Packed) -> tuple[Tensor, Tensor]:
    """The logits of two sentences of three and two tokens, padded and packed; hidden states if the network reads."""
    model = packed.model
    device = next(model.parameters()).device
    last, padding = model.get_input_embeddings().num_embeddings - 1, model.config.pad_token_id or 0
    ids = torch.tensor([[last, last - 1, last - 2], [last - 1, last, padding]], device=device)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]], device=device)
    positions = torch.arange(5, device=device)  # all but the padding
    if packed.reads:
        padded = packed.trunk[0](input_ids=ids, attention_mask=mask).last_hidden_state
        return padded.flatten(0, 1)[positions], packed.hidden(ids, mask, positions)
    padded = model(input_ids=ids, attention_mask=mask).logits
    if not packed.predicts_tokens:
        return padded, packed(ids, mask).logits
    return padded.flatten(0, 1)[positions], packed(ids, mask, positions).logits
