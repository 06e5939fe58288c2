"""Training one network on several corpora: one head per corpus, each with a temperature and scores."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.config.arguments import checked
from munjang.config.settings import TrainConfig
from munjang.data.duplicates import texts_hash
from munjang.data.multi_corpus import MultiCorpus, prepare_multi_corpus
from munjang.errors import ConfigError
from munjang.evaluation.evaluate import note_reading
from munjang.files import is_first_process
from munjang.inference.analyzer import Analyzer
from munjang.inference.confidence import HeldOut, calibrated, with_held_out
from munjang.metrics.calibration import expected_calibration_error
from munjang.metrics.scores import confusion_matrix, main_metrics, one_hot, softmax
from munjang.records import Corpus
from munjang.reports.model_card import heads_card
from munjang.tasks import task_for
from munjang.tasks.base import TrainingDefaults
from munjang.tasks.classification import Classification
from munjang.tasks.multihead import check_head
from munjang.training.fit import begin_run, check_packages, first_process_first, prepare_backbone, save_model
from munjang.training.folders import run_folder, temporary_run
from munjang.training.hybrid import mixed_logits, ngrams_beside, with_ngrams
from munjang.training.loops.batching import MultiCorpusSampler
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.backends.hybrid import NgramPart
    from munjang.training.fine_tune import FineTuned
    from munjang.training.token_cache import NoCache, TokenCache


@checked()
def train_heads(
    corpora: Mapping[str, Corpus],
    config: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    more: Mapping[str, Corpus] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Analyzer:
    """Fine-tune one network with a head for each corpus, and return the Analyzer of its best weights.

    corpora: name of the head -> corpus with one label per sentence. Each corpus is cleaned and split as `munjang.train`
    does; texts in the test or validation split of another corpus are removed from train. In an epoch each corpus has a
    share in proportion to its size to the power config.sampling_power. The best weights have the highest mean macro F1
    of the heads on validation. Then a temperature is fitted for each head on its validation sentences, and each test
    split is scored once. more: head -> further rows for its train split. out, overwrite, resume, cache: as in
    `munjang.train`.
    Raises ConfigError for a linear backbone, several labels per sentence, an invalid name of a head; DataError and
    Interrupted as `munjang.train` does.
    """
    config = config or TrainConfig()
    check_config(config)
    if out is None:
        multi_corpus = prepare_multi_corpus(corpora, config, more)
        return temporary_run(
            lambda folder: train_prepared_heads(multi_corpus, config, folder, progress=progress, cache=cache)
        )
    return train_heads_into(
        Path(out),
        corpora,
        config,
        more,
        inputs=[config.backbone],
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        cache=cache,
    )


def train_heads_into(
    out: Path,
    corpora: Mapping[str, Corpus],
    config: TrainConfig,
    more: Mapping[str, Corpus] | None,
    *,
    inputs: Sequence[str | Path | None],
    overwrite: bool = False,
    resume: bool = False,
    announce: Callable[[MultiCorpus], None] = lambda prepared: None,
    **options: Any,
) -> Analyzer:
    """Clean, split, train and score in the folder `out`. The rest: as in `munjang.training.run.train_into`."""
    with run_folder(out, overwrite=overwrite, resume=resume, inputs=inputs) as folder:
        multi_corpus = prepare_multi_corpus(corpora, config, more)
        announce(multi_corpus)
        model = train_prepared_heads(multi_corpus, config, folder, resume=resume, **options)
    return model if folder == out else Analyzer(out)


def check_config(config: TrainConfig) -> None:
    """Refuse settings that do not work with heads, before any data is read."""
    if config.backbone == "linear":
        raise ConfigError(
            _("A linear model is no encoder for several heads. Give another {option:backbone}, or only one corpus.")
        )
    if config.folds:
        raise ConfigError(_("{option:folds} is for one corpus. Leave it out, or train on each corpus by itself."))
    check_packages(config)


def train_prepared_heads(
    multi_corpus: MultiCorpus,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    cache: bool = True,
) -> Analyzer:
    """Train on prepared corpora into a folder that `run_folder` has opened."""
    from munjang.training.fine_tune import fine_tune
    from munjang.training.token_cache import NoCache, token_cache

    for part in multi_corpus.parts.values():
        check_head(task_for(part.corpus), part.corpus.name)
    if begin_run(multi_corpus, config, folder, resume=resume):
        return Analyzer(folder)
    tokens = token_cache() if cache else NoCache()
    corpus = multi_corpus.corpus
    backbone = first_process_first(config, lambda: prepare_backbone(config, corpus, folder, tokens.wordpiece))
    batches = MultiCorpusSampler(
        config.batch_size or TrainingDefaults.batch_size,
        config.eval_batch_size,
        multi_corpus.sources,
        config.sampling_power,
    )
    fine_tuned = fine_tune(
        corpus, backbone, config, folder, tokens=tokens, batches=batches, resume=resume, progress=progress
    )
    if is_first_process():
        facts, ngrams, held = measure(fine_tuned, multi_corpus, tokens)
        note_readings(folder, facts, multi_corpus)
        plain = replace(fine_tuned.manifest(corpus), details={"heads": facts})
        manifest, fill = with_ngrams(plain, fine_tuned.save, ngrams)
        by_head = {head: part.corpus for head, part in multi_corpus.parts.items()}
        save_model(folder, manifest, with_held_out(fill, held), by_head, heads_card(manifest, multi_corpus))
        shutil.rmtree(folder / "checkpoints")
    first_process_first(config, lambda: None)
    return Analyzer(folder)


def measure(
    fine_tuned: FineTuned, multi_corpus: MultiCorpus, tokens: TokenCache | NoCache
) -> tuple[dict[str, Any], dict[str, NgramPart], dict[str, HeldOut]]:
    """Each head's entry in the manifest: labels, corpus, temperature, scores on validation and test, calibration; the
    linear models of a hybrid; and what each head gave on validation."""
    facts, ngrams, held = {}, {}, {}
    splits = {
        split: fine_tuned.answers(rows, tokens) if (rows := getattr(multi_corpus.corpus, split)) else None
        for split in ("validation", "test")
    }
    for head, task in fine_tuned.task.parts.items():
        parts = {split: head_part(*data, task.columns) if data else None for split, data in splits.items()}
        if fine_tuned.config.hybrid:
            corpus, share = multi_corpus.parts[head].corpus, 1 / len(fine_tuned.task.parts)
            beside = ngrams_beside(task, parts["validation"][0], corpus, fine_tuned.config, share=share)
            if beside:
                ngrams[head] = beside
                parts = {
                    split: (mixed_logits(beside, part[0], getattr(corpus, split)), part[1]) if part else None
                    for split, part in parts.items()
                }
        logits, references = parts["validation"]
        calibrated_task, held[head] = calibrated(task, logits, one_hot(references, len(task.labels)))
        facts[head] = head_facts(head, multi_corpus, calibrated_task.temperature, **parts)
    return facts, ngrams, held


Part = tuple[np.ndarray, np.ndarray]
"""Logits (n, L) of one head and the label numbers (n,) of its sentences in a split."""


def head_part(logits: np.ndarray, references: np.ndarray, columns: slice) -> Part:
    """The logits and references of one head. columns: the head's labels among all labels."""
    rows = (references >= columns.start) & (references < columns.stop)
    return logits[rows, columns], references[rows] - columns.start


