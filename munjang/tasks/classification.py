"""Sentence classification: one label of several (binary, multi-class), or any number of them (multi-label)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from munjang.encoder.families import HEAD_WEIGHTS
from munjang.errors import BundleError, ConfigError, DataError, FetchError
from munjang.metrics.scores import metric_values, one_hot, sigmoid, softmax
from munjang.records import EMPTY, Example, Label, LabelSet, Prediction, names_of
from munjang.tasks.base import (
    CLASSIFIER,
    Agreement,
    Batch,
    Decoder,
    Encodings,
    Outputs,
    Signature,
    TextEncoder,
    Threshold,
    TrainingDefaults,
    encode_texts,
    pad_batch,
)
from munjang.tasks.weights import check_loaded
from munjang.translation import N_, _

if TYPE_CHECKING:
    from pathlib import Path

    import tokenizers
    import torch
    from transformers import PreTrainedModel

    from munjang.config.settings import TrainConfig

COLDEST, HOTTEST = 0.01, 100.0  # temperatures; calibration gives values near 1


@dataclass(frozen=True)
class Classification:
    """One label for each sentence. Label column: (n,) int64, the position in `labels`.

    columns: the position of its logits among those of a network with several heads; None: all of them. temperature:
    divides the logits before they become probabilities; a number for each label where a text may have several.
    DataError: a temperature that is none.
    """

    labels: LabelSet
    columns: slice | None = None
    temperature: float | Sequence[float] = 1.0
    name: ClassVar[str] = "classification"
    monitor: ClassVar[str] = "macro_f1"
    speed = "sentences_s"
    record = Prediction
    several: ClassVar[bool] = False
    exported: ClassVar[Signature | None] = CLASSIFIER
    export_remedy = N_("Use it as it is.")
    cuts_texts = True
    training_defaults = TrainingDefaults()
    problem_type = "single_label_classification"

    @property
    def parts(self) -> Mapping[str, Decoder]:
        """Empty: it answers one question."""
        return {}

    def __post_init__(self) -> None:
        if self.columns is not None and not isinstance(self.columns, slice):
            raise DataError(_("The columns of its logits are {value!r}.", value=str(self.columns)[:80]))
        values: Any = self.temperature
        by_label = self.several and isinstance(values, list | tuple)
        if (by_label and len(values) != len(self.labels)) or not all(
            map(is_temperature, values if by_label else [values])
        ):
            raise DataError(
                _(
                    "The temperature is {value!r}, expected numbers from {coldest} to {hottest:g}.",
                    value=str(self.temperature)[:80],
                    coldest=COLDEST,
                    hottest=HOTTEST,
                )
            )

    @property
    def options(self) -> dict[str, Any]:
        """The temperature, if there is one: with the labels, what makes this task again."""
        return {} if self.temperature == 1.0 else {"temperature": self.temperature}

    @property
    def scale(self) -> np.ndarray:
        """() or (L,) float32: the temperature as it divides logits."""
        return np.asarray(self.temperature, np.float32)

    def check_config(self, config: TrainConfig, corpus: str) -> None:
        """A ConfigError if the settings are a parser's."""
        if config.parser:
            raise ConfigError(
                _("{option:parser} is for treebanks; {corpus} has no trees. Leave {option:parser} out.", corpus=corpus)
            )

    def check_classifier(self, model: str) -> None:
        """Nothing: the answers are labels with probabilities."""

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
        return np.full((count, len(self.labels)), 1 / len(self.labels), np.float32)

    def logits(self, outputs: Outputs) -> np.ndarray:
        """(B, L) float32: this classifier's part of a network's logits."""
        logits = outputs["logits"].astype(np.float32, copy=False)
        return logits if self.columns is None else logits[:, self.columns]

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The probabilities, (B, L) float32: softmax over the labels."""
        return softmax(self.logits(outputs), float(self.scale))

    def chosen(self, probabilities: np.ndarray, threshold: Threshold) -> np.ndarray:
        """(n, L) bool: the label of the highest probability. threshold: for several labels a text."""
        return one_hot(probabilities.argmax(axis=1), len(self.labels))

    def to_record(self, text: str, cleaned: str, row: np.ndarray, note: str, threshold: Threshold) -> Prediction:
        """One row of probabilities as a Prediction."""
        if note == EMPTY:
            return Prediction(text, None, {}, note)
        scores = ranked_probabilities(self.labels, row)
        return Prediction(text, self.label(scores, threshold), scores, note)

    def label(self, scores: Mapping[str, float], threshold: Threshold) -> Label:
        """What is predicted: the likeliest label. scores: highest first. threshold: for several labels a text."""
        return next(iter(scores))

    def agreement(self, ours: np.ndarray, theirs: np.ndarray, threshold: Threshold) -> Agreement:
        """The share of texts with the same label (for several labels a text: of its yes and no), and the differences
        of probabilities."""
        same = self.chosen(ours, threshold) == self.chosen(theirs, threshold)
        share = same.mean() if self.several else same.all(axis=1).mean()
        return Agreement({"": float(share)}, np.abs(ours - theirs))

    def predictions(self, logits: torch.Tensor) -> np.ndarray:
        """The probabilities, (B, L) float32."""
        return self.decode({"logits": logits.float().cpu().numpy()})

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """accuracy and macro_f1 of probabilities (n, L) against label numbers (n,)."""
        table = one_hot(references, len(self.labels))
        values = metric_values(table, self.chosen(predictions, 0.5), "multi-class")
        return {name: values[name] for name in ("accuracy", "macro_f1")}

    def class_weights(self, encodings: Encodings) -> np.ndarray:
        """(L,) float32: the weight of each label in `loss`, so that rare labels count as much as common ones."""
        return class_weights(encodings, self.labels)


@dataclass(frozen=True)
class MultiLabel(Classification):
    """Any number of labels for each sentence. Label column: (n, L) float32 of 0 and 1."""

    name = "multi-label"
    several = True
    problem_type = "multi_label_classification"
    training_defaults = TrainingDefaults(least_steps=1800, most_epochs=40.0, dropout=0.0)  # EXPERIMENTS, 2026-11-23

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

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The logistic function of each logit, (B, L) float32; rows need not sum to 1."""
        return sigmoid(self.logits(outputs) / self.scale)

    def chosen(self, probabilities: np.ndarray, threshold: Threshold) -> np.ndarray:
        """(n, L) bool: the labels whose probability reaches the threshold."""
        return probabilities >= np.array([threshold_of(name, threshold) for name in self.labels])

    def label(self, scores: Mapping[str, float], threshold: Threshold) -> Label:
        """The labels that reach the threshold, in the order of the label set."""
        return tuple(name for name in self.labels if scores[name] >= threshold_of(name, threshold))

    def score(self, references: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """micro_f1 and macro_f1 of probabilities (n, L) against labels (n, L), from a probability of 0.5 on."""
        values = metric_values(references > 0, self.chosen(predictions, 0.5), "multi-label")
        return {name: values[name] for name in ("micro_f1", "macro_f1")}


class RawLogits(Classification):
    """The logits of a classifier unchanged, for whoever turns them into scores in more than one way."""

    def empty_output(self, count: int) -> np.ndarray:
        """(count, L) zeros."""
        return np.zeros((count, len(self.labels)), np.float32)

    def decode(self, outputs: Outputs) -> np.ndarray:
        """(B, L) float32."""
        return self.logits(outputs)


def threshold_of(label: str, threshold: Threshold) -> float:
    """The least probability at which a label is given."""
    return threshold[label] if isinstance(threshold, Mapping) else threshold


def is_temperature(value: Any) -> bool:
    """Whether a value may divide logits: a number from COLDEST to HOTTEST, so neither NaN nor true."""
    return isinstance(value, int | float) and not isinstance(value, bool) and COLDEST <= value <= HOTTEST


def class_name(label: Label | None) -> str:
    """A label that is one name. DataError: several names, a tree, or none."""
    if isinstance(label, str):
        return label
    raise DataError(_("A classifier needs one label for each text; found {label}.", label=label))


def ranked_probabilities(labels: LabelSet, row: np.ndarray) -> dict[str, float]:
    """Label -> probability, highest first."""
    return {labels.names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")}


def open_classifier(task: Classification, folder: Path) -> PreTrainedModel:
    """AutoModelForSequenceClassification of a folder in fp32.

    BundleError: it has another number of labels, or its weights do not fit its config.json.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        local_files_only=True,
        ignore_mismatched_sizes=True,  # refused below, by name
        output_loading_info=True,
    )
    check_loaded(model, loading, folder)
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
    check_loaded(model, loading, str(source), fresh=HEAD_WEIGHTS, error=FetchError)
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
