"""Sentence classification: one label of several (binary, multi-class), or any number of them (multi-label)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.encoder.families import HEAD_WEIGHTS
from munjang.errors import BundleError, DataError, FetchError
from munjang.metrics.scores import metric_values, one_hot
from munjang.records import EMPTY, Example, Label, LabelSet, Prediction, names_of
from munjang.tasks.base import (
    CLASSIFIER,
    Batch,
    Encodings,
    Outputs,
    TextEncoder,
    TrainingDefaults,
    encode_texts,
    pad_batch,
)
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from pathlib import Path

    import tokenizers
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Classification:
    """One label for each sentence. Label column: (n,) int64, the position in `labels`."""

    labels: LabelSet
    name: str = "classification"
    monitor: str = "macro_f1"
    speed = "sentences_s"
    output_kind = "probabilities"
    exported = CLASSIFIER
    cuts_texts = True
    training_defaults = TrainingDefaults()
    problem_type = "single_label_classification"

    @property
    def options(self) -> dict[str, Any]:
        """Empty: the labels are enough to make this task again."""
        return {}

    def build(self, source: str | None = None, **options: Any) -> PreTrainedModel:
        """A sequence classifier with this task's label names, from a folder, a hub id, or `config=`."""
        return build_classifier(self, source, **options)

    def open(self, folder: Path) -> PreTrainedModel:
        """The classifier of a folder. BundleError: it has another number of labels."""
        return open_classifier(self, folder)

    def preprocess(self, text: str) -> str:
        """The text itself."""
        return text

    def label_column(self, examples: Sequence[Example]) -> np.ndarray:
        """The labels as `labels` in Encodings has them. DataError: a label that is not in the set."""
        numbers = {label: self.labels.index(class_name(label)) for label in {example.label for example in examples}}
        return np.fromiter((numbers[example.label] for example in examples), np.int64, len(examples))

    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: tokenizers.Tokenizer,
        max_length: int,
        *,
        encode: TextEncoder = encode_texts,
    ) -> Encodings:
        """Token ids of the texts, and `labels` if all examples have one."""
        encodings = encode([example.text for example in examples], tokenizer, max_length)
        if examples and all(example.label is not None for example in examples):
            return replace(encodings, columns={"labels": self.label_column(examples)})
        return encodings

    def collate(self, encodings: Encodings, indices: np.ndarray, pad_id: int) -> Batch:
        """One batch, padded to its longest sentence, with its rows of the columns."""
        batch = pad_batch(encodings, indices, pad_id)
        return batch | {name: column[indices] for name, column in encodings.columns.items()}

    def step_batch(
        self, encodings: Encodings, indices: np.ndarray, pad_id: int, rng: np.random.Generator, part: slice
    ) -> tuple[Batch, int]:
        """The batch of indices[part]; losses are divided by the number of sentences."""
        return self.collate(encodings, indices[part], pad_id), len(indices)

    def forward(self, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """(B, L) logits."""
        return network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Cross-entropy, summed over the batch; weights (L,): each sentence counts with its label's weight."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits.float(), batch["labels"], weight=weights, reduction="sum")

    def outputs(self, network: torch.nn.Module, batch: Batch) -> Outputs:
        """`logits (B, L)` float32."""
        return {"logits": self.forward(network, batch).float().cpu().numpy()}

    def empty_output(self, count: int) -> np.ndarray:
        """(count, L) equal probabilities."""
        return self.probabilities({"logits": np.zeros((count, len(self.labels)), np.float32)})

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The probabilities, (B, L) float32."""
        return self.probabilities(outputs)

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: float) -> Prediction:
        """One row of probabilities as a Prediction with the likeliest label."""
        if note == EMPTY:
            return Prediction(text, None, {}, note)
        scores = ranked_probabilities(self.labels, row)
        return Prediction(text, next(iter(scores)), scores, note)

    def probabilities(self, outputs: Outputs) -> np.ndarray:
        """Softmax over the labels, (B, L) float32."""
        logits = outputs["logits"].astype(np.float32)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def predictions(self, logits: torch.Tensor) -> np.ndarray:
        """The probabilities, (B, L) float32."""
        return self.probabilities({"logits": logits.float().cpu().numpy()})

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """accuracy and macro_f1 of probabilities (n, L) against label numbers (n,)."""
        count = len(self.labels)
        values = metric_values(one_hot(references, count), one_hot(predictions.argmax(axis=1), count), "multi-class")
        return {name: values[name] for name in ("accuracy", "macro_f1")}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """(L,) float32: the weight of each label in `loss`, so that rare labels count as much as common ones."""
        return class_weights(encodings, self.labels)


@dataclass(frozen=True)
class MultiLabel(Classification):
    """Any number of labels for each sentence. Label column: (n, L) float32 of 0 and 1."""

    name: str = "multi-label"
    problem_type = "multi_label_classification"
    training_defaults = TrainingDefaults(least_steps=1800, most_epochs=40.0, dropout=0.0)  # EXPERIMENTS, 2026-11-23
    threshold: float = 0.5

    def label_column(self, examples: Sequence[Example]) -> np.ndarray:
        """(n, L) float32. DataError: a label that is not in the set."""
        column = np.zeros((len(examples), len(self.labels)), dtype=np.float32)
        for row, example in enumerate(examples):
            for name in names_of(example.label):
                column[row, self.labels.index(name)] = 1.0
        return column

    def loss(self, logits: torch.Tensor, batch: Batch, weights: torch.Tensor | None) -> torch.Tensor:
        """Binary cross-entropy, mean over labels, summed over the batch; weights (L,) multiply the positives."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        total = binary_cross_entropy_with_logits(logits.float(), batch["labels"], pos_weight=weights, reduction="sum")
        return total / len(self.labels)

    def empty_output(self, count: int) -> np.ndarray:
        """(count, L) zeros."""
        return np.zeros((count, len(self.labels)), np.float32)

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: float) -> Prediction:
        """One row of probabilities as a Prediction with the labels that reach the threshold."""
        if note == EMPTY:
            return Prediction(text, None, {}, note)
        chosen = tuple(name for name, value in zip(self.labels.names, row, strict=True) if value >= threshold)
        return Prediction(text, chosen, ranked_probabilities(self.labels, row), note)

    def probabilities(self, outputs: Outputs) -> np.ndarray:
        """The logistic function of each logit, (B, L) float32; rows need not sum to 1."""
        return 1.0 / (1.0 + np.exp(-np.clip(outputs["logits"].astype(np.float32), -60, 60)))

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """micro_f1 and macro_f1 of probabilities (n, L) against labels (n, L)."""
        values = metric_values(references > 0, predictions >= self.threshold, "multi-label")
        return {name: values[name] for name in ("micro_f1", "macro_f1")}


