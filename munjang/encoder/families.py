"""What munjang knows of the families of networks in transformers: one row for each `model_type` of a config.json.

A family without a row is trained and run as transformers runs it, and its positions are taken to begin with row 0.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD_WEIGHTS = ("classifier", "pooler")
"""Parts of the names of weights that come with a new head, in every family that munjang can fine-tune."""


@dataclass(frozen=True)
class WeightNames:
    """The names of weights in a saved classifier, without `.weight` and `.bias`.

    layers: the list of layers in the encoder. layer: names within a layer: six linear maps (query, key, value, after
    attention, into and out of the wide layer), then the norms after attention and after the wide layer. head: the two
    linear maps on the first token; `between` is the activation between them.
    """

    layers: str
    layer: tuple[str, ...]
    head: tuple[str, str]
    between: str


@dataclass(frozen=True)
class Family:
    """A row of FAMILIES. All of it is read from the family's modeling file in transformers.

    encoder: the attribute of a network with a head that holds the encoder; its `base_model_prefix`. Weights' names
        begin with it, and the embeddings are its part `embeddings`.
    padding_positions: rows of the position table before the first token's row, `padding_idx + 1` with the family's own
        padding id. Where there are any, a token with the padding id is not counted (RoBERTa).
    packable: `encoder.packed` computes it without padding. Its layers are named and computed as BERT's. Its masked
        language models can be pre-trained, as `words` leads to the vocabulary.
    compactable: a token id is used only to look up its row, so that other rows can be left out during training. BART
        looks for its end of text, GPT-2 for its padding.
    words: the modules of a masked language model from hidden states to logits over the vocabulary, in their order.
    weights: the names that the export reads; None if the family cannot be exported.
    """

    encoder: str
    padding_positions: int = 0
    packable: bool = False
    compactable: bool = False
    words: tuple[str, ...] = ()
    weights: WeightNames | None = None

    @property
    def pools(self) -> bool:
        """Whether the classifier stands on the encoder's pooler, as BERT's; else it reads the first token itself."""
        return self.weights is not None and self.weights.head[0].startswith(f"{self.encoder}.pooler.")


BERT_LAYER = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense", "attention.output.LayerNorm", "output.LayerNorm",
)  # fmt: skip
DISTILBERT_LAYER = (
    "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2",
    "sa_layer_norm", "output_layer_norm",
)  # fmt: skip
TWO_MAPS = ("classifier.dense", "classifier.out_proj")
ROBERTA = Family(
    "roberta",
    padding_positions=2,
    packable=True,
    compactable=True,
    words=("lm_head",),
    weights=WeightNames("encoder.layer", BERT_LAYER, TWO_MAPS, "tanh"),
)

FAMILIES: dict[str, Family] = {
    "bert": Family(
        "bert",
        packable=True,
        compactable=True,
        words=("cls",),
        weights=WeightNames("encoder.layer", BERT_LAYER, ("bert.pooler.dense", "classifier"), "tanh"),
    ),
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "electra": Family(
        "electra",
        packable=True,
        compactable=True,
        words=("generator_predictions", "generator_lm_head"),
        weights=WeightNames("encoder.layer", BERT_LAYER, TWO_MAPS, "gelu"),
    ),
    "distilbert": Family(
        "distilbert",
        compactable=True,
        weights=WeightNames("transformer.layer", DISTILBERT_LAYER, ("pre_classifier", "classifier"), "relu"),
    ),
    "camembert": Family("roberta", padding_positions=2),
    "data2vec-text": Family("data2vec_text", padding_positions=2),
    "roberta-prelayernorm": Family("roberta_prelayernorm", padding_positions=2),
    "xlm-roberta-xl": Family("roberta", padding_positions=2),
    "xmod": Family("roberta", padding_positions=2),
}
"""The `model_type` of a config.json -> what is known of such networks. A new family is one row."""


def family_of(kind: str | None) -> Family:
    """The row of a `model_type`; a row that knows nothing for a family without one."""
    return FAMILIES.get(kind or "", UNKNOWN_FAMILY)


UNKNOWN_FAMILY = Family("")
