"""Evaluate a model on a labelled corpus: a Predictor and a corpus in, a Report out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from munjang import __version__
from munjang.config.arguments import checked
from munjang.evaluation.labels import evaluate_labels
from munjang.evaluation.trees import evaluate_trees
from munjang.inference.heads import is_packaged_folder
from munjang.inference.predictor import Predictor
from munjang.metrics.report import Report
from munjang.records import Corpus, Example, Parse, Prediction, examples_of, for_record

log = logging.getLogger("munjang")


EVALUATORS: dict[type, Callable[..., Report]] = {Prediction: evaluate_labels, Parse: evaluate_trees}
"""The class of a model's records -> what scores them; it takes what `evaluate` takes."""


@checked("data", "split")
def evaluate(
    model: Predictor,
    data: Corpus | Sequence[Example],
    *,
    split: str = "test",
    label_map: Mapping[str, str] | None = None,
    by: str | None = None,
    without_spaces: bool = True,
    robustness: bool = False,
    progress: bool = False,
    seed: int = 13,
) -> Report:
    """Score a model on one split of a corpus, or on a sequence of examples (`split` is then only their name).

    A classifier gets a LabelReport, a parser a TreeReport, for which see `munjang.evaluation.trees.evaluate_trees`.
    The rest is about classifiers.

    The split is scored as published: only rows without text, without a label or with a label outside the corpus's set
    are left out, and counted. If it has repeats, texts with two labels or texts that are also in train, the report has
    a second score without them. label_map: label in the data -> label of the model, where their names differ. by: a
    column that the examples have; the texts of each of its values are scored by themselves, too, as the short and the
    long ones always are. without_spaces: predict the same texts once more with all white space removed (twice the
    time). robustness: predict them once more with each kind of noise in `munjang.text.noise.NOISES` (six times).

    A model loaded from a folder notes every reading of a test split in its run/test_reads.jsonl. DataError: no such
    split or column, labels that the model does not have, one label a text against several. ConfigError: a model with
    many heads; name one of them.
    """
    model.check_single()
    data = data if isinstance(data, Corpus) else examples_of(data)
    report = for_record(EVALUATORS, model.decoder.record)(
        model,
        data,
        split=split,
        label_map=label_map,
        by=by,
        without_spaces=without_spaces,
        robustness=robustness,
        progress=progress,
        seed=seed,
    )
    if split == "test":
        shown = {name: report.metrics[name] for name in report.headlines}
        note_reading(model.folder, report.corpus, split, report.n, report.sha256, shown)
    return report


def note_reading(folder: Path | None, corpus: str, split: str, n: int, digest: str, score: Mapping[str, float]) -> None:
    """Add a line to run/test_reads.jsonl of a model's folder; a warning where it cannot be written.

    The packaged model belongs to the installation and stays unchanged.
    """
    if folder is None or is_packaged_folder(folder):
        return
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "corpus": corpus,
        "split": split,
        "n": n,
        "sha256": digest,
        "score": score,
        "munjang": __version__,
    }
    path = folder / "run" / "test_reads.jsonl"
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        log.warning("This reading of the test split could not be noted in %s (%s).", path, error)