def class_name(label: Label | None) -> str:
    """A label that is one name. DataError: several names, a tree, or none."""
    if isinstance(label, str):
        return label
    raise DataError(_("A classifier needs one label for each text; found {label}.", label=label))


def ranked_probabilities(labels: LabelSet, row: np.ndarray) -> dict[str, float]:
    """Label -> probability, highest first."""
    return {labels.names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")}


def open_classifier(task: Classification, folder: Path) -> PreTrainedModel:
    """AutoModelForSequenceClassification of a folder in fp32. BundleError: it has another number of labels."""
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, local_files_only=True
    )
    if model.config.num_labels != len(task.labels):
        raise BundleError(
            _(
                "{folder}: the network gives {given} labels, munjang.json names {named}.",
                folder=folder,
                given=model.config.num_labels,
                named=len(task.labels),
            )
        )
    return model


def build_classifier(
    task: Classification, source: str | None, *, config: Any = None, **options: Any
) -> PreTrainedModel:
    """AutoModelForSequenceClassification in fp32 with the task's names and problem type; refuses pickled weights.

    FetchError: weights outside the head do not fit the config.json of `source`.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    names = dict(enumerate(task.labels.names))
    head = {
        "num_labels": len(names),
        "id2label": names,
        "label2id": {name: i for i, name in names.items()},
        "problem_type": task.problem_type,
    }
    if config is not None:
        config.update(head)
        return AutoModelForSequenceClassification.from_config(config)
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        source,
        **head,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,  # else the folder's own dtype is used, and fp16 weights hardly learn
        ignore_mismatched_sizes=True,  # another number of labels is expected; anything else is refused below
        output_loading_info=True,
        **options,
    )
    mismatched = [key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]]
    lacking = [*loading["missing_keys"], *mismatched]
    outside_head = [name for name in lacking if not any(part in name for part in HEAD_WEIGHTS)]
    if outside_head:
        raise FetchError(
            ngettext(
                "{source} does not fit its own config.json: {count} weight is missing or has another shape, {example}.",
                "{source} does not fit its own config.json: {count} weights are missing or have another shape, "
                "such as {example}.",
                len(outside_head),
                source=source,
                example=outside_head[0],
            )
        )
    return model


def class_weights(encodings: Encodings, labels: LabelSet) -> np.ndarray:
    """(L,) float32 balanced weights of the train labels.

    One label for each sentence: n / (L * count); the mean over the sentences is 1 if every label occurs. Several:
    negatives over positives of each label, at most 20, as binary cross-entropy's weight of the positives.
    """
    column = encodings.columns["labels"]
    if column.ndim == 2:
        positives = np.maximum(column.sum(axis=0), 1.0)
        return np.minimum((len(column) - positives) / positives, 20.0).astype(np.float32)
    counts = np.maximum(np.bincount(column, minlength=len(labels)), 1)
    return (len(column) / (len(labels) * counts)).astype(np.float32)