def head_facts(
    head: str, multi_corpus: MultiCorpus, temperature: float, *, validation: Part, test: Part | None
) -> dict[str, Any]:
    """One head's entry in the manifest; calibration is measured on test, or on validation if there is no test split."""
    corpus = multi_corpus.parts[head].corpus
    is_tested = test is not None and len(test[1]) > 0
    logits, references = test if is_tested else validation
    entry = {
        "labels": corpus.labels.to_dict(),
        "corpus": corpus.name,
        "train": len(corpus.train),
        "temperature": temperature,
        "validation": head_scores(corpus, *validation),
        "test": {**head_scores(corpus, *test), "confusion": confusion(*test)} if is_tested else {},
        "calibration": {
            "before": expected_calibration_error(softmax(logits), references),
            "after": expected_calibration_error(softmax(logits, temperature), references),
            "n": len(references),
            "split": "test" if is_tested else "validation",
        },
    }
    if head in multi_corpus.additions:
        entry["more"] = {"corpus": multi_corpus.additions[head].corpus.name, "rows": multi_corpus.additions[head].rows}
    return entry


def head_scores(corpus: Corpus, logits: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """Accuracy, macro F1 and number of sentences."""
    return {**Classification(corpus.labels).score(references, softmax(logits)), "n": len(references)}


def confusion(logits: np.ndarray, references: np.ndarray) -> list[list[int]]:
    """Counts by reference (rows) and prediction (columns)."""
    return confusion_matrix(references, logits.argmax(axis=1), logits.shape[1]).tolist()


def note_readings(folder: Path, facts: Mapping[str, Any], multi_corpus: MultiCorpus) -> None:
    """Note in the run's log that each test split was read. facts: head -> its entry in the manifest."""
    for head, entry in facts.items():
        test = multi_corpus.parts[head].corpus.test
        if test:
            digest = texts_hash([row.text for row in test])
            shown = {name: entry["test"][name] for name in main_metrics("multi-class")}
            note_reading(folder, entry["corpus"], "test", len(test), digest, shown)
